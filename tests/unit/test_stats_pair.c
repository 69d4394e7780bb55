/* Random pairs against a plain loop over the definitions, and every kernel against the C one. */
#include "test_stats_pair.h"

static uint64_t seed;

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

enum { NORMAL, RELU, TIES, EXTREME, DENORMAL, SPOILT, ZERO, GROWING, FLAVOURS };

static double value(int flavour, float scale, int64_t i)
{
	static const double edge[] = {
		3e38, -3e38, 1e-45, -1e-45, 0, -0.0, 1, -1, 1e-38, 3.4028234e38
	};
	static const double bad[] = { NAN, INFINITY, -INFINITY };

	switch (flavour) {
	case RELU: return fmax(normal(), 0);
	case TIES: return ((int)rnd(600) - 300 + 0.5) * scale;
	case EXTREME: return edge[rnd(10)];
	case DENORMAL: return ((int)rnd(200) - 100) * 1.4012984643e-45;
	case SPOILT: return rnd(500) ? normal() : bad[rnd(3)];
	case ZERO: return rnd(2) ? 0.0 : -0.0;
	case GROWING: return normal() * ldexp(1, (int)(i / 700) * 4 - 12);
	default: return normal();
	}
}

static uint16_t bf16_of(double v)
{
	float f = (float)v;
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return (uint16_t)(u >> 16);
}

static void fill(void *data, int dtype, int64_t n, int flavour, float scale)
{
	int64_t i;

	for (i = 0; i < n; i++) {
		double v = value(flavour, scale, i);

		switch (dtype) {
		case DT_FLOAT: ((float *)data)[i] = (float)v; break;
		case DT_DOUBLE: ((double *)data)[i] = v; break;
		case DT_BFLOAT16: ((uint16_t *)data)[i] = bf16_of(v); break;
		case DT_FLOAT16: ((uint16_t *)data)[i] = (uint16_t)rnd(65536); break;
		default: assert_true(0);
		}
	}
}

static void random_quant(struct pair_quant *q, const struct kase *k, float *scale, int32_t *zp,
			 int dtype)
{
	const struct dtype_info *t = dtype_info(dtype);
	int64_t span = t->qmax - t->qmin + 1 < 65536 ? t->qmax - t->qmin + 1 : 65536;
	int i;

	*q = (struct pair_quant){
		scale, rnd(4) ? zp : NULL, 1, 0, (int32_t)t->qmin, (int32_t)t->qmax
	};
	if (k->in.rank && rnd(3) == 0) {
		q->axis = (int)rnd((uint32_t)k->in.rank);
		if (k->dims[q->axis] <= MAX_C && k->dims[q->axis] > 0)
			q->count = k->dims[q->axis];
	}
	for (i = 0; i < MAX_C; i++) {
		scale[i] = (float)ldexp(1 + unit(), -(int)rnd(8));
		zp[i] = (int32_t)(t->qmin + (int64_t)(unit() * (double)span));
	}
	if (rnd(10) == 0)
		scale[rnd((uint32_t)q->count)] = 0;
}

static void random_case(struct kase *k)
{
	static const int xtype[] = { DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_FLOAT16,
				     DT_BFLOAT16, DT_DOUBLE };
	static const int qtype[] = { DT_UINT8, DT_INT8, DT_UINT16, DT_INT16, DT_INT32, DT_UINT4,
				     DT_INT4 };
	static const int ltype[] = { DT_UINT8, DT_INT8, DT_UINT16, DT_INT16, DT_UINT4, DT_INT4 };
	static const int64_t size[] = { 1, 2, 3, 5, 7, 12, 15, 16, 17, 31, 33, 40, 64, 100, 500,
					1100 };
	int64_t dims[6], n = 1;
	int rank = (int)rnd(6), i, flavour = (int)rnd(FLAVOURS);
	size_t b;

	for (i = 0; i < rank; i++) {
		do
			dims[i] = size[rnd(16)];
		while (n * dims[i] > MAX_N);
		n *= dims[i];
	}
	memset(k, 0, sizeof(*k));
	set_shape(k, rank, dims);
	k->spec.kind = (enum pair_kind)rnd(3);
	k->spec.channel_axis = rank ? (int)rnd((uint32_t)rank + 1) - 1 : -1;
	k->spec.lo = rnd(2) ? -INFINITY : 0;
	k->spec.hi = rnd(2) ? INFINITY : 1;
	k->in.x_dtype = xtype[rnd(8)];
	k->in.pre_dtype = xtype[rnd(8)];
	k->in.x = k->store[0];
	k->in.y = k->store[1];
	k->in.pre = rnd(3) && k->spec.kind != PAIR_X_ONLY ? k->store[2] : NULL;
	k->in.y_dtype = k->spec.kind == PAIR_FLOAT ? xtype[rnd(8)] : qtype[rnd(7)];
	if (k->spec.kind == PAIR_CODES)
		random_quant(&k->spec.code, k, k->scale[0], k->zp[0], k->in.y_dtype);
	if (rnd(4))
		random_quant(&k->spec.local, k, k->scale[1], k->zp[1], ltype[rnd(6)]);
	fill(k->store[0], k->in.x_dtype, n, flavour, k->scale[1][0]);
	fill(k->store[2], k->in.pre_dtype, n, (int)rnd(FLAVOURS), 1);
	if (k->spec.kind == PAIR_FLOAT)
		fill(k->store[1], k->in.y_dtype, n, (int)rnd(FLAVOURS), 1);
	else
		for (b = 0; b < sizeof(k->store[1]); b++)
			((uint8_t *)k->store[1])[b] = (uint8_t)rnd(256);
}

/* ---- tests ---- */

static void random_pairs_match_the_definitions_at_every_level(void **state)
{
	static struct kase k;
	int i;

	(void)state;
	seed = 88172645463325252ull;
	for (i = 0; i < 700; i++) {
		random_case(&k);
		check(&k);
	}
}

static void every_tail_length_is_right(void **state)
{
	static struct kase k;
	int64_t n, i;

	(void)state;
	seed = 12345;
	for (n = 0; n <= 70; n++) {
		simple(&k, 2, (int64_t[]){ 1, n });
		for (i = 0; i < n; i++) {
			fx(&k)[i] = (float)normal();
			uy(&k)[i] = (uint8_t)rnd(256);
		}
		check(&k);
		k.spec.channel_axis = 0;
		check(&k);
		k.spec.kind = PAIR_X_ONLY;
		check(&k);
	}
}

static void an_unaligned_operand_gives_the_same(void **state)
{
	static struct kase k;
	static struct result a, b;
	int level, i;

	(void)state;
	seed = 99;
	for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
		if (!pair_level_supported(level))
			continue;
		simple(&k, 2, (int64_t[]){ 3, 701 });
		for (i = 0; i < k.n; i++) {
			fx(&k)[i] = (float)normal();
			uy(&k)[i] = (uint8_t)rnd(256);
		}
		assert_true(run(&k, level, &a));
		memmove(fx(&k) + 1, fx(&k), (size_t)k.n * sizeof(float));
		memmove(uy(&k) + 3, uy(&k), (size_t)k.n);
		k.in.x = fx(&k) + 1;
		k.in.y = uy(&k) + 3;
		assert_true(run(&k, level, &b));
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

static void long_tensors_do_not_overflow_the_spread_counters(void **state)
{
	enum { N = 600 * 1024 };        /* more than 255 blocks between two folds */
	float *x = calloc(N, sizeof(*x));
	struct pair_spec spec = { .kind = PAIR_X_ONLY, .channel_axis = -1 };
	struct pair_input in = { .x = x, .x_dtype = DT_FLOAT, .rank = 1, .dims = (int64_t[]){ N } };
	struct pair_sums s;
	static struct hist h;
	int level, i;

	(void)state;
	assert_non_null(x);
	/* per block 1023 times bin 512 (0.5 / 2^-10) and once the bin of 1 - 2^-10 */
	for (i = 0; i < N; i++)
		x[i] = i % 1024 ? 0.5f : 0.9990234375f;
	for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
		if (!pair_level_supported(level))
			continue;
		spec.level = (enum pair_level)level;
		hist_init(&h);
		pair_sums_init(&s);
		assert_true(pair_accumulate(&spec, &in, &s, &h, NULL, NULL, NULL));
		assert_int_equal(h.exp, -10);
		assert_int_equal(h.count[1024 + 512], 600 * 1023);
		assert_int_equal(h.count[1024 + 1023], 600);
		assert_int_equal(h.n, N);
	}
	free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_pairs_match_the_definitions_at_every_level),
		cmocka_unit_test(every_tail_length_is_right),
		cmocka_unit_test(an_unaligned_operand_gives_the_same),
		cmocka_unit_test(long_tensors_do_not_overflow_the_spread_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
