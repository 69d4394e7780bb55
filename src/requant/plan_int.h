/* requant/plan_int.h - the working state behind plan.h and write.h: a graph whose names can change.
 *
 * Values are numbers (0 is the empty name) that stand for names; nodes are the model's, then those the writer adds.
 * The reference edits a protobuf while it walks over it; here the same edits cost a list operation.
 */
#ifndef REQUANT_PLAN_INT_H
#define REQUANT_PLAN_INT_H

#include "onnx/edit.h"
#include "quant/linear.h"
#include "requant/plan.h"
#include "requant/registry.h"

/* Parameters as they will stand in initializers. */
struct pparams {
	bool set;
	struct linear lin;
	int real;                       /* type of the scale: DT_FLOAT or DT_FLOAT16 */
	int rank;
	int64_t dims[2];                /* of scale and zero point */
};

struct pval {
	const char *name;
	int dtype;                              /* DT_UNDEFINED: unknown */
	const Onnx__TensorProto *init;          /* the initializer of that name now, or NULL */
	bool taken;                             /* the name is in use somewhere, bodies included */
	bool first_init;                        /* was an initializer from the start */
	bool is_input, is_output;
	bool drop_input;                        /* graph input that went with its initializer */
	int use_head, n_uses, n_body_uses;      /* consuming slots of top-level nodes; uses inside bodies */
	int mark, bias;                         /* index, -1 */
	int dq;                                 /* node of the model that dequantizes it, -1 */
	int *receivers, n_receivers;            /* consuming slots of quantized nodes, in order */
	size_t cap_receivers;
	bool has_range;
	struct quant_range range;               /* after adjustment; bins unused */
	struct pparams act, conv;               /* activation, and its second type */
	struct pparams weight;
	bool quantized;                         /* has an entry in the map of quantized values: */
	int q_scale, q_zp, c_scale, c_zp;       /* names of its initializers; c_*: of the second type, -1 none */
};

struct puse { int node, slot, next; };

struct pnode {
	const Onnx__NodeProto *src;             /* NULL: added */
	const char *name, *op;
	int *in, n_in, *out, n_out;
	int *body_in, n_body_in;                /* outer values that its bodies read */
	size_t cap_body_in;
	bool gone, reset_beta, has_beta;         /* of a Gemm */
	bool contrib;                           /* added ones: Q/DQ domain */
	int64_t axis, block_size;               /* -1, 0: no attribute */
	int to;                                 /* Cast */
	enum plan_why why;
	const char *note;
};

enum pkind { PKIND_ACTIVATION, PKIND_WEIGHT };

struct pmark {
	int val;
	enum pkind kind;
	int axis;                       /* -1: per tensor */
	bool shared, alive;
	int provider, provider_node;    /* of a shared one */
};

struct pbias {
	int val, node, input, weight;
	double beta;
	bool keep_float;
};

struct plan {
	const struct onnx_model *m;
	const struct graph *g;
	const struct recipe *r;
	bool preview, strict;
	int64_t opset;
	bool contrib;                   /* domain of the Q/DQ nodes */
	struct onnx_model *out;         /* the model in the making; its arena holds all names */

	struct map names;
	struct pval *vals;
	size_t n_vals, cap_vals;
	struct pnode *nodes;
	size_t n_nodes, cap_nodes, n_source;
	struct puse *uses;
	size_t n_uses, cap_uses;
	struct pmark *marks;
	size_t n_marks, cap_marks;
	struct pbias *biases;
	size_t n_biases, cap_biases;
	int *inits;                     /* values with an initializer, in order of appearance */
	size_t n_inits, cap_inits;
	const char **notes;
	size_t n_notes, cap_notes;

	struct map op_types, only, exclude, no_output;  /* the recipe's lists */
	struct plan_counts counts;
};

/* plan.c: names and edits. Functions that return a value number give -1 when out of memory. */
int plan_val(struct plan *p, const char *name);                         /* found or made */
int plan_fresh(struct plan *p, const char *name);                       /* a free name like this one */
bool plan_add_init(struct plan *p, int val, const Onnx__TensorProto *t);
bool plan_add_use(struct plan *p, int val, int node, int slot);
bool plan_rename_uses(struct plan *p, int from, int to);                /* in all nodes */
bool plan_rename_uses_of(struct plan *p, int from, int to, int node);   /* in one node */
void plan_rename_outputs(struct plan *p, int from, int to);             /* in all nodes of the model */
bool plan_say(struct plan *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
Onnx__TensorProto *plan_copy_tensor(struct plan *p, const Onnx__TensorProto *t, const char *name);
int plan_oom(const struct plan *p, struct qd_err *err);
static inline bool plan_is_real(int dtype) { return dtype == DT_FLOAT || dtype == DT_FLOAT16; }

/* The second type of an activation, NULL: none. And whether this node's input is of it. */
const struct recipe_override *plan_convert(const struct plan *p, int val);
bool plan_gets_converted(const struct plan *p, int val, int node);

/* plan_load.c */
int plan_load_graph(struct plan *p, struct qd_err *err);
int plan_check_overrides(const struct plan *p, struct qd_err *err);

/* plan_mark.c: the operators' classes. */
enum plan_why plan_should_quantize(const struct plan *p, int node);
int plan_mark_all(struct plan *p, struct qd_err *err);

/* plan_params.c */
int plan_take_ranges(struct plan *p, const struct quant_ranges *ranges, struct qd_err *err);
int plan_activation_params(struct plan *p, int val, struct qd_err *err);        /* fills act and conv */
int plan_weight_params(struct plan *p, struct qd_err *err);
int plan_adjust_for_biases(struct plan *p, struct qd_err *err);
void plan_free_params(struct pparams *q);

#endif
