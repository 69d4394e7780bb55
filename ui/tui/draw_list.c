/* The list: header, rows, cells. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tui/draw.h"
#include "vm/fmt.h"

enum { TEXT_MAX = 1024 };

/* Cells from the decimal point to the end of the column, by kind: digits line up on it. */
static int fraction_cells(enum vm_kind k)
{
	return k == VM_K_DB || k == VM_K_PCT ? 3 : 6;
}

static void pad_left(char *buf, size_t size, const char *text, int cells)
{
	snprintf(buf, size, "%*s%s", cells > 0 ? cells : 0, "", text);
}

static void align_number(enum vm_kind k, const char *number, int width, char *buf, size_t size)
{
	int whole = vm_fmt_int_cells(number), len = (int)strlen(number);
	int left = width - fraction_cells(k) - whole;

	if (left + len > width)
		left = width - len;
	pad_left(buf, size, number, left);
}

static bool flag_set(const struct vm_view *v, const struct vm_row *row, const char *key)
{
	int c = vm_view_column(v, key);
	double x;

	return c >= 0 && vm_value_number(&row->v[c], &x) && x != 0;
}

/* No number: because it is exact, because there is no signal, or because nothing was measured. */
static uint8_t draw_absent(const struct draw *d, const struct vm_view *v, const struct vm_row *row,
			   int col, int width, char *buf, size_t size)
{
	const char *key = v->cols[col].key;
	const char *word = d->g->none;
	int left;

	if (!strcmp(key, "xmodel_sqnr_db") || !strcmp(key, "sqnr_db")) {
		if (flag_set(v, row, "exact"))
			word = "exact";
		else if (flag_set(v, row, "zero_signal"))
			word = "0 signal";
	}
	left = width - utf8_width(word);
	if (word == d->g->none && v->cols[col].kind != VM_K_INT)
		left -= fraction_cells(v->cols[col].kind);
	pad_left(buf, size, word, left);
	return STYLE_DIM;
}

static uint8_t draw_bar(const struct draw *d, double db, int width, char *buf, size_t size)
{
	double share = db / 60 < 0 ? 0 : db / 60 > 1 ? 1 : db / 60;
	int eighths = (int)lround(share * width * 8), at = 0;

	buf[0] = '\0';
	for (int i = 0; i < width; i++) {
		int k = eighths - i * 8;
		const char *g = d->g->part[k < 0 ? 0 : k > 8 ? 8 : k];

		at += snprintf(buf + at, size - (size_t)at, "%s", g);
	}
	return theme_db_style(db, d->limits);
}

static uint8_t draw_hist(const struct draw *d, const char *hex, int width, char *buf, size_t size)
{
	double v[16];
	int n = vm_fmt_hist16(hex, v, width < 16 ? width : 16);

	vm_fmt_spark(v, n, d->g->level, GLYPH_LEVELS, buf, size);
	return STYLE_BAR;
}

static uint8_t draw_number(const struct draw *d, enum vm_kind k, double x, int width, char *buf,
			   size_t size)
{
	char number[VM_NUM_MAX];

	if (k == VM_K_DB)
		vm_fmt_db(x, number, sizeof(number));
	else if (k == VM_K_PCT)
		vm_fmt_percent(x, number, sizeof(number));
	else
		vm_fmt_number(x, number, sizeof(number));
	align_number(k, number, width, buf, size);
	return k == VM_K_DB ? theme_db_style(x, d->limits) : STYLE_TEXT;
}

static uint8_t draw_word(const struct draw *d, const struct vm_column *c, const char *text,
			 int width, char *buf, size_t size)
{
	struct str s = STR_INIT;

	if (c->kind == VM_K_NAME) {
		vm_fmt_name(text, width, d->g->ellipsis, buf, size);
		return STYLE_TEXT;
	}
	str_add_escaped(&s, text);
	vm_fmt_clip(s.p ? s.p : "", width, d->g->ellipsis, buf, size);
	str_release(&s);
	return STYLE_TEXT;
}

uint8_t draw_value(const struct draw *d, const struct vm_view *v, const struct vm_row *row,
		   int col, size_t pos, int width, char *buf, size_t size)
{
	const struct vm_column *c = &v->cols[col];
	const struct vm_value *x = &row->v[col];
	const char *why;
	double number;

	buf[0] = '\0';
	if (c->kind == VM_K_ROWNO) {
		snprintf(buf, size, "%*zu", width, pos + 1);
		return STYLE_DIM;
	}
	if (c->kind == VM_K_WHY) {
		why = vm_why(v, row->v);
		vm_fmt_clip(why, width, d->g->ellipsis, buf, size);
		return !strcmp(why, "clipping") || !strcmp(why, "non-finite") ? STYLE_WARN :
			STYLE_TEXT;
	}
	if (x->type == VM_TEXT)
		return c->kind == VM_K_HIST ? draw_hist(d, x->s, width, buf, size) :
			draw_word(d, c, x->s, width, buf, size);
	if (!vm_value_number(x, &number)) {
		if (!vm_column_numeric(c) || c->kind == VM_K_BAR)
			return STYLE_DIM;
		return draw_absent(d, v, row, col, width, buf, size);
	}
	if (c->kind == VM_K_BAR)
		return draw_bar(d, number, width, buf, size);
	if (c->kind == VM_K_FLAG) {
		snprintf(buf, size, "%s", number != 0 ? "yes" : "no");
		return STYLE_TEXT;
	}
	if (c->kind == VM_K_INT) {
		snprintf(buf, size, "%*.0f", width, number);
		return STYLE_TEXT;
	}
	return draw_number(d, c->kind, number, width, buf, size);
}

static bool right_aligned(enum vm_kind k)
{
	return k == VM_K_INT || k == VM_K_NUM || k == VM_K_DB || k == VM_K_PCT || k == VM_K_ROWNO;
}

static void draw_header(const struct draw *d, const struct vm_list *l, struct rect r,
			const struct layout_col *cols, int n)
{
	surface_restyle(d->s, r.row, r.col, r.cols, STYLE_HEADER);
	for (int i = 0; i < n; i++) {
		const struct vm_column *c = &l->view->cols[cols[i].col];
		bool sorted = cols[i].col == l->sort_col;
		int x = r.col + LAYOUT_MARGIN + cols[i].x;
		uint8_t style = cols[i].col == l->col ? STYLE_HEADER_COL : STYLE_HEADER;
		int w = utf8_width(c->title);

		if (right_aligned(c->kind))
			x += cols[i].width - w;
		surface_text(d->s, r.row, x, w, c->title, style);
		if (sorted)     /* in the gap after the title */
			surface_text(d->s, r.row, x + w, 1, l->sort_desc ? d->g->down : d->g->up,
				     style);
	}
}

/* Mark the search text where it stands in a drawn cell. */
static void mark_match(const struct draw *d, int row, int col, const char *text,
		       const char *pattern)
{
	const char *hit = *pattern ? strcasestr(text, pattern) : NULL;
	char before[TEXT_MAX];

	if (!hit)
		return;
	snprintf(before, sizeof(before), "%.*s", (int)(hit - text), text);
	surface_restyle(d->s, row, col + utf8_width(before), utf8_width(pattern), STYLE_MATCH);
}

static void draw_row(const struct draw *d, struct vm_app *app, struct vm_list *l, size_t pos,
		     struct rect r, int line, const struct layout_col *cols, int n)
{
	const struct vm_row *row = vm_list_row(l, pos);
	const char *pattern = app->prompt == '/' || app->prompt == '?' ? app->input : app->search;
	int y = r.row + line;
	size_t lo, hi;
	char text[TEXT_MAX];

	if (!row) {
		surface_text(d->s, y, r.col + LAYOUT_MARGIN, r.cols, "(gone)", STYLE_DIM);
		return;
	}
	if (l->tags && vm_tags_has(l->tags, row->id))
		surface_text(d->s, y, r.col + 1, 1, d->g->tag, STYLE_TAG);
	else if (vm_list_range(l, &lo, &hi) && pos >= lo && pos <= hi)
		surface_text(d->s, y, r.col + 1, 1, d->g->vline, STYLE_TAG);
	for (int i = 0; i < n; i++) {
		int x = r.col + LAYOUT_MARGIN + cols[i].x, room = r.col + r.cols - x;
		int w = cols[i].width < room ? cols[i].width : room;
		uint8_t style = draw_value(d, l->view, row, cols[i].col, pos, w, text,
					   sizeof(text));

		surface_text(d->s, y, x, w, text, style);
		if (!vm_column_numeric(&l->view->cols[cols[i].col]))
			mark_match(d, y, x, text, pattern);
	}
	if (pos == l->cursor) {
		surface_text(d->s, y, r.col, 1, d->g->cursor, STYLE_KEY);
		surface_or_style(d->s, y, r.col, r.cols, STYLE_SEL);
		d->s->cursor_row = y;
		d->s->cursor_col = r.col;
	}
}

static void draw_empty(const struct draw *d, struct vm_app *app, const struct vm_list *l,
		       struct rect r)
{
	char text[600];

	if (l->filter.n)
		snprintf(text, sizeof(text), "no row passes %s", l->filter_text);
	else if (app->busy)
		snprintf(text, sizeof(text),
			 "nothing measured yet; rows appear while the job runs");
	else
		snprintf(text, sizeof(text), "%s", l->view->empty);
	surface_text(d->s, r.row + 2, r.col + LAYOUT_MARGIN, r.cols - LAYOUT_MARGIN, text,
		     STYLE_DIM);
	d->s->cursor_row = r.row + 1;
	d->s->cursor_col = r.col;
}

void draw_list(const struct draw *d, struct vm_app *app, struct rect r)
{
	struct vm_list *l = vm_app_list(app);
	struct layout_col cols[VM_MAX_COLS];
	int n = layout_columns(l->view, l->col, r.cols, cols);

	draw_header(d, l, r, cols, n);
	if (!l->n)
		draw_empty(d, app, l, r);
	for (int line = 1; line < r.rows && l->top + (size_t)line - 1 < l->n; line++)
		draw_row(d, app, l, l->top + (size_t)line - 1, r, line, cols, n);
}
