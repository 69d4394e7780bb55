/* Numbers, names, bars as text; key names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "vm/fmt.h"
#include "vm/keymap.h"

static void numbers_have_three_significant_digits(void **state)
{
	static const struct { double v; const char *text; } cases[] = {
		{ 0, "0" }, { 0.0417, "0.0417" }, { 6.1, "6.10" }, { 41, "41.0" }, { 128, "128" },
			{ 12345, "12345" },
		{ 9.996, "10.0" }, { 99.96, "100" }, { -5.1, "-5.10" }, { 1.234e-5, "1.23e-5" },
			{ 1.5e8, "1.50e+8" },
		{ 0.5, "0.500" }, { 0.00123, "0.00123" }, { NAN, "" }, { INFINITY, "" },
			{ 1e-300, "1.00e-300" },
	};
	char buf[VM_NUM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(vm_fmt_number(cases[i].v, buf, sizeof(buf)), cases[i].text);
}

static void decibels_have_at_most_two_decimals(void **state)
{
	char buf[VM_NUM_MAX];

	(void)state;
	assert_string_equal(vm_fmt_db(6.1, buf, sizeof(buf)), "6.10");
	assert_string_equal(vm_fmt_db(41, buf, sizeof(buf)), "41.0");
	assert_string_equal(vm_fmt_db(120.4, buf, sizeof(buf)), "120");
	assert_string_equal(vm_fmt_db(-0.001, buf, sizeof(buf)), "0.00");
	assert_string_equal(vm_fmt_db(0.05, buf, sizeof(buf)), "0.05");
}

static void percent_never_hides_a_little(void **state)
{
	char buf[VM_NUM_MAX];

	(void)state;
	assert_string_equal(vm_fmt_percent(0, buf, sizeof(buf)), "0.00");
	assert_string_equal(vm_fmt_percent(1e-6, buf, sizeof(buf)), "<0.01");
	assert_string_equal(vm_fmt_percent(0.021, buf, sizeof(buf)), "2.10");
	assert_string_equal(vm_fmt_percent(0.9999, buf, sizeof(buf)), ">99.9");
	assert_string_equal(vm_fmt_percent(1, buf, sizeof(buf)), "100");
}

static void long_names_keep_both_ends(void **state)
{
	char buf[100];

	(void)state;
	assert_string_equal(vm_fmt_name("conv_very_long_name/out_3", 15, "…", buf, sizeof(buf)),
			    "conv_…ame/out_3");
	/* 14 beside the ellipsis: 2/5 in front, the rest behind */
	assert_int_equal(utf8_width(buf), 15);
}

static void wide_and_combining_characters_stay_whole(void **state)
{
	char buf[100];

	(void)state;
	for (int cells = 0; cells < 20; cells++) {
		vm_fmt_name("\xe5\xb1\xa4\xe5\x87\xba\xe5\x8a\x9b/cafe\xcc\x81/\xe5\xb1\xa4\xe5\x87\xba", cells, "…", buf,
			    sizeof(buf));
		assert_true(utf8_width(buf) <= cells);
		for (const char *p = buf, *end = buf + strlen(buf); p < end;) {
			uint32_t cp;

			p += utf8_next(p, end, &cp);
			assert_int_not_equal(cp, 0xFFFD);
		}
	}
}

static void names_are_escaped(void **state)
{
	char buf[100];

	(void)state;
	assert_string_equal(vm_fmt_name("a\x1b[2J\n\xff", 40, "…", buf, sizeof(buf)),
			    "a\\x1b[2J\\n\\xff");
}

static void sparklines_show_what_is_not_zero(void **state)
{
	static const char *const levels[] = { " ", "1", "2", "3", "4" };
	double v[] = { 0, 1e-9, 1, 2, 4 };
	char buf[32];

	(void)state;
	/* 4 levels above empty; 1/4 of the top is the first, a half the second */
	assert_string_equal(vm_fmt_spark(v, 5, levels, 5, buf, sizeof(buf)), " 1124");
}

static void hist16_is_checked(void **state)
{
	double v[16];

	(void)state;
	assert_int_equal(vm_fmt_hist16("0123456789abcdef", v, 8), 8);
	assert_true(v[0] == 1 && v[7] == 15);
	assert_int_equal(vm_fmt_hist16("0123", v, 8), 0);
	assert_int_equal(vm_fmt_hist16("zzzzzzzzzzzzzzzz", v, 8), 0);
	assert_int_equal(vm_fmt_hist16("0123456789abcdef", v, 0), 0);
}

static void key_names_read_back(void **state)
{
	static const struct { const char *text; int key; size_t used; } cases[] = {
		{ "j", 'j', 1 }, { "C-f", 6, 3 }, { "<C-f>", 6, 5 },
			{ "<Enter>x", VM_KEY_ENTER, 7 }, { "<lt>", '<', 4 },
		{ "<", '<', 1 }, { "Co", 'C', 1 }, { "<Nope>", 0, 6 }, { "<Space>", ' ', 7 },
			{ "C-fg", 'C', 1 },
	};
	char name[16];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int key;

		assert_int_equal(vm_key_parse(cases[i].text, &key), cases[i].used);
		assert_int_equal(key, cases[i].key);
	}
	assert_string_equal(vm_key_name(6, name, sizeof(name)), "Ctrl-F");
	assert_string_equal(vm_key_name(VM_KEY_PGUP, name, sizeof(name)), "PgUp");
	assert_string_equal(vm_key_name(0xe9, name, sizeof(name)), "\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_three_significant_digits),
		cmocka_unit_test(decibels_have_at_most_two_decimals),
		cmocka_unit_test(percent_never_hides_a_little),
		cmocka_unit_test(long_names_keep_both_ends),
		cmocka_unit_test(wide_and_combining_characters_stay_whole),
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(sparklines_show_what_is_not_zero),
		cmocka_unit_test(hist16_is_checked),
		cmocka_unit_test(key_names_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
