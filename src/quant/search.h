/* quant/search.h - private to src/quant: thresholds found in a histogram of signed values. Pure; any thread. */
#ifndef QUANT_SEARCH_H
#define QUANT_SEARCH_H

#include "base/err.h"
#include "quant/hist.h"
#include "quant/params.h"

/* First and last edge. */
struct search_result {
	int64_t lo, hi;
};

/* get_entropy_threshold(): of the windows around the middle bin the one whose counts, merged into `levels` groups,
 * have the least Kullback-Leibler divergence; the first of equals. Needs h->n / 2 >= levels / 2. QD_ENOMEM. */
QD_NODISCARD int search_entropy(const struct quant_hist *h, int64_t levels, struct search_result *out,
				struct qd_err *err);

/* The threshold t for which the expected squared error of quantizing to [max(lo, -t), min(hi, t)] is least, values
 * spread evenly in their bins; zeros are exact. The largest of equals. Needs an even number of bins. */
QD_NODISCARD int search_mse(const struct quant_hist *h, const struct quant_rule *rule, double lo, double hi,
			    struct search_result *out, struct qd_err *err);

#endif
