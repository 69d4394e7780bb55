/* The JSON report, interface.md 3, and a check of JSON text that comes from a store. */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { SCHEMA = 1, NESTING = 16 };

/* ---- JSON text as stored ---- */

static const char *skip_string(const char *p)
{
	const char *end = p + strlen(p);

	for (p++; *p != '"';) {
		uint32_t cp;
		size_t n = *p ? utf8_next(p, end, &cp) : 0;

		if ((unsigned char)*p < 0x20 || (n == 1 && cp == 0xFFFD))
			return NULL;
		if (*p == '\\' && (!*++p || !strchr("\"\\/bfnrtu", *p)))
			return NULL;
		p += n;
	}
	return p + 1;
}

static const char *skip_digits(const char *p)
{
	size_t n = strspn(p, "0123456789");

	return n ? p + n : NULL;
}

static const char *skip_number(const char *p)
{
	if (*p == '-')
		p++;
	if (*p == '0')
		p++;
	else if (!(p = skip_digits(p)))
		return NULL;
	if (*p == '.' && !(p = skip_digits(p + 1)))
		return NULL;
	if (*p == 'e' || *p == 'E') {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		p = skip_digits(p);
	}
	return p;
}

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

static const char *skip_value(const char *p, int depth);

static const char *skip_array(const char *p, int depth)
{
	p = skip_space(p + 1);
	if (*p == ']')
		return p + 1;
	for (;;) {
		p = skip_value(p, depth + 1);
		if (!p)
			return NULL;
		p = skip_space(p);
		if (*p == ']')
			return p + 1;
		if (*p++ != ',')
			return NULL;
	}
}

static const char *skip_value(const char *p, int depth)
{
	static const char *const words[] = { "null", "true", "false" };

	p = skip_space(p);
	if (depth > NESTING)
		return NULL;
	if (*p == '[')
		return skip_array(p, depth);
	if (*p == '"')
		return skip_string(p);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strncmp(p, words[i], strlen(words[i])))
			return p + strlen(words[i]);
	return skip_number(p);
}

bool json_text_ok(const char *text)
{
	const char *end = skip_value(text, 0);

	return end && !*skip_space(end);
}

/* ---- the report ---- */

static void put_cell(struct json *j, const char *key, const struct store_cell *c)
{
	if (c->null) {
		json_null(j, key);
		return;
	}
	switch (c->type) {
	case STORE_TEXT:
		json_str(j, key, c->text);
		break;
	case STORE_INT:
		json_int(j, key, c->i);
		break;
	case STORE_REAL:
		json_num(j, key, c->num);
		break;
	case STORE_BOOL:
		json_bool(j, key, c->i != 0);
		break;
	case STORE_JSON:
		if (json_text_ok(c->text))
			json_raw(j, key, c->text);
		else
			json_null(j, key);
		break;
	}
}

struct rows { struct json *j; const struct store_column *columns; size_t n; };

static int put_row(void *ctx, const struct store_row *row, struct qd_err *err)
{
	struct rows *t = ctx;

	(void)err;
	json_open(t->j, NULL, '{');
	for (size_t i = 0; i < t->n; i++)
		if (t->columns[i].report)
			put_cell(t->j, t->columns[i].key, &row->cells[i]);
	json_close(t->j, '}');
	return 0;
}

static int put_table(struct report *r, struct json *j, enum store_table table, struct qd_err *err)
{
	struct rows t = { .j = j };
	int rc;

	t.columns = store_columns(table, &t.n);
	json_open(j, store_table_name(table), '[');
	rc = report_each(r, table, put_row, &t, err);
	json_close(j, ']');
	return rc;
}

static void put_model(struct json *j, const char *key, const struct store_model *m, bool format)
{
	json_open(j, key, '{');
	json_str(j, "path", m->path);
	json_str(j, "sha256", m->sha256);
	json_int(j, "opset", m->opset);
	json_int(j, "nodes", m->n_nodes);
	if (format)
		json_str(j, "format", m->format);
	json_close(j, '}');
}

static int put_cpu(struct json *j, const char *features, struct qd_err *err)
{
	const char *p = features;

	json_open(j, "cpu", '[');
	while (*(p += strspn(p, " "))) {
		size_t n = strcspn(p, " ");
		char *one = mem_strndup(p, n);

		if (!one)
			return err_oom(err, "report");
		json_str(j, NULL, one);
		free(one);
		p += n;
	}
	json_close(j, ']');
	return 0;
}

static int put_run(const struct report *r, struct json *j, struct qd_err *err)
{
	int rc;

	json_open(j, "run", '{');
	json_int(j, "id", r->run.id);
	put_model(j, "float", &r->f, false);
	put_model(j, "quant", &r->q, true);
	json_open(j, "data", '{');
	json_str(j, "path", r->data.path);
	json_int(j, "samples", r->run.samples);
	json_str(j, "sha256", r->data.sha256);
	json_close(j, '}');
	json_str(j, "observer", r->run.observer);
	json_str(j, "engine", r->run.engine);
	rc = put_cpu(j, r->run.cpu, err);
	if (rc)
		return rc;
	json_num(j, "seconds", r->run.seconds);
	json_int(j, "peak_rss_bytes", r->run.peak_rss);
	json_close(j, '}');
	return 0;
}

int report_json(struct report *r, struct str *out, struct qd_err *err)
{
	static const enum store_table tables[] = { ST_OUTPUTS, ST_ACTIVATIONS, ST_WEIGHTS, ST_UNMATCHED };
	struct json j;
	int rc;

	json_init(&j, out, 2);
	json_open(&j, NULL, '{');
	json_str(&j, "qdebug", QDEBUG_VERSION);
	json_int(&j, "schema", SCHEMA);
	rc = put_run(r, &j, err);
	for (size_t i = 0; !rc && i < sizeof(tables) / sizeof(tables[0]); i++)
		rc = put_table(r, &j, tables[i], err);
	json_close(&j, '}');
	if (!rc && out->failed)
		rc = err_oom(err, "report");
	return rc;
}
