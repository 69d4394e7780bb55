/* Initializers and nodes of the quantizer. Names are the reference's; a name that is taken gets another. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "requant/write_int.h"

Onnx__TensorProto *write_tensor(struct plan *p, const char *name, int dtype, int rank, const int64_t *dims,
				const void *data, size_t bytes)
{
	struct arena *a = &p->out->arena;
	Onnx__TensorProto *t = arena_alloc(a, sizeof(*t));

	if (!t)
		return NULL;
	onnx__tensor_proto__init(t);
	t->name = arena_strdup(a, name);
	t->has_data_type = t->has_raw_data = 1;
	t->data_type = dtype;
	t->n_dims = (size_t)rank;
	t->dims = arena_alloc(a, ((size_t)rank + 1) * sizeof(*t->dims));
	t->raw_data.len = bytes;
	t->raw_data.data = arena_alloc(a, bytes + 1);
	if (!t->name || !t->dims || !t->raw_data.data)
		return NULL;
	if (rank)
		memcpy(t->dims, dims, (size_t)rank * sizeof(*dims));
	if (bytes)
		memcpy(t->raw_data.data, data, bytes);
	return t;
}

static int joined(struct plan *p, const char *base, const char *suffix, int (*get)(struct plan *, const char *))
{
	char *name = mem_printf("%s%s", base, suffix);
	int v = name ? get(p, name) : -1;

	free(name);
	return v;
}

int write_name(struct plan *p, const char *base, const char *suffix)
{
	return joined(p, base, suffix, plan_fresh);
}

int write_init(struct plan *p, const char *base, const char *suffix, const struct tensor *t, bool reuse)
{
	int v;

	if (p->strict && reuse) {
		v = joined(p, base, suffix, plan_val);
		if (v < 0 || p->vals[v].init)
			return v;
	}
	v = write_name(p, base, suffix);
	if (v < 0 || !plan_add_init(p, v, write_tensor(p, p->vals[v].name, t->dtype, t->rank, t->dims, t->data, t->bytes)))
		return -1;
	p->vals[v].dtype = t->dtype;
	return v;
}

/* --- parameters as tensors ---------------------------------------------------------- */

static void put_code(void *data, int dtype, int64_t i, int32_t code)
{
	unsigned char *b = data;

	switch (dtype_info(dtype)->bits) {
	case 4:
		b[i / 2] = (unsigned char)(i % 2 ? (b[i / 2] & 0x0F) | (code & 0x0F) << 4 : code & 0x0F);
		break;
	case 16:
		b[2 * i] = (unsigned char)code;
		b[2 * i + 1] = (unsigned char)((unsigned)code >> 8);
		break;
	default:
		b[i] = (unsigned char)code;
	}
}

static bool zp_tensor(const struct pparams *q, struct tensor *out)
{
	int64_t i;

	if (!tensor_alloc(out, q->lin.dtype, q->rank, q->dims))
		return false;
	for (i = 0; i < q->lin.n; i++)
		put_code(out->owner, q->lin.dtype, i, q->lin.zp[i]);
	return true;
}

static bool scale_tensor(const struct pparams *q, struct tensor *out)
{
	int64_t i;

	if (!tensor_alloc(out, q->real, q->rank, q->dims))
		return false;
	for (i = 0; i < q->lin.n; i++) {
		if (q->real == DT_FLOAT16)
			((uint16_t *)out->owner)[i] = tensor_f32_to_f16(q->lin.scale[i]);
		else
			((float *)out->owner)[i] = q->lin.scale[i];
	}
	return true;
}

int write_params(struct plan *p, int val, const char *suffix, const struct pparams *q, int *scale, int *zp,
		 struct qd_err *err)
{
	const char *name = p->vals[val].name;
	struct tensor z = { 0 }, s = { 0 };
	char zp_suffix[32] = "_zero_point", scale_suffix[32] = "_scale";

	strncat(zp_suffix, suffix, 16);
	strncat(scale_suffix, suffix, 16);
	*zp = *scale = -1;
	if (zp_tensor(q, &z) && scale_tensor(q, &s)) {
		*zp = write_init(p, name, zp_suffix, &z, true);
		*scale = write_init(p, name, scale_suffix, &s, true);
	}
	tensor_release(&z);
	tensor_release(&s);
	return *zp < 0 || *scale < 0 ? plan_oom(p, err) : 0;
}

/* --- nodes ------------------------------------------------------------------------------ */

bool write_node(struct plan *p, const struct new_node *n)
{
	struct arena *a = &p->out->arena;
	struct pnode *k;
	int i;

	if (!mem_grow(&p->nodes, &p->cap_nodes, p->n_nodes + 1, sizeof(*p->nodes)))
		return false;
	k = &p->nodes[p->n_nodes];
	*k = (struct pnode){ .op = n->op, .n_in = n->n_in, .n_out = 1, .axis = n->axis, .block_size = n->block_size,
			     .to = n->to, .contrib = p->contrib && !n->plain, .note = "" };
	k->name = arena_printf(a, "%s%s", n->base, n->suffix);
	k->in = arena_alloc(a, sizeof(n->in));
	k->out = arena_alloc(a, sizeof(n->out));
	if (!k->name || !k->in || !k->out)
		return false;
	memcpy(k->in, n->in, sizeof(n->in));
	k->out[0] = n->out;
	for (i = 0; i < n->n_in; i++) {
		if (!plan_add_use(p, n->in[i], (int)p->n_nodes, i))
			return false;
	}
	p->n_nodes++;
	return true;
}
