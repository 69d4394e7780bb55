/* quant/params: what every quantizer must hold, packing, float8, biases, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "quant/params.h"

enum { ROWS = 12, COLS = 17, N = ROWS * COLS, ROUNDS = 200 };

static const int types[] = { DT_UINT8, DT_INT8, DT_UINT16, DT_INT16, DT_UINT4, DT_INT4 };

static uint64_t rng = 88172645463325252u;

static double uniform(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (double)(rng >> 11) * 0x1p-53;
}

static struct tensor matrix(const float *data)
{
	static const int64_t dims[2] = { ROWS, COLS };
	struct tensor t;

	assert_true(tensor_shape(&t, DT_FLOAT, 2, dims));
	t.data = data;
	return t;
}

static void fill(float *x)
{
	double size = pow(10, uniform() * 8 - 4), shift = uniform() < 0.5 ? 0 : uniform() * 2 - 1;

	for (int i = 0; i < N; i++)
		x[i] = (float)(size * (uniform() * 2 - 1 + shift));
	x[(int)(uniform() * N)] = 0;
}

/* |x - x'| <= scale / 2, plus what the float32 division and product lose, where the code is not saturated. */
static void check_codes(const float *x, const struct linear *p, const struct tensor *w)
{
	struct tensor q;
	float back[N];

	assert_int_equal(quant_weight_codes(w, p, &q, NULL), 0);
	assert_true(linear_dequantize(p, &q, back));
	for (int i = 0; i < N; i++) {
		double s = p->scale[linear_index(p, w, i)], code = tensor_get(&q, i);
		double lost = s * (0.5 + 0x1p-21 * fabs(x[i] / s));

		assert_true(code >= p->qmin && code <= p->qmax);
		if (code > p->qmin && code < p->qmax)
			assert_true(fabs((double)x[i] - back[i]) <= lost);
		if (x[i] == 0)
			assert_true(back[i] == 0);
	}
	tensor_release(&q);
}

static void check_rule(const struct quant_weight_rule *r)
{
	float x[N];
	struct tensor w = matrix(x);
	struct linear p;

	fill(x);
	assert_int_equal(quant_weight_params(&w, r, &p, NULL), 0);
	for (int64_t i = 0; i < p.n; i++) {
		assert_true(p.scale[i] > 0);
		assert_true(p.zp[i] >= p.qmin && p.zp[i] <= p.qmax);
	}
	check_codes(x, &p, &w);
	linear_release(&p);
}

static void values_inside_the_range_err_by_half_a_step_and_zero_is_exact(void **state)
{
	(void)state;
	for (int k = 0; k < ROUNDS; k++) {
		for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
			struct quant_weight_rule r = { .rule.type = types[t] };

			r.rule.symmetric = uniform() < 0.5;
			r.rule.reduce_range = uniform() < 0.3;
			r.axis = (int)(uniform() * 3) - 1;
			r.block_size = r.axis >= 0 && uniform() < 0.5 ? 1 + (int)(uniform() * 6) : 0;
			check_rule(&r);
		}
	}
}

static void ranges_are_covered_by_the_codes(void **state)
{
	struct quant_point p;

	(void)state;
	for (int k = 0; k < 1000; k++) {
		struct quant_rule r = { .type = types[k % 6] };
		struct quant_limits lim;
		double a = (float)(uniform() * 20 - 10), b = (float)(uniform() * 20 - 10);
		double lo = fmin(fmin(a, b), 0), hi = fmax(fmax(a, b), 0);

		assert_true(quant_type_limits(r.type, false, false, &lim));
		assert_int_equal(quant_point_for_range(&r, DT_FLOAT, lo, hi, &p, NULL), 0);
		/* the zero point is rounded: half a step may be missing at one end */
		assert_true((lim.min - p.zp - 0.501) * p.scale <= lo);
		assert_true((lim.max - p.zp + 0.501) * p.scale >= hi);
	}
}

static void four_bit_codes_are_packed_low_nibble_first(void **state)
{
	static const float x[3] = { 1, -1, 3 };
	static const int64_t dims[1] = { 3 };
	struct linear p;
	struct tensor w, q;

	(void)state;
	assert_true(tensor_shape(&w, DT_FLOAT, 1, dims));
	w.data = x;
	assert_true(linear_alloc(&p, DT_INT4, 1));
	p.scale[0] = 1;
	assert_int_equal(quant_weight_codes(&w, &p, &q, NULL), 0);
	assert_int_equal(q.bytes, 2);
	assert_int_equal(((const uint8_t *)q.data)[0], 0xF1);   /* 1 low, -1 high */
	assert_int_equal(((const uint8_t *)q.data)[1], 0x03);   /* the odd nibble is 0 */
	tensor_release(&q);
	linear_release(&p);
}

static void every_float8_number_is_its_own_code(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		float v = tensor_f8_to_f32(DT_F8E4M3FN, (uint8_t)c);

		assert_int_equal(quant_f8_code(v), isnan(v) ? 0x7F : c);
	}
	assert_int_equal(quant_f8_code(INFINITY), 0x7E);        /* 448 */
	assert_int_equal(quant_f8_code(0x1p-10f), 0);           /* halfway to the smallest: to even */
	assert_int_equal(quant_f8_code(0x1.8p-9f), 2);          /* halfway between 1 and 2 */
}

static void numbers_that_are_none_are_named(void **state)
{
	struct quant_weight_rule r = { .rule.type = DT_INT8, .axis = -1 };
	float x[N] = { 0 };
	struct tensor w = matrix(x), q;
	struct linear p;
	struct quant_point point;
	struct qd_err err;

	(void)state;
	x[7] = NAN;
	assert_int_equal(quant_weight_params(&w, &r, &p, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "value 7 is NaN"));
	assert_true(linear_alloc(&p, DT_INT8, 1));
	p.scale[0] = 1;
	assert_int_equal(quant_weight_codes(&w, &p, &q, &err), QD_EINPUT);
	linear_release(&p);
	assert_int_equal(quant_point_for_range(&r.rule, DT_FLOAT, 0, INFINITY, &point, &err), QD_EINPUT);
}

static void settings_that_do_not_fit_are_refused(void **state)
{
	struct quant_weight_rule r = { .rule.type = DT_INT8, .axis = 2 };
	float x[N] = { 0 };
	struct tensor w = matrix(x), q;
	struct linear p;

	(void)state;
	assert_int_equal(quant_weight_params(&w, &r, &p, NULL), QD_EUSAGE);
	r = (struct quant_weight_rule){ .rule.type = DT_INT8, .axis = -1, .block_size = 4 };
	assert_int_equal(quant_weight_params(&w, &r, &p, NULL), QD_EUSAGE);
	r = (struct quant_weight_rule){ .rule = { .type = DT_F8E4M3FN, .reduce_range = true }, .axis = -1 };
	assert_int_equal(quant_weight_params(&w, &r, &p, NULL), QD_EUSAGE);
	r = (struct quant_weight_rule){ .rule.type = DT_INT32, .axis = -1 };
	assert_int_equal(quant_weight_params(&w, &r, &p, NULL), QD_EUSAGE);
	assert_true(linear_alloc(&p, DT_INT8, 5));
	p.axis = 0;
	assert_int_equal(quant_weight_codes(&w, &p, &q, NULL), QD_EUSAGE);
	linear_release(&p);
}

/* The scale that a bias of 1 needs is 1.0001 * 2 / (2^32 - 2) = 4.657e-10; 1e-12 is 466 times too small. */
static void scales_grow_until_the_bias_fits(void **state)
{
	static const int64_t dims[1] = { 1 };
	const float one = 1;
	struct tensor bias;
	struct linear w;
	int64_t changed;
	double ratio;
	struct quant_bias_in in = { .bias = &bias, .input_scale = 1, .input_real = DT_FLOAT, .n = 1,
				    .weight_real = DT_FLOAT, .beta = 1 };
	struct quant_bias b;

	(void)state;
	assert_true(tensor_shape(&bias, DT_FLOAT, 1, dims));
	bias.data = &one;
	assert_true(linear_alloc(&w, DT_INT8, 1));
	w.scale[0] = 1e-12f;
	in.weight_scale = w.scale;
	assert_int_equal(quant_bias_codes(&in, &b, NULL), 0);
	assert_int_equal(b.clipped, 1);
	quant_bias_release(&b);
	assert_int_equal(quant_adjust_for_bias(&bias, 1, DT_FLOAT, false, &w, &changed, &ratio, NULL), 0);
	assert_int_equal(changed, 1);
	assert_true(ratio > 465 && ratio < 467);
	assert_int_equal(quant_bias_codes(&in, &b, NULL), 0);
	assert_int_equal(b.clipped, 0);
	quant_bias_release(&b);
	linear_release(&w);
}

static void lack_of_memory_is_reported(void **state)
{
	struct quant_weight_rule r = { .rule.type = DT_F8E4M3FN, .axis = 0 };
	float x[N];
	struct tensor w = matrix(x), q;
	struct linear p;
	int rc, k = 0;

	(void)state;
	fill(x);
	do {
		fault_arm(FAULT_ALLOC, ++k, 0);
		q = (struct tensor){ 0 };
		rc = quant_weight_params(&w, &r, &p, NULL);
		if (!rc)
			rc = quant_weight_codes(&w, &p, &q, NULL);
		fault_arm(FAULT_ALLOC, 0, false);
		assert_true(rc == 0 || rc == QD_ENOMEM);
		linear_release(&p);
		tensor_release(&q);
	} while (rc);
	assert_true(k > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_inside_the_range_err_by_half_a_step_and_zero_is_exact),
		cmocka_unit_test(ranges_are_covered_by_the_codes),
		cmocka_unit_test(four_bit_codes_are_packed_low_nibble_first),
		cmocka_unit_test(every_float8_number_is_its_own_code),
		cmocka_unit_test(numbers_that_are_none_are_named),
		cmocka_unit_test(settings_that_do_not_fit_are_refused),
		cmocka_unit_test(scales_grow_until_the_bias_fits),
		cmocka_unit_test(lack_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
