/* observe/ranges.h - what calibration needs to know of a float model's tensors, from one or two passes over the data.
 *
 * Runs the float model unoptimized, as the reference does, with an Observe node on each tensor: nothing is kept but the
 * collectors, so memory does not grow with the data, and shapes may differ from sample to sample.
 */
#ifndef OBSERVE_RANGES_H
#define OBSERVE_RANGES_H

#include "base/cancel.h"
#include "data/source.h"
#include "engine/engine.h"
#include "onnx/graph.h"
#include "quant/collect.h"

struct ranges_spec {
	struct engine *engine;
	const struct graph *g;          /* typed: observe_infer() */
	struct data_source *data;
	const int *values;              /* of g: the tensors to watch, float32 or float16 */
	size_t n;
	int64_t stride;                 /* samples a window; 0: all */
	bool keep_samples;              /* for moving averages */
	struct quant_watch_bins bins;   /* pass 2: 0, 0 = none */
	int threads;                    /* 0: one a core */
	struct cancel *cancel;
	void (*progress)(void *ctx, int pass, int64_t done, int64_t total);    /* may be NULL; any thread */
	void *ctx;
};

/* Fills in watch[n] (initialised here; release each with quant_watch_release(), also on failure). A tensor with NaN or Inf is
 * watched to the end of pass 1 and left out of pass 2: quant_watch_check() says so with its name prefixed by the caller. */
QD_NODISCARD int ranges_collect(const struct ranges_spec *spec, struct quant_watch *watch, struct qd_err *err);

#endif
