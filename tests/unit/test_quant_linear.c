/* quant/linear: parameters per tensor, axis and block; extremes; round trips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>

#include <cmocka.h>

#include "quant/linear.h"
#include "tensor/dtype.h"

static struct tensor view(int dtype, int rank, const int64_t *dims, const void *data)
{
	struct tensor t;

	assert_true(tensor_shape(&t, dtype, rank, dims));
	t.data = data;
	return t;
}

static void per_tensor_codes_are_dequantized(void **state)
{
	static const uint8_t q[3] = { 0, 128, 255 };
	static const int64_t dims[1] = { 3 };
	struct tensor t = view(DT_UINT8, 1, dims, q);
	struct linear p;
	float out[3];

	(void)state;
	assert_true(linear_alloc(&p, DT_UINT8, 1));
	p.scale[0] = 0.5f;
	p.zp[0] = 128;
	assert_true(linear_dequantize(&p, &t, out));
	assert_float_equal(out[0], -64, 0);     /* (0 - 128) / 2 */
	assert_float_equal(out[1], 0, 0);
	assert_float_equal(out[2], 63.5, 0);
	linear_release(&p);
}

static void every_axis_takes_its_own_parameters(void **state)
{
	static const int8_t q[12] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	static const int64_t dims[3] = { 2, 3, 2 };
	struct tensor t = view(DT_INT8, 3, dims, q);
	struct linear p;
	float out[12];
	int axis, i;

	(void)state;
	for (axis = 0; axis < 3; axis++) {
		int n = (int)dims[axis], inner = axis == 0 ? 6 : axis == 1 ? 2 : 1;

		assert_true(linear_alloc(&p, DT_INT8, n));
		p.axis = axis;
		for (i = 0; i < n; i++)
			p.scale[i] = (float)(i + 1);
		assert_true(linear_dequantize(&p, &t, out));
		for (i = 0; i < 12; i++)
			assert_float_equal(out[i], (float)(i / inner % n + 1), 0);
		linear_release(&p);
	}
}

static void blocks_cut_the_axis_and_the_last_may_be_short(void **state)
{
	static const int8_t q[10] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	static const int64_t dims[2] = { 5, 2 };        /* axis 0 in blocks of 2: rows 01 23 4 */
	static const float want[10] = { 1, 2, 1, 2, 3, 4, 3, 4, 5, 6 };
	struct tensor t = view(DT_INT8, 2, dims, q);
	struct linear p;
	float out[10];
	int i;

	(void)state;
	assert_true(linear_alloc(&p, DT_INT8, 6));      /* 3 blocks of 2 columns */
	p.axis = 0;
	p.block_size = 2;
	for (i = 0; i < 6; i++)
		p.scale[i] = (float)(i + 1);
	assert_true(linear_dequantize(&p, &t, out));
	for (i = 0; i < 10; i++)
		assert_float_equal(out[i], want[i], 0);
	linear_release(&p);
}

static void parameters_that_do_not_fit_are_refused(void **state)
{
	static const int8_t q[6] = { 0 };
	static const int64_t dims[2] = { 2, 3 };
	struct tensor t = view(DT_INT8, 2, dims, q);
	struct linear p;
	float out[6];

	(void)state;
	assert_true(linear_alloc(&p, DT_INT8, 2));
	assert_false(linear_dequantize(&p, &t, out));   /* two scales and no axis */
	p.axis = 1;
	assert_false(linear_dequantize(&p, &t, out));   /* axis 1 has three */
	p.axis = 2;
	assert_false(linear_dequantize(&p, &t, out));
	p.axis = 0;
	assert_true(linear_dequantize(&p, &t, out));
	p.block_size = -1;
	assert_false(linear_dequantize(&p, &t, out));
	p.block_size = INT64_MAX;                       /* one block: 3 parameters are wanted */
	assert_false(linear_dequantize(&p, &t, out));
	linear_release(&p);
}

static void four_bit_codes_are_unpacked_low_nibble_first(void **state)
{
	static const uint8_t q[2] = { 0x8F, 0x07 };     /* int4: -1, -8, 7 */
	static const int64_t dims[1] = { 3 };
	struct tensor t = view(DT_INT4, 1, dims, q);
	struct linear p;
	float out[3];

	(void)state;
	assert_true(linear_alloc(&p, DT_INT4, 1));
	p.scale[0] = 2;
	assert_true(linear_dequantize(&p, &t, out));
	assert_float_equal(out[0], -2, 0);
	assert_float_equal(out[1], -16, 0);
	assert_float_equal(out[2], 14, 0);
	assert_int_equal(p.qmin, -8);
	assert_int_equal(p.qmax, 7);
	linear_release(&p);
}

static void round_trip_error_is_at_most_half_a_step_inside_the_range(void **state)
{
	static const int types[] = { DT_INT8, DT_UINT8, DT_INT16, DT_UINT16, DT_INT4, DT_UINT4 };
	enum { N = 1001 };
	static float x[N], y[N];
	static const int64_t dims[1] = { N };
	struct tensor t = view(DT_FLOAT, 1, dims, x);
	struct linear p;
	size_t k;
	int i;

	(void)state;
	for (k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
		double lo, hi;

		assert_true(linear_alloc(&p, types[k], 1));
		p.scale[0] = 0.037f;
		p.zp[0] = (int32_t)((p.qmin + p.qmax) / 2 + 1);
		lo = (double)(p.qmin - p.zp[0]) * (double)p.scale[0];
		hi = (double)(p.qmax - p.zp[0]) * (double)p.scale[0];
		for (i = 0; i < N; i++)
			x[i] = (float)(lo + (hi - lo) * i / (N - 1));
		assert_true(linear_round_trip(&p, &t, x, y));
		for (i = 0; i < N; i++)         /* float rounding of x / scale: some 1e-7 of |x| */
			assert_true(fabs((double)x[i] - y[i]) <= p.scale[0] / 2 + 1e-6 * fabs((double)x[i]));
		linear_release(&p);
	}
}

static void zero_is_exact_whatever_the_zero_point(void **state)
{
	static const float x[1] = { 0 };
	static const int64_t dims[1] = { 1 };
	struct tensor t = view(DT_FLOAT, 1, dims, x);
	struct linear p;
	float y;
	int zp;

	(void)state;
	assert_true(linear_alloc(&p, DT_UINT8, 1));
	p.scale[0] = 0.0123f;
	for (zp = 0; zp <= 255; zp++) {
		p.zp[0] = zp;
		assert_true(linear_round_trip(&p, &t, x, &y));
		assert_float_equal(y, 0, 0);
	}
	linear_release(&p);
}

static void halves_go_to_even_and_the_range_saturates(void **state)
{
	static const float x[6] = { 0.5f, 1.5f, -0.5f, -1.5f, 1e30f, -INFINITY };
	static const float want[6] = { 0, 2, 0, -2, 127, -128 };
	static const int64_t dims[1] = { 6 };
	struct tensor t = view(DT_FLOAT, 1, dims, x);
	struct linear p;
	float y[6];
	int i;

	(void)state;
	assert_true(linear_alloc(&p, DT_INT8, 1));
	p.scale[0] = 1;
	assert_true(linear_round_trip(&p, &t, x, y));
	for (i = 0; i < 6; i++)
		assert_float_equal(y[i], want[i], 0);
	assert_true(isnan(linear_code(NAN, 1, 0)));
	assert_true(linear_code(1e30f, 1e-3f, 7) > 9e32);       /* beyond any integer */
	linear_release(&p);
}

static void copies_are_equal_and_independent(void **state)
{
	struct linear a, b, none = { 0 };

	(void)state;
	assert_true(linear_alloc(&a, DT_INT8, 3));
	a.axis = 1;
	a.block_size = 4;
	a.scale[2] = 5;
	a.zp[1] = -6;
	assert_true(linear_copy(&b, &a));
	assert_true(linear_equal(&a, &b));
	b.zp[1] = 0;
	assert_false(linear_equal(&a, &b));
	assert_int_equal(a.zp[1], -6);
	linear_release(&b);
	assert_true(linear_copy(&b, &none));
	assert_int_equal(b.n, 0);
	linear_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(per_tensor_codes_are_dequantized),
		cmocka_unit_test(every_axis_takes_its_own_parameters),
		cmocka_unit_test(blocks_cut_the_axis_and_the_last_may_be_short),
		cmocka_unit_test(parameters_that_do_not_fit_are_refused),
		cmocka_unit_test(four_bit_codes_are_unpacked_low_nibble_first),
		cmocka_unit_test(round_trip_error_is_at_most_half_a_step_inside_the_range),
		cmocka_unit_test(zero_is_exact_whatever_the_zero_point),
		cmocka_unit_test(halves_go_to_even_and_the_range_saturates),
		cmocka_unit_test(copies_are_equal_and_independent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
