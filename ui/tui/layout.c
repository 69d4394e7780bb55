/* Geometry only. */
#include "tui/layout.h"

#include "base/str.h"

static struct rect centered(struct rect r)
{
	if (r.cols > 100) {
		r.col += (r.cols - 92) / 2;
		r.cols = 92;
	} else if (r.cols > 60) {
		r.col += 3;
		r.cols -= 6;
	}
	if (r.rows > 16) {
		r.row += 2;
		r.rows -= 4;
	}
	return r;
}

static void split(struct layout *l, struct rect body)
{
	l->list = l->detail = body;
	if (body.cols >= LAYOUT_WIDE) {
		l->detail.cols = body.cols * 2 / 5 > 90 ? 90 : body.cols * 2 / 5;
		l->list.cols = body.cols - l->detail.cols - 1;
		l->detail.col = l->list.cols + 1;
		l->side_by_side = true;
		return;
	}
	/* header and at least two rows of the list stay */
	l->detail.rows = body.rows >= 28 ? 14 : body.rows / 2;
	if (body.rows - l->detail.rows < 3)
		l->detail.rows = body.rows - 3 > 0 ? body.rows - 3 : 0;
	l->list.rows = body.rows - l->detail.rows;
	l->detail.row = body.row + l->list.rows;
}

struct layout layout_of(int rows, int cols, const struct vm_app *app)
{
	struct layout l = { .title = 0, .views = 1, .status = rows - 2, .hints = rows - 1 };
	struct rect body = { 2, 0, rows - 4, cols };
	bool details = (vm_view(app->active)->ctx & (VM_CTX_TABLES | VM_CTX_LOG)) != 0;

	if (rows < LAYOUT_MIN_ROWS || cols < LAYOUT_MIN_COLS) {
		l.too_small = true;
		return l;
	}
	if (app->page == VM_PAGE_FULL) {
		l.page = body;
		return l;
	}
	if (details && app->detail_mode == VM_DETAIL_ZOOM)
		l.detail = body;
	else if (details && app->detail_mode == VM_DETAIL_ON)
		split(&l, body);
	else
		l.list = body;
	if (app->page == VM_PAGE_POPUP)
		l.page = centered(body);
	return l;
}

static int wanted_width(const struct vm_column *c)
{
	int title = utf8_width(c->title);

	return c->width > title ? c->width : title;
}

/* The next column to admit: lowest priority number not yet looked at. */
static int next_by_priority(const struct vm_view *v, const bool *seen)
{
	int best = -1;

	for (int i = 0; i < v->n_cols; i++) {
		if (!seen[i] && v->cols[i].priority &&
		    (best < 0 || v->cols[i].priority < v->cols[best].priority))
			best = i;
	}
	return best;
}

static int widen(struct layout_col *c, int left, int limit)
{
	int by = limit - c->width;

	if (by > left)
		by = left;
	if (by > 0)
		c->width += by;
	return by > 0 ? left - by : left;
}

int layout_columns(const struct vm_view *v, int cursor_col, int width, struct layout_col *out)
{
	bool seen[VM_MAX_COLS] = { false }, in[VM_MAX_COLS] = { false };
	int gap = width >= 60 ? 2 : 1, left = width - LAYOUT_MARGIN, n = 0, x = 0, i;

	in[v->flexible] = seen[v->flexible] = true;
	left -= v->cols[v->flexible].width;
	if (cursor_col != v->flexible) {
		in[cursor_col] = seen[cursor_col] = true;
		left -= wanted_width(&v->cols[cursor_col]) + gap;
	}
	while ((i = next_by_priority(v, seen)) >= 0) {
		int need = wanted_width(&v->cols[i]) + gap;

		seen[i] = true;
		if (need > left)
			continue;
		in[i] = true;
		left -= need;
	}
	for (i = 0; i < v->n_cols; i++) {
		if (in[i])
			out[n++] = (struct layout_col){ i, 0, i == v->flexible ? v->cols[i].width :
							wanted_width(&v->cols[i]) };
	}
	/* what is left: the flexible column first, then other names and texts */
	if (left < 0)
		left = 0;
	for (i = 0; i < n; i++) {
		if (out[i].col == v->flexible)
			left = widen(&out[i], left, v->cols[v->flexible].kind == VM_K_NAME ? 40 : 4096);
	}
	for (i = 0; i < n; i++) {
		if (v->cols[out[i].col].kind == VM_K_NAME || v->cols[out[i].col].width >= 40)
			left = widen(&out[i], left, v->cols[out[i].col].kind == VM_K_NAME ? 48 : 4096);
	}
	for (i = 0; i < n; i++) {
		out[i].x = x;
		x += out[i].width + gap;
	}
	return n;
}
