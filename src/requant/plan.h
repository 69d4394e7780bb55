/* requant/plan.h - what the QDQ format will do to a model, decided before anything is written.
 *
 * The marking pass of the reference (reference.md 5, 6.1 to 6.6) over a graph whose values have types
 * (observe_infer): which tensors get a Q/DQ pair or a DQ, with which parameters, which share another's, which
 * Relu/Clip disappear, which biases become int32. Knows nothing about files.
 *
 * Rules where the reference is wrong (not with recipe.strict_reference, unless marked *: there no valid model exists
 * to be equal to):
 *   const      float Constant nodes and Identity of constants count as initializers of the same name
 *   unnamed    nodes without a name are `<op>_<index>`; a shared bias is duplicated for its own consumer only
 *   names*     a name in a list that no node has is an error naming the nearest (also when strict: it can only be a slip)
 *   collision  a new name that exists already (`T_scale`) gets `_1`, `_2`, ... (strict: the existing initializer is used)
 *   body*      a value that the body of a node reads is consumed by that node: its Relu is not removed
 *   zeroed     a weight that the int32-bias rule would turn into zeros keeps its scale, and the bias stays float
 *   endless*   tensors that would share the parameters of an already dequantized one are left alone
 *   beta       a Gemm whose bias does not become int32 keeps its beta (strict: it becomes 1)
 *   no scale*  a bias whose input or weight has no scale stays float
 *   softmax16* ranges, also [0, 1] of a Softmax, have the type of the tensor
 *   opset*     contrib-domain Q/DQ below opset 21 for 16 and 4 bits, below 19 for float16, below 13 for channels
 */
#ifndef REQUANT_PLAN_H
#define REQUANT_PLAN_H

#include "base/json.h"
#include "onnx/graph.h"
#include "quant/ranges.h"
#include "requant/recipe.h"

struct plan;

/* The model (behind the graph), the recipe and the ranges must outlive the plan. QD_EUSAGE: the recipe does not fit
 * itself; QD_EINPUT: it does not fit the model, a range is missing or not finite, a weight holds NaN or infinity. */
QD_NODISCARD int plan_make(const struct graph *g, const struct recipe *r, const struct quant_ranges *ranges,
			   struct plan **out, struct qd_err *err);
void plan_free(struct plan *p);

/* The same without ranges: what would be quantized, for --dry-run. Cannot be written. */
QD_NODISCARD int plan_preview(const struct graph *g, const struct recipe *r, struct plan **out, struct qd_err *err);

/* Why a node is, or is not, quantized. */
enum plan_why {
	PLAN_QUANTIZED,
	PLAN_REMOVED,           /* Relu or Clip, now part of its input's quantizer */
	PLAN_CONSTANT,          /* became an initializer (rule const) */
	PLAN_NOT_LISTED,        /* not in nodes_to_quantize */
	PLAN_OP_TYPE,           /* not in op_types_to_quantize */
	PLAN_EXCLUDED,          /* in nodes_to_exclude */
	PLAN_IS_QDQ,            /* a QuantizeLinear or DequantizeLinear of the model */
	PLAN_INPUT_FLOAT,       /* only quantized behind a quantized input (ForceQuantizeNoInputCheck) */
	PLAN_OPSET,             /* MaxPool below 12, Resize below 11 */
	PLAN_FP8,               /* MaxPool has no fp8 */
	PLAN_NO_FLOAT,          /* none of its tensors is float32 or float16 */
};
struct plan_node {
	const char *name;       /* "<op>_<index>" for a node without one */
	const char *op;
	enum plan_why why;
	const char *note;       /* a sentence on a part that stays float ("" when none) */
};
int plan_n_nodes(const struct plan *p);                 /* of the source graph, in its order */
struct plan_node plan_node(const struct plan *p, int node);
const char *plan_why_text(enum plan_why why);

/* Counts for a report. */
struct plan_counts {
	int nodes, quantized, removed, excluded;
	int activations, shared, weights, biases;       /* tensors */
	int float_biases;                               /* biases left float by a rule */
	int adjusted_weights;                           /* scales enlarged by the int32-bias rule */
	double largest_ratio;                           /* of those */
	bool contrib;                                   /* Q/DQ in domain com.microsoft */
};
struct plan_counts plan_counts(const struct plan *p);

/* Things worth telling, in order: rules that came to effect, shapes that did not fit. */
size_t plan_n_notes(const struct plan *p);
const char *plan_note(const struct plan *p, size_t i);

/* The node-by-node table as text, or as the members "nodes" and "notes" of an open JSON object. */
void plan_print(const struct plan *p, struct str *out);
void plan_json(const struct plan *p, struct json *out);

/* Tensors whose ranges the reference collects for these op types (reference.md 2.2), in the order of first use; that is a
 * superset of what plan_make asks for. The names are the graph's. *names is malloc'd. */
QD_NODISCARD int plan_range_names(const struct graph *g, const struct recipe *r, const char ***names, size_t *n,
				  struct qd_err *err);

/* Every node name of the recipe's lists (and recv_nodes) exists in the graph; QD_EINPUT names the nearest. */
QD_NODISCARD int plan_check_names(const struct graph *g, const struct recipe *r, struct qd_err *err);

#endif
