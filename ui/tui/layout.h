/* tui/layout.h - where everything goes: a pure function of the screen's size and what is shown. */
#ifndef TUI_LAYOUT_H
#define TUI_LAYOUT_H

#include <stdbool.h>

#include "vm/app.h"

enum { LAYOUT_MIN_ROWS = 10, LAYOUT_MIN_COLS = 40, LAYOUT_WIDE = 150 };

struct rect { int row, col, rows, cols; };

struct layout {
	bool too_small;
	int title, views, status, hints;        /* rows */
	struct rect list;                       /* header line included; rows 0: hidden */
	struct rect detail;                     /* rule line included; rows 0: hidden */
	struct rect page;                       /* likewise */
	bool side_by_side;
};

struct layout layout_of(int rows, int cols, const struct vm_app *app);

/* Columns of a list that fit, in the view's order. */
struct layout_col { int col, x, width; };

/* Choose columns by priority (the column under the cursor and the flexible one always) and their
 * places from x = 0 on; returns how many. `out` has room for VM_MAX_COLS. */
int layout_columns(const struct vm_view *v, int cursor_col, int width, struct layout_col *out);

enum { LAYOUT_MARGIN = 3 };     /* cursor, tag, blank before the first column */

#endif
