/* Freezing the engine's decisions, placing taps, and checking that they disturb nothing. */
#include "observe/freeze.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "observe/infer.h"
#include "observe/pass.h"
#include "onnx/edit.h"
#include "tensor/dtype.h"

/* Level 2 without these two leaves a Q/DQ graph in which types and zero points are what fusion will see. */
static const char keep_qdq[] = "QDQSelectorActionTransformer;QDQFinalCleanupTransformer";

/* --- operator counts ----------------------------------------------------------- */

/* Operators that only move or re-encode data: layouts may differ between runs without changing a value. */
static bool moves_data(const char *op)
{
	static const char *const ops[] = {
		"Transpose", "Reshape", "QuantizeLinear", "DequantizeLinear", "ReorderInput", "ReorderOutput",
		ENGINE_COMPARE,
	};
	size_t i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!strcmp(op, ops[i]))
			return true;
	}
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "Add 3\nConv 12\n…" */
static char *count_operators(const struct onnx_model *m)
{
	const Onnx__GraphProto *g = m->proto->graph;
	const char **ops = mem_array(g->n_node, sizeof(*ops));
	struct str s = STR_INIT;
	size_t i, k, n = 0;

	if (!ops)
		return NULL;
	for (i = 0; i < g->n_node; i++) {
		if (!moves_data(g->node[i]->op_type))
			ops[n++] = g->node[i]->op_type;
	}
	qsort(ops, n, sizeof(*ops), by_text);
	for (i = 0; i < n; i = k) {
		for (k = i; k < n && !strcmp(ops[i], ops[k]); k++)
			;
		str_addf(&s, "%s %zu\n", ops[i], k - i);
	}
	free(ops);
	return str_take(&s);
}

/* --- opening --------------------------------------------------------------------- */

/* The engine writes axis into DequantizeLinear nodes of models whose operator set does not have it yet. */
static void strip_axis(struct onnx_model *m)
{
	size_t i;

	if (onnx_opset(m) >= 13)
		return;
	for (i = 0; i < m->proto->graph->n_node; i++) {
		Onnx__NodeProto *n = m->proto->graph->node[i];

		if (*onnx_domain(n->domain) ||
		    (strcmp(n->op_type, "QuantizeLinear") && strcmp(n->op_type, "DequantizeLinear")))
			continue;
		edit_remove_attr(n, "axis");
		edit_remove_attr(n, "block_size");
	}
}

int freeze_open(struct engine *e, const struct models *m, struct freeze *out, struct qd_err *err)
{
	struct extern_source source = { m->q, "" };
	size_t i;
	int rc;

	memset(out, 0, sizeof(*out));
	rc = onnx_copy(m->q, &out->named, err);
	if (!rc && !edit_name_nodes(out->named))
		rc = err_oom(err, m->q->path);
	if (!rc)
		rc = observe_optimize(e, out->named, &source,
				      (struct engine_opts){ .level = ENGINE_EXTENDED, .disabled = keep_qdq },
				      &out->model, NULL, err);
	if (!rc) {
		strip_axis(out->model);
		rc = graph_open(out->model, &out->g, err);
	}
	if (!rc)
		rc = observe_optimize(e, out->named, &source, (struct engine_opts){ .level = ENGINE_ALL }, &out->plain,
				      NULL, err);
	if (!rc)
		rc = graph_open(out->plain, &out->plain_g, err);
	if (!rc && !(out->plain_ops = count_operators(out->plain)))
		rc = err_oom(err, m->q->path);
	for (i = 0; !rc && i < out->model->proto->graph->n_node; i++) {
		if (!map_put(&out->nodes, onnx_str(out->model->proto->graph->node[i]->name), (long)i))
			rc = err_oom(err, m->q->path);
	}
	if (rc)
		freeze_close(out);
	return rc;
}

void freeze_close(struct freeze *z)
{
	graph_close(&z->g);
	graph_close(&z->plain_g);
	map_release(&z->nodes);
	onnx_free(z->named);
	onnx_free(z->model);
	onnx_free(z->plain);
	free(z->plain_ops);
	memset(z, 0, sizeof(*z));
}

/* --- taps ---------------------------------------------------------------------------- */

/* A quantizer's codes, read where the frozen graph makes them, with the parameters found there. */
static int tap_codes(const struct freeze *z, const struct models *m, struct compare_item *it, struct tap *out,
		     bool *found, struct qd_err *err)
{
	const struct quantizer *q = &m->match.q.quants[it->pair->quantizer];
	long node = map_get(&z->nodes, z->named->proto->graph->node[q->q_node]->name);
	int rc;

	if (node == MAP_NONE || !skeleton_is_q(&z->g, (int)node))
		return 0;
	linear_release(&it->code);
	rc = skeleton_params(&z->g, (int)node, &it->code, err);
	if (rc || !it->code.n || it->code.block_size)
		return rc;
	if (it->code.n > 1 && it->code.axis < 0)        /* the frozen graph does not know the rank; the file did */
		it->code.axis = q->p.axis;
	it->spec.kind = PAIR_CODES;
	it->spec.code = (struct pair_quant){ it->code.scale, it->code.zp, it->code.n, it->code.axis, 0, 0 };
	out->y = z->g.values[graph_out(&z->g, (int)node, 0)].name;
	*found = true;
	return 0;
}

int freeze_tap(const struct freeze *z, const struct models *m, struct compare_item *it, int id, struct tap *out,
	       bool *found, struct qd_err *err)
{
	const char *name;

	*found = false;
	*out = (struct tap){ id, m->fg.values[it->pair->fvalue].name, NULL, NULL };
	if (it->pair->quantizer >= 0)
		return tap_codes(z, m, it, out, found, err);
	/* float on both sides: only where the deployed model computes it under this name */
	name = m->qg.values[it->pair->qvalue].name;
	if (graph_find(&z->g, name) < 0 || graph_find(&z->plain_g, name) < 0)
		return 0;
	it->spec.kind = PAIR_FLOAT;
	out->y = name;
	*found = true;
	return 0;
}

/* --- the guard -------------------------------------------------------------------------- */

/* Taps that only count what they see. */
static int count_elements(void *ctx, int64_t slot, int64_t id, const struct tensor *x, const struct tensor *y,
			  const struct tensor *pre)
{
	(void)slot, (void)id, (void)y, (void)pre;
	*(int64_t *)ctx += x->n;
	return 0;
}

/* Run on the probe sample and compare the outputs, bit for bit, with the plain session's. */
static int same_outputs(struct engine *e, struct engine_session *s, const struct freeze_probe *probe, bool *ok,
			struct qd_err *err)
{
	struct engine_value *out = mem_array(probe->n_outputs, sizeof(*out));
	struct engine_run *run = NULL;
	int rc = out ? engine_run_new(e, &run, err) : err_oom(err, "checking taps");

	if (!rc)
		rc = pass_run_plain(run, s, probe->m, true, probe->sample, out, probe->n_outputs, err);
	if (!rc) {
		*ok = pass_outputs_equal(out, probe->outputs, probe->n_outputs);
		pass_release_outputs(e, out, probe->n_outputs);
	}
	engine_run_free(run);
	free(out);
	return rc;
}

static int undisturbed(struct engine *e, const struct freeze *z, const struct freeze_probe *probe,
		       const struct tap *taps, size_t n, bool *ok, int64_t *elements, struct qd_err *err)
{
	int64_t seen = 0;
	struct engine_instrument counting = { count_elements, &seen };
	struct engine_opts opts = { .level = ENGINE_ALL, .instrument = &counting };
	struct onnx_model *tapped = NULL, *optimized = NULL;
	struct extern_source source = { z->model, "" };
	struct engine_session *session = NULL;
	char *ops = NULL;
	int rc = build_tapped(z->model, taps, n, &tapped, err);

	if (!rc)
		rc = observe_optimize(e, tapped, &source, opts, &optimized, &session, err);
	if (!rc && !(ops = count_operators(optimized)))
		rc = err_oom(err, z->model->path);
	if (!rc) {
		*ok = !strcmp(ops, z->plain_ops);
		if (*ok)
			rc = same_outputs(e, session, probe, ok, err);
		if (*ok)
			*elements = seen;
	}
	free(ops);
	engine_session_close(session);
	onnx_free(tapped);
	onnx_free(optimized);
	return rc;
}

struct sieve {
	struct engine *e;
	const struct freeze *z;
	const struct freeze_probe *probe;
	struct tap *good, *bad;
	size_t n_good, n_bad;
	int64_t elements;
	int sessions;
};

/* A session costs about a tenth of a second: past this many, what is left counts as disturbing. */
enum { MAX_SESSIONS = 120 };

/* Keep as many of the taps as leave the engine's choices alone, halving where they do not. */
static int sift(struct sieve *s, const struct tap *taps, size_t n, struct qd_err *err)
{
	bool ok = false;
	int rc;

	memcpy(s->good + s->n_good, taps, n * sizeof(*taps));
	if (s->sessions++ < MAX_SESSIONS) {
		rc = undisturbed(s->e, s->z, s->probe, s->good, s->n_good + n, &ok, &s->elements, err);
		if (rc)
			return rc;
	}
	if (ok) {
		s->n_good += n;
		return 0;
	}
	if (n == 1 || s->sessions >= MAX_SESSIONS) {
		memcpy(s->bad + s->n_bad, taps, n * sizeof(*taps));
		s->n_bad += n;
		return 0;
	}
	rc = sift(s, taps, n / 2, err);
	return rc ? rc : sift(s, taps + n / 2, n - n / 2, err);
}

int freeze_guard(struct engine *e, const struct freeze *z, const struct freeze_probe *probe, struct tap *taps,
		 size_t n, size_t *n_good, int64_t *elements, struct qd_err *err)
{
	struct sieve s = { e, z, probe, mem_array(n, sizeof(*taps)), mem_array(n, sizeof(*taps)), 0, 0, 0, 0 };
	size_t i;
	int rc = s.good && s.bad ? 0 : err_oom(err, z->model->path);

	*n_good = 0;
	if (!rc && n)
		rc = sift(&s, taps, n, err);
	if (!rc) {
		memcpy(taps, s.good, s.n_good * sizeof(*taps));
		memcpy(taps + s.n_good, s.bad, s.n_bad * sizeof(*taps));
		*n_good = s.n_good;
		*elements = s.elements;
		for (i = 0; i < s.n_bad; i++)
			log_add(LOG_INFO, "a tap on %s would change the kernels that run: observed by the reference observer",
				s.bad[i].y);
	}
	free(s.good);
	free(s.bad);
	return rc;
}
