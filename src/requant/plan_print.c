/* A plan for people: node by node what happens and why; counts and notes. And what calibration has to look at. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "requant/plan_int.h"

int plan_n_nodes(const struct plan *p)
{
	return (int)p->n_source;
}

struct plan_node plan_node(const struct plan *p, int node)
{
	const struct pnode *n = &p->nodes[node];

	return (struct plan_node){ n->name, n->op, n->why, n->note };
}

const char *plan_why_text(enum plan_why why)
{
	static const char *const texts[] = {
		[PLAN_QUANTIZED] = "quantized",
		[PLAN_REMOVED] = "removed: its input's quantizer clamps",
		[PLAN_CONSTANT] = "constant, counts as an initializer",
		[PLAN_NOT_LISTED] = "float: not in nodes_to_quantize",
		[PLAN_OP_TYPE] = "float: its type is not in op_types_to_quantize",
		[PLAN_EXCLUDED] = "float: in nodes_to_exclude",
		[PLAN_IS_QDQ] = "a quantizer of the model",
		[PLAN_INPUT_FLOAT] = "float: its input is not quantized (ForceQuantizeNoInputCheck)",
		[PLAN_OPSET] = "float: the model's opset is too old for this operator",
		[PLAN_FP8] = "float: no 8-bit float kernel",
		[PLAN_NO_FLOAT] = "no float tensors",
	};

	return texts[why];
}

struct plan_counts plan_counts(const struct plan *p)
{
	struct plan_counts c = p->counts;
	size_t i;

	c.nodes = (int)p->n_source;
	c.quantized = c.removed = c.excluded = 0;
	for (i = 0; i < p->n_source; i++) {
		c.quantized += p->nodes[i].why == PLAN_QUANTIZED;
		c.removed += p->nodes[i].why == PLAN_REMOVED;
		c.excluded += p->nodes[i].why == PLAN_EXCLUDED;
	}
	return c;
}

size_t plan_n_notes(const struct plan *p)
{
	return p->n_notes;
}

const char *plan_note(const struct plan *p, size_t i)
{
	return p->notes[i];
}

void plan_print(const struct plan *p, struct str *out)
{
	struct plan_counts c = plan_counts(p);
	size_t i;

	for (i = 0; i < p->n_source; i++) {
		const struct pnode *n = &p->nodes[i];

		str_add_escaped(out, n->name);
		str_addc(out, '\t');
		str_add_escaped(out, n->op);
		str_addf(out, "\t%s%s%s\n", plan_why_text(n->why), *n->note ? "; " : "", n->note);
	}
	str_addf(out, "%d of %d nodes quantized, %d removed, %d excluded\n", c.quantized, c.nodes, c.removed, c.excluded);
	for (i = 0; i < p->n_notes; i++) {
		str_add(out, "note: ");
		str_add_escaped(out, p->notes[i]);
		str_addc(out, '\n');
	}
}

void plan_json(const struct plan *p, struct json *out)
{
	size_t i;

	json_open(out, "nodes", '[');
	for (i = 0; i < p->n_source; i++) {
		const struct pnode *n = &p->nodes[i];

		json_open(out, NULL, '{');
		json_str(out, "node", n->name);
		json_str(out, "op", n->op);
		json_bool(out, "quantized", n->why == PLAN_QUANTIZED || n->why == PLAN_REMOVED);
		json_str(out, "why", plan_why_text(n->why));
		json_str(out, "note", *n->note ? n->note : NULL);
		json_close(out, '}');
	}
	json_close(out, ']');
	json_open(out, "notes", '[');
	for (i = 0; i < p->n_notes; i++)
		json_str(out, NULL, p->notes[i]);
	json_close(out, ']');
}

/* --- what calibration looks at ------------------------------------------------------------- */

static bool op_is_wanted(const struct recipe *r, const char *op)
{
	return r->op_types_to_quantize.n ? recipe_has_name(&r->op_types_to_quantize, op) : registry_find(op) != NULL;
}

static bool is_observed(const struct graph *g, const struct recipe *r, int v)
{
	const struct graph_value *x = &g->values[v];

	if (!plan_is_real(x->dtype))
		return false;
	if (x->producer < 0)
		return !x->init;
	if (r->strict_reference)
		return true;
	/* rule const: Constant nodes, and Identity of constants, are initializers */
	return x->is_output || (!graph_const(g, v) && strcmp(graph_node(g, x->producer)->op_type, "Constant"));
}

static bool add_slot(const struct graph *g, const struct recipe *r, int v, bool *seen, const char **names, size_t *n)
{
	if (v < 0 || seen[v] || !is_observed(g, r, v))
		return false;
	seen[v] = true;
	names[(*n)++] = g->values[v].name;
	return true;
}

int plan_range_names(const struct graph *g, const struct recipe *r, const char ***names, size_t *n, struct qd_err *err)
{
	bool *seen = mem_array((size_t)g->n_values, sizeof(*seen));
	size_t i;
	int k;

	*n = 0;
	*names = mem_array((size_t)g->n_values, sizeof(**names));
	if (!seen || !*names) {
		free(seen);
		free(*names);
		*names = NULL;
		return err_oom(err, g->model->path);
	}
	for (i = 0; i < g->g->n_node; i++) {
		const Onnx__NodeProto *node = g->g->node[i];

		if (!op_is_wanted(r, onnx_str(node->op_type)))
			continue;
		for (k = 0; k < (int)node->n_input; k++)
			add_slot(g, r, graph_in(g, (int)i, k), seen, *names, n);
		for (k = 0; k < (int)node->n_output; k++)
			add_slot(g, r, graph_out(g, (int)i, k), seen, *names, n);
	}
	free(seen);
	return 0;
}
