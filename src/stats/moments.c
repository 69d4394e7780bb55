/* Moments of one tensor, block by block; the inner loop is a kernel. */
#include "stats/moments.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "stats/binner.h"
#include "stats/kernel.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

struct run {
	struct moments *out;
	struct tensor t;                /* borrowed view */
	const struct kernels *k;
	bool in_float;                  /* every value of the type is a float */
	struct binner bin;
};

static bool fits_float(int dtype)
{
	switch (dtype) {
	case DT_DOUBLE: case DT_INT32: case DT_UINT32: case DT_INT64: case DT_UINT64:
		return false;
	default:
		return true;
	}
}

static void add_sums(struct moments *m, const struct run_moments *b)
{
	m->sum += b->sum;
	m->sum_abs += b->abs;
	m->sum_x2 += b->x2;
}

static __attribute__((noinline)) void block_exact(struct run *r, int64_t start, int len)
{
	double x[PAIR_BLOCK];
	struct moment_lanes l = { 0 };
	struct moments *m = r->out;
	struct run_moments sums;
	int i, k;

	tensor_to_double(&r->t, start, len, x);
	for (i = 0; i < len; i++) {
		if (!isfinite(x[i])) {
			m->nonfinite++;
			continue;
		}
		k = i & (PAIR_LANES - 1);
		m->n++;
		l.sum[k] += x[i];
		l.abs[k] += fabs(x[i]);
		l.x2[k] += x[i] * x[i];
		m->min = fmin(m->min, x[i]) + 0.0;
		m->max = fmax(m->max, x[i]) + 0.0;
		m->min_abs = fmin(m->min_abs, fabs(x[i]));
	}
	moment_totals(&sums, &l);
	add_sums(m, &sums);
	if (!r->bin.hist)
		return;
	binner_finish(&r->bin);
	hist_add(r->bin.hist, x, len);
	binner_init(&r->bin, r->bin.hist, r->k, r->t.n);
}

static void block(struct run *r, int64_t start, int len)
{
	struct run_moments sums;
	float buf[PAIR_BLOCK];
	const float *x = buf;
	struct moments *m = r->out;

	if (r->t.dtype == DT_FLOAT)
		x = (const float *)r->t.data + start;
	else if (r->in_float)
		tensor_to_float(&r->t, start, len, buf);
	if (!r->in_float || !r->k->moments(x, len, &sums)) {
		block_exact(r, start, len);
		return;
	}
	m->n += len;
	add_sums(m, &sums);
	m->min = fmin(m->min, sums.min) + 0.0;
	m->max = fmax(m->max, sums.max) + 0.0;
	m->min_abs = fmin(m->min_abs, sums.min_abs);
	binner_block(&r->bin, x, len, sums.min, sums.max);
}

void moments_init(struct moments *m)
{
	*m = (struct moments){ .min = INFINITY, .max = -INFINITY, .min_abs = INFINITY };
}

bool moments_accumulate(struct moments *m, struct hist *hist, const void *data, int dtype,
			int64_t n, enum pair_level level)
{
	int64_t start;
	double probe;
	struct run r;

	memset(&r, 0, offsetof(struct run, bin));
	if (!tensor_shape(&r.t, dtype, 1, &n))
		return false;
	r.t.data = data;
	if (!tensor_to_double(&r.t, 0, 0, &probe))
		return false;
	r.out = m;
	r.k = kernels_for(level);
	r.in_float = fits_float(dtype);
	binner_init(&r.bin, hist, r.k, n);
	for (start = 0; start < n; start += PAIR_BLOCK)
		block(&r, start, n - start < PAIR_BLOCK ? (int)(n - start) : PAIR_BLOCK);
	binner_finish(&r.bin);
	return true;
}

void moments_add(struct moments *dst, const struct moments *src)
{
	dst->n += src->n;
	dst->nonfinite += src->nonfinite;
	dst->min = fmin(dst->min, src->min);
	dst->max = fmax(dst->max, src->max);
	dst->min_abs = fmin(dst->min_abs, src->min_abs);
	dst->sum += src->sum;
	dst->sum_abs += src->sum_abs;
	dst->sum_x2 += src->sum_x2;
}
