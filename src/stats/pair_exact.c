/* The element-wise path of a pair: what a block with a NaN or an infinity takes, and tensors of
 * type double. The same sums as the kernels', written plainly. */
#include "stats/pair_run.h"

#include <math.h>

static void exact_local(struct run *r, int64_t start, const double *x, int len, const bool *keep)
{
	struct piece p;
	int i;

	for (piece_start(&r->local, start, &p); piece_next(&r->local, len, &p); ) {
		struct run_local sums = { .n_clipped = 0 };
		struct local_lanes l = { 0 };
		uint64_t *seen = r->count_codes ? r->codes->seen : NULL;
		struct local_quant q;

		if (!local_quant(&r->spec->local, p.channel, &q))
			continue;
		for (i = 0; i < p.n; i++) {
			double v = x[p.first + i];

			if (!keep[p.first + i])
				continue;
			local_one(&l, &sums, &q, i & (PAIR_LANES - 1), (float)v, v, seen);
			r->out->n_local++;
		}
		sums.round = lanes_total(l.round);
		sums.clip = lanes_total(l.clip);
		add_local(r->out, &sums, &q);
	}
}

static void exact_chan(struct run *r, int64_t start, const double *x, const double *y, int len,
		       const bool *keep)
{
	struct piece p;
	int i, k;

	for (piece_start(&r->chan, start, &p); piece_next(&r->chan, len, &p); ) {
		double x2[PAIR_LANES] = { 0 }, e2[PAIR_LANES] = { 0 };

		for (i = 0; i < p.n; i++) {
			double v = x[p.first + i], e = v - y[p.first + i];

			if (!keep[p.first + i])
				continue;
			k = i & (PAIR_LANES - 1);
			x2[k] = fma(v, v, x2[k]);
			e2[k] = fma(e, e, e2[k]);
		}
		r->chan_x2[p.channel] += lanes_total(x2);
		r->chan_e2[p.channel] += lanes_total(e2);
	}
}

static void exact_sum(struct run *r, struct sum_lanes *l, int64_t index, int k, double x, double y)
{
	struct pair_sums *s = r->out;
	double e = x - y;

	s->n++;
	l->x2[k] = fma(x, x, l->x2[k]);
	s->min_x = fmin(s->min_x, x) + 0.0;
	s->max_x = fmax(s->max_x, x) + 0.0;
	if (!r->has_y)
		return;
	l->y2[k] = fma(y, y, l->y2[k]);
	l->e2[k] = fma(e, e, l->e2[k]);
	l->ae[k] += fabs(e);
	s->min_y = fmin(s->min_y, y) + 0.0;
	s->max_y = fmax(s->max_y, y) + 0.0;
	if (fabs(e) > s->max_abs_e) {
		s->max_abs_e = fabs(e);
		s->max_index = index;
	}
}

static void exact_hist(struct run *r, const double *x, int len, const bool *keep)
{
	int i;

	binner_finish(&r->bin);
	for (i = 0; i < len; i++) {
		if (keep[i])
			hist_add(r->bin.hist, x + i, 1);
	}
	binner_init(&r->bin, r->bin.hist, r->k, r->x.n);
}

void pair_block_pre(struct run *r, int64_t start, int len, const double *y, const bool *keep)
{
	double pre[PAIR_BLOCK], lo = r->spec->lo, hi = r->spec->hi;
	struct sum_lanes l = { 0 };
	int i, k;

	tensor_to_double(&r->pre, start, len, pre);
	for (i = 0; i < len; i++) {
		double p = pre[i] < lo ? lo : pre[i] > hi ? hi : pre[i], e = p - y[i];

		if (keep && !keep[i])
			continue;
		if (!isfinite(p)) {
			r->out->nonfinite_pre++;
			continue;
		}
		k = i & (PAIR_LANES - 1);
		r->out->n_pre++;
		l.x2[k] = fma(p, p, l.x2[k]);
		l.e2[k] = fma(e, e, l.e2[k]);
	}
	r->out->sum_p2 += lanes_total(l.x2);
	r->out->sum_pe2 += lanes_total(l.e2);
}

void pair_block_exact(struct run *r, int64_t start, int len, const float *yf)
{
	double x[PAIR_BLOCK], y[PAIR_BLOCK];
	struct sum_lanes l = { 0 };
	struct run_sums sums;
	bool keep[PAIR_BLOCK];
	int i;

	tensor_to_double(&r->x, start, len, x);
	if (r->has_y && !yf)
		tensor_to_double(&r->y, start, len, y);
	for (i = 0; i < len; i++) {
		if (!r->has_y)
			y[i] = 0;
		else if (yf)
			y[i] = yf[i];
		keep[i] = isfinite(x[i]) && isfinite(y[i]);
		r->out->nonfinite_x += !isfinite(x[i]);
		r->out->nonfinite_y += !isfinite(y[i]);
		if (keep[i])
			exact_sum(r, &l, start + i, i & (PAIR_LANES - 1), x[i], y[i]);
	}
	sum_totals(&sums, &l);
	add_sums(r->out, &sums);
	if (r->local_on)
		exact_local(r, start, x, len, keep);
	if (hist_wanted(r, start))
		exact_hist(r, x, len, keep);
	if (r->chan_x2)
		exact_chan(r, start, x, y, len, keep);
	if (r->has_pre)
		pair_block_pre(r, start, len, y, keep);
}
