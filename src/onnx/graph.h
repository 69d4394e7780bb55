/* onnx/graph.h - an index over one graph: values, producers, consumers, constants.
 *
 * Values are the names of the top-level graph; a body's use of an outer name counts as a use by the node that
 * holds the body. Borrowed from the model, which must outlive the index and not be edited meanwhile.
 * Thread use: immutable after graph_open().
 */
#ifndef ONNX_GRAPH_H
#define ONNX_GRAPH_H

#include <stdbool.h>

#include "base/map.h"
#include "onnx/model.h"

/* One use of a value: input slot of a node; slot -1 = inside one of its bodies. */
struct graph_use { int node, slot; };

struct graph_value {
	const char *name;
	int producer;                           /* node, -1: graph input, initializer or outer value */
	int out_slot;
	const Onnx__TensorProto *init;          /* initializer, or the tensor of a Constant node */
	bool is_input;                          /* a graph input without initializer */
	bool is_output;                         /* a graph output */
	struct graph_use *uses;
	int n_uses;
	int dtype;                              /* DT_UNDEFINED until graph_set_type() or known from the file */
	int rank;                               /* -1 unknown */
	int64_t dims[TENSOR_MAX_RANK];          /* -1 symbolic */
};

struct graph {
	const struct onnx_model *model;
	const Onnx__GraphProto *g;
	struct graph_value *values;             /* in topological order: inputs, initializers, node outputs */
	int n_values;
	struct graph_use *use_pool;
	struct map index;
};

QD_NODISCARD int graph_open(const struct onnx_model *m, struct graph *out, struct qd_err *err);
void graph_close(struct graph *g);

int graph_find(const struct graph *g, const char *name);          /* value index, -1 when absent or "" */
static inline const Onnx__NodeProto *graph_node(const struct graph *g, int i) { return g->g->node[i]; }

/* Value index of a node's input/output; -1 for none. */
int graph_in(const struct graph *g, int node, int slot);
int graph_out(const struct graph *g, int node, int slot);

/* The node's name, or "<op>_<index>" in buf when the file gives none. */
const char *graph_node_name(const struct graph *g, int node, char *buf, size_t size);

bool graph_is_op(const struct graph *g, int node, const char *op);      /* default domain or com.microsoft */
const Onnx__AttributeProto *graph_attr(const Onnx__NodeProto *n, const char *name);
int64_t graph_attr_int(const Onnx__NodeProto *n, const char *name, int64_t absent);
float graph_attr_float(const Onnx__NodeProto *n, const char *name, float absent);

/* The tensor behind a constant value: its initializer or Constant, also through Identity. NULL when not constant
 * (or a Constant in a form other than a tensor: see graph_const_read). */
const Onnx__TensorProto *graph_const(const struct graph *g, int value);

/* Read a constant: initializer; Constant of any form (value, value_float(s), value_int(s)); through Identity,
 * Reshape, Flatten, Squeeze, Unsqueeze, Transpose and Cast between number types. Returns 0, QD_EINPUT when the
 * value is not such a constant (err untouched when err is NULL), or another error. Release with tensor_release(). */
QD_NODISCARD int graph_const_read(const struct graph *g, int value, struct tensor *out, struct qd_err *err);

/* Apply the view operator `node` (Transpose, Reshape, Cast, …) to its already read input, in place. */
QD_NODISCARD int graph_apply_view(const struct graph *g, int node, struct tensor *t, struct qd_err *err);

/* Would graph_const_read() find a constant? Cheap. */
bool graph_is_const(const struct graph *g, int value);

#endif
