/* Power-of-two histogram: knows bins, not where the values come from. */
#include "stats/hist.h"

#include <math.h>
#include <string.h>

void hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->exp = HIST_EXP_MIN;
	h->last = -1;
}

void hist_reset(struct hist *h)
{
	int first, last;

	if (h->n) {
		hist_extent(h, &first, &last);
		memset(h->count + first, 0, (size_t)(last - first + 1) * sizeof(h->count[0]));
	}
	h->exp = HIST_EXP_MIN;
	h->first = 0;
	h->last = -1;
	h->n = 0;
}

int hist_exp_for(double magnitude)
{
	int k;

	if (!(magnitude > 0))
		return HIST_EXP_MIN;
	frexp(magnitude, &k);           /* 2^(k-1) <= magnitude < 2^k = 1024 * 2^(k-10) */
	return k - 10 > HIST_EXP_MIN ? k - 10 : HIST_EXP_MIN;
}

/* The index of a bin 2^shift times as wide: floor(b / 2^shift), exact on both sides of 0. */
static int wider(int i, int shift)
{
	int b = i - HIST_HALF;

	if (shift > 11)
		shift = 11;             /* all of [0, 1024) into 0, all of [-1024, 0) into -1 */
	return HIST_HALF + (b < 0 ? -1 - ((-1 - b) >> shift) : b >> shift);
}

/* From 0 outwards: a bin is empty, or was moved, before another moves there. */
static void widen(struct hist *h, int shift)
{
	int first, last, i;
	uint64_t n;

	hist_extent(h, &first, &last);
	for (i = first > HIST_HALF ? first : HIST_HALF; i <= last; i++) {
		n = h->count[i];
		h->count[i] = 0;
		h->count[wider(i, shift)] += n;
	}
	for (i = last < HIST_HALF ? last : HIST_HALF - 1; i >= first; i--) {
		n = h->count[i];
		h->count[i] = 0;
		h->count[wider(i, shift)] += n;
	}
	h->first = wider(first, shift);
	h->last = wider(last, shift);
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

void hist_use(struct hist *h, int first, int last)
{
	int a, b;

	hist_extent(h, &a, &b);
	h->first = b < a || first < a ? first : a;
	h->last = b < a || last > b ? last : b;
}

void hist_add(struct hist *h, const double *x, int64_t n)
{
	double m = 0;
	int64_t i;
	int bin;

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
		bin = HIST_HALF + (int)v;
		hist_use(h, bin, bin);
		h->count[bin]++;
		h->n++;
	}
}

void hist_merge(struct hist *dst, const struct hist *src)
{
	int first, last, shift, i;

	set_exp(dst, src->exp);
	hist_extent(src, &first, &last);
	if (last < first)
		return;
	shift = dst->exp - src->exp;
	hist_use(dst, wider(first, shift), wider(last, shift));
	for (i = first; i <= last; i++)
		dst->count[wider(i, shift)] += src->count[i];
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

static void search_extent(const struct hist *h, int *first, int *last)
{
	int i;

	for (i = 0; i < HIST_BINS; i++) {
		if (!h->count[i])
			continue;
		if (*last < 0)
			*first = i;
		*last = i;
	}
}

void hist_extent(const struct hist *h, int *first, int *last)
{
	*first = 0;
	*last = -1;
	if (!h->n)
		return;
	if (h->first > h->last) {
		search_extent(h, first, last);
		return;
	}
	*first = h->first;
	*last = h->last;
}
