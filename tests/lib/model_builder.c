/* Building small ONNX models. */
#include "tests/lib/model_builder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

#define NEED(x) do { \
	if (!(x)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
		abort(); \
	} \
} while (0)

static void *zalloc(struct mb *b, size_t n)
{
	void *p = arena_zalloc(&b->m->arena, n ? n : 1);

	NEED(p);
	return p;
}

static char *dup(struct mb *b, const char *s)
{
	char *p = arena_strdup(&b->m->arena, s);

	NEED(p);
	return p;
}

static struct onnx_model *empty_model(void)
{
	struct onnx_model *m = calloc(1, sizeof(*m));

	NEED(m);
	m->path = strdup("built");
	m->proto = arena_zalloc(&m->arena, sizeof(*m->proto));
	NEED(m->path && m->proto);
	onnx__model_proto__init(m->proto);
	m->proto->graph = arena_zalloc(&m->arena, sizeof(*m->proto->graph));
	NEED(m->proto->graph);
	onnx__graph_proto__init(m->proto->graph);
	m->proto->graph->name = arena_strdup(&m->arena, "g");
	return m;
}

void mb_begin(struct mb *b, int opset)
{
	memset(b, 0, sizeof(*b));
	b->m = empty_model();
	b->m->proto->has_ir_version = 1;
	b->m->proto->ir_version = 9;
	NEED(edit_begin(b->m));
	if (opset)
		NEED(edit_set_opset(b->m, "", opset));
}

void mb_body_begin(struct mb *body)
{
	memset(body, 0, sizeof(*body));
	body->m = empty_model();
	NEED(edit_begin(body->m));
}

void mb_end(struct mb *b)
{
	int i;

	for (i = 0; i < b->n_bodies; i++)
		onnx_free(b->bodies[i]);
	onnx_free(b->m);
	memset(b, 0, sizeof(*b));
}

/* --- shapes and types ------------------------------------------------------- */

/* "1,3,N": numbers into dims (symbolic: -1); returns the rank. */
static int parse_dims(const char *text, int64_t *dims)
{
	int n = 0;

	while (*text) {
		char *end;

		NEED(n < TENSOR_MAX_RANK);
		dims[n] = strtoll(text, &end, 10);
		if (end == text) {
			dims[n] = -1;
			end += strcspn(end, ",");
		}
		n++;
		text = *end ? end + 1 : end;
	}
	return n;
}

static Onnx__ValueInfoProto *value_info(struct mb *b, const char *name, int dtype, const char *text)
{
	Onnx__ValueInfoProto *v = zalloc(b, sizeof(*v));
	Onnx__TypeProto *type = zalloc(b, sizeof(*type));
	Onnx__TypeProto__Tensor *t = zalloc(b, sizeof(*t));
	Onnx__TensorShapeProto *shape = zalloc(b, sizeof(*shape));
	int64_t dims[TENSOR_MAX_RANK];
	int d, rank = parse_dims(text, dims);

	onnx__value_info_proto__init(v);
	onnx__type_proto__init(type);
	onnx__type_proto__tensor__init(t);
	onnx__tensor_shape_proto__init(shape);
	shape->dim = zalloc(b, (size_t)rank * sizeof(*shape->dim));
	for (d = 0; d < rank; d++) {
		Onnx__TensorShapeProto__Dimension *dim = zalloc(b, sizeof(*dim));

		onnx__tensor_shape_proto__dimension__init(dim);
		if (dims[d] < 0) {
			dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
			dim->dim_param = dup(b, "N");
		} else {
			dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
			dim->dim_value = dims[d];
		}
		shape->dim[d] = dim;
	}
	shape->n_dim = (size_t)rank;
	t->has_elem_type = 1;
	t->elem_type = dtype;
	t->shape = shape;
	type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	type->tensor_type = t;
	v->type = type;
	v->name = dup(b, name);
	return v;
}

static void push_value(struct mb *b, Onnx__ValueInfoProto ***list, size_t *n, Onnx__ValueInfoProto *v)
{
	Onnx__ValueInfoProto **grown = zalloc(b, 64 * sizeof(*grown));

	/* room for 64 at once; edit_begin() made room for edits, which this keeps */
	NEED(*n < 63);
	if (*n)
		memcpy(grown, *list, *n * sizeof(*grown));
	grown[(*n)++] = v;
	*list = grown;
}

void mb_input(struct mb *b, const char *name, int dtype, const char *dims)
{
	Onnx__GraphProto *g = b->m->proto->graph;

	push_value(b, &g->input, &g->n_input, value_info(b, name, dtype, dims));
}

void mb_output(struct mb *b, const char *name, int dtype, const char *dims)
{
	Onnx__GraphProto *g = b->m->proto->graph;

	push_value(b, &g->output, &g->n_output, value_info(b, name, dtype, dims));
}

void mb_untyped_output(struct mb *b, const char *name)
{
	NEED(edit_add_graph_output(b->m, name));
}

/* --- nodes ------------------------------------------------------------------- */

static void each_name(struct mb *b, Onnx__NodeProto *n, const char *list,
		      bool (*add)(struct onnx_model *, Onnx__NodeProto *, const char *))
{
	char name[200];

	if (!*list)
		return;
	for (;;) {
		size_t len = strcspn(list, ",");

		NEED(len < sizeof(name));
		memcpy(name, list, len);
		name[len] = '\0';
		NEED(add(b->m, n, name));
		if (!list[len])
			break;
		list += len + 1;
	}
}

Onnx__NodeProto *mb_node(struct mb *b, const char *op, const char *name, const char *in, const char *out)
{
	Onnx__NodeProto *n = edit_add_node(b->m, "", op, name);

	NEED(n);
	each_name(b, n, in, edit_add_input_name);
	each_name(b, n, out, edit_add_output_name);
	return n;
}

void mb_attr_int(struct mb *b, Onnx__NodeProto *n, const char *name, int64_t v)
{
	NEED(edit_add_attr_int(b->m, n, name, v));
}

static Onnx__AttributeProto *new_attr(struct mb *b, Onnx__NodeProto *n, const char *name, int type)
{
	Onnx__AttributeProto *a;

	mb_attr_int(b, n, name, 0);
	a = n->attribute[n->n_attribute - 1];
	a->has_i = 0;
	a->type = (Onnx__AttributeProto__AttributeType)type;
	return a;
}

void mb_attr_float(struct mb *b, Onnx__NodeProto *n, const char *name, float v)
{
	Onnx__AttributeProto *a = new_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);

	a->has_f = 1;
	a->f = v;
}

void mb_attr_ints(struct mb *b, Onnx__NodeProto *n, const char *name, const int64_t *v, size_t count)
{
	Onnx__AttributeProto *a = new_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);

	a->ints = zalloc(b, count * sizeof(*v));
	if (count)
		memcpy(a->ints, v, count * sizeof(*v));
	a->n_ints = count;
}

void mb_attr_floats(struct mb *b, Onnx__NodeProto *n, const char *name, const float *v, size_t count)
{
	Onnx__AttributeProto *a = new_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);

	a->floats = zalloc(b, count * sizeof(*v));
	if (count)
		memcpy(a->floats, v, count * sizeof(*v));
	a->n_floats = count;
}

void mb_attr_tensor(struct mb *b, Onnx__NodeProto *n, const char *name, Onnx__TensorProto *t)
{
	new_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t = t;
}

void mb_attr_body(struct mb *b, Onnx__NodeProto *n, const char *name, struct mb *body)
{
	int i;

	new_attr(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH)->g = body->m->proto->graph;
	NEED(b->n_bodies + body->n_bodies + 1 <= MB_MAX_BODIES);
	b->bodies[b->n_bodies++] = body->m;
	for (i = 0; i < body->n_bodies; i++)
		b->bodies[b->n_bodies++] = body->bodies[i];
	memset(body, 0, sizeof(*body));
}

/* --- tensors ------------------------------------------------------------------ */

static Onnx__TensorProto *new_tensor(struct mb *b, const char *name, int dtype, const char *dims)
{
	Onnx__TensorProto *t = zalloc(b, sizeof(*t));
	int64_t d[TENSOR_MAX_RANK];
	int rank = parse_dims(dims, d);

	onnx__tensor_proto__init(t);
	t->name = dup(b, name);
	t->has_data_type = 1;
	t->data_type = dtype;
	t->dims = zalloc(b, (size_t)rank * sizeof(*d));
	memcpy(t->dims, d, (size_t)rank * sizeof(*d));
	t->n_dims = (size_t)rank;
	return t;
}

Onnx__TensorProto *mb_tensor(struct mb *b, const char *name, int dtype, const char *dims, const void *data)
{
	Onnx__TensorProto *t = new_tensor(b, name, dtype, dims);
	struct tensor shape;

	NEED(tensor_shape(&shape, dtype, (int)t->n_dims, t->dims));
	t->has_raw_data = 1;
	t->raw_data.len = shape.bytes;
	t->raw_data.data = zalloc(b, shape.bytes);
	if (shape.bytes)
		memcpy(t->raw_data.data, data, shape.bytes);
	return t;
}

static Onnx__TensorProto *add_init(struct mb *b, Onnx__TensorProto *t)
{
	Onnx__GraphProto *g = b->m->proto->graph;
	Onnx__TensorProto **grown = zalloc(b, (g->n_initializer + 1) * sizeof(*grown));

	if (g->n_initializer)
		memcpy(grown, g->initializer, g->n_initializer * sizeof(*grown));
	grown[g->n_initializer++] = t;
	g->initializer = grown;
	return t;
}

Onnx__TensorProto *mb_init(struct mb *b, const char *name, int dtype, const char *dims, const void *data)
{
	return add_init(b, mb_tensor(b, name, dtype, dims, data));
}

Onnx__TensorProto *mb_floats(struct mb *b, const char *name, const char *dims, const float *data)
{
	return mb_init(b, name, DT_FLOAT, dims, data);
}

static Onnx__StringStringEntryProto *entry(struct mb *b, const char *key, const char *value)
{
	Onnx__StringStringEntryProto *e = zalloc(b, sizeof(*e));

	onnx__string_string_entry_proto__init(e);
	e->key = dup(b, key);
	e->value = dup(b, value);
	return e;
}

Onnx__TensorProto *mb_external(struct mb *b, const char *name, int dtype, const char *dims, const char *location,
			       int64_t offset, int64_t length)
{
	Onnx__TensorProto *t = new_tensor(b, name, dtype, dims);
	char text[40];

	t->has_data_location = 1;
	t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	t->external_data = zalloc(b, 3 * sizeof(*t->external_data));
	t->external_data[t->n_external_data++] = entry(b, "location", location);
	if (offset >= 0) {
		snprintf(text, sizeof(text), "%lld", (long long)offset);
		t->external_data[t->n_external_data++] = entry(b, "offset", text);
	}
	if (length >= 0) {
		snprintf(text, sizeof(text), "%lld", (long long)length);
		t->external_data[t->n_external_data++] = entry(b, "length", text);
	}
	return add_init(b, t);
}

/* --- quantizers ------------------------------------------------------------------ */

static void add_zp(struct mb *b, const char *name, int dtype, int n, int zp)
{
	size_t width = dtype_info(dtype)->bits / 8, i;
	unsigned char bytes[64] = { 0 };
	char dims[20] = "";

	NEED(width && (size_t)n * width <= sizeof(bytes));
	for (i = 0; i < (size_t)n; i++)
		memcpy(bytes + i * width, &zp, width);          /* little-endian */
	if (n > 1)
		snprintf(dims, sizeof(dims), "%d", n);
	mb_init(b, name, dtype, dims, bytes);
}

void mb_qdq(struct mb *b, const char *x, const char *out, int dtype, float scale, int zp)
{
	char s[100], z[100], q[100], in[320], name[120];

	snprintf(s, sizeof(s), "%s_scale", out);
	snprintf(z, sizeof(z), "%s_zp", out);
	snprintf(q, sizeof(q), "%s_q", out);
	mb_floats(b, s, "", &scale);
	add_zp(b, z, dtype, 1, zp);
	snprintf(in, sizeof(in), "%s,%s,%s", x, s, z);
	snprintf(name, sizeof(name), "%s_Q", out);
	mb_node(b, "QuantizeLinear", name, in, q);
	snprintf(in, sizeof(in), "%s,%s,%s", q, s, z);
	snprintf(name, sizeof(name), "%s_DQ", out);
	mb_node(b, "DequantizeLinear", name, in, out);
}

void mb_dq(struct mb *b, const char *codes, const char *out, int dtype, const float *scale, int n, int axis)
{
	char s[100], z[100], in[320], name[120], dims[20] = "";
	Onnx__NodeProto *node;

	if (n > 1)
		snprintf(dims, sizeof(dims), "%d", n);
	snprintf(s, sizeof(s), "%s_scale", out);
	snprintf(z, sizeof(z), "%s_zp", out);
	mb_floats(b, s, dims, scale);
	add_zp(b, z, dtype, n, 0);
	snprintf(in, sizeof(in), "%s,%s,%s", codes, s, z);
	snprintf(name, sizeof(name), "%s_DQ", out);
	node = mb_node(b, "DequantizeLinear", name, in, out);
	if (n > 1)
		mb_attr_int(b, node, "axis", axis);
}

/* --- saving ----------------------------------------------------------------------- */

unsigned char *mb_bytes(struct mb *b, size_t *n)
{
	struct qd_err err = { 0 };
	void *bytes;
	int rc = onnx_encode(b->m, &bytes, n, &err);

	if (rc)
		fprintf(stderr, "%s\n", err.msg);
	NEED(!rc);
	return bytes;
}

void mb_save(struct mb *b, const char *path)
{
	size_t n;
	unsigned char *bytes = mb_bytes(b, &n);
	FILE *f = fopen(path, "wb");

	NEED(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
	free(bytes);
}

/* --- the pair ------------------------------------------------------------------------ */

const float mb_w1[6] = { 0.5f, -0.25f, 0.126f, 0.3f, -0.77f, 0.9f };
const float mb_b1[3] = { 0.1f, -0.2f, 0.05f };
const float mb_w2[6] = { 0.4f, 0.3f, -0.2f, -0.6f, 0.11f, 0.93f };

void mb_pair_float(struct mb *b)
{
	mb_begin(b, 13);
	mb_input(b, "x", DT_FLOAT, "1,2,4,4");
	mb_floats(b, "w1", "3,2,1,1", mb_w1);
	mb_floats(b, "b1", "3", mb_b1);
	mb_floats(b, "w2", "2,3,1,1", mb_w2);
	mb_node(b, "Conv", "c1", "x,w1,b1", "c1_out");
	mb_node(b, "Relu", "r1", "c1_out", "r1_out");
	mb_node(b, "Conv", "c2", "r1_out,w2", "y");
	mb_output(b, "y", DT_FLOAT, "1,2,4,4");
}

static int8_t code8(float x, float scale)
{
	float q = x / scale;
	int r = (int)(q < 0 ? q - 0.5f : q + 0.5f);     /* no ties among the pair's numbers */

	return (int8_t)(r > 127 ? 127 : r < -128 ? -128 : r);
}

static void quant_weights(struct mb *b, int flags)
{
	static const float axis_scale[3] = { MB_W_SCALE, MB_W_SCALE / 2, MB_W_SCALE };
	float one = MB_W_SCALE, bias_scale[3];
	bool axis = flags & MB_PAIR_PER_AXIS;
	int8_t w1[6], w2[6];
	int32_t b1[3];
	int i;

	for (i = 0; i < 6; i++) {
		w1[i] = code8(mb_w1[i], axis ? axis_scale[i / 2] : one);
		w2[i] = code8(mb_w2[i], one);
	}
	for (i = 0; i < 3; i++) {
		bias_scale[i] = MB_X_SCALE * (axis ? axis_scale[i] : one);
		b1[i] = (int32_t)(mb_b1[i] / bias_scale[i] + (mb_b1[i] < 0 ? -0.5f : 0.5f));
	}
	mb_init(b, "w1_codes", DT_INT8, "3,2,1,1", w1);
	mb_dq(b, "w1_codes", "w1_dq", DT_INT8, axis ? axis_scale : &one, axis ? 3 : 1, 0);
	mb_init(b, "b1_codes", DT_INT32, "3", b1);
	mb_dq(b, "b1_codes", "b1_dq", DT_INT32, bias_scale, axis ? 3 : 1, 0);
	if (flags & MB_PAIR_FLOAT_C2) {
		mb_floats(b, "w2", "2,3,1,1", mb_w2);
		return;
	}
	mb_init(b, "w2_codes", DT_INT8, "2,3,1,1", w2);
	mb_dq(b, "w2_codes", "w2_dq", DT_INT8, &one, 1, 0);
}

/* Every name of the top-level graph but inputs and outputs becomes v0, v1, …; nodes lose theirs. */
static void rename_all(struct mb *b)
{
	Onnx__GraphProto *g = b->m->proto->graph;
	struct map keep = MAP_INIT;
	const char *names[2] = { "x", "y" };
	size_t i;

	NEED(map_put(&keep, "x", 0) && map_put(&keep, "y", 1));
	NEED(edit_prefix_names(b->m, "zz_", &keep, names));
	for (i = 0; i < g->n_node; i++)
		g->node[i]->name = dup(b, "");
	map_release(&keep);
}

void mb_pair_quant(struct mb *b, int flags)
{
	mb_begin(b, flags & MB_PAIR_OTHER_OPSET ? 15 : 13);
	mb_input(b, "x", DT_FLOAT, "1,2,4,4");
	mb_qdq(b, "x", "x_dq", DT_INT8, MB_X_SCALE, 0);
	quant_weights(b, flags);
	mb_node(b, "Conv", "c1", "x_dq,w1_dq,b1_dq", "c1_out");
	if (flags & MB_PAIR_KEEP_RELU)
		mb_node(b, "Relu", "r1", "c1_out", "r1_out");
	mb_qdq(b, flags & MB_PAIR_KEEP_RELU ? "r1_out" : "c1_out", "r1_dq", DT_INT8, MB_C1_SCALE, -128);
	if (flags & MB_PAIR_FLOAT_C2) {
		mb_node(b, "Conv", "c2", "r1_dq,w2", "y");
	} else {
		mb_node(b, "Conv", "c2", "r1_dq,w2_dq", "y_QuantizeLinear_Input");
		mb_qdq(b, "y_QuantizeLinear_Input", "y", DT_INT8, MB_Y_SCALE, 0);
	}
	mb_output(b, "y", DT_FLOAT, "1,2,4,4");
	if (flags & MB_PAIR_RENAMED)
		rename_all(b);
}
