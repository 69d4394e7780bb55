/* session/quantize.h - `qdebug quantize` and `qdebug calibrate`: float model, data and recipe to ranges and a model.
 *
 * Calibration runs the float model unoptimized with collectors inside the engine, in constant memory; the ranges are then
 * what the recipe's method makes of them. Nothing is written unless everything succeeded, and the written model has been
 * loaded once by the engine.
 */
#ifndef SESSION_QUANTIZE_H
#define SESSION_QUANTIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/err.h"
#include "base/str.h"
#include "quant/ranges.h"
#include "requant/plan.h"
#include "requant/recipe.h"

/* Called from any thread while data run: pass 1 or 2, samples done of total. */
typedef void quantize_progress(void *ctx, int pass, int64_t done, int64_t total);

struct quantize_opts {
	const char *input;
	const char *data_dir;           /* NULL with `random`, or when `ranges` are given */
	int64_t random, samples, batch;
	bool allow_nonfinite, skip_bad;
	int threads;
	const struct recipe *recipe;
	const struct quant_ranges *ranges;      /* use these instead of calibrating; NULL */
	const char *store_path;         /* keep what was seen there and take it from there; NULL: neither */
	struct cancel *cancel;          /* may be NULL */
	quantize_progress *progress;    /* may be NULL */
	void *progress_ctx;
};

/* Ranges of every tensor the recipe may quantize; `out` must be empty (QUANT_RANGES_INIT). */
QD_NODISCARD int session_calibrate(const struct quantize_opts *o, struct quant_ranges *out, struct qd_err *err);

struct quantize_report {
	struct plan_counts counts;
	struct str text;                /* node by node, and the notes */
	struct str json;                /* the same: an object with "nodes" and "notes" */
	int64_t samples;                /* calibrated with; 0: ranges were given */
	bool from_store;                /* no data were run: an earlier calibration was kept */
};
void quantize_report_release(struct quantize_report *r);

/* Calibrate, quantize, load once, save to `output` (atomic; never the input). */
QD_NODISCARD int session_quantize(const struct quantize_opts *o, const char *output, struct quantize_report *report,
				  struct qd_err *err);

/* What would be quantized, node by node, and why not: no data are read. */
QD_NODISCARD int session_dry_run(const struct quantize_opts *o, struct quantize_report *report, struct qd_err *err);

#endif
