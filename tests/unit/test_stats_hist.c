/* The histogram: one result whatever the order, split or merge. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats/hist.h"
#include "stats/moments.h"
#include "tensor/dtype.h"

enum { N = 3000, LONG = 40000 };       /* LONG is counted in spread counters */

static uint32_t state32 = 2463534242u;

static uint32_t rnd(void)
{
	state32 ^= state32 << 13;
	state32 ^= state32 >> 17;
	state32 ^= state32 << 5;
	return state32;
}

/* Magnitudes over a wide range, both signs, some zeros. */
static void wild(double *x, int n)
{
	for (int i = 0; i < n; i++)
		x[i] = rnd() % 8 ? ldexp((int32_t)rnd(), (int)(rnd() % 60) - 60) : 0;
}

static void shuffle(double *x, int n)
{
	for (int i = n - 1; i > 0; i--) {
		int k = (int)(rnd() % (uint32_t)(i + 1));
		double t = x[i];

		x[i] = x[k];
		x[k] = t;
	}
}

static void any_order_and_split_gives_the_same_counts(void **state)
{
	static struct hist want, got, part;
	static double x[N];
	int round, i, n;

	(void)state;
	for (round = 0; round < 60; round++) {
		wild(x, N);
		hist_init(&want);
		hist_add(&want, x, N);
		shuffle(x, N);
		hist_init(&got);
		for (i = 0; i < N; i += n) {
			n = 1 + (int)(rnd() % 900);
			n = n < N - i ? n : N - i;
			hist_init(&part);
			hist_add(&part, x + i, n);
			if (rnd() % 2) {
				hist_merge(&got, &part);
			} else {
				hist_merge(&part, &got);
				got = part;
			}
		}
		assert_memory_equal(&got, &want, sizeof(want));
	}
}

static void the_kernels_count_as_the_plain_loop(void **state)
{
	static struct hist want, got;
	static float f[LONG];
	static double x[LONG];
	struct moments m;
	int round, level, i, n;

	(void)state;
	for (round = 0; round < 20; round++) {
		n = round % 2 ? LONG : N;
		wild(x, n);
		for (i = 0; i < n; i++) {
			if (round % 4 > 1)      /* widen many times on the way */
				x[i] = ldexp(x[i], i / 2500);
			if (round == 7 && i % 3000 == 0)
				x[i] = NAN;
			x[i] = f[i] = (float)x[i];
		}
		hist_init(&want);
		hist_add(&want, x, n);
		for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
			if (!pair_level_supported((enum pair_level)level))
				continue;
			hist_init(&got);
			moments_init(&m);
			assert_true(moments_accumulate(&m, &got, f, DT_FLOAT, n,
						       (enum pair_level)level));
			assert_memory_equal(&got, &want, sizeof(want));
		}
	}
}

static void one(struct hist *h, double x)
{
	hist_init(h);
	hist_add(h, &x, 1);
}

static void the_width_is_the_smallest_that_fits(void **state)
{
	static const struct {
		double x;
		int exp, bin;
	} t[] = {
		{ 0, HIST_EXP_MIN, 0 },
		{ 1023.9, 0, 1023 }, { 1024, 1, 512 },          /* 1024 * 2^0 is outside */
		{ -1023.9, 0, -1024 }, { -1024, 1, -512 },
		{ 1, -9, 512 }, { 0.99, -10, 1013 },            /* 0.99 * 1024 = 1013.76 */
		{ 1.401298464324817e-45, -158, 512 },           /* 2^-149 / 2^-158 = 2^9 */
		{ 3.4028234663852886e38, 118, 1023 },           /* below 2^128 = 1024 * 2^118 */
		{ 1e-310, HIST_EXP_MIN, 0 }, { -1e-310, HIST_EXP_MIN, -1 },
		{ 1e308, 1014, 0 },
	};
	static struct hist h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		one(&h, t[i].x);
		assert_int_equal(h.exp, t[i].exp);
		if (i + 1 < sizeof(t) / sizeof(t[0]))
			assert_int_equal(h.count[HIST_HALF + t[i].bin], 1);
		assert_int_equal(h.n, 1);
	}
}

static void a_tiny_negative_value_stays_below_zero_when_bins_are_wide(void **state)
{
	static struct hist h;
	static float x[64];
	struct moments m;
	int level;

	(void)state;
	x[0] = 3e38f;
	x[1] = -1e-45f;
	x[40] = -1e-20f;
	for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
		if (!pair_level_supported((enum pair_level)level))
			continue;
		hist_init(&h);
		moments_init(&m);
		assert_true(moments_accumulate(&m, &h, x, DT_FLOAT, 64, (enum pair_level)level));
		assert_int_equal(h.count[HIST_HALF - 1], 2);
		assert_int_equal(h.count[HIST_HALF], 61);
	}
}

static void a_value_on_the_limit_widens(void **state)
{
	static struct hist h, want;
	static float f[LONG];
	static double x[LONG];
	struct moments m;
	int i;

	(void)state;
	for (i = 0; i < LONG; i++)              /* width 2^-10 holds up to 1, without it */
		x[i] = f[i] = i < LONG / 2 ? (float)(i % 9) / 9 : (float)(i % 2);
	hist_init(&want);
	hist_add(&want, x, LONG);
	hist_init(&h);
	moments_init(&m);
	assert_true(moments_accumulate(&m, &h, f, DT_FLOAT, LONG, PAIR_LEVEL_AUTO));
	assert_int_equal(h.exp, -9);
	assert_memory_equal(&h, &want, sizeof(h));
}

static void a_quotient_below_the_smallest_double_keeps_its_side(void **state)
{
	static struct hist h;

	(void)state;
	hist_init(&h);
	hist_add(&h, (double[]){ 1e308, -1e-310, 1e-310 }, 3);
	assert_int_equal(h.count[HIST_HALF - 1], 1);
	assert_int_equal(h.count[HIST_HALF], 1);
}

static void edges_surround_their_values(void **state)
{
	static struct hist h;
	int first, last;

	(void)state;
	hist_init(&h);
	hist_extent(&h, &first, &last);
	assert_true(first == 0 && last == -1);
	hist_add(&h, (double[]){ -3, 5, NAN, INFINITY }, 4);
	/* 5 < 8 = 1024 * 2^-7: bins -384 and 640 */
	hist_extent(&h, &first, &last);
	assert_int_equal(first, 1024 - 384);
	assert_int_equal(last, 1024 + 640);
	assert_int_equal(h.n, 2);
	assert_true(hist_width(&h) == 0.0078125);
	assert_true(hist_edge(&h, first) == -3 && hist_edge(&h, last) == 5);
	assert_true(hist_edge(&h, HIST_BINS) == 8);
}

static void a_reset_histogram_is_a_new_one(void **state)
{
	static struct hist h, fresh, zero;
	static double x[N];
	int i;

	(void)state;
	hist_init(&fresh);
	hist_reset(&zero);              /* zero bytes will do */
	assert_memory_equal(&zero, &fresh, sizeof(fresh));
	hist_init(&h);
	for (i = 0; i < 20; i++) {
		wild(x, N);
		hist_add(&h, x, 1 + i * i * 7);
		hist_reset(&h);
		assert_memory_equal(&h, &fresh, sizeof(fresh));
	}
}

/* As a stored histogram comes back: counts written one by one. */
static void counts_written_by_hand_are_found(void **state)
{
	static struct hist h, other, want;
	static double x[N];
	int round, first, last, i;

	(void)state;
	for (round = 0; round < 40; round++) {
		wild(x, N);
		hist_init(&want);
		hist_add(&want, x, N);
		hist_init(&h);
		hist_init(&other);
		h.exp = want.exp;
		h.n = want.n;
		memcpy(h.count, want.count, sizeof(h.count));
		hist_extent(&h, &first, &last);
		assert_true(first == want.first && last == want.last);
		assert_true(want.count[first] && want.count[last]);
		for (i = 0; i < 100; i++)
			x[i] = ldexp(x[i], round - 20);
		hist_add(&other, x, 100);
		hist_add(&want, x, 100);
		if (round % 2)
			hist_merge(&h, &other);
		else
			hist_add(&h, x, 100);
		assert_memory_equal(&h, &want, sizeof(want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_and_split_gives_the_same_counts),
		cmocka_unit_test(the_kernels_count_as_the_plain_loop),
		cmocka_unit_test(the_width_is_the_smallest_that_fits),
		cmocka_unit_test(a_tiny_negative_value_stays_below_zero_when_bins_are_wide),
		cmocka_unit_test(a_value_on_the_limit_widens),
		cmocka_unit_test(a_quotient_below_the_smallest_double_keeps_its_side),
		cmocka_unit_test(edges_surround_their_values),
		cmocka_unit_test(a_reset_histogram_is_a_new_one),
		cmocka_unit_test(counts_written_by_hand_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
