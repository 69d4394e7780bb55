/* stats/hist.h - a histogram of floating-point values that merges exactly and in any order.
 *
 * 2048 bins of one power-of-two width w = 2^exp, aligned at 0: bin b of [-1024, 1024) covers
 * [b*w, (b+1)*w). exp is a function of the largest magnitude m seen and of nothing else: the
 * smallest exponent >= HIST_EXP_MIN with m < 1024 * 2^exp. A bin of width 2w is exactly two
 * bins of width w, so however the data were split, ordered or merged, the counts are the ones a
 * single pass with the final width gives. Zeros alone, float denormals and 3e38 are no special
 * cases (exp is HIST_EXP_MIN, -157..., 118). Non-finite values are never counted.
 *
 * Plain data of fixed size, no pointers; one thread at a time.
 */
#ifndef STATS_HIST_H
#define STATS_HIST_H

#include <stdint.h>

enum {
	HIST_BINS = 2048,
	HIST_HALF = 1024,
	HIST_EXP_MIN = -158,    /* 2^-149, the smallest float, lies below 1024 * 2^-158 */
};

struct hist {
	int32_t exp;
	int32_t first, last;            /* non-empty bins; last < first: see hist_extent */
	uint64_t n;                     /* sum of count[] */
	uint64_t count[HIST_BINS];      /* count[b + HIST_HALF] */
};

void hist_init(struct hist *h);
/* Empty a histogram that hist_init made or that is all zero bytes: as hist_init, but the time
 * follows the extent. */
void hist_reset(struct hist *h);
/* Count n values; non-finite ones are skipped. */
void hist_add(struct hist *h, const double *x, int64_t n);
void hist_merge(struct hist *dst, const struct hist *src);

/* The exponent that a largest magnitude asks for (finite, >= 0). */
int hist_exp_for(double magnitude);
/* Make room for a magnitude, widening the bins when needed. */
void hist_grow(struct hist *h, double magnitude);
/* Bin indices first and last, and perhaps some between, get counts; before they do. */
void hist_use(struct hist *h, int first, int last);

double hist_width(const struct hist *h);
/* Lower edge of bin index i in [0, HIST_BINS]; i == HIST_BINS is the upper end. */
double hist_edge(const struct hist *h, int i);
/* First and last non-empty bin index; 0 and -1 when empty. Who fills count[] and n of a new
 * histogram by himself leaves first and last alone: then they are searched. */
void hist_extent(const struct hist *h, int *first, int *last);

#endif
