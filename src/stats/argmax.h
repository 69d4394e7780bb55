/* stats/argmax.h - do two outputs make the same decision? Pure. */
#ifndef STATS_ARGMAX_H
#define STATS_ARGMAX_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Counts, so that samples and batches add up; the metric is same / total, null when total is 0. */
struct agreement {
	int64_t same, total;
};

/* Float tensors of one shape: rows along the last axis whose largest element is at the same place.
 * The first index wins a tie; a NaN is larger than any number. A last axis below 2 (or a scalar)
 * adds nothing. False, with nothing added, when the shapes differ or a type does not convert. */
bool agreement_argmax(struct agreement *a, const struct tensor *x, const struct tensor *y);

/* Integer (or bool) tensors of one shape: equal elements, compared by value. False as above. */
bool agreement_equal(struct agreement *a, const struct tensor *x, const struct tensor *y);

#endif
