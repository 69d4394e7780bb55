/* observe/infer.h - what the engine knows about a model without running it: types, shapes, the folded graph. */
#ifndef OBSERVE_INFER_H
#define OBSERVE_INFER_H

#include "data/source.h"
#include "engine/engine.h"
#include "onnx/graph.h"

/* Fill in dtype and shape of every top-level value that the file leaves untyped, by opening an unoptimized session
 * whose outputs are all values. QD_EENGINE when the engine cannot load the model: the message says why. */
QD_NODISCARD int observe_infer(struct engine *e, struct graph *g, struct qd_err *err);

/* The graph's inputs as data_open() wants them; names and shapes are borrowed from g. free(*out). */
QD_NODISCARD int observe_inputs(const struct graph *g, struct data_input **out, int *n, struct qd_err *err);

/* Write the type and shape of every value into the model as value_info, symbolic dimensions by name; what the file said
 * before is replaced. The model must have been prepared with edit_begin(). */
QD_NODISCARD int observe_write_shapes(struct engine *e, struct onnx_model *m, struct qd_err *err);

/* Where the data of a model's external initializers comes from; names in the opened model have `prefix` before them. */
struct extern_source { const struct onnx_model *m; const char *prefix; };

/* Encode a model and open a session on it; opts->externs are filled in from the sources. */
QD_NODISCARD int observe_open(struct engine *e, const struct onnx_model *m, const struct extern_source *sources,
			      size_t n_sources, struct engine_opts opts, struct engine_session **out,
			      struct qd_err *err);

/* The model as the engine writes it after optimizing as opts say, in memory; nothing is run. `source`: whose external
 * data, may be NULL. `session` (may be NULL) receives the session it took. */
QD_NODISCARD int observe_optimize(struct engine *e, const struct onnx_model *m, const struct extern_source *source,
				  struct engine_opts opts, struct onnx_model **out, struct engine_session **session,
				  struct qd_err *err);

#endif
