/* Power-of-two histogram: knows bins, not where the values come from. */
#include "stats/hist.h"

#include <math.h>
#include <string.h>

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->exp = HIST_EXP_MIN;
}

int hist_exp_for(double magnitude)
{
	int k;

	if (!(magnitude > 0))
		return HIST_EXP_MIN;
	frexp(magnitude, &k);           /* 2^(k-1) <= magnitude < 2^k = 1024 * 2^(k-10) */
	return k - 10 > HIST_EXP_MIN ? k - 10 : HIST_EXP_MIN;
}

/* Fold to bins 2^shift times as wide: floor(b / 2^shift), which is exact on both sides of 0. */
static void widen(struct hist *h, int shift)
{
	uint64_t *zero = h->count + HIST_HALF;
	int b, to;

	if (shift > 11)
		shift = 11;             /* all of [0, 1024) into 0, all of [-1024, 0) into -1 */
	for (b = 1; b < HIST_HALF; b++) {
		to = b >> shift;
		if (to == b)
			continue;
		zero[to] += zero[b];
		zero[b] = 0;
	}
	for (b = -2; b >= -HIST_HALF; b--) {
		to = -1 - ((-1 - b) >> shift);
		if (to == b)
			continue;
		zero[to] += zero[b];
		zero[b] = 0;
	}
}

static void set_exp(struct hist *h, int exp)
{
	if (exp <= h->exp)
		return;
	if (h->n)
		widen(h, exp - h->exp);
	h->exp = exp;
}

void hist_grow(struct hist *h, double magnitude)
{
	set_exp(h, hist_exp_for(magnitude));
}

void hist_add(struct hist *h, const double *x, int64_t n)
{
	int64_t i;
	double m = 0;

	for (i = 0; i < n; i++) {
		if (isfinite(x[i]) && fabs(x[i]) > m)
			m = fabs(x[i]);
	}
	hist_grow(h, m);
	for (i = 0; i < n; i++) {
		double v;

		if (!isfinite(x[i]))
			continue;
		/* ldexp may round a tiny quotient to 0: its sign still says which bin */
		v = floor(ldexp(x[i], -h->exp));
		if (x[i] < 0 && v > -1)
			v = -1;
		h->count[HIST_HALF + (int)v]++;
		h->n++;
	}
}

void hist_merge(struct hist *dst, const struct hist *src)
{
	struct hist wide;
	int i;

	if (src->exp < dst->exp && src->n) {
		wide = *src;
		set_exp(&wide, dst->exp);
		src = &wide;
	}
	set_exp(dst, src->exp);
	for (i = 0; i < HIST_BINS; i++)
		dst->count[i] += src->count[i];
	dst->n += src->n;
}

double hist_width(const struct hist *h)
{
	return ldexp(1, h->exp);
}

double hist_edge(const struct hist *h, int i)
{
	return ldexp(i - HIST_HALF, h->exp);
}

void hist_extent(const struct hist *h, int *first, int *last)
{
	int i;

	*first = 0;
	*last = -1;
	for (i = 0; i < HIST_BINS; i++) {
		if (!h->count[i])
			continue;
		if (*last < 0)
			*first = i;
		*last = i;
	}
}
