/* JSON writer. */
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

void json_init(struct json *j, struct str *out, int indent)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
	j->indent = indent;
}

static void add_quoted(struct str *s, const char *v)
{
	const char *end = v + strlen(v);

	str_addc(s, '"');
	while (v < end) {
		uint32_t cp;
		size_t n = utf8_next(v, end, &cp);

		if (cp == '"' || cp == '\\')
			str_addf(s, "\\%c", (int)cp);
		else if (cp < 0x20 || cp == 0x7F)
			str_addf(s, "\\u%04x", (unsigned)cp);
		else if (n == 1 && cp == 0xFFFD)
			str_add(s, "\\ufffd");
		else
			str_addn(s, v, n);
		v += n;
	}
	str_addc(s, '"');
}

/* Comma, line break and key before a value. */
static void lead(struct json *j, const char *key)
{
	int d = j->depth < JSON_DEPTH ? j->depth : JSON_DEPTH - 1;

	if (d > 0) {
		if (j->has_item[d])
			str_addc(j->out, ',');
		if (d <= j->indent)
			str_addf(j->out, "\n%*s", 2 * d, "");
		else if (j->has_item[d])
			str_addc(j->out, ' ');
		j->has_item[d] = true;
	}
	if (key) {
		add_quoted(j->out, key);
		str_add(j->out, ": ");
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	lead(j, key);
	str_addc(j->out, bracket);
	if (++j->depth < JSON_DEPTH)
		j->has_item[j->depth] = false;
}

void json_close(struct json *j, char bracket)
{
	bool had = j->depth < JSON_DEPTH && j->has_item[j->depth];

	if (had && j->depth <= j->indent)
		str_addf(j->out, "\n%*s", 2 * (j->depth - 1), "");
	j->depth--;
	str_addc(j->out, bracket);
	if (j->depth == 0)
		str_addc(j->out, '\n');
}

void json_str(struct json *j, const char *key, const char *v)
{
	if (!v) {
		json_null(j, key);
		return;
	}
	lead(j, key);
	add_quoted(j->out, v);
}

void json_num(struct json *j, const char *key, double v)
{
	lead(j, key);
	str_add_double(j->out, v);
}

void json_int(struct json *j, const char *key, int64_t v)
{
	lead(j, key);
	str_addf(j->out, "%" PRId64, v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	json_raw(j, key, v ? "true" : "false");
}

void json_null(struct json *j, const char *key)
{
	json_raw(j, key, "null");
}

void json_raw(struct json *j, const char *key, const char *text)
{
	lead(j, key);
	str_add(j->out, text);
}
