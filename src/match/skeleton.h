/* match/skeleton.h - the quantized graph with its quantizers looked through.
 *
 * The *root* of a value is what it was before quantizing: Q/DQ pairs and Identity nodes are passed over.
 * A *quantizer* is a Q node with the DQ nodes that read it; a *weight leaf* is a DQ of constant codes.
 * Also serves the float graph, where it only passes over Identity. Immutable after skeleton_open().
 */
#ifndef MATCH_SKELETON_H
#define MATCH_SKELETON_H

#include "onnx/graph.h"
#include "quant/linear.h"

struct quantizer {
	int q_node;             /* QuantizeLinear */
	int dq_node;            /* the first DequantizeLinear that reads it; -1: none */
	int pre;                /* value the Q node reads */
	int post;               /* output of dq_node; -1 */
	int root;
	struct linear p;        /* n 0: scale or zero point is not constant */
};

struct skeleton {
	const struct graph *g;
	int *root;                      /* by value */
	bool *constant;                 /* by value: a constant, also through Q/DQ and views */
	struct graph_use *uses;         /* operator uses of each root, grouped */
	int *first_use;                 /* by value; uses of root v are [first_use[v], first_use[v + 1]) */
	bool *raw_use;                  /* by root: read, or output, without a quantizer between */
	struct quantizer *quants;       /* in node order */
	int n_quants;
	int *first_quant;               /* by root: index of its first quantizer, -1 */
	int *next_quant;                /* by quantizer: next of the same root, -1 */
};

QD_NODISCARD int skeleton_open(const struct graph *g, struct skeleton *out, struct qd_err *err);
void skeleton_close(struct skeleton *s);

bool skeleton_is_q(const struct graph *g, int node);
bool skeleton_is_dq(const struct graph *g, int node);
/* An operator: not Constant, Identity, Q, DQ, nor a node that only computes constants. */
bool skeleton_is_operator(const struct skeleton *s, int node);

/* Parameters of a Q or DQ node; p->n is 0 when they are not constant. */
QD_NODISCARD int skeleton_params(const struct graph *g, int node, struct linear *p, struct qd_err *err);

#endif
