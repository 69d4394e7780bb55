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
	struct moment_lanes lanes;
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

static __attribute__((noinline)) void block_exact(struct run *r, int64_t start, int len)
{
	double x[PAIR_BLOCK];
	struct moments *m = r->out;
	int i, k;

	tensor_to_double(&r->t, start, len, x);
	for (i = 0; i < len; i++) {
		if (!isfinite(x[i])) {
			m->nonfinite++;
			continue;
		}
		k = i & (PAIR_LANES - 1);
		m->n++;
		r->lanes.sum[k] += x[i];
		r->lanes.abs[k] += fabs(x[i]);
		r->lanes.x2[k] += x[i] * x[i];
		m->min = fmin(m->min, x[i]) + 0.0;
		m->max = fmax(m->max, x[i]) + 0.0;
		m->min_abs = fmin(m->min_abs, fabs(x[i]));
	}
	if (!r->bin.hist)
		return;
	binner_finish(&r->bin);
	hist_add(r->bin.hist, x, len);
	binner_init(&r->bin, r->bin.hist, r->k, r->t.n);
}

static void block(struct run *r, int64_t start, int len)
{
	struct block_range range;
	float buf[PAIR_BLOCK];
	const float *x = buf;
	struct moments *m = r->out;

	if (r->t.dtype == DT_FLOAT)
		x = (const float *)r->t.data + start;
	else if (r->in_float)
		tensor_to_float(&r->t, start, len, buf);
	if (!r->in_float || !r->k->moments(x, len, &r->lanes, &range)) {
		block_exact(r, start, len);
		return;
	}
	m->n += len;
	m->min = fmin(m->min, range.min_x) + 0.0;
	m->max = fmax(m->max, range.max_x) + 0.0;
	m->min_abs = fmin(m->min_abs, range.min_y);
	binner_block(&r->bin, x, len, range.min_x, range.max_x);
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
	m->sum += lanes_total(r.lanes.sum);
	m->sum_abs += lanes_total(r.lanes.abs);
	m->sum_x2 += lanes_total(r.lanes.x2);
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
