/* Pair statistics against a plain loop over the definitions, and every kernel against the C one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stats/pair.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

enum { MAX_N = 6000, MAX_C = 64 };

/* ---- a case: owned operands, any spec ---- */

struct kase {
	double store[3][MAX_N];         /* room for any type */
	float scale[2][MAX_C];
	int32_t zp[2][MAX_C];
	int64_t dims[6], n;
	struct pair_spec spec;
	struct pair_input in;
};

struct result {
	struct pair_sums sums;
	struct hist hist;
	struct pair_codes codes;
	double x2[MAX_N], e2[MAX_N];
};

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

static bool has_channels(const struct kase *k)
{
	return k->spec.channel_axis >= 0 && k->spec.kind != PAIR_X_ONLY;
}

static bool run(const struct kase *k, enum pair_level level, struct result *r)
{
	struct pair_spec spec = k->spec;

	memset(r, 0, sizeof(*r));
	pair_sums_init(&r->sums);
	hist_init(&r->hist);
	spec.level = level;
	return pair_accumulate(&spec, &k->in, &r->sums, &r->hist, &r->codes,
			       has_channels(k) ? r->x2 : NULL, has_channels(k) ? r->e2 : NULL);
}

/* ---- the definitions, one element at a time ---- */

static int64_t channel(const struct kase *k, int64_t i, int axis)
{
	int64_t inner = 1;
	int d;

	for (d = axis + 1; d < k->in.rank; d++)
		inner *= k->dims[d];
	return i / inner % k->dims[axis];
}

static double element(const struct kase *k, const void *data, int dtype, int64_t i)
{
	struct tensor t;

	assert_true(tensor_shape(&t, dtype, k->in.rank, k->dims));
	t.data = data;
	return tensor_get(&t, i);
}

static double naive_y(const struct kase *k, int64_t i)
{
	const struct pair_quant *q = &k->spec.code;
	double v = element(k, k->in.y, k->in.y_dtype, i);
	int64_t c = q->count > 1 ? channel(k, i, q->axis) : 0;

	if (k->spec.kind == PAIR_FLOAT)
		return v;
	return (float)(v - (q->zp ? q->zp[c] : 0)) * q->scale[c];
}

static void naive_local(const struct kase *k, int64_t i, double x, struct result *r)
{
	const struct pair_quant *q = &k->spec.local;
	int64_t c = q->count > 1 ? channel(k, i, q->axis) : 0;
	double zp = q->zp ? q->zp[c] : 0, code, sat, e;
	float s = q->scale[c], t;

	if (!(s > 0) || !isfinite(s))
		return;
	t = (float)x / s;
	code = rint(t) + zp;
	sat = fmin(fmax(code, q->qmin), q->qmax);
	e = x - (float)(sat - zp) * s;
	r->sums.n_local++;
	if (code != sat) {
		r->sums.n_clipped++;
		r->sums.sum_e2_clip += e * e;
	} else {
		r->sums.sum_e2_round += e * e;
	}
	r->sums.sum_e2_steps += e * e / ((double)s * s);
	if ((int64_t)q->qmax - q->qmin < 256) {
		int bit = (int)(sat - q->qmin);

		r->codes.seen[bit / 64] |= 1ull << bit % 64;
	}
}

static void naive_pre(const struct kase *k, int64_t i, double y, struct pair_sums *s)
{
	double p = element(k, k->in.pre, k->in.pre_dtype, i);

	if (p < k->spec.lo)
		p = k->spec.lo;
	if (p > k->spec.hi)
		p = k->spec.hi;
	if (!isfinite(p)) {
		s->nonfinite_pre++;
		return;
	}
	s->n_pre++;
	s->sum_p2 += p * p;
	s->sum_pe2 += (p - y) * (p - y);
}

static void naive_element(const struct kase *k, int64_t i, struct result *r)
{
	struct pair_sums *s = &r->sums;
	bool has_y = k->spec.kind != PAIR_X_ONLY;
	double x = element(k, k->in.x, k->in.x_dtype, i), y = has_y ? naive_y(k, i) : 0, e = x - y;

	s->nonfinite_x += !isfinite(x);
	s->nonfinite_y += !isfinite(y);
	if (!isfinite(x) || !isfinite(y))
		return;
	s->n++;
	s->sum_x2 += x * x;
	s->min_x = fmin(s->min_x, x);
	s->max_x = fmax(s->max_x, x);
	if (k->spec.local.scale)
		naive_local(k, i, x, r);
	if (!has_y)
		return;
	s->sum_y2 += y * y;
	s->sum_e2 += e * e;
	s->sum_abs_e += fabs(e);
	s->min_y = fmin(s->min_y, y);
	s->max_y = fmax(s->max_y, y);
	if (fabs(e) > s->max_abs_e) {
		s->max_abs_e = fabs(e);
		s->max_index = i;
	}
	if (has_channels(k)) {
		r->x2[channel(k, i, k->spec.channel_axis)] += x * x;
		r->e2[channel(k, i, k->spec.channel_axis)] += e * e;
	}
	if (k->in.pre)
		naive_pre(k, i, y, s);
}

static void naive_hist(const struct kase *k, const struct pair_sums *s, struct hist *h)
{
	double m = s->n ? fmax(fabs(s->min_x), fabs(s->max_x)) : 0;
	int64_t i;

	while (m >= ldexp(1024, h->exp))
		h->exp++;
	for (i = 0; i < k->n; i++) {
		double x = element(k, k->in.x, k->in.x_dtype, i);
		double y = k->spec.kind != PAIR_X_ONLY ? naive_y(k, i) : 0;

		if (!isfinite(x) || !isfinite(y))
			continue;
		h->count[1024 + (int)floor(x / ldexp(1, h->exp))]++;
		h->n++;
	}
}

static void naive(const struct kase *k, struct result *r)
{
	int64_t i;

	memset(r, 0, sizeof(*r));
	pair_sums_init(&r->sums);
	hist_init(&r->hist);
	for (i = 0; i < k->n; i++)
		naive_element(k, i, r);
	naive_hist(k, &r->sums, &r->hist);
}

/* ---- comparing ---- */

/* Sums of non-negative terms: any order agrees to n * 2^-53. */
#define NEAR(field)                                                                     \
	do {                                                                            \
		double g_ = got->field, w_ = want->field;                               \
		if (!(fabs(g_ - w_) <= 1e-11 * fabs(w_)))                               \
			fail_msg("%s: %.17g, want %.17g", #field, g_, w_);              \
	} while (0)
#define SAME(field)                                                                     \
	do {                                                                            \
		if (got->field != want->field)                                          \
			fail_msg("%s: %.17g, want %.17g", #field, (double)got->field,   \
				 (double)want->field);                                  \
	} while (0)

static void assert_close(const struct result *got, const struct result *want)
{
	int i;

	SAME(sums.n); SAME(sums.nonfinite_x); SAME(sums.nonfinite_y);
	SAME(sums.max_abs_e); SAME(sums.max_index);
	SAME(sums.min_x); SAME(sums.max_x); SAME(sums.min_y); SAME(sums.max_y);
	SAME(sums.n_local); SAME(sums.n_clipped); SAME(sums.n_pre); SAME(sums.nonfinite_pre);
	NEAR(sums.sum_x2); NEAR(sums.sum_y2); NEAR(sums.sum_e2); NEAR(sums.sum_abs_e);
	NEAR(sums.sum_e2_round); NEAR(sums.sum_e2_clip); NEAR(sums.sum_e2_steps);
	NEAR(sums.sum_p2); NEAR(sums.sum_pe2);
	SAME(hist.exp); SAME(hist.n);
	for (i = 0; i < HIST_BINS; i++)
		SAME(hist.count[i]);
	for (i = 0; i < 4; i++)
		SAME(codes.seen[i]);
	for (i = 0; i < MAX_N; i++) {
		NEAR(x2[i]);
		NEAR(e2[i]);
	}
}

/* All of it: right, and the same bits at every level. */
static void check(const struct kase *k)
{
	static struct result want, c, v;
	int level;

	naive(k, &want);
	assert_true(run(k, PAIR_LEVEL_C, &c));
	assert_close(&c, &want);
	for (level = PAIR_LEVEL_AVX2; level < PAIR_LEVELS; level++) {
		if (!pair_level_supported(level))
			continue;
		assert_true(run(k, level, &v));
		assert_close(&v, &want);
		assert_memory_equal(&v, &c, sizeof(c));
	}
}

/* ---- making cases ---- */

static void set_shape(struct kase *k, int rank, const int64_t *dims)
{
	int i;

	k->n = 1;
	for (i = 0; i < rank; i++) {
		k->dims[i] = dims[i];
		k->n *= dims[i];
	}
	assert_true(k->n <= MAX_N);
	k->in.rank = rank;
	k->in.dims = k->dims;
}

/* u8 codes, per-tensor, scale 0.05, zero point 100, everything measured, channels along axis 1 */
static void simple(struct kase *k, int rank, const int64_t *dims)
{
	memset(k, 0, sizeof(*k));
	set_shape(k, rank, dims);
	k->in.x = k->store[0];
	k->in.y = k->store[1];
	k->in.x_dtype = k->in.pre_dtype = DT_FLOAT;
	k->in.y_dtype = DT_UINT8;
	k->scale[0][0] = k->scale[1][0] = 0.05f;
	k->zp[0][0] = k->zp[1][0] = 100;
	k->spec = (struct pair_spec){
		.kind = PAIR_CODES,
		.code = { k->scale[0], k->zp[0], 1, 0, 0, 255 },
		.local = { k->scale[1], k->zp[1], 1, 0, 0, 255 },
		.lo = -INFINITY, .hi = INFINITY,
		.channel_axis = rank > 1 ? 1 : -1,
	};
}

static float *fx(struct kase *k)
{
	return (float *)k->store[0];
}

static uint8_t *uy(struct kase *k)
{
	return (uint8_t *)k->store[1];
}

enum { NORMAL, RELU, TIES, EXTREME, DENORMAL, SPOILT, ZERO, GROWING, FLAVOURS };

static double value(int flavour, float scale, int64_t i)
{
	static const double edge[] = { 3e38, -3e38, 1e-45, -1e-45, 0, -0.0, 1, -1, 1e-38, 3.4028234e38 };
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
	int64_t span = t->qmax - t->qmin + 1;
	int i;

	*q = (struct pair_quant){ scale, rnd(4) ? zp : NULL, 1, 0, (int32_t)t->qmin, (int32_t)t->qmax };
	if (k->in.rank && rnd(3) == 0) {
		q->axis = (int)rnd((uint32_t)k->in.rank);
		if (k->dims[q->axis] <= MAX_C && k->dims[q->axis] > 0)
			q->count = k->dims[q->axis];
	}
	for (i = 0; i < MAX_C; i++) {
		scale[i] = (float)ldexp(1 + unit(), -(int)rnd(8));
		zp[i] = (int32_t)(t->qmin + (int64_t)(unit() * (double)(span < 65536 ? span : 65536)));
	}
	if (rnd(10) == 0)
		scale[rnd((uint32_t)q->count)] = 0;
}

static void random_case(struct kase *k)
{
	static const int xtype[] = { DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_FLOAT, DT_FLOAT16,
				     DT_BFLOAT16, DT_DOUBLE };
	static const int qtype[] = { DT_UINT8, DT_INT8, DT_UINT16, DT_INT16, DT_INT32, DT_UINT4, DT_INT4 };
	static const int ltype[] = { DT_UINT8, DT_INT8, DT_UINT16, DT_INT16, DT_UINT4, DT_INT4 };
	static const int64_t size[] = { 1, 2, 3, 5, 7, 12, 15, 16, 17, 31, 33, 40, 64, 100, 500, 1100 };
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_pairs_match_the_definitions_at_every_level),
		cmocka_unit_test(every_tail_length_is_right),
		cmocka_unit_test(an_unaligned_operand_gives_the_same),
		cmocka_unit_test(long_tensors_do_not_overflow_the_spread_counters),
		cmocka_unit_test(clipping_is_decided_after_rounding_half_to_even),
		cmocka_unit_test(a_quotient_that_overflows_is_clipped),
		cmocka_unit_test(codes_seen_are_counted_from_qmin),
		cmocka_unit_test(an_impossible_scale_leaves_the_local_part_out),
		cmocka_unit_test(int32_codes_subtract_exactly),
		cmocka_unit_test(non_finite_elements_are_left_out_and_counted),
		cmocka_unit_test(the_first_of_equal_errors_is_the_largest),
		cmocka_unit_test(the_sum_of_products_comes_from_the_squares),
		cmocka_unit_test(adding_keeps_counts_extremes_and_the_earlier_index),
		cmocka_unit_test(what_does_not_fit_is_refused_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
