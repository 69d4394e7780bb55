/* CSV (RFC 4180) of one table. */
#include "cli/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *text)
{
	char *end;

	strtod(text, &end);
	return end != text && !*end;
}

/* Cells that a spreadsheet would run as a formula get an apostrophe; quotes where the syntax needs them. */
static void add_field(struct str *out, const char *text)
{
	bool formula = *text && strchr("=+-@\t", *text) && !is_number(text);

	if (!strpbrk(text, ",\"\r\n")) {
		str_addf(out, "%s%s", formula ? "'" : "", text);
		return;
	}
	str_addf(out, "\"%s", formula ? "'" : "");
	for (; *text; text++)
		str_addf(out, *text == '"' ? "\"%c" : "%c", *text);
	str_addc(out, '"');
}

/* A JSON array as "a;b;c", nested ones flattened; other values as they are. */
static void add_joined(struct str *out, const char *json)
{
	bool quoted = false;

	for (const char *p = json; *p; p++) {
		if (quoted && *p == '\\' && p[1]) {
			str_addn(out, p++, 2);
			continue;
		}
		if (*p == '"')
			quoted = !quoted;
		else if (quoted)
			str_addc(out, *p);
		else if (*p == ',')
			str_addc(out, ';');
		else if (!strchr("[] \t\r\n", *p))
			str_addc(out, *p);
	}
}

static void add_cell(struct str *out, const struct store_cell *c)
{
	struct str plain = STR_INIT, text = STR_INIT;

	if (c->null)
		return;
	switch (c->type) {
	case STORE_INT:
		str_addf(&text, "%" PRId64, c->i);
		break;
	case STORE_BOOL:
		str_add(&text, c->i ? "true" : "false");
		break;
	case STORE_REAL:
		str_add_double(&text, c->num);
		break;
	case STORE_JSON:
		add_joined(&plain, c->text);
		str_add_escaped(&text, plain.p ? plain.p : "");
		break;
	case STORE_TEXT:
		str_add_escaped(&text, c->text);
		break;
	}
	if (plain.failed || text.failed)
		out->failed = true;
	else
		add_field(out, text.p ? text.p : "");
	str_release(&plain);
	str_release(&text);
}

struct rows { struct str *out; const struct store_column *columns; size_t n; };

static int put_row(void *ctx, const struct store_row *row, struct qd_err *err)
{
	struct rows *t = ctx;

	(void)err;
	for (size_t i = 0; i < t->n && t->columns[i].report; i++) {
		if (i)
			str_addc(t->out, ',');
		add_cell(t->out, &row->cells[i]);
	}
	str_add(t->out, "\r\n");
	return 0;
}

int report_csv(struct report *r, enum store_table table, struct str *out, struct qd_err *err)
{
	struct rows t = { .out = out };
	int rc;

	t.columns = store_columns(table, &t.n);
	for (size_t i = 0; i < t.n && t.columns[i].report; i++)
		str_addf(out, "%s%s", i ? "," : "", t.columns[i].key);
	str_add(out, "\r\n");
	rc = report_each(r, table, put_row, &t, err);
	return !rc && out->failed ? err_oom(err, "report") : rc;
}
