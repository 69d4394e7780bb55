/* base/str.h - growable text with a sticky error, UTF-8 width, escaping.
 *
 * struct str: write any number of pieces, check `failed` once at the end.
 * Model-supplied text (names) is hostile: show it only through str_add_escaped().
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str {
	char *p;        /* NUL-terminated once anything was added; NULL before */
	size_t len;
	size_t cap;
	bool failed;    /* an allocation failed; contents are incomplete */
};

#define STR_INIT { NULL, 0, 0, false }

void str_release(struct str *s);
void str_clear(struct str *s);                     /* keep the memory */
void str_addn(struct str *s, const char *text, size_t n);
void str_add(struct str *s, const char *text);
void str_addc(struct str *s, char c);
void str_addf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *str_take(struct str *s);                     /* owned text ("" if empty), NULL if failed; s is reset */

/* Control bytes, DEL, C1 and bidirectional controls become \n, \t, \xNN or \u{N}; invalid UTF-8 becomes \xNN. */
void str_add_escaped(struct str *s, const char *text);

/* Decode one code point at p (< end); sets *cp (0xFFFD for a bad byte) and returns the bytes used (>= 1). */
size_t utf8_next(const char *p, const char *end, uint32_t *cp);

/* Cells a code point takes: 0 (combining), 1, or 2 (wide). Controls count 0. */
int utf8_cp_width(uint32_t cp);

/* Cells of a whole string. */
int utf8_width(const char *text);

/* Shortest decimal text that reads back the same double ("12", "0.1", "1e-300"); "null" when not finite. */
void str_add_double(struct str *s, double v);

/* Compare naturally: digit runs by value, then bytes. */
int str_natural_cmp(const char *a, const char *b);

/* Edit distance (for "did you mean"); bounded by `max` + 1. */
int str_distance(const char *a, const char *b, int max);

#endif
