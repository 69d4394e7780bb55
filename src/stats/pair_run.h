/* stats/pair_run.h - private to src/stats: one call of pair_accumulate, as its blocks see it. */
#ifndef STATS_PAIR_RUN_H
#define STATS_PAIR_RUN_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "stats/binner.h"
#include "stats/kernel.h"
#include "stats/pair.h"
#include "tensor/tensor.h"

enum { EXACT_INT = 1 << 24 };   /* integers up to here are floats */

/* An axis as memory sees it: channel of flat index i is i / inner % count. */
struct axis {
	int64_t inner, count;
};

/* The part of one channel inside a block. */
struct piece {
	int64_t channel, left;  /* left: elements of this channel run from `first` on */
	int first, n;
};

struct run {
	const struct pair_spec *spec;
	const struct kernels *k;
	struct pair_sums *out;
	struct tensor x, y, pre;                /* borrowed views */
	bool wide, has_y, has_pre;
	struct axis chan, code, local;
	double *chan_x2, *chan_e2;
	struct pair_codes *codes;
	bool local_on, count_codes;
	bool fuse, fuse_local;                  /* what the fused kernel does of this tensor */
	struct local_quant fused_quant;
	struct fused_in fused;
	struct binner bin;
};

/* The element-wise path: the block again, one element at a time, leaving out non-finite ones.
 * yf: y as floats when it is not of type double. */
void pair_block_exact(struct run *r, int64_t start, int len, const float *yf);
/* The statistics of `pre` alone; keep NULL: every element is counted. */
void pair_block_pre(struct run *r, int64_t start, int len, const double *y, const bool *keep);

static inline void piece_start(const struct axis *a, int64_t start, struct piece *p)
{
	p->channel = start / a->inner % a->count;
	p->left = a->inner - start % a->inner;
	p->first = p->n = 0;
}

/* Step to the next piece of a block of len elements; false at the end. */
static inline bool piece_next(const struct axis *a, int len, struct piece *p)
{
	if (p->n) {
		p->first += p->n;
		p->left -= p->n;
	}
	if (!p->left) {
		p->left = a->inner;
		p->channel = p->channel + 1 == a->count ? 0 : p->channel + 1;
	}
	p->n = p->left < len - p->first ? (int)p->left : len - p->first;
	return p->n > 0;
}

static inline int32_t zero_point(const struct pair_quant *q, int64_t c)
{
	return q->zp ? q->zp[c] : 0;
}

static inline bool local_quant(const struct pair_quant *q, int64_t c, struct local_quant *out)
{
	int64_t lo = (int64_t)q->qmin - zero_point(q, c), hi = (int64_t)q->qmax - zero_point(q, c);

	*out = (struct local_quant){ q->scale[c], (float)lo, (float)hi };
	return out->scale > 0 && isfinite(out->scale) && lo <= hi &&
	       lo >= -EXACT_INT && hi <= EXACT_INT;
}

static inline bool hist_wanted(const struct run *r, int64_t start)
{
	int every = r->spec->hist_every;

	return r->bin.hist && (every < 2 || start / PAIR_BLOCK % every == 0);
}

static inline void add_sums(struct pair_sums *s, const struct run_sums *b)
{
	s->sum_x2 += b->x2;
	s->sum_y2 += b->y2;
	s->sum_e2 += b->e2;
	s->sum_abs_e += b->ae;
}

static inline void add_local(struct pair_sums *s, const struct run_local *b, const struct local_quant *q)
{
	s->sum_e2_round += b->round;
	s->sum_e2_clip += b->clip;
	s->sum_e2_steps += (b->round + b->clip) / ((double)q->scale * q->scale);
	s->n_clipped += b->n_clipped;
}

#endif
