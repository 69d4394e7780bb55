/* Running both models on a sample. */
#include "observe/pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "observe/infer.h"
#include "tensor/dtype.h"

/* Split passes: a tap's tensor is an output of a session, or an input of the sample. */
struct pass_source { int output, input; };

/* --- inputs ---------------------------------------------------------------------- */

void pass_inputs(const struct engine_session *s, const struct models *m, bool quant, const char *prefix,
		 const struct data_sample *sample, const int64_t *slot, struct tensor *in)
{
	static const int64_t zero;
	size_t i, skip = strlen(prefix);

	for (i = 0; i < engine_n_inputs(s); i++) {
		const char *name = engine_input(s, i)->name;
		int k;

		in[i] = (struct tensor){ 0 };
		if (!strcmp(name, BUILD_SLOT)) {
			tensor_shape(&in[i], DT_INT64, 0, NULL);
			in[i].data = slot ? slot : &zero;
		} else if (!strncmp(name, prefix, skip) && (k = models_find_input(m, quant, name + skip)) >= 0) {
			in[i] = sample->tensors[k];
			in[i].owner = NULL;
		}
	}
}

/* --- a model on its own -------------------------------------------------------------- */

int pass_run_plain(struct engine_run *run, struct engine_session *s, const struct models *m, bool quant,
		   const struct data_sample *sample, struct engine_value *out, size_t n, struct qd_err *err)
{
	struct tensor *in = mem_array(engine_n_inputs(s), sizeof(*in));
	int *wanted = mem_array(n, sizeof(*wanted));
	size_t i;
	int rc;

	for (i = 0; wanted && i < n; i++)
		wanted[i] = (int)i;
	if (in && wanted) {
		pass_inputs(s, m, quant, "", sample, NULL, in);
		rc = engine_run(run, s, in, wanted, n, out, err);
	} else {
		rc = err_oom(err, "running a model");
	}
	free(in);
	free(wanted);
	return rc;
}

bool pass_outputs_equal(const struct engine_value *a, const struct engine_value *b, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (a[i].t.dtype != b[i].t.dtype || a[i].t.rank != b[i].t.rank || a[i].t.bytes != b[i].t.bytes ||
		    memcmp(a[i].t.dims, b[i].t.dims, (size_t)a[i].t.rank * sizeof(a[i].t.dims[0])) ||
		    (a[i].t.bytes && memcmp(a[i].t.data, b[i].t.data, a[i].t.bytes)))
			return false;
	}
	return true;
}

void pass_release_outputs(struct engine *e, struct engine_value *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		engine_value_release(e, &v[i]);
}

/* --- opening ----------------------------------------------------------------------------- */

static int list_outputs(struct pass *p, struct qd_err *err)
{
	int i;

	p->output_item = mem_array((size_t)p->c->n_items, sizeof(*p->output_item));
	if (!p->output_item)
		return err_oom(err, "preparing a pass");
	for (i = 0; p->outputs && i < p->c->n_items; i++) {
		if (p->c->items[i].pair->kind == MATCH_OUTPUT)
			p->output_item[p->n_outputs++] = i;
	}
	return 0;
}

static int find_wanted(struct engine_session *s, const char *prefix, const char *name, int *out, struct qd_err *err)
{
	char *full = mem_printf("%s%s", prefix, name);

	if (!full)
		return err_oom(err, "preparing a pass");
	*out = engine_find_output(s, full);
	free(full);
	return *out < 0 ? err_set(err, QD_EBUG, "output %s is missing", name) : 0;
}

/* Indices of the graph outputs in the sessions: the float model's, then the quantized one's. */
static int find_graph_outputs(struct pass *p, struct qd_err *err)
{
	struct engine_session *f = p->both ? p->both : p->f, *q = p->both ? p->both : p->q;
	size_t k;
	int rc = 0;

	p->f_wanted = mem_array(2 * p->n_outputs + p->n_taps, sizeof(int));
	p->q_wanted = mem_array(p->n_outputs + 2 * p->n_taps, sizeof(int));
	if (!p->f_wanted || !p->q_wanted)
		return err_oom(err, "preparing a pass");
	for (k = 0; !rc && k < p->n_outputs; k++) {
		const struct match_pair *pair = p->c->items[p->output_item[k]].pair;

		rc = find_wanted(f, p->both ? BUILD_FLOAT_PREFIX : "", p->m->fg.values[pair->fvalue].name,
				 &p->f_wanted[p->n_f_wanted++], err);
		if (!rc)
			rc = find_wanted(q, p->both ? BUILD_QUANT_PREFIX : "", p->m->qg.values[pair->qvalue].name,
					 &p->q_wanted[p->n_q_wanted++], err);
	}
	for (k = 0; p->both && k < p->n_outputs; k++)
		p->f_wanted[p->n_f_wanted++] = p->q_wanted[k];
	if (!rc && p->both && !p->n_outputs) {          /* a run must ask for something */
		char name[40];

		snprintf(name, sizeof(name), BUILD_COMPARE "%d", p->taps[0].id);
		rc = find_wanted(p->both, "", name, &p->f_wanted[p->n_f_wanted++], err);
	}
	return rc;
}

static int open_merged(struct pass *p, const struct onnx_model *quant, struct engine_opts opts, struct qd_err *err)
{
	struct extern_source sources[] = { { p->m->f, BUILD_FLOAT_PREFIX }, { quant, BUILD_QUANT_PREFIX } };
	const char **fi = mem_array((size_t)p->m->n_inputs, sizeof(*fi));
	const char **qi = mem_array((size_t)p->m->n_inputs, sizeof(*qi));
	struct onnx_model *merged = NULL;
	int k, rc = fi && qi ? 0 : err_oom(err, "merging the models");

	for (k = 0; !rc && k < p->m->n_inputs; k++) {
		fi[k] = p->m->inputs[k].name;
		qi[k] = p->m->qg.values[p->m->quant_input[k]].name;
	}
	if (!rc)
		rc = build_merged(p->m->f, quant, fi, qi, p->m->n_inputs, p->taps, p->n_taps, &merged, err);
	if (!rc) {
		opts.instrument = &p->instrument;
		rc = observe_open(p->e, merged, sources, 2, opts, &p->both, err);
	}
	onnx_free(merged);
	free(fi);
	free(qi);
	return rc;
}

/* Where one tap's tensor comes from; adds it to the session's wanted outputs unless it is there. */
static int find_source(struct pass *p, bool quant, const char *name, struct pass_source *out, struct qd_err *err)
{
	struct engine_session *s = quant ? p->q : p->f;
	int *wanted = quant ? p->q_wanted : p->f_wanted, index;
	size_t *n = quant ? &p->n_q_wanted : &p->n_f_wanted, i;
	int rc;

	*out = (struct pass_source){ -1, name ? models_find_input(p->m, quant, name) : -1 };
	if (!name || out->input >= 0)
		return 0;
	rc = find_wanted(s, "", name, &index, err);
	if (rc)
		return rc;
	for (i = 0; i < *n && wanted[i] != index; i++)
		;
	if (i == *n)
		wanted[(*n)++] = index;
	out->output = (int)i;
	return 0;
}

static int open_half(struct pass *p, bool quant, const struct onnx_model *m, struct engine_opts opts,
		     struct qd_err *err)
{
	struct extern_source source = { quant ? m : p->m->f, "" };
	const char **names = mem_array(2 * p->n_taps, sizeof(*names));
	struct onnx_model *copy = NULL;
	size_t i, n = 0;
	int rc = names ? 0 : err_oom(err, "preparing a pass");

	for (i = 0; !rc && i < p->n_taps; i++) {
		const char *main = quant ? p->taps[i].y : p->taps[i].x;

		if (models_find_input(p->m, quant, main) < 0)
			names[n++] = main;
		if (quant && p->taps[i].pre && models_find_input(p->m, quant, p->taps[i].pre) < 0)
			names[n++] = p->taps[i].pre;
	}
	if (!rc)
		rc = build_with_outputs(m, names, n, &copy, err);
	if (!rc)
		rc = observe_open(p->e, copy, &source, 1, opts, quant ? &p->q : &p->f, err);
	onnx_free(copy);
	free(names);
	return rc;
}

static int find_sources(struct pass *p, struct qd_err *err)
{
	size_t i;
	int rc = 0;

	p->x = mem_array(p->n_taps, sizeof(*p->x));
	p->y = mem_array(p->n_taps, sizeof(*p->y));
	p->pre = mem_array(p->n_taps, sizeof(*p->pre));
	if (!p->x || !p->y || !p->pre)
		return err_oom(err, "preparing a pass");
	for (i = 0; !rc && i < p->n_taps; i++) {
		rc = find_source(p, false, p->taps[i].x, &p->x[i], err);
		if (!rc)
			rc = find_source(p, true, p->taps[i].y, &p->y[i], err);
		if (!rc)
			rc = find_source(p, true, p->taps[i].pre, &p->pre[i], err);
	}
	return rc;
}

int pass_open(struct engine *e, const struct models *m, struct compare *c, const struct onnx_model *quant,
	      const struct tap *taps, size_t n_taps, enum engine_level level, int threads, bool outputs,
	      struct pass *out, struct qd_err *err)
{
	struct engine_opts opts = { .level = level, .threads = threads };
	const char *why;
	int rc;

	memset(out, 0, sizeof(*out));
	out->e = e;
	out->m = m;
	out->c = c;
	out->outputs = outputs;
	out->instrument = (struct engine_instrument){ compare_callback, c };
	out->taps = mem_array(n_taps, sizeof(*taps));
	if (!out->taps)
		return err_oom(err, "preparing a pass");
	memcpy(out->taps, taps, n_taps * sizeof(*taps));
	out->n_taps = n_taps;
	rc = list_outputs(out, err);
	if (!rc && build_mergeable(m->f, quant, &why)) {
		rc = open_merged(out, quant, opts, err);
	} else if (!rc) {
		log_add(LOG_INFO, "the models run in two sessions: %s", why);
		rc = open_half(out, false, m->f, opts, err);
		if (!rc)
			rc = open_half(out, true, quant, opts, err);
	}
	if (!rc)
		rc = find_graph_outputs(out, err);
	if (!rc && !out->both)
		rc = find_sources(out, err);
	if (rc)
		pass_close(out);
	return rc;
}

void pass_close(struct pass *p)
{
	engine_session_close(p->both);
	engine_session_close(p->f);
	engine_session_close(p->q);
	free(p->x);
	free(p->y);
	free(p->pre);
	free(p->taps);
	free(p->f_wanted);
	free(p->q_wanted);
	free(p->output_item);
	memset(p, 0, sizeof(*p));
}

/* --- running --------------------------------------------------------------------------------- */

static int slot_problem(const struct pass *p, int slot, int rc, struct qd_err *err)
{
	const char *problem = p->c->slots[slot].problem;

	return *problem ? err_set(err, QD_EINPUT, "%s", problem) : rc;
}

static int compare_outputs(struct pass *p, int slot, const struct engine_value *f, const struct engine_value *q,
			   struct qd_err *err)
{
	size_t k;

	for (k = 0; k < p->n_outputs; k++) {
		if (compare_output(p->c, slot, p->output_item[k], &f[k].t, &q[k].t))
			return slot_problem(p, slot, err_set(err, QD_EBUG, "comparing outputs failed"), err);
	}
	return 0;
}

static int run_merged(struct pass *p, struct engine_run *run, int slot, const struct data_sample *sample,
		      struct engine_value *q_out, struct qd_err *err)
{
	struct tensor *in = mem_array(engine_n_inputs(p->both), sizeof(*in));
	struct engine_value *out = mem_array(p->n_f_wanted, sizeof(*out));
	int64_t slot64 = slot;
	int rc = in && out ? 0 : err_oom(err, "running the models");

	if (!rc) {
		pass_inputs(p->both, p->m, false, BUILD_FLOAT_PREFIX, sample, &slot64, in);
		rc = engine_run(run, p->both, in, p->f_wanted, p->n_f_wanted, out, err);
		if (rc)
			rc = slot_problem(p, slot, rc, err);
	}
	if (!rc)
		rc = compare_outputs(p, slot, out, out + p->n_outputs, err);
	if (out && !rc && q_out) {
		memcpy(q_out, out + p->n_outputs, p->n_outputs * sizeof(*out));
		memset(out + p->n_outputs, 0, p->n_outputs * sizeof(*out));
	}
	if (out)
		pass_release_outputs(p->e, out, p->n_f_wanted);
	free(in);
	free(out);
	return rc;
}

static const struct tensor *source_tensor(const struct pass_source *src, const struct engine_value *out,
					  const struct data_sample *sample)
{
	if (src->output >= 0)
		return &out[src->output].t;
	return src->input >= 0 ? &sample->tensors[src->input] : NULL;
}

static int feed_taps(struct pass *p, int slot, const struct engine_value *f, const struct engine_value *q,
		     const struct data_sample *sample, struct qd_err *err)
{
	size_t i;

	for (i = 0; i < p->n_taps; i++) {
		if (p->instrument.fn(p->instrument.ctx, slot, p->taps[i].id, source_tensor(&p->x[i], f, sample),
				     source_tensor(&p->y[i], q, sample), source_tensor(&p->pre[i], q, sample)))
			return slot_problem(p, slot, err_set(err, QD_EBUG, "comparing failed"), err);
	}
	return 0;
}

static int run_half(struct pass *p, struct engine_run *run, bool quant, const struct data_sample *sample,
		    struct engine_value *out, struct qd_err *err)
{
	struct engine_session *s = quant ? p->q : p->f;
	struct tensor *in = mem_array(engine_n_inputs(s), sizeof(*in));
	int rc;

	if (!in)
		return err_oom(err, "running the models");
	pass_inputs(s, p->m, quant, "", sample, NULL, in);
	rc = engine_run(run, s, in, quant ? p->q_wanted : p->f_wanted, quant ? p->n_q_wanted : p->n_f_wanted, out, err);
	free(in);
	return rc;
}

static int run_split(struct pass *p, struct engine_run *run, int slot, const struct data_sample *sample,
		     struct engine_value *q_out, struct qd_err *err)
{
	struct engine_value *f = mem_array(p->n_f_wanted, sizeof(*f)), *q = mem_array(p->n_q_wanted, sizeof(*q));
	int rc = f && q ? 0 : err_oom(err, "running the models");

	if (!rc)
		rc = run_half(p, run, false, sample, f, err);
	if (!rc)
		rc = run_half(p, run, true, sample, q, err);
	if (!rc)
		rc = feed_taps(p, slot, f, q, sample, err);
	if (!rc)
		rc = compare_outputs(p, slot, f, q, err);
	if (!rc && q_out) {
		memcpy(q_out, q, p->n_outputs * sizeof(*q));
		memset(q, 0, p->n_outputs * sizeof(*q));
	}
	if (f)
		pass_release_outputs(p->e, f, p->n_f_wanted);
	if (q)
		pass_release_outputs(p->e, q, p->n_q_wanted);
	free(f);
	free(q);
	return rc;
}

int pass_run(struct pass *p, struct engine_run *run, int slot, const struct data_sample *sample,
	     struct engine_value *q_out, struct qd_err *err)
{
	return p->both ? run_merged(p, run, slot, sample, q_out, err)
		       : run_split(p, run, slot, sample, q_out, err);
}
