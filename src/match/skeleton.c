/* Looking through quantizers. */
#include "match/skeleton.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

/* A malformed node (no data input, no output) is no quantizer, so that indices below are never negative. */
static bool is_quant_op(const struct graph *g, int node, const char *op)
{
	return graph_is_op(g, node, op) && graph_in(g, node, 0) >= 0 && graph_out(g, node, 0) >= 0;
}

bool skeleton_is_q(const struct graph *g, int node)
{
	return is_quant_op(g, node, "QuantizeLinear");
}

bool skeleton_is_dq(const struct graph *g, int node)
{
	return is_quant_op(g, node, "DequantizeLinear");
}

bool skeleton_is_operator(const struct skeleton *s, int node)
{
	const Onnx__NodeProto *n = s->g->g->node[node];
	int out;

	if (skeleton_is_q(s->g, node) || skeleton_is_dq(s->g, node) || !strcmp(n->op_type, "Constant") ||
	    !strcmp(n->op_type, "Identity"))
		return false;
	out = graph_out(s->g, node, 0);
	return out < 0 || !s->constant[out];
}

/* --- parameters ----------------------------------------------------------- */

/* Element type of a quantizer's codes: from the zero point, the attribute, or the codes themselves. */
static int code_dtype(const struct graph *g, int node)
{
	int zp = graph_in(g, node, 2);

	if (zp >= 0 && g->values[zp].dtype)
		return g->values[zp].dtype;
	if (skeleton_is_dq(g, node))
		return g->values[graph_in(g, node, 0)].dtype;
	return (int)graph_attr_int(graph_node(g, node), "output_dtype", DT_UINT8);
}

static int read_zp(const struct graph *g, int value, const struct tensor *scale, struct linear *p, struct qd_err *err)
{
	struct tensor zp;
	int64_t i;
	int rc;

	if (value < 0)
		return 0;               /* absent: zero */
	rc = graph_const_read(g, value, &zp, err);
	if (rc)
		return rc;
	if (zp.n != 1 && zp.n != scale->n)
		rc = err_set(err, QD_EINPUT, "%s: zero point %s has %lld values, its scale has %lld", g->model->path,
			     g->values[value].name, (long long)zp.n, (long long)scale->n);
	for (i = 0; !rc && i < scale->n; i++) {
		double v = tensor_get(&zp, zp.n == 1 ? 0 : i);

		if (v >= INT32_MIN && v <= INT32_MAX)
			p->zp[i] = (int32_t)v;
		else
			rc = err_set(err, QD_EINPUT, "%s: zero point %s holds %g, which no code is", g->model->path,
				     g->values[value].name, v);
	}
	tensor_release(&zp);
	return rc;
}

int skeleton_params(const struct graph *g, int node, struct linear *p, struct qd_err *err)
{
	int scale_v = graph_in(g, node, 1), zp_v = graph_in(g, node, 2), in = graph_in(g, node, 0), rc;
	struct tensor scale;

	*p = (struct linear){ .axis = -1 };
	if (scale_v < 0 || !graph_is_const(g, scale_v) || (zp_v >= 0 && !graph_is_const(g, zp_v)))
		return 0;
	rc = graph_const_read(g, scale_v, &scale, err);
	if (rc)
		return rc;
	if (!linear_alloc(p, code_dtype(g, node), scale.n))
		rc = err_oom(err, g->model->path);
	if (!rc && !tensor_to_float(&scale, 0, scale.n, p->scale))
		rc = err_set(err, QD_EINPUT, "%s: node %d: its scale is no number", g->model->path, node);
	if (!rc)
		rc = read_zp(g, zp_v, &scale, p, err);
	p->block_size = graph_attr_int(graph_node(g, node), "block_size", 0);
	if (scale.n > 1 || p->block_size) {
		p->axis = (int)graph_attr_int(graph_node(g, node), "axis", 1);
		if (p->axis < 0 && in >= 0 && g->values[in].rank > 0)
			p->axis += g->values[in].rank;
		/* ONNX: axis is ignored for rank-1 input */
		if (in >= 0 && g->values[in].rank == 1)
			p->axis = 0;
	}
	tensor_release(&scale);
	if (rc)
		linear_release(p);
	return rc;
}

/* --- roots and constants --------------------------------------------------- */

static bool is_const_view(const char *op)
{
	static const char *const ops[] = { "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Cast" };
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!strcmp(op, ops[i]))
			return true;
	}
	return false;
}

/* Values come in topological order, so one pass sees inputs before outputs. */
static void find_roots(struct skeleton *s)
{
	const struct graph *g = s->g;
	int v;

	for (v = 0; v < g->n_values; v++) {
		int p = g->values[v].producer, in;

		s->root[v] = v;
		s->constant[v] = graph_is_const(g, v);
		if (p < 0 || (in = graph_in(g, p, 0)) < 0)
			continue;
		if (skeleton_is_dq(g, p) || skeleton_is_q(g, p)) {
			s->constant[v] = s->constant[in];
			if (skeleton_is_q(g, p) || skeleton_is_q(g, g->values[in].producer))
				s->root[v] = s->root[in];
		} else if (!strcmp(graph_node(g, p)->op_type, "Identity")) {
			s->constant[v] = s->constant[in];
			s->root[v] = s->root[in];
		} else if (is_const_view(graph_node(g, p)->op_type) && s->constant[in]) {
			s->constant[v] = true;
		}
	}
}

static int find_quantizers(struct skeleton *s, struct qd_err *err)
{
	const struct graph *g = s->g;
	int i, last, n = 0, rc;

	for (i = 0; i < (int)g->g->n_node; i++)
		n += skeleton_is_q(g, i);
	s->quants = mem_array((size_t)n, sizeof(*s->quants));
	s->next_quant = mem_array((size_t)n, sizeof(*s->next_quant));
	if (!s->quants || !s->next_quant)
		return err_oom(err, g->model->path);
	for (i = 0; i < (int)g->g->n_node; i++) {
		struct quantizer *q = &s->quants[s->n_quants];
		const struct graph_value *codes;
		int k;

		if (!skeleton_is_q(g, i))
			continue;
		*q = (struct quantizer){ .q_node = i, .dq_node = -1, .pre = graph_in(g, i, 0), .post = -1 };
		q->root = s->root[q->pre];
		codes = &g->values[graph_out(g, i, 0)];
		for (k = 0; k < codes->n_uses && q->dq_node < 0; k++) {
			if (codes->uses[k].slot == 0 && skeleton_is_dq(g, codes->uses[k].node))
				q->dq_node = codes->uses[k].node;
		}
		if (q->dq_node >= 0)
			q->post = graph_out(g, q->dq_node, 0);
		rc = skeleton_params(g, i, &q->p, err);
		if (rc)
			return rc;
		s->next_quant[s->n_quants] = -1;
		for (last = s->first_quant[q->root]; last >= 0 && s->next_quant[last] >= 0;)
			last = s->next_quant[last];
		if (last < 0)
			s->first_quant[q->root] = s->n_quants;
		else
			s->next_quant[last] = s->n_quants;
		s->n_quants++;
	}
	return 0;
}

static bool used_in_body(const struct graph_value *v)
{
	int i;

	for (i = 0; i < v->n_uses; i++) {
		if (v->uses[i].slot < 0)
			return true;
	}
	return false;
}

static bool collect_uses(struct skeleton *s)
{
	const struct graph *g = s->g;
	int i, v, total = 0;
	size_t k;

	for (i = 0; i < (int)g->g->n_node; i++) {
		if (!skeleton_is_operator(s, i))
			continue;
		for (k = 0; k < g->g->node[i]->n_input; k++) {
			if ((v = graph_in(g, i, (int)k)) < 0)
				continue;
			s->first_use[s->root[v] + 1]++;
			total++;
			if (!skeleton_is_dq(g, g->values[v].producer))
				s->raw_use[s->root[v]] = true;
		}
	}
	for (v = 0; v < g->n_values; v++) {
		s->first_use[v + 1] += s->first_use[v];
		if ((g->values[v].is_output || used_in_body(&g->values[v])) &&
		    !skeleton_is_dq(g, g->values[v].producer))
			s->raw_use[s->root[v]] = true;
	}
	s->uses = mem_array((size_t)total, sizeof(*s->uses));
	if (!s->uses)
		return false;
	/* fill backwards so that each group ends up in node order and first_use[] at its start */
	for (i = (int)g->g->n_node - 1; i >= 0; i--) {
		if (!skeleton_is_operator(s, i))
			continue;
		for (k = g->g->node[i]->n_input; k-- > 0;) {
			if ((v = graph_in(g, i, (int)k)) >= 0)
				s->uses[--s->first_use[s->root[v] + 1]] = (struct graph_use){ i, (int)k };
		}
	}
	/* first_use[v + 1] now holds the start of v's group: shift down */
	for (v = 0; v < g->n_values; v++)
		s->first_use[v] = s->first_use[v + 1];
	s->first_use[g->n_values] = total;
	return true;
}

int skeleton_open(const struct graph *g, struct skeleton *out, struct qd_err *err)
{
	size_t n = (size_t)g->n_values;
	int rc, v;

	*out = (struct skeleton){ .g = g };
	out->root = mem_array(n, sizeof(*out->root));
	out->constant = mem_array(n, sizeof(*out->constant));
	out->raw_use = mem_array(n, sizeof(*out->raw_use));
	out->first_use = mem_array(n + 2, sizeof(*out->first_use));
	out->first_quant = mem_array(n, sizeof(*out->first_quant));
	if (!out->root || !out->constant || !out->raw_use || !out->first_use || !out->first_quant) {
		skeleton_close(out);
		return err_oom(err, g->model->path);
	}
	for (v = 0; v < g->n_values; v++)
		out->first_quant[v] = -1;
	find_roots(out);
	rc = find_quantizers(out, err);
	if (!rc && !collect_uses(out))
		rc = err_oom(err, g->model->path);
	if (rc)
		skeleton_close(out);
	return rc;
}

void skeleton_close(struct skeleton *s)
{
	int i;

	for (i = 0; i < s->n_quants; i++)
		linear_release(&s->quants[i].p);
	free(s->root);
	free(s->constant);
	free(s->raw_use);
	free(s->uses);
	free(s->first_use);
	free(s->quants);
	free(s->first_quant);
	free(s->next_quant);
	memset(s, 0, sizeof(*s));
}
