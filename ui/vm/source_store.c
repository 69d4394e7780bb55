/* Rows of a store: translates views, filters and sort columns into the reader's terms. */
#include <stdlib.h>
#include <string.h>

#include "store/filter.h"
#include "vm/source.h"

static const enum store_table tables[VM_T_COUNT] = {
	[VM_T_ACTIVATION] = ST_ACTIVATIONS, [VM_T_LAYERS] = ST_LAYERS, [VM_T_WEIGHT] = ST_WEIGHTS,
	[VM_T_UNMATCHED] = ST_UNMATCHED, [VM_T_RUNS] = ST_RUNS,
};

void vm_row_release(struct vm_row *r)
{
	store_row_release(&r->raw);
	r->id = 0;
}

static int leaf(enum store_table t, const char *key, enum filter_op op,
		const struct filter_value *v, bool negate, struct store_filter **out,
			struct qd_err *err)
{
	int rc = filter_cmp(t, key, op, v, out, err);

	if (rc || !negate)
		return rc;
	*out = filter_not(*out);
	return *out ? 0 : err_oom(err, "building a filter");
}

static int condition(enum store_table t, const struct vm_view *view, const struct vm_cond *c,
		     struct store_filter **out, struct qd_err *err)
{
	static const enum filter_op ops[] = {
		[VM_OP_EQ] = FILTER_EQ, [VM_OP_NE] = FILTER_NE, [VM_OP_LT] = FILTER_LT,
			[VM_OP_LE] = FILTER_LE,
		[VM_OP_GT] = FILTER_GT, [VM_OP_GE] = FILTER_GE, [VM_OP_HAS] = FILTER_HAS,
			[VM_OP_HAS_NOT] = FILTER_HAS,
	};
	const struct vm_column *col = &view->cols[c->col];
	struct filter_value v = { .type = FILTER_NULL };

	if (c->op == VM_OP_IS && col->kind == VM_K_FLAG) {
		v.type = FILTER_BOOL;
		v.truth = true;
		return leaf(t, col->key, FILTER_EQ, &v, c->negate, out, err);
	}
	if (c->op == VM_OP_IS)          /* has a value = not null */
		return leaf(t, col->key, FILTER_EQ, &v, !c->negate, out, err);
	if (col->kind == VM_K_FLAG) {
		v.type = FILTER_BOOL;
		v.truth = c->number != 0;
	} else if (c->numeric) {
		v.type = FILTER_NUM;
		v.num = c->number;
	} else {
		v.type = FILTER_TEXT;
		v.text = c->text;
	}
	return leaf(t, col->key, ops[c->op], &v, c->negate != (c->op == VM_OP_HAS_NOT), out, err);
}

static int join(struct store_filter **all, struct store_filter *one, struct qd_err *err)
{
	*all = *all ? filter_and(*all, one) : one;
	return *all ? 0 : err_oom(err, "building a filter");
}

static int build(enum store_table t, const struct vm_view *view, const struct vm_filter *f,
		 const char *text, struct store_filter **out, struct qd_err *err)
{
	struct store_filter *one = NULL;
	int rc = 0;

	*out = NULL;
	for (int i = 0; f && i < f->n && !rc; i++) {
		if (f->cond[i].col == VM_COL_TAGGED)
			continue;
		rc = condition(t, view, &f->cond[i], &one, err);
		if (!rc)
			rc = join(out, one, err);
	}
	if (text && !rc) {
		rc = filter_any_text(t, text, &one, err);
		if (!rc)
			rc = join(out, one, err);
	}
	if (rc) {
		filter_free(*out);
		*out = NULL;
	}
	return rc;
}

static int list(const struct vm_store_ctx *c, const struct vm_view *v, const struct vm_query *q,
		const char *text, int64_t **ids, size_t *n, struct qd_err *err)
{
	enum store_table t = tables[v->table];
	struct store_query sq = { .sort = -1 };
	struct store_filter *where;
	int rc;

	rc = build(t, v, q->filter, text, &where, err);
	if (rc)
		return rc;
	if (q->sort_col >= 0) {
		sq.sort = store_column_find(t, v->cols[q->sort_col].key);
		sq.descending = q->desc;
	}
	sq.where = where;
	rc = store_list(c->st, c->run_id, t, &sq, ids, n, err);
	filter_free(where);
	return rc;
}

static int ids_of(void *ctx, const struct vm_view *v, const struct vm_query *q, int64_t **ids,
		  size_t *n, struct qd_err *err)
{
	return list(ctx, v, q, NULL, ids, n, err);
}

static int find(void *ctx, const struct vm_view *v, const struct vm_query *q, const char *text,
		int64_t **ids, size_t *n, struct qd_err *err)
{
	return list(ctx, v, q, text, ids, n, err);
}

static struct vm_value value_of(const struct store_cell *c)
{
	struct vm_value v = { .type = VM_NULL };

	if (c->null)
		return v;
	switch (c->type) {
	case STORE_TEXT:
	case STORE_JSON:
		v.type = VM_TEXT;
		v.s = c->text;
		break;
	case STORE_REAL:
		v.type = VM_REAL;
		v.d = c->num;
		break;
	default:
		v.type = VM_INT;
		v.i = c->i;
	}
	return v;
}

static int row(void *ctx, const struct vm_view *v, int64_t id, struct vm_row *r, struct qd_err *err)
{
	const struct vm_store_ctx *c = ctx;
	enum store_table t = tables[v->table];
	int rc;

	r->id = 0;
	rc = store_cells(c->st, c->run_id, t, id, &r->raw, err);
	if (rc)
		return rc;
	for (int i = 0; i < v->n_cols; i++) {
		int at = v->cols[i].key ? store_column_find(t, v->cols[i].key) : -1;

		r->v[i].type = VM_NULL;
		if (at >= 0 && (size_t)at < r->raw.n)
			r->v[i] = value_of(&r->raw.cells[at]);
	}
	r->id = id;
	return 0;
}

const struct vm_source vm_source_store = { NULL, ids_of, row, find };
