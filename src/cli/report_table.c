/* Aligned text tables: widths, names cut in the middle, columns left out when the line is too short. */
#include "cli/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { GAP = 2, FLEX_FAIR = 32, FLEX_MIN = 12 };  /* names keep FAIR while there are columns to leave out */

void add_number(struct str *out, double v)
{
	double a = fabs(v);
	char text[40];

	if (isnan(v)) {
		str_addc(out, '-');
		return;
	}
	/* %g would write 1234 as 1.23e+03 and 41.0 as 41 */
	if (a >= 100 && a < 1e7)
		snprintf(text, sizeof(text), "%.0f", v);
	else if (a >= 10 && a < 100)
		snprintf(text, sizeof(text), "%.1f", v);
	else if (a >= 1 && a < 10)
		snprintf(text, sizeof(text), "%.2f", v);
	else if (a > 0 && isfinite(v))
		snprintf(text, sizeof(text), "%#.3g", v);
	else
		snprintf(text, sizeof(text), "%g", v);
	str_add(out, text);
}

void add_wrapped(struct str *out, const char *text, int indent, int width)
{
	int at = 0;

	while (*text) {
		size_t n = strcspn(text, " ");
		char *word = mem_strndup(text, n);
		int cells = word ? utf8_width(word) : 0;

		if (at && at + 1 + cells > width) {
			str_addc(out, '\n');
			at = 0;
		}
		if (at)
			str_addc(out, ' ');
		else
			str_addf(out, "%*s", indent, "");
		at += cells + (at ? 1 : indent);
		str_add(out, word ? word : "");
		free(word);
		text += n + (text[n] == ' ');
	}
	str_addc(out, '\n');
}

/* Bytes of text that fill at most `width` cells from its start. */
static size_t head_bytes(const char *text, int width)
{
	const char *p = text, *end = text + strlen(text);

	while (p < end) {
		uint32_t cp;
		size_t n = utf8_next(p, end, &cp);

		width -= utf8_cp_width(cp);
		if (width < 0)
			break;
		p += n;
	}
	return (size_t)(p - text);
}

void add_elided(struct str *out, const char *text, int width)
{
	int total = utf8_width(text), head = (width - 2) / 2, tail = width - 2 - head;
	size_t skip;

	if (total <= width) {
		str_add(out, text);
		return;
	}
	if (width < 5) {
		str_addn(out, text, head_bytes(text, width));
		return;
	}
	str_addn(out, text, head_bytes(text, head));
	str_add(out, "..");
	/* a wide character may straddle the cut: then one cell less is shown */
	skip = head_bytes(text, total - tail);
	if (utf8_width(text + skip) > tail)
		skip = head_bytes(text, total - tail + 1);
	str_add(out, text + skip);
}

void table_init(struct text_table *t, const struct table_column *columns, int n_columns)
{
	*t = (struct text_table){ .columns = columns, .n_columns = n_columns };
}

static void add_owned(struct text_table *t, char *text)
{
	if (!text || !mem_grow(&t->cells, &t->cap, t->n_cells + 1, sizeof(*t->cells))) {
		free(text);
		t->failed = true;
		return;
	}
	t->cells[t->n_cells++] = text;
}

void table_add(struct text_table *t, const char *text)
{
	struct str s = STR_INIT;

	str_add_escaped(&s, text ? text : "-");
	add_owned(t, str_take(&s));
}

void table_addf(struct text_table *t, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_add(t, text);
}

void table_add_num(struct text_table *t, double v)
{
	struct str s = STR_INIT;

	add_number(&s, v);
	add_owned(t, str_take(&s));
}

void table_add_count(struct text_table *t, double v)
{
	if (isnan(v))
		table_add(t, NULL);
	else
		table_addf(t, "%.0f", v);
}

/* A width for each column, 0 = left out. */
static void fit(const struct text_table *t, int width, int *w)
{
	int total = -GAP;

	for (int c = 0; c < t->n_columns; c++) {
		w[c] = utf8_width(t->columns[c].title);
		for (size_t i = (size_t)c; i < t->n_cells; i += (size_t)t->n_columns) {
			int cell = utf8_width(t->cells[i]);

			if (cell > w[c])
				w[c] = cell;
		}
		total += w[c] + GAP;
	}
	while (total > width) {
		int widest = -1, drop = -1;

		for (int c = 0; c < t->n_columns; c++) {
			if (w[c] && t->columns[c].flex && w[c] > FLEX_FAIR && (widest < 0 || w[c] > w[widest]))
				widest = c;
			if (w[c] && t->columns[c].drop && (drop < 0 || t->columns[c].drop > t->columns[drop].drop))
				drop = c;
		}
		if (widest < 0 && drop < 0)
			for (int c = 0; c < t->n_columns; c++)
				if (t->columns[c].flex && w[c] > FLEX_MIN && (widest < 0 || w[c] > w[widest]))
					widest = c;
		if (widest >= 0) {
			w[widest]--;
			total--;
		} else if (drop >= 0) {
			total -= w[drop] + GAP;
			w[drop] = 0;
		} else {
			break;
		}
	}
}

static void add_padding(struct str *out, int n)
{
	if (n > 0)
		str_addf(out, "%*s", n, "");
}

static void render_row(const struct text_table *t, char *const *cells, const int *w, int indent, struct str *out)
{
	int owed = indent;      /* blanks before the next text: none are left at the end of a line */

	for (int c = 0; c < t->n_columns; c++) {
		const char *text = cells ? cells[c] : t->columns[c].title;
		struct str cut = STR_INIT;
		int room;

		if (!w[c])
			continue;
		add_elided(&cut, text, w[c]);
		room = w[c] - utf8_width(cut.p ? cut.p : "");
		add_padding(out, owed + (t->columns[c].right ? room : 0));
		str_add(out, cut.p ? cut.p : "");
		owed = GAP + (t->columns[c].right ? 0 : room);
		str_release(&cut);
	}
	str_addc(out, '\n');
}

void table_render(const struct text_table *t, int indent, int width, bool color, struct str *out)
{
	int w[TABLE_COLUMNS];

	if (t->failed) {
		out->failed = true;
		return;
	}
	fit(t, width - indent, w);
	if (color)
		str_add(out, "\033[2m");
	render_row(t, NULL, w, indent, out);
	if (color)
		str_add(out, "\033[0m");
	for (size_t i = 0; i + (size_t)t->n_columns <= t->n_cells; i += (size_t)t->n_columns)
		render_row(t, t->cells + i, w, indent, out);
}

void table_release(struct text_table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct text_table){ 0 };
}
