/* The cell grid.  Knows widths of characters; no colours, no views. */
#include "tui/surface.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vm/keymap.h"

static const char letters[] = ".dtvahcKgwbmrTusE";

_Static_assert(sizeof(letters) - 1 == STYLE_COUNT, "one letter for each style");

bool surface_resize(struct surface *s, int rows, int cols)
{
	struct cell *cells = mem_array((size_t)rows * (size_t)cols, sizeof(*cells));

	if (!cells)
		return false;
	free(s->cells);
	*s = (struct surface){ rows, cols, cells, -1, 0, s->ascii };
	surface_clear(s);
	return true;
}

void surface_release(struct surface *s)
{
	free(s->cells);
	memset(s, 0, sizeof(*s));
}

void surface_clear(struct surface *s)
{
	static const struct cell blank = { ' ', { 0, 0 }, STYLE_TEXT };

	for (int i = 0; i < s->rows * s->cols; i++)
		s->cells[i] = blank;
	s->cursor_row = -1;
}

struct cell *surface_at(const struct surface *s, int row, int col)
{
	return &s->cells[row * s->cols + col];
}

/* Overwriting half of a wide character blanks the other half. */
static void put(struct surface *s, int row, int col, uint32_t cp, uint8_t style)
{
	struct cell *c = surface_at(s, row, col);

	if (c->cp == 0 && col > 0)
		surface_at(s, row, col - 1)->cp = ' ';
	if (cp && col + 1 < s->cols && surface_at(s, row, col + 1)->cp == 0)
		surface_at(s, row, col + 1)->cp = ' ';
	*c = (struct cell){ cp, { 0, 0 }, style };
}

static void put_mark(struct surface *s, int row, int col, uint32_t cp)
{
	struct cell *c = surface_at(s, row, col);

	if (!c->mark[0])
		c->mark[0] = cp;
	else if (!c->mark[1])
		c->mark[1] = cp;
}

int surface_text(struct surface *s, int row, int col, int max, const char *text, uint8_t style)
{
	const char *end = text + strlen(text);
	int used = 0, base = -1;

	if (row < 0 || row >= s->rows || col < 0)
		return 0;
	if (max > s->cols - col)
		max = s->cols - col;
	while (text < end) {
		uint32_t cp;
		int w;

		text += utf8_next(text, end, &cp);
		w = utf8_cp_width(cp);
		if (w == 0) {
			if (base >= 0 && cp >= 0x300 && !s->ascii)
				put_mark(s, row, base, cp);
			continue;
		}
		if (used + w > max)
			break;
		base = col + used;
		put(s, row, base, s->ascii && cp >= 0x80 ? '?' : cp, style);
		if (w == 2) {
			put(s, row, base + 1, ' ', style);
			surface_at(s, row, base + 1)->cp = s->ascii ? '?' : 0;
		}
		used += w;
	}
	return used;
}

void surface_fill(struct surface *s, int row, int col, int n, const char *glyph, uint8_t style)
{
	for (int i = 0; i < n; i++)
		surface_text(s, row, col + i, 1, glyph, style);
}

void surface_restyle(struct surface *s, int row, int col, int n, uint8_t style)
{
	for (int i = col < 0 ? -col : 0; i < n && col + i < s->cols && row >= 0 && row < s->rows;
	i++)
		surface_at(s, row, col + i)->style = style;
}

void surface_or_style(struct surface *s, int row, int col, int n, uint8_t bits)
{
	for (int i = col < 0 ? -col : 0; i < n && col + i < s->cols && row >= 0 && row < s->rows;
	i++)
		surface_at(s, row, col + i)->style |= bits;
}

void surface_copy(struct surface *to, int row, int col, const struct surface *from, int from_row,
		  int from_col, int rows, int cols)
{
	for (int r = 0; r < rows && row + r < to->rows && from_row + r < from->rows; r++) {
		for (int c = 0; c < cols && col + c < to->cols && from_col + c < from->cols; c++)
			*surface_at(to, row + r, col + c) = *surface_at(from, from_row + r,
				from_col + c);
	}
}

static void add_cp(struct str *out, uint32_t cp)
{
	char utf8[4];

	str_addn(out, utf8, vm_key_utf8((int)cp, utf8));
}

static int last_used(const struct surface *s, int row)
{
	int last = s->cols;

	while (last > 0 && surface_at(s, row, last - 1)->cp == ' ')
		last--;
	return last;
}

void surface_dump_text(const struct surface *s, struct str *out)
{
	for (int r = 0; r < s->rows; r++) {
		int n = last_used(s, r);

		for (int c = 0; c < n; c++) {
			const struct cell *x = surface_at(s, r, c);

			if (!x->cp)
				continue;
			add_cp(out, x->cp);
			for (int m = 0; m < 2 && x->mark[m]; m++)
				add_cp(out, x->mark[m]);
		}
		str_addc(out, '\n');
	}
}

void surface_dump_style(const struct surface *s, struct str *out)
{
	for (int r = 0; r < s->rows; r++) {
		for (int c = 0; c < s->cols; c++) {
			uint8_t style = surface_at(s, r, c)->style;
			char letter = letters[style & ~STYLE_SEL];

			if (style & STYLE_SEL)
				letter = letter == '.' ? ':' :
					(char)(letter >= 'a' ? letter - 32 : letter);
			str_addc(out, letter);
		}
		str_addc(out, '\n');
	}
}
