/* vm/list.h - a virtual list: ids of all rows, and values of those that are looked at.
 *
 * The cursor follows its row (by id) across sort, filter and live update.  Knows no screen beyond
 * "how many rows are visible".  One thread.
 */
#ifndef VM_LIST_H
#define VM_LIST_H

#include "vm/source.h"

/* A set of row ids. */
struct vm_tags {
	int64_t *ids;           /* ascending */
	size_t n, cap;
};
void vm_tags_release(struct vm_tags *t);
bool vm_tags_has(const struct vm_tags *t, int64_t id);
bool vm_tags_set(struct vm_tags *t, int64_t id, bool on);       /* false: out of memory */
void vm_tags_clear(struct vm_tags *t);

enum { VM_LIST_CACHE = 256, VM_FILTER_TEXT = 400 };

struct vm_list {
	const struct vm_view *view;
	struct vm_source src;
	/* borrowed; lists of the same rows share one. May be NULL */
	struct vm_tags *tags;

	int64_t *ids;
	size_t n;
	size_t top, cursor;             /* positions; cursor < n unless n == 0 */
	int64_t cursor_id;              /* row the cursor follows; 0 before the first load */
	int64_t anchor_id;              /* other end of a range being marked; 0 none */
	size_t visible;                 /* rows on the screen, >= 1 */
	int col;                        /* column cursor */
	int sort_col;                   /* view->sort_col and !sort_desc: the source's own order */
	bool sort_desc;
	struct vm_filter filter;
	char filter_text[VM_FILTER_TEXT];
	bool untouched;                 /* nobody moved yet: the cursor stays on the first row while rows arrive */
	bool follow_end;                /* cursor stays on the last row while it is there (log) */

	bool loaded;
	struct vm_row *cache;           /* VM_LIST_CACHE rows by position, or NULL */
};

void vm_list_init(struct vm_list *l, const struct vm_view *view, const struct vm_source *src,
		  void *ctx, struct vm_tags *tags);
void vm_list_release(struct vm_list *l);

/* Ask the source again. The cursor stays on its row; when that is gone, near where it was. On
 * failure the list keeps what it had. */
QD_NODISCARD int vm_list_load(struct vm_list *l, struct qd_err *err);

/* Row at a position, valid until the row VM_LIST_CACHE positions away is read, or the next load.
 * NULL when it cannot be read (gone since: the next load repairs that). */
const struct vm_row *vm_list_row(struct vm_list *l, size_t pos);

/* Row under the cursor, NULL without rows. */
const struct vm_row *vm_list_current(struct vm_list *l);

/* Move by rows, clamped; scroll so that the cursor is visible. */
void vm_list_move(struct vm_list *l, long by);
void vm_list_goto(struct vm_list *l, size_t pos);
void vm_list_set_visible(struct vm_list *l, size_t rows);

/* Order by a column; QD_EUSAGE when it is derived on the screen only. */
QD_NODISCARD int vm_list_sort(struct vm_list *l, int col, bool desc, struct qd_err *err);

/* Parse and apply a filter. On a bad expression nothing changes. */
QD_NODISCARD int vm_list_filter(struct vm_list *l, const char *text, struct qd_err *err);

/* Go to the next row after position `from` (excluded; all rows are tried, `from` last) that
 * contains `text`. 1: found, 2: found after passing the end, 0: none, < 0: error. */
QD_NODISCARD int vm_list_search(struct vm_list *l, const char *text, size_t from, bool backwards,
				struct qd_err *err);

/* Does the row contain the search text (for highlighting)? Looks at the columns of text. */
bool vm_list_matches(const struct vm_list *l, const struct vm_row *r, const char *text);

size_t vm_list_tagged(const struct vm_list *l);                 /* tags in the set */

/* Rows of a range being marked: [*lo, *hi]; false when there is none. */
bool vm_list_range(const struct vm_list *l, size_t *lo, size_t *hi);

#endif
