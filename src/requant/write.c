/* The Q/DQ nodes of a plan: weights, activations, dedicated and converted pairs, tensors that share parameters
 * (reference.md 6.7, 6.8). Knows no operators. */
#include "requant/write.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/tensor_proto.h"
#include "quant/params.h"
#include "requant/write_int.h"

/* A pair in the making: names of the tensor, suffix of the copy ("", "_1", "_convert" in front of the words). */
struct pair {
	int scale, zp;
	int64_t axis, block_size;
};

static bool add_q(struct plan *p, const struct pair *k, const char *base, const char *suffix, int from, int to)
{
	struct new_node n = { "QuantizeLinear", base, suffix, { from, k->scale, k->zp }, 3, to, k->axis, k->block_size, 0,
			      false };

	return from >= 0 && to >= 0 && write_node(p, &n);
}

static bool add_dq(struct plan *p, const struct pair *k, const char *base, const char *suffix, int from, int to)
{
	struct new_node n = { "DequantizeLinear", base, suffix, { from, k->scale, k->zp }, 3, to, k->axis, k->block_size, 0,
			      false };

	return from >= 0 && to >= 0 && write_node(p, &n);
}

static void set_quantized(struct plan *p, int val, const struct pair *k)
{
	struct pval *v = &p->vals[val];

	v->quantized = true;
	v->q_scale = k->scale;
	v->q_zp = k->zp;
}

/* --- weights ------------------------------------------------------------------------ */

static int weight_codes(struct plan *p, int val, int *codes, struct qd_err *err)
{
	const struct pval *v = &p->vals[val];
	struct tensor w, q;
	int rc = onnx_tensor(p->m, v->init, &w, err);

	*codes = -1;
	if (rc)
		return rc;
	rc = quant_weight_codes(&w, &v->weight.lin, &q, err);
	tensor_release(&w);
	if (rc) {
		err_prefix(err, "%s: weight %s", p->m->path, v->name);
		return rc;
	}
	*codes = write_init(p, v->name, "_quantized", &q, true);
	tensor_release(&q);
	return *codes < 0 ? plan_oom(p, err) : 0;
}

static int write_weight(struct plan *p, int val, struct qd_err *err)
{
	const char *name = p->vals[val].name;
	struct pparams *q = &p->vals[val].weight;
	struct pair k = { -1, -1, q->lin.axis, q->lin.block_size };
	int codes, dq, rc = write_params(p, val, "", q, &k.scale, &k.zp, err);

	if (rc)
		return rc;
	dq = write_name(p, name, "_DequantizeLinear_Output");
	if (dq < 0 || !plan_rename_uses(p, val, dq))
		return plan_oom(p, err);
	if (p->r->add_qdq_pair_to_weight) {
		codes = write_name(p, name, "_QuantizeLinear_Output");
		if (!add_q(p, &k, name, "_QuantizeLinear", val, codes))
			return plan_oom(p, err);
	} else {
		rc = weight_codes(p, val, &codes, err);
		if (rc)
			return rc;
	}
	if (!add_dq(p, &k, name, "_DequantizeLinear", codes, dq))
		return plan_oom(p, err);
	set_quantized(p, val, &k);
	p->counts.weights++;
	return 0;
}

/* --- activations ----------------------------------------------------------------------- */

/* A graph output that is an input too cannot be produced twice: only its consumers see the quantized one. */
static bool ends_as_output(const struct plan *p, int val)
{
	return p->vals[val].is_output && !p->vals[val].is_input;
}

static bool one_pair(struct plan *p, int val, const struct pair *k)
{
	const char *name = p->vals[val].name;
	int in = val, codes, out;

	if (ends_as_output(p, val)) {
		in = write_name(p, name, "_QuantizeLinear_Input");
		out = val;
		if (in < 0)
			return false;
		plan_rename_outputs(p, val, in);
	} else {
		out = write_name(p, name, "_DequantizeLinear_Output");
		if (out < 0 || !plan_rename_uses(p, val, out))
			return false;
	}
	codes = write_name(p, name, "_QuantizeLinear_Output");
	return add_q(p, k, name, "_QuantizeLinear", in, codes) && add_dq(p, k, name, "_DequantizeLinear", codes, out);
}

static bool dedicated_pairs(struct plan *p, int val, const struct pair *k)
{
	const char *name = p->vals[val].name;
	int i, n = p->vals[val].n_receivers, codes, out;
	char text[64];

	for (i = 0; i < n; i++) {
		int node = p->vals[val].receivers[i];

		snprintf(text, sizeof(text), "_QuantizeLinear_Output_%d", i + 1);
		codes = write_name(p, name, text);
		snprintf(text, sizeof(text), "_DequantizeLinear_Output_%d", i + 1);
		out = write_name(p, name, text);
		if (codes < 0 || out < 0)
			return false;
		/* before the pair is there: its own Q reads the tensor itself */
		if (!plan_rename_uses_of(p, val, out, node))
			return false;
		snprintf(text, sizeof(text), "_QuantizeLinear_%d", i + 1);
		if (!add_q(p, k, name, text, val, codes))
			return false;
		snprintf(text, sizeof(text), "_DequantizeLinear_%d", i + 1);
		if (!add_dq(p, k, name, text, codes, out))
			return false;
	}
	return true;
}

static int write_pair(struct plan *p, int val, const struct pair *k, struct qd_err *err)
{
	bool dedicated = p->r->dedicated_qdq_pair && p->vals[val].n_receivers > 1;

	if (!(dedicated ? dedicated_pairs(p, val, k) : one_pair(p, val, k)))
		return plan_oom(p, err);
	set_quantized(p, val, k);
	return 0;
}

/* --- converted activations: two types ----------------------------------------------------- */

static bool is_receiver(const struct plan *p, int val, const char *name)
{
	int i;

	for (i = 0; i < p->vals[val].n_receivers; i++) {
		if (!strcmp(p->nodes[p->vals[val].receivers[i]].name, name))
			return true;
	}
	return false;
}

static int n_distinct_receivers(const struct plan *p, int val)
{
	const struct pval *v = &p->vals[val];
	int i, k, n = 0;

	for (i = 0; i < v->n_receivers; i++) {
		for (k = 0; k < i; k++) {
			if (!strcmp(p->nodes[v->receivers[i]].name, p->nodes[v->receivers[k]].name))
				break;
		}
		n += k == i;
	}
	return n;
}

/* Give the consumers of one type their value; `second`: of the second type. Nodes count by name, as in the reference. */
static bool rename_some(struct plan *p, int val, int to, const struct recipe_override *c, bool second)
{
	size_t i;

	for (i = 0; i < p->n_source; i++) {
		const char *name = p->nodes[i].name;
		bool receives = is_receiver(p, val, name);
		bool converted = c->has_recv_nodes ? recipe_has_name(&c->recv_nodes, name) : receives;

		if ((second ? converted : receives && !converted) && !plan_rename_uses_of(p, val, to, (int)i))
			return false;
	}
	return true;
}

static int n_distinct(const struct recipe_names *list)
{
	size_t i, k;
	int n = 0;

	for (i = 0; i < list->n; i++) {
		for (k = 0; k < i && strcmp(list->v[i], list->v[k]); k++)
			;
		n += k == i;
	}
	return n;
}

static bool converted_nodes(struct plan *p, int val, const struct pair *one, const struct pair *two,
			    const struct recipe_override *c)
{
	const char *name = p->vals[val].name;
	bool all = !c->has_recv_nodes || n_distinct(&c->recv_nodes) == n_distinct_receivers(p, val);
	bool output = ends_as_output(p, val);
	int in = val, q1, dq1, clone, q2, dq2;

	if (output) {
		in = write_name(p, name, "_QuantizeLinear_Input");
		if (in < 0)
			return false;
		plan_rename_outputs(p, val, in);
	}
	q1 = write_name(p, name, "_QuantizeLinear_Output");
	dq1 = output && !all ? val : write_name(p, name, "_DequantizeLinear_Output");
	if (q1 < 0 || dq1 < 0 || (dq1 != val && !rename_some(p, val, dq1, c, false)))
		return false;
	q2 = write_name(p, name, "_convert_QuantizeLinear_Output");
	dq2 = output && all ? val : write_name(p, name, "_convert_DequantizeLinear_Output");
	if (q2 < 0 || dq2 < 0 || (dq2 != val && !rename_some(p, val, dq2, c, true)))
		return false;
	if (!add_q(p, one, name, "_QuantizeLinear", in, q1) || !add_dq(p, one, name, "_DequantizeLinear", q1, dq1))
		return false;
	clone = dq1;
	if (!all) {
		clone = write_name(p, name, "_convert_QuantizeLinear_Input");
		if (!add_dq(p, one, name, "_convert_clone_DequantizeLinear", q1, clone))
			return false;
	}
	return add_q(p, two, name, "_convert_QuantizeLinear", clone, q2) &&
	       add_dq(p, two, name, "_convert_DequantizeLinear", q2, dq2);
}

static int write_converted(struct plan *p, int val, const struct pair *one, const struct pair *two, struct qd_err *err)
{
	if (p->r->dedicated_qdq_pair && p->vals[val].n_receivers > 1)
		return err_set(err, QD_EUSAGE, "%s: tensor %s: convert and DedicatedQDQPair do not go together when a tensor "
			       "has several consumers", p->m->path, p->vals[val].name);
	if (!converted_nodes(p, val, one, two, plan_convert(p, val)))
		return plan_oom(p, err);
	set_quantized(p, val, one);
	p->vals[val].c_scale = two->scale;
	p->vals[val].c_zp = two->zp;
	return 0;
}

static int write_activation(struct plan *p, int val, struct qd_err *err)
{
	struct pair one = { -1, -1, -1, 0 }, two = { -1, -1, -1, 0 };
	int rc = plan_activation_params(p, val, err);

	if (!rc)
		rc = write_params(p, val, "", &p->vals[val].act, &one.scale, &one.zp, err);
	if (!rc && p->vals[val].conv.set)
		rc = write_params(p, val, "_convert", &p->vals[val].conv, &two.scale, &two.zp, err);
	if (rc)
		return rc;
	p->counts.activations++;
	return p->vals[val].conv.set ? write_converted(p, val, &one, &two, err) : write_pair(p, val, &one, err);
}

static int write_normal(struct plan *p, struct qd_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < p->n_marks; i++) {
		struct pmark *k = &p->marks[i];

		if (!k->alive || k->shared)
			continue;
		k->alive = false;
		if (p->vals[k->val].quantized)
			continue;
		if (p->vals[k->val].init)
			rc = write_weight(p, k->val, err);
		else if (p->vals[k->val].dq < 0)        /* else it is dequantized already */
			rc = write_activation(p, k->val, err);
	}
	return rc;
}

/* --- tensors with the parameters of another ------------------------------------------------- */

static int write_shared(struct plan *p, const struct pmark *k, struct qd_err *err)
{
	const struct pval *from = &p->vals[k->provider];
	bool second = from->c_scale >= 0 && plan_gets_converted(p, k->provider, k->provider_node);
	struct pair one = { second ? from->c_scale : from->q_scale, second ? from->c_zp : from->q_zp, -1, 0 };
	struct pair two = { -1, -1, -1, 0 };
	int rc;

	if (p->vals[k->val].init || p->vals[k->val].dq >= 0)
		return 0;       /* constant or dequantized already */
	p->counts.activations++;
	p->counts.shared++;
	if (!plan_convert(p, k->val) || !p->vals[k->val].has_range)
		return write_pair(p, k->val, &one, err);
	rc = plan_activation_params(p, k->val, err);
	if (!rc)
		rc = write_params(p, k->val, "_convert", &p->vals[k->val].conv, &two.scale, &two.zp, err);
	return rc ? rc : write_converted(p, k->val, &one, &two, err);
}

/* Pass over the shared marks until none is left or none can be served (rule endless). */
static int write_sharing(struct plan *p, struct qd_err *err)
{
	bool progress = true;
	size_t i;
	int rc;

	while (progress) {
		progress = false;
		for (i = 0; i < p->n_marks; i++) {
			if (!p->marks[i].alive || !p->vals[p->marks[i].provider].quantized)
				continue;
			p->marks[i].alive = false;
			progress = true;
			rc = write_shared(p, &p->marks[i], err);
			if (rc)
				return rc;
		}
	}
	for (i = 0; i < p->n_marks; i++) {
		if (p->marks[i].alive && !plan_say(p, "endless: tensor %s would take the parameters of %s, which the "
						   "quantizer leaves alone; it stays as it is",
						   p->vals[p->marks[i].val].name, p->vals[p->marks[i].provider].name))
			return plan_oom(p, err);
		p->marks[i].alive = false;
	}
	return 0;
}

int write_model(struct plan *p, struct onnx_model **out, struct qd_err *err)
{
	int rc = 0;

	*out = NULL;
	if (p->preview)
		return err_set(err, QD_EBUG, "%s: a preview cannot be written", p->m->path);
	rc = write_normal(p, err);
	if (!rc)
		rc = write_sharing(p, err);
	if (!rc)
		rc = write_biases(p, err);
	if (!rc)
		rc = write_graph(p, err);
	if (rc)
		return rc;
	p->counts.contrib = p->contrib;
	*out = p->out;
	p->out = NULL;
	return 0;
}
