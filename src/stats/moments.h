/* stats/moments.h - range and moments of one plain tensor. Pure; summation as in stats/pair.h. */
#ifndef STATS_MOMENTS_H
#define STATS_MOMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/hist.h"
#include "stats/pair.h"

/* Plain data. Over finite elements only. */
struct moments {
	int64_t n;                      /* finite elements */
	int64_t nonfinite;
	double min, max;                /* +inf, -inf while n is 0; never -0 */
	double min_abs;                 /* smallest |x|; +inf while n is 0 */
	double sum, sum_abs, sum_x2;
};

void moments_init(struct moments *m);

/* Add n elements of a type tensor_to_double converts; hist may be NULL. False, with nothing
 * changed, for other types. 4-bit data start on a byte. */
bool moments_accumulate(struct moments *m, struct hist *hist, const void *data, int dtype,
			int64_t n, enum pair_level level);

/* dst += src; fold in a fixed order for fixed bits. */
void moments_add(struct moments *dst, const struct moments *src);

#endif
