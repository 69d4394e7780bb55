/* vm/source.h - where the rows of a list come from: the store, the log ring, the action table.
 *
 * A row id means the same row for as long as the source lives.  One thread.
 */
#ifndef VM_SOURCE_H
#define VM_SOURCE_H

#include "store/table.h"
#include "vm/filter.h"
#include "vm/views.h"

/* One row: values by the view's columns; text lives in `raw` or is static, until the next fill. */
struct vm_row {
	int64_t id;             /* 0: empty */
	struct vm_value v[VM_MAX_COLS];
	struct store_row raw;
	char text[520];         /* of rows that are not in the store */
};
void vm_row_release(struct vm_row *r);

struct vm_query {
	const struct vm_filter *filter; /* conditions on tags are the caller's */
	int sort_col;                   /* -1: the source's own order */
	bool desc;
};

struct vm_source {
	void *ctx;              /* borrowed */
	/* Ids in order. *ids is malloc'd, never NULL on success. */
	int (*ids)(void *ctx, const struct vm_view *v, const struct vm_query *q, int64_t **ids,
		   size_t *n, struct qd_err *err);
	/* Fill r; a row that is gone is QD_EINPUT. */
	int (*row)(void *ctx, const struct vm_view *v, int64_t id, struct vm_row *r,
		   struct qd_err *err);
	/* Ids of rows any of whose texts contains `text`, case ignored; order as in ids(). */
	int (*find)(void *ctx, const struct vm_view *v, const struct vm_query *q, const char *text,
		    int64_t **ids, size_t *n, struct qd_err *err);
};

/* Rows of a store; ctx = struct vm_store_ctx. */
struct vm_store_ctx { struct store *st; int64_t run_id; };
extern const struct vm_source vm_source_store;

/* Lines of base/log.h; ctx is not used. */
extern const struct vm_source vm_source_log;

/* Rows of the action table; ctx = unsigned, the context whose actions come first. Row id = action
 * + 1. */
extern const struct vm_source vm_source_help;

#endif
