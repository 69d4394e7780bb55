/* base/str, base/json, base/map, base/arena, base/mem: text that round-trips, limits that hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

static void escaped_is(const char *in, const char *want)
{
	struct str s = STR_INIT;

	str_add_escaped(&s, in);
	assert_string_equal(s.p ? s.p : "", want);
	str_release(&s);
}

static void names_are_escaped_for_a_terminal(void **state)
{
	(void)state;
	escaped_is("", "");
	escaped_is("conv_1/Grün", "conv_1/Grün");
	escaped_is("a\nb\tc", "a\\nb\\tc");
	escaped_is("\x1b[31m", "\\x1b[31m");
	escaped_is("\x7f", "\\x7f");
	escaped_is("\xc2\x9b", "\\u{9b}");              /* C1: CSI in one character */
	escaped_is("\xe2\x80\xae" "abc", "\\u{202e}abc");       /* right-to-left override */
	escaped_is("\xef\xbf\xbd", "\xef\xbf\xbd");     /* a genuine U+FFFD */
	escaped_is("\xff", "\\xff");
	escaped_is("\xc0\x80", "\\xc0\\x80");           /* overlong NUL */
	escaped_is("\xed\xa0\x80", "\\xed\\xa0\\x80");  /* a surrogate */
	escaped_is("ab\xe2\x82", "ab\\xe2\\x82");       /* cut short */
}

static void widths_count_cells(void **state)
{
	(void)state;
	assert_int_equal(utf8_width("abc"), 3);
	assert_int_equal(utf8_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);    /* two wide characters */
	assert_int_equal(utf8_width("e\xcc\x81"), 1);                   /* e + combining acute */
	assert_int_equal(utf8_width("\xf0\x9f\x98\x80"), 2);            /* an emoji */
	assert_int_equal(utf8_width("\x1b"), 0);
	assert_int_equal(utf8_width(""), 0);
}

static void doubles_read_back_the_same(void **state)
{
	static const struct { double v; const char *want; } exact[] = {
		{ 12, "12" }, { 0.1, "0.1" }, { 1e-300, "1e-300" }, { 0, "0" }, { 100, "100" }, { -20, "-20" },
		{ NAN, "null" }, { INFINITY, "null" }, { 1e22, "1e+22" }, { -0.0, "-0" },
	};
	uint64_t bits = 88172645463325252u;
	struct str s = STR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		str_clear(&s);
		str_add_double(&s, exact[i].v);
		assert_string_equal(s.p, exact[i].want);
	}
	for (i = 0; i < 20000; i++) {
		double v, back;

		bits ^= bits << 13;     /* xorshift: any bit pattern */
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		str_clear(&s);
		str_add_double(&s, v);
		back = strtod(s.p, NULL);
		assert_memory_equal(&v, &back, sizeof(v));
	}
	str_release(&s);
}

static void natural_order_is_a_total_order(void **state)
{
	static const char *const sorted[] = {
		"", "a", "a1", "a01", "a1b", "a2", "a10", "a10b", "b", "page_2.npy", "page_10.npy",
	};
	int n = sizeof(sorted) / sizeof(sorted[0]), i, k;

	(void)state;
	for (i = 0; i < n; i++) {
		for (k = 0; k < n; k++) {
			int c = str_natural_cmp(sorted[i], sorted[k]), d = str_natural_cmp(sorted[k], sorted[i]);

			assert_int_equal((c > 0) - (c < 0), (d < 0) - (d > 0));
			/* a1 and a01 are equal by value; bytes decide, 0 before 1 */
			if ((i == 2 && k == 3) || (i == 3 && k == 2))
				assert_true(c != 0);
			else
				assert_int_equal((c > 0) - (c < 0), (i > k) - (i < k));
		}
	}
}

static void distance_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(str_distance("kitten", "sitting", 5), 3);
	assert_int_equal(str_distance("kitten", "sitting", 2), 3);      /* max + 1 */
	assert_int_equal(str_distance("", "ab", 5), 2);
	assert_int_equal(str_distance("same", "same", 0), 0);
}

static void text_without_memory_is_marked_failed(void **state)
{
	struct str s = STR_INIT;

	(void)state;
	fault_arm(FAULT_ALLOC, 1, false);
	str_add(&s, "abc");
	str_add(&s, "def");
	assert_true(s.failed);
	assert_null(str_take(&s));
	assert_false(s.failed);
	fault_arm(FAULT_ALLOC, 0, false);
}

static void json_is_well_formed_whatever_the_names(void **state)
{
	struct str s = STR_INIT;
	struct json j;

	(void)state;
	json_init(&j, &s, 0);
	json_open(&j, NULL, '{');
	json_str(&j, "a\"b\\", "\n\x01\x7f\xff" "\xc3\xbc");
	json_num(&j, "inf", INFINITY);
	json_int(&j, "min", INT64_MIN);
	json_open(&j, "list", '[');
	json_bool(&j, NULL, true);
	json_null(&j, NULL);
	json_open(&j, NULL, '{');
	json_close(&j, '}');
	json_close(&j, ']');
	json_str(&j, "none", NULL);
	json_close(&j, '}');
	assert_string_equal(s.p, "{\"a\\\"b\\\\\": \"\\u000a\\u0001\\u007f\\ufffd\xc3\xbc\", \"inf\": null, "
			    "\"min\": -9223372036854775808, \"list\": [true, null, {}], \"none\": null}\n");
	str_release(&s);
}

static void maps_hold_many_keys(void **state)
{
	enum { N = 5000 };
	static char keys[N][12];
	struct map m = MAP_INIT;
	int i;

	(void)state;
	assert_int_equal(map_get(&m, "x"), MAP_NONE);
	for (i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
		assert_true(map_put(&m, keys[i], i));
	}
	for (i = 0; i < N; i++)
		assert_int_equal(map_get(&m, keys[i]), i);
	assert_true(map_put(&m, "k7", -7));
	assert_int_equal(map_get(&m, "k7"), -7);
	assert_int_equal(m.n, N);
	assert_int_equal(map_get(&m, NULL), MAP_NONE);
	map_release(&m);
}

static void arenas_align_and_hold_large_pieces(void **state)
{
	struct arena a = ARENA_INIT;
	unsigned char *p[200];
	size_t i, k;

	(void)state;
	for (i = 0; i < 200; i++) {
		size_t n = i % 7 == 0 ? 70000 : i + 1;

		p[i] = arena_alloc(&a, n);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], (int)i, n);
	}
	for (i = 0; i < 200; i++) {
		for (k = 0; k < (i % 7 == 0 ? 70000 : i + 1); k++)
			assert_int_equal(p[i][k], (unsigned char)i);
	}
	assert_null(arena_alloc(&a, SIZE_MAX - 4));
	assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
	arena_release(&a);
	assert_null(a.head);
}

static void sizes_that_overflow_are_refused(void **state)
{
	size_t out, cap = 0;
	char *p = NULL;

	(void)state;
	assert_null(mem_array(SIZE_MAX / 2, 3));
	assert_false(mem_mul(SIZE_MAX, 2, &out));
	assert_true(mem_mul(3, 4, &out));
	assert_int_equal(out, 12);
	assert_false(mem_grow(&p, &cap, SIZE_MAX / 2 + 2, 4));
	assert_null(p);
	assert_int_equal(cap, 0);
	assert_true(mem_grow(&p, &cap, 9, 1));
	assert_true(cap >= 9);
	free(p);
	p = mem_array(0, 8);
	assert_non_null(p);
	free(p);
}

static void messages_are_cut_never_overrun(void **state)
{
	struct qd_err err;
	char text[4000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(err_set(&err, QD_EINPUT, "%s", text), QD_EINPUT);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	err_prefix(&err, "%s", "a.onnx");
	assert_memory_equal(err.msg, "a.onnx: xxx", 11);
	assert_int_equal(err_set(NULL, QD_EDISK, "nobody listens"), QD_EDISK);
	assert_int_equal(err_exit_status(QD_EUSAGE), 2);
	assert_int_equal(err_exit_status(QD_EINPUT), 2);
	assert_int_equal(err_exit_status(QD_EENGINE), 3);
	assert_int_equal(err_exit_status(QD_ECANCEL), 130);
	assert_int_equal(err_exit_status(0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_escaped_for_a_terminal),
		cmocka_unit_test(widths_count_cells),
		cmocka_unit_test(doubles_read_back_the_same),
		cmocka_unit_test(natural_order_is_a_total_order),
		cmocka_unit_test(distance_is_bounded),
		cmocka_unit_test(text_without_memory_is_marked_failed),
		cmocka_unit_test(json_is_well_formed_whatever_the_names),
		cmocka_unit_test(maps_hold_many_keys),
		cmocka_unit_test(arenas_align_and_hold_large_pieces),
		cmocka_unit_test(sizes_that_overflow_are_refused),
		cmocka_unit_test(messages_are_cut_never_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
