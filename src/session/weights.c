/* Comparing weights: no engine needed, the stored codes are dequantized as the operator would. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "match/weight.h"
#include "session/accum.h"
#include "session/record.h"
#include "tensor/dtype.h"

/* The axis along which the operator's output channels lie; -1 when it has none. */
static int output_channel_axis(const struct models *m, const struct match_pair *p, const struct tensor *x)
{
	const struct graph *g = p->fvalue >= 0 ? &m->fg : &m->pg;
	const struct graph_value *v = &g->values[p->fvalue >= 0 ? p->fvalue : p->folded];
	const Onnx__NodeProto *n = v->n_uses ? graph_node(g, v->uses[0].node) : NULL;

	if (x->rank < 2 || !n || v->uses[0].slot != 1)
		return -1;
	if (!strcmp(p->op, "Conv"))
		return 0;
	if (!strcmp(p->op, "ConvTranspose"))
		return 1;
	if (!strcmp(p->op, "Gemm"))
		return graph_attr_int(n, "transB", 0) ? 0 : 1;
	return strcmp(p->op, "MatMul") ? -1 : x->rank - 1;
}

static int read_float_side(const struct models *m, const struct match_pair *p, struct tensor *x, struct qd_err *err)
{
	return p->fvalue >= 0 ? graph_const_read(&m->fg, p->fvalue, x, err)
			      : graph_const_read(&m->pg, p->folded, x, err);
}

static int put(struct store *st, int64_t id, const struct pair_spec *spec, const struct tensor *x, const struct tensor *y,
	       struct qd_err *err)
{
	struct pair_input in = { x->data, y->data, NULL, x->dtype, y->dtype, 0, x->rank, x->dims };
	int channels = spec->channel_axis >= 0 ? (int)x->dims[spec->channel_axis] : 0, rc = 0;
	double *chan = mem_array(2 * (size_t)channels, sizeof(*chan));
	struct compare_result r = { 0 };
	struct store_total_extra extra;
	struct store_sums sums;
	struct hist *h = mem_alloc(sizeof(*h));

	if (!chan || !h) {
		rc = err_oom(err, "comparing weights");
		goto out;
	}
	pair_sums_init(&r.sums);
	hist_init(h);
	if (!pair_accumulate(spec, &in, &r.sums, h, NULL, channels ? chan : NULL, channels ? chan + channels : NULL))
		goto out;               /* a type that is no number: the row stays without numbers */
	accum_sums(&r, 0, 0, false, &sums);
	accum_extra(&sums, h, chan, chan + channels, channels, &extra);
	rc = store_put_block(st, id, 0, &sums, NULL, err);
	if (!rc)
		rc = store_put_total(st, id, &sums, &extra, err);
	if (!rc)
		rc = accum_put_hist(st, id, 0, h, err);
	if (!rc)
		rc = accum_put_channels(st, id, 0, chan, chan + channels, channels, err);
out:
	free(chan);
	free(h);
	return rc;
}

static int one_weight(struct store *st, const struct models *m, const struct match_pair *p, int64_t id,
		      struct qd_err *err)
{
	struct pair_spec spec = { .kind = PAIR_FLOAT, .channel_axis = -1 };
	struct tensor x = { 0 }, y = { 0 };
	struct linear q = { 0 };
	int rc = read_float_side(m, p, &x, err);

	if (!rc)
		rc = weight_read(&m->qg, p->qvalue, &y, &q, err);
	if (!rc && x.n != y.n) {
		log_add(LOG_WARN, "weight %s: %lld elements in the float model, %lld in the quantized one: not compared",
			p->tensor, (long long)x.n, (long long)y.n);
	} else if (!rc) {
		int axis = q.axis >= 0 && q.n > 1 && !q.block_size ? q.axis : output_channel_axis(m, p, &x);

		if (axis >= 0 && axis < x.rank && x.dims[axis] >= 1 && x.dims[axis] <= 1 << 20)
			spec.channel_axis = axis;
		rc = put(st, id, &spec, &x, &y, err);
	}
	tensor_release(&x);
	tensor_release(&y);
	linear_release(&q);
	return rc;
}

int record_weights(struct store *st, const struct models *m, const int64_t *pair_id, struct qd_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < m->match.n_pairs; i++) {
		if (m->match.pairs[i].kind == MATCH_WEIGHT)
			rc = one_weight(st, m, &m->match.pairs[i], pair_id[i], err);
	}
	return rc;
}
