/* cli/report.h - reports of a stored run: text, JSON (interface.md 3), CSV.
 *
 * Everything is read through store/read.h and store/table.h inside one snapshot; nothing is computed here but the
 * layout.  Text from the store is hostile: it is escaped in text and CSV, and checked to be JSON where it is passed
 * through as JSON.  One thread.
 */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include <stdbool.h>

#include "base/str.h"
#include "store/read.h"
#include "store/table.h"

/* A run with what it refers to. */
struct report {
	struct store *st;               /* borrowed */
	struct store_arena arena;       /* owns the texts */
	struct store_run run;
	struct store_model f, q;
	struct store_dataset data;
	bool color;                     /* text: escape sequences allowed */
	int width;                      /* text: columns to keep to */
};

/* Read run `run_id` (0: the newest finished one, else the newest). Release in any case. QD_EINPUT: there is none. */
QD_NODISCARD int report_load(struct store *st, int64_t run_id, struct report *r, struct qd_err *err);
void report_release(struct report *r);

/* Append the report to out. */
QD_NODISCARD int report_text(struct report *r, struct str *out, struct qd_err *err);
QD_NODISCARD int report_json(struct report *r, struct str *out, struct qd_err *err);
QD_NODISCARD int report_csv(struct report *r, enum store_table table, struct str *out, struct qd_err *err);

/* Which outputs miss a threshold in dB: *missed counts them and `why` (escaped) gets a line for each. */
QD_NODISCARD int report_check(struct report *r, double db, int *missed, struct str *why, struct qd_err *err);

/* Call fn for each row of a table in its default order; a non-zero return ends it and is returned. */
typedef int report_row_fn(void *ctx, const struct store_row *row, struct qd_err *err);
QD_NODISCARD int report_each(struct report *r, enum store_table table, report_row_fn *fn, void *ctx,
			     struct qd_err *err);

/* Cell of a row by key; a static NULL cell when there is no such column. */
const struct store_cell *report_cell(enum store_table table, const struct store_row *row, const char *key);

/* ---- layout of text tables (report_table.c) ---- */

enum { TABLE_COLUMNS = 16 };

struct table_column {
	const char *title;
	bool right;             /* align right */
	bool flex;              /* names: cut in the middle when the table is too wide */
	int drop;               /* 0 keep; else left out when too wide, highest first */
};

struct text_table {
	const struct table_column *columns;
	int n_columns;
	char **cells;           /* n_rows * n_columns, malloc'd texts, already escaped */
	size_t n_cells, cap;
	bool failed;            /* out of memory */
};

void table_init(struct text_table *t, const struct table_column *columns, int n_columns);
void table_add(struct text_table *t, const char *text);                 /* the next cell; escapes it; NULL = "-" */
void table_addf(struct text_table *t, const char *fmt, ...) QD_PRINTF(2, 3);
/* 3 significant digits, or "-" when NAN. */
void table_add_num(struct text_table *t, double v);
void table_add_count(struct text_table *t, double v);                   /* a whole number, or "-" when NAN */
/* Render into `width` columns with `indent` blanks before; titles first. */
void table_render(const struct text_table *t, int indent, int width, bool color, struct str *out);
void table_release(struct text_table *t);

/* Append text cut to `width` cells by taking out its middle ("backbone..conv4/out"). */
void add_elided(struct str *out, const char *text, int width);
/* Append a number with 3 significant digits: "41.2", "0.00417", "1.2e-07", "-128"; "-" for NAN. */
void add_number(struct str *out, double v);
/* Append text as lines of at most `width` cells, each with `indent` blanks before. */
void add_wrapped(struct str *out, const char *text, int indent, int width);

/* JSON text from the store: is it one well-formed value made of numbers, strings, arrays and literals? */
bool json_text_ok(const char *text);

#endif
