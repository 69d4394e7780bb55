/* What happens at the edges: rounding, saturation, impossible scales, NaN, refusals, adding. */
#include "test_stats_pair.h"

/* scale 1: x is the unrounded code */
static void one_value(struct kase *k, float x, int32_t zp, int32_t qmin, int32_t qmax)
{
	simple(k, 1, (int64_t[]){ 1 });
	k->spec.kind = PAIR_X_ONLY;
	k->scale[1][0] = 1;
	k->zp[1][0] = zp;
	k->spec.local.qmin = qmin;
	k->spec.local.qmax = qmax;
	fx(k)[0] = x;
}

static void clipping_is_decided_after_rounding_half_to_even(void **state)
{
	static const struct {
		float x;
		int32_t zp, qmin, qmax;
		int clipped;
	} t[] = {
		{ 255.0f, 0, 0, 255, 0 }, { 255.49f, 0, 0, 255, 0 },
		{ 255.5f, 0, 0, 255, 1 },       /* to even: 256 */
		{ 254.5f, 0, 0, 254, 0 },       /* to even: 254 */
		{ -0.5f, 0, 0, 255, 0 },        /* to even: -0 */
		{ -0.51f, 0, 0, 255, 1 }, { -1.5f, 0, 0, 255, 1 },
		{ 127.5f, 0, -128, 127, 1 }, { 126.5f, 0, -128, 127, 0 },
		{ -128.5f, 0, -128, 127, 0 },   /* to even: -128 */
		{ -128.6f, 0, -128, 127, 1 },
		{ 127.0f, 128, 0, 255, 0 }, { 128.0f, 128, 0, 255, 1 },
		{ 3e38f, 0, -128, 127, 1 }, { -3e38f, 0, -32768, 32767, 1 },
		{ 7.5f, 0, -8, 7, 1 }, { 6.5f, 0, -8, 7, 0 },
	};
	static struct kase k;
	static struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		one_value(&k, t[i].x, t[i].zp, t[i].qmin, t[i].qmax);
		check(&k);
		assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
		assert_int_equal(r.sums.n_local, 1);
		assert_int_equal(r.sums.n_clipped, t[i].clipped);
		assert_true(t[i].clipped ? r.sums.sum_e2_round == 0 : r.sums.sum_e2_clip == 0);
	}
}

static void a_quotient_that_overflows_is_clipped(void **state)
{
	static struct kase k;
	static struct result r;

	(void)state;
	one_value(&k, 3e38f, 0, -128, 127);
	k.scale[1][0] = 1e-30f;         /* 3e68 is no float */
	check(&k);
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	assert_int_equal(r.sums.n_clipped, 1);
	assert_int_equal(pair_codes_used(&r.codes), 1);
}

static void codes_seen_are_counted_from_qmin(void **state)
{
	static struct kase k;
	static struct result r;
	float x[] = { 0.5f, 1.5f, 2.5f, 3.5f, -500, 500 };

	(void)state;
	one_value(&k, 0, 0, -128, 127);
	set_shape(&k, 1, (int64_t[]){ 6 });
	memcpy(fx(&k), x, sizeof(x));
	check(&k);
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	/* codes 0 2 2 4 -128 127 */
	assert_int_equal(pair_codes_used(&r.codes), 5);
	assert_true(r.codes.seen[0] == 1 && r.codes.seen[1] == 0);
	assert_true(r.codes.seen[2] == (1 | 1 << 2 | 1 << 4) && r.codes.seen[3] == 1ull << 63);
}

static void an_impossible_scale_leaves_the_local_part_out(void **state)
{
	static const float bad[] = { 0, -1, NAN, INFINITY };
	static struct kase k;
	static struct result r;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		one_value(&k, 3, 0, 0, 255);
		k.scale[1][0] = bad[i];
		assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
		assert_int_equal(r.sums.n, 1);
		assert_int_equal(r.sums.n_local, 0);
		assert_int_equal(pair_codes_used(&r.codes), 0);
		assert_true(r.sums.sum_e2_round == 0 && r.sums.sum_e2_steps == 0);
		assert_true(r.sums.scale_min > r.sums.scale_max);
	}
}

static void int32_codes_subtract_exactly(void **state)
{
	static struct kase k;
	static struct result r;

	(void)state;
	simple(&k, 1, (int64_t[]){ 2 });
	k.in.y_dtype = DT_INT32;
	k.scale[0][0] = 1;
	k.zp[0][0] = INT32_MIN;
	memcpy(k.store[1], (int32_t[]){ INT32_MAX, INT32_MIN + 5 }, 2 * sizeof(int32_t));
	check(&k);
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	/* 2^32 - 1, the nearest float is 2^32 */
	assert_true(r.sums.max_y == 4294967296.0 && r.sums.min_y == 5);
}

static void a_zero_point_beyond_the_codes_does_not_wrap(void **state)
{
	static struct kase k;
	static struct result r;

	(void)state;
	simple(&k, 1, (int64_t[]){ 40 });
	memset(uy(&k), 255, 40);
	k.scale[0][0] = 1;
	k.zp[0][0] = INT32_MIN;
	check(&k);
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	/* 255 + 2^31, floats there are 256 apart */
	assert_true(r.sums.min_y == 2147483904.0 && r.sums.max_y == 2147483904.0);
}

static void a_channel_may_end_one_element_before_the_block(void **state)
{
	static struct kase k;
	int inner, i;

	(void)state;
	for (inner = PAIR_BLOCK - 1; inner <= PAIR_BLOCK + 1; inner++) {
		simple(&k, 3, (int64_t[]){ 1, 5, inner });
		for (i = 0; i < k.n; i++)
			fx(&k)[i] = (float)(i % 97) / 8;
		check(&k);
	}
}

static void non_finite_elements_are_left_out_and_counted(void **state)
{
	static struct kase k;
	static struct result r;
	float x[] = { 1, NAN, 2, INFINITY, 3 }, y[] = { 1, 1, -INFINITY, NAN, 5 };

	(void)state;
	simple(&k, 1, (int64_t[]){ 5 });
	k.spec.kind = PAIR_FLOAT;
	k.in.y_dtype = DT_FLOAT;
	memcpy(k.store[0], x, sizeof(x));
	memcpy(k.store[1], y, sizeof(y));
	check(&k);
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	assert_int_equal(r.sums.n, 2);
	assert_int_equal(r.sums.nonfinite_x, 2);
	assert_int_equal(r.sums.nonfinite_y, 2);
	assert_true(r.sums.sum_x2 == 10 && r.sums.sum_e2 == 4 && r.sums.max_x == 3);
	assert_int_equal(r.sums.max_index, 4);
	assert_int_equal(r.hist.n, 2);
}

static void the_first_of_equal_errors_is_the_largest(void **state)
{
	static struct kase k;
	static struct result r;

	(void)state;
	simple(&k, 1, (int64_t[]){ 5000 });
	memset(uy(&k), 100, MAX_N);         /* y = 0 everywhere */
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	assert_int_equal(r.sums.max_index, -1);
	fx(&k)[1777] = -2;
	fx(&k)[1790] = 2;
	fx(&k)[4000] = 2;
	check(&k);
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	assert_int_equal(r.sums.max_index, 1777);
}

static void the_sum_of_products_comes_from_the_squares(void **state)
{
	static struct kase k;
	static struct result r;
	float x[] = { 1, 2, -3 }, y[] = { 4, -1, 2 };

	(void)state;
	simple(&k, 1, (int64_t[]){ 3 });
	k.spec.kind = PAIR_FLOAT;
	k.in.y_dtype = DT_FLOAT;
	memcpy(k.store[0], x, sizeof(x));
	memcpy(k.store[1], y, sizeof(y));
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	assert_true(pair_sum_xy(&r.sums) == -4);        /* 4 - 2 - 6 */
}

static void adding_keeps_counts_extremes_and_the_earlier_index(void **state)
{
	struct pair_sums a, b, sum, empty;

	(void)state;
	pair_sums_init(&a);
	pair_sums_init(&empty);
	a.n = 3;
	a.sum_x2 = 0.1;
	a.min_x = -1;
	a.max_x = 2;
	a.max_abs_e = 5;
	a.max_index = 7;
	a.scale_min = a.scale_max = 0.5;
	a.zp_min = a.zp_max = 3;
	b = a;
	b.max_index = 1;
	b.sum_x2 = 0.2;
	b.min_x = -4;
	b.scale_min = b.scale_max = 0.25;
	b.zp_min = b.zp_max = -3;
	sum = a;
	pair_sums_add(&sum, &b);
	assert_int_equal(sum.n, 6);
	assert_true(sum.sum_x2 == 0.1 + 0.2 && sum.min_x == -4 && sum.max_x == 2);
	assert_int_equal(sum.max_index, 7);
	assert_true(sum.scale_min == 0.25 && sum.scale_max == 0.5);
	assert_true(sum.zp_min == -3 && sum.zp_max == 3);
	sum = empty;
	pair_sums_add(&sum, &a);
	assert_memory_equal(&sum, &a, sizeof(a));
	pair_sums_add(&sum, &empty);
	assert_memory_equal(&sum, &a, sizeof(a));
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
	static struct kase ok, k;
	static struct result r;
	struct pair_sums empty;
	int i;

	(void)state;
	pair_sums_init(&empty);
	simple(&ok, 2, (int64_t[]){ 4, 5 });
	assert_true(run(&ok, PAIR_LEVEL_AUTO, &r));
	for (i = 0; i < 8; i++) {
		simple(&k, 2, (int64_t[]){ 4, 5 });
		switch (i) {
		case 0: k.in.x_dtype = DT_INT32; break;
		case 1: k.in.y_dtype = DT_FLOAT; break;
		case 2: k.spec.kind = PAIR_FLOAT; break;
		case 3: k.spec.code.count = 3; break;
		case 4: k.spec.local.count = 4; k.spec.local.axis = 1; break;
		case 5: k.spec.channel_axis = 2; break;
		case 6: k.dims[0] = -1; break;
		case 7: k.spec.code.scale = NULL; break;
		}
		assert_false(run(&k, PAIR_LEVEL_AUTO, &r));
		assert_memory_equal(&r.sums, &empty, sizeof(empty));
		assert_int_equal(r.hist.n, 0);
	}
}

static void every_second_block_is_enough_for_a_histogram(void **state)
{
	static struct kase k;
	static struct result r;

	(void)state;
	simple(&k, 1, (int64_t[]){ 5000 });     /* blocks of 1024, the last of 904 */
	k.spec.hist_every = 2;
	fx(&k)[2000] = 1000;                    /* in block 1: not counted, does not widen */
	fx(&k)[4999] = 1;
	assert_true(run(&k, PAIR_LEVEL_AUTO, &r));
	assert_int_equal(r.sums.n, 5000);
	assert_int_equal(r.hist.n, 2 * 1024 + 904);
	assert_int_equal(r.hist.exp, -9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clipping_is_decided_after_rounding_half_to_even),
		cmocka_unit_test(a_quotient_that_overflows_is_clipped),
		cmocka_unit_test(codes_seen_are_counted_from_qmin),
		cmocka_unit_test(an_impossible_scale_leaves_the_local_part_out),
		cmocka_unit_test(int32_codes_subtract_exactly),
		cmocka_unit_test(a_zero_point_beyond_the_codes_does_not_wrap),
		cmocka_unit_test(a_channel_may_end_one_element_before_the_block),
		cmocka_unit_test(non_finite_elements_are_left_out_and_counted),
		cmocka_unit_test(the_first_of_equal_errors_is_the_largest),
		cmocka_unit_test(the_sum_of_products_comes_from_the_squares),
		cmocka_unit_test(adding_keeps_counts_extremes_and_the_earlier_index),
		cmocka_unit_test(every_second_block_is_enough_for_a_histogram),
		cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
