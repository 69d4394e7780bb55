/* quant/ranges.h - calibrated ranges by tensor name, and the reference's calibration cache.
 *
 * What a calibrator says about a tensor and the quantizer needs. Knows nothing about how ranges are found.
 * One thread at a time.
 */
#ifndef QUANT_RANGES_H
#define QUANT_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/map.h"
#include "tensor/dtype.h"

enum quant_method {
	QUANT_MINMAX, QUANT_ENTROPY, QUANT_PERCENTILE, QUANT_DISTRIBUTION,      /* the reference's */
	QUANT_ENTROPY_KL, QUANT_MSE,                                            /* ours */
	QUANT_METHODS
};

/* How the reference holds a number; it shows in the cache and nowhere else. */
enum quant_form {
	QUANT_NUMBER,           /* 0.5 */
	QUANT_ARRAY,            /* {"data": 0.5, "dtype": "float32", ...}: no dimension */
	QUANT_ARRAY_1,          /* {"data": [0.5], ...}: one element */
};

/* A histogram that goes into the cache: n counts, n + 1 edges. */
struct quant_bins {
	int64_t n;
	int64_t *count;
	double *edge;
	int edge_dtype;         /* enum dtype */
};

struct quant_range {
	int dtype;              /* the tensor's: DT_FLOAT or DT_FLOAT16; the numbers are representable in it */
	double lo, hi;
	double avg, std;        /* Distribution only (fp8 scales); std can be NaN */
	bool has_std;
	enum quant_form lo_form, hi_form;
	struct quant_bins *bins;        /* owned, or NULL */
};

struct quant_ranges {
	enum quant_method method;
	bool smooth_quant;      /* as found in a cache file */
	size_t n, cap;
	struct quant_named_range {
		char *name;     /* owned */
		struct quant_range range;
	} *v;                   /* in the order of insertion */
	struct map by_name;
};

#define QUANT_RANGES_INIT { 0 }

void quant_ranges_release(struct quant_ranges *r);

/* Copies the name, takes over range->bins (also on failure); replaces what the name had. */
QD_NODISCARD int quant_ranges_put(struct quant_ranges *r, const char *name, const struct quant_range *range,
				  struct qd_err *err);
/* NULL when absent; valid until the next put. */
const struct quant_range *quant_ranges_get(const struct quant_ranges *r, const char *name);

void quant_bins_free(struct quant_bins *b);

/* "MinMax", "Entropy", "Percentile", "Distribution", "EntropyKL", "MSE"; any letter case is read. -1: unknown. */
const char *quant_method_name(enum quant_method m);
int quant_method_from_name(const char *name);

/* The reference's save_tensors_data(): the same JSON, but for the order of the tensors. EntropyKL and MSE, which the
 * reference does not know, are written as MinMax: it then takes the ranges as they are. Atomic. */
QD_NODISCARD int quant_ranges_save(const struct quant_ranges *r, const char *path, struct qd_err *err);
/* load_tensors_data(). Histograms are checked and left out. Refused: other methods, values that are no numbers,
 * tensors without "lowest" and "highest", arrays of more than one element (ranges per channel, which the reference's
 * quantizer cannot use). A bare number is a float32, as in the reference. `r` must be empty. */
QD_NODISCARD int quant_ranges_load(const char *path, struct quant_ranges *r, struct qd_err *err);

#endif
