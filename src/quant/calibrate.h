/* quant/calibrate.h - from what was seen of a tensor to the range it is quantized with.
 *
 * The reference's four calibrators, equal bit for bit for the same activations and options (reference.md 2), and two
 * of ours. All work from a struct quant_watch alone. Pure; any thread. Errors do not name the tensor: err_prefix.
 *
 * Deviations, where the reference stops with an error: too narrow a range for the bins (constants of 8192 and more, in
 * Percentile: the whole range is taken), samples of different shapes, empty samples. NaN and infinity are errors that
 * say how many there are. std of scenario "p3" may differ in the last bit: it hangs on NumPy's power function.
 */
#ifndef QUANT_CALIBRATE_H
#define QUANT_CALIBRATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "quant/collect.h"
#include "quant/params.h"
#include "quant/ranges.h"

enum quant_scenario { QUANT_SAME, QUANT_P3 };

struct quant_options {
	enum quant_method method;
	bool symmetric;                 /* MinMax: [-m, m]. Percentile: of |x|; default true */
	bool moving_average;            /* MinMax: mean of the samples' extremes, */
	double averaging_constant;      /* and between windows old + c * (new - old) */
	int64_t num_bins;
	int64_t num_quantized_bins;     /* Entropy, EntropyKL */
	double percentile;
	enum quant_scenario scenario;   /* Distribution: of float8 against a normal law, or its cube */
	struct quant_rule rule;         /* MSE: what is quantized to */
	bool keep_bins;                 /* attach the histogram the cache of the reference shows */
};

/* An option of a method as users write it. */
struct quant_option_info {
	const char *key;                /* the reference's name */
	unsigned methods;               /* bit set of 1u << method */
	const char *help;
};

/* One line about a method, for help texts. */
const char *quant_method_help(enum quant_method m);
/* Ends with an entry without key. */
const struct quant_option_info *quant_option_infos(void);

/* The defaults of the method: the reference's where it has it. The rule is uint8. */
struct quant_options quant_options_default(enum quant_method m);
/* Set one by name: numbers, true/false, same/p3. QD_EUSAGE names the value seen and the ones wanted. */
QD_NODISCARD int quant_options_set(struct quant_options *o, const char *key, const char *value, struct qd_err *err);
/* Do they fit together? Before a calibration, which may be long. */
QD_NODISCARD int quant_options_check(const struct quant_options *o, struct qd_err *err);

/* The histograms the method works from. */
struct quant_watch_bins quant_options_bins(const struct quant_options *o);
/* Are they in `w`, or do they follow from what is? When not, the data are needed again. */
bool quant_watch_answers(const struct quant_watch *w, const struct quant_options *o);

/* The range. quant_bins_free(out->bins). QD_EINPUT: NaN, infinity, no data. QD_EUSAGE: histograms are missing. */
QD_NODISCARD int quant_calibrate(const struct quant_options *o, const struct quant_watch *w, struct quant_range *out,
				 struct qd_err *err);

#endif
