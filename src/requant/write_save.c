/* A quantized model as a file: one, or with its large tensors in `<name>.data` beside it. Knows no quantization. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "onnx/check.h"
#include "requant/write.h"

/* As the reference: what is smaller stays in the model. */
enum { MIN_EXTERNAL = 1024, ALIGN = 4096 };

struct saving {
	const struct onnx_model *source;        /* whose external data the tensors may be in */
	struct onnx_model *out;                 /* what is written: shallow copies of the tensors */
	bool external;
	FILE *f;
	uint64_t at;
	char *data_name;
	bool oom;
};

static const unsigned char *tensor_bytes(const struct saving *s, const Onnx__TensorProto *t, size_t *n)
{
	if (onnx_is_external(t))
		return onnx_external_bytes(s->source, t, n);
	*n = t->raw_data.len;
	return t->has_raw_data ? t->raw_data.data : NULL;
}

static Onnx__StringStringEntryProto *entry(struct saving *s, const char *key, const char *value)
{
	Onnx__StringStringEntryProto *e = arena_alloc(&s->out->arena, sizeof(*e));

	if (!e)
		return NULL;
	onnx__string_string_entry_proto__init(e);
	e->key = arena_strdup(&s->out->arena, key);
	e->value = value ? arena_strdup(&s->out->arena, value) : NULL;
	return e->key && e->value ? e : NULL;
}

static bool refer(struct saving *s, Onnx__TensorProto *t, uint64_t offset, size_t n)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "%llu", (unsigned long long)offset);
	snprintf(b, sizeof(b), "%zu", n);
	t->has_raw_data = 0;
	t->has_data_location = 1;
	t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	t->external_data = arena_alloc(&s->out->arena, 3 * sizeof(*t->external_data));
	if (!t->external_data)
		return false;
	t->n_external_data = 3;
	t->external_data[0] = entry(s, "location", s->data_name);
	t->external_data[1] = entry(s, "offset", a);
	t->external_data[2] = entry(s, "length", b);
	return t->external_data[0] && t->external_data[1] && t->external_data[2];
}

static bool put_outside(struct saving *s, Onnx__TensorProto *t, const unsigned char *bytes, size_t n)
{
	static const char zeros[ALIGN];
	size_t gap = (size_t)((ALIGN - s->at % ALIGN) % ALIGN);

	fwrite(zeros, 1, gap, s->f);
	fwrite(bytes, 1, n, s->f);
	if (!refer(s, t, s->at + gap, n))
		return false;
	s->at += gap + n;
	return true;
}

static void put_inside(Onnx__TensorProto *t, const unsigned char *bytes, size_t n)
{
	t->n_external_data = 0;
	t->has_data_location = 0;
	t->has_raw_data = 1;
	t->raw_data = (ProtobufCBinaryData){ n, (unsigned char *)(uintptr_t)bytes };
}

/* The tensor as it goes into the file; the original when nothing changes. */
static Onnx__TensorProto *placed(struct saving *s, Onnx__TensorProto *t)
{
	size_t n = 0;
	const unsigned char *bytes = tensor_bytes(s, t, &n);
	bool outside = s->external && bytes && n >= MIN_EXTERNAL;
	Onnx__TensorProto *c;

	if (!outside && !onnx_is_external(t))
		return t;
	c = arena_alloc(&s->out->arena, sizeof(*c));
	if (!c || !bytes) {
		s->oom = true;
		return NULL;
	}
	*c = *t;
	if (!outside)
		put_inside(c, bytes, n);
	else if (!put_outside(s, c, bytes, n))
		s->oom = true;
	return c;
}

/* Tensor attributes of a node; bodies are left as they are. */
static Onnx__NodeProto *placed_node(struct saving *s, Onnx__NodeProto *n)
{
	Onnx__AttributeProto **v = NULL, *a;
	Onnx__NodeProto *c;
	size_t i;

	for (i = 0; i < n->n_attribute && !n->attribute[i]->t; i++)
		;
	if (i == n->n_attribute)
		return n;
	c = arena_alloc(&s->out->arena, sizeof(*c));
	v = arena_alloc(&s->out->arena, n->n_attribute * sizeof(*v));
	for (i = 0; c && v && i < n->n_attribute; i++) {
		v[i] = n->attribute[i];
		if (!v[i]->t)
			continue;
		a = arena_alloc(&s->out->arena, sizeof(*a));
		if (!a) {
			s->oom = true;
			break;
		}
		*a = *v[i];
		a->t = placed(s, a->t);
		v[i] = a;
	}
	if (!c || !v) {
		s->oom = true;
		return n;
	}
	*c = *n;
	c->attribute = v;
	return c;
}

static void place_all(struct saving *s)
{
	Onnx__GraphProto *g = s->out->proto->graph;
	Onnx__TensorProto **t = arena_alloc(&s->out->arena, (g->n_initializer + 1) * sizeof(*t));
	Onnx__NodeProto **n = arena_alloc(&s->out->arena, (g->n_node + 1) * sizeof(*n));
	size_t i;

	if (!t || !n) {
		s->oom = true;
		return;
	}
	for (i = 0; !s->oom && i < g->n_initializer; i++)
		t[i] = placed(s, g->initializer[i]);
	for (i = 0; !s->oom && i < g->n_node; i++)
		n[i] = placed_node(s, g->node[i]);
	g->initializer = t;
	g->node = n;
}

/* Bytes of everything the tensors would take inside the file. */
static int add_external(void *ctx, const Onnx__TensorProto *t, struct qd_err *err)
{
	struct tensor shape;

	(void)err;
	if (onnx_is_external(t) && tensor_shape(&shape, t->data_type, (int)t->n_dims, t->dims))
		*(size_t *)ctx += shape.bytes;
	return 0;
}

static int too_large(const struct onnx_model *m, bool *yes, struct qd_err *err)
{
	size_t outside = 0;
	int rc = onnx_each_tensor(m->proto, add_external, &outside, err);

	*yes = onnx__model_proto__get_packed_size(m->proto) + outside >= (size_t)INT_MAX;
	return rc;
}

int write_save(const struct onnx_model *m, const struct onnx_model *source, const char *path, bool use_external,
	       struct qd_err *err)
{
	struct saving s = { .source = source };
	struct fs_atomic data = { 0 };
	char *data_path = mem_printf("%s.data", path);
	bool large = false;
	int rc = data_path ? too_large(m, &large, err) : err_oom(err, path);

	if (!rc)
		rc = onnx_shell(m, &s.out, err);
	s.external = use_external || large;
	s.data_name = mem_printf("%s.data", fs_basename(path));
	if (!rc && !s.data_name)
		rc = err_oom(err, path);
	if (!rc && s.external) {
		rc = fs_atomic_open(&data, data_path, false, err);
		s.f = data.f;
	}
	if (!rc) {
		place_all(&s);
		rc = s.oom ? err_oom(err, path) : 0;
		if (rc && s.external)
			fs_atomic_abort(&data);
		else if (s.external)
			rc = fs_atomic_commit(&data, err);
	}
	if (!rc)
		rc = onnx_save(s.out, path, err);
	onnx_free(s.out);
	free(s.data_name);
	free(data_path);
	return rc;
}
