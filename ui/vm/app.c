/* Opening, closing, and staying current with store, job and log.  What actions do is in perform.c.
 * */
#include "vm/app.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/read.h"
#include "vm/internal.h"

static const double refresh_s = 0.1, watch_s = 0.5;

/* --- open, close, title ----------------------------------------------------- */

static void title_release(struct vm_title *t)
{
	free(t->float_path);
	free(t->quant_path);
	free(t->data_path);
	free(t->output_name);
	memset(t, 0, sizeof(*t));
	t->output_db = NAN;
}

static double output_db(const struct store_row *row, enum store_table t)
{
	int sqnr = store_column_find(t, "sqnr_db"), exact = store_column_find(t, "exact");
	int zero = store_column_find(t, "zero_signal");

	if (sqnr >= 0 && !row->cells[sqnr].null)
		return row->cells[sqnr].num;
	if (zero >= 0 && !row->cells[zero].null && row->cells[zero].i)
		return -INFINITY;
	return exact >= 0 && !row->cells[exact].null && row->cells[exact].i ? INFINITY : NAN;
}

/* The worst output stands for all of them in the title. */
static int load_outputs(struct vm_app *app, struct qd_err *err)
{
	struct store_row row = STORE_ROW_INIT;
	struct vm_title *t = &app->title;
	int64_t *ids;
	size_t n;
	int name = store_column_find(ST_OUTPUTS, "name"), rc;

	if (name < 0)
		name = store_column_find(ST_OUTPUTS, "tensor");
	rc = store_list(app->st, app->store_ctx.run_id, ST_OUTPUTS, NULL, &ids, &n, err);
	if (rc)
		return rc;
	t->n_outputs = (int)(n > INT32_MAX ? INT32_MAX : n);
	for (size_t i = 0; i < n && !rc; i++) {
		double db;

		rc = store_cells(app->st, app->store_ctx.run_id, ST_OUTPUTS, ids[i], &row, err);
		if (rc)
			break;
		db = output_db(&row, ST_OUTPUTS);
		if (t->output_name && !(db < t->output_db) && !(isnan(t->output_db) && !isnan(db)))
			continue;
		free(t->output_name);
		t->output_name = mem_strdup(name >= 0 ? row.cells[name].text : "");
		t->output_db = db;
	}
	store_row_release(&row);
	free(ids);
	return rc;
}

static int load_title(struct vm_app *app, struct qd_err *err)
{
	struct store_arena a = STORE_ARENA_INIT;
	struct vm_title *t = &app->title;
	struct store_dataset data;
	struct store_model model;
	struct store_run run;
	int rc;

	title_release(t);
	rc = store_run_get(app->st, app->store_ctx.run_id, &a, &run, err);
	if (rc)
		goto out;
	t->run_id = run.id;
	t->samples = run.samples;
	t->samples_done = run.samples_done;
	snprintf(t->status, sizeof(t->status), "%s", run.status);
	snprintf(t->observer, sizeof(t->observer), "%s", run.observer);
	rc = store_model_get(app->st, run.float_id, &a, &model, err);
	if (rc)
		goto out;
	t->float_path = mem_strdup(model.path);
	rc = store_model_get(app->st, run.quant_id, &a, &model, err);
	if (rc)
		goto out;
	t->quant_path = mem_strdup(model.path);
	rc = store_dataset_get(app->st, run.dataset_id, &a, &data, err);
	if (rc)
		goto out;
	t->data_path = mem_strdup(data.path);
	rc = load_outputs(app, err);
out:
	store_arena_release(&a);
	return rc;
}

/* The newest run, when none was asked for; 0 stays 0 in an empty store. */
static int pick_run(struct vm_app *app, struct qd_err *err)
{
	struct store_arena a = STORE_ARENA_INIT;
	struct store_run run;
	int rc;

	if (app->store_ctx.run_id)
		return 0;
	rc = store_run_latest(app->st, false, &a, &run, err);
	if (!rc)
		app->store_ctx.run_id = run.id;
	store_arena_release(&a);
	return rc;
}

static void init_lists(struct vm_app *app)
{
	for (int i = 0; i < VM_V_COUNT; i++) {
		const struct vm_view *v = vm_view((enum vm_view_id)i);
		/* Rank and Layers show the same rows: one set of tags */
		enum vm_table tags = v->table == VM_T_LAYERS ? VM_T_ACTIVATION : v->table;

		if (v->table == VM_T_LOG)
			vm_list_init(&app->lists[i], v, &vm_source_log, NULL, NULL);
		else if (v->table == VM_T_HELP)
			vm_list_init(&app->lists[i], v, &vm_source_help, &app->help_ctx, NULL);
		else
			vm_list_init(&app->lists[i], v, &vm_source_store, &app->store_ctx,
				     &app->tags[tags]);
	}
	app->lists[VM_V_LOG].follow_end = true;
}

int vm_app_load_active(struct vm_app *app, struct qd_err *err)
{
	struct vm_list *l = vm_app_list(app);

	return l->loaded ? 0 : vm_list_load(l, err);
}

int vm_app_open(const struct vm_app_opts *opts, struct vm_app **out, struct qd_err *err)
{
	struct vm_app *app = mem_zalloc(sizeof(*app));
	int rc;

	*out = NULL;
	if (!app)
		return err_oom(err, "opening the interface");
	app->opts = *opts;
	app->interrupted_at = -1;
	app->completing = -1;
	app->title.output_db = NAN;
	rc = store_open_readonly(opts->store_path, opts->store_flags, &app->st, err);
	if (rc)
		goto out;
	app->store_ctx = (struct vm_store_ctx){ app->st, opts->run_id };
	init_lists(app);
	app->data_version = store_data_version(app->st);
	rc = pick_run(app, err);
	if (!rc && app->store_ctx.run_id)
		rc = load_title(app, err);
	if (!rc)
		rc = vm_app_load_active(app, err);
	if (rc)
		goto out;
	*out = app;
	app = NULL;
out:
	vm_app_close(app);
	return rc;
}

void vm_app_close(struct vm_app *app)
{
	if (!app)
		return;
	for (int i = 0; i < VM_V_COUNT; i++)
		vm_list_release(&app->lists[i]);
	for (int i = 0; i < VM_T_COUNT; i++)
		vm_tags_release(&app->tags[i]);
	vm_detail_release(&app->detail);
	title_release(&app->title);
	store_close(app->st);
	free(app->want.screen_path);
	free(app->want.clipboard);
	free(app);
}

int vm_app_show_run(struct vm_app *app, int64_t run_id, struct qd_err *err)
{
	int64_t old = app->store_ctx.run_id;
	int rc;

	app->store_ctx.run_id = run_id;
	rc = load_title(app, err);
	if (rc) {
		struct qd_err ignored;

		app->store_ctx.run_id = old;
		return load_title(app, &ignored) ? rc : rc;
	}
	for (int i = 0; i < VM_T_COUNT; i++)
		vm_tags_clear(&app->tags[i]);
	for (int i = 0; i < VM_V_COUNT; i++)
		app->lists[i].loaded = false;
	vm_detail_release(&app->detail);
	return vm_app_load_active(app, err);
}

/* --- what is on the screen ---------------------------------------------------- */

struct vm_list *vm_app_list(struct vm_app *app)
{
	return &app->lists[app->active];
}

const struct vm_row *vm_app_row(struct vm_app *app)
{
	return vm_list_current(vm_app_list(app));
}

unsigned vm_app_ctx(const struct vm_app *app)
{
	return app->page ? VM_CTX_PAGE : vm_view(app->active)->ctx;
}

const struct vm_detail *vm_app_detail(struct vm_app *app)
{
	const struct vm_row *r = vm_app_row(app);
	struct qd_err err;

	if (!r || !(vm_view(app->active)->ctx & VM_CTX_TENSORS))
		return NULL;
	if (app->detail.pair_id == r->id)
		return &app->detail;
	if (vm_detail_load(&app->detail, &app->store_ctx, r->id, &err)) {
		vm_app_say(app, VM_MSG_ERROR, "%s", err.msg);
		return NULL;
	}
	return &app->detail;
}

void vm_app_say(struct vm_app *app, enum vm_message_kind kind, const char *fmt, ...)
{
	char text[1300];
	struct str s = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_add_escaped(&s, text);
	app->message_kind = kind;
	snprintf(app->message, sizeof(app->message), "%s", s.p ? s.p : "");
	str_release(&s);
}

void vm_app_report(struct vm_app *app, int rc, const struct qd_err *err)
{
	if (rc)
		vm_app_say(app, VM_MSG_ERROR, "%s", err->msg);
}

/* --- staying current ------------------------------------------------------------ */

void vm_app_refresh(struct vm_app *app)
{
	struct qd_err err = { 0 };
	int rc;

	app->stale = false;
	rc = pick_run(app, &err);
	if (!rc && app->store_ctx.run_id)
		rc = load_title(app, &err);
	for (int i = 0; i < VM_V_COUNT; i++)
		app->lists[i].loaded = false;
	vm_detail_release(&app->detail);
	if (!rc)
		rc = vm_app_load_active(app, &err);
	vm_app_report(app, rc, &err);
}

static void poll_log(struct vm_app *app)
{
	struct qd_err err = { 0 };
	long first, last;

	log_range(&first, &last);
	if (last == app->log_seen)
		return;
	app->log_seen = last;
	app->lists[VM_V_LOG].loaded = false;
	if (app->active == VM_V_LOG)
		vm_app_report(app, vm_app_load_active(app, &err), &err);
}

static void poll_job(struct vm_app *app)
{
	const struct vm_backend *b = app->opts.backend;
	bool was = app->busy;

	app->busy = b && b->busy && b->busy(b->ctx);
	if (app->busy && b->progress)
		b->progress(b->ctx, &app->progress);
	if (was && !app->busy)
		app->stale = true;
}

double vm_app_poll(struct vm_app *app, double now)
{
	int64_t version = store_data_version(app->st);

	poll_job(app);
	poll_log(app);
	if (version != app->data_version) {
		app->data_version = version;
		app->stale = true;
	}
	if (app->stale && now >= app->next_refresh) {
		double started = clock_now(), cost;

		vm_app_refresh(app);
		cost = (clock_now() - started) * 10;
		app->next_refresh = now + (cost > refresh_s ? cost : refresh_s);
	}
	if (app->stale)
		return app->next_refresh - now;
	/* somebody else is writing this run: no pipe tells us */
	return !app->busy && !strcmp(app->title.status, "running") ? watch_s : -1;
}
