/* Opening, closing, refreshing, and what each action does.  Text input is in prompt.c, names and arguments in
 * command.c. */
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
#include "vm/keymap.h"

static const double quit_window_s = 2, refresh_s = 0.1, watch_s = 0.5;

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
			vm_list_init(&app->lists[i], v, &vm_source_store, &app->store_ctx, &app->tags[tags]);
	}
	app->lists[VM_V_LOG].follow_end = true;
}

static int load_active(struct vm_app *app, struct qd_err *err)
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
		rc = load_active(app, err);
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
	return load_active(app, err);
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

static void report(struct vm_app *app, int rc, const struct qd_err *err)
{
	if (rc)
		vm_app_say(app, VM_MSG_ERROR, "%s", err->msg);
}

/* --- staying current ------------------------------------------------------------ */

static void refresh(struct vm_app *app)
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
		rc = load_active(app, &err);
	report(app, rc, &err);
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
		report(app, load_active(app, &err), &err);
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

		refresh(app);
		cost = (clock_now() - started) * 10;
		app->next_refresh = now + (cost > refresh_s ? cost : refresh_s);
	}
	if (app->stale)
		return app->next_refresh - now;
	/* somebody else is writing this run: no pipe tells us */
	return !app->busy && !strcmp(app->title.status, "running") ? watch_s : -1;
}

/* --- actions --------------------------------------------------------------------- */

static void scroll_page(struct vm_app *app, long by)
{
	long to = app->scroll + by;

	app->scroll = (int)(to < 0 ? 0 : to > app->scroll_max ? app->scroll_max : to);
}

static void move(struct vm_app *app, long by)
{
	if (app->page)
		scroll_page(app, by);
	else
		vm_list_move(vm_app_list(app), by);
}

static long page_size(struct vm_app *app)
{
	long n = app->page ? app->page_rows : (long)vm_app_list(app)->visible;

	return n > 1 ? n - 1 : 1;
}

static void do_down(struct vm_app *app, double now) { (void)now; move(app, 1); }
static void do_up(struct vm_app *app, double now) { (void)now; move(app, -1); }
static void do_page_down(struct vm_app *app, double now) { (void)now; move(app, page_size(app)); }
static void do_page_up(struct vm_app *app, double now) { (void)now; move(app, -page_size(app)); }
static void do_half_down(struct vm_app *app, double now) { (void)now; move(app, (page_size(app) + 1) / 2); }
static void do_half_up(struct vm_app *app, double now) { (void)now; move(app, -((page_size(app) + 1) / 2)); }

static void do_top(struct vm_app *app, double now)
{
	(void)now;
	if (app->page)
		app->scroll = 0;
	else
		vm_list_goto(vm_app_list(app), 0);
}

static void do_bottom(struct vm_app *app, double now)
{
	(void)now;
	if (app->page)
		app->scroll = app->scroll_max;
	else
		vm_list_goto(vm_app_list(app), SIZE_MAX);
}

static void move_column(struct vm_app *app, int by)
{
	struct vm_list *l = vm_app_list(app);

	for (int c = l->col + by; c >= 0 && c < l->view->n_cols; c += by) {
		if (l->view->cols[c].priority) {
			l->col = c;
			return;
		}
	}
}

static void do_left(struct vm_app *app, double now) { (void)now; move_column(app, -1); }
static void do_right(struct vm_app *app, double now) { (void)now; move_column(app, 1); }

static void show_view(struct vm_app *app, enum vm_view_id id)
{
	struct qd_err err = { 0 };

	app->page = VM_PAGE_NONE;
	if (id == VM_V_HELP) {
		if (app->active != VM_V_HELP) {
			app->before_help = app->active;
			app->help_ctx = vm_view(app->active)->ctx;
		}
		app->lists[VM_V_HELP].loaded = false;
		app->lists[VM_V_HELP].cursor_id = 0;
		app->lists[VM_V_HELP].cursor = 0;
	}
	app->active = id;
	report(app, load_active(app, &err), &err);
}

static void do_rank(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_RANK); }
static void do_weights(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_WEIGHTS); }
static void do_layers(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_LAYERS); }
static void do_runs(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_RUNS); }
static void do_unmatched(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_UNMATCHED); }
static void do_log(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_LOG); }
static void do_help(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_HELP); }

static void cycle_view(struct vm_app *app, int by)
{
	int from = app->active == VM_V_HELP ? app->before_help : app->active;

	show_view(app, (enum vm_view_id)((from + by + VM_V_HELP) % VM_V_HELP));
}

static void do_next_view(struct vm_app *app, double now) { (void)now; cycle_view(app, 1); }
static void do_prev_view(struct vm_app *app, double now) { (void)now; cycle_view(app, -1); }

static void open_page(struct vm_app *app, enum vm_page_kind kind)
{
	if (!vm_app_row(app)) {
		vm_app_say(app, VM_MSG_WARN, "there is no row here");
		return;
	}
	app->page = kind;
	app->scroll = 0;
}

static void open_run(struct vm_app *app)
{
	const struct vm_row *r = vm_app_row(app);
	struct qd_err err = { 0 };
	int rc;

	if (!r)
		return;
	rc = vm_app_show_run(app, r->id, &err);
	report(app, rc, &err);
	if (rc)
		return;
	show_view(app, VM_V_RANK);
	vm_app_say(app, VM_MSG_INFO, "showing run %lld", (long long)app->store_ctx.run_id);
}

static void do_open(struct vm_app *app, double now)
{
	const struct vm_row *r = vm_app_row(app);

	if (app->active == VM_V_RUNS) {
		open_run(app);
	} else if (app->active == VM_V_HELP) {
		int action = r ? (int)r->id - 1 : VM_A_NONE;

		show_view(app, app->before_help);
		if (action == VM_A_NONE)
			return;
		if (*vm_action_info(action)->arg && !*vm_action_info(action)->keys) {
			char text[64];

			/* it wants an argument: let the user type it */
			snprintf(text, sizeof(text), "%s ", vm_action_info(action)->name);
			vm_prompt_open(app, ':', text);
		} else {
			vm_app_action(app, action, now);
		}
	} else {
		open_page(app, VM_PAGE_FULL);
	}
}

static void do_info(struct vm_app *app, double now) { (void)now; open_page(app, VM_PAGE_POPUP); }

/* Close the innermost thing that is open; false when there is none. */
static bool close_one(struct vm_app *app)
{
	if (app->page)
		app->page = VM_PAGE_NONE;
	else if (app->active == VM_V_HELP)
		show_view(app, app->before_help);
	else if (app->detail_mode == VM_DETAIL_ZOOM)
		app->detail_mode = VM_DETAIL_ON;
	else
		return false;
	return true;
}

static void do_back(struct vm_app *app, double now)
{
	struct vm_list *l = vm_app_list(app);

	(void)now;
	if (!app->page && l->anchor_id)
		l->anchor_id = 0;
	else if (!close_one(app))
		app->search[0] = '\0';
}

static void do_close(struct vm_app *app, double now)
{
	(void)now;
	if (close_one(app))
		return;
	if (app->busy)
		vm_app_say(app, VM_MSG_WARN, "a job is running: Ctrl-C cancels it, Q quits");
	else
		app->quit = true;
}

static void do_quit(struct vm_app *app, double now) { (void)now; app->quit = true; }

static void do_cancel(struct vm_app *app, double now)
{
	const struct vm_backend *b = app->opts.backend;

	if (app->interrupted_at >= 0 && now - app->interrupted_at <= quit_window_s) {
		app->quit = true;
		return;
	}
	app->interrupted_at = now;
	if (app->busy && b->cancel)
		b->cancel(b->ctx);
	vm_app_say(app, VM_MSG_WARN, "%s; Ctrl-C again within 2 s quits",
		   app->busy ? "cancelling" : "no job is running");
}

static void tag_failed(struct vm_app *app)
{
	vm_app_say(app, VM_MSG_ERROR, "out of memory: tagging");
}

static void tag_range(struct vm_app *app)
{
	struct vm_list *l = vm_app_list(app);
	size_t lo, hi;

	if (!vm_list_range(l, &lo, &hi))
		vm_app_say(app, VM_MSG_WARN, "the range's first row is no longer listed");
	else
		for (size_t i = lo; i <= hi; i++)
			if (!vm_tags_set(l->tags, l->ids[i], true))
				tag_failed(app);
	l->anchor_id = 0;
}

static void do_tag(struct vm_app *app, double now)
{
	struct vm_list *l = vm_app_list(app);

	(void)now;
	if (!l->n)
		return;
	if (l->anchor_id) {
		tag_range(app);
		return;
	}
	if (!vm_tags_set(l->tags, l->cursor_id, !vm_tags_has(l->tags, l->cursor_id)))
		tag_failed(app);
	vm_list_move(l, 1);
}

static void do_range(struct vm_app *app, double now)
{
	struct vm_list *l = vm_app_list(app);

	(void)now;
	if (!l->n)
		return;
	if (l->anchor_id) {
		tag_range(app);
		return;
	}
	l->anchor_id = l->cursor_id;
	vm_app_say(app, VM_MSG_INFO, "range: move, then v tags it, Esc leaves it");
}

static void do_untag(struct vm_app *app, double now)
{
	struct vm_list *l = vm_app_list(app);

	(void)now;
	l->anchor_id = 0;
	vm_app_say(app, VM_MSG_INFO, "%zu untagged", l->tags->n);
	vm_tags_clear(l->tags);
}

static void sort_by_cursor(struct vm_app *app, bool desc)
{
	struct vm_list *l = vm_app_list(app);
	struct qd_err err = { 0 };

	report(app, vm_list_sort(l, l->col, desc, &err), &err);
}

static void do_sort_asc(struct vm_app *app, double now) { (void)now; sort_by_cursor(app, false); }
static void do_sort_desc(struct vm_app *app, double now) { (void)now; sort_by_cursor(app, true); }

static void do_reverse(struct vm_app *app, double now)
{
	struct vm_list *l = vm_app_list(app);
	struct qd_err err = { 0 };

	(void)now;
	if (l->sort_col >= 0)
		report(app, vm_list_sort(l, l->sort_col, !l->sort_desc, &err), &err);
}

static void do_search(struct vm_app *app, double now) { (void)now; vm_prompt_open(app, '/', ""); }
static void do_search_back(struct vm_app *app, double now) { (void)now; vm_prompt_open(app, '?', ""); }
static void do_command(struct vm_app *app, double now) { (void)now; vm_prompt_open(app, ':', ""); }

static void do_filter(struct vm_app *app, double now)
{
	(void)now;
	vm_prompt_open(app, '&', vm_app_list(app)->filter_text);
}

static void repeat_search(struct vm_app *app, bool opposite)
{
	if (!app->search[0])
		vm_app_say(app, VM_MSG_WARN, "nothing to search for yet: / starts a search");
	else
		vm_app_search(app, app->search, vm_app_list(app)->cursor, app->search_back != opposite);
}

static void do_next(struct vm_app *app, double now) { (void)now; repeat_search(app, false); }
static void do_previous(struct vm_app *app, double now) { (void)now; repeat_search(app, true); }

static void do_detail(struct vm_app *app, double now)
{
	(void)now;
	app->detail_mode = app->detail_mode == VM_DETAIL_OFF ? VM_DETAIL_ON : VM_DETAIL_OFF;
	app->scroll = 0;
}

static void do_zoom(struct vm_app *app, double now)
{
	(void)now;
	app->detail_mode = app->detail_mode == VM_DETAIL_ZOOM ? VM_DETAIL_ON : VM_DETAIL_ZOOM;
	app->scroll = 0;
}

static void do_yank(struct vm_app *app, double now)
{
	char *text = vm_app_row_text(app);

	(void)now;
	if (!text) {
		vm_app_say(app, VM_MSG_WARN, "there is no row here");
		return;
	}
	log_add(LOG_INFO, "row: %s", text);
	if (app->opts.osc52) {
		free(app->want.clipboard);
		app->want.clipboard = text;
		vm_app_say(app, VM_MSG_INFO, "row copied");
		return;
	}
	vm_app_say(app, VM_MSG_INFO, "row: %s", text);
	free(text);
}

static void do_reload(struct vm_app *app, double now)
{
	(void)now;
	app->message[0] = '\0';
	refresh(app);
	if (!app->message[0])
		vm_app_say(app, VM_MSG_INFO, "read again");
}

static void do_redraw(struct vm_app *app, double now) { (void)now; app->want.redraw = true; }
static void do_suspend(struct vm_app *app, double now) { (void)now; app->want.suspend = true; }

/* Actions that need an argument, and those not available yet, have no row. */
static void (*const handlers[VM_A_COUNT])(struct vm_app *app, double now) = {
	[VM_A_HELP] = do_help, [VM_A_OPEN] = do_open, [VM_A_BACK] = do_back, [VM_A_TAG] = do_tag,
	[VM_A_FILTER] = do_filter, [VM_A_SEARCH] = do_search, [VM_A_SEARCH_BACK] = do_search_back,
	[VM_A_SORT_ASC] = do_sort_asc, [VM_A_SORT_DESC] = do_sort_desc, [VM_A_REVERSE] = do_reverse,
	[VM_A_INFO] = do_info, [VM_A_DETAIL] = do_detail, [VM_A_ZOOM] = do_zoom, [VM_A_NEXT] = do_next,
	[VM_A_PREVIOUS] = do_previous, [VM_A_RANGE] = do_range, [VM_A_UNTAG] = do_untag, [VM_A_YANK] = do_yank,
	[VM_A_DOWN] = do_down, [VM_A_UP] = do_up, [VM_A_LEFT] = do_left, [VM_A_RIGHT] = do_right,
	[VM_A_PAGE_DOWN] = do_page_down, [VM_A_PAGE_UP] = do_page_up, [VM_A_HALF_DOWN] = do_half_down,
	[VM_A_HALF_UP] = do_half_up, [VM_A_TOP] = do_top, [VM_A_BOTTOM] = do_bottom,
	[VM_A_VIEW_RANK] = do_rank, [VM_A_VIEW_WEIGHTS] = do_weights, [VM_A_VIEW_LAYERS] = do_layers,
	[VM_A_VIEW_RUNS] = do_runs, [VM_A_VIEW_UNMATCHED] = do_unmatched, [VM_A_VIEW_LOG] = do_log,
	[VM_A_NEXT_VIEW] = do_next_view, [VM_A_PREV_VIEW] = do_prev_view, [VM_A_COMMAND] = do_command,
	[VM_A_RELOAD] = do_reload, [VM_A_REDRAW] = do_redraw, [VM_A_CANCEL] = do_cancel,
	[VM_A_SUSPEND] = do_suspend, [VM_A_CLOSE] = do_close, [VM_A_QUIT] = do_quit,
};

void vm_app_action(struct vm_app *app, int action, double now)
{
	const struct vm_action_info *a = vm_action_info(action);

	if (a->flags & VM_ACT_LATER)
		vm_app_say(app, VM_MSG_WARN, "\"%s\" is not available yet", a->name);
	else if (!(a->ctx & vm_app_ctx(app)))
		vm_app_say(app, VM_MSG_WARN, "\"%s\" does not apply here", a->name);
	else if (handlers[action])
		handlers[action](app, now);
	else
		vm_app_say(app, VM_MSG_WARN, "\"%s\" needs an argument: %s", a->name, a->arg);
}

void vm_app_key(struct vm_app *app, int key, double now)
{
	char name[16];
	int action;

	if (app->prompt) {
		vm_prompt_key(app, key, now);
		return;
	}
	app->message[0] = '\0';
	action = vm_action_by_key(key, vm_app_ctx(app), app->search[0] != '\0');
	if (action != VM_A_CANCEL)
		app->interrupted_at = -1;
	if (action == VM_A_NONE)
		vm_app_say(app, VM_MSG_WARN, "no action on %s here; ? for help", vm_key_name(key, name, sizeof(name)));
	else
		vm_app_action(app, action, now);
}
