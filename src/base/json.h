/* base/json.h - write JSON into a struct str; commas and escaping are kept right here. One thread. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { JSON_DEPTH = 32 };

struct json {
	struct str *out;
	int depth, indent;            /* containers nested deeper than `indent` stay on one line */
	bool has_item[JSON_DEPTH];
};

void json_init(struct json *j, struct str *out, int indent);
/* key is NULL inside an array and for the root. */
void json_open(struct json *j, const char *key, char bracket);    /* '{' or '[' */
void json_close(struct json *j, char bracket);                    /* '}' or ']' */
void json_str(struct json *j, const char *key, const char *v);    /* v NULL = null; invalid UTF-8 becomes U+FFFD */
void json_num(struct json *j, const char *key, double v);         /* not finite = null */
void json_int(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
void json_raw(struct json *j, const char *key, const char *text); /* text is JSON already */

#endif
