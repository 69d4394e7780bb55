/* The filter language: what it accepts, what it says about what it does not, what it means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "vm/filter.h"

static const struct vm_view *rank(void)
{
	return vm_view(VM_V_RANK);
}

static void conditions_are_joined_by_and(void **state)
{
	struct vm_filter f;
	struct qd_err err = { 0 };

	(void)state;
	assert_int_equal(vm_filter_parse(rank(), " op=Conv & sqnr<20&name~conv && !exact", &f,
					 &err), 0);
	assert_int_equal(f.n, 4);
	assert_string_equal(f.cond[0].text, "Conv");
	assert_int_equal(f.cond[1].op, VM_OP_LT);
	assert_true(f.cond[1].number == 20);
	assert_int_equal(f.cond[2].col, rank()->flexible);
	assert_true(f.cond[3].negate);
}

static void percent_is_what_the_screen_shows(void **state)
{
	struct vm_filter f;
	struct qd_err err = { 0 };

	(void)state;
	assert_int_equal(vm_filter_parse(rank(), "clip>1%", &f, &err), 0);
	assert_true(f.cond[0].number == 0.01);
}

static void blank_is_the_empty_filter(void **state)
{
	struct vm_filter f = { .n = 3 };

	(void)state;
	assert_int_equal(vm_filter_parse(rank(), "  ", &f, NULL), 0);
	assert_int_equal(f.n, 0);
}

static void errors_name_position_and_expectation(void **state)
{
	/* text, and parts of the message it must give */
	static const struct { const char *text, *part, *other; } cases[] = {
		{ "sqnrr<20", "position 1", "did you mean \"sqnr\"" },
		{ "op=Conv &", "position 10", "expected a column" },
		{ "op=Conv | sqnr<2", "position 9", "\"and\" only" },
		{ "sqnr~3", "position 5", "= != < <= > >=" },
		{ "op<Conv", "position 3", "= != ~ !~" },
		{ "sqnr<abc", "position 6", "a number" },
		{ "sqnr<", "position 6", "expected a value" },
		{ "op=\"Conv", "position 4", "second \"" },
		{ "why=clipping", "position 1", "stored column" },
		{ "tagged=1", "position 7", "!tagged" },
		{ "=3", "position 1", "expected a column" },
		{ "sqnr<inf", "position 6", "a number" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vm_filter f;
		struct qd_err err = { 0 };

		assert_int_equal(vm_filter_parse(rank(), cases[i].text, &f, &err), QD_EUSAGE);
		assert_int_equal(f.n, 0);
		if (!strstr(err.msg, cases[i].part) || !strstr(err.msg, cases[i].other))
			fail_msg("%s: %s", cases[i].text, err.msg);
	}
}

static void every_beginning_of_a_filter_is_handled(void **state)
{
	static const char all[] = "!op = \"a & b\" && sqnr<=1e-3dB & local & name!~x & !tagged";
	struct vm_filter f;

	(void)state;
	for (size_t n = 0; n < sizeof(all); n++) {
		char text[sizeof(all)];

		memcpy(text, all, n);
		text[n] = '\0';
		(void)!vm_filter_parse(rank(), text, &f, NULL);
	}
	assert_int_equal(vm_filter_parse(rank(), all, &f, NULL), 0);
	assert_int_equal(f.n, 5);
}

static void absent_values_pass_only_negations(void **state)
{
	struct vm_value row[VM_MAX_COLS];
	struct vm_filter f;

	(void)state;
	memset(row, 0, sizeof(row));    /* all VM_NULL */
	assert_int_equal(vm_filter_parse(rank(), "sqnr<20", &f, NULL), 0);
	assert_false(vm_filter_match(&f, row, false));
	assert_int_equal(vm_filter_parse(rank(), "!sqnr<20 & !local & !tagged", &f, NULL), 0);
	assert_true(vm_filter_match(&f, row, false));
	assert_false(vm_filter_match(&f, row, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions_are_joined_by_and),
		cmocka_unit_test(percent_is_what_the_screen_shows),
		cmocka_unit_test(blank_is_the_empty_filter),
		cmocka_unit_test(errors_name_position_and_expectation),
		cmocka_unit_test(every_beginning_of_a_filter_is_handled),
		cmocka_unit_test(absent_values_pass_only_negations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
