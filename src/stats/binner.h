/* stats/binner.h - private to src/stats: counts blocks of finite floats into a struct hist.
 *
 * Increments of one counter wait for each other, so for long tensors every bin has four 16-bit
 * counters side by side, used in turn and folded into the histogram before they can overflow. */
#ifndef STATS_BINNER_H
#define STATS_BINNER_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/hist.h"
#include "stats/kernel.h"

enum {
	BINNER_WAYS = 4,
	BINNER_DIRECT = 8192,   /* below this many elements the spread counters do not pay */
	BINNER_BLOCKS = 255,    /* blocks between folds: 255 * 1024 / 4 < 2^16 */
};

struct binner {
	struct hist *hist;              /* NULL: counting is off */
	const struct kernels *k;
	double limit;                   /* |x| < limit fits the current width */
	float inv;                      /* 1 / width; 0 when that is no normal float */
	bool sparse;                    /* the last block was mostly zeros */
	int pending;                    /* blocks in part[], -1 when part[] is not used */
	int first, last;                /* bins of part[] in use */
	uint16_t part[HIST_BINS][BINNER_WAYS];
};

void binner_init(struct binner *b, struct hist *hist, const struct kernels *k, int64_t n);
/* Count len <= PAIR_BLOCK finite values with the given minimum and maximum. */
void binner_block(struct binner *b, const float *x, int len, float min, float max);
/* The histogram is complete after this. */
void binner_finish(struct binner *b);

#endif
