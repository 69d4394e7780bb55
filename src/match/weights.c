/* Weight rows: constant operands of corresponding operators. */
#include <math.h>
#include <string.h>

#include "match/build.h"
#include "match/weight.h"

/* Float operands that say where or how large, not what: they are no weights. */
static bool is_shape_operand(const Onnx__NodeProto *n, int slot)
{
	return slot > 0 && (!strcmp(n->op_type, "Resize") || !strcmp(n->op_type, "Upsample") ||
			    !strcmp(n->op_type, "RoiAlign"));
}

/* The float file's constant that a folded graph's operand is, when folding left it as it was: the same operand of the
 * operator that produces the same output, or the same name. */
static int original_constant(const struct build *b, int node, int slot, int mv)
{
	const struct graph *g = b->s->g;
	int out = graph_out(g, node, 0), fv, fn;

	fv = out < 0 ? -1 : graph_find(b->f, g->values[out].name);
	fn = fv < 0 ? -1 : b->f->values[fv].producer;
	if (fn >= 0 && !strcmp(graph_node(b->f, fn)->op_type, graph_node(g, node)->op_type)) {
		fv = graph_in(b->f, fn, slot);
		if (fv >= 0 && b->m->f.constant[fv] && weight_distance(b->f, fv, g, mv, b->oom) == 0)
			return fv;
	}
	fv = graph_find(b->f, g->values[mv].name);
	return fv >= 0 && b->m->f.constant[fv] && weight_distance(b->f, fv, g, mv, b->oom) == 0 ? fv : -1;
}

static bool have_row(const struct build *b, const char *tensor, int qv)
{
	size_t i;

	for (i = b->m->n_pairs; i-- > 0 && b->m->pairs[i].kind == MATCH_WEIGHT;) {
		if (b->m->pairs[i].qvalue == qv && !strcmp(b->m->pairs[i].tensor, tensor))
			return true;
	}
	return false;
}

/* --- what a folded weight comes from ----------------------------------------------- */

struct cone { struct build *b; const struct graph *stop; const char **names; int n, cap; bool *seen; };

/* Float constants upstream of a value, up to values that the folded graph still has. */
static bool gather(struct cone *c, int fv, bool top)
{
	const struct graph *f = c->b->f;
	int p, k;

	if (fv < 0 || c->seen[fv])
		return true;
	c->seen[fv] = true;
	if (c->b->m->f.constant[fv]) {
		if (!build_is_float(f, fv))
			return true;
		if (c->n < c->cap)
			c->names[c->n++] = f->values[fv].name;
		return true;
	}
	if (!top && graph_find(c->stop, f->values[fv].name) >= 0)
		return true;
	p = f->values[fv].producer;
	for (k = 0; p >= 0 && k < (int)graph_node(f, p)->n_input; k++) {
		if (!gather(c, graph_in(f, p, k), false))
			return false;
	}
	return true;
}

static bool add_derived(struct build *b, struct match_pair *pair, int node)
{
	const struct graph *g = b->s->g;
	int out = graph_out(g, node, 0), fv = out < 0 ? -1 : graph_find(b->f, g->values[out].name);
	size_t n = (size_t)b->f->n_values;
	struct cone c = { b, g, arena_alloc(&b->m->arena, n * sizeof(char *)), 0, (int)n,
			  arena_zalloc(&b->m->arena, n) };

	if (!c.names || !c.seen)
		return false;
	gather(&c, fv, true);
	pair->derived = c.names;
	pair->n_derived = c.n;
	return true;
}

/* --- rows --------------------------------------------------------------------------- */

static bool add_weight(struct build *b, int node, int mv, int fv, int qv)
{
	const char *tensor = fv >= 0 ? b->f->values[fv].name : b->s->g->values[mv].name;
	struct match_pair *p;

	if (fv >= 0)
		b->done[fv] = true;
	if (have_row(b, tensor, qv))
		return true;
	p = build_add_pair(b);
	if (!p)
		return false;
	p->kind = MATCH_WEIGHT;
	p->fvalue = fv;
	p->folded = fv >= 0 ? -1 : mv;
	p->qvalue = qv;
	p->by = MATCH_STRUCTURE;
	p->tensor = tensor;
	p->node = build_node_name(b, b->s->g, node);
	p->op = graph_node(b->s->g, node)->op_type;
	p->pos = fv >= 0 ? fv : b->f->n_values + mv;
	return p->node && (fv >= 0 || add_derived(b, p, node));
}

static bool visit_operand(struct build *b, int mn, int qn, int slot)
{
	const struct graph *g = b->s->g;
	int mv = graph_in(g, mn, slot), qv = graph_in(b->q, qn, slot), fv;

	if (mv < 0 || !b->s->constant[mv] || !build_is_float(g, mv))
		return true;
	if (slot < 2 && (qv < 0 || !b->m->q.constant[qv]))
		qv = graph_in(b->q, qn, 1 - slot);      /* a commutative operator's operands were swapped */
	if (qv < 0 || !b->m->q.constant[qv] || !build_is_float(b->q, qv))
		return true;
	fv = b->m->folded ? original_constant(b, mn, slot, mv) : mv;
	if (is_shape_operand(graph_node(g, mn), slot))
		return true;            /* accounted for as a shape constant */
	return add_weight(b, mn, mv, fv, qv);
}

bool build_weights(struct build *b)
{
	const struct graph *g = b->s->g;
	int mn, slot;

	for (mn = 0; mn < (int)g->g->n_node; mn++) {
		int qn = b->m->walk.node[mn];

		if (qn < 0)
			continue;
		for (slot = 0; slot < (int)graph_node(g, mn)->n_input; slot++) {
			if (!visit_operand(b, mn, qn, slot))
				return false;
		}
	}
	return true;
}
