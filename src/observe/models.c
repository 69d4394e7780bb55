/* Loading, typing and matching the two models. */
#include "observe/models.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "observe/infer.h"

/* Load one file and type it; an engine that cannot load the model makes the file unusable. */
static int open_one(struct engine *e, const char *path, struct onnx_model **m, struct graph *g, struct qd_err *err)
{
	int rc = onnx_load(path, m, err);

	if (!rc)
		rc = graph_open(*m, g, err);
	if (!rc) {
		struct qd_err why = { 0 };

		rc = observe_infer(e, g, &why);
		if (rc && err)
			*err = why;
		if (rc == QD_EENGINE)
			rc = err_set(err, QD_EINPUT, "%s; ONNX Runtime %s cannot load this model, so it cannot be debugged",
				     why.msg, engine_version(e));
	}
	return rc;
}

static int fold_if_needed(struct engine *e, struct models *m, struct qd_err *err)
{
	bool needed;
	struct extern_source source = { m->f, "" };
	int rc = match_needs_folding(&m->fg, &m->qg, &needed, err);

	if (rc || !needed)
		return rc;
	log_add(LOG_INFO, "%s lacks operators of %s: matching through the float model as basic optimization leaves it",
		m->q->path, m->f->path);
	rc = observe_optimize(e, m->f, &source, (struct engine_opts){ .level = ENGINE_BASIC }, &m->p, NULL, err);
	if (!rc)
		rc = graph_open(m->p, &m->pg, err);
	return rc ? rc : observe_infer(e, &m->pg, err);
}

static int list_inputs(struct models *m, struct qd_err *err)
{
	const struct walk *w = &m->match.walk;
	const struct graph *walked = m->match.folded ? &m->pg : &m->fg;
	int i, rc = observe_inputs(&m->fg, &m->inputs, &m->n_inputs, err);

	if (rc)
		return rc;
	m->quant_input = mem_array((size_t)m->n_inputs, sizeof(*m->quant_input));
	if (!m->quant_input)
		return err_oom(err, m->f->path);
	for (i = 0; i < m->n_inputs; i++)
		m->quant_input[i] = w->value[graph_find(walked, m->inputs[i].name)];
	return 0;
}

int models_find_input(const struct models *m, bool quant, const char *name)
{
	int k;

	for (k = 0; k < m->n_inputs; k++) {
		const char *own = quant ? m->qg.values[m->quant_input[k]].name : m->inputs[k].name;

		if (!strcmp(own, name))
			return k;
	}
	return -1;
}

static int check_format(const struct models *m, struct qd_err *err)
{
	if (!strcmp(m->format, "qdq"))
		return 0;
	if (!strcmp(m->format, "none"))
		return err_set(err, QD_EINPUT, "%s: holds no QuantizeLinear or DequantizeLinear node: it is not a quantized "
			       "model (were the two files given in the wrong order?)", m->q->path);
	return err_set(err, QD_EINPUT, "%s: its format is %s; only statically quantized QDQ models are covered so far: "
		       "quantize with quant_format=QuantFormat.QDQ", m->q->path, m->format);
}

/* A pair that shares no operator is two different networks, however well the inputs agree. */
static int check_related(const struct models *m, struct qd_err *err)
{
	int i, operators = 0, found = 0;
	const struct skeleton *s = m->match.folded ? &m->match.p : &m->match.f;

	for (i = 0; i < (int)s->g->g->n_node; i++) {
		operators += skeleton_is_operator(s, i);
		found += skeleton_is_operator(s, i) && m->match.walk.node[i] != -1;
	}
	if (operators && found * 2 < operators)
		return err_set(err, QD_EINPUT, "%s and %s are different networks: only %d of %d operators of the float model "
			       "have a counterpart; give the float model that the quantized one was made from",
			       m->f->path, m->q->path, found, operators);
	return 0;
}

int models_open(struct engine *e, const char *float_path, const char *quant_path, const char *const *map, size_t n_map,
		struct models *out, struct qd_err *err)
{
	int rc;

	memset(out, 0, sizeof(*out));
	rc = open_one(e, float_path, &out->f, &out->fg, err);
	if (!rc)
		rc = open_one(e, quant_path, &out->q, &out->qg, err);
	if (!rc) {
		out->format = match_format(&out->qg);
		rc = check_format(out, err);
	}
	if (!rc)
		rc = fold_if_needed(e, out, err);
	if (!rc)
		rc = match_run(&out->fg, out->p ? &out->pg : NULL, &out->qg, map, n_map, &out->match, err);
	if (!rc)
		rc = check_related(out, err);
	if (!rc)
		rc = list_inputs(out, err);
	if (rc)
		models_close(out);
	return rc;
}

void models_close(struct models *m)
{
	match_release(&m->match);
	graph_close(&m->fg);
	graph_close(&m->qg);
	graph_close(&m->pg);
	onnx_free(m->f);
	onnx_free(m->q);
	onnx_free(m->p);
	free(m->inputs);
	free(m->quant_input);
	memset(m, 0, sizeof(*m));
}
