/* store/table.h - tables as views and reports see them: columns, row ids in order, cells of a row.
 *
 * Row ids are those of `pair` (outputs, activations, layers, weights, unmatched), `run`, and the
 * sample's index (samples).  Cells are typed; a key is the name used in JSON, CSV, sorting and
 * filters.
 */
#ifndef STORE_TABLE_H
#define STORE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

enum store_table {
	ST_OUTPUTS, ST_ACTIVATIONS, ST_WEIGHTS, ST_UNMATCHED,
	ST_LAYERS,                      /* activations in topological order */
	ST_RUNS, ST_SAMPLES, ST_TABLES
};

/* JSON: text that is a JSON number, array or object (scale, zero_point, derived_from). scale and
 * zero_point sort and compare by number (the largest of an array), the others as text. */
enum store_type { STORE_TEXT, STORE_INT, STORE_REAL, STORE_BOOL, STORE_JSON };

struct store_column {
	const char *key;                /* "xmodel_sqnr_db" */
	const char *alias;              /* "sqnr", or NULL: short name for filters */
	enum store_type type;
	/* a key of the JSON report (interface.md 3), in its order; else extra */
	bool report;
	const char *unit;               /* "dB", "bytes", "s", … or "" */
	const char *sql, *order;        /* private to store/ */
};

/* Static table; report keys first. */
const struct store_column *store_columns(enum store_table table, size_t *n);
/* Index by key or alias; -1 when there is none. */
int store_column_find(enum store_table table, const char *name);
/* Nearest key or alias for a "did you mean", NULL when nothing is near. */
const char *store_column_nearest(enum store_table table, const char *name);
const char *store_table_name(enum store_table table);   /* "activations" */

struct store_filter;

struct store_query {
	int sort;                       /* column index; -1 = the table's default order */
	bool descending;                /* NULLs are last in either direction */
	const struct store_filter *where;       /* borrowed; NULL = all */
};

/* Row ids in order. Default orders: activations and weights worst first (zero signal, SQNR
 * ascending, exact, not measured), ties by position, tensor, quantizer position, id; outputs,
 * layers, unmatched by position; runs and samples by id. A sort by column breaks ties by position.
 * run_id is ignored for ST_RUNS. q NULL = all, default. *ids is malloc'd (never NULL on success),
 * free with free(). */
QD_NODISCARD int store_list(struct store *st, int64_t run_id, enum store_table table,
			    const struct store_query *q,
			    int64_t **ids, size_t *n, struct qd_err *err);
QD_NODISCARD int store_count(struct store *st, int64_t run_id, enum store_table table,
			     const struct store_filter *f,
			     size_t *n, struct qd_err *err);

struct store_cell {
	enum store_type type;           /* the column's */
	bool null;
	double num;                     /* INT, BOOL, REAL */
	int64_t i;                      /* INT, BOOL */
	const char *text;               /* TEXT, JSON: NUL-terminated,
		never NULL ("" when null); owned by the row */
};

/* A reusable buffer for one row. */
struct store_row {
	struct store_cell *cells;       /* n = number of columns of the table */
	size_t n, cap;
	char *text;
	size_t text_len, text_cap;
};
#define STORE_ROW_INIT { 0 }
void store_row_release(struct store_row *row);

/* All columns of a row; overwrites what the buffer held. An id that is not there is QD_EINPUT
 * (row->n = 0). */
QD_NODISCARD int store_cells(struct store *st, int64_t run_id, enum store_table table, int64_t id,
			     struct store_row *row, struct qd_err *err);

#endif
