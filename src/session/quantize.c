/* From a float model, data and a recipe to ranges and a quantized model. */
#include "session/quantize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "data/source.h"
#include "engine/engine.h"
#include "observe/infer.h"
#include "observe/ranges.h"
#include "quant/calibrate.h"
#include "requant/requant.h"
#include "session/watched.h"

/* The float model, ready. */
struct work {
	const struct quantize_opts *o;
	struct engine *e;
	struct onnx_model *m;
	struct graph g;
	struct data_input *inputs;
	int n_inputs;
	int64_t samples;
	bool from_store;
};

void quantize_report_release(struct quantize_report *r)
{
	str_release(&r->text);
	str_release(&r->json);
	*r = (struct quantize_report){ 0 };
}

static void work_close(struct work *w)
{
	free(w->inputs);
	graph_close(&w->g);
	onnx_free(w->m);
	engine_close(w->e);
}

/* Everything that can be wrong with model and recipe is found before any data are read. */
static int work_open(struct work *w, const struct quantize_opts *o, struct qd_err *err)
{
	int rc;

	*w = (struct work){ .o = o };
	rc = recipe_check(o->recipe, err);
	if (!rc)
		rc = engine_open(&w->e, err);
	if (!rc)
		rc = onnx_load(o->input, &w->m, err);
	if (!rc)
		rc = graph_open(w->m, &w->g, err);
	if (!rc)
		rc = observe_infer(w->e, &w->g, err);
	if (!rc)
		rc = plan_check_names(&w->g, o->recipe, err);
	return rc ? rc : observe_inputs(&w->g, &w->inputs, &w->n_inputs, err);
}

static int open_data(const struct work *w, struct data_source **out, struct qd_err *err)
{
	const struct quantize_opts *o = w->o;
	struct data_options d = { .samples = o->samples, .batch = o->batch, .allow_nonfinite = o->allow_nonfinite,
				  .skip_bad = o->skip_bad, .cancel = o->cancel };

	if (o->random > 0)
		return data_open_random(w->inputs, w->n_inputs, o->random, 1, 0, &d, out, err);
	if (!o->data_dir)
		return err_set(err, QD_EUSAGE, "no data to calibrate with: give a folder of real inputs with --data DIR");
	return data_open(o->data_dir, w->inputs, w->n_inputs, &d, out, err);
}

/* --- calibration ----------------------------------------------------------------------- */

static struct quant_options method_options(const struct recipe *r)
{
	struct quant_options q = quant_options_default(r->calibrate_method);

	if (r->calibrate_method == QUANT_MINMAX || r->calib_tensor_range_symmetric)
		q.symmetric = r->calib_tensor_range_symmetric;
	q.moving_average = r->calib_moving_average;
	q.averaging_constant = r->calib_moving_average_constant;
	q.percentile = r->calib_percentile;
	if (r->calib_num_bins > 0)
		q.num_bins = r->calib_num_bins;
	if (r->calib_num_quantized_bins > 0)
		q.num_quantized_bins = r->calib_num_quantized_bins;
	q.rule = (struct quant_rule){ r->activation_type, r->activation_symmetric, false,
				      isnan(r->minimum_real_range) ? 0 : r->minimum_real_range };
	q.keep_bins = true;
	return q;
}

static int calibrate_all(const struct graph *g, const struct quant_options *q, const int *values, size_t n,
			 const struct quant_watch *watch, struct quant_ranges *out, struct qd_err *err)
{
	size_t i;
	int rc = 0;

	out->method = q->method;
	for (i = 0; !rc && i < n; i++) {
		const char *name = g->values[values[i]].name;
		struct quant_range range = { 0 };

		rc = quant_calibrate(q, &watch[i], &range, err);
		if (rc)
			err_prefix(err, "tensor %s", name);
		else
			rc = quant_ranges_put(out, name, &range, err);
	}
	return rc;
}

/* The tensors the recipe may need, as values of the graph. */
static int list_values(const struct work *w, int **values, size_t *n, struct qd_err *err)
{
	const char **names = NULL;
	size_t i;
	int rc = plan_range_names(&w->g, w->o->recipe, &names, n, err);

	*values = NULL;
	if (rc)
		return rc;
	*values = mem_array(*n, sizeof(**values));
	for (i = 0; *values && i < *n; i++)
		(*values)[i] = graph_find(&w->g, names[i]);
	free(names);
	return *values ? 0 : err_oom(err, w->o->input);
}

static int check_strides(const struct recipe *r, int64_t samples, struct qd_err *err)
{
	if (r->calib_strided_min_max > 0 && samples % r->calib_strided_min_max)
		return err_set(err, QD_EUSAGE, "CalibStridedMinMax %lld does not divide the %lld samples",
			       (long long)r->calib_strided_min_max, (long long)samples);
	return 0;
}

/* --- watching the tensors, or remembering what was seen -------------------------------------- */

struct watching {
	struct work *w;
	const struct quant_options *q;
	struct data_source *data;
	struct store *st;               /* NULL: nothing is kept */
	int *values;
	size_t n;
	struct quant_watch *watch;
	struct str options;
};

/* Whatever calibrator comes next shall need no data: both histograms, and the samples' extremes. */
static void watch_everything(struct ranges_spec *spec)
{
	spec->bins = (struct quant_watch_bins){ QUANT_BINS, QUANT_BINS };
	spec->keep_samples = true;
}

static int run_data(struct watching *t, struct qd_err *err)
{
	const struct quantize_opts *o = t->w->o;
	struct ranges_spec spec = {
		.engine = t->w->e, .g = &t->w->g, .data = t->data, .values = t->values, .n = t->n,
		.stride = o->recipe->calib_strided_min_max, .keep_samples = t->q->moving_average,
		.bins = quant_options_bins(t->q), .threads = o->threads, .cancel = o->cancel,
		.progress = o->progress, .ctx = o->progress_ctx,
	};

	if (t->st && !spec.stride && !o->recipe->calib_num_bins)
		watch_everything(&spec);
	return ranges_collect(&spec, t->watch, err);
}

static bool answers(const struct watching *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (!quant_watch_answers(&t->watch[i], t->q))
			return false;
	}
	return t->w->o->recipe->calib_strided_min_max == 0;
}

static void release_watches(struct watching *t)
{
	size_t i;

	for (i = 0; t->watch && i < t->n; i++)
		quant_watch_release(&t->watch[i]);
}

static int watch(struct watching *t, struct qd_err *err)
{
	struct watched_key key = { t->w->m, &t->w->g, t->data, t->w->o->data_dir, t->options.p,
				   engine_version(t->w->e) };
	bool found = false;
	int rc = 0;

	if (t->st)
		rc = watched_load(t->st, &key, t->values, t->n, t->watch, &found, err);
	if (!rc && found && answers(t)) {
		t->w->from_store = true;
		return 0;
	}
	if (found)
		release_watches(t);
	if (!rc)
		rc = run_data(t, err);
	return !rc && t->st ? watched_save(t->st, &key, t->values, t->n, t->watch, err) : rc;
}

/* What makes the samples what they are. */
static int sample_options(const struct quantize_opts *o, struct str *out, struct qd_err *err)
{
	str_addf(out, "{\"calibration\": true, \"samples\": %lld, \"batch\": %lld, \"random\": %lld, "
		 "\"allow_nonfinite\": %s, \"skip_bad\": %s}", (long long)o->samples, (long long)o->batch,
		 (long long)o->random, o->allow_nonfinite ? "true" : "false", o->skip_bad ? "true" : "false");
	return out->failed ? err_oom(err, o->input) : 0;
}

static int calibrate(struct work *w, struct quant_ranges *out, struct qd_err *err)
{
	struct quant_options q = method_options(w->o->recipe);
	struct watching t = { .w = w, .q = &q };
	int rc = quant_options_check(&q, err);

	if (!rc)
		rc = open_data(w, &t.data, err);
	if (!rc) {
		w->samples = data_count(t.data);
		rc = check_strides(w->o->recipe, w->samples, err);
	}
	if (!rc && w->o->store_path)
		rc = store_create_or_open(w->o->store_path, STORE_CREATE, &t.st, err);
	if (!rc)
		rc = list_values(w, &t.values, &t.n, err);
	if (!rc && !(t.watch = mem_array(t.n, sizeof(*t.watch))))
		rc = err_oom(err, w->o->input);
	if (!rc)
		rc = sample_options(w->o, &t.options, err);
	if (!rc)
		rc = watch(&t, err);
	if (!rc)
		rc = calibrate_all(&w->g, &q, t.values, t.n, t.watch, out, err);
	release_watches(&t);
	free(t.watch);
	free(t.values);
	str_release(&t.options);
	data_close(t.data);
	store_close(t.st);
	return rc;
}

int session_calibrate(const struct quantize_opts *o, struct quant_ranges *out, struct qd_err *err)
{
	struct work w;
	int rc = work_open(&w, o, err);

	if (!rc)
		rc = calibrate(&w, out, err);
	work_close(&w);
	return rc;
}

/* --- quantizing ------------------------------------------------------------------------------ */

static void describe(const struct plan *p, struct quantize_report *r)
{
	struct json j;

	r->counts = plan_counts(p);
	plan_print(p, &r->text);
	json_init(&j, &r->json, 2);
	json_open(&j, NULL, '{');
	plan_json(p, &j);
	json_close(&j, '}');
}

/* A model that the engine refuses is a bug of ours; it must not reach the disk. */
static int loads(struct work *w, const struct onnx_model *m, const char *output, struct qd_err *err)
{
	struct extern_source source = { w->m, "" };
	struct engine_session *s = NULL;
	int rc = observe_open(w->e, m, &source, 1, (struct engine_opts){ .level = ENGINE_ALL, .threads = 1 }, &s, err);

	engine_session_close(s);
	if (rc)
		err_prefix(err, "%s: not written, since the engine does not load the quantized model; please report this model",
			   output);
	return rc;
}

static int quantize(struct work *w, const struct quant_ranges *ranges, const char *output,
		    struct quantize_report *report, struct qd_err *err)
{
	struct onnx_model *q = NULL;
	struct plan *p = NULL;
	int rc = plan_make(&w->g, w->o->recipe, ranges, &p, err);

	if (!rc)
		rc = write_model(p, &q, err);
	if (!rc)
		rc = loads(w, q, output, err);
	if (!rc && cancel_get(w->o->cancel))
		rc = err_set(err, QD_ECANCEL, "interrupted");
	if (!rc)
		rc = write_save(q, w->m, output, w->o->recipe->use_external_data_format, err);
	if (!rc)
		describe(p, report);
	onnx_free(q);
	plan_free(p);
	return rc;
}

int session_quantize(const struct quantize_opts *o, const char *output, struct quantize_report *report,
		     struct qd_err *err)
{
	struct quant_ranges own = QUANT_RANGES_INIT;
	struct work w = { 0 };
	int rc = 0;

	*report = (struct quantize_report){ 0 };
	if (fs_same_file(o->input, output))
		return err_set(err, QD_EUSAGE, "%s: would overwrite the float model; give another output with -o", output);
	rc = work_open(&w, o, err);
	if (!rc && !o->ranges)
		rc = calibrate(&w, &own, err);
	if (!rc)
		rc = quantize(&w, o->ranges ? o->ranges : &own, output, report, err);
	report->samples = w.samples;
	report->from_store = w.from_store;
	quant_ranges_release(&own);
	work_close(&w);
	return rc;
}

int session_dry_run(const struct quantize_opts *o, struct quantize_report *report, struct qd_err *err)
{
	struct plan *p = NULL;
	struct work w;
	int rc;

	*report = (struct quantize_report){ 0 };
	rc = work_open(&w, o, err);
	if (!rc)
		rc = plan_preview(&w.g, o->recipe, &p, err);
	if (!rc)
		describe(p, report);
	plan_free(p);
	work_close(&w);
	return rc;
}
