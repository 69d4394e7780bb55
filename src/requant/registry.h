/* requant/registry.h - which operator is quantized how: the one table for every format.
 *
 * Domains play no part, as in the reference. Constant data; any thread.
 */
#ifndef REQUANT_REGISTRY_H
#define REQUANT_REGISTRY_H

#include <stdbool.h>

/* How the QDQ format marks the tensors of a node (reference.md 5). */
enum qdq_class {
	QDQ_ANY,                /* all float inputs and outputs; also any operator that is not in the table */
	QDQ_CONV,               /* input, output, weight, int32 bias */
	QDQ_GEMM,               /* the same, and beta goes into the bias */
	QDQ_MATMUL,             /* constants are weights */
	QDQ_REMOVABLE,          /* Relu, Clip: folded into the producer's output where possible */
	QDQ_MOVE,               /* output 0 has the parameters of input 0; only when that is quantized already */
	QDQ_MAXPOOL, QDQ_RESIZE,        /* the same from an opset on */
	QDQ_PAD, QDQ_SPLIT, QDQ_GATHER, QDQ_WHERE,
	QDQ_NORM,               /* input, weight, int32 bias, outputs */
};

struct registry_entry {
	const char *op;
	enum qdq_class qdq;
	int weight_axis;        /* channel axis of the weight (Gemm: without transB) */
};

/* NULL when the operator is not quantized by default. */
const struct registry_entry *registry_find(const char *op);

/* The default op_types_to_quantize, in the order of the table; NULL after the last. */
const char *registry_op(int i);

#endif
