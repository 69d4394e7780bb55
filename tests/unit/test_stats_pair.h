/* tests/unit/test_stats_pair.h - a pair to measure, the definitions of stats/pair.h one element
 * at a time, and the comparison of the two at every level. */
#ifndef TEST_STATS_PAIR_H
#define TEST_STATS_PAIR_H

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

#endif
