/* vm/views.h - which views there are and which columns they have, as const tables.
 *
 * One column table drives what is fetched, the list header, sorting, filter names, the tensor page
 * and :rows. Immutable; any thread.
 */
#ifndef VM_VIEWS_H
#define VM_VIEWS_H

#include <stdbool.h>
#include <stdint.h>

/* How a value is shown. */
enum vm_kind {
	VM_K_TEXT,      /* cut at the end */
	VM_K_NAME,      /* model text: both ends kept */
	VM_K_INT,
	VM_K_NUM,       /* three significant digits */
	VM_K_DB,
	VM_K_PCT,       /* a fraction; shown and filtered as percent */
	VM_K_FLAG,      /* 0 or 1 */
	VM_K_HIST,      /* hist16 as a small bar chart */
	VM_K_BAR,       /* decibels as a bar, 0 to 60 dB */
	VM_K_ROWNO,     /* position in the list; no stored value */
	VM_K_WHY,       /* what dominates the error; derived from the row (vm_why) */
};

/* A value of a row. Text is borrowed from the window it came with. */
enum vm_type { VM_NULL, VM_INT, VM_REAL, VM_TEXT };
struct vm_value {
	enum vm_type type;
	union { int64_t i; double d; const char *s; };
};

/* Value as a number; false when it is none. */
bool vm_value_number(const struct vm_value *v, double *out);

enum { VM_MAX_COLS = 48 };

struct vm_column {
	const char *key;        /* column of the store's view; NULL = not stored (ROWNO, WHY) */
	const char *alias;      /* short name for filters and :sort */
	const char *title;
	enum vm_kind kind;
	int width;              /* cells in a list; least width of the one flexible column */
	int priority;           /* 1 = dropped last; 0 = only on the page */
};

enum vm_view_id { VM_V_RANK, VM_V_WEIGHTS, VM_V_LAYERS, VM_V_RUNS, VM_V_UNMATCHED, VM_V_LOG,
		 VM_V_HELP, VM_V_COUNT };

enum vm_table { VM_T_ACTIVATION, VM_T_LAYERS, VM_T_WEIGHT, VM_T_UNMATCHED, VM_T_RUNS, VM_T_LOG,
	       VM_T_HELP, VM_T_COUNT };

struct vm_view {
	const char *name;       /* after :view */
	const char *title;
	enum vm_table table;
	unsigned ctx;           /* enum vm_ctx */
	const struct vm_column *cols;
	int n_cols;
	int flexible;           /* column that takes the width left over */
	int sort_col;           /* the column the default order amounts to; -1: none */
	const char *empty;      /* what to say when there are no rows */
};

const struct vm_view *vm_view(enum vm_view_id id);

/* View of a name or of an unambiguous beginning; -1. */
int vm_view_by_name(const char *name);

/* Column by alias or key; -1. */
int vm_view_column(const struct vm_view *v, const char *name);

/* The alias nearest to a wrong name, NULL when none is near. */
const char *vm_view_nearest(const struct vm_view *v, const char *name);

/* Can the store order by it? */
bool vm_column_sortable(const struct vm_column *c);

/* Is it filtered by number (else by text)? */
bool vm_column_numeric(const struct vm_column *c);

/* What dominates the error of a row ("" when unknown). `row` holds the view's columns. One of:
 * exact, zero signal, non-finite, inherited, clipping, rounding, not quantized. Rules, design.md
 * 5's shares not being stored yet: inherited when the quantizer's own (local) error is less than
 * half of the error's energy, that is local SQNR at least 3 dB above; else clipping when RMSE/scale
 * is above 0.5 (pure rounding is 0.289) and values clip. */
const char *vm_why(const struct vm_view *v, const struct vm_value *row);

#endif
