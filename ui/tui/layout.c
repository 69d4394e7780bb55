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

enum { NICE_TO_HAVE = 9, ROOM_FOR_NAME = 14, LEAST = 8 };

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

static int narrow(struct layout_col *c, int by, int least)
{
	if (by > c->width - least)
		by = c->width - least;
	if (by > 0)
		c->width -= by;
	return by > 0 ? by : 0;
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
		/* nice to have only once the name has room */
		bool extra = v->cols[i].priority >= NICE_TO_HAVE &&
			v->cols[v->flexible].kind == VM_K_NAME;

		seen[i] = true;
		if (need + (extra ? ROOM_FOR_NAME : 0) > left)
			continue;
		in[i] = true;
		left -= need;
	}
	for (i = 0; i < v->n_cols; i++) {
		if (in[i])
			out[n++] = (struct layout_col){ i, 0, i == v->flexible ? v->cols[i].width :
							wanted_width(&v->cols[i]) };
	}
	/* too narrow for name and cursor column together: both give way */
	for (i = 0; i < n && left < 0; i++) {
		if (out[i].col == v->flexible)
			left += narrow(&out[i], -left, LEAST);
	}
	for (i = 0; i < n && left < 0; i++)
		left += narrow(&out[i], -left, LEAST);
	/* what is left: the flexible column first, then other names and texts */
	for (i = 0; i < n; i++) {
		if (out[i].col == v->flexible)
			left = widen(&out[i], left, v->cols[v->flexible].kind == VM_K_NAME ? 40 :
				     4096);
	}
	for (i = 0; i < n; i++) {
		const struct vm_column *c = &v->cols[out[i].col];

		if (c->kind == VM_K_NAME || c->kind == VM_K_TEXT)
			left = widen(&out[i], left, c->kind == VM_K_NAME ? 48 : c->width >= 40 ?
				     4096 : c->width + 7);
	}
	for (i = 0; i < n; i++) {
		out[i].x = x;
		x += out[i].width + gap;
	}
	return n;
}
