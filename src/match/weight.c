/* Reading and comparing constants of the quantized model. */
#include "match/weight.h"

#include <math.h>
#include <string.h>

#include "tensor/dtype.h"

enum { MAX_DEPTH = 64 };

static int read_at(const struct graph *g, int value, struct tensor *out, struct linear *p, int depth,
		   struct qd_err *err);

/* A model in half precision computes its dequantized values in that type. */
static int as_typed(const struct graph *g, int node, struct tensor *t, struct qd_err *err)
{
	int out = graph_out(g, node, 0), to = out < 0 ? DT_FLOAT : g->values[out].dtype;
	struct tensor cast;

	if (to == t->dtype || !dtype_is_float_tensor(to))
		return 0;
	if (!tensor_cast(t, to, &cast)) {
		tensor_release(t);
		return err_oom(err, "dequantizing a weight");
	}
	tensor_release(t);
	*t = cast;
	return 0;
}

static int dequantize(const struct graph *g, int node, struct tensor *t, struct linear *p, struct qd_err *err)
{
	struct tensor out;

	if (!tensor_alloc(&out, DT_FLOAT, t->rank, t->dims))
		return err_oom(err, "dequantizing a weight");
	if (!p->n || !linear_dequantize(p, t, out.owner)) {
		tensor_release(&out);
		return err_set(err, QD_EINPUT, "%s: node %d: scale and zero point do not fit the weight %s", g->model->path,
			       node, g->values[graph_in(g, node, 0)].name);
	}
	tensor_release(t);
	*t = out;
	return 0;
}

/* DQ of Q of a constant float: the round trip the two operators make at run time. */
static int round_trip(const struct graph *g, int q_node, struct tensor *out, struct linear *p, int depth,
		      struct qd_err *err)
{
	struct tensor x = { 0 }, f = { 0 };
	int rc = read_at(g, graph_in(g, q_node, 0), &x, NULL, depth + 1, err);

	if (rc)
		return rc;
	if (!tensor_alloc(&f, DT_FLOAT, x.rank, x.dims) || !tensor_alloc(out, DT_FLOAT, x.rank, x.dims))
		rc = err_oom(err, "quantizing a weight");
	else if (!tensor_to_float(&x, 0, x.n, f.owner) || !p->n || !linear_round_trip(p, &f, f.owner, out->owner))
		rc = err_set(err, QD_EINPUT, "%s: node %d: cannot quantize constant %s", g->model->path, q_node,
			     g->values[graph_in(g, q_node, 0)].name);
	tensor_release(&x);
	tensor_release(&f);
	if (rc)
		tensor_release(out);
	return rc;
}

static int read_dq(const struct graph *g, int node, struct tensor *out, struct linear *p, int depth, struct qd_err *err)
{
	int in = graph_in(g, node, 0), producer = g->values[in].producer, rc;

	rc = skeleton_params(g, node, p, err);
	if (rc)
		return rc;
	if (skeleton_is_q(g, producer)) {
		rc = round_trip(g, producer, out, p, depth, err);
	} else {
		rc = read_at(g, in, out, NULL, depth + 1, err);
		if (!rc)
			rc = dequantize(g, node, out, p, err);
	}
	return rc ? rc : as_typed(g, node, out, err);
}

static int read_at(const struct graph *g, int value, struct tensor *out, struct linear *p, int depth,
		   struct qd_err *err)
{
	struct linear own = { 0 };
	int producer, rc;

	*out = (struct tensor){ 0 };
	if (value < 0 || depth > MAX_DEPTH)
		return err_set(err, QD_EINPUT, "%s: a value is not a constant", g->model->path);
	if (graph_is_const(g, value))
		return graph_const_read(g, value, out, err);
	producer = g->values[value].producer;
	if (producer < 0)
		return err_set(err, QD_EINPUT, "%s: value %s is not a constant", g->model->path, g->values[value].name);
	if (skeleton_is_dq(g, producer)) {
		rc = read_dq(g, producer, out, &own, depth, err);
		if (!rc && p) {
			linear_release(p);
			*p = own;
		} else {
			linear_release(&own);
		}
		return rc;
	}
	rc = read_at(g, graph_in(g, producer, 0), out, p, depth + 1, err);
	if (!rc && strcmp(graph_node(g, producer)->op_type, "Identity"))
		rc = graph_apply_view(g, producer, out, err);
	if (rc)
		tensor_release(out);
	return rc;
}

int weight_read(const struct graph *g, int value, struct tensor *out, struct linear *p, struct qd_err *err)
{
	int rc;

	if (p)
		*p = (struct linear){ .axis = -1 };
	rc = read_at(g, value, out, p, 0, err);
	if (rc && p)
		linear_release(p);
	return rc;
}

static double distance(const struct tensor *a, const struct tensor *b)
{
	double x[256], y[256], x2 = 0, e2 = 0;
	int64_t i, k, n;

	if (a->n != b->n)
		return INFINITY;
	for (i = 0; i < a->n; i += n) {
		n = a->n - i < 256 ? a->n - i : 256;
		if (!tensor_to_double(a, i, n, x) || !tensor_to_double(b, i, n, y))
			return INFINITY;
		for (k = 0; k < n; k++) {
			x2 += x[k] * x[k];
			e2 += (x[k] - y[k]) * (x[k] - y[k]);
		}
	}
	if (e2 == 0)
		return 0;
	if (!dtype_is_float_tensor(a->dtype) || x2 == 0)
		return INFINITY;
	return sqrt(e2 / x2);
}

double weight_distance(const struct graph *fg, int fv, const struct graph *qg, int qv, bool *oom)
{
	struct tensor a = { 0 }, b = { 0 };
	double d = INFINITY;
	int rc = weight_read(fg, fv, &a, NULL, NULL);

	if (!rc)
		rc = weight_read(qg, qv, &b, NULL, NULL);
	if (!rc)
		d = distance(&a, &b);
	*oom |= rc == QD_ENOMEM;
	tensor_release(&a);
	tensor_release(&b);
	return d;
}
