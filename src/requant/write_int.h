/* requant/write_int.h - what the parts of the writer share: initializers, nodes, the last assembly. */
#ifndef REQUANT_WRITE_INT_H
#define REQUANT_WRITE_INT_H

#include "requant/plan_int.h"
#include "requant/write.h"

/* write_parts.c. A new initializer from elements in memory (copied into the model). NULL: out of memory. */
Onnx__TensorProto *write_tensor(struct plan *p, const char *name, int dtype, int rank, const int64_t *dims,
				const void *data, size_t bytes);
/* Add `base` + `suffix` as an initializer of `t`'s type and data. Strict: an initializer of that name stays and is
 * taken instead. The value's number, -1: out of memory. */
int write_init(struct plan *p, const char *base, const char *suffix, const struct tensor *t, bool reuse);
/* `base` + `suffix` as a free name. */
int write_name(struct plan *p, const char *base, const char *suffix);
/* T_zero_point and T_scale of the parameters. */
int write_params(struct plan *p, int val, const char *suffix, const struct pparams *q, int *scale, int *zp,
		 struct qd_err *err);

struct new_node {
	const char *op;
	const char *base, *suffix;      /* its name */
	int in[3], n_in;
	int out;
	int64_t axis, block_size;       /* -1, 0: none */
	int to;                         /* Cast */
	bool plain;                     /* default domain whatever that of the Q/DQ nodes is */
};
bool write_node(struct plan *p, const struct new_node *n);

/* write_bias.c */
int write_biases(struct plan *p, struct qd_err *err);

/* write_graph.c: clean up, sort, and fill p->out. */
int write_graph(struct plan *p, struct qd_err *err);

#endif
