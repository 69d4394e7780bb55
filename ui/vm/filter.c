/* Recursive-descent parser of the filter language, and its meaning for a row in memory. */
#include "vm/filter.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

struct parser {
	const struct vm_view *view;
	const char *text, *p;
	struct qd_err *err;
};

/* `what` and `expected` as "at 5: unexpected ..., expected ..." */
static int fail(const struct parser *ps, const char *at, const char *what, const char *expected)
{
	return err_set(ps->err, QD_EUSAGE, "filter, position %d: %s; expected %s",
		       (int)(at - ps->text) + 1, what, expected);
}

static void skip_blanks(struct parser *ps)
{
	ps->p += strspn(ps->p, " \t");
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '#';
}

static int list_columns(const struct parser *ps, const char *at, const char *name)
{
	const char *near = vm_view_nearest(ps->view, name);
	struct str s = STR_INIT;
	int rc;

	for (int i = 0; i < ps->view->n_cols && !near; i++) {
		if (ps->view->cols[i].priority)
			str_addf(&s, "%s%s", s.len ? ", " : "", ps->view->cols[i].alias);
	}
	rc = err_set(ps->err, QD_EUSAGE, "filter, position %d: no column \"%s\" here; %s%s%s",
		     (int)(at - ps->text) + 1, name, near ? "did you mean \"" : "there are ",
		     near ? near : s.p ? s.p : "", near ? "\"?" : "");
	str_release(&s);
	return rc;
}

static int find_column(const struct vm_view *v, const char *name)
{
	int c;

	if (!strcasecmp(name, "tagged"))
		return VM_COL_TAGGED;
	c = vm_view_column(v, name);
	/* "name" is whatever the list is a list of */
	return c < 0 && !strcasecmp(name, "name") ? v->flexible : c;
}

static int parse_column(struct parser *ps, struct vm_cond *c)
{
	const char *at = ps->p;
	char name[64];
	size_t n = 0;

	while (is_name_char(ps->p[n]))
		n++;
	if (!n) {
		char seen[32];

		snprintf(seen, sizeof(seen), *at ? "unexpected \"%.1s\"" : "the end", at);
		return fail(ps, at, seen, "a column, as in sqnr<20");
	}
	if (n >= sizeof(name))
		return fail(ps, at, "a very long name", "a column, as in sqnr<20");
	for (size_t i = 0; i < n; i++)
		name[i] = (char)tolower((unsigned char)at[i]);
	name[n] = '\0';
	ps->p += n;
	c->col = find_column(ps->view, name);
	if (c->col == -1)
		return list_columns(ps, at, name);
	if (c->col >= 0 && !ps->view->cols[c->col].key)
		return fail(ps, at, "this column is computed on the screen",
			    "a stored column, as sqnr or local");
	c->numeric = c->col >= 0 && vm_column_numeric(&ps->view->cols[c->col]);
	return 0;
}

static const struct { const char *text; enum vm_op op; } operators[] = {
	{ "!=", VM_OP_NE }, { "!~", VM_OP_HAS_NOT }, { "<=", VM_OP_LE }, { ">=", VM_OP_GE },
		{ "==", VM_OP_EQ },
	{ "=", VM_OP_EQ }, { "<", VM_OP_LT }, { ">", VM_OP_GT }, { "~", VM_OP_HAS },
};

static bool parse_operator(struct parser *ps, enum vm_op *op)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t n = strlen(operators[i].text);

		if (!strncmp(ps->p, operators[i].text, n)) {
			ps->p += n;
			*op = operators[i].op;
			return true;
		}
	}
	return false;
}

static int parse_word(struct parser *ps, char *out, size_t size)
{
	const char *at = ps->p, *end;
	size_t n;

	if (*at == '"') {
		end = strchr(at + 1, '"');
		if (!end)
			return fail(ps, at, "a quote without an end", "a second \"");
		n = (size_t)(end - at - 1);
		ps->p = end + 1;
		at++;
	} else {
		n = strcspn(at, " \t&");
		if (!n)
			return fail(ps, at, *at ? "nothing before \"&\"" : "the end", "a value");
		ps->p += n;
	}
	if (n >= size)
		return fail(ps, at, "a very long value", "at most 159 bytes");
	memcpy(out, at, n);
	out[n] = '\0';
	return 0;
}

static int parse_value(struct parser *ps, struct vm_cond *c)
{
	const char *at;
	char *end;
	int rc;

	skip_blanks(ps);
	at = ps->p;
	rc = parse_word(ps, c->text, sizeof(c->text));
	if (rc || !c->numeric)
		return rc;
	c->number = strtod(c->text, &end);
	if (*end == '%' || !strcasecmp(end, "dB"))
		end += strlen(end);
	if (end == c->text || *end || !isfinite(c->number))
		return fail(ps, at, "this is no number", "a number, as 20 or 1e-3");
	if (ps->view->cols[c->col].kind == VM_K_PCT)
		c->number /= 100;
	return 0;
}

static int parse_condition(struct parser *ps, struct vm_cond *c)
{
	const char *at;
	bool text_op;
	int rc;

	memset(c, 0, sizeof(*c));
	skip_blanks(ps);
	if (*ps->p == '!') {
		c->negate = true;
		ps->p++;
		skip_blanks(ps);
	}
	rc = parse_column(ps, c);
	if (rc)
		return rc;
	skip_blanks(ps);
	at = ps->p;
	if (!parse_operator(ps, &c->op)) {
		c->op = VM_OP_IS;
		return 0;
	}
	if (c->col == VM_COL_TAGGED)
		return fail(ps, at, "tagged takes no operator", "tagged or !tagged");
	text_op = c->op == VM_OP_HAS || c->op == VM_OP_HAS_NOT;
	if (c->numeric && text_op)
		return fail(ps, at, "\"~\" on a column of numbers", "= != < <= > >=");
	if (!c->numeric && !text_op && c->op != VM_OP_EQ && c->op != VM_OP_NE)
		return fail(ps, at, "an order on a column of text", "= != ~ !~");
	return parse_value(ps, c);
}

static int parse(struct parser *ps, struct vm_filter *out)
{
	for (;;) {
		int rc;

		if (out->n == VM_MAX_CONDS)
			return fail(ps, ps->p, "too many conditions", "at most 16");
		rc = parse_condition(ps, &out->cond[out->n]);
		if (rc)
			return rc;
		out->n++;
		skip_blanks(ps);
		if (!*ps->p)
			return 0;
		if (*ps->p != '&') {
			char seen[32];

			snprintf(seen, sizeof(seen), "unexpected \"%.1s\"", ps->p);
			return fail(ps, ps->p, seen, *ps->p == '|' ?
				    "& (conditions are joined by \"and\" only)" :
					    "an operator (= != < <= > >= ~ !~) or &");
		}
		ps->p += ps->p[1] == '&' ? 2 : 1;
	}
}

int vm_filter_parse(const struct vm_view *v, const char *text, struct vm_filter *out,
		    struct qd_err *err)
{
	struct parser ps = { v, text, text, err };
	int rc;

	out->n = 0;
	skip_blanks(&ps);
	if (!*ps.p)
		return 0;
	rc = parse(&ps, out);
	if (rc)
		out->n = 0;
	return rc;
}

static bool compare(const struct vm_cond *c, int order)
{
	switch (c->op) {
	case VM_OP_EQ: return order == 0;
	case VM_OP_NE: return order != 0;
	case VM_OP_LT: return order < 0;
	case VM_OP_LE: return order <= 0;
	case VM_OP_GT: return order > 0;
	case VM_OP_GE: return order >= 0;
	default: return false;
	}
}

static bool match(const struct vm_cond *c, const struct vm_value *v)
{
	double x;

	if (v->type == VM_NULL)
		return false;
	if (c->op == VM_OP_IS)
		return !vm_value_number(v, &x) || x != 0;
	if (c->numeric)
		return vm_value_number(v, &x) && compare(c, x < c->number ? -1 : x > c->number);
	if (v->type != VM_TEXT)
		return false;
	if (c->op == VM_OP_HAS)
		return strcasestr(v->s, c->text);
	if (c->op == VM_OP_HAS_NOT)
		return !strcasestr(v->s, c->text);
	return compare(c, strcasecmp(v->s, c->text));
}

bool vm_filter_match(const struct vm_filter *f, const struct vm_value *row, bool tagged)
{
	for (int i = 0; i < f->n; i++) {
		const struct vm_cond *c = &f->cond[i];
		bool pass = c->col == VM_COL_TAGGED ? tagged : match(c, &row[c->col]);

		if (pass == c->negate)
			return false;
	}
	return true;
}
