/* cli/options.h: parsing, names, sizes; cli/cli.h: how results are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/options.h"

static struct cli_values v;
static struct qd_err err;

/* Parse words separated by blanks, after the program's name. */
static int parse(const char *line)
{
	static char text[400];
	char *argv[40] = { text };
	int argc = 0;
	char *p = text;

	err = (struct qd_err){ 0 };
	snprintf(text, sizeof(text), "qdebug %s", line);
	while (*p) {
		argv[argc++] = p;
		p += strcspn(p, " ");
		if (*p)
			*p++ = '\0';
	}
	return cli_parse(argc, argv, &v, &err);
}

static void defaults_are_set(void **state)
{
	(void)state;
	assert_int_equal(parse("f.onnx q.onnx"), 0);
	assert_int_equal(v.command, CLI_DEBUG);
	assert_int_equal(v.n_operands, 2);
	assert_string_equal(v.operands[1], "q.onnx");
	assert_int_equal(v.keep, CLI_KEEP_WORST);
	assert_int_equal(v.observe, CLI_DEPLOYED);
	assert_int_equal(v.report, CLI_REPORT_NONE);
	assert_int_equal(v.table, CLI_TABLE_ACTIVATIONS);
	assert_int_equal(v.self_check, 64);
	assert_int_equal(v.samples, 0);
	assert_int_equal(v.activation_budget, 0);       /* not given: 256 MB for worst, no limit for all */
	assert_true(isnan(v.fail_under));
	assert_null(v.data);
}

static void values_come_after_a_space_or_an_equals_sign(void **state)
{
	(void)state;
	assert_int_equal(parse("f q --data=d --samples 5 --report=json --fail-under -3.5 --observe reference"), 0);
	assert_string_equal(v.data, "d");
	assert_int_equal(v.samples, 5);
	assert_int_equal(v.report, CLI_REPORT_JSON);
	assert_true(v.fail_under == -3.5);
	assert_int_equal(v.observe, CLI_REFERENCE);
}

static void short_options_cluster(void **state)
{
	(void)state;
	assert_int_equal(parse("f q -qvoout --data d"), 0);
	assert_true(v.quiet && v.verbose);
	assert_string_equal(v.output, "out");
	assert_int_equal(parse("f q -o -"), 0);
	assert_string_equal(v.output, "-");
	assert_int_equal(parse("f q -o"), QD_EUSAGE);
}

static void the_last_value_counts(void **state)
{
	(void)state;
	assert_int_equal(parse("f q --samples 5 --samples 6"), 0);
	assert_int_equal(v.samples, 6);
}

static void two_dashes_end_the_options(void **state)
{
	(void)state;
	assert_int_equal(parse("-- --data -q"), 0);
	assert_int_equal(v.n_operands, 2);
	assert_string_equal(v.operands[0], "--data");
	assert_false(v.quiet);
}

static void a_beginning_is_enough_when_it_fits_one(void **state)
{
	(void)state;
	assert_int_equal(parse("f q --rand 3 --obs reference"), 0);
	assert_int_equal(v.random, 3);
	assert_int_equal(v.observe, CLI_REFERENCE);
	assert_int_equal(parse("f q --s 3"), QD_EUSAGE);
	assert_non_null(strstr(err.msg, "may be"));
	/* "--ver" begins --verify-data, --verbose and --version */
	assert_int_equal(parse("f q --ver"), QD_EUSAGE);
}

static void hidden_options_have_no_beginnings(void **state)
{
	(void)state;
	assert_int_equal(parse("--print-man"), QD_EUSAGE);
	assert_int_equal(parse("--print-man-options"), 0);
	assert_true(v.print_man);
}

static void the_nearest_option_is_named(void **state)
{
	(void)state;
	assert_int_equal(parse("f q --treads 2"), QD_EUSAGE);
	assert_non_null(strstr(err.msg, "--threads"));
	assert_int_equal(parse("open s --data d"), QD_EUSAGE);
	assert_non_null(strstr(err.msg, "unknown option"));
}

static void wrong_values_are_named(void **state)
{
	static const char *const lines[] = {
		"f q --samples 0", "f q --samples 1.5", "f q --samples 99999999999999999999", "f q --threads 1025",
		"f q --report xml", "f q --report", "f q --fail-under nan", "f q --activation-budget -1",
		"f q --plain=1", "f q --data=", "f q g", "open", "open a b", "quantize f", "-x", "f q -qx",
		"f q --=3", "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(lines[i]), QD_EUSAGE);
		assert_true(err.msg[0]);
	}
}

static void help_needs_no_operands(void **state)
{
	(void)state;
	assert_int_equal(parse("--help"), 0);
	assert_int_equal(parse("export --help"), 0);
	assert_int_equal(v.command, CLI_EXPORT);
	assert_int_equal(parse("--version"), 0);
}

static void sizes_have_units(void **state)
{
	static const struct { const char *text; int64_t bytes; } good[] = {
		{ "0", 0 }, { "123", 123 }, { "1K", 1024 }, { "1k", 1024 }, { "2MB", 2097152 }, { "1.5G", 1610612736 },
		{ "1T", 1099511627776 }, { "7B", 7 },
	};
	static const char *const wrong[] = { "", "K", "1X", "1KK", "-1", "nan", "1e30", "1 K" };
	int64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(cli_parse_size(good[i].text, &n, NULL), 0);
		assert_int_equal(n, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(cli_parse_size(wrong[i], &n, NULL), QD_EUSAGE);
}

static int shown(const char *line, bool tty, const char *term)
{
	enum cli_show how;
	int rc;

	assert_int_equal(parse(line), 0);
	rc = cli_decide_show(&v, tty, term, &how, &err);
	return rc ? rc : (int)how;
}

static void a_screen_needs_a_terminal_and_no_report(void **state)
{
	(void)state;
	assert_int_equal(shown("f q", true, "xterm"), CLI_SHOW_SCREEN);
	assert_int_equal(shown("f q", false, "xterm"), CLI_SHOW_REPORT);
	assert_int_equal(shown("f q", false, NULL), CLI_SHOW_REPORT);
	assert_int_equal(shown("f q --report json", true, "xterm"), CLI_SHOW_REPORT);
	assert_int_equal(shown("f q -o x", true, NULL), CLI_SHOW_REPORT);
	assert_int_equal(shown("f q --plain", true, "dumb"), CLI_SHOW_REPORT);
	assert_int_equal(shown("f q --fail-under 3", true, "xterm"), CLI_SHOW_REPORT);
	assert_int_equal(shown("f q --script x", false, NULL), CLI_SHOW_SCRIPT);
}

static void an_unusable_terminal_names_the_ways_out(void **state)
{
	static const char *const terms[] = { NULL, "", "dumb", "unknown" };

	(void)state;
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++) {
		assert_int_equal(shown("f q", true, terms[i]), QD_EUSAGE);
		assert_non_null(strstr(err.msg, "--plain"));
		assert_non_null(strstr(err.msg, "--report text"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_set),
		cmocka_unit_test(values_come_after_a_space_or_an_equals_sign),
		cmocka_unit_test(short_options_cluster),
		cmocka_unit_test(the_last_value_counts),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(a_beginning_is_enough_when_it_fits_one),
		cmocka_unit_test(hidden_options_have_no_beginnings),
		cmocka_unit_test(the_nearest_option_is_named),
		cmocka_unit_test(wrong_values_are_named),
		cmocka_unit_test(help_needs_no_operands),
		cmocka_unit_test(sizes_have_units),
		cmocka_unit_test(a_screen_needs_a_terminal_and_no_report),
		cmocka_unit_test(an_unusable_terminal_names_the_ways_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
