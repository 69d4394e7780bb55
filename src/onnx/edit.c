/* Editing a model in memory. New memory comes from the arena and is never freed piecewise. */
#include "onnx/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Repeated fields that grow have room for the next power of two (at least 8): a full one is re-made twice as
 * large. The decoder makes exact arrays, so those that edits append to go through make_room() first. */
enum { MIN_ROOM = 8 };

static size_t room_for(size_t n)
{
	size_t room = MIN_ROOM;

	while (room <= n)
		room *= 2;
	return room;
}

static bool make_room(struct onnx_model *m, void *array, size_t n)
{
	void ***slot = array, **grown = arena_alloc(&m->arena, room_for(n) * sizeof(void *));

	if (!grown)
		return false;
	if (n)
		memcpy(grown, *slot, n * sizeof(void *));
	*slot = grown;
	return true;
}

static bool push(struct onnx_model *m, void *array, size_t *n, void *item)
{
	void ***slot = array;

	if (!item)
		return false;
	if ((*n == 0 || (*n >= MIN_ROOM && (*n & (*n - 1)) == 0)) && !make_room(m, array, *n))
		return false;
	(*slot)[(*n)++] = item;
	return true;
}

bool edit_begin(struct onnx_model *m)
{
	Onnx__GraphProto *g = m->proto->graph;

	return make_room(m, &g->node, g->n_node) && make_room(m, &g->initializer, g->n_initializer) &&
	       make_room(m, &g->sparse_initializer, g->n_sparse_initializer) &&
	       make_room(m, &g->input, g->n_input) && make_room(m, &g->output, g->n_output) &&
	       make_room(m, &g->value_info, g->n_value_info) &&
	       make_room(m, &m->proto->opset_import, m->proto->n_opset_import);
}

Onnx__NodeProto *edit_add_node(struct onnx_model *m, const char *domain, const char *op, const char *name)
{
	Onnx__NodeProto *n = arena_alloc(&m->arena, sizeof(*n));

	if (!n)
		return NULL;
	onnx__node_proto__init(n);
	n->domain = arena_strdup(&m->arena, domain);
	n->op_type = arena_strdup(&m->arena, op);
	n->name = arena_strdup(&m->arena, name);
	if (!n->domain || !n->op_type || !n->name ||
	    !push(m, &m->proto->graph->node, &m->proto->graph->n_node, n))
		return NULL;
	return n;
}

bool edit_add_input_name(struct onnx_model *m, Onnx__NodeProto *n, const char *value)
{
	return push(m, &n->input, &n->n_input, arena_strdup(&m->arena, value));
}

bool edit_add_output_name(struct onnx_model *m, Onnx__NodeProto *n, const char *value)
{
	return push(m, &n->output, &n->n_output, arena_strdup(&m->arena, value));
}

bool edit_add_attr_int(struct onnx_model *m, Onnx__NodeProto *n, const char *name, int64_t v)
{
	Onnx__AttributeProto *a = arena_alloc(&m->arena, sizeof(*a));

	if (!a)
		return false;
	onnx__attribute_proto__init(a);
	a->name = arena_strdup(&m->arena, name);
	a->has_type = a->has_i = 1;
	a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
	a->i = v;
	return a->name && push(m, &n->attribute, &n->n_attribute, a);
}

bool edit_remove_attr(Onnx__NodeProto *n, const char *name)
{
	size_t i;

	for (i = 0; i < n->n_attribute; i++) {
		if (!strcmp(onnx_str(n->attribute[i]->name), name)) {
			memmove(&n->attribute[i], &n->attribute[i + 1],
				(n->n_attribute - i - 1) * sizeof(n->attribute[0]));
			n->n_attribute--;
			return true;
		}
	}
	return false;
}

static Onnx__ValueInfoProto *new_value_info(struct onnx_model *m, const char *name)
{
	Onnx__ValueInfoProto *v = arena_alloc(&m->arena, sizeof(*v));

	if (!v)
		return NULL;
	onnx__value_info_proto__init(v);
	v->name = arena_strdup(&m->arena, name);
	return v->name ? v : NULL;
}

bool edit_add_graph_output(struct onnx_model *m, const char *value)
{
	Onnx__GraphProto *g = m->proto->graph;
	size_t i;

	for (i = 0; i < g->n_output; i++) {
		if (!strcmp(g->output[i]->name, value))
			return true;
	}
	return push(m, &g->output, &g->n_output, new_value_info(m, value));
}

static Onnx__TensorShapeProto *new_shape(struct onnx_model *m, int rank, const int64_t *dims, char *const *symbols)
{
	Onnx__TensorShapeProto *shape = arena_alloc(&m->arena, sizeof(*shape));
	int d;

	if (!shape)
		return NULL;
	onnx__tensor_shape_proto__init(shape);
	for (d = 0; d < rank; d++) {
		Onnx__TensorShapeProto__Dimension *dim = arena_alloc(&m->arena, sizeof(*dim));

		if (!dim)
			return NULL;
		onnx__tensor_shape_proto__dimension__init(dim);
		if (dims[d] >= 0) {
			dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
			dim->dim_value = dims[d];
		} else if (symbols && symbols[d]) {
			dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
			dim->dim_param = arena_strdup(&m->arena, symbols[d]);
			if (!dim->dim_param)
				return NULL;
		}
		if (!push(m, &shape->dim, &shape->n_dim, dim))
			return NULL;
	}
	return shape;
}

static Onnx__ValueInfoProto *typed_value(struct onnx_model *m, const char *value, int dtype, int rank,
					 const int64_t *dims, char *const *symbols)
{
	Onnx__ValueInfoProto *v = new_value_info(m, value);
	Onnx__TypeProto *type = arena_alloc(&m->arena, sizeof(*type));
	Onnx__TypeProto__Tensor *t = arena_alloc(&m->arena, sizeof(*t));

	if (!v || !type || !t)
		return NULL;
	onnx__type_proto__init(type);
	onnx__type_proto__tensor__init(t);
	t->has_elem_type = 1;
	t->elem_type = dtype;
	if (rank >= 0 && !(t->shape = new_shape(m, rank, dims, symbols)))
		return NULL;
	type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	type->tensor_type = t;
	v->type = type;
	return v;
}

bool edit_add_graph_input(struct onnx_model *m, const char *value, int dtype, int rank, const int64_t *dims)
{
	Onnx__GraphProto *g = m->proto->graph;

	return push(m, &g->input, &g->n_input, typed_value(m, value, dtype, rank, dims, NULL));
}

bool edit_add_value_info(struct onnx_model *m, const char *value, int dtype, int rank, const int64_t *dims,
			 char *const *symbols)
{
	Onnx__GraphProto *g = m->proto->graph;

	return push(m, &g->value_info, &g->n_value_info, typed_value(m, value, dtype, rank, dims, symbols));
}

bool edit_set_opset(struct onnx_model *m, const char *domain, int64_t version)
{
	Onnx__ModelProto *p = m->proto;
	Onnx__OperatorSetIdProto *o;
	size_t i;

	for (i = 0; i < p->n_opset_import; i++) {
		if (!strcmp(onnx_domain(p->opset_import[i]->domain), onnx_domain(domain))) {
			p->opset_import[i]->has_version = 1;
			p->opset_import[i]->version = version;
			return true;
		}
	}
	o = arena_alloc(&m->arena, sizeof(*o));
	if (!o)
		return false;
	onnx__operator_set_id_proto__init(o);
	o->domain = arena_strdup(&m->arena, domain);
	o->has_version = 1;
	o->version = version;
	return o->domain && push(m, &p->opset_import, &p->n_opset_import, o);
}

bool edit_add_metadata(struct onnx_model *m, const char *key, const char *value)
{
	Onnx__ModelProto *p = m->proto;
	Onnx__StringStringEntryProto *e = arena_alloc(&m->arena, sizeof(*e));

	if (!e)
		return false;
	onnx__string_string_entry_proto__init(e);
	e->key = arena_strdup(&m->arena, key);
	e->value = arena_strdup(&m->arena, value);
	/* rare: always a new array, so that no other model's is appended to */
	return e->key && e->value && make_room(m, &p->metadata_props, p->n_metadata_props) &&
	       (p->metadata_props[p->n_metadata_props++] = e);
}

/* --- renaming ------------------------------------------------------------ */

struct renaming {
	struct onnx_model *m;
	const char *prefix;
	const struct map *keep;
	const char *const *keep_names;
};

static bool rename_one(const struct renaming *r, char **name)
{
	long k;

	if (!*onnx_str(*name))
		return true;
	k = map_get(r->keep, *name);
	*name = k == MAP_NONE ? arena_printf(&r->m->arena, "%s%s", r->prefix, *name)
			      : arena_strdup(&r->m->arena, r->keep_names[k]);
	return *name != NULL;
}

static bool rename_graph(const struct renaming *r, Onnx__GraphProto *g);

static bool rename_node(const struct renaming *r, Onnx__NodeProto *n)
{
	bool ok = true;
	size_t i, k;

	for (i = 0; ok && i < n->n_input; i++)
		ok = rename_one(r, &n->input[i]);
	for (i = 0; ok && i < n->n_output; i++)
		ok = rename_one(r, &n->output[i]);
	if (ok && *onnx_str(n->name)) {
		n->name = arena_printf(&r->m->arena, "%s%s", r->prefix, n->name);
		ok = n->name != NULL;
	}
	for (i = 0; ok && i < n->n_attribute; i++) {
		if (n->attribute[i]->g)
			ok = rename_graph(r, n->attribute[i]->g);
		for (k = 0; ok && k < n->attribute[i]->n_graphs; k++)
			ok = rename_graph(r, n->attribute[i]->graphs[k]);
	}
	return ok;
}

static bool rename_graph(const struct renaming *r, Onnx__GraphProto *g)
{
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < g->n_input; i++)
		ok = rename_one(r, &g->input[i]->name);
	for (i = 0; ok && i < g->n_output; i++)
		ok = rename_one(r, &g->output[i]->name);
	for (i = 0; ok && i < g->n_initializer; i++)
		ok = rename_one(r, &g->initializer[i]->name);
	for (i = 0; ok && i < g->n_sparse_initializer; i++) {
		if (g->sparse_initializer[i]->values)
			ok = rename_one(r, &g->sparse_initializer[i]->values->name);
	}
	for (i = 0; ok && i < g->n_value_info; i++)
		ok = rename_one(r, &g->value_info[i]->name);
	for (i = 0; ok && i < g->n_node; i++)
		ok = rename_node(r, g->node[i]);
	return ok;
}

bool edit_prefix_names(struct onnx_model *m, const char *prefix, const struct map *keep,
		       const char *const *keep_names)
{
	struct renaming r = { m, prefix, keep, keep_names };

	return rename_graph(&r, m->proto->graph);
}

bool edit_append_graph(struct onnx_model *into, const struct onnx_model *from)
{
	const Onnx__GraphProto *f = from->proto->graph;
	Onnx__GraphProto *g = into->proto->graph;
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < f->n_initializer; i++)
		ok = push(into, &g->initializer, &g->n_initializer, f->initializer[i]);
	for (i = 0; ok && i < f->n_sparse_initializer; i++)
		ok = push(into, &g->sparse_initializer, &g->n_sparse_initializer, f->sparse_initializer[i]);
	for (i = 0; ok && i < f->n_node; i++)
		ok = push(into, &g->node, &g->n_node, f->node[i]);
	for (i = 0; ok && i < f->n_output; i++)
		ok = push(into, &g->output, &g->n_output, f->output[i]);
	return ok;
}

bool edit_name_nodes(struct onnx_model *m)
{
	Onnx__GraphProto *g = m->proto->graph;
	struct map seen = MAP_INIT;
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < g->n_node; i++) {
		Onnx__NodeProto *n = g->node[i];
		size_t try = i;

		if (!n->name)
			n->name = arena_strdup(&m->arena, "");
		while (n->name && (!*n->name || map_get(&seen, n->name) != MAP_NONE)) {
			n->name = arena_printf(&m->arena, "qdebug_%zu_%s", try, n->op_type);
			try += g->n_node;
		}
		ok = n->name && map_put(&seen, n->name, (long)i);
	}
	map_release(&seen);
	return ok;
}
