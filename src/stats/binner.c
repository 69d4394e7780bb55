/* Blocks of floats into a histogram; the width follows the data. */
#include "stats/binner.h"

#include <math.h>
#include <string.h>

static void take_width(struct binner *b)
{
	int e = b->hist->exp;

	b->limit = ldexp(HIST_HALF, e);
	b->inv = e >= -126 && e <= 126 ? ldexpf(1, -e) : 0;
}

void binner_init(struct binner *b, struct hist *hist, const struct kernels *k, int64_t n)
{
	b->hist = hist;
	b->k = k;
	b->pending = -1;
	b->sparse = false;
	if (!hist)
		return;
	take_width(b);
	b->first = HIST_BINS;
	b->last = -1;
	if (n >= BINNER_DIRECT) {
		b->pending = 0;
		memset(b->part, 0, sizeof(b->part));
	}
}

static void fold(struct binner *b)
{
	uint64_t all;
	int i;

	if (b->pending <= 0)
		return;
	b->pending = 0;
	for (i = b->first; i <= b->last; i++) {
		uint16_t *p = b->part[i];

		memcpy(&all, p, sizeof(all));
		if (!all)
			continue;
		b->hist->count[i] += (uint64_t)p[0] + p[1] + p[2] + p[3];
		memset(p, 0, sizeof(all));
	}
	b->first = HIST_BINS;
	b->last = -1;
}

static void spread(struct binner *b, const uint16_t *idx, int len)
{
	int i;

	for (i = 0; i + BINNER_WAYS <= len; i += BINNER_WAYS) {
		b->part[idx[i]][0]++;
		b->part[idx[i + 1]][1]++;
		b->part[idx[i + 2]][2]++;
		b->part[idx[i + 3]][3]++;
	}
	for (; i < len; i++)
		b->part[idx[i]][i & (BINNER_WAYS - 1)]++;
	if (++b->pending == BINNER_BLOCKS)
		fold(b);
}

/* How many of the bin that starts at 0 were counted so far. */
static uint64_t zeros(const struct binner *b)
{
	const uint16_t *p = b->part[HIST_HALF];
	uint64_t n = b->hist->count[HIST_HALF];

	return b->pending < 0 ? n : n + p[0] + p[1] + p[2] + p[3];
}

/* Widths outside the normal floats: all but never, unless everything is zero. */
static void tiny(struct binner *b, const float *x, int len)
{
	double d[64];
	int i, k;

	for (i = 0; i < len; i += k) {
		for (k = 0; k < 64 && i + k < len; k++)
			d[k] = x[i + k];
		hist_add(b->hist, d, k);
	}
	take_width(b);
}

void binner_block(struct binner *b, const float *x, int len, float min, float max)
{
	struct hist *h = b->hist;
	double m = fmax(-(double)min, max);
	uint16_t idx[PAIR_BLOCK + 16];
	uint64_t before;
	int i, n, first, last;

	if (!h)
		return;
	if (m >= b->limit) {
		fold(b);
		hist_grow(h, m);
		take_width(b);
	}
	if (!b->inv && m > 0) {
		fold(b);
		tiny(b, x, len);
		return;
	}
	first = HIST_HALF + (int)floor((double)min * b->inv);
	last = HIST_HALF + (int)floor((double)max * b->inv);
	hist_use(h, first, last);
	h->n += (uint64_t)len;
	if (first == last) {
		h->count[first] += (uint64_t)len;
		return;
	}
	before = zeros(b);
	n = b->k->bins(x, len, b->inv, b->sparse, idx);
	h->count[HIST_HALF] += (uint64_t)(len - n);
	if (b->pending >= 0) {
		b->first = first < b->first ? first : b->first;
		b->last = last > b->last ? last : b->last;
		spread(b, idx, n);
	} else {
		for (i = 0; i < n; i++)
			h->count[idx[i]]++;
	}
	b->sparse = (zeros(b) - before) * 8 > (uint64_t)len;
}

void binner_finish(struct binner *b)
{
	if (b->hist)
		fold(b);
}
