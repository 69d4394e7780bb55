/* The common case, float x against 8-bit codes: the guess that replaces a division, channels that
 * end anywhere, both code types, and what must leave the fast loop. */
#include "test_stats_pair.h"

#include "stats/kernel.h"

static uint64_t seed = 88172645463325252ull;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

static double unit(void)
{
	return (rnd(1u << 30) + 0.5) / (1u << 30);
}

static double normal(void)
{
	return sqrt(-2 * log(unit())) * cos(6.283185307179586 * unit());
}

static const struct kernels *level_kernels(int level)
{
	return pair_level_supported((enum pair_level)level) ? kernels_for((enum pair_level)level)
							    : NULL;
}

/* Wherever the guess is trusted it must be the code of the division, and e' exact. */
static int trusted_and_right(const struct kernels *k, float x, float scale)
{
	static const unsigned char code;
	struct fused_in in = {
		.x = &x, .codes = &code, .n = 1, .left = 1, .inner = 16, .scale = 1,
		.local = true, .step = scale, .inv = 1 / scale,
	};
	struct fused_out out;
	float c = rintf(x / scale);
	double e = (double)x - c * scale;

	k->fused_u8(&in, &out);
	if (!(out.off <= FUSED_NEAR * scale))
		return 0;
	if (out.off != fabs(e) || out.round != e * e)
		fail_msg("x %a, scale %a: code %g: e' %a, want %a", x, scale, c, out.off, e);
	return 1;
}

static float random_scale(void)
{
	return (float)ldexp(1 + unit(), (int)rnd(201) - 101);
}

/* Near the middle between two codes, in steps of single floats: where rounding decides. */
static void a_trusted_guess_is_the_code_of_the_division_near_ties(void **state)
{
	int level, i, j;

	(void)state;
	for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
		const struct kernels *k = level_kernels(level);
		int trusted = 0, tried = 0;

		for (i = 0; k && i < 60000; i++) {
			float s = random_scale();
			double c = (int)rnd(2 * FUSED_CODE) - FUSED_CODE + 0.5;
			float x = (float)(c * s);

			if (rnd(4) == 0)        /* or near where trust ends */
				x = (float)((c + (rnd(2) ? 4e-5 : -4e-5)) * s);
			for (j = (int)rnd(40); j > 0; j--)
				x = nextafterf(x, rnd(2) ? INFINITY : -INFINITY);
			for (j = 0; j < 8; j++, x = nextafterf(x, INFINITY), tried++)
				trusted += trusted_and_right(k, x, s);
		}
		/* floats are up to 3e-5 of a scale apart here: both outcomes are common */
		assert_true(!k || (trusted > tried / 10 && trusted < tried - tried / 10));
	}
}

static void a_trusted_guess_is_the_code_of_the_division_anywhere(void **state)
{
	int level, i;

	(void)state;
	for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
		const struct kernels *k = level_kernels(level);
		int trusted = 0;

		for (i = 0; k && i < 300000; i++) {
			float s = random_scale();

			trusted += trusted_and_right(k, (float)((unit() - 0.5) * 600 * s), s);
		}
		/* 8e-5 of uniform values are too near a tie: 24 of 300000 */
		assert_true(!k || trusted > 300000 - 100);
	}
}

static int near_code(const struct kase *k, double x)
{
	double c = rint(x / k->scale[0][0]) + k->zp[0][0] + (int)rnd(3) - 1;

	return (int)fmin(fmax(c, k->spec.local.qmin), k->spec.local.qmax);
}

/* u8 or s8, deployed codes near the float values; `spread`: standard deviation in codes */
static void common_case(struct kase *k, int rank, const int64_t *dims, double spread)
{
	bool is_signed = rnd(2);
	int64_t i;

	simple(k, rank, dims);
	k->spec.local.qmin = is_signed ? -128 : 0;
	k->spec.local.qmax = is_signed ? 127 : 255;
	k->in.y_dtype = is_signed ? DT_INT8 : DT_UINT8;
	k->scale[0][0] = k->scale[1][0] = (float)(0.01 + unit());
	k->zp[0][0] = k->zp[1][0] = (int32_t)rnd(256) + k->spec.local.qmin;
	if (rnd(4) == 0)
		k->zp[0][0] += 128;     /* unsigned codes read as signed ones differ by that */
	for (i = 0; i < k->n; i++) {
		fx(k)[i] = (float)(normal() * spread * k->scale[1][0]);
		uy(k)[i] = (uint8_t)near_code(k, fx(k)[i]);
	}
}

static void channels_may_end_anywhere_in_a_vector_or_block(void **state)
{
	static struct kase k;
	int inner, count;

	(void)state;
	for (inner = FUSED_INNER - 1; inner <= 70; inner++) {
		for (count = 1; count <= 40; count += 13) {
			common_case(&k, 3, (int64_t[]){ 1 + rnd(2), count, inner }, 20);
			check(&k);
		}
	}
	for (inner = 1000; inner <= 1050; inner += 5) {
		common_case(&k, 3, (int64_t[]){ 1, 5, inner }, 20);
		check(&k);
	}
}

static void any_length_is_right(void **state)
{
	static struct kase k;
	int n;

	(void)state;
	for (n = 1; n <= 140; n++) {
		common_case(&k, 2, (int64_t[]){ 1, n }, 20);
		k.spec.channel_axis = rnd(2) ? 0 : -1;
		check(&k);
	}
}

static void clipped_values_leave_the_guess(void **state)
{
	static struct kase k;
	int i;

	(void)state;
	for (i = 0; i < 60; i++) {
		common_case(&k, 3, (int64_t[]){ 1, 7, 300 }, 40 + 10 * i);
		check(&k);
	}
}

static void ties_leave_the_guess(void **state)
{
	static struct kase k;
	int i, j;

	(void)state;
	for (i = 0; i < 40; i++) {
		common_case(&k, 3, (int64_t[]){ 1, 7, 300 }, 20);
		for (j = 0; j < 1 + i * 20; j++)
			fx(&k)[rnd((uint32_t)k.n)] = ((int)rnd(200) - 100 + 0.5f) * k.scale[1][0];
		check(&k);
	}
}

static void values_that_no_guess_can_hold_are_right(void **state)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-45f, -0.0f };
	static const float scale[] = { 1e-38f, 1e-44f, 1e37f, 1e-33f, 1e33f, 1e-30f, 1e30f };
	static struct kase k;
	int i;

	(void)state;
	for (i = 0; i < 7; i++) {
		common_case(&k, 3, (int64_t[]){ 2, 9, 130 }, 20);
		fx(&k)[rnd((uint32_t)k.n)] = bad[i];
		check(&k);
		k.scale[1][0] = scale[i];
		check(&k);
		k.scale[0][0] = scale[i];
		check(&k);
		common_case(&k, 3, (int64_t[]){ 2, 9, 130 }, 20);
		k.scale[0][0] *= -1;            /* y falls with the code */
		check(&k);
		k.zp[0][0] = (FUSED_ZERO - 3 + i) * (i % 2 ? 1 : -1);
		k.zp[1][0] = 50 * i;
		check(&k);
	}
}

static void only_nans_are_right(void **state)
{
	static struct kase k;
	int i;

	(void)state;
	common_case(&k, 2, (int64_t[]){ 3, 500 }, 20);
	for (i = 0; i < k.n; i++)
		fx(&k)[i] = NAN;
	check(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trusted_guess_is_the_code_of_the_division_near_ties),
		cmocka_unit_test(a_trusted_guess_is_the_code_of_the_division_anywhere),
		cmocka_unit_test(channels_may_end_anywhere_in_a_vector_or_block),
		cmocka_unit_test(any_length_is_right),
		cmocka_unit_test(clipped_values_leave_the_guess),
		cmocka_unit_test(ties_leave_the_guess),
		cmocka_unit_test(values_that_no_guess_can_hold_are_right),
		cmocka_unit_test(only_nans_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
