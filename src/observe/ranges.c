/* Two passes over the data with collectors inside the engine. */
#include "observe/ranges.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "observe/build.h"
#include "observe/drive.h"
#include "observe/infer.h"
#include "tensor/dtype.h"

struct collecting {
	const struct ranges_spec *spec;
	struct quant_watch *watch;              /* the result */
	struct quant_watch *part;               /* by slot, then tensor */
	struct engine_instrument instrument;
	struct engine_session *session;
	int output;                             /* a run must ask for something */
	int workers, pass;
};

/* --- the engine's side ----------------------------------------------------------- */

static int on_tensor(void *ctx, int64_t slot, int64_t id, const struct tensor *x, const struct tensor *y,
		     const struct tensor *pre)
{
	struct collecting *c = ctx;
	struct quant_watch *w;

	(void)y, (void)pre;
	if (slot < 0 || slot >= c->workers || id < 0 || (size_t)id >= c->spec->n)
		return -1;
	w = &c->part[(size_t)slot * c->spec->n + (size_t)id];
	if (x->dtype != w->dtype)
		return -1;
	if (c->pass == 1)
		quant_watch_range(w, x);
	else
		quant_watch_count(w, x);
	return 0;
}

static int open_session(struct collecting *c, struct qd_err *err)
{
	const struct ranges_spec *s = c->spec;
	struct engine_opts opts = { .level = ENGINE_DISABLE_ALL, .threads = 1, .instrument = &c->instrument };
	struct extern_source source = { s->g->model, "" };
	const char **names = mem_array(s->n, sizeof(*names));
	struct onnx_model *observed = NULL;
	size_t i;
	int rc = names ? 0 : err_oom(err, "preparing calibration");

	for (i = 0; !rc && i < s->n; i++)
		names[i] = s->g->values[s->values[i]].name;
	if (!rc)
		rc = build_observed(s->g->model, names, s->n, &observed, err);
	if (!rc)
		rc = observe_open(s->engine, observed, &source, 1, opts, &c->session, err);
	if (!rc && (c->output = engine_find_output(c->session, BUILD_COMPARE "0")) < 0)
		rc = err_set(err, QD_EBUG, "calibration: the observed model has no output");
	onnx_free(observed);
	free(names);
	return rc;
}

/* --- samples ------------------------------------------------------------------------ */

static int find_input(const struct ranges_spec *s, const char *name)
{
	int v, k = 0;

	for (v = 0; v < s->g->n_values; v++) {
		if (!s->g->values[v].is_input)
			continue;
		if (!strcmp(s->g->values[v].name, name))
			return k;
		k++;
	}
	return -1;
}

static int run_sample(void *ctx, struct engine_run *run, int slot, int64_t i, const struct data_sample *sample,
		      struct qd_err *err)
{
	struct collecting *c = ctx;
	size_t n = engine_n_inputs(c->session), k;
	struct tensor *in = mem_array(n, sizeof(*in));
	struct engine_value out;
	int64_t slot64 = slot;
	int rc = in ? 0 : err_oom(err, "calibrating"), input;

	for (k = 0; !rc && k < n; k++) {
		const char *name = engine_input(c->session, k)->name;

		if (!strcmp(name, BUILD_SLOT)) {
			tensor_shape(&in[k], DT_INT64, 0, NULL);
			in[k].data = &slot64;
		} else if ((input = find_input(c->spec, name)) >= 0) {
			in[k] = sample->tensors[input];
			in[k].owner = NULL;
		}
	}
	if (!rc)
		rc = engine_run(run, c->session, in, &c->output, 1, &out, err);
	if (!rc)
		engine_value_release(c->spec->engine, &out);
	for (k = 0; !rc && c->pass == 1 && k < c->spec->n; k++)
		rc = quant_watch_sample(&c->part[(size_t)slot * c->spec->n + k], i, err);
	free(in);
	return rc;
}

static int deliver(void *ctx, int64_t i, int slot, const char *why, struct qd_err *err)
{
	struct collecting *c = ctx;

	(void)slot, (void)why, (void)err;
	if (c->spec->progress)
		c->spec->progress(c->spec->ctx, c->pass, i + 1, data_count(c->spec->data));
	return 0;
}

static int run_range(struct collecting *c, int64_t first, int64_t end, struct qd_err *err)
{
	struct drive_spec d = { .engine = c->spec->engine, .data = c->spec->data, .cancel = c->spec->cancel,
				.workers = c->workers, .first = first, .end = end, .ctx = c, .run = run_sample,
				.deliver = deliver };

	return drive_run(&d, err);
}

/* --- passes ---------------------------------------------------------------------------- */

static void release_parts(struct collecting *c)
{
	size_t i;

	for (i = 0; i < (size_t)c->workers * c->spec->n; i++)
		quant_watch_release(&c->part[i]);
}

static int pass_one(struct collecting *c, struct qd_err *err)
{
	const struct ranges_spec *s = c->spec;
	size_t i;
	int w, rc;

	c->pass = 1;
	for (w = 0; w < c->workers; w++) {
		for (i = 0; i < s->n; i++)
			quant_watch_init(&c->part[(size_t)w * s->n + i], s->g->values[s->values[i]].dtype, s->stride,
					 s->keep_samples);
	}
	rc = run_range(c, 0, data_count(s->data), err);
	for (w = 0; !rc && w < c->workers; w++) {
		for (i = 0; !rc && i < s->n; i++)
			rc = quant_watch_merge(&c->watch[i], &c->part[(size_t)w * s->n + i], err);
	}
	release_parts(c);
	for (i = 0; i < s->n; i++)
		quant_watch_finish(&c->watch[i]);
	return rc;
}

/* One window: every worker counts into a copy, the counts come back. */
static int count_window(struct collecting *c, int64_t k, int64_t first, int64_t end, struct qd_err *err)
{
	size_t n = c->spec->n, i;
	int w, rc = 0;

	for (i = 0; !rc && i < n; i++) {
		rc = quant_watch_window(&c->watch[i], k, err);
		for (w = 0; !rc && w < c->workers; w++)
			rc = quant_watch_split(&c->part[(size_t)w * n + i], &c->watch[i], err);
	}
	if (!rc)
		rc = run_range(c, first, end, err);
	for (w = 0; !rc && w < c->workers; w++) {
		for (i = 0; i < n; i++)
			quant_watch_join(&c->watch[i], &c->part[(size_t)w * n + i]);
	}
	release_parts(c);
	return rc;
}

static int pass_two(struct collecting *c, struct qd_err *err)
{
	int64_t total = data_count(c->spec->data), step = c->spec->stride > 0 ? c->spec->stride : total, at, k = 0;
	size_t i;
	int rc = 0;

	c->pass = 2;
	for (i = 0; !rc && i < c->spec->n; i++)
		rc = quant_watch_bins(&c->watch[i], &c->spec->bins, err);
	for (at = 0; !rc && at < total; at += step)
		rc = count_window(c, k++, at, at + step < total ? at + step : total, err);
	return rc;
}

int ranges_collect(const struct ranges_spec *spec, struct quant_watch *watch, struct qd_err *err)
{
	long cores = spec->threads > 0 ? spec->threads : sysconf(_SC_NPROCESSORS_ONLN);
	struct collecting c = { .spec = spec, .watch = watch };
	size_t i;
	int rc = 0;

	c.workers = cores < 1 ? 1 : cores > DRIVE_MAX_WORKERS ? DRIVE_MAX_WORKERS : (int)cores;
	c.instrument = (struct engine_instrument){ on_tensor, &c };
	for (i = 0; i < spec->n; i++)
		quant_watch_init(&watch[i], spec->g->values[spec->values[i]].dtype, spec->stride, spec->keep_samples);
	if (!spec->n)
		return 0;
	c.part = mem_array((size_t)c.workers * spec->n, sizeof(*c.part));
	if (!c.part)
		return err_oom(err, "preparing calibration");
	rc = open_session(&c, err);
	if (!rc)
		rc = pass_one(&c, err);
	if (!rc && (spec->bins.value || spec->bins.magnitude))
		rc = pass_two(&c, err);
	engine_session_close(c.session);
	free(c.part);
	return rc;
}
