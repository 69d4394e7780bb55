/* The model as the plan sees it: values, nodes, uses; constants that count as initializers; checks of the recipe
 * against the model. Knows no operator but Constant and Identity. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "quant/params.h"
#include "requant/plan_int.h"

/* --- values and nodes ------------------------------------------------------------ */

static int *name_list(struct plan *p, char *const *names, size_t n)
{
	int *v = arena_alloc(&p->out->arena, (n + 1) * sizeof(*v));
	size_t i;

	for (i = 0; v && i < n; i++) {
		v[i] = plan_val(p, names[i]);
		if (v[i] < 0)
			return NULL;
		if (v[i])
			p->vals[v[i]].taken = true;
	}
	return v;
}

/* Names inside bodies are taken; those of the top level are read by the node that holds the body. */
static bool load_body(struct plan *p, const Onnx__GraphProto *body, int holder);

static bool body_reads(struct plan *p, const char *name, int holder)
{
	struct pnode *n = &p->nodes[holder];
	int v = plan_val(p, name);

	if (v < 0 || !mem_grow(&n->body_in, &n->cap_body_in, (size_t)n->n_body_in + 1, sizeof(*n->body_in)))
		return false;
	if (graph_find(p->g, name) >= 0) {
		n->body_in[n->n_body_in++] = v;
		p->vals[v].n_body_uses++;
	}
	p->vals[v].taken = true;
	return true;
}

static bool load_bodies(struct plan *p, const Onnx__NodeProto *n, int holder)
{
	size_t a, k;

	for (a = 0; a < n->n_attribute; a++) {
		if (n->attribute[a]->g && !load_body(p, n->attribute[a]->g, holder))
			return false;
		for (k = 0; k < n->attribute[a]->n_graphs; k++) {
			if (!load_body(p, n->attribute[a]->graphs[k], holder))
				return false;
		}
	}
	return true;
}

static bool load_body(struct plan *p, const Onnx__GraphProto *body, int holder)
{
	size_t i, k;
	int v;

	for (i = 0; i < body->n_initializer; i++) {
		v = plan_val(p, body->initializer[i]->name);
		if (v < 0)
			return false;
		p->vals[v].taken = true;
	}
	for (i = 0; i < body->n_node; i++) {
		for (k = 0; k < body->node[i]->n_input; k++) {
			if (!body_reads(p, body->node[i]->input[k], holder))
				return false;
		}
		if (!name_list(p, body->node[i]->output, body->node[i]->n_output) ||
		    !load_bodies(p, body->node[i], holder))
			return false;
	}
	for (i = 0; i < body->n_output; i++) {
		if (!body_reads(p, body->output[i]->name, holder))
			return false;
	}
	return true;
}

static bool load_node(struct plan *p, size_t i)
{
	const Onnx__NodeProto *src = p->m->proto->graph->node[i];
	struct pnode *n = &p->nodes[i];
	char buf[256];
	int k;

	*n = (struct pnode){ .src = src, .op = onnx_str(src->op_type), .axis = -1, .note = "" };
	n->name = p->strict ? onnx_str(src->name)
			    : arena_strdup(&p->out->arena, graph_node_name(p->g, (int)i, buf, sizeof(buf)));
	n->n_in = (int)src->n_input;
	n->n_out = (int)src->n_output;
	n->in = name_list(p, src->input, src->n_input);
	n->out = name_list(p, src->output, src->n_output);
	p->n_nodes = i + 1;
	if (!n->name || !n->in || !n->out)
		return false;
	for (k = 0; k < n->n_in; k++) {
		if (!plan_add_use(p, n->in[k], (int)i, k))
			return false;
	}
	if (!strcmp(n->op, "DequantizeLinear")) {
		for (k = 0; k < n->n_out; k++)
			p->vals[n->out[k]].dq = (int)i;
	}
	return load_bodies(p, src, (int)i);
}

/* Types: the graph's, which has the engine's knowledge. */
static bool load_values(struct plan *p)
{
	const Onnx__GraphProto *g = p->m->proto->graph;
	size_t i;
	int v, k;

	for (k = 0; k < p->g->n_values; k++) {
		v = plan_val(p, p->g->values[k].name);
		if (v < 0)
			return false;
		p->vals[v].dtype = p->g->values[k].dtype;
		p->vals[v].taken = true;
	}
	for (i = 0; i < g->n_input; i++) {
		v = plan_val(p, g->input[i]->name);
		p->vals[v].is_input = true;
	}
	for (i = 0; i < g->n_output; i++) {
		v = plan_val(p, g->output[i]->name);
		if (v < 0)
			return false;
		p->vals[v].is_output = true;
	}
	for (i = 0; i < g->n_initializer; i++) {
		v = plan_val(p, g->initializer[i]->name);
		if (v < 0 || (!p->vals[v].init && !plan_add_init(p, v, g->initializer[i])))
			return false;
		p->vals[v].first_init = true;
		p->vals[v].dtype = g->initializer[i]->data_type;
	}
	return true;
}

/* --- rule const ------------------------------------------------------------------- */

/* The float tensor a Constant node holds, under the name of its output; NULL with *oom false: it holds none. */
static Onnx__TensorProto *constant_tensor(struct plan *p, const Onnx__NodeProto *n, bool *oom)
{
	const Onnx__AttributeProto *t = graph_attr(n, "value"), *one = graph_attr(n, "value_float"),
				   *many = graph_attr(n, "value_floats");
	Onnx__TensorProto *c;
	size_t count;

	*oom = false;
	if (t && t->t && plan_is_real(t->t->data_type)) {
		c = plan_copy_tensor(p, t->t, n->output[0]);
		*oom = !c;
		return c;
	}
	if (t || (!one && !many))
		return NULL;
	*oom = true;
	count = one ? 1 : many->n_floats;
	c = arena_alloc(&p->out->arena, sizeof(*c));
	if (!c)
		return NULL;
	onnx__tensor_proto__init(c);
	c->name = arena_strdup(&p->out->arena, n->output[0]);
	c->has_data_type = c->has_raw_data = 1;
	c->data_type = DT_FLOAT;
	c->raw_data.len = count * sizeof(float);
	c->raw_data.data = arena_alloc(&p->out->arena, c->raw_data.len + 1);
	c->n_dims = one ? 0 : 1;
	c->dims = arena_alloc(&p->out->arena, sizeof(*c->dims));
	if (!c->name || !c->raw_data.data || !c->dims)
		return NULL;
	c->dims[0] = (int64_t)count;
	if (count)
		memcpy(c->raw_data.data, one ? &one->f : many->floats, c->raw_data.len);
	*oom = false;
	return c;
}

static bool lift_constants(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n_source; i++) {
		struct pnode *n = &p->nodes[i];
		Onnx__TensorProto *t = NULL;
		const struct pval *in = n->n_in == 1 ? &p->vals[n->in[0]] : NULL;
		bool oom = false;

		if (*onnx_domain(n->src->domain) || n->n_out != 1 || !n->out[0] || p->vals[n->out[0]].is_output)
			continue;
		if (!strcmp(n->op, "Constant") && n->n_in == 0) {
			t = constant_tensor(p, n->src, &oom);
		} else if (in && !strcmp(n->op, "Identity") && in->init && !in->is_input && plan_is_real(in->init->data_type)) {
			t = plan_copy_tensor(p, in->init, p->vals[n->out[0]].name);
			oom = !t;
		}
		if (oom || (t && !plan_add_init(p, n->out[0], t)))
			return false;
		if (!t)
			continue;
		p->vals[n->out[0]].first_init = true;
		p->vals[n->out[0]].dtype = t->data_type;
		n->gone = true;
		n->why = PLAN_CONSTANT;
		if (n->n_in)    /* an Identity reads no longer */
			p->vals[n->in[0]].n_uses--;
	}
	return true;
}

int plan_load_graph(struct plan *p, struct qd_err *err)
{
	size_t i, n = p->m->proto->graph->n_node;

	p->n_source = n;
	if (!mem_grow(&p->nodes, &p->cap_nodes, n + 1, sizeof(*p->nodes)) || !load_values(p))
		return plan_oom(p, err);
	for (i = 0; i < n; i++) {
		if (!load_node(p, i))
			return plan_oom(p, err);
	}
	if (!p->strict && !lift_constants(p))
		return plan_oom(p, err);
	return 0;
}

/* --- names in the recipe ------------------------------------------------------------ */

static int unknown_node(const struct graph *g, const char *list, const char *name, struct qd_err *err)
{
	enum { FAR = 1000 };
	char buf[256];
	struct str nearest = STR_INIT, shown = STR_INIT;
	int best = FAR, d;
	size_t i;

	for (i = 0; i < g->g->n_node; i++) {
		const char *n = graph_node_name(g, (int)i, buf, sizeof(buf));

		d = str_distance(name, n, best - 1 > 40 ? 40 : best - 1);
		if (d < best && d <= 40) {
			best = d;
			str_clear(&nearest);
			str_add_escaped(&nearest, n);
		}
	}
	str_add_escaped(&shown, name);
	err_set(err, QD_EINPUT, "%s: %s: no node is named \"%s\"%s%s%s", g->model->path, list, shown.p ? shown.p : "",
		nearest.len ? "; did you mean \"" : "; names are exact, see --dry-run", nearest.len ? nearest.p : "",
		nearest.len ? "\"?" : "");
	str_release(&nearest);
	str_release(&shown);
	return QD_EINPUT;
}

static int check_list(const struct graph *g, const struct map *known, const char *list,
		      const struct recipe_names *names, struct qd_err *err)
{
	size_t i;

	for (i = 0; i < names->n; i++) {
		if (map_get(known, names->v[i]) == MAP_NONE)
			return unknown_node(g, list, names->v[i], err);
	}
	return 0;
}

int plan_check_names(const struct graph *g, const struct recipe *r, struct qd_err *err)
{
	struct map known = MAP_INIT;
	struct arena names = ARENA_INIT;
	char buf[256];
	bool ok = true;
	size_t i;
	int rc = 0;

	for (i = 0; ok && i < g->g->n_node; i++) {
		const char *name = arena_strdup(&names, graph_node_name(g, (int)i, buf, sizeof(buf)));

		ok = name && map_put(&known, name, (long)i);
	}
	if (!ok)
		rc = err_oom(err, g->model->path);
	if (!rc)
		rc = check_list(g, &known, "nodes_to_quantize", &r->nodes_to_quantize, err);
	if (!rc)
		rc = check_list(g, &known, "nodes_to_exclude", &r->nodes_to_exclude, err);
	for (i = 0; !rc && i < r->n_overrides; i++) {
		const struct recipe_override *c = r->overrides[i].n ? r->overrides[i].v[0].convert : NULL;

		if (c)
			rc = check_list(g, &known, "recv_nodes", &c->recv_nodes, err);
	}
	map_release(&known);
	arena_release(&names);
	return rc;
}

/* --- overrides ------------------------------------------------------------------------ */

static bool has_point(const struct recipe_override *o)
{
	return o->scale == o->scale;
}

/* NULL: fine; else what is wrong. */
static const char *bad_values(const struct recipe_override *o, bool constant)
{
	bool lo = o->rmin == o->rmin, hi = o->rmax == o->rmax;

	if (has_point(o) != o->has_zero_point)
		return "scale and zero_point are given together or not at all";
	if (has_point(o) && (lo || hi || o->symmetric != RECIPE_UNSET || o->reduce_range != RECIPE_UNSET))
		return "scale and zero_point leave no room for symmetric, reduce_range, rmin or rmax";
	if (o->reduce_range != RECIPE_UNSET && !constant)
		return "reduce_range is for initializers only";
	return NULL;
}

static const char *bad_tensor(const struct plan *p, const struct recipe_override *o, bool constant)
{
	const struct recipe_override *c = o->convert;
	const char *what = bad_values(o, constant);

	if (what || !c)
		return what;
	if (constant)
		return "convert is for activations only";
	if (!c->quant_type)
		return "convert needs a quant_type";
	if (c->quant_type == (o->quant_type ? o->quant_type : p->r->activation_type))
		return "convert has the quant_type the tensor has already";
	return bad_values(c, false);
}

static const char *bad_channels(const struct pval *v, const struct recipe_tensor *t)
{
	const struct recipe_override *first = &t->v[0];
	int64_t rank, axis;
	size_t i;

	if (!v->init)
		return "overrides per channel are for initializers only";
	if (!first->has_axis)
		return "the first dictionary of several needs an axis";
	rank = (int64_t)v->init->n_dims;
	axis = first->axis < 0 ? first->axis + rank : first->axis;
	if (axis < 0 || axis >= rank)
		return "axis is out of bounds";
	if (t->n > 1 && (int64_t)t->n != v->init->dims[axis])
		return "there is neither one dictionary nor one for each channel";
	if (has_point(first) && t->n == 1 && v->init->dims[axis] != 1)
		return "scale and zero_point are needed for every channel";
	for (i = 0; i < t->n; i++) {
		const struct recipe_override *o = &t->v[i];
		const char *what = bad_values(o, true);

		if (what)
			return what;
		if (o->convert)
			return "convert is for activations only";
		if ((o->rmin == o->rmin) != (o->rmax == o->rmax) || (o->rmin == o->rmin) != (first->rmin == first->rmin) ||
		    has_point(o) != has_point(first))
			return "rmin with rmax, or scale with zero_point, are for all channels or none";
		if ((o->quant_type && o->quant_type != first->quant_type) || (o->has_axis && o->axis != first->axis) ||
		    (o->symmetric != RECIPE_UNSET && o->symmetric != first->symmetric) ||
		    (o->reduce_range != RECIPE_UNSET && o->reduce_range != first->reduce_range))
			return "quant_type, axis, symmetric and reduce_range are the same for all channels";
	}
	return NULL;
}

static bool point_fits(const struct plan *p, const struct recipe_override *o)
{
	struct quant_limits lim;
	int k, type;

	if (!has_point(o))
		return true;
	if (!(o->scale > 0) || o->scale > 3.4e38)
		return false;
	for (k = 0; k < 2; k++) {       /* the type may be that of activations or of weights */
		type = o->quant_type ? o->quant_type : k ? p->r->weight_type : p->r->activation_type;
		if (!quant_type_limits(type, false, false, &lim) || (o->zero_point >= lim.min && o->zero_point <= lim.max))
			return true;
	}
	return false;
}

int plan_check_overrides(const struct plan *p, struct qd_err *err)
{
	size_t i, k;

	for (i = 0; i < p->r->n_overrides; i++) {
		const struct recipe_tensor *t = &p->r->overrides[i];
		long v = map_get(&p->names, t->name);
		const char *what = NULL;

		if (v == MAP_NONE || (!p->vals[v].init && p->vals[v].dtype == DT_UNDEFINED))
			return err_set(err, QD_EINPUT, "%s: TensorQuantOverrides: no tensor is named \"%.200s\"", p->m->path,
				       t->name);
		if (!t->n)
			continue;
		what = t->n > 1 || t->v[0].has_axis ? bad_channels(&p->vals[v], t)
						    : bad_tensor(p, &t->v[0], p->vals[v].init != NULL);
		for (k = 0; !what && k < t->n; k++) {
			if (!point_fits(p, &t->v[k]))
				what = "scale is not positive, or zero_point is outside its type";
		}
		if (what)
			return err_set(err, QD_EINPUT, "%s: TensorQuantOverrides of \"%.200s\": %s", p->m->path, t->name,
				       what);
	}
	return 0;
}
