/* The end of writing: unused initializers go, nodes are sorted as the reference sorts them, and everything is put into
 * the new model (reference.md 6.10). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "requant/write_int.h"

/* --- unused initializers ------------------------------------------------------------------ */

static bool *used_values(const struct plan *p)
{
	bool *used = mem_array(p->n_vals, sizeof(*used));
	size_t i;
	int k;

	if (!used)
		return NULL;
	for (i = 0; i < p->n_vals; i++)
		used[i] = p->vals[i].is_output;
	for (i = 0; i < p->n_nodes; i++) {
		const struct pnode *n = &p->nodes[i];

		for (k = 0; !n->gone && k < n->n_in; k++)
			used[n->in[k]] = true;
		for (k = 0; !n->gone && k < n->n_body_in; k++)
			used[n->body_in[k]] = true;
	}
	return used;
}

static bool put_initializers(struct plan *p)
{
	Onnx__GraphProto *g = p->out->proto->graph;
	bool *used = used_values(p);
	size_t i, n = 0;

	if (!used)
		return false;
	g->initializer = arena_alloc(&p->out->arena, (p->n_inits + 1) * sizeof(*g->initializer));
	for (i = 0; g->initializer && i < p->n_inits; i++) {
		struct pval *v = &p->vals[p->inits[i]];

		if (v->init && (used[p->inits[i]] || p->r->add_qdq_pair_to_weight))
			g->initializer[n++] = (Onnx__TensorProto *)(uintptr_t)v->init;
		else
			v->drop_input = true;
	}
	g->n_initializer = n;
	free(used);
	return g->initializer != NULL;
}

static bool put_inputs(struct plan *p)
{
	Onnx__GraphProto *g = p->out->proto->graph;
	Onnx__ValueInfoProto **kept = arena_alloc(&p->out->arena, (g->n_input + 1) * sizeof(*kept));
	size_t i, n = 0;

	if (!kept)
		return false;
	for (i = 0; i < g->n_input; i++) {
		if (!p->vals[plan_val(p, g->input[i]->name)].drop_input)
			kept[n++] = g->input[i];
	}
	g->input = kept;
	g->n_input = n;
	return true;
}

/* --- order ----------------------------------------------------------------------------------- */

/* Who waits for each value: for value v the nodes at[first[v]] ... at[first[v+1]-1], in node order, one entry a slot. */
struct waiting {
	int *first, *at, *missing;      /* missing: open inputs of each node */
	int *sorted;
	size_t n_sorted;
};

static int slot_value(const struct pnode *n, int k)
{
	return k < n->n_in ? n->in[k] : n->body_in[k - n->n_in];
}

static bool wait_for_inputs(const struct plan *p, struct waiting *w)
{
	size_t i, total = 0, v;
	int k, *fill;

	for (i = 0; i < p->n_nodes; i++)
		total += (size_t)p->nodes[i].n_in + (size_t)p->nodes[i].n_body_in;
	w->first = mem_array(p->n_vals + 2, sizeof(int));
	w->at = mem_array(total, sizeof(int));
	w->missing = mem_array(p->n_nodes, sizeof(int));
	w->sorted = mem_array(p->n_nodes, sizeof(int));
	fill = mem_array(p->n_vals + 1, sizeof(int));
	if (!w->first || !w->at || !w->missing || !w->sorted || !fill) {
		free(fill);
		return false;
	}
	for (i = 0; i < p->n_nodes; i++) {
		const struct pnode *n = &p->nodes[i];

		for (k = 0; !n->gone && k < n->n_in + n->n_body_in; k++) {
			if (slot_value(n, k)) {
				w->first[slot_value(n, k) + 1]++;
				w->missing[i]++;
			}
		}
	}
	for (v = 0; v < p->n_vals; v++)
		w->first[v + 1] += w->first[v];
	memcpy(fill, w->first, p->n_vals * sizeof(int));
	for (i = 0; i < p->n_nodes; i++) {
		const struct pnode *n = &p->nodes[i];

		for (k = 0; !n->gone && k < n->n_in + n->n_body_in; k++) {
			if (slot_value(n, k))
				w->at[fill[slot_value(n, k)]++] = (int)i;
		}
	}
	free(fill);
	return true;
}

static void arrives(struct waiting *w, int val)
{
	int k;

	for (k = w->first[val]; k < w->first[val + 1]; k++) {
		if (--w->missing[w->at[k]] == 0)
			w->sorted[w->n_sorted++] = w->at[k];
	}
}

struct named { const char *name; int val; };

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/* Initializers and inputs, each once, by name. */
static bool sources_arrive(struct plan *p, struct waiting *w)
{
	const Onnx__GraphProto *g = p->out->proto->graph;
	size_t n = 0, i;
	struct named *v = mem_array(g->n_initializer + g->n_input + g->n_sparse_initializer + 1, sizeof(*v));

	if (!v)
		return false;
	for (i = 0; i < g->n_initializer; i++)
		v[n++].name = onnx_str(g->initializer[i]->name);
	for (i = 0; i < g->n_input; i++)
		v[n++].name = onnx_str(g->input[i]->name);
	for (i = 0; i < g->n_sparse_initializer; i++) {
		if (g->sparse_initializer[i]->values)
			v[n++].name = onnx_str(g->sparse_initializer[i]->values->name);
	}
	qsort(v, n, sizeof(*v), by_name);
	for (i = 0; i < n; i++) {
		long val = map_get(&p->names, v[i].name);

		if (val > 0 && (i == 0 || strcmp(v[i - 1].name, v[i].name)))
			arrives(w, (int)val);
	}
	free(v);
	return true;
}

static int sort_nodes(struct plan *p, struct waiting *w, struct qd_err *err)
{
	size_t i, alive = 0, at;
	int k;

	if (!wait_for_inputs(p, w))
		return plan_oom(p, err);
	for (i = 0; i < p->n_nodes; i++) {
		alive += !p->nodes[i].gone;
		if (!p->nodes[i].gone && !w->missing[i])
			w->sorted[w->n_sorted++] = (int)i;
	}
	if (!sources_arrive(p, w))
		return plan_oom(p, err);
	for (at = 0; at < w->n_sorted; at++) {
		const struct pnode *n = &p->nodes[w->sorted[at]];

		for (k = 0; k < n->n_out; k++) {
			if (n->out[k])
				arrives(w, n->out[k]);
		}
	}
	if (w->n_sorted == alive)
		return 0;
	for (i = 0; i < p->n_nodes && (p->nodes[i].gone || !w->missing[i]); i++)
		;
	return err_set(err, QD_EBUG, "%s: after quantizing, node %s waits for an input that nothing produces",
		       p->m->path, p->nodes[i].name);
}

/* --- messages ---------------------------------------------------------------------------------- */

static char **name_array(struct plan *p, const int *vals, int n)
{
	char **v = arena_alloc(&p->out->arena, ((size_t)n + 1) * sizeof(*v));
	int i;

	for (i = 0; v && i < n; i++)
		v[i] = (char *)(uintptr_t)p->vals[vals[i]].name;
	return v;
}

/* The attributes of a Gemm with beta 1. */
static bool reset_beta(struct plan *p, Onnx__NodeProto *n)
{
	Onnx__AttributeProto **v = arena_alloc(&p->out->arena, (n->n_attribute + 1) * sizeof(*v)), *one;
	size_t i;

	if (!v)
		return false;
	for (i = 0; i < n->n_attribute; i++) {
		v[i] = n->attribute[i];
		if (strcmp(onnx_str(v[i]->name), "beta"))
			continue;
		one = arena_alloc(&p->out->arena, sizeof(*one));
		if (!one)
			return false;
		*one = *v[i];
		one->f = 1;
		v[i] = one;
	}
	n->attribute = v;
	return true;
}

static Onnx__NodeProto *old_node(struct plan *p, const struct pnode *k)
{
	Onnx__NodeProto *n = arena_alloc(&p->out->arena, sizeof(*n));

	if (!n)
		return NULL;
	*n = *k->src;
	n->input = name_array(p, k->in, k->n_in);
	n->output = name_array(p, k->out, k->n_out);
	if (!n->input || !n->output || (k->reset_beta && !reset_beta(p, n)))
		return NULL;
	return n;
}

static Onnx__NodeProto *added_node(struct plan *p, const struct pnode *k)
{
	struct arena *a = &p->out->arena;
	Onnx__NodeProto *n = arena_alloc(a, sizeof(*n));

	if (!n)
		return NULL;
	onnx__node_proto__init(n);
	n->op_type = arena_strdup(a, k->op);
	n->name = (char *)(uintptr_t)k->name;
	n->domain = k->contrib ? arena_strdup(a, "com.microsoft") : NULL;
	n->input = name_array(p, k->in, k->n_in);
	n->n_input = (size_t)k->n_in;
	n->output = name_array(p, k->out, k->n_out);
	n->n_output = (size_t)k->n_out;
	if (!n->op_type || !n->input || !n->output || (k->contrib && !n->domain) ||
	    (k->axis >= 0 && !edit_add_attr_int(p->out, n, "axis", k->axis)) ||
	    (k->block_size && !edit_add_attr_int(p->out, n, "block_size", k->block_size)) ||
	    (k->to && !edit_add_attr_int(p->out, n, "to", k->to)))
		return NULL;
	return n;
}

static bool put_nodes(struct plan *p, const struct waiting *w)
{
	Onnx__GraphProto *g = p->out->proto->graph;
	size_t i;

	g->node = arena_alloc(&p->out->arena, (w->n_sorted + 1) * sizeof(*g->node));
	if (!g->node)
		return false;
	for (i = 0; i < w->n_sorted; i++) {
		const struct pnode *k = &p->nodes[w->sorted[i]];

		g->node[i] = k->src ? old_node(p, k) : added_node(p, k);
		if (!g->node[i])
			return false;
	}
	g->n_node = w->n_sorted;
	return true;
}

static bool put_header(struct plan *p)
{
	Onnx__ModelProto *m = p->out->proto;
	struct arena *a = &p->out->arena;
	size_t i;

	m->producer_name = arena_strdup(a, "onnx.quantize");
	m->producer_version = arena_strdup(a, "0.1.0");
	if (!m->producer_name || !m->producer_version)
		return false;
	if (p->contrib) {       /* the imports belong to the source */
		Onnx__OperatorSetIdProto **v = arena_alloc(a, (m->n_opset_import + 1) * sizeof(*v));

		if (!v)
			return false;
		for (i = 0; i < m->n_opset_import; i++) {
			v[i] = arena_alloc(a, sizeof(**v));
			if (!v[i])
				return false;
			*v[i] = *m->opset_import[i];
		}
		m->opset_import = v;
		if (!edit_begin(p->out) || !edit_set_opset(p->out, "com.microsoft", 1))
			return false;
	}
	/* what the reference writes on every model it has seen */
	return onnx_metadata(p->out, "onnx.infer") || edit_add_metadata(p->out, "onnx.infer", "onnxruntime.quant");
}

int write_graph(struct plan *p, struct qd_err *err)
{
	struct waiting w = { 0 };
	int rc = put_initializers(p) && put_inputs(p) ? 0 : plan_oom(p, err);

	if (!rc)
		rc = sort_nodes(p, &w, err);
	if (!rc && (!put_nodes(p, &w) || !put_header(p)))
		rc = plan_oom(p, err);
	free(w.first);
	free(w.at);
	free(w.missing);
	free(w.sorted);
	return rc;
}
