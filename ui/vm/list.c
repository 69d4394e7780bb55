/* The virtual list.  Knows ids, positions and a window of rows; not what they mean. */
#include "vm/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* --- tags ------------------------------------------------------------------ */

static size_t tag_slot(const struct vm_tags *t, int64_t id)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (t->ids[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void vm_tags_release(struct vm_tags *t)
{
	free(t->ids);
	memset(t, 0, sizeof(*t));
}

bool vm_tags_has(const struct vm_tags *t, int64_t id)
{
	size_t at = tag_slot(t, id);

	return at < t->n && t->ids[at] == id;
}

bool vm_tags_set(struct vm_tags *t, int64_t id, bool on)
{
	size_t at = tag_slot(t, id);
	bool has = at < t->n && t->ids[at] == id;

	if (has == on)
		return true;
	if (!on) {
		t->n--;
		memmove(&t->ids[at], &t->ids[at + 1], (t->n - at) * sizeof(*t->ids));
		return true;
	}
	if (!mem_grow(&t->ids, &t->cap, t->n + 1, sizeof(*t->ids)))
		return false;
	memmove(&t->ids[at + 1], &t->ids[at], (t->n - at) * sizeof(*t->ids));
	t->ids[at] = id;
	t->n++;
	return true;
}

void vm_tags_clear(struct vm_tags *t)
{
	t->n = 0;
}

/* --- list ------------------------------------------------------------------ */

void vm_list_init(struct vm_list *l, const struct vm_view *view, const struct vm_source *src,
		  void *ctx, struct vm_tags *tags)
{
	memset(l, 0, sizeof(*l));
	l->view = view;
	l->src = *src;
	l->src.ctx = ctx;
	l->tags = tags;
	l->visible = 1;
	l->untouched = true;
	l->sort_col = view->sort_col;
	l->col = view->sort_col >= 0 ? view->sort_col : view->flexible;
}

static void drop_cache(struct vm_list *l)
{
	for (int i = 0; l->cache && i < VM_LIST_CACHE; i++)
		l->cache[i].id = 0;
}

void vm_list_release(struct vm_list *l)
{
	for (int i = 0; l->cache && i < VM_LIST_CACHE; i++)
		vm_row_release(&l->cache[i]);
	free(l->cache);
	free(l->ids);
	memset(l, 0, sizeof(*l));
}

static struct vm_query query_of(const struct vm_list *l)
{
	struct vm_query q = { &l->filter, l->sort_col, l->sort_desc };

	if (l->sort_col == l->view->sort_col && !l->sort_desc)
		q.sort_col = -1;
	return q;
}

static size_t position_of(const struct vm_list *l, int64_t id, size_t otherwise)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->ids[i] == id)
			return i;
	}
	return otherwise;
}

static void scroll_to_cursor(struct vm_list *l)
{
	size_t last_top = l->n > l->visible ? l->n - l->visible : 0;

	if (l->cursor >= l->n)
		l->cursor = l->n ? l->n - 1 : 0;
	if (l->cursor < l->top)
		l->top = l->cursor;
	if (l->cursor >= l->top + l->visible)
		l->top = l->cursor - l->visible + 1;
	if (l->top > last_top)
		l->top = last_top;
	l->cursor_id = l->n ? l->ids[l->cursor] : l->cursor_id;
}

/* Conditions on tags are ours: the source knows no tags. */
static void keep_tagged(const struct vm_list *l, int64_t *ids, size_t *n)
{
	for (int i = 0; i < l->filter.n; i++) {
		size_t kept = 0;

		if (l->filter.cond[i].col != VM_COL_TAGGED)
			continue;
		for (size_t k = 0; k < *n; k++) {
			bool tagged = l->tags && vm_tags_has(l->tags, ids[k]);

			if (tagged != l->filter.cond[i].negate)
				ids[kept++] = ids[k];
		}
		*n = kept;
	}
}

int vm_list_load(struct vm_list *l, struct qd_err *err)
{
	struct vm_query q = query_of(l);
	size_t n, offset = l->cursor - l->top, was = l->cursor;
	bool at_end = l->follow_end && (!l->n || l->cursor + 1 == l->n);
	int64_t *ids;
	int rc;

	rc = l->src.ids(l->src.ctx, l->view, &q, &ids, &n, err);
	if (rc)
		return rc;
	keep_tagged(l, ids, &n);
	free(l->ids);
	l->ids = ids;
	l->n = n;
	l->loaded = true;
	drop_cache(l);
	if (at_end)
		l->cursor = n ? n - 1 : 0;
	else
		l->cursor = l->untouched ? 0 : position_of(l, l->cursor_id, was);
	/* the row keeps its place on the screen too */
	l->top = l->cursor > offset ? l->cursor - offset : 0;
	scroll_to_cursor(l);
	return 0;
}

const struct vm_row *vm_list_row(struct vm_list *l, size_t pos)
{
	struct qd_err err;
	struct vm_row *r;

	if (pos >= l->n)
		return NULL;
	if (!l->cache)
		l->cache = mem_array(VM_LIST_CACHE, sizeof(*l->cache));
	if (!l->cache)
		return NULL;
	r = &l->cache[pos % VM_LIST_CACHE];
	if (r->id == l->ids[pos])
		return r;
	return l->src.row(l->src.ctx, l->view, l->ids[pos], r, &err) ? NULL : r;
}

const struct vm_row *vm_list_current(struct vm_list *l)
{
	return l->n ? vm_list_row(l, l->cursor) : NULL;
}

void vm_list_goto(struct vm_list *l, size_t pos)
{
	l->untouched = false;
	l->cursor = pos;
	scroll_to_cursor(l);
}

void vm_list_move(struct vm_list *l, long by)
{
	if (by < 0 && (size_t)-by > l->cursor)
		vm_list_goto(l, 0);
	else
		vm_list_goto(l, l->cursor + (size_t)by);
}

void vm_list_set_visible(struct vm_list *l, size_t rows)
{
	l->visible = rows ? rows : 1;
	scroll_to_cursor(l);
}

int vm_list_sort(struct vm_list *l, int col, bool desc, struct qd_err *err)
{
	int old_col = l->sort_col, rc;
	bool old_desc = l->sort_desc;

	if (!vm_column_sortable(&l->view->cols[col]))
		return err_set(err, QD_EUSAGE,
			       "cannot sort by \"%s\": it is derived from other columns",
				       l->view->cols[col].title);
	l->sort_col = col;
	l->sort_desc = desc;
	l->untouched = false;
	rc = vm_list_load(l, err);
	if (rc) {
		l->sort_col = old_col;
		l->sort_desc = old_desc;
	}
	return rc;
}

int vm_list_filter(struct vm_list *l, const char *text, struct qd_err *err)
{
	struct vm_filter f, old = l->filter;
	int rc;

	if (strlen(text) >= sizeof(l->filter_text))
		return err_set(err, QD_EUSAGE, "filter: longer than %d bytes", VM_FILTER_TEXT - 1);
	rc = vm_filter_parse(l->view, text, &f, err);
	if (rc)
		return rc;
	l->filter = f;
	l->untouched = false;
	rc = vm_list_load(l, err);
	if (rc) {
		l->filter = old;
		return rc;
	}
	snprintf(l->filter_text, sizeof(l->filter_text), "%s", f.n ? text : "");
	return 0;
}

static int by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

int vm_list_search(struct vm_list *l, const char *text, size_t from, bool backwards,
		   struct qd_err *err)
{
	struct vm_query q = query_of(l);
	struct vm_tags hits = { 0 };
	int rc;

	if (!l->n || !*text)
		return 0;
	rc = l->src.find(l->src.ctx, l->view, &q, text, &hits.ids, &hits.n, err);
	if (rc)
		return rc;
	qsort(hits.ids, hits.n, sizeof(*hits.ids), by_id);
	for (size_t step = 1; step <= l->n && hits.n; step++) {
		size_t pos = backwards ? (from + l->n - step) % l->n : (from + step) % l->n;

		if (!vm_tags_has(&hits, l->ids[pos]))
			continue;
		vm_list_goto(l, pos);
		rc = (backwards ? pos >= from : pos <= from) ? 2 : 1;
		break;
	}
	vm_tags_release(&hits);
	return rc;
}

bool vm_list_matches(const struct vm_list *l, const struct vm_row *r, const char *text)
{
	for (int i = 0; i < l->view->n_cols && *text; i++) {
		if (l->view->cols[i].priority && r->v[i].type == VM_TEXT &&
		    l->view->cols[i].kind != VM_K_HIST && strcasestr(r->v[i].s, text))
			return true;
	}
	return false;
}

size_t vm_list_tagged(const struct vm_list *l)
{
	return l->tags ? l->tags->n : 0;
}

bool vm_list_range(const struct vm_list *l, size_t *lo, size_t *hi)
{
	size_t a;

	if (!l->anchor_id || !l->n)
		return false;
	a = position_of(l, l->anchor_id, l->n);
	if (a == l->n)
		return false;
	*lo = a < l->cursor ? a : l->cursor;
	*hi = a < l->cursor ? l->cursor : a;
	return true;
}
