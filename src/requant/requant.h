/* requant/requant.h - a float model, a recipe and ranges make a quantized model.
 *
 * The whole of it in one call; the parts are in plan.h and write.h, the rules in plan.h.
 */
#ifndef REQUANT_REQUANT_H
#define REQUANT_REQUANT_H

#include "requant/plan.h"
#include "requant/write.h"

struct requant_report {
	struct plan_counts counts;
	struct str text;                /* node by node, and the notes */
};
void requant_report_release(struct requant_report *r);

/* `g` is the typed graph of `m` (graph_open, observe_infer). *out borrows from m: see write_model(); save it with
 * write_save(). report may be NULL. On failure *out is NULL. */
QD_NODISCARD int requant_static(const struct onnx_model *m, const struct graph *g, const struct recipe *r,
				const struct quant_ranges *ranges, struct onnx_model **out,
				struct requant_report *report, struct qd_err *err);

#endif
