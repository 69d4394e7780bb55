/* vm/fmt.h - numbers, names and small bars as text.
 *
 * Results are UTF-8 with glyphs chosen by the caller (ASCII or not).  Buffers are always
 * terminated. Immutable tables; any thread.
 */
#ifndef VM_FMT_H
#define VM_FMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VM_NUM_MAX = 32 };

/* Three significant digits: 0.0417, 6.10, 128, 12345 (never rounded left of the point), 1.23e-5
 * below 1e-4, 1.23e+7 from 1e7. "" when not finite. */
char *vm_fmt_number(double v, char *buf, size_t size);

/* Decibels: three significant digits but at most 2 decimals (6.10, 41.0, 120). */
char *vm_fmt_db(double v, char *buf, size_t size);

/* A fraction as percent without the sign: at most 2 decimals; "<0.01" for what would look like 0
 * but is not, ">99.9" for what would look like 100. */
char *vm_fmt_percent(double fraction, char *buf, size_t size);

/* "0:30", "12:05", "1:02:03" */
char *vm_fmt_seconds(double s, char *buf, size_t size);

/* "1.21 MB" */
char *vm_fmt_bytes(double bytes, char *buf, size_t size);

/* Where the number's decimal point is (cells before it), for lining up a column. */
int vm_fmt_int_cells(const char *number);

/* Escape model text and shorten it to `cells`, keeping both ends ("conv_very…/out_3"); the end gets
 * a little more than half. Wide and combining characters count as shown. Never splits a character.
 * */
char *vm_fmt_name(const char *text, int cells, const char *ellipsis, char *buf, size_t size);

/* As above from text that is escaped already; cuts at the end. */
char *vm_fmt_clip(const char *text, int cells, const char *ellipsis, char *buf, size_t size);

/* A bar of n values as one of the glyphs levels[0..n_levels-1] each; a value above 0 never gets the
 * empty glyph when levels[0] is empty. */
char *vm_fmt_spark(const double *v, int n, const char *const *levels, int n_levels, char *buf,
		   size_t size);

/* 16 hex digits of pair_total.hist16 to `n` <= 16 values 0..15 (pairs are joined by maximum).
 * Returns how many values were written: 0 when the text is not such a histogram. */
int vm_fmt_hist16(const char *hex, double *v, int n);

#endif
