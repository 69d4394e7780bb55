/* observe/build.h - the graphs that are run: both models merged with Compare nodes, or a quantized one with taps. */
#ifndef OBSERVE_BUILD_H
#define OBSERVE_BUILD_H

#include "base/err.h"
#include "onnx/model.h"

/* One comparison: names in the float and in the quantized graph; pre may be NULL. */
struct tap { int id; const char *x, *y, *pre; };

/* Names in built graphs. */
#define BUILD_FLOAT_PREFIX "f/"
#define BUILD_QUANT_PREFIX "q/"
#define BUILD_SLOT "qdebug/slot"
#define BUILD_COMPARE "qdebug/compare/"         /* + id: a Compare node and its output */

/* Can the two go into one graph? When not, *why says so (borrowed text). */
bool build_mergeable(const struct onnx_model *f, const struct onnx_model *q, const char **why);

/* Both models in one graph: every name prefixed, inputs shared (quant_inputs[i] of q is fed by float_inputs[i]), one
 * Compare node a tap, appended in reverse order of the taps: the engine orders nodes by depth-first search from the
 * last one back, so this lets it free each tensor right after its use.  Graph outputs: f's, then q's.
 * External data stays with f and q: name both, with their prefixes, when a session is opened (observe/infer.h). */
QD_NODISCARD int build_merged(const struct onnx_model *f, const struct onnx_model *q, const char *const *float_inputs,
			      const char *const *quant_inputs, int n_inputs, const struct tap *taps, size_t n_taps,
			      struct onnx_model **out, struct qd_err *err);

/* The quantized model alone with a Compare node on each tap's y: to see whether taps change the engine's choices. */
QD_NODISCARD int build_tapped(const struct onnx_model *q, const struct tap *taps, size_t n_taps, struct onnx_model **out,
			      struct qd_err *err);

/* A model with an Observe node on each of the named values (ids count up), in reverse order likewise. */
QD_NODISCARD int build_observed(const struct onnx_model *m, const char *const *names, size_t n,
				struct onnx_model **out, struct qd_err *err);

/* A copy with extra graph outputs. */
QD_NODISCARD int build_with_outputs(const struct onnx_model *m, const char *const *names, size_t n,
				    struct onnx_model **out, struct qd_err *err);

#endif
