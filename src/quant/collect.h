/* quant/collect.h - what is remembered of a tensor's values while data run through a model.
 *
 * Two passes over the same data: extremes, then, with limits known, histograms. Memory does not grow with the data:
 * some 50 kB a tensor, plus 24 bytes for each window and, with a moving average, each sample. Shapes may differ from
 * chunk to chunk. The result of a calibration is a function of this alone, so that calibrators can be switched without
 * data (quant/calibrate.h).
 *
 * A *window* is one call of the reference's collect_data(): all samples, or `stride` samples with CalibStridedMinMax.
 *
 * Pass 1, in each thread: quant_watch_range() for every chunk, quant_watch_sample() after every sample. The threads'
 * results are merged in any order.
 * Pass 2: quant_watch_bins(), then window after window quant_watch_window() and quant_watch_count(); threads share
 * a window by quant_watch_split() after quant_watch_window() and quant_watch_join().
 * Errors do not name the tensor: err_prefix.
 */
#ifndef QUANT_COLLECT_H
#define QUANT_COLLECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "quant/hist.h"
#include "tensor/tensor.h"

/* Extremes of numbers; NaN is counted, not compared. Empty: lo is infinity, hi minus infinity. */
struct quant_extremes {
	float lo, hi;
	float near;             /* smallest |x| */
	int64_t n, nan, inf;
};

/* One sample or one window. */
struct quant_step {
	int64_t index;
	float lo, hi, near;
	bool empty;
};

struct quant_steps {
	struct quant_step *v;
	size_t n, cap;
};

/* Bin counts; 0: not wanted. */
struct quant_watch_bins {
	int64_t value, magnitude;
};

struct quant_watch {
	int dtype;                      /* DT_FLOAT or DT_FLOAT16 */
	bool keep_samples;              /* for moving averages */
	int64_t stride;                 /* samples a window; 0: all of them */
	struct quant_extremes all;      /* of everything */
	struct quant_extremes sample;   /* of the current sample */
	struct quant_steps windows;     /* by index, once pass 1 is finished */
	struct quant_steps samples;
	struct quant_watch_bins bins;   /* as asked for; strides may have added some */
	struct quant_hist value, magnitude;     /* of x and |x|; n == 0: not wanted */
};

void quant_watch_init(struct quant_watch *w, int dtype, int64_t stride, bool keep_samples);
void quant_watch_release(struct quant_watch *w);

/* --- pass 1 */

/* One piece of a sample: w->dtype, any shape, also empty. */
void quant_watch_range(struct quant_watch *w, const struct tensor *x);
/* The pieces since the last call were sample `index` (0 ... of the data). QD_ENOMEM. */
QD_NODISCARD int quant_watch_sample(struct quant_watch *w, int64_t index, struct qd_err *err);
/* `src` saw other samples. */
QD_NODISCARD int quant_watch_merge(struct quant_watch *dst, const struct quant_watch *src, struct qd_err *err);
/* After the last merge, before anything below: orders windows and samples. */
void quant_watch_finish(struct quant_watch *w);
/* 0, or QD_EINPUT that says what was seen: NaN, infinity, no data. */
QD_NODISCARD int quant_watch_check(const struct quant_watch *w, struct qd_err *err);

/* --- pass 2 */

/* Start (again) with no counts. Tensors that quant_watch_check() refuses are not counted. */
QD_NODISCARD int quant_watch_bins(struct quant_watch *w, const struct quant_watch_bins *bins, struct qd_err *err);
/* Before the samples of window k; windows in order, from 0. */
QD_NODISCARD int quant_watch_window(struct quant_watch *w, int64_t k, struct qd_err *err);
void quant_watch_count(struct quant_watch *w, const struct tensor *x);
/* A copy with the same edges and no counts, for another thread, and its counts back. */
QD_NODISCARD int quant_watch_split(struct quant_watch *part, const struct quant_watch *w, struct qd_err *err);
void quant_watch_join(struct quant_watch *w, const struct quant_watch *part);

#endif
