/* qdebug quantize and qdebug calibrate. */
#include "cli/quantize.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/progress.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "quant/calibrate.h"
#include "tensor/dtype.h"

/* ---- progress ---- */

/* All but `line` is locked by `lock`: the engine's threads report. */
struct watch {
	pthread_mutex_t lock;
	struct progress line;
	bool shown;
	int passes, pass;
	int64_t total;          /* samples of a pass */
	double begun, last;     /* of the pass; when the line was drawn */
};

static void show_pass(struct watch *w, int pass, int64_t done, int64_t total)
{
	double now = clock_now(), spent;
	struct session_progress p = { .done = done, .total = total, .left = -1 };
	char phase[32];

	if (pass != w->pass) {
		w->pass = pass;
		w->begun = now;
		w->last = 0;
	}
	if (done < total && now - w->last < 0.1)
		return;
	w->last = now;
	spent = now - w->begun;
	snprintf(phase, sizeof(phase), "calibrating, pass %d of %d", pass, w->passes < pass ? pass : w->passes);
	p.phase = phase;
	if (spent > 0.5 && done > 0) {
		p.rate = (double)done / spent;
		p.left = (double)(total - done) / p.rate;
	}
	progress_draw(&w->line, &p);
}

static void on_progress(void *ctx, int pass, int64_t done, int64_t total)
{
	struct watch *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->total = total;
	if (w->shown)
		show_pass(w, pass, done, total);
	pthread_mutex_unlock(&w->lock);
}

static void watch_init(struct watch *w, const struct cli_values *v, const struct recipe *r)
{
	const char *term = getenv("TERM");
	struct quant_options q = quant_options_default(r->calibrate_method);
	struct quant_watch_bins bins = quant_options_bins(&q);
	bool moving = term && *term && strcmp(term, "dumb") != 0;

	*w = (struct watch){ .lock = PTHREAD_MUTEX_INITIALIZER, .shown = !v->quiet && isatty(STDERR_FILENO),
			     .passes = bins.value || bins.magnitude ? 2 : 1 };
	w->line.plain = v->plain || !moving;
	w->line.width = show_width(STDERR_FILENO, 80);
}

/* ---- one quantization ---- */

int quantize_begin(struct quantize_job *job, const struct cli_values *v, struct cancel *cancel, struct qd_err *err)
{
	int rc;

	*job = (struct quantize_job){ .v = v, .cancel = cancel };
	rc = settings_recipe(v, v->operands[0], &job->recipe, err);
	if (!rc && v->ranges)
		rc = quant_ranges_load(v->ranges, &job->ranges, err);
	if (!rc && v->ranges)
		job->recipe.calibrate_method = job->ranges.method;
	return rc;
}

void quantize_release(struct quantize_job *job)
{
	quantize_report_release(&job->report);
	quant_ranges_release(&job->ranges);
	recipe_release(&job->recipe);
	free(job->output);
	job->output = NULL;
}

char *quantize_default_output(const char *float_path, const struct recipe *r)
{
	char *dir = fs_dirname(float_path), *stem = fs_stem(float_path), *name = NULL, *path = NULL;
	bool here = !strchr(float_path, '/');

	if (dir && stem)
		name = mem_printf("%s.%s.onnx", stem, dtype_info(r->activation_type)->name);
	if (name)
		path = here || access(dir, W_OK | X_OK) ? mem_strdup(name) : fs_join(dir, name);
	free(dir);
	free(stem);
	free(name);
	return path;
}

int quantize_check_output(const char *path, const char *float_path, struct qd_err *err)
{
	char *dir;
	int rc = 0;

	if (!strcmp(path, "-"))
		return err_set(err, QD_EUSAGE, "-o -: a file is wanted, standard output is for the report");
	if (fs_is_dir(path))
		return err_set(err, QD_EUSAGE, "%s: is a folder; -o needs the name of a file", path);
	if (fs_same_file(path, float_path))
		return err_set(err, QD_EUSAGE, "%s: would overwrite the float model; choose another name", path);
	dir = fs_dirname(path);
	if (!dir)
		return err_oom(err, path);
	if (access(dir, W_OK | X_OK))
		rc = err_errno(err, QD_EDISK, "%s: cannot be written to folder %s", path, dir);
	free(dir);
	return rc;
}

static struct quantize_opts options(const struct quantize_job *job, struct watch *w)
{
	const struct cli_values *v = job->v;

	return (struct quantize_opts){
		.input = v->operands[0], .data_dir = v->data, .random = v->random, .samples = v->samples,
		.batch = v->batch, .allow_nonfinite = v->allow_nonfinite, .skip_bad = v->skip_bad,
		.threads = (int)v->threads, .recipe = &job->recipe, .ranges = v->ranges ? &job->ranges : NULL,
		.store_path = v->command == CLI_QUANTIZE || v->command == CLI_CALIBRATE ? v->store : NULL,
		.cancel = job->cancel, .progress = on_progress, .progress_ctx = w,
	};
}

static int calibrate(struct quantize_job *job, struct qd_err *err)
{
	struct watch w;
	struct quantize_opts o = options(job, &w);
	int rc;

	watch_init(&w, job->v, &job->recipe);
	rc = session_calibrate(&o, &job->ranges, err);
	progress_end(&w.line);
	job->samples = w.total;
	pthread_mutex_destroy(&w.lock);
	return rc;
}

int quantize_run(struct quantize_job *job, struct qd_err *err)
{
	const struct cli_values *v = job->v;
	struct watch w;
	struct quantize_opts o = options(job, &w);
	int rc = v->save_ranges ? calibrate(job, err) : 0;

	if (rc)
		return rc;
	watch_init(&w, v, &job->recipe);
	if (v->save_ranges)
		o.ranges = &job->ranges;
	rc = session_quantize(&o, job->output, &job->report, err);
	progress_end(&w.line);
	if (!v->save_ranges)
		job->samples = job->report.samples;
	pthread_mutex_destroy(&w.lock);
	return rc || !v->save_ranges ? rc : quant_ranges_save(&job->ranges, v->save_ranges, err);
}

/* ---- qdebug quantize ---- */

static int choose_output(struct quantize_job *job, struct qd_err *err)
{
	const struct cli_values *v = job->v;
	int rc;

	job->output = v->output ? mem_strdup(v->output) : quantize_default_output(v->operands[0], &job->recipe);
	if (!job->output)
		return err_oom(err, v->operands[0]);
	if (!v->output && fs_exists(job->output))
		return err_set(err, QD_EUSAGE, "%s: exists already; to replace it, name it: -o %s", job->output, job->output);
	if (v->save_ranges && !strcmp(v->save_ranges, job->output))
		return err_set(err, QD_EUSAGE, "%s: cannot be both the model and the ranges", job->output);
	rc = quantize_check_output(job->output, v->operands[0], err);
	return rc || !v->save_ranges ? rc : quantize_check_output(v->save_ranges, v->operands[0], err);
}

static int dry_run(struct quantize_job *job, struct qd_err *err)
{
	struct watch w;
	struct quantize_opts o = options(job, &w);

	o.progress = NULL;
	return session_dry_run(&o, &job->report, err);
}

static int print(const struct quantize_job *job, struct qd_err *err)
{
	struct str out = STR_INIT;
	int rc;

	if (job->v->report == CLI_REPORT_JSON)
		quantize_json(job, &out);
	else if (!job->v->quiet || job->v->dry_run)
		quantize_text(job, &out);
	rc = out.failed ? err_oom(err, "report") : show_write(NULL, out.p ? out.p : "", out.len, err);
	str_release(&out);
	return rc;
}

int cli_quantize(const struct cli_values *v, struct cancel *cancel, struct qd_err *err)
{
	struct quantize_job job;
	int rc = quantize_begin(&job, v, cancel, err);

	if (!rc && v->dry_run)
		rc = dry_run(&job, err);
	else if (!rc && !(rc = choose_output(&job, err)))
		rc = quantize_run(&job, err);
	if (!rc)
		rc = print(&job, err);
	quantize_release(&job);
	return rc;
}

/* ---- qdebug calibrate ---- */

int cli_calibrate(const struct cli_values *v, struct cancel *cancel, struct qd_err *err)
{
	struct quantize_job job;
	int rc;

	if (!v->output)
		return err_set(err, QD_EUSAGE, "where to? give a file for the ranges: -o ranges.json");
	rc = quantize_check_output(v->output, v->operands[0], err);
	if (rc)
		return rc;
	rc = quantize_begin(&job, v, cancel, err);
	if (!rc)
		rc = calibrate(&job, err);
	if (!rc)
		rc = quant_ranges_save(&job.ranges, v->output, err);
	if (!rc && !v->quiet)
		printf("Ranges of %zu tensors by %s over %lld samples in %s\n", job.ranges.n,
		       quant_method_name(job.recipe.calibrate_method), (long long)job.samples, v->output);
	if (!rc && fflush(stdout))
		rc = err_errno(err, QD_EDISK, "standard output");
	quantize_release(&job);
	return rc;
}
