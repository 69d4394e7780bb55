/* requant/write.h - a plan becomes a model, and a model becomes a file.
 *
 * Same initializers, nodes and names as the reference (reference.md 6.7 to 6.10), in its topological order.
 */
#ifndef REQUANT_WRITE_H
#define REQUANT_WRITE_H

#include "requant/plan.h"

/* Apply the plan. *out borrows unchanged parts (float weights, bodies, external data) from the plan's model, which must
 * outlive it; the plan is used up and only good for printing and freeing. onnx_free(out). */
QD_NODISCARD int write_model(struct plan *p, struct onnx_model **out, struct qd_err *err);

/* Save a model made by write_model() from `source`. Everything goes into one file; with use_external (or from 2 GB
 * on) tensors of 1024 bytes and more go into `<file name>.data` beside it. Atomic, the data file first. */
QD_NODISCARD int write_save(const struct onnx_model *m, const struct onnx_model *source, const char *path,
			    bool use_external, struct qd_err *err);

#endif
