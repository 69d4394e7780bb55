/* Metrics, moments and agreement. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats/argmax.h"
#include "stats/metric.h"
#include "stats/moments.h"
#include "tensor/dtype.h"

static void sqnr_says_why_there_is_no_number(void **state)
{
	double db;

	(void)state;
	assert_int_equal(metric_sqnr(5, 1000, 1, &db), METRIC_VALUE);
	assert_true(fabs(db - 30) < 1e-12);
	assert_int_equal(metric_sqnr(5, 1000, 0, &db), METRIC_EXACT);
	assert_true(isnan(db));
	assert_int_equal(metric_sqnr(5, 0, 0, &db), METRIC_EXACT);
	assert_int_equal(metric_sqnr(5, 0, 2, &db), METRIC_ZERO_SIGNAL);
	assert_true(isnan(db));
	assert_int_equal(metric_sqnr(0, 0, 0, &db), METRIC_NONE);
	assert_true(isnan(db));
}

static void cosine_follows_from_three_squares(void **state)
{
	(void)state;
	/* x = (1, 2), y = (2, 1): xy = 4, x2 = y2 = 5, e2 = 2 */
	assert_true(fabs(metric_cosine(5, 5, 2) - 0.8) < 1e-15);
	/* y = -x: e2 = 4 x2 */
	assert_true(metric_cosine(5, 5, 20) == -1);
	assert_true(metric_cosine(5, 5, 0) == 1);
	assert_true(isnan(metric_cosine(0, 5, 5)) && isnan(metric_cosine(5, 0, 5)));
	/* squares of denormals: their product is below the smallest double */
	assert_true(fabs(metric_cosine(2e-300, 2e-300, 4e-300)) < 1e-15);
}

static void ratios_are_null_without_elements(void **state)
{
	(void)state;
	assert_true(isnan(metric_mse(0, 0)) && metric_mse(4, 2) == 0.5);
	assert_true(isnan(metric_rmse_over_scale(0, 0)) && metric_rmse_over_scale(4, 1) == 0.5);
	assert_true(isnan(metric_fraction(0, 0)) && metric_fraction(1, 4) == 0.25);
}

static void moments_skip_non_finite_values(void **state)
{
	float x[] = { -2, NAN, 3, INFINITY, -0.5f };
	struct moments m;
	int level;

	(void)state;
	for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
		if (!pair_level_supported((enum pair_level)level))
			continue;
		moments_init(&m);
		assert_true(moments_accumulate(&m, NULL, x, DT_FLOAT, 5, (enum pair_level)level));
		assert_int_equal(m.n, 3);
		assert_int_equal(m.nonfinite, 2);
		assert_true(m.min == -2 && m.max == 3 && m.min_abs == 0.5);
		assert_true(m.sum == 0.5 && m.sum_abs == 5.5 && m.sum_x2 == 13.25);
	}
}

static void moments_agree_between_levels_at_every_length(void **state)
{
	static float x[2100];
	struct moments c, v;
	uint32_t r = 1;
	int64_t n;
	int level, i;
	double sum;

	(void)state;
	for (i = 0; i < 2100; i++) {
		r = r * 1664525u + 1013904223u;
		x[i] = (float)((int32_t)r) * 1e-6f;
	}
	for (n = 0; n < 2100; n += n < 70 ? 1 : 97) {
		moments_init(&c);
		assert_true(moments_accumulate(&c, NULL, x, DT_FLOAT, n, PAIR_LEVEL_C));
		for (i = 0, sum = 0; i < n; i++)
			sum += (double)x[i] * x[i];
		assert_true(fabs(sum - c.sum_x2) <= 1e-12 * sum);
		for (level = PAIR_LEVEL_AVX2; level < PAIR_LEVELS; level++) {
			if (!pair_level_supported((enum pair_level)level))
				continue;
			moments_init(&v);
			assert_true(moments_accumulate(&v, NULL, x, DT_FLOAT, n,
						       (enum pair_level)level));
			assert_memory_equal(&v, &c, sizeof(c));
		}
	}
}

static void moments_read_every_number_type(void **state)
{
	int8_t s8[] = { -128, 127 };
	int64_t s64[] = { -5, 1ll << 40 };
	uint8_t s4[] = { 0x8F };        /* int4, low nibble first: -1, -8 */
	double f64[] = { 1e300, -1 };
	struct moments m;

	(void)state;
	moments_init(&m);
	assert_true(moments_accumulate(&m, NULL, s8, DT_INT8, 2, PAIR_LEVEL_AUTO));
	assert_true(m.min == -128 && m.max == 127 && m.sum == -1);
	moments_init(&m);
	assert_true(moments_accumulate(&m, NULL, s64, DT_INT64, 2, PAIR_LEVEL_AUTO));
	assert_true(m.min == -5 && m.max == 1099511627776.0);
	moments_init(&m);
	assert_true(moments_accumulate(&m, NULL, s4, DT_INT4, 2, PAIR_LEVEL_AUTO));
	assert_true(m.min == -8 && m.max == -1 && m.n == 2);
	moments_init(&m);
	assert_true(moments_accumulate(&m, NULL, f64, DT_DOUBLE, 2, PAIR_LEVEL_AUTO));
	assert_true(m.n == 2 && m.max == 1e300);
	assert_false(moments_accumulate(&m, NULL, s8, DT_STRING, 2, PAIR_LEVEL_AUTO));
	assert_false(moments_accumulate(&m, NULL, s8, DT_COMPLEX64, 2, PAIR_LEVEL_AUTO));
	assert_int_equal(m.n, 2);
}

static struct tensor view(int dtype, const void *data, int rank, const int64_t *dims)
{
	struct tensor t;

	assert_true(tensor_shape(&t, dtype, rank, dims));
	t.data = data;
	return t;
}

static void argmax_takes_the_first_of_equals(void **state)
{
	/* rows:      tie of 0, 2   1      NaN largest  only -inf, tie */
	float x[] = { 5, 1, 5,      0, 2, 1,  1, NAN, 9,  -INFINITY, -INFINITY, -INFINITY };
	float y[] = { 7, 7, 1,      0, 2, 3,  0, 4, 1,    0, -1, -1 };
	struct tensor a = view(DT_FLOAT, x, 3, (int64_t[]){ 2, 2, 3 });
	struct tensor b = view(DT_FLOAT, y, 3, (int64_t[]){ 2, 2, 3 });
	struct agreement g = { 0 };

	(void)state;
	assert_true(agreement_argmax(&g, &a, &b));
	assert_int_equal(g.total, 4);
	assert_int_equal(g.same, 3);    /* all but the second: 1 against 2 */
}

static void argmax_finds_the_place_in_long_rows(void **state)
{
	static float x[1000];
	struct tensor a = view(DT_FLOAT, x, 1, (int64_t[]){ 1000 });
	struct tensor b;
	double y[1000] = { 0 };
	struct agreement g = { 0 };

	(void)state;
	x[777] = y[777] = 1;
	b = view(DT_DOUBLE, y, 1, (int64_t[]){ 1000 });
	assert_true(agreement_argmax(&g, &a, &b));
	assert_true(g.same == 1 && g.total == 1);
	y[300] = 1;
	assert_true(agreement_argmax(&g, &a, &b));
	assert_true(g.same == 1 && g.total == 2);
}

static void argmax_needs_two_classes(void **state)
{
	float x[] = { 1, 2 };
	struct tensor a = view(DT_FLOAT, x, 2, (int64_t[]){ 2, 1 });
	struct tensor s = view(DT_FLOAT, x, 0, NULL), f = view(DT_FLOAT, x, 1, (int64_t[]){ 2 });
	struct tensor none = view(DT_FLOAT, x, 2, (int64_t[]){ 0, 2 });
	struct agreement g = { 0 };

	(void)state;
	assert_true(agreement_argmax(&g, &a, &a));
	assert_true(agreement_argmax(&g, &s, &s));
	assert_true(agreement_argmax(&g, &none, &none));
	assert_int_equal(g.total, 0);
	assert_false(agreement_argmax(&g, &a, &f));
	assert_int_equal(g.total, 0);
}

static void equal_integers_are_compared_by_value(void **state)
{
	int64_t x[] = { 1, -1, INT64_MAX, 7 };
	uint64_t y[] = { 1, UINT64_MAX, INT64_MAX, 8 };
	int32_t z[] = { 1, -1, 0, 7 };
	float f[4] = { 0 };
	struct tensor a = view(DT_INT64, x, 1, (int64_t[]){ 4 });
	struct tensor b = view(DT_UINT64, y, 1, (int64_t[]){ 4 });
	struct tensor c = view(DT_INT32, z, 1, (int64_t[]){ 4 });
	struct tensor d = view(DT_FLOAT, f, 1, (int64_t[]){ 4 });
	struct agreement g = { 0 };

	(void)state;
	assert_true(agreement_equal(&g, &a, &b));
	assert_true(g.same == 2 && g.total == 4);
	assert_true(agreement_equal(&g, &a, &c));
	assert_true(g.same == 5 && g.total == 8);
	assert_false(agreement_equal(&g, &a, &d));
	assert_int_equal(g.total, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sqnr_says_why_there_is_no_number),
		cmocka_unit_test(cosine_follows_from_three_squares),
		cmocka_unit_test(ratios_are_null_without_elements),
		cmocka_unit_test(moments_skip_non_finite_values),
		cmocka_unit_test(moments_agree_between_levels_at_every_length),
		cmocka_unit_test(moments_read_every_number_type),
		cmocka_unit_test(argmax_takes_the_first_of_equals),
		cmocka_unit_test(argmax_finds_the_place_in_long_rows),
		cmocka_unit_test(argmax_needs_two_classes),
		cmocka_unit_test(equal_integers_are_compared_by_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
