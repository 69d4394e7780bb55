/* The index over a graph, and the reading of constants. */
#include "onnx/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

enum { MAX_CHAIN = 64 };                /* Identity/Reshape/… between a constant and its use */

int graph_find(const struct graph *g, const char *name)
{
	return name && *name ? (int)map_get(&g->index, name) : -1;
}

int graph_in(const struct graph *g, int node, int slot)
{
	const Onnx__NodeProto *n = g->g->node[node];

	return slot >= 0 && (size_t)slot < n->n_input ? graph_find(g, n->input[slot]) : -1;
}

int graph_out(const struct graph *g, int node, int slot)
{
	const Onnx__NodeProto *n = g->g->node[node];

	return slot >= 0 && (size_t)slot < n->n_output ? graph_find(g, n->output[slot]) : -1;
}

const char *graph_node_name(const struct graph *g, int node, char *buf, size_t size)
{
	const Onnx__NodeProto *n = g->g->node[node];

	if (*onnx_str(n->name))
		return n->name;
	snprintf(buf, size, "%s_%d", n->op_type, node);
	return buf;
}

bool graph_is_op(const struct graph *g, int node, const char *op)
{
	const Onnx__NodeProto *n;
	const char *domain;

	if (node < 0)
		return false;
	n = g->g->node[node];
	domain = onnx_domain(n->domain);
	return !strcmp(n->op_type, op) && (!*domain || !strcmp(domain, "com.microsoft"));
}

const Onnx__AttributeProto *graph_attr(const Onnx__NodeProto *n, const char *name)
{
	size_t i;

	for (i = 0; i < n->n_attribute; i++) {
		if (!strcmp(onnx_str(n->attribute[i]->name), name))
			return n->attribute[i];
	}
	return NULL;
}

int64_t graph_attr_int(const Onnx__NodeProto *n, const char *name, int64_t absent)
{
	const Onnx__AttributeProto *a = graph_attr(n, name);

	return a && a->has_i ? a->i : absent;
}

float graph_attr_float(const Onnx__NodeProto *n, const char *name, float absent)
{
	const Onnx__AttributeProto *a = graph_attr(n, name);

	return a && a->has_f ? a->f : absent;
}

/* --- building the index -------------------------------------------------- */

static int add_value(struct graph *g, size_t *cap, const char *name)
{
	struct graph_value *v;

	if (!mem_grow(&g->values, cap, (size_t)g->n_values + 1, sizeof(*g->values)) ||
	    !map_put(&g->index, name, g->n_values))
		return -1;
	v = &g->values[g->n_values];
	memset(v, 0, sizeof(*v));
	v->name = name;
	v->producer = -1;
	v->rank = -1;
	return g->n_values++;
}

static void note_type(struct graph *g, const Onnx__ValueInfoProto *vi)
{
	int i = graph_find(g, vi->name);
	const Onnx__TypeProto__Tensor *t;
	struct graph_value *v;
	size_t d;

	if (i < 0 || g->values[i].init || !vi->type ||
	    vi->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
		return;
	t = vi->type->tensor_type;
	v = &g->values[i];
	v->dtype = t->has_elem_type ? t->elem_type : DT_UNDEFINED;
	if (!t->shape || t->shape->n_dim > TENSOR_MAX_RANK)
		return;
	v->rank = (int)t->shape->n_dim;
	for (d = 0; d < t->shape->n_dim; d++) {
		const Onnx__TensorShapeProto__Dimension *dim = t->shape->dim[d];

		v->dims[d] = dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
			     dim->dim_value > 0 ? dim->dim_value : -1;
	}
}

static void set_const(struct graph_value *v, const Onnx__TensorProto *t)
{
	size_t d;

	v->init = t;
	v->dtype = t->data_type;
	if (t->n_dims > TENSOR_MAX_RANK)
		return;
	v->rank = (int)t->n_dims;
	for (d = 0; d < t->n_dims; d++)
		v->dims[d] = t->dims[d];
}

static bool collect_values(struct graph *g)
{
	size_t cap = 0, i, k;
	int v;

	for (i = 0; i < g->g->n_input; i++) {
		if ((v = add_value(g, &cap, g->g->input[i]->name)) < 0)
			return false;
		g->values[v].is_input = true;
	}
	for (i = 0; i < g->g->n_initializer; i++) {
		const Onnx__TensorProto *t = g->g->initializer[i];

		v = graph_find(g, t->name);
		if (v < 0 && (v = add_value(g, &cap, onnx_str(t->name))) < 0)
			return false;
		g->values[v].is_input = false;
		set_const(&g->values[v], t);
	}
	for (i = 0; i < g->g->n_node; i++) {
		const Onnx__NodeProto *n = g->g->node[i];

		for (k = 0; k < n->n_output; k++) {
			if (!*n->output[k])
				continue;
			if ((v = add_value(g, &cap, n->output[k])) < 0)
				return false;
			g->values[v].producer = (int)i;
			g->values[v].out_slot = (int)k;
		}
		if (n->n_output == 1 && *n->output[0] && !strcmp(n->op_type, "Constant") && graph_attr(n, "value") &&
		    graph_attr(n, "value")->t)
			set_const(&g->values[graph_find(g, n->output[0])], graph_attr(n, "value")->t);
	}
	for (i = 0; i < g->g->n_value_info; i++)
		note_type(g, g->g->value_info[i]);
	for (i = 0; i < g->g->n_input; i++)
		note_type(g, g->g->input[i]);
	for (i = 0; i < g->g->n_output; i++) {
		note_type(g, g->g->output[i]);
		if ((v = graph_find(g, g->g->output[i]->name)) >= 0)
			g->values[v].is_output = true;
	}
	return true;
}

/* Call fn for every use of a top-level value: node inputs, and names read inside bodies. */
typedef void use_fn(struct graph *g, int value, struct graph_use use);

static void body_uses(struct graph *g, const Onnx__GraphProto *body, int holder, use_fn *fn);

static void node_bodies(struct graph *g, const Onnx__NodeProto *n, int holder, use_fn *fn)
{
	size_t a, k;

	for (a = 0; a < n->n_attribute; a++) {
		if (n->attribute[a]->g)
			body_uses(g, n->attribute[a]->g, holder, fn);
		for (k = 0; k < n->attribute[a]->n_graphs; k++)
			body_uses(g, n->attribute[a]->graphs[k], holder, fn);
	}
}

/* A body's own names may shadow outer ones; ONNX forbids it, so a plain look-up is right. */
static void body_uses(struct graph *g, const Onnx__GraphProto *body, int holder, use_fn *fn)
{
	size_t i, k;
	int v;

	for (i = 0; i < body->n_node; i++) {
		for (k = 0; k < body->node[i]->n_input; k++) {
			if ((v = graph_find(g, body->node[i]->input[k])) >= 0)
				fn(g, v, (struct graph_use){ holder, -1 });
		}
		node_bodies(g, body->node[i], holder, fn);
	}
	for (i = 0; i < body->n_output; i++) {
		if ((v = graph_find(g, body->output[i]->name)) >= 0)
			fn(g, v, (struct graph_use){ holder, -1 });
	}
}

static void each_use(struct graph *g, use_fn *fn)
{
	size_t i, k;
	int v;

	for (i = 0; i < g->g->n_node; i++) {
		for (k = 0; k < g->g->node[i]->n_input; k++) {
			if ((v = graph_find(g, g->g->node[i]->input[k])) >= 0)
				fn(g, v, (struct graph_use){ (int)i, (int)k });
		}
		node_bodies(g, g->g->node[i], (int)i, fn);
	}
}

static void count_use(struct graph *g, int v, struct graph_use use)
{
	(void)use;
	g->values[v].n_uses++;
}

static void put_use(struct graph *g, int v, struct graph_use use)
{
	g->values[v].uses[g->values[v].n_uses++] = use;
}

static bool collect_uses(struct graph *g)
{
	struct graph_use *pool;
	size_t total = 0;
	int i;

	each_use(g, count_use);
	for (i = 0; i < g->n_values; i++)
		total += (size_t)g->values[i].n_uses;
	pool = mem_array(total, sizeof(*pool));
	if (!pool)
		return false;
	g->use_pool = pool;
	for (i = 0; i < g->n_values; i++) {
		g->values[i].uses = pool;
		pool += g->values[i].n_uses;
		g->values[i].n_uses = 0;
	}
	each_use(g, put_use);
	return true;
}

int graph_open(const struct onnx_model *m, struct graph *out, struct qd_err *err)
{
	*out = (struct graph){ m, m->proto->graph, NULL, 0, NULL, MAP_INIT };
	if (!collect_values(out) || !collect_uses(out)) {
		graph_close(out);
		return err_oom(err, m->path);
	}
	return 0;
}

void graph_close(struct graph *g)
{
	free(g->values);
	free(g->use_pool);
	map_release(&g->index);
	memset(g, 0, sizeof(*g));
}

/* --- constants ----------------------------------------------------------- */

static bool is_view_op(const char *op)
{
	static const char *const ops[] = {
		"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Cast",
	};
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!strcmp(op, ops[i]))
			return true;
	}
	return false;
}

/* The constant at the start of a chain of view operators; -1 when the chain starts at something else. */
static int chain_start(const struct graph *g, int value, bool identity_only)
{
	int hops;

	for (hops = 0; value >= 0 && hops < MAX_CHAIN; hops++) {
		const struct graph_value *v = &g->values[value];
		const Onnx__NodeProto *n;

		if (v->init)
			return value;
		if (v->producer < 0)
			return -1;
		n = g->g->node[v->producer];
		if (!strcmp(n->op_type, "Constant"))
			return value;
		if (*onnx_domain(n->domain) || !is_view_op(n->op_type) ||
		    (identity_only && strcmp(n->op_type, "Identity")))
			return -1;
		value = graph_in(g, v->producer, 0);
	}
	return -1;
}

const Onnx__TensorProto *graph_const(const struct graph *g, int value)
{
	int start = chain_start(g, value, true);

	return start < 0 ? NULL : g->values[start].init;
}

bool graph_is_const(const struct graph *g, int value)
{
	int hops;

	if (chain_start(g, value, false) < 0)
		return false;
	/* the other operands of Reshape and friends must be constant too */
	for (hops = 0; hops < MAX_CHAIN && g->values[value].producer >= 0; hops++) {
		int p = g->values[value].producer, slot;

		for (slot = 1; (size_t)slot < g->g->node[p]->n_input; slot++) {
			int in = graph_in(g, p, slot);

			if (in >= 0 && chain_start(g, in, true) < 0)
				return false;
		}
		value = graph_in(g, p, 0);
		if (value < 0)
			break;
	}
	return true;
}

static int not_const(const struct graph *g, int value, struct qd_err *err)
{
	return err_set(err, QD_EINPUT, "%s: value %s is not a constant", g->model->path,
		       value < 0 ? "?" : g->values[value].name);
}

/* Constant nodes that carry numbers directly. */
static int read_constant_node(const struct graph *g, int value, struct tensor *out, struct qd_err *err)
{
	const Onnx__NodeProto *n = g->g->node[g->values[value].producer];
	const Onnx__AttributeProto *a;
	int64_t dim;

	if ((a = graph_attr(n, "value_float"))) {
		if (!tensor_alloc(out, DT_FLOAT, 0, NULL))
			return err_oom(err, g->model->path);
		memcpy(out->owner, &a->f, sizeof(a->f));
	} else if ((a = graph_attr(n, "value_int"))) {
		if (!tensor_alloc(out, DT_INT64, 0, NULL))
			return err_oom(err, g->model->path);
		memcpy(out->owner, &a->i, sizeof(a->i));
	} else if ((a = graph_attr(n, "value_floats"))) {
		dim = (int64_t)a->n_floats;
		if (!tensor_alloc(out, DT_FLOAT, 1, &dim))
			return err_oom(err, g->model->path);
		if (out->bytes)
			memcpy(out->owner, a->floats, out->bytes);
	} else if ((a = graph_attr(n, "value_ints"))) {
		dim = (int64_t)a->n_ints;
		if (!tensor_alloc(out, DT_INT64, 1, &dim))
			return err_oom(err, g->model->path);
		if (out->bytes)
			memcpy(out->owner, a->ints, out->bytes);
	} else {
		return not_const(g, value, err);
	}
	return 0;
}

static int transpose(const Onnx__NodeProto *n, struct tensor *t, struct qd_err *err)
{
	const Onnx__AttributeProto *a = graph_attr(n, "perm");
	int64_t dims[TENSOR_MAX_RANK], stride[TENSOR_MAX_RANK], at[TENSOR_MAX_RANK] = { 0 }, i, src = 0;
	size_t size = dtype_info(t->dtype)->bits / 8;
	struct tensor out;
	int perm[TENSOR_MAX_RANK], d;
	unsigned seen = 0;

	if (dtype_info(t->dtype)->bits % 8)
		return err_set(err, QD_EINPUT, "cannot transpose packed elements");
	if (a && a->n_ints != (size_t)t->rank)
		return err_set(err, QD_EINPUT, "perm has %zu entries for a constant of rank %d", a->n_ints, t->rank);
	for (d = 0; d < t->rank; d++) {
		int64_t from = a ? a->ints[d] : t->rank - 1 - d;

		if (from < 0 || from >= t->rank || (seen & 1u << from))
			return err_set(err, QD_EINPUT, "perm is no permutation of the %d dimensions", t->rank);
		seen |= 1u << from;
		perm[d] = (int)from;
	}
	for (d = t->rank - 1, i = 1; d >= 0; i *= t->dims[d--])
		stride[d] = i;
	for (d = 0; d < t->rank; d++)
		dims[d] = t->dims[perm[d]];
	if (!tensor_alloc(&out, t->dtype, t->rank, dims))
		return err_oom(err, "transposing a constant");
	for (i = 0; i < out.n; i++) {
		memcpy((char *)out.owner + (size_t)i * size, (const char *)t->data + (size_t)src * size, size);
		for (d = out.rank - 1; d >= 0; d--) {
			src += stride[perm[d]];
			if (++at[d] < dims[d])
				break;
			src -= stride[perm[d]] * dims[d];
			at[d] = 0;
		}
	}
	tensor_release(t);
	*t = out;
	return 0;
}

/* The shape a Reshape asks for, in t's own rank and dims; false when t's elements do not fill it. */
static bool reshaped(const struct tensor *shape, struct tensor *t)
{
	struct tensor to;
	int64_t dims[TENSOR_MAX_RANK];
	int d, infer = -1;

	if (shape->n > TENSOR_MAX_RANK || shape->dtype != DT_INT64)
		return false;
	for (d = 0; d < shape->n; d++) {
		memcpy(&dims[d], (const char *)shape->data + 8 * (size_t)d, sizeof(dims[d]));
		if (dims[d] == 0 && d < t->rank)
			dims[d] = t->dims[d];
		if (dims[d] == -1 && infer < 0) {
			infer = d;
			dims[d] = 1;
		}
	}
	if (!tensor_shape(&to, t->dtype, (int)shape->n, dims))
		return false;
	if (infer >= 0)
		dims[infer] = to.n ? t->n / to.n : 0;
	if (!tensor_shape(&to, t->dtype, (int)shape->n, dims) || to.n != t->n)
		return false;
	t->rank = to.rank;
	memcpy(t->dims, to.dims, sizeof(to.dims));
	return true;
}

static int reshape(const struct graph *g, int node, struct tensor *t, struct qd_err *err)
{
	struct tensor shape = { 0 };
	int rc = graph_const_read(g, graph_in(g, node, 1), &shape, err);

	if (!rc && !reshaped(&shape, t))
		rc = err_set(err, QD_EINPUT, "%s: a constant is reshaped to a different size", g->model->path);
	tensor_release(&shape);
	return rc;
}

/* Squeeze, Unsqueeze and Flatten change only the shape, which comparing elements does not need. */
int graph_apply_view(const struct graph *g, int node, struct tensor *t, struct qd_err *err)
{
	const Onnx__NodeProto *n = g->g->node[node];
	struct tensor out;
	int to;

	if (!strcmp(n->op_type, "Transpose"))
		return transpose(n, t, err);
	if (!strcmp(n->op_type, "Reshape"))
		return reshape(g, node, t, err);
	if (strcmp(n->op_type, "Cast"))
		return 0;
	to = (int)graph_attr_int(n, "to", 0);
	if (to == t->dtype)
		return 0;
	if (!dtype_is_float_tensor(to))
		return err_set(err, QD_EINPUT, "a constant is cast to %s", dtype_info(to)->name);
	if (!tensor_cast(t, to, &out))
		return err_set(err, QD_EINPUT, "a constant cannot be cast");
	tensor_release(t);
	*t = out;
	return 0;
}

int graph_const_read(const struct graph *g, int value, struct tensor *out, struct qd_err *err)
{
	const struct graph_value *v;
	int rc;

	*out = (struct tensor){ 0 };
	if (value < 0 || !graph_is_const(g, value))
		return not_const(g, value, err);
	v = &g->values[value];
	if (v->init)
		return onnx_tensor(g->model, v->init, out, err);
	if (!strcmp(g->g->node[v->producer]->op_type, "Constant"))
		return read_constant_node(g, value, out, err);
	rc = graph_const_read(g, graph_in(g, v->producer, 0), out, err);
	if (!rc)
		rc = graph_apply_view(g, v->producer, out, err);
	if (rc)
		tensor_release(out);
	return rc;
}
