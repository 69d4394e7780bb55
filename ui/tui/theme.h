/* tui/theme.h - how a style looks, by what the terminal can do.  Knows no curses.
 * Colour only repeats what words, marks or numbers say.  Immutable; any thread. */
#ifndef TUI_THEME_H
#define TUI_THEME_H

#include <stdint.h>

#include "tui/surface.h"

enum theme_id { THEME_MONO, THEME_8, THEME_16, THEME_256, THEME_COUNT };

enum theme_attr { THEME_BOLD = 1, THEME_DIM = 2, THEME_REVERSE = 4, THEME_UNDERLINE = 8 };

struct theme_look {
	int16_t fg, bg;         /* colour number, -1: the terminal's own */
	uint8_t attr;           /* enum theme_attr */
};

/* Thresholds of decibels. */
struct theme_limits { double bad_db, warn_db; };

/* For a number of colours (0: none); no_color: mono whatever the terminal can. */
enum theme_id theme_for(int colors, bool no_color);

struct theme_look theme_look(enum theme_id t, uint8_t style);

/* STYLE_BAD, STYLE_WARN or STYLE_GOOD. */
uint8_t theme_db_style(double db, const struct theme_limits *limits);

extern const struct theme_limits theme_default_limits;

#endif
