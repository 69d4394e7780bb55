/* Conversions between float types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "tensor/dtype.h"
#include "tensor/tensor.h"

static void every_half_survives_the_way_through_float(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 65536; h++) {
		float f = tensor_f16_to_f32((uint16_t)h);

		if (f == f)
			assert_int_equal(tensor_f32_to_f16(f), h);
		else
			assert_true(isnan(tensor_f16_to_f32(tensor_f32_to_f16(f))));
	}
}

static void every_bfloat_survives_the_way_through_float(void **state)
{
	(void)state;
	for (uint32_t h = 0; h < 65536; h++) {
		float f = tensor_bf16_to_f32((uint16_t)h);

		if (f == f)
			assert_int_equal(tensor_f32_to_bf16(f), h);
	}
}

/* The float halfway between neighbours goes to the even one, its own neighbours to the nearer:
 * 0x3C00 is 1, a step there is 2^-10. */
static void rounds_halves_to_even(void **state)
{
	(void)state;
	assert_int_equal(tensor_f32_to_f16(1 + 0x1p-11f), 0x3C00);
	assert_int_equal(tensor_f32_to_f16(1 + 0x1p-11f + 0x1p-23f), 0x3C01);
	assert_int_equal(tensor_f32_to_f16(1 + 0x3p-11f), 0x3C02);
	assert_int_equal(tensor_f32_to_f16(0x1p-25f), 0);               /* half of the smallest */
	assert_int_equal(tensor_f32_to_f16(0x3p-25f), 2);
	assert_int_equal(tensor_f32_to_bf16(1 + 0x1p-8f), 0x3F80);
	assert_int_equal(tensor_f32_to_bf16(1 + 0x3p-8f), 0x3F82);
}

static void too_large_becomes_infinite(void **state)
{
	(void)state;
	assert_int_equal(tensor_f32_to_f16(65519.0f), 0x7BFF);          /* rounds to 65504 */
	assert_int_equal(tensor_f32_to_f16(65520.0f), 0x7C00);
	assert_int_equal(tensor_f32_to_f16(-1e30f), 0xFC00);
}

static void casts_keep_shape_and_refuse_integers(void **state)
{
	const int64_t dims[] = { 2, 1 };
	const float v[] = { 0.1f, -2.0f };
	struct tensor t, h;

	(void)state;
	assert_true(tensor_shape(&t, DT_FLOAT, 2, dims));
	t.data = v;
	assert_true(tensor_cast(&t, DT_FLOAT16, &h));
	assert_int_equal(h.rank, 2);
	assert_int_equal(h.n, 2);
	assert_int_equal(((const uint16_t *)h.data)[0], 0x2E66);        /* 0.0999755859375 */
	assert_int_equal(((const uint16_t *)h.data)[1], 0xC000);
	tensor_release(&h);
	assert_false(tensor_cast(&t, DT_INT8, &h));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_half_survives_the_way_through_float),
		cmocka_unit_test(every_bfloat_survives_the_way_through_float),
		cmocka_unit_test(rounds_halves_to_even),
		cmocka_unit_test(too_large_becomes_infinite),
		cmocka_unit_test(casts_keep_shape_and_refuse_integers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
