/* The walk over the float graph in topological order, finding each operator's counterpart. */
#include "match/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "match/weight.h"
#include "tensor/dtype.h"

struct ctx {
	const struct skeleton *f, *q;
	struct walk *w;
	bool *oom;              /* memory ran out while constants were read */
};

/* How well a candidate fits; compared field by field. */
struct fit {
	int attr_differences;
	double distance;        /* largest over the constant operands */
	bool other_name;
	int node;
};

void walk_release(struct walk *w)
{
	free(w->value);
	free(w->by);
	free(w->node);
	free(w->taken);
	free(w->clamp);
	memset(w, 0, sizeof(*w));
}

/* --- inputs ------------------------------------------------------------------ */

static int list_inputs(const struct graph *g, int *out)
{
	int v, n = 0;

	for (v = 0; v < g->n_values; v++) {
		if (g->values[v].is_input)
			out[n++] = v;
	}
	return n;
}

static bool same_kind(const struct graph_value *a, const struct graph_value *b)
{
	return a->dtype == b->dtype && (a->rank < 0 || b->rank < 0 || a->rank == b->rank);
}

static void add_inputs_text(struct str *s, const struct graph *g, const int *list, int n)
{
	char shape[200];
	int i;

	for (i = 0; i < n; i++) {
		const struct graph_value *v = &g->values[list[i]];

		str_add(s, i ? ", " : "");
		str_add_escaped(s, v->name);
		str_addf(s, " %s%s", dtype_info(v->dtype)->name,
			 v->rank < 0 ? "" : tensor_shape_text(v->rank, v->dims, shape, sizeof(shape)));
	}
}

static int inputs_differ(const struct ctx *c, const int *fi, int nf, const int *qi, int nq, struct qd_err *err)
{
	struct str s = STR_INIT;
	int rc;

	str_addf(&s, "the two models are of different networks: their inputs do not correspond: %s has ",
		 c->f->g->model->path);
	add_inputs_text(&s, c->f->g, fi, nf);
	str_addf(&s, "; %s has ", c->q->g->model->path);
	add_inputs_text(&s, c->q->g, qi, nq);
	rc = err_set(err, QD_EINPUT, "%s", s.failed ? "the two models' inputs do not correspond" : s.p);
	str_release(&s);
	return rc;
}

/* By name; when names differ, by position where count, types and ranks agree. */
static int match_inputs(const struct ctx *c, struct qd_err *err)
{
	const struct graph *fg = c->f->g, *qg = c->q->g;
	int *fi = mem_array((size_t)fg->n_values, sizeof(*fi)), *qi = mem_array((size_t)qg->n_values, sizeof(*qi));
	int nf, nq, i, by_name = 0, rc = 0;

	if (!fi || !qi) {
		rc = err_oom(err, fg->model->path);
		goto out;
	}
	nf = list_inputs(fg, fi);
	nq = list_inputs(qg, qi);
	for (i = 0; i < nf; i++) {
		int v = graph_find(qg, fg->values[fi[i]].name);

		by_name += v >= 0 && qg->values[v].is_input && same_kind(&fg->values[fi[i]], &qg->values[v]);
	}
	for (i = 0; i < nf; i++) {
		int v = by_name == nf ? graph_find(qg, fg->values[fi[i]].name) : i < nq ? qi[i] : -1;

		if (nf != nq || v < 0 || !same_kind(&fg->values[fi[i]], &qg->values[v])) {
			rc = inputs_differ(c, fi, nf, qi, nq, err);
			goto out;
		}
		c->w->value[fi[i]] = v;
		c->w->by[fi[i]] = by_name == nf ? MATCH_NAME : MATCH_STRUCTURE;
	}
out:
	free(fi);
	free(qi);
	return rc;
}

/* --- candidates ---------------------------------------------------------------- */

static int mapped(const struct ctx *c, int fv)
{
	return fv < 0 ? -1 : c->w->value[c->f->root[fv]];
}

static bool is_commutative(const char *op)
{
	return !strcmp(op, "Add") || !strcmp(op, "Mul") || !strcmp(op, "Max") || !strcmp(op, "Min") ||
	       !strcmp(op, "Sum");
}

static bool same_op(const Onnx__NodeProto *a, const Onnx__NodeProto *b)
{
	return !strcmp(a->op_type, b->op_type) && !strcmp(onnx_domain(a->domain), onnx_domain(b->domain));
}

static bool attr_equal(const Onnx__AttributeProto *a, const Onnx__AttributeProto *b)
{
	return a->has_i == b->has_i && (!a->has_i || a->i == b->i) &&
	       a->has_f == b->has_f && (!a->has_f || a->f == b->f) &&
	       a->has_s == b->has_s && (!a->has_s || (a->s.len == b->s.len && !memcmp(a->s.data, b->s.data, a->s.len))) &&
	       a->n_ints == b->n_ints && (!a->n_ints || !memcmp(a->ints, b->ints, a->n_ints * sizeof(*a->ints)));
}

/* Attributes present on both sides with different values. One-sided ones are defaults spelled out. */
static int attr_differences(const Onnx__NodeProto *a, const Onnx__NodeProto *b)
{
	int n = 0;
	size_t i;

	for (i = 0; i < a->n_attribute; i++) {
		const Onnx__AttributeProto *other = graph_attr(b, onnx_str(a->attribute[i]->name));

		n += other && !attr_equal(a->attribute[i], other);
	}
	return n;
}

/* Does operand k of the quantized node correspond to operand k of the float one? Unknown (unmapped) ones may. */
static bool operand_agrees(const struct ctx *c, int fv, int qv)
{
	int want;

	if (fv < 0 || qv < 0)
		return fv < 0 && qv < 0;
	if (c->f->constant[fv] != c->q->constant[qv])
		return false;
	if (c->f->constant[fv])
		return true;
	want = mapped(c, fv);
	return want < 0 || want == c->q->root[qv];
}

static bool operands_agree(const struct ctx *c, int fn, int qn, bool swapped)
{
	const Onnx__NodeProto *a = graph_node(c->f->g, fn), *b = graph_node(c->q->g, qn);
	size_t k, n = a->n_input > b->n_input ? a->n_input : b->n_input;

	for (k = 0; k < n; k++) {
		int qk = swapped && k < 2 ? 1 - (int)k : (int)k;

		if (!operand_agrees(c, graph_in(c->f->g, fn, (int)k), graph_in(c->q->g, qn, qk)))
			return false;
	}
	return true;
}

static double operand_distance(const struct ctx *c, int fn, int qn, bool swapped)
{
	double worst = 0;
	size_t k;

	for (k = 0; k < graph_node(c->f->g, fn)->n_input; k++) {
		int fv = graph_in(c->f->g, fn, (int)k);
		int qv = graph_in(c->q->g, qn, swapped && k < 2 ? 1 - (int)k : (int)k);

		if (fv >= 0 && qv >= 0 && c->f->constant[fv]) {
			double d = weight_distance(c->f->g, fv, c->q->g, qv, c->oom);

			worst = d > worst ? d : worst;
		}
	}
	return worst;
}

static bool better(const struct fit *a, const struct fit *b)
{
	if (a->attr_differences != b->attr_differences)
		return a->attr_differences < b->attr_differences;
	if (a->distance != b->distance)
		return a->distance < b->distance;
	if (a->other_name != b->other_name)
		return b->other_name;
	return a->node < b->node;
}

static bool other_name(const struct ctx *c, int fn, int qn)
{
	const Onnx__NodeProto *a = graph_node(c->f->g, fn), *b = graph_node(c->q->g, qn);

	return !*onnx_str(a->name) || strcmp(a->name, onnx_str(b->name));
}

/* Collect the free nodes that could be fn, given that its operand `slot` corresponds to root. */
static int candidates(const struct ctx *c, int fn, int slot, int root, int *out, bool *swap, int max)
{
	const struct skeleton *q = c->q;
	const Onnx__NodeProto *n = graph_node(c->f->g, fn);
	int i, count = 0;

	for (i = q->first_use[root]; i < q->first_use[root + 1] && count < max; i++) {
		int qn = q->uses[i].node;
		bool sw = q->uses[i].slot != slot;

		if (c->w->taken[qn] >= 0 || !same_op(n, graph_node(q->g, qn)) ||
		    (count && out[count - 1] == qn) ||
		    (sw && !(is_commutative(n->op_type) && slot < 2 && q->uses[i].slot < 2)) ||
		    !operands_agree(c, fn, qn, sw))
			continue;
		swap[count] = sw;
		out[count++] = qn;
	}
	return count;
}

/* Nodes without any varying input (constants of shape, random): by operator, anywhere. */
static int sourceless(const struct ctx *c, int fn, int *out, bool *swap, int max)
{
	int qn, count = 0;

	for (qn = 0; qn < (int)c->q->g->g->n_node && count < max; qn++) {
		if (c->w->taken[qn] < 0 && same_op(graph_node(c->f->g, fn), graph_node(c->q->g, qn)) &&
		    skeleton_is_operator(c->q, qn) && operands_agree(c, fn, qn, false)) {
			swap[count] = false;
			out[count++] = qn;
		}
	}
	return count;
}

enum { MAX_CANDIDATES = 64 };

/* The best candidate, or -1. *by tells whether content had to decide. */
static int find_counterpart(const struct ctx *c, int fn, enum match_by *by)
{
	const Onnx__NodeProto *n = graph_node(c->f->g, fn);
	int found[MAX_CANDIDATES], count = 0, slot, i;
	bool swap[MAX_CANDIDATES], varying = false;
	struct fit best = { 0 }, fit;

	for (slot = 0; (size_t)slot < n->n_input && !count; slot++) {
		int fv = graph_in(c->f->g, fn, slot), root;

		if (fv < 0 || c->f->constant[fv])
			continue;
		varying = true;
		root = mapped(c, fv);
		if (root >= 0)
			count = candidates(c, fn, slot, root, found, swap, MAX_CANDIDATES);
	}
	if (!varying)
		count = sourceless(c, fn, found, swap, MAX_CANDIDATES);
	*by = count > 1 ? MATCH_CONTENT : MATCH_STRUCTURE;
	best.node = -1;
	for (i = 0; i < count; i++) {
		fit = (struct fit){ attr_differences(n, graph_node(c->q->g, found[i])), 0,
				    other_name(c, fn, found[i]), found[i] };
		if (count > 1)
			fit.distance = operand_distance(c, fn, found[i], swap[i]);
		if (best.node < 0 || better(&fit, &best))
			best = fit;
	}
	return best.node;
}

/* --- removed clamps and names ---------------------------------------------------- */

static bool bound(const struct graph *g, int node, int slot, const char *attr, float absent, float *out)
{
	const Onnx__AttributeProto *a = graph_attr(graph_node(g, node), attr);
	int v = graph_in(g, node, slot);
	struct tensor t;

	*out = a && a->has_f ? a->f : absent;
	if (v < 0)
		return true;
	if (graph_const_read(g, v, &t, NULL) || t.n != 1) {
		return false;
	}
	*out = (float)tensor_get(&t, 0);
	tensor_release(&t);
	return true;
}

bool walk_clamp_bounds(const struct graph *g, int node, float *lo, float *hi)
{
	if (graph_is_op(g, node, "Relu")) {
		*lo = 0;
		*hi = INFINITY;
		return true;
	}
	return graph_is_op(g, node, "Clip") && bound(g, node, 1, "min", -INFINITY, lo) &&
	       bound(g, node, 2, "max", INFINITY, hi);
}

/* The quantizer drops a Relu or Clip whose input goes nowhere else and lets the Q node saturate in its place. */
static bool removed_clamp(const struct ctx *c, int fn)
{
	const struct graph *fg = c->f->g;
	int in = graph_in(fg, fn, 0), root = mapped(c, in);
	float lo, hi;

	return root >= 0 && walk_clamp_bounds(fg, fn, &lo, &hi) && c->q->first_quant[root] >= 0 &&
	       !c->q->raw_use[root] && !c->f->constant[in];
}

static int named_counterpart(const struct ctx *c, int fn)
{
	const struct graph *fg = c->f->g, *qg = c->q->g;
	int out = graph_out(fg, fn, 0), qv = out < 0 ? -1 : graph_find(qg, fg->values[out].name);
	int qn = qv < 0 ? -1 : qg->values[qv].producer;
	char name[400];

	if (qn < 0 && out >= 0) {       /* a graph output: its producer's output was renamed by the quantizer */
		snprintf(name, sizeof(name), "%s_QuantizeLinear_Input", fg->values[out].name);
		qv = graph_find(qg, name);
		qn = qv < 0 ? -1 : qg->values[qv].producer;
	}
	if (qn < 0 || c->w->taken[qn] >= 0 || !same_op(graph_node(fg, fn), graph_node(qg, qn)))
		return -1;
	return qn;
}

/* --- the walk ------------------------------------------------------------------------ */

static void take(const struct ctx *c, int fn, int qn, enum match_by by)
{
	size_t k;

	c->w->node[fn] = qn;
	c->w->taken[qn] = fn;
	for (k = 0; k < graph_node(c->f->g, fn)->n_output; k++) {
		int fv = graph_out(c->f->g, fn, (int)k), qv = graph_out(c->q->g, qn, (int)k);

		if (fv < 0 || qv < 0 || c->w->value[fv] >= 0)
			continue;
		c->w->value[fv] = qv;
		c->w->by[fv] = by;
	}
}

static void visit(const struct ctx *c, int fn)
{
	enum match_by by;
	int qn = find_counterpart(c, fn, &by);

	if (qn < 0 && removed_clamp(c, fn)) {
		int out = graph_out(c->f->g, fn, 0);

		c->w->node[fn] = WALK_CLAMP;
		c->w->value[out] = mapped(c, graph_in(c->f->g, fn, 0));
		c->w->by[out] = MATCH_STRUCTURE;
		c->w->clamp[out] = fn;
		return;
	}
	if (qn < 0) {
		qn = named_counterpart(c, fn);
		by = MATCH_NAME;
	}
	if (qn < 0)
		c->w->unmatched++;
	else
		take(c, fn, qn, by);
}

static void copy_aliases(const struct ctx *c)
{
	int v;

	for (v = 0; v < c->f->g->n_values; v++) {
		int r = c->f->root[v];

		if (r != v && c->w->value[v] < 0 && c->w->value[r] >= 0) {
			c->w->value[v] = c->w->value[r];
			c->w->by[v] = c->w->by[r];
			c->w->clamp[v] = c->w->clamp[r];
		}
	}
}

int walk_run(const struct skeleton *f, const struct skeleton *q, const struct walk_anchor *anchors, size_t n_anchors,
	     struct walk *out, struct qd_err *err)
{
	size_t nf = f->g->g->n_node, nq = q->g->g->n_node, nv = (size_t)f->g->n_values, i;
	bool oom = false;
	struct ctx c = { f, q, out, &oom };
	int rc;

	*out = (struct walk){ 0 };
	out->value = mem_array(nv, sizeof(*out->value));
	out->by = mem_array(nv, sizeof(*out->by));
	out->clamp = mem_array(nv, sizeof(*out->clamp));
	out->node = mem_array(nf, sizeof(*out->node));
	out->taken = mem_array(nq, sizeof(*out->taken));
	if (!out->value || !out->by || !out->clamp || !out->node || !out->taken) {
		walk_release(out);
		return err_oom(err, f->g->model->path);
	}
	for (i = 0; i < nv; i++)
		out->value[i] = out->clamp[i] = -1;
	for (i = 0; i < nf; i++)
		out->node[i] = -1;
	for (i = 0; i < nq; i++)
		out->taken[i] = -1;
	rc = match_inputs(&c, err);
	if (rc) {
		walk_release(out);
		return rc;
	}
	for (i = 0; i < n_anchors; i++) {
		out->value[anchors[i].fv] = q->root[anchors[i].qv];
		out->by[anchors[i].fv] = MATCH_MAP;
	}
	for (i = 0; i < nf; i++) {
		if (skeleton_is_operator(f, (int)i))
			visit(&c, (int)i);
	}
	if (oom) {
		walk_release(out);
		return err_oom(err, f->g->model->path);
	}
	copy_aliases(&c);
	return 0;
}
