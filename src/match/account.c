/* A reason for every value without a row. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/build.h"
#include "tensor/dtype.h"

static bool say(struct build *b, int fv, enum match_reason reason, const char *node, const char *detail)
{
	b->done[fv] = true;
	return build_add_unmatched(b, false, b->f->values[fv].name, fv, reason, node, detail);
}

/* Depth-first downstream to the first value that the folded graph still computes; *via = the node that makes it. */
static int survivor(const struct build *b, int fv, int *via, bool *seen, int depth)
{
	const struct graph_value *v = &b->f->values[fv];
	int i, found;
	size_t k;

	if (seen[fv] || depth > 2000)
		return -1;
	seen[fv] = true;
	for (i = 0; i < v->n_uses; i++) {
		const Onnx__NodeProto *n = graph_node(b->f, v->uses[i].node);

		for (k = 0; k < n->n_output; k++) {
			int out = graph_out(b->f, v->uses[i].node, (int)k);

			if (out < 0)
				continue;
			if (build_walked(b, out) >= 0) {
				*via = v->uses[i].node;
				return out;
			}
			found = survivor(b, out, via, seen, depth + 1);
			if (found >= 0)
				return found;
		}
	}
	return -1;
}

static bool say_folded(struct build *b, int fv)
{
	bool *seen = arena_zalloc(&b->m->arena, (size_t)b->f->n_values);
	int via = -1, to;

	if (!seen)
		return false;
	to = survivor(b, fv, &via, seen, 0);
	if (to < 0)
		return say(b, fv, REASON_DEAD, build_node_name(b, b->f, b->f->values[fv].producer),
			   "no output of the model depends on it");
	return say(b, fv, REASON_FOLDED, build_node_name(b, b->f, via),
		   arena_printf(&b->m->arena, "basic graph optimization folds it into %s", b->f->values[to].name));
}

/* A removed clamp that reads the value, or -1. Folding makes equal bounds one constant that many clamps share, so the
 * readers in the float file come first. */
static int clamp_reader(const struct build *b, int fv)
{
	const struct graph_value *v = &b->f->values[fv];
	int i, mv;

	for (i = 0; i < v->n_uses; i++) {
		int out = graph_out(b->f, v->uses[i].node, 0);

		mv = out < 0 ? -1 : build_walked(b, out);
		if (mv >= 0 && b->m->walk.clamp[mv] >= 0 && b->m->walk.clamp[mv] == b->s->g->values[mv].producer)
			return b->m->walk.clamp[mv];
	}
	mv = build_walked(b, fv);
	v = mv < 0 ? NULL : &b->s->g->values[mv];
	for (i = 0; v && i < v->n_uses; i++) {
		if (b->m->walk.node[v->uses[i].node] == WALK_CLAMP)
			return v->uses[i].node;
	}
	return -1;
}

/* Does every use look like Resize's scales or roi? Returns the first such node, or -1. */
static int shape_reader(const struct graph *g, int value)
{
	const struct graph_value *v = &g->values[value];
	int i;

	for (i = 0; i < v->n_uses; i++) {
		const char *op = graph_node(g, v->uses[i].node)->op_type;

		if (v->uses[i].slot < 1 ||
		    (strcmp(op, "Resize") && strcmp(op, "Upsample") && strcmp(op, "RoiAlign")))
			return -1;
	}
	return v->n_uses ? v->uses[0].node : -1;
}

static bool account_constant(struct build *b, int fv)
{
	const struct graph_value *v = &b->f->values[fv];
	int node, i;

	if (!v->n_uses && !v->is_output)
		return say(b, fv, REASON_DEAD, build_node_name(b, b->f, v->producer), "nothing reads it");
	if ((node = shape_reader(b->f, fv)) >= 0)
		return say(b, fv, REASON_SHAPE_CONSTANT, build_node_name(b, b->f, node),
			   "it sizes or places the output, it is no weight");
	if ((node = clamp_reader(b, fv)) >= 0)
		return say(b, fv, REASON_CLAMP_REMOVED, build_node_name(b, b->s->g, node),
			   "a bound of a clamp that the quantizer removed");
	for (i = 0; i < v->n_uses; i++) {
		int out = graph_out(b->f, v->uses[i].node, 0);

		if (out >= 0 && b->m->f.constant[out])
			return say(b, fv, REASON_FOLDED, build_node_name(b, b->f, v->uses[i].node),
				   arena_printf(&b->m->arena, "a constant again as %s", b->f->values[out].name));
	}
	if (b->m->folded)
		return say_folded(b, fv);
	return say(b, fv, REASON_NO_COUNTERPART, build_node_name(b, b->f, v->uses[0].node),
		   "the operator that reads it has no counterpart in the quantized model");
}

static bool account_activation(struct build *b, int fv)
{
	const struct graph_value *v = &b->f->values[fv];
	int mv = build_walked(b, fv), node, root;

	if ((node = clamp_reader(b, fv)) >= 0)
		return say(b, fv, REASON_CLAMP_REMOVED, build_node_name(b, b->s->g, node),
			   arena_printf(&b->m->arena, "the quantizer removed this %s; its output is compared after the clamp",
					graph_node(b->s->g, node)->op_type));
	if (mv < 0 || b->s->constant[mv])
		return say_folded(b, fv);
	root = b->m->walk.value[mv];
	if (root >= 0)
		return say(b, fv, REASON_DTYPE, build_node_name(b, b->f, v->producer),
			   arena_printf(&b->m->arena, "its counterpart %s is %s", b->q->values[root].name,
					dtype_info(b->q->values[root].dtype)->name));
	if (!v->n_uses && !v->is_output)
		return say(b, fv, REASON_DEAD, build_node_name(b, b->f, v->producer), "nothing reads it");
	return say(b, fv, REASON_NO_COUNTERPART, build_node_name(b, b->f, v->producer),
		   "no operator of the quantized model corresponds to the one that makes it");
}

bool build_account_float(struct build *b)
{
	bool ok = true;
	int fv;

	for (fv = 0; ok && fv < b->f->n_values; fv++) {
		if (b->done[fv] || !build_is_float(b->f, fv))
			continue;
		ok = b->m->f.constant[fv] ? account_constant(b, fv) : account_activation(b, fv);
	}
	return ok;
}

/* --- bodies of If, Loop, Scan --------------------------------------------------------- */

static bool body_value(struct build *b, const char *path, const char *name, const char *node)
{
	char *full = arena_printf(&b->m->arena, "%s/%s", path, name);

	return full && build_add_unmatched(b, false, full, b->f->n_values, REASON_NOT_MATERIALISED, node,
					   "inside a body, which is not observed yet");
}

static int body_type(const Onnx__GraphProto *g, const char *name)
{
	size_t i;

	for (i = 0; i < g->n_value_info + g->n_output; i++) {
		const Onnx__ValueInfoProto *v =
			i < g->n_value_info ? g->value_info[i] : g->output[i - g->n_value_info];

		if (!strcmp(onnx_str(v->name), name) && v->type &&
		    v->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
			return v->type->tensor_type->elem_type;
	}
	return DT_UNDEFINED;
}

static bool account_body(struct build *b, const Onnx__GraphProto *g, const char *path, const char *node);

static bool account_node_bodies(struct build *b, const Onnx__NodeProto *n, const char *path, const char *node)
{
	bool ok = true;
	size_t a;

	for (a = 0; ok && a < n->n_attribute; a++) {
		if (n->attribute[a]->g) {
			char *sub = arena_printf(&b->m->arena, "%s/%s", path, onnx_str(n->attribute[a]->name));

			ok = sub && account_body(b, n->attribute[a]->g, sub, node);
		}
	}
	return ok;
}

/* Types inside bodies are known only where the file says so; an untyped value counts as float: better one reason too
 * many than a tensor unaccounted for. */
static bool account_body(struct build *b, const Onnx__GraphProto *g, const char *path, const char *node)
{
	bool ok = true;
	size_t i, k;

	for (i = 0; ok && i < g->n_initializer; i++) {
		if (dtype_is_float_tensor(g->initializer[i]->data_type))
			ok = body_value(b, path, onnx_str(g->initializer[i]->name), node);
	}
	for (i = 0; ok && i < g->n_node; i++) {
		const Onnx__NodeProto *n = g->node[i];
		const Onnx__AttributeProto *value = !strcmp(n->op_type, "Constant") ? graph_attr(n, "value") : NULL;

		for (k = 0; ok && k < n->n_output; k++) {
			int t = value && value->t ? value->t->data_type : body_type(g, n->output[k]);

			if (*n->output[k] && (t == DT_UNDEFINED || dtype_is_float_tensor(t)))
				ok = body_value(b, path, n->output[k], node);
		}
		ok = ok && account_node_bodies(b, n, path, node);
	}
	return ok;
}

bool build_account_bodies(struct build *b)
{
	bool ok = true;
	int i;

	for (i = 0; ok && i < (int)b->f->g->n_node; i++) {
		const char *name = build_node_name(b, b->f, i);

		ok = name && account_node_bodies(b, graph_node(b->f, i), name, name);
	}
	return ok;
}

/* --- the quantized model's side ------------------------------------------------------- */

static void cover_quantizers(struct build *b, int root)
{
	const struct skeleton *q = &b->m->q;
	int k, u;

	for (k = q->first_quant[root]; k >= 0; k = q->next_quant[k]) {
		const struct graph_value *codes = &b->q->values[graph_out(b->q, q->quants[k].q_node, 0)];

		b->covered[q->quants[k].pre] = true;
		for (u = 0; u < codes->n_uses; u++) {
			int out = graph_out(b->q, codes->uses[u].node, 0);

			if (out >= 0)
				b->covered[out] = true;
		}
	}
}

static void cover_rows(struct build *b)
{
	const struct skeleton *q = &b->m->q;
	size_t i;
	int v;

	for (i = 0; i < b->m->n_pairs; i++) {
		v = b->m->pairs[i].qvalue;
		b->covered[v] = true;
		b->covered[q->root[v]] = true;
		cover_quantizers(b, q->root[v]);
	}
	/* aliases of what is covered, and constants that only feed it through views */
	for (v = b->q->n_values - 1; v >= 0; v--) {
		int p = b->q->values[v].producer, in = p < 0 ? -1 : graph_in(b->q, p, 0);

		if (b->covered[q->root[v]] && q->root[v] != v && !q->constant[v])
			b->covered[v] = true;
		if (in >= 0 && b->covered[v] && q->constant[v])
			b->covered[in] = true;
	}
}

/* Scales and zero points, and nothing else, are read by slots 1 and 2 of Q and DQ. */
static bool is_parameter(const struct graph *g, int value)
{
	const struct graph_value *v = &g->values[value];
	int i;

	for (i = 0; i < v->n_uses; i++) {
		int n = v->uses[i].node;

		if (v->uses[i].slot < 1 || !(skeleton_is_q(g, n) || skeleton_is_dq(g, n)))
			return false;
	}
	return v->n_uses > 0;
}

/* The folded graph's value that corresponds to a quantized one, though the float file has no such tensor; -1. */
static int only_after_folding(const struct build *b, int qv)
{
	int mv;

	for (mv = 0; b->m->folded && mv < b->s->g->n_values; mv++) {
		if (b->m->walk.value[mv] == b->m->q.root[qv])
			return mv;
	}
	return -1;
}

static bool say_quant(struct build *b, int v)
{
	const struct graph_value *val = &b->q->values[v];
	int node, mv = only_after_folding(b, v);

	if (mv >= 0)
		return build_add_unmatched(b, true, val->name, v, REASON_FOLDED, build_node_name(b, b->q, val->producer),
					   arena_printf(&b->m->arena, "made by basic graph optimization as %s; the float file "
							"has no such tensor", b->s->g->values[mv].name));

	if (!val->n_uses && !val->is_output)
		return build_add_unmatched(b, true, val->name, v, REASON_DEAD, build_node_name(b, b->q, val->producer),
					   "nothing reads it");
	if (b->m->q.constant[v] && (node = shape_reader(b->q, v)) >= 0)
		return build_add_unmatched(b, true, val->name, v, REASON_SHAPE_CONSTANT, build_node_name(b, b->q, node),
					   "it sizes or places the output, it is no weight");
	node = val->producer >= 0 ? val->producer : val->n_uses ? val->uses[0].node : -1;
	return build_add_unmatched(b, true, val->name, v, REASON_NO_COUNTERPART, build_node_name(b, b->q, node),
				   "nothing in the float model corresponds to it");
}

bool build_account_quant(struct build *b)
{
	bool ok = true;
	int v;

	cover_rows(b);
	for (v = 0; ok && v < b->q->n_values; v++) {
		if (!b->covered[v] && build_is_float(b->q, v) && !is_parameter(b->q, v))
			ok = say_quant(b, v);
	}
	return ok;
}
