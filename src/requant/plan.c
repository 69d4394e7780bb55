/* The plan's life: set up, the order of the passes, and the edits they make. Knows no operator. */
#include "requant/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "requant/plan_int.h"

int plan_oom(const struct plan *p, struct qd_err *err)
{
	return err_oom(err, p->m->path);
}

/* --- names ------------------------------------------------------------------- */

static int add_val(struct plan *p, const char *name)
{
	char *own = arena_strdup(&p->out->arena, name);
	struct pval *v;

	if (!own || !mem_grow(&p->vals, &p->cap_vals, p->n_vals + 1, sizeof(*p->vals)) ||
	    !map_put(&p->names, own, (long)p->n_vals))
		return -1;
	v = &p->vals[p->n_vals];
	memset(v, 0, sizeof(*v));
	v->name = own;
	v->use_head = v->mark = v->bias = v->dq = v->c_scale = v->c_zp = -1;
	return (int)p->n_vals++;
}

int plan_val(struct plan *p, const char *name)
{
	long i = map_get(&p->names, onnx_str(name));

	return i == MAP_NONE ? add_val(p, onnx_str(name)) : (int)i;
}

int plan_fresh(struct plan *p, const char *name)
{
	int v = plan_val(p, name), k;

	for (k = 1; v >= 0 && p->vals[v].taken; k++) {
		char *next = mem_printf("%s_%d", name, k);

		v = next ? plan_val(p, next) : -1;
		free(next);
	}
	if (v < 0)
		return -1;
	p->vals[v].taken = true;
	if (k > 1 && !plan_say(p, "collision: the name %s exists in the model; %s is used for the quantizer's", name,
			       p->vals[v].name))
		return -1;
	return v;
}

bool plan_add_init(struct plan *p, int val, const Onnx__TensorProto *t)
{
	if (!t || !mem_grow(&p->inits, &p->cap_inits, p->n_inits + 1, sizeof(*p->inits)))
		return false;
	p->vals[val].init = t;
	p->vals[val].taken = true;
	p->inits[p->n_inits++] = val;
	return true;
}

Onnx__TensorProto *plan_copy_tensor(struct plan *p, const Onnx__TensorProto *t, const char *name)
{
	Onnx__TensorProto *c = arena_alloc(&p->out->arena, sizeof(*c));

	if (!c)
		return NULL;
	*c = *t;
	c->name = arena_strdup(&p->out->arena, name);
	return c->name ? c : NULL;
}

bool plan_say(struct plan *p, const char *fmt, ...)
{
	va_list ap;
	char text[512];
	char *own;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	own = arena_strdup(&p->out->arena, text);
	if (!own || !mem_grow(&p->notes, &p->cap_notes, p->n_notes + 1, sizeof(*p->notes)))
		return false;
	p->notes[p->n_notes++] = own;
	return true;
}

/* --- edits ------------------------------------------------------------------- */

bool plan_add_use(struct plan *p, int val, int node, int slot)
{
	if (val <= 0)
		return val == 0;
	if (!mem_grow(&p->uses, &p->cap_uses, p->n_uses + 1, sizeof(*p->uses)))
		return false;
	p->uses[p->n_uses] = (struct puse){ node, slot, p->vals[val].use_head };
	p->vals[val].use_head = (int)p->n_uses++;
	p->vals[val].n_uses++;
	return true;
}

/* Move the uses of `from` that belong to `node` (-1: all) to `to`. */
static void move_uses(struct plan *p, int from, int to, int node)
{
	int *link = &p->vals[from].use_head;

	while (*link >= 0) {
		int i = *link;
		struct puse *u = &p->uses[i];

		if (node >= 0 && u->node != node) {
			link = &u->next;
			continue;
		}
		*link = u->next;
		u->next = p->vals[to].use_head;
		p->vals[to].use_head = i;
		p->nodes[u->node].in[u->slot] = to;
		p->vals[from].n_uses--;
		p->vals[to].n_uses++;
	}
}

bool plan_rename_uses(struct plan *p, int from, int to)
{
	move_uses(p, from, to, -1);
	return true;
}

bool plan_rename_uses_of(struct plan *p, int from, int to, int node)
{
	move_uses(p, from, to, node);
	return true;
}

void plan_rename_outputs(struct plan *p, int from, int to)
{
	size_t i;
	int k;

	for (i = 0; i < p->n_source; i++) {
		for (k = 0; k < p->nodes[i].n_out; k++) {
			if (p->nodes[i].out[k] == from)
				p->nodes[i].out[k] = to;
		}
	}
}

/* --- overrides ----------------------------------------------------------------- */

const struct recipe_override *plan_convert(const struct plan *p, int val)
{
	const struct recipe_tensor *t = recipe_overrides(p->r, p->vals[val].name);

	return t ? t->v[0].convert : NULL;
}

bool plan_gets_converted(const struct plan *p, int val, int node)
{
	const struct recipe_override *c = plan_convert(p, val);

	return c && (!c->has_recv_nodes || recipe_has_name(&c->recv_nodes, p->nodes[node].name));
}

/* --- making a plan ----------------------------------------------------------------- */

static bool type_needs_opset_21(int type)
{
	return type == DT_INT16 || type == DT_UINT16 || type == DT_INT4 || type == DT_UINT4;
}

static bool any_override_needs_21(const struct recipe *r)
{
	size_t i, k;

	for (i = 0; i < r->n_overrides; i++) {
		for (k = 0; k < r->overrides[i].n; k++) {
			const struct recipe_override *o = &r->overrides[i].v[k];

			if (type_needs_opset_21(o->quant_type) ||
			    (o->convert && type_needs_opset_21(o->convert->quant_type)))
				return true;
		}
	}
	return false;
}

static int check_opset(struct plan *p, struct qd_err *err)
{
	const char *what = NULL;
	int needed = 0;

	if (p->opset < ONNX_MIN_OPSET) {
		what = "quantizing";
		needed = ONNX_MIN_OPSET;
	} else if (p->r->weight_type == DT_F8E4M3FN && p->opset < 19) {
		what = "QFLOAT8E4M3FN";
		needed = 19;
	} else if (p->r->block_size > 0 && p->opset < 21) {
		what = "BlockSize";
		needed = 21;
	}
	if (what)
		return err_set(err, QD_EINPUT, "%s: opset %lld, but %s needs opset %d; export the model again, or convert "
			       "it", p->m->path, (long long)p->opset, what, needed);
	p->contrib = p->r->use_qdq_contrib_ops ||
		     (p->opset < 21 && (type_needs_opset_21(p->r->activation_type) ||
					type_needs_opset_21(p->r->weight_type) || any_override_needs_21(p->r)));
	return 0;
}

/* What is only known after marking: opset 13 brought channels, opset 19 float16 scales. */
static bool widen_domain(struct plan *p)
{
	const char *why = NULL;
	size_t i;

	for (i = 0; !p->contrib && !why && i < p->n_marks; i++) {
		const struct pmark *k = &p->marks[i];

		if (!k->alive)
			continue;
		if (p->opset < 13 && p->vals[k->val].weight.set && p->vals[k->val].weight.lin.axis >= 0)
			why = "opset 13 is the first with scales per channel";
		else if (p->opset < 19 && p->vals[k->val].dtype == DT_FLOAT16)
			why = "opset 19 is the first with float16 scales";
	}
	if (!why)
		return true;
	p->contrib = true;
	return plan_say(p, "opset: %s, the model's is %lld; QuantizeLinear and DequantizeLinear are com.microsoft's", why,
			(long long)p->opset);
}

static bool fill_lists(struct plan *p)
{
	const struct { const struct recipe_names *from; struct map *to; } lists[] = {
		{ &p->r->op_types_to_quantize, &p->op_types },
		{ &p->r->nodes_to_quantize, &p->only },
		{ &p->r->nodes_to_exclude, &p->exclude },
		{ &p->r->op_types_to_exclude_output_quantization, &p->no_output },
	};
	size_t i, k;
	int op;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (k = 0; k < lists[i].from->n; k++) {
			if (!map_put(lists[i].to, lists[i].from->v[k], 1))
				return false;
		}
	}
	for (op = 0; !p->r->op_types_to_quantize.n && registry_op(op); op++) {
		if (!map_put(&p->op_types, registry_op(op), 1))
			return false;
	}
	return true;
}

static int run_passes(struct plan *p, const struct quant_ranges *ranges, struct qd_err *err)
{
	int rc = plan_mark_all(p, err);

	(void)ranges;
	if (!rc && !p->preview)
		rc = plan_weight_params(p, err);
	if (!rc && !p->preview)
		rc = plan_adjust_for_biases(p, err);
	if (!rc && !p->preview && !widen_domain(p))
		rc = plan_oom(p, err);
	return rc;
}

static int make(const struct graph *g, const struct recipe *r, const struct quant_ranges *ranges, bool preview,
		struct plan **out, struct qd_err *err)
{
	struct plan *p = mem_zalloc(sizeof(*p));
	int rc;

	*out = NULL;
	if (!p)
		return err_oom(err, g->model->path);
	p->m = g->model;
	p->g = g;
	p->r = r;
	p->preview = preview;
	p->strict = r->strict_reference;
	p->opset = onnx_opset(p->m);
	p->counts.largest_ratio = 1;
	rc = recipe_check(r, err);
	if (!rc && r->quant_format != RECIPE_QDQ)
		rc = err_set(err, QD_EUSAGE, "quant_format QOperator is not written by this function; use QDQ");
	if (!rc)
		rc = check_opset(p, err);
	if (!rc && !p->strict)
		rc = plan_check_names(g, r, err);
	if (!rc)
		rc = onnx_shell(p->m, &p->out, err);
	if (!rc && (!fill_lists(p) || plan_val(p, "") != 0))
		rc = plan_oom(p, err);
	if (!rc)
		rc = plan_load_graph(p, err);
	if (!rc)
		rc = plan_check_overrides(p, err);
	if (!rc)
		rc = plan_take_ranges(p, ranges, err);
	if (!rc)
		rc = run_passes(p, ranges, err);
	if (rc) {
		plan_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

int plan_make(const struct graph *g, const struct recipe *r, const struct quant_ranges *ranges, struct plan **out,
	      struct qd_err *err)
{
	return make(g, r, ranges, false, out, err);
}

int plan_preview(const struct graph *g, const struct recipe *r, struct plan **out, struct qd_err *err)
{
	return make(g, r, NULL, true, out, err);
}

void plan_free(struct plan *p)
{
	size_t i;

	if (!p)
		return;
	for (i = 0; i < p->n_vals; i++) {
		free(p->vals[i].receivers);
		plan_free_params(&p->vals[i].act);
		plan_free_params(&p->vals[i].conv);
		plan_free_params(&p->vals[i].weight);
	}
	for (i = 0; i < p->n_nodes; i++)
		free(p->nodes[i].body_in);
	free(p->vals);
	free(p->nodes);
	free(p->uses);
	free(p->marks);
	free(p->biases);
	free(p->inits);
	free(p->notes);
	map_release(&p->names);
	map_release(&p->op_types);
	map_release(&p->only);
	map_release(&p->exclude);
	map_release(&p->no_output);
	onnx_free(p->out);
	free(p);
}
