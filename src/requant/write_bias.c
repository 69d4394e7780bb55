/* Biases as int32 initializers behind a DequantizeLinear (reference.md 6.9). The consumer's input name stays: the float
 * initializer goes and the node takes its name. */
#include <stdlib.h>
#include <string.h>

#include "onnx/tensor_proto.h"
#include "quant/params.h"
#include "requant/write_int.h"

/* --- the scales that are really in the graph -------------------------------------------- */

/* The scale initializer of a tensor as this consumer sees it; NULL: it has none. */
static const Onnx__TensorProto *scale_of(const struct plan *p, int val, int consumer)
{
	const struct pval *v = &p->vals[val];

	if (v->quantized)
		return p->vals[v->c_scale >= 0 && plan_gets_converted(p, val, consumer) ? v->c_scale : v->q_scale].init;
	if (v->dq >= 0 && p->nodes[v->dq].n_in > 1)
		return p->vals[p->nodes[v->dq].in[1]].init;
	return NULL;
}

/* 0 with *n == 0: no scale. *scale is malloc'd. */
static int read_scale(const struct plan *p, int val, int consumer, float **scale, int64_t *n, int *real,
		      struct qd_err *err)
{
	const Onnx__TensorProto *t = scale_of(p, val, consumer);
	struct tensor s;
	int rc;

	*scale = NULL;
	*n = 0;
	if (!t || !plan_is_real(t->data_type))
		return 0;
	rc = onnx_tensor(p->m, t, &s, err);
	if (rc)
		return rc;
	*scale = malloc((size_t)s.n * sizeof(float) + 1);
	if (!*scale || !tensor_to_float(&s, 0, s.n, *scale))
		rc = plan_oom(p, err);
	*n = s.n;
	*real = s.dtype;
	tensor_release(&s);
	return rc;
}

/* --- writing ------------------------------------------------------------------------------- */

static void drop_init(struct plan *p, int val)
{
	p->vals[val].init = NULL;
	p->vals[val].drop_input = true;
}

static int write_int32(struct plan *p, const struct pbias *b, const struct quant_bias *q, struct qd_err *err)
{
	const char *name = p->vals[b->val].name;
	struct tensor scale = { 0 }, zero = { 0 };
	int type = p->vals[b->val].init->data_type, out = b->val;
	struct new_node n = { "DequantizeLinear", name, "_DequantizeLinear", { 0 }, 3, 0, q->n > 1 ? 0 : -1, 0, 0, false };
	int64_t i;
	bool ok = tensor_alloc(&scale, q->real, 1, &q->n) && tensor_alloc(&zero, DT_INT32, q->n > 1, &q->n);

	for (i = 0; ok && i < q->n; i++) {
		if (q->real == DT_FLOAT16)
			((uint16_t *)scale.owner)[i] = tensor_f32_to_f16(q->scale[i]);
		else
			((float *)scale.owner)[i] = q->scale[i];
	}
	if (ok)
		memset(zero.owner, 0, zero.bytes);
	n.in[0] = ok ? write_init(p, name, "_quantized", &q->codes, false) : -1;
	n.in[1] = ok ? write_init(p, name, "_quantized_scale", &scale, false) : -1;
	n.in[2] = ok ? write_init(p, name, "_quantized_zero_point", &zero, false) : -1;
	tensor_release(&scale);
	tensor_release(&zero);
	drop_init(p, b->val);
	if (q->widened)
		out = write_name(p, name, "_DequantizeLinear_Output");
	n.out = out;
	if (n.in[0] < 0 || n.in[1] < 0 || n.in[2] < 0 || out < 0 || !write_node(p, &n))
		return plan_oom(p, err);
	if (q->widened) {
		struct new_node cast = { "Cast", name, "_Cast", { out }, 1, b->val, -1, 0, type, true };

		if (!write_node(p, &cast))
			return plan_oom(p, err);
	}
	if (q->clipped && !plan_say(p, "bias %s: %lld values are beyond int32 and were clipped", name, (long long)q->clipped))
		return plan_oom(p, err);
	return 0;
}

/* With fp8 weights a bias is float32 behind a Cast. */
static int write_cast(struct plan *p, const struct pbias *b, struct qd_err *err)
{
	const char *name = p->vals[b->val].name;
	int type = p->vals[b->val].init->data_type;
	struct new_node n = { "Cast", name, "_DequantizeLinear", { 0 }, 1, b->val, -1, 0, type, true };
	struct tensor bias, wide = { 0 };
	int rc = onnx_tensor(p->m, p->vals[b->val].init, &bias, err);

	if (rc)
		return rc;
	if (!tensor_alloc(&wide, DT_FLOAT, bias.rank, bias.dims) || !tensor_to_float(&bias, 0, bias.n, wide.owner))
		rc = plan_oom(p, err);
	n.in[0] = rc ? -1 : write_init(p, name, "_quantized", &wide, false);
	tensor_release(&bias);
	tensor_release(&wide);
	drop_init(p, b->val);
	return n.in[0] < 0 || !write_node(p, &n) ? plan_oom(p, err) : 0;
}

static int quantize(struct plan *p, const struct pbias *b, const struct quant_bias_in *in, struct qd_err *err)
{
	struct quant_bias q;
	int rc = quant_bias_codes(in, &q, err);

	if (rc) {
		err_prefix(err, "%s: bias %s", p->m->path, p->vals[b->val].name);
		return rc;
	}
	rc = write_int32(p, b, &q, err);
	quant_bias_release(&q);
	return rc;
}

static int stays_float(struct plan *p, const struct pbias *b, struct qd_err *err)
{
	p->counts.float_biases++;
	return plan_say(p, "no scale: bias %s of node %s stays float: its input or weight has no scale that fits",
			p->vals[b->val].name, p->nodes[b->node].name) ? 0 : plan_oom(p, err);
}

static int write_bias(struct plan *p, const struct pbias *b, struct qd_err *err)
{
	float *sx = NULL, *sw = NULL;
	int64_t nx = 0, nw = 0;
	struct quant_bias_in in = { .beta = b->beta, .dedicated_f32 = true };
	struct tensor bias;
	bool done = false;
	int rc = onnx_tensor(p->m, p->vals[b->val].init, &bias, err);

	if (rc)
		return rc;
	rc = read_scale(p, b->input, b->node, &sx, &nx, &in.input_real, err);
	if (!rc)
		rc = read_scale(p, b->weight, b->node, &sw, &nw, &in.weight_real, err);
	if (!rc && nx == 1 && (nw == 1 || (bias.rank == 1 && bias.n == nw))) {
		in.bias = &bias;
		in.input_scale = sx[0];
		in.weight_scale = sw;
		in.n = nw;
		rc = p->r->weight_type == DT_F8E4M3FN ? write_cast(p, b, err) : quantize(p, b, &in, err);
		done = true;
	}
	free(sx);
	free(sw);
	tensor_release(&bias);
	if (rc || !done)
		return rc ? rc : stays_float(p, b, err);
	p->counts.biases++;
	if (b->beta != 1)
		p->nodes[b->node].reset_beta = true;    /* it is in the codes now */
	return 0;
}

/* Rule beta: only codes have it in them. */
static bool say_betas(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n_source; i++) {
		if (p->nodes[i].has_beta && !p->nodes[i].reset_beta &&
		    !plan_say(p, "beta: node %s keeps its beta, as its bias is not int32", p->nodes[i].name))
			return false;
	}
	return true;
}

int write_biases(struct plan *p, struct qd_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && p->r->quantize_bias && i < p->n_biases; i++) {
		const struct pbias *b = &p->biases[i];

		if (!b->keep_float && !p->vals[b->val].quantized && p->vals[b->val].init)
			rc = write_bias(p, b, err);
	}
	if (!rc && !say_betas(p))
		rc = plan_oom(p, err);
	return rc;
}
