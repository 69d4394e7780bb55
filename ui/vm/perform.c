/* What each action does to the view-model.  Text input is in prompt.c, names and arguments in
 * command.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "vm/app.h"
#include "vm/internal.h"
#include "vm/keymap.h"

static const double quit_window_s = 2;

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
static void do_half_down(struct vm_app *app, double now) { (void)now;
move(app, (page_size(app) + 1) / 2); }
static void do_half_up(struct vm_app *app, double now) { (void)now;
move(app, -((page_size(app) + 1) / 2)); }

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
	vm_app_report(app, vm_app_load_active(app, &err), &err);
}

static void do_rank(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_RANK); }
static void do_weights(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_WEIGHTS); }
static void do_layers(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_LAYERS); }
static void do_runs(struct vm_app *app, double now) { (void)now; show_view(app, VM_V_RUNS); }
static void do_unmatched(struct vm_app *app, double now) { (void)now;
show_view(app, VM_V_UNMATCHED); }
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
	vm_app_report(app, rc, &err);
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

	vm_app_report(app, vm_list_sort(l, l->col, desc, &err), &err);
}

static void do_sort_asc(struct vm_app *app, double now) { (void)now; sort_by_cursor(app, false); }
static void do_sort_desc(struct vm_app *app, double now) { (void)now; sort_by_cursor(app, true); }

static void do_reverse(struct vm_app *app, double now)
{
	struct vm_list *l = vm_app_list(app);
	struct qd_err err = { 0 };

	(void)now;
	if (l->sort_col >= 0)
		vm_app_report(app, vm_list_sort(l, l->sort_col, !l->sort_desc, &err), &err);
}

static void do_search(struct vm_app *app, double now) { (void)now; vm_prompt_open(app, '/', ""); }
static void do_search_back(struct vm_app *app, double now) { (void)now;
vm_prompt_open(app, '?', ""); }
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
		vm_app_search(app, app->search, vm_app_list(app)->cursor,
			      app->search_back != opposite);
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
	vm_app_refresh(app);
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
	[VM_A_INFO] = do_info, [VM_A_DETAIL] = do_detail, [VM_A_ZOOM] = do_zoom,
		[VM_A_NEXT] = do_next,
	[VM_A_PREVIOUS] = do_previous, [VM_A_RANGE] = do_range, [VM_A_UNTAG] = do_untag,
		[VM_A_YANK] = do_yank,
	[VM_A_DOWN] = do_down, [VM_A_UP] = do_up, [VM_A_LEFT] = do_left, [VM_A_RIGHT] = do_right,
	[VM_A_PAGE_DOWN] = do_page_down, [VM_A_PAGE_UP] = do_page_up,
		[VM_A_HALF_DOWN] = do_half_down,
	[VM_A_HALF_UP] = do_half_up, [VM_A_TOP] = do_top, [VM_A_BOTTOM] = do_bottom,
	[VM_A_VIEW_RANK] = do_rank, [VM_A_VIEW_WEIGHTS] = do_weights,
		[VM_A_VIEW_LAYERS] = do_layers,
	[VM_A_VIEW_RUNS] = do_runs, [VM_A_VIEW_UNMATCHED] = do_unmatched, [VM_A_VIEW_LOG] = do_log,
	[VM_A_NEXT_VIEW] = do_next_view, [VM_A_PREV_VIEW] = do_prev_view,
		[VM_A_COMMAND] = do_command,
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
		vm_app_say(app, VM_MSG_WARN, "no action on %s here; ? for help",
			   vm_key_name(key, name, sizeof(name)));
	else
		vm_app_action(app, action, now);
}
