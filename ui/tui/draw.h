/* tui/draw.h - from the view-model to cells.
 *
 * Same state, same size: same cells.  Nothing is changed but what the view-model has to know of the
 * screen (how many rows are visible, how far a page scrolls), which screen_draw() sets.  One thread.
 */
#ifndef TUI_DRAW_H
#define TUI_DRAW_H

#include "tui/glyph.h"
#include "tui/layout.h"
#include "tui/surface.h"
#include "tui/theme.h"

struct draw {
	struct surface *s;
	const struct glyphs *g;
	const struct theme_limits *limits;
};

/* Tell the view-model the geometry, then draw everything into d->s. */
void screen_draw(const struct draw *d, struct vm_app *app);

/* Pieces. */
void draw_title(const struct draw *d, const struct vm_app *app, int row);
void draw_views(const struct draw *d, const struct vm_app *app, int row);
void draw_list(const struct draw *d, struct vm_app *app, struct rect r);
void draw_status(const struct draw *d, struct vm_app *app, int row);
void draw_hints(const struct draw *d, const struct vm_app *app, int row);

/* Everything about the row under the cursor into a rectangle, from line app->scroll on (page) or 0
 * (pane: the shorter form). Sets app->scroll_max and page_rows for a page. */
void draw_detail(const struct draw *d, struct vm_app *app, struct rect r, bool page);

/* One cell of a list as escaped text of at most `width` cells, right-aligned or lined up on the
 * decimal point for numbers; returns its style. `pos` is the row's position. */
uint8_t draw_value(const struct draw *d, const struct vm_view *v, const struct vm_row *row,
		   int col, size_t pos, int width, char *buf, size_t size);

#endif
