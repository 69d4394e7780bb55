/* Assembling a match: walk, rows, reasons. */
#include "match/match.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "match/build.h"
#include "tensor/dtype.h"

const char *match_reason_name(enum match_reason r)
{
	static const char *const names[] = {
		[REASON_FUSED] = "fused", [REASON_FOLDED] = "folded", [REASON_CLAMP_REMOVED] = "clamp_removed",
		[REASON_NOT_MATERIALISED] = "not_materialised", [REASON_DEAD] = "dead",
		[REASON_SHAPE_CONSTANT] = "shape_constant", [REASON_DTYPE] = "dtype",
		[REASON_NO_COUNTERPART] = "no_counterpart",
	};

	return names[r];
}

const char *match_by_name(enum match_by by)
{
	static const char *const names[] = {
		[MATCH_STRUCTURE] = "structure", [MATCH_CONTENT] = "content", [MATCH_NAME] = "name", [MATCH_MAP] = "map",
	};

	return names[by];
}

/* --- format ------------------------------------------------------------------ */

enum { F_QDQ = 1, F_QOPERATOR = 2, F_DYNAMIC = 4, F_WEIGHT_ONLY = 8 };

static const struct { const char *op; bool prefix; int format; } format_ops[] = {
	{ "QuantizeLinear", false, F_QDQ },
	{ "DequantizeLinear", false, F_QDQ },
	{ "QLinear", true, F_QOPERATOR },
	{ "QGemm", false, F_QOPERATOR },
	{ "QEmbedLayerNormalization", false, F_QOPERATOR },
	{ "DynamicQuantize", true, F_DYNAMIC },
	{ "MatMulInteger", true, F_DYNAMIC },
	{ "ConvInteger", false, F_DYNAMIC },
	{ "QAttention", false, F_DYNAMIC },
	{ "MatMulNBits", false, F_WEIGHT_ONLY },
	{ "MatMulBnb4", false, F_WEIGHT_ONLY },
};

const char *match_format(const struct graph *q)
{
	int found = 0, i;
	size_t k;

	for (i = 0; i < (int)q->g->n_node; i++) {
		const char *op = graph_node(q, i)->op_type;

		for (k = 0; k < sizeof(format_ops) / sizeof(format_ops[0]); k++) {
			if (format_ops[k].prefix ? !strncmp(op, format_ops[k].op, strlen(format_ops[k].op))
						 : !strcmp(op, format_ops[k].op))
				found |= format_ops[k].format;
		}
	}
	/* a QOperator or dynamic model has Q/DQ at its edges */
	if (found & F_QOPERATOR)
		found &= ~F_QDQ;
	if (found == (F_DYNAMIC | F_QDQ))
		found = F_DYNAMIC;
	return found == 0 ? "none" : found == F_QDQ ? "qdq" : found == F_QOPERATOR ? "qoperator"
	     : found == F_DYNAMIC ? "dynamic" : found == F_WEIGHT_ONLY ? "weight_only" : "mixed";
}

/* --- shared helpers ------------------------------------------------------------ */

int build_walked(const struct build *b, int fvalue)
{
	return b->m->folded ? graph_find(b->s->g, b->f->values[fvalue].name) : fvalue;
}

const char *build_node_name(struct build *b, const struct graph *g, int node)
{
	char buf[200];

	if (node < 0)
		return NULL;
	return arena_strdup(&b->m->arena, graph_node_name(g, node, buf, sizeof(buf)));
}

struct match_pair *build_add_pair(struct build *b)
{
	struct match *m = b->m;
	struct match_pair *p;

	if (!mem_grow(&m->pairs, &m->cap_pairs, m->n_pairs + 1, sizeof(*m->pairs)))
		return NULL;
	p = &m->pairs[m->n_pairs++];
	*p = (struct match_pair){ .fvalue = -1, .folded = -1, .qvalue = -1, .quantizer = -1, .clamp = -1,
				  .lo = -INFINITY, .hi = INFINITY };
	return p;
}

bool build_add_unmatched(struct build *b, bool quant_side, const char *tensor, int pos, enum match_reason reason,
			 const char *node, const char *detail)
{
	struct match *m = b->m;

	if (!detail || !mem_grow(&m->unmatched, &m->cap_unmatched, m->n_unmatched + 1, sizeof(*m->unmatched)))
		return false;
	m->unmatched[m->n_unmatched++] =
		(struct match_unmatched){ quant_side, tensor, reason, detail, node, pos };
	return true;
}

bool build_is_float(const struct graph *g, int value)
{
	return dtype_is_float_tensor(g->values[value].dtype);
}

/* --- rows ------------------------------------------------------------------------ */

static bool add_activation(struct build *b, int fv, int qvalue, int quantizer, enum match_by by, int clamp)
{
	struct match_pair *p = build_add_pair(b);
	int producer = b->f->values[fv].producer;

	if (!p)
		return false;
	p->kind = MATCH_ACTIVATION;
	p->fvalue = fv;
	p->qvalue = qvalue;
	p->quantizer = quantizer;
	p->by = by;
	p->clamp = clamp;
	if (clamp >= 0)
		walk_clamp_bounds(b->s->g, clamp, &p->lo, &p->hi);
	p->tensor = b->f->values[fv].name;
	p->node = build_node_name(b, b->f, producer);
	p->op = producer < 0 ? NULL : graph_node(b->f, producer)->op_type;
	p->pos = fv;
	return producer < 0 || p->node;
}

/* One row a quantizer, and one for the value itself where something reads it unquantized. */
static bool add_activation_rows(struct build *b, int fv, int root, enum match_by by, int clamp)
{
	const struct skeleton *q = &b->m->q;
	int k, rows = 0;

	for (k = q->first_quant[root]; k >= 0; k = q->next_quant[k]) {
		if (q->quants[k].post < 0)
			continue;
		if (!add_activation(b, fv, q->quants[k].post, k, by, clamp))
			return false;
		rows++;
	}
	if (rows && !q->raw_use[root])
		return true;
	return add_activation(b, fv, root, -1, by, clamp);
}

bool build_activations(struct build *b)
{
	const struct walk *w = &b->m->walk;
	int fv;

	for (fv = 0; fv < b->f->n_values; fv++) {
		int mv = build_walked(b, fv), root;

		if (!build_is_float(b->f, fv) || b->m->f.constant[fv] || mv < 0 || b->s->constant[mv])
			continue;
		root = w->value[mv];
		if (root < 0 || !build_is_float(b->q, root))
			continue;
		/* the value before a removed clamp has no counterpart: the quantized operator makes the clamped one */
		if (b->s->g->values[mv].n_uses == 1 && !b->s->g->values[mv].is_output &&
		    w->node[b->s->g->values[mv].uses[0].node] == WALK_CLAMP)
			continue;
		b->done[fv] = true;
		if (!add_activation_rows(b, fv, root, w->by[mv], w->clamp[mv]))
			return false;
	}
	return true;
}

bool build_outputs(struct build *b)
{
	const Onnx__GraphProto *fg = b->f->g, *qg = b->q->g;
	size_t i;

	for (i = 0; i < fg->n_output; i++) {
		int fv = graph_find(b->f, fg->output[i]->name), qv = graph_find(b->q, fg->output[i]->name);
		struct match_pair *p;
		int producer;

		if (qv < 0 || !b->q->values[qv].is_output)
			qv = i < qg->n_output ? graph_find(b->q, qg->output[i]->name) : -1;
		if (qv < 0)
			continue;
		p = build_add_pair(b);
		if (!p)
			return false;
		producer = b->f->values[fv].producer;
		p->kind = MATCH_OUTPUT;
		p->fvalue = fv;
		p->qvalue = qv;
		p->by = MATCH_NAME;
		p->tensor = b->f->values[fv].name;
		p->node = build_node_name(b, b->f, producer);
		p->op = producer < 0 ? NULL : graph_node(b->f, producer)->op_type;
		p->pos = (int)i;
	}
	return true;
}

/* --- running ---------------------------------------------------------------------- */

/* Names from --map to value indexes; unknown ones are an error naming the side. */
static int resolve_map(const struct graph *f, const struct graph *q, const char *const *map, size_t n,
		       struct walk_anchor *out, struct qd_err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		out[i].fv = graph_find(f, map[2 * i]);
		out[i].qv = graph_find(q, map[2 * i + 1]);
		if (out[i].fv < 0 || out[i].qv < 0)
			return err_set(err, QD_EINPUT, "map: \"%s\" is no tensor of %s", map[2 * i + (out[i].fv >= 0)],
				       out[i].fv < 0 ? f->model->path : q->model->path);
	}
	return 0;
}

static int walk_with_map(const struct skeleton *s, const struct skeleton *q, const char *const *map, size_t n_map,
			 struct walk *out, struct qd_err *err)
{
	struct walk_anchor *anchors = mem_array(n_map, sizeof(*anchors));
	int rc;

	if (!anchors)
		return err_oom(err, "matching");
	rc = resolve_map(s->g, q->g, map, n_map, anchors, err);
	if (!rc)
		rc = walk_run(s, q, anchors, n_map, out, err);
	free(anchors);
	return rc;
}

int match_needs_folding(const struct graph *f, const struct graph *q, bool *needed, struct qd_err *err)
{
	struct skeleton fs = { 0 }, qs = { 0 };
	struct walk w = { 0 };
	int rc = skeleton_open(f, &fs, err);

	*needed = false;
	if (!rc)
		rc = skeleton_open(q, &qs, err);
	if (!rc)
		rc = walk_run(&fs, &qs, NULL, 0, &w, err);
	if (!rc)
		*needed = w.unmatched > 0;
	walk_release(&w);
	skeleton_close(&fs);
	skeleton_close(&qs);
	return rc;
}

static int walk_models(struct match *m, const struct graph *folded, const char *const *map, size_t n_map,
		       struct qd_err *err)
{
	struct walk other = { 0 };
	int rc = walk_with_map(&m->f, &m->q, map, n_map, &m->walk, err);

	if (rc || !folded || !m->walk.unmatched)
		return rc;
	rc = skeleton_open(folded, &m->p, err);
	if (!rc)
		rc = walk_with_map(&m->p, &m->q, NULL, 0, &other, err);
	if (rc)
		return rc;
	if (other.unmatched < m->walk.unmatched) {
		walk_release(&m->walk);
		m->walk = other;
		m->folded = true;
	} else {
		walk_release(&other);
	}
	return 0;
}

static int by_position(const void *a, const void *b)
{
	const struct match_pair *x = a, *y = b;

	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	if (x->pos != y->pos)
		return x->pos < y->pos ? -1 : 1;
	return x->qvalue < y->qvalue ? -1 : x->qvalue > y->qvalue;
}

static int by_side_position(const void *a, const void *b)
{
	const struct match_unmatched *x = a, *y = b;

	if (x->quant_side != y->quant_side)
		return x->quant_side - y->quant_side;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

int match_run(const struct graph *f, const struct graph *folded, const struct graph *q, const char *const *map,
	      size_t n_map, struct match *out, struct qd_err *err)
{
	bool oom = false;
	struct build b = { .m = out, .f = f, .q = q, .oom = &oom };
	int rc;

	*out = (struct match){ 0 };
	rc = skeleton_open(f, &out->f, err);
	if (!rc)
		rc = skeleton_open(q, &out->q, err);
	if (!rc)
		rc = walk_models(out, folded, map, n_map, err);
	if (rc)
		goto out;
	b.s = out->folded ? &out->p : &out->f;
	b.done = mem_array((size_t)f->n_values, sizeof(*b.done));
	b.covered = mem_array((size_t)q->n_values, sizeof(*b.covered));
	if (!b.done || !b.covered || !build_activations(&b) || !build_weights(&b) || !build_outputs(&b) ||
	    !build_account_float(&b) || !build_account_bodies(&b) || !build_account_quant(&b) || oom) {
		rc = err_oom(err, "matching");
		goto out;
	}
	qsort(out->pairs, out->n_pairs, sizeof(*out->pairs), by_position);
	if (out->n_unmatched)
		qsort(out->unmatched, out->n_unmatched, sizeof(*out->unmatched), by_side_position);
out:
	free(b.done);
	free(b.covered);
	if (rc)
		match_release(out);
	return rc;
}

void match_release(struct match *m)
{
	walk_release(&m->walk);
	skeleton_close(&m->f);
	skeleton_close(&m->p);
	skeleton_close(&m->q);
	free(m->pairs);
	free(m->unmatched);
	arena_release(&m->arena);
	memset(m, 0, sizeof(*m));
}
