/* Title, views, status and hint lines, and the whole screen put together. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "tui/draw.h"
#include "vm/fmt.h"
#include "vm/keymap.h"

enum { LINE_MAX_BYTES = 1600 };

/* --- title ------------------------------------------------------------------- */

static void output_text(const struct vm_title *t, char *buf, size_t size)
{
	char db[VM_NUM_MAX];

	if (t->output_db == INFINITY)
		snprintf(buf, size, "output exact");
	else if (t->output_db == -INFINITY)
		snprintf(buf, size, "output 0 signal");
	else if (isnan(t->output_db))
		buf[0] = '\0';
	else
		snprintf(buf, size, t->n_outputs > 1 ? "worst output %s dB" : "output %s dB",
			 vm_fmt_db(t->output_db, db, sizeof(db)));
}

static void run_text(const struct draw *d, const struct vm_title *t, char *buf, size_t size)
{
	if (!t->run_id)
		snprintf(buf, size, "no run yet");
	else if (!strcmp(t->status, "done"))
		snprintf(buf, size, "run %lld %s %s", (long long)t->run_id, d->g->dot, t->observer);
	else
		snprintf(buf, size, "run %lld %s %s %lld/%lld", (long long)t->run_id, d->g->dot,
			 t->status, (long long)t->samples_done, (long long)t->samples);
}

void draw_title(const struct draw *d, const struct vm_app *app, int row)
{
	const struct vm_title *t = &app->title;
	char part[3][300], a[200], b[200], data[240];
	/* output, run, data: what is dropped last first */
	static const int order[3] = { 0, 2, 1 };
	bool in[3] = { false };
	int cols = d->s->cols, left, x, names;

	surface_fill(d->s, row, 0, cols, " ", STYLE_TITLE);
	output_text(t, part[0], sizeof(part[0]));
	vm_fmt_name(t->data_path ? fs_basename(t->data_path) : "", 30, d->g->ellipsis, data,
		    sizeof(data));
	part[1][0] = '\0';
	if (t->data_path)
		snprintf(part[1], sizeof(part[1]), "data: %s (%lld)", data, (long long)t->samples);
	run_text(d, t, part[2], sizeof(part[2]));

	/* the models get what they need up to half of a line; the rest is admitted in order */
	vm_fmt_name(t->float_path ? fs_basename(t->float_path) : "", cols / 3 - 6, d->g->ellipsis,
		    a, sizeof(a));
	/* then the output is what stays beside it */
	names = cols >= 60 ? cols / 3 - 6 : cols - 12 - utf8_width(part[0]);
	vm_fmt_name(t->quant_path ? fs_basename(t->quant_path) : "", names, d->g->ellipsis, b,
		    sizeof(b));
	names = cols >= 60 ? utf8_width(a) + utf8_width(b) + utf8_width(d->g->versus) + 2 :
		utf8_width(b);
	left = cols - 9 - names;
	for (int i = 0; i < 3; i++) {
		int need = utf8_width(part[order[i]]) + 3;

		if (part[order[i]][0] && need <= left) {
			in[order[i]] = true;
			left -= need;
		}
	}
	x = surface_text(d->s, row, 0, cols, " qdebug  ", STYLE_TITLE);
	if (cols >= 60 && t->float_path) {
		x += surface_text(d->s, row, x, cols - x, a, STYLE_TITLE);
		x += surface_text(d->s, row, x + 1, cols - x - 1, d->g->versus, STYLE_TITLE) + 2;
	}
	x += surface_text(d->s, row, x, cols - x, b, STYLE_TITLE);
	for (int i = 0; i < 3; i++) {
		if (in[i])
			x += 3 + surface_text(d->s, row, x + 3, cols - x - 3, part[i], STYLE_TITLE);
	}
}

/* --- views -------------------------------------------------------------------- */

void draw_views(const struct draw *d, const struct vm_app *app, int row)
{
	int cols = d->s->cols, wide = 1, gap = 3, x = 1;
	bool all;

	for (int i = 0; i < VM_V_HELP; i++)
		wide += (int)strlen(vm_view((enum vm_view_id)i)->title) + 2 + gap;
	if (wide > cols) {
		wide -= VM_V_HELP;
		gap = 2;
	}
	all = wide <= cols;
	for (int i = 0; i <= VM_V_HELP; i++) {
		const struct vm_view *v = vm_view((enum vm_view_id)i);
		bool active = i == (int)app->active;
		char text[32];

		if (i == VM_V_HELP && !active)
			continue;
		snprintf(text, sizeof(text), all || active ? "%c %s" : "%c", i == VM_V_HELP ? '?' :
			 '1' + i, v->title);
		x += surface_text(d->s, row, x, cols - x, text, active ? STYLE_TAB_ACTIVE :
				  STYLE_TAB) + gap;
	}
}

/* --- status -------------------------------------------------------------------- */

static void progress_text(const struct draw *d, const struct vm_progress *p, int room, char *buf,
			  size_t size)
{
	char left[VM_NUM_MAX] = "", rate[VM_NUM_MAX], number[VM_NUM_MAX];
	const char *dot = d->g->dot;

	if (p->eta >= 0)
		vm_fmt_seconds(p->eta, left, sizeof(left));
	rate[0] = '\0';
	if (p->rate > 0)
		snprintf(rate, sizeof(rate), "%s/s",
			 vm_fmt_number(p->rate, number, sizeof(number)));
	if (p->total <= 0)
		snprintf(buf, size, "%s%s", p->phase[0] ? p->phase : "working", room > 40 ?
			 ", Ctrl-C cancels" : "");
	else if (room > 60)
		snprintf(buf, size, "%lld/%lld %s %s %s %s %s%s %s Ctrl-C cancels",
			 (long long)p->done, (long long)p->total, p->unit, dot, rate[0] ? rate :
				 "-", dot, left[0] ? left : "?", " left", dot);
	else if (room > 38)
		snprintf(buf, size, "%lld/%lld %s %s left %s Ctrl-C cancels", (long long)p->done,
			 (long long)p->total, dot, left[0] ? left : "?", dot);
	else
		snprintf(buf, size, "%lld/%lld %s", (long long)p->done, (long long)p->total, left);
}

static int draw_progress(const struct draw *d, const struct vm_progress *p, int row, int from)
{
	int cols = d->s->cols, room = cols - from - 1, bar, x, w;
	char text[200];
	double eighths;

	progress_text(d, p, room, text, sizeof(text));
	w = utf8_width(text);
	bar = room - w - 4;
	bar = bar > 24 ? 24 : bar;
	if (p->total <= 0 || bar < 6)
		bar = 0;
	x = cols - w - 1;
	surface_text(d->s, row, x, w, text, STYLE_STATUS);
	if (!bar)
		return x;
	x -= bar + 3;
	surface_text(d->s, row, x, 1, d->g->bar_left, STYLE_RULE);
	eighths = (double)p->done / (double)p->total * bar * 8;
	for (int i = 0; i < bar; i++) {
		double k = eighths - i * 8;

		surface_text(d->s, row, x + 1 + i, 1, d->g->part[k < 0 ? 0 : k > 8 ? 8 : (int)k],
			     STYLE_BAR);
	}
	surface_text(d->s, row, x + 1 + bar, 1, d->g->bar_right, STYLE_RULE);
	return x;
}

static void draw_prompt(const struct draw *d, const struct vm_app *app, int row)
{
	struct str before = STR_INIT, rest = STR_INIT;
	char mark[2] = { app->prompt, '\0' };
	int cols = d->s->cols, skip, x, w;
	char head[VM_PROMPT_MAX];
	const char *p;

	snprintf(head, sizeof(head), "%.*s", (int)app->input_at, app->input);
	str_add_escaped(&before, head);
	str_add_escaped(&rest, app->input + app->input_at);
	/* the end of a long line is what one types at */
	p = before.p ? before.p : "";
	skip = utf8_width(p) - (cols - 4);
	while (skip > 0 && *p) {
		uint32_t cp;

		p += utf8_next(p, p + strlen(p), &cp);
		skip -= utf8_cp_width(cp);
	}
	x = surface_text(d->s, row, 0, cols, mark, STYLE_KEY);
	w = surface_text(d->s, row, x, cols - x, p, STYLE_STATUS);
	surface_text(d->s, row, x + w, cols - x - w, rest.p ? rest.p : "", STYLE_STATUS);
	d->s->cursor_row = row;
	d->s->cursor_col = x + w;
	str_release(&before);
	str_release(&rest);
}

static void position_text(const struct draw *d, struct vm_app *app, char *buf, size_t size)
{
	struct vm_list *l = vm_app_list(app);
	size_t tagged = vm_list_tagged(l);
	const struct vm_row *row;
	char filter[VM_FILTER_TEXT + 100] = "", tags[64] = "";
	struct str s = STR_INIT;

	if (tagged)
		snprintf(tags, sizeof(tags), " %s %zu tagged", d->g->dot, tagged);
	if (l->filter.n) {
		str_add_escaped(&s, l->filter_text);
		snprintf(filter, sizeof(filter), " %s %s", d->g->dot, s.p ? s.p : "");
		str_release(&s);
	}
	if (app->active == VM_V_HELP && (row = vm_list_current(l)) != NULL)     /* lists cut it */
		snprintf(filter, sizeof(filter), " %s :%s %s %s", d->g->dot, row->v[1].s,
			 d->g->dot, row->v[2].s);
	snprintf(buf, size, " %zu/%zu%s%s", l->n ? l->cursor + 1 : 0, l->n, tags, filter);
}

void draw_status(const struct draw *d, struct vm_app *app, int row)
{
	static const uint8_t styles[] = { STYLE_STATUS, STYLE_WARN, STYLE_ERROR };
	char text[LINE_MAX_BYTES], clipped[LINE_MAX_BYTES];
	int end = d->s->cols, x;

	if (app->prompt) {
		draw_prompt(d, app, row);
		return;
	}
	position_text(d, app, text, sizeof(text));
	x = utf8_width(text);
	if (app->busy)
		end = draw_progress(d, &app->progress, row, app->message[0] ? end / 2 :
				    x < end / 2 ? x + 1 : end / 2) - 1;
	if (app->message[0]) {
		/* a message is worth more than the position */
		x = 1;
		vm_fmt_clip(app->message, end - x, d->g->ellipsis, clipped, sizeof(clipped));
		surface_text(d->s, row, x, end - x, clipped, styles[app->message_kind]);
		return;
	}
	vm_fmt_clip(text, end, d->g->ellipsis, clipped, sizeof(clipped));
	surface_text(d->s, row, 0, end, clipped, STYLE_STATUS);
}

/* --- hints ----------------------------------------------------------------------- */

static int draw_hint(const struct draw *d, int row, int x, const char *key, const char *what)
{
	int need = utf8_width(key) + 1 + utf8_width(what);

	if (x + need > d->s->cols)
		return x;
	surface_text(d->s, row, x, need, key, STYLE_KEY);
	surface_text(d->s, row, x + utf8_width(key) + 1, need, what, STYLE_DIM);
	return x + need + 2;
}

static const char *first_key(const struct vm_action_info *a, char *buf, size_t size)
{
	int key;

	vm_key_parse(a->keys, &key);
	return vm_key_name(key, buf, size);
}

/* Two keys of one hint: "[ ] sort". */
static void hint_keys(int action, char *buf, size_t size)
{
	char a[16], b[16];

	if (action == VM_A_SORT_DESC)
		snprintf(buf, size, "%s %s", first_key(vm_action_info(VM_A_SORT_ASC), a, sizeof(a)),
			 first_key(vm_action_info(VM_A_SORT_DESC), b, sizeof(b)));
	else
		snprintf(buf, size, "%s", first_key(vm_action_info(action), a, sizeof(a)));
}

static void draw_prompt_hints(const struct draw *d, const struct vm_app *app, int row)
{
	int x = 1;

	if (app->message[0]) {
		surface_text(d->s, row, 1, d->s->cols - 1, app->message,
			     app->message_kind == VM_MSG_ERROR ? STYLE_ERROR : STYLE_WARN);
		return;
	}
	x = draw_hint(d, row, x, "Enter", app->prompt == '&' ? "limit the rows" :
		      app->prompt == ':' ? "run" : "find");
	x = draw_hint(d, row, x, "Esc", "leave");
	if (app->prompt == ':')
		x = draw_hint(d, row, x, "Tab", "complete");
	if (app->prompt == '&')
		x = draw_hint(d, row, x, "as", "op=Conv & sqnr<20 & name~out & !exact");
}

void draw_hints(const struct draw *d, const struct vm_app *app, int row)
{
	unsigned ctx = vm_app_ctx(app);
	int x = 1;

	if (app->prompt) {
		draw_prompt_hints(d, app, row);
		return;
	}
	if (app->search[0] && !app->page)
		x = draw_hint(d, row, x, "n N", "next match");
	for (int a = 0; a < VM_A_COUNT; a++) {
		const struct vm_action_info *info = vm_action_info(a);
		const char *what = info->hint;
		char keys[40];

		if (!*what || !(info->ctx & ctx) || (a == VM_A_HELP && app->active == VM_V_HELP))
			continue;
		hint_keys(a, keys, sizeof(keys));
		if (a == VM_A_CLOSE && !app->page && app->active != VM_V_HELP &&
		    app->detail_mode != VM_DETAIL_ZOOM)
			what = "quit";
		if (a == VM_A_OPEN && app->active == VM_V_HELP)
			what = "run it";
		/* the way out is never what is cut: room for "q back" is kept */
		if (a != VM_A_CLOSE && x + utf8_width(keys) + 1 + utf8_width(what) + 8 > d->s->cols)
			continue;
		x = draw_hint(d, row, x, keys, what);
	}
}

/* --- the whole screen --------------------------------------------------------------- */

static void draw_too_small(const struct draw *d)
{
	char text[80];
	int row = d->s->rows / 2;

	surface_text(d->s, row, 0, d->s->cols, "window too small", STYLE_TEXT);
	snprintf(text, sizeof(text), "%dx%d, 40x10 needed", d->s->cols, d->s->rows);
	surface_text(d->s, row + 1, 0, d->s->cols, text, STYLE_DIM);
	d->s->cursor_row = row;
	d->s->cursor_col = 0;
}

void screen_draw(const struct draw *d, struct vm_app *app)
{
	struct layout l = layout_of(d->s->rows, d->s->cols, app);

	surface_clear(d->s);
	if (l.too_small) {
		draw_too_small(d);
		return;
	}
	if (l.list.rows > 1)
		vm_list_set_visible(vm_app_list(app), (size_t)l.list.rows - 1);
	draw_title(d, app, l.title);
	draw_views(d, app, l.views);
	if (l.list.rows)
		draw_list(d, app, l.list);
	for (int y = 0; l.side_by_side && l.detail.rows && y < l.detail.rows; y++)
		surface_text(d->s, l.detail.row + y, l.detail.col - 1, 1, d->g->vline, STYLE_RULE);
	if (l.detail.rows)
		draw_detail(d, app, l.detail, false);
	if (l.page.rows)
		draw_detail(d, app, l.page, true);
	draw_status(d, app, l.status);
	draw_hints(d, app, l.hints);
}
