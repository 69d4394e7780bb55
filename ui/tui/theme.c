/* Tables from style to colour and attributes. */
#include "tui/theme.h"

const struct theme_limits theme_default_limits = { 10, 20 };

/* The focused row is drawn in `selected`, with the style's own colour where that stays readable. */
static const struct theme_look mono[STYLE_COUNT] = {
	[STYLE_TEXT] = { -1, -1, 0 },
	[STYLE_DIM] = { -1, -1, THEME_DIM },
	[STYLE_TITLE] = { -1, -1, THEME_REVERSE },
	[STYLE_TAB] = { -1, -1, 0 },
	[STYLE_TAB_ACTIVE] = { -1, -1, THEME_BOLD | THEME_UNDERLINE },
	[STYLE_HEADER] = { -1, -1, THEME_BOLD },
	[STYLE_HEADER_COL] = { -1, -1, THEME_BOLD | THEME_REVERSE },
	[STYLE_KEY] = { -1, -1, THEME_BOLD },
	[STYLE_GOOD] = { -1, -1, 0 },
	[STYLE_WARN] = { -1, -1, THEME_UNDERLINE },
	[STYLE_BAD] = { -1, -1, THEME_BOLD },
	[STYLE_MATCH] = { -1, -1, THEME_UNDERLINE | THEME_BOLD },
	[STYLE_BAR] = { -1, -1, 0 },
	[STYLE_TAG] = { -1, -1, THEME_BOLD },
	[STYLE_RULE] = { -1, -1, THEME_DIM },
	[STYLE_STATUS] = { -1, -1, 0 },
	[STYLE_ERROR] = { -1, -1, THEME_BOLD },
};

static const struct theme_look eight[STYLE_COUNT] = {
	[STYLE_TEXT] = { -1, -1, 0 },
	[STYLE_DIM] = { -1, -1, THEME_DIM },
	[STYLE_TITLE] = { 7, 4, THEME_BOLD },
	[STYLE_TAB] = { -1, -1, 0 },
	[STYLE_TAB_ACTIVE] = { 6, -1, THEME_BOLD | THEME_UNDERLINE },
	[STYLE_HEADER] = { -1, -1, THEME_BOLD },
	[STYLE_HEADER_COL] = { -1, -1, THEME_BOLD | THEME_REVERSE },
	[STYLE_KEY] = { 6, -1, THEME_BOLD },
	[STYLE_GOOD] = { 2, -1, 0 },
	[STYLE_WARN] = { 3, -1, 0 },
	[STYLE_BAD] = { 1, -1, THEME_BOLD },
	[STYLE_MATCH] = { 0, 3, 0 },
	[STYLE_BAR] = { 6, -1, 0 },
	[STYLE_TAG] = { 5, -1, THEME_BOLD },
	[STYLE_RULE] = { -1, -1, THEME_DIM },
	[STYLE_STATUS] = { -1, -1, 0 },
	[STYLE_ERROR] = { 1, -1, THEME_BOLD },
};

static const struct theme_look sixteen[STYLE_COUNT] = {
	[STYLE_TEXT] = { -1, -1, 0 },
	[STYLE_DIM] = { 8, -1, 0 },
	[STYLE_TITLE] = { 15, 4, THEME_BOLD },
	[STYLE_TAB] = { -1, -1, 0 },
	[STYLE_TAB_ACTIVE] = { 14, -1, THEME_BOLD | THEME_UNDERLINE },
	[STYLE_HEADER] = { -1, -1, THEME_BOLD },
	[STYLE_HEADER_COL] = { -1, -1, THEME_BOLD | THEME_REVERSE },
	[STYLE_KEY] = { 6, -1, THEME_BOLD },
	[STYLE_GOOD] = { 2, -1, 0 },
	[STYLE_WARN] = { 3, -1, 0 },
	[STYLE_BAD] = { 9, -1, THEME_BOLD },
	[STYLE_MATCH] = { 0, 11, 0 },
	[STYLE_BAR] = { 6, -1, 0 },
	[STYLE_TAG] = { 13, -1, THEME_BOLD },
	[STYLE_RULE] = { 8, -1, 0 },
	[STYLE_STATUS] = { -1, -1, 0 },
	[STYLE_ERROR] = { 9, -1, THEME_BOLD },
};

/* Mid-tones of the 6x6x6 cube: readable on black and on white. */
static const struct theme_look many[STYLE_COUNT] = {
	[STYLE_TEXT] = { -1, -1, 0 },
	[STYLE_DIM] = { 244, -1, 0 },
	[STYLE_TITLE] = { 255, 24, THEME_BOLD },
	[STYLE_TAB] = { -1, -1, 0 },
	[STYLE_TAB_ACTIVE] = { 31, -1, THEME_BOLD | THEME_UNDERLINE },
	[STYLE_HEADER] = { -1, -1, THEME_BOLD },
	[STYLE_HEADER_COL] = { -1, -1, THEME_BOLD | THEME_REVERSE },
	[STYLE_KEY] = { 31, -1, THEME_BOLD },
	[STYLE_GOOD] = { 34, -1, 0 },
	[STYLE_WARN] = { 172, -1, 0 },
	[STYLE_BAD] = { 160, -1, THEME_BOLD },
	[STYLE_MATCH] = { 16, 220, 0 },
	[STYLE_BAR] = { 37, -1, 0 },
	[STYLE_TAG] = { 133, -1, THEME_BOLD },
	[STYLE_RULE] = { 244, -1, 0 },
	[STYLE_STATUS] = { -1, -1, 0 },
	[STYLE_ERROR] = { 160, -1, THEME_BOLD },
};

static const struct {
	const struct theme_look *look;
	struct theme_look selected;
} themes[THEME_COUNT] = {
	[THEME_MONO] = { mono, { -1, -1, THEME_REVERSE } },
	[THEME_8] = { eight, { 0, 6, 0 } },
	[THEME_16] = { sixteen, { 0, 14, 0 } },
	[THEME_256] = { many, { 255, 238, 0 } },
};

/* Light variants of the threshold colours, for the dark focused row. */
static int16_t on_dark(uint8_t style)
{
	switch (style) {
	case STYLE_GOOD: return 120;
	case STYLE_WARN: return 221;
	case STYLE_BAD: return 210;
	case STYLE_BAR: return 80;
	case STYLE_TAG: return 219;
	case STYLE_DIM: return 250;
	default: return 255;
	}
}

enum theme_id theme_for(int colors, bool no_color)
{
	if (no_color || colors < 8)
		return THEME_MONO;
	return colors >= 256 ? THEME_256 : colors >= 16 ? THEME_16 : THEME_8;
}

struct theme_look theme_look(enum theme_id t, uint8_t style)
{
	struct theme_look own = themes[t].look[style & ~STYLE_SEL], sel = themes[t].selected;

	if (!(style & STYLE_SEL))
		return own;
	if ((style & ~STYLE_SEL) == STYLE_MATCH && t != THEME_MONO)
		return own;
	if (t == THEME_256)
		sel.fg = on_dark((uint8_t)(style & ~STYLE_SEL));
	sel.attr |= own.attr & (THEME_BOLD | THEME_UNDERLINE);
	return sel;
}

uint8_t theme_db_style(double db, const struct theme_limits *limits)
{
	return db < limits->bad_db ? STYLE_BAD : db < limits->warn_db ? STYLE_WARN : STYLE_GOOD;
}
