/* tui/glyph.h - the characters screens are drawn with: UTF-8, or ASCII where the terminal has no
 * more. Immutable; any thread. */
#ifndef TUI_GLYPH_H
#define TUI_GLYPH_H

#include <stdbool.h>

enum { GLYPH_LEVELS = 9 };

struct glyphs {
	const char *level[GLYPH_LEVELS];        /* empty … full */
	const char *part[GLYPH_LEVELS];  /* a bar's last cell, from the left */
	const char *hline, *vline, *tick, *clip;
	const char *up, *down;                  /* sort marks */
	const char *ellipsis, *versus, *dot, *to, *none, *cursor, *tag;
	const char *bar_left, *bar_right;
	const char *used, *unused;              /* codes */
	const char *top_left, *top_right, *bottom_left, *bottom_right;
};

const struct glyphs *glyphs_get(bool utf8);

#endif
