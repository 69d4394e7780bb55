/* Rows that are not in the store: the log ring and the action table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vm/action.h"
#include "vm/source.h"

static bool contains(const struct vm_view *v, const struct vm_row *r, const char *text)
{
	for (int i = 0; i < v->n_cols; i++) {
		if (r->v[i].type == VM_TEXT && strcasestr(r->v[i].s, text))
			return true;
	}
	return false;
}

/* Keep the ids in [first, last] whose row passes the filter (without tags) and contains the text.
 * */
static int select_rows(const struct vm_source *src, void *ctx, const struct vm_view *v,
		       const struct vm_query *q, const char *text, const int64_t *all,
			       size_t n_all, int64_t **ids, size_t *n,
		       struct qd_err *err)
{
	struct vm_row *r = mem_zalloc(sizeof(*r));
	struct qd_err gone = { 0 };

	*n = 0;
	*ids = mem_array(n_all, sizeof(**ids));
	if (!*ids || !r) {
		free(*ids);
		free(r);
		*ids = NULL;
		return err_oom(err, "listing rows");
	}
	for (size_t i = 0; i < n_all; i++) {
		if (src->row(ctx, v, all[i], r, &gone))
			continue;
		if (q->filter && !vm_filter_match(q->filter, r->v, false))
			continue;
		if (!text || contains(v, r, text))
			(*ids)[(*n)++] = all[i];
	}
	free(r);
	return 0;
}

static struct vm_value text_value(const char *s)
{
	struct vm_value v = { .type = VM_TEXT };

	v.s = s;
	return v;
}

/* --- log ----------------------------------------------------------------- */

static int log_row(void *ctx, const struct vm_view *v, int64_t id, struct vm_row *r,
		   struct qd_err *err)
{
	static const char *const level[] = { "debug", "info", "warning", "error" };
	struct log_line line;

	(void)ctx;
	(void)v;
	r->id = 0;
	if (!log_get((long)id, &line))
		return err_set(err, QD_EINPUT, "log line %lld is no longer held", (long long)id);
	snprintf(r->text, sizeof(r->text), "%s", line.text);
	r->v[0].type = VM_REAL;
	r->v[0].d = line.at;
	r->v[1] = text_value(level[line.level]);
	r->v[2] = text_value(r->text);
	r->id = id;
	return 0;
}

static int log_select(void *ctx, const struct vm_view *v, const struct vm_query *q,
		      const char *text, int64_t **ids, size_t *n, struct qd_err *err)
{
	long first, last;
	int64_t *all;
	size_t n_all;
	int rc;

	log_range(&first, &last);
	n_all = last >= first ? (size_t)(last - first + 1) : 0;
	all = mem_array(n_all, sizeof(*all));
	if (!all)
		return err_oom(err, "listing the log");
	for (size_t i = 0; i < n_all; i++)
		all[i] = first + (long)i;
	rc = select_rows(&vm_source_log, ctx, v, q, text, all, n_all, ids, n, err);
	free(all);
	return rc;
}

static int log_ids(void *ctx, const struct vm_view *v, const struct vm_query *q, int64_t **ids,
		   size_t *n, struct qd_err *err)
{
	return log_select(ctx, v, q, NULL, ids, n, err);
}

const struct vm_source vm_source_log = { NULL, log_ids, log_row, log_select };

/* --- help ---------------------------------------------------------------- */

static int help_row(void *ctx, const struct vm_view *v, int64_t id, struct vm_row *r,
		    struct qd_err *err)
{
	const struct vm_action_info *a;

	(void)ctx;
	(void)v;
	r->id = 0;
	if (id < 1 || id > VM_A_COUNT)
		return err_set(err, QD_EINPUT, "no action %lld", (long long)id);
	a = vm_action_info((int)id - 1);
	snprintf(r->text, sizeof(r->text), "%s%s%s", a->name, *a->arg ? " " : "", a->arg);
	r->v[0] = text_value(a->keys);
	r->v[1] = text_value(r->text);
	r->v[2] = text_value(a->help);
	if (a->flags & VM_ACT_LATER) {
		size_t n = strlen(r->text) + 1;

		snprintf(r->text + n, sizeof(r->text) - n, "(not available yet) %s", a->help);
		r->v[2] = text_value(r->text + n);
	}
	r->id = id;
	return 0;
}

static int help_select(void *ctx, const struct vm_view *v, const struct vm_query *q,
		       const char *text, int64_t **ids, size_t *n, struct qd_err *err)
{
	unsigned here = *(const unsigned *)ctx;
	int64_t all[VM_A_COUNT];
	size_t at = 0;

	/* what only some views can do and the one we came from can; what all can; the rest */
	for (int pass = 0; pass < 3; pass++) {
		for (int a = 0; a < VM_A_COUNT; a++) {
			const struct vm_action_info *t = vm_action_info(a);
			int wanted = !(t->ctx & here) || (t->flags & VM_ACT_LATER) ? 2 :
				t->ctx == VM_CTX_ALL;

			if (wanted == pass)
				all[at++] = a + 1;
		}
	}
	return select_rows(&vm_source_help, ctx, v, q, text, all, at, ids, n, err);
}

static int help_ids(void *ctx, const struct vm_view *v, const struct vm_query *q, int64_t **ids,
		    size_t *n, struct qd_err *err)
{
	return help_select(ctx, v, q, NULL, ids, n, err);
}

const struct vm_source vm_source_help = { NULL, help_ids, help_row, help_select };
