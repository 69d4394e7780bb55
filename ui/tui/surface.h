/* tui/surface.h - a grid of cells that views draw into and a terminal (or a file) shows.
 *
 * Every write is clipped to the grid. A wide character takes two cells and is never halved. One
 * thread.
 */
#ifndef TUI_SURFACE_H
#define TUI_SURFACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* What a cell means; tui/theme.h says how that looks. STYLE_SEL is added on the focused row. */
enum style {
	STYLE_TEXT, STYLE_DIM, STYLE_TITLE, STYLE_TAB, STYLE_TAB_ACTIVE, STYLE_HEADER,
		STYLE_HEADER_COL,
	STYLE_KEY, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLE_MATCH, STYLE_BAR, STYLE_TAG, STYLE_RULE,
	STYLE_STATUS, STYLE_ERROR,
	STYLE_COUNT,
	STYLE_SEL = 0x40,
};

struct cell {
	uint32_t cp;            /* 0: right half of a wide character */
	uint32_t mark[2];       /* combining characters, 0 = none */
	uint8_t style;
};

struct surface {
	int rows, cols;
	struct cell *cells;     /* rows * cols */
	int cursor_row, cursor_col;     /* where the hardware cursor goes; row -1: hidden */
	bool ascii;             /* other characters are drawn as ? */
};

/* Blank grid; false when out of memory (the surface is then unchanged). Resizing drops the
 * contents. */
bool surface_resize(struct surface *s, int rows, int cols);
void surface_release(struct surface *s);
void surface_clear(struct surface *s);

/* Cell at a place inside the grid. */
struct cell *surface_at(const struct surface *s, int row, int col);

/* Write escaped UTF-8 from (row, col), at most `max` cells; returns the cells used. What does not
 * fit is cut. */
int surface_text(struct surface *s, int row, int col, int max, const char *text, uint8_t style);

/* n cells of one glyph (1 cell wide). */
void surface_fill(struct surface *s, int row, int col, int n, const char *glyph, uint8_t style);

/* Change styles of what stands there. or_style adds bits (STYLE_SEL). */
void surface_restyle(struct surface *s, int row, int col, int n, uint8_t style);
void surface_or_style(struct surface *s, int row, int col, int n, uint8_t bits);

/* Copy a rectangle. */
void surface_copy(struct surface *to, int row, int col, const struct surface *from, int from_row,
		  int from_col, int rows, int cols);

/* The grid as text, one line a row without blanks at the end; and one letter a cell for its style
 * ('.' text, lower case, upper case on the focused row). */
void surface_dump_text(const struct surface *s, struct str *out);
void surface_dump_style(const struct surface *s, struct str *out);

#endif
