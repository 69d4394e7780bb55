/* Two tables of characters. */
#include "tui/glyph.h"

static const struct glyphs utf8_glyphs = {
	.level = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" },
	.part = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█" },
	.hline = "─", .vline = "│", .tick = "┴", .clip = "┊",
	.up = "▲", .down = "▼",
	.ellipsis = "…", .versus = "⇄", .dot = "·", .to = "…", .none = "–", .cursor = ">",
		.tag = "*",
	.bar_left = "▕", .bar_right = "▏",
	.used = "▪", .unused = "·",
	.top_left = "┌", .top_right = "┐", .bottom_left = "└", .bottom_right = "┘",
};

static const struct glyphs ascii_glyphs = {
	.level = { " ", ".", ":", "-", "=", "+", "*", "%", "#" },
	.part = { " ", " ", " ", " ", "-", "-", "-", "=", "#" },
	.hline = "-", .vline = "|", .tick = "+", .clip = "|",
	.up = "^", .down = "v",
	.ellipsis = "~", .versus = "<>", .dot = "-", .to = "..", .none = "-", .cursor = ">",
		.tag = "*",
	.bar_left = "[", .bar_right = "]",
	.used = "=", .unused = ".",
	.top_left = "+", .top_right = "+", .bottom_left = "+", .bottom_right = "+",
};

const struct glyphs *glyphs_get(bool utf8)
{
	return utf8 ? &utf8_glyphs : &ascii_glyphs;
}
