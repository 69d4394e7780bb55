/* Filters: a tree of comparisons that becomes SQL text made of known columns and numbered
 * parameters only. */
#include "store/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/internal.h"
#include "store/query.h"

/* SQLite's parser has a stack of 100 entries: about 3 a level of parentheses. */
enum { FIRST_PARAM = 10, MAX_TERMS = 250, MAX_DEPTH = 20 };

struct store_filter {
	enum { NODE_CMP, NODE_ANY, NODE_AND, NODE_OR, NODE_NOT } kind;
	enum store_table table;
	int column;
	enum filter_op op;
	struct filter_value v;
	char *text;                     /* what v.text points to */
	struct store_filter *a, *b;
	int depth, terms;               /* depth: levels of parentheses and NOT */
};

void filter_free(struct store_filter *f)
{
	if (!f)
		return;
	filter_free(f->a);
	filter_free(f->b);
	free(f->text);
	free(f);
}

static const char *const type_names[] = {
	[STORE_TEXT] = "text", [STORE_INT] = "a number", [STORE_REAL] = "a number",
	[STORE_BOOL] = "a flag",
	[STORE_JSON] = "a number or text",
};

static bool is_number(enum store_type t)
{
	return t == STORE_INT || t == STORE_REAL;
}

/* Do the value and the operator make sense for the column? */
static bool fits(const struct store_column *c, enum filter_op op, const struct filter_value *v)
{
	bool equality = op == FILTER_EQ || op == FILTER_NE;

	switch (v->type) {
	case FILTER_NULL:
		return equality;
	case FILTER_NUM:
		return op != FILTER_HAS && (is_number(c->type) ||
					    (c->type == STORE_JSON && c->order));
	case FILTER_TEXT:
		return c->type == STORE_TEXT || c->type == STORE_JSON;
	case FILTER_BOOL:
		return equality && c->type == STORE_BOOL;
	}
	return false;
}

static int unknown_column(enum store_table table, const char *column, struct qd_err *err)
{
	const char *near = store_column_nearest(table, column);
	struct str safe = STR_INIT;

	str_add_escaped(&safe, column);
	err_set(err, QD_EUSAGE, "filter: %s have no column \"%.100s\"%s%s%s",
		store_table_name(table),
		safe.p ? safe.p : "", near ? "; did you mean \"" : "", near ? near : "",
		near ? "\"?" : "");
	str_release(&safe);
	return QD_EUSAGE;
}

static int new_leaf(struct store_filter leaf, const char *text, struct store_filter **out,
		    struct qd_err *err)
{
	struct store_filter *f = mem_alloc(sizeof(*f));

	leaf.depth = leaf.terms = 1;
	leaf.text = text ? mem_strdup(text) : NULL;
	leaf.v.text = leaf.text;
	if (!f || (text && !leaf.text)) {
		free(f);
		free(leaf.text);
		return err_oom(err, "building a filter");
	}
	*f = leaf;
	*out = f;
	return 0;
}

int filter_cmp(enum store_table table, const char *column, enum filter_op op,
	       const struct filter_value *v,
	       struct store_filter **out, struct qd_err *err)
{
	int at = store_column_find(table, column);
	const struct store_column *c;
	size_t n;

	*out = NULL;
	if (at < 0)
		return unknown_column(table, column, err);
	c = &store_columns(table, &n)[at];
	if (!fits(c, op, v))
		return err_set(err, QD_EUSAGE, "filter: \"%s\" is %s and cannot be compared like "
			       "that", column,
			       type_names[c->type]);
	return new_leaf((struct store_filter){ .kind = NODE_CMP, .table = table, .column = at,
					       .op = op, .v = *v },
			v->type == FILTER_TEXT ? v->text : NULL, out, err);
}

int filter_any_text(enum store_table table, const char *text, struct store_filter **out,
		    struct qd_err *err)
{
	*out = NULL;
	return new_leaf((struct store_filter){ .kind = NODE_ANY, .table = table,
					       .v = { .type = FILTER_TEXT } }, text,
			out, err);
}

/* a & b & c is one level, however it was built. */
static int depth_under(const struct store_filter *child, int kind)
{
	return !child ? 0 : child->kind == (unsigned)kind && kind != NODE_NOT ? child->depth
		: child->depth + 1;
}

static struct store_filter *join(int kind, struct store_filter *a, struct store_filter *b, bool two)
{
	struct store_filter *f = a && (b || !two) ? mem_alloc(sizeof(*f)) : NULL;

	if (!f) {
		filter_free(a);
		filter_free(b);
		return NULL;
	}
	*f = (struct store_filter){ .kind = kind, .table = a->table, .a = a, .b = b };
	f->depth = depth_under(a, kind) > depth_under(b, kind) ? depth_under(a, kind)
		: depth_under(b, kind);
	f->terms = a->terms + (b ? b->terms : 0);
	return f;
}

struct store_filter *filter_and(struct store_filter *a, struct store_filter *b)
{
	return join(NODE_AND, a, b, true);
}

struct store_filter *filter_or(struct store_filter *a, struct store_filter *b)
{
	return join(NODE_OR, a, b, true);
}

struct store_filter *filter_not(struct store_filter *a)
{
	return join(NODE_NOT, a, NULL, false);
}

/* Every condition is 0 or 1, never NULL, so that NOT is its complement. */
static void render_cmp(const struct store_filter *f, const struct store_column *c, int param,
		       struct str *sql)
{
	static const char *const ops[] = {
		[FILTER_EQ] = "IS", [FILTER_NE] = "IS NOT", [FILTER_LT] = "<", [FILTER_LE] = "<=",
		[FILTER_GT] = ">", [FILTER_GE] = ">=",
	};
	const char *expr = f->v.type == FILTER_NUM && c->order ? c->order : c->sql;

	if (f->op == FILTER_HAS)
		str_addf(sql, "coalesce(instr(lower(%s), lower(?%d)) > 0, 0)", expr, param);
	else
		str_addf(sql, "coalesce(%s %s ?%d, 0)", expr, ops[f->op], param);
}

static void render_any(const struct store_column *columns, size_t n, int param, struct str *sql)
{
	const char *sep = "(";

	for (size_t i = 0; i < n; i++) {
		if (columns[i].type != STORE_TEXT)
			continue;
		str_addf(sql, "%scoalesce(instr(lower(%s), lower(?%d)) > 0, 0)", sep,
			 columns[i].sql, param);
		sep = " OR ";
	}
	str_add(sql, ")");
}

static void render(const struct store_filter *f, const struct store_column *columns, size_t n,
		   int *param,
		   struct str *sql);

static void render_side(const struct store_filter *f, const struct store_filter *parent,
			const struct store_column *columns, size_t n, int *param, struct str *sql)
{
	bool bare = f->kind == parent->kind || f->kind == NODE_CMP || f->kind == NODE_ANY;

	str_add(sql, bare ? "" : "(");
	render(f, columns, n, param, sql);
	str_add(sql, bare ? "" : ")");
}

static void render(const struct store_filter *f, const struct store_column *columns, size_t n,
		   int *param,
		   struct str *sql)
{
	switch (f->kind) {
	case NODE_CMP:
		render_cmp(f, &columns[f->column], (*param)++, sql);
		break;
	case NODE_ANY:
		render_any(columns, n, (*param)++, sql);
		break;
	case NODE_AND:
	case NODE_OR:
		render_side(f->a, f, columns, n, param, sql);
		str_add(sql, f->kind == NODE_AND ? " AND " : " OR ");
		render_side(f->b, f, columns, n, param, sql);
		break;
	case NODE_NOT:
		str_add(sql, "NOT ");
		render_side(f->a, f, columns, n, param, sql);
		break;
	}
}

/* One tree, one table: a column index means nothing in another. */
static bool same_table(const struct store_filter *f, const struct store_column *columns)
{
	size_t n;

	return !f || (store_columns(f->table, &n) == columns && same_table(f->a, columns) &&
		      same_table(f->b, columns));
}

int filter_render(const struct store_filter *f, const struct store_column *columns, size_t n,
		  struct str *sql,
		  struct qd_err *err)
{
	int param = FIRST_PARAM;

	if (f->depth > MAX_DEPTH || f->terms > MAX_TERMS)
		return err_set(err, QD_EUSAGE, "filter: %d comparisons nested %d deep, at most %d "
			       "and %d are taken",
			       f->terms, f->depth, MAX_TERMS, MAX_DEPTH);
	if (!same_table(f, columns))
		return err_set(err, QD_EBUG, "filter: made for another table");
	str_add(sql, "(");
	render(f, columns, n, &param, sql);
	str_add(sql, ")");
	return 0;
}

static void bind_value(sqlite3_stmt *s, int at, const struct filter_value *v)
{
	switch (v->type) {
	case FILTER_NULL:
		sqlite3_bind_null(s, at);
		break;
	case FILTER_NUM:
		sqlite3_bind_double(s, at, v->num);
		break;
	case FILTER_TEXT:
		bind_text(s, at, v->text);
		break;
	case FILTER_BOOL:
		sqlite3_bind_int(s, at, v->truth);
		break;
	}
}

static void bind(const struct store_filter *f, sqlite3_stmt *s, int *param)
{
	if (!f)
		return;
	if (f->kind == NODE_CMP || f->kind == NODE_ANY)
		bind_value(s, (*param)++, &f->v);
	bind(f->a, s, param);
	bind(f->b, s, param);
}

void filter_bind(const struct store_filter *f, sqlite3_stmt *s)
{
	int param = FIRST_PARAM;

	bind(f, s, &param);
}
