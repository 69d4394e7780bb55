/* Structural checks. Knows graphs and scopes, not what operators mean. */
#include "onnx/check.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "tensor/dtype.h"

enum { MAX_DEPTH = 32 };
enum { INPUT, DEFINED };                /* what a scope's map holds */

/* `names` are defined so far, `all` also by later nodes. */
struct scope { struct map names, all; const struct scope *outer; };

/* Quantizers sort nodes by their own inputs and may put an If before what only its body reads; the engine sorts again
 * and runs that. So a body may read whatever its outer graphs define anywhere. */
static bool defined(const struct scope *s, const char *name)
{
	const struct map *m = &s->names;

	for (; s; s = s->outer, m = s ? &s->all : NULL) {
		if (map_get(m, name) != MAP_NONE)
			return true;
	}
	return false;
}

/* A model-supplied name made fit for a message. */
static const char *shown(const char *name, char *buf, size_t size)
{
	struct str s = STR_INIT;

	str_add_escaped(&s, onnx_str(name));
	snprintf(buf, size, "%s", s.p ? s.p : "");
	str_release(&s);
	return buf;
}

static int check_tensor(const char *path, const Onnx__TensorProto *t, struct qd_err *err)
{
	char a[120];
	struct tensor shape;
	size_t i;

	if (t->data_type == DT_STRING || dtype_info(t->data_type)->bits == 0) {
		if (t->data_type == DT_STRING)
			return 0;
		return err_set(err, QD_EINPUT, "%s: tensor %s has element type %d, which is unknown", path,
			       shown(t->name, a, sizeof(a)), (int)t->data_type);
	}
	for (i = 0; i < t->n_dims; i++) {
		if (t->dims[i] < 0)
			return err_set(err, QD_EINPUT, "%s: tensor %s has a negative dimension", path,
				       shown(t->name, a, sizeof(a)));
	}
	if (t->n_dims > TENSOR_MAX_RANK || !tensor_shape(&shape, t->data_type, (int)t->n_dims, t->dims))
		return err_set(err, QD_EINPUT, "%s: tensor %s has rank %zu or a size out of bounds", path,
			       shown(t->name, a, sizeof(a)), t->n_dims);
	if (!onnx_is_external(t) && t->has_raw_data && t->raw_data.len != shape.bytes)
		return err_set(err, QD_EINPUT, "%s: tensor %s holds %zu bytes, its shape and type need %zu", path,
			       shown(t->name, a, sizeof(a)), t->raw_data.len, shape.bytes);
	return 0;
}

static int define(struct scope *s, const char *path, const char *name, struct qd_err *err)
{
	char a[120];

	if (!*onnx_str(name))
		return 0;
	if (map_get(&s->names, name) != MAP_NONE)
		return err_set(err, QD_EINPUT, "%s: value %s is defined twice", path, shown(name, a, sizeof(a)));
	return map_put(&s->names, name, DEFINED) && map_put(&s->all, name, 1) ? 0 : err_oom(err, path);
}

static int define_input(struct scope *s, const char *path, const char *name, size_t idx, struct qd_err *err)
{
	int rc;

	if (!*onnx_str(name))
		return err_set(err, QD_EINPUT, "%s: graph input %zu has no name", path, idx);
	rc = define(s, path, name, err);
	return rc || map_put(&s->names, name, INPUT) ? rc : err_oom(err, path);
}

/* An initializer may give a graph input its default value, once. */
static int define_initializer(struct scope *s, const char *path, const char *name, struct qd_err *err)
{
	if (map_get(&s->names, onnx_str(name)) != INPUT)
		return define(s, path, name, err);
	return map_put(&s->names, name, DEFINED) ? 0 : err_oom(err, path);
}

static int check_graph(const char *path, const Onnx__GraphProto *g, const struct scope *outer, int depth,
		       struct qd_err *err);

static int check_node(const char *path, const Onnx__NodeProto *n, size_t idx, struct scope *s, int depth,
		      struct qd_err *err)
{
	char a[120], b[120], c[60];
	size_t i, k;
	int rc;

	if (!*onnx_str(n->op_type))
		return err_set(err, QD_EINPUT, "%s: node %zu (%s) has no operator type", path, idx,
			       shown(n->name, a, sizeof(a)));
	for (i = 0; i < n->n_input; i++) {
		if (*n->input[i] && !defined(s, n->input[i]))
			return err_set(err, QD_EINPUT, "%s: node %zu (%s, %s) reads %s, which nothing before it "
				       "defines", path, idx, shown(n->op_type, c, sizeof(c)), shown(n->name, a, sizeof(a)),
				       shown(n->input[i], b, sizeof(b)));
	}
	for (i = 0; i < n->n_attribute; i++) {
		const Onnx__AttributeProto *at = n->attribute[i];

		if (at->t && (rc = check_tensor(path, at->t, err)))
			return rc;
		if (at->g && (rc = check_graph(path, at->g, s, depth + 1, err)))
			return rc;
		for (k = 0; k < at->n_graphs; k++) {
			if ((rc = check_graph(path, at->graphs[k], s, depth + 1, err)))
				return rc;
		}
	}
	for (i = 0; i < n->n_output; i++) {
		if ((rc = define(s, path, n->output[i], err)))
			return rc;
	}
	return 0;
}

static int check_graph(const char *path, const Onnx__GraphProto *g, const struct scope *outer, int depth,
		       struct qd_err *err)
{
	struct scope s = { MAP_INIT, MAP_INIT, outer };
	char a[120];
	size_t i, k;
	int rc = 0;

	if (depth > MAX_DEPTH)
		return err_set(err, QD_EINPUT, "%s: bodies nested deeper than %d", path, MAX_DEPTH);
	for (i = 0; !rc && i < g->n_input; i++)
		rc = define_input(&s, path, g->input[i]->name, i, err);
	for (i = 0; !rc && i < g->n_initializer; i++) {
		rc = check_tensor(path, g->initializer[i], err);
		if (!rc)
			rc = define_initializer(&s, path, g->initializer[i]->name, err);
	}
	for (i = 0; !rc && i < g->n_sparse_initializer; i++) {
		if (g->sparse_initializer[i]->values)
			rc = define(&s, path, g->sparse_initializer[i]->values->name, err);
	}
	for (i = 0; !rc && i < g->n_node; i++) {
		for (k = 0; !rc && k < g->node[i]->n_output; k++)
			rc = map_put(&s.all, g->node[i]->output[k], 1) ? 0 : err_oom(err, path);
	}
	for (i = 0; !rc && i < g->n_node; i++)
		rc = check_node(path, g->node[i], i, &s, depth, err);
	for (i = 0; !rc && i < g->n_output; i++) {
		if (!defined(&s, onnx_str(g->output[i]->name)))
			rc = err_set(err, QD_EINPUT, "%s: graph output %s is produced by nothing", path,
				     shown(g->output[i]->name, a, sizeof(a)));
	}
	map_release(&s.names);
	map_release(&s.all);
	return rc;
}

int onnx_check(const struct onnx_model *m, struct qd_err *err)
{
	const Onnx__GraphProto *g = m->proto->graph;
	int64_t opset = onnx_opset(m);

	if (!g || !g->n_node || !g->n_output)
		return err_set(err, QD_EINPUT, "%s: not a usable ONNX model: its graph has %zu nodes and %zu outputs, at "
			       "least one of each is needed", m->path, g ? g->n_node : 0, g ? g->n_output : 0);
	if (!opset)
		return err_set(err, QD_EINPUT, "%s: imports no version of the default operator set; export it again",
			       m->path);
	if (opset < ONNX_MIN_OPSET)
		return err_set(err, QD_EINPUT, "%s: operator set %lld; quantization needs %d or newer: export the model "
			       "again with a newer opset (13 or above is best), or convert it with onnx.version_converter",
			       m->path, (long long)opset, ONNX_MIN_OPSET);
	return check_graph(m->path, g, NULL, 0, err);
}

/* --- visiting tensors ---------------------------------------------------- */

static int each_in_nodes(Onnx__NodeProto *const *nodes, size_t n, onnx_tensor_fn *fn, void *ctx, struct qd_err *err);

static int each_in_graph(const Onnx__GraphProto *g, onnx_tensor_fn *fn, void *ctx, struct qd_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < g->n_initializer; i++)
		rc = fn(ctx, g->initializer[i], err);
	return rc ? rc : each_in_nodes(g->node, g->n_node, fn, ctx, err);
}

static int each_in_nodes(Onnx__NodeProto *const *nodes, size_t n, onnx_tensor_fn *fn, void *ctx, struct qd_err *err)
{
	size_t i, a, k;
	int rc = 0;

	for (i = 0; i < n; i++) {
		for (a = 0; a < nodes[i]->n_attribute; a++) {
			const Onnx__AttributeProto *at = nodes[i]->attribute[a];

			if (at->t && (rc = fn(ctx, at->t, err)))
				return rc;
			for (k = 0; k < at->n_tensors; k++) {
				if ((rc = fn(ctx, at->tensors[k], err)))
					return rc;
			}
			if (at->g && (rc = each_in_graph(at->g, fn, ctx, err)))
				return rc;
			for (k = 0; k < at->n_graphs; k++) {
				if ((rc = each_in_graph(at->graphs[k], fn, ctx, err)))
					return rc;
			}
		}
	}
	return 0;
}

int onnx_each_tensor(const Onnx__ModelProto *p, onnx_tensor_fn *fn, void *ctx, struct qd_err *err)
{
	size_t i;
	int rc = p->graph ? each_in_graph(p->graph, fn, ctx, err) : 0;

	for (i = 0; !rc && i < p->n_functions; i++)
		rc = each_in_nodes(p->functions[i]->node, p->functions[i]->n_node, fn, ctx, err);
	return rc;
}
