/* Everything about one row: fields, histogram with clip lines and codes, channels, worst samples.
 *
 * Drawn into a tall scratch surface first, so that scrolling is a copy. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw.h"
#include "vm/fmt.h"

enum { TALL = 400, MAX_BINS = 256, TEXT_MAX = 1024 };

/* Codes are counted in doubles; a store may claim anything. No quantized type has more bits. */
static const double MAX_CODE = 4294967296.0;

struct pane {
	struct draw d;          /* into the scratch surface */
	const struct vm_view *v;
	const struct vm_row *row;
	const struct vm_detail *detail; /* NULL: fields only */
	int y, x, cols;         /* next line; text goes from column 1 to cols - 1 */
	int rows;               /* of the window onto it */
	size_t pos;
	bool page;
};

static bool number(const struct pane *p, const char *key, double *out)
{
	int c = vm_view_column(p->v, key);
	char *end;

	if (c < 0)
		return false;
	if (vm_value_number(&p->row->v[c], out))
		return isfinite(*out);
	/* scale and zero point are JSON: a number here, or an array that is none */
	if (p->row->v[c].type != VM_TEXT)
		return false;
	*out = strtod(p->row->v[c].s, &end);
	return end != p->row->v[c].s && !*end && isfinite(*out);
}

static void newline(struct pane *p)
{
	if (p->x > 1 && p->y < TALL - 1)
		p->y++;
	p->x = 1;
}

/* "label value", flowing into lines. */
static void field(struct pane *p, const char *label, const char *value, uint8_t style)
{
	int lw = utf8_width(label), need = lw + 1 + utf8_width(value);

	if (p->x > 1 && p->x + need > p->cols - 1)
		newline(p);
	surface_text(p->d.s, p->y, p->x, p->cols - p->x, label, STYLE_DIM);
	surface_text(p->d.s, p->y, p->x + lw + 1, p->cols - p->x - lw - 1, value, style);
	p->x += need + 3;
}

/* A column of the view as text without padding. */
static uint8_t column_text(struct pane *p, int col, int width, char *buf, size_t size)
{
	uint8_t style = draw_value(&p->d, p->v, p->row, col, p->pos, width, buf, size);
	size_t n = strspn(buf, " ");

	memmove(buf, buf + n, strlen(buf + n) + 1);
	return style;
}

static void column_field(struct pane *p, const char *key, const char *label, const char *unit)
{
	int c = vm_view_column(p->v, key);
	char text[TEXT_MAX], value[TEXT_MAX + 8];
	uint8_t style;
	bool is_db;

	if (c < 0 || (p->row->v[c].type == VM_NULL && p->v->cols[c].kind != VM_K_DB))
		return;
	is_db = p->v->cols[c].kind == VM_K_DB;
	style = column_text(p, c, is_db ? 12 : p->cols - 2 - utf8_width(label), text, sizeof(text));
	if (p->row->v[c].type == VM_NULL && !strcmp(text, p->d.g->none))
		return;
	snprintf(value, sizeof(value), "%s%s%s", text, *unit && p->row->v[c].type != VM_NULL ?
		 " " : "", p->row->v[c].type != VM_NULL ? unit : "");
	field(p, label, value, style);
}

static void range_field(struct pane *p, const char *label, const char *lo_key, const char *hi_key)
{
	char lo[VM_NUM_MAX], hi[VM_NUM_MAX], text[100];
	double a, b;

	if (!number(p, lo_key, &a) || !number(p, hi_key, &b))
		return;
	snprintf(text, sizeof(text), "%s %s %s", vm_fmt_number(a, lo, sizeof(lo)), p->d.g->to,
		 vm_fmt_number(b, hi, sizeof(hi)));
	field(p, label, text, STYLE_TEXT);
}

static void codes_field(struct pane *p)
{
	double used, of;
	char text[64];

	if (!number(p, "codes_used", &used))
		return;
	if (number(p, "codes_available", &of))
		snprintf(text, sizeof(text), "%.0f of %.0f", used, of);
	else
		snprintf(text, sizeof(text), "%.0f", used);
	field(p, "codes used", text, STYLE_TEXT);
}

static void summary(struct pane *p)
{
	const char *why = vm_why(p->v, p->row->v);

	column_field(p, "xmodel_sqnr_db", "SQNR", "dB");
	column_field(p, "sqnr_db", "SQNR", "dB");
	column_field(p, "local_sqnr_db", "local", "dB");
	column_field(p, "clipped_fraction", "clipped", "%");
	codes_field(p);
	if (*why && vm_view_column(p->v, "xmodel_sqnr_db") >= 0)
		field(p, "error mostly", why, STYLE_TEXT);
	newline(p);
	column_field(p, "op", "op", "");
	column_field(p, "qtype", "type", "");
	column_field(p, "scale", "scale", "");
	column_field(p, "zero_point", "zero point", "");
	range_field(p, "float", "float_min", "float_max");
	range_field(p, "quantized", "quant_min", "quant_max");
	newline(p);
}

/* --- histogram -------------------------------------------------------------------- */

struct axis {
	double lo, hi;          /* drawn range */
	double clip_lo, clip_hi;        /* what the quantizer can represent */
	double scale, zero, qmin;
	bool has_grid;
	int n;                  /* columns */
};

static bool find_axis(struct pane *p, struct axis *a)
{
	const struct vm_detail *d = p->detail;
	double qmax;

	memset(a, 0, sizeof(*a));
	if (!number(p, "float_min", &a->lo) || !number(p, "float_max", &a->hi)) {
		a->lo = d->first_edge;
		a->hi = d->first_edge + (double)d->n_bins * d->bin_width;
	}
	if (number(p, "scale", &a->scale) && number(p, "zero_point", &a->zero) &&
	    number(p, "qmin", &a->qmin) && number(p, "qmax", &qmax) && a->scale > 0 &&
	    fabs(a->zero) < MAX_CODE && fabs(a->qmin) < MAX_CODE && fabs(qmax) < MAX_CODE) {
		/* a value reaches half a step beyond the last code before it is clipped */
		a->clip_lo = (a->qmin - a->zero - 0.5) * a->scale;
		a->clip_hi = (qmax - a->zero + 0.5) * a->scale;
		a->has_grid = true;
		a->lo = a->clip_lo < a->lo ? a->clip_lo : a->lo;
		a->hi = a->clip_hi > a->hi ? a->clip_hi : a->hi;
	}
	a->n = p->cols - 4 > MAX_BINS ? MAX_BINS : p->cols - 4;
	return a->n >= 8 && a->hi > a->lo && isfinite(a->lo) && isfinite(a->hi);
}

static int column_of(const struct axis *a, double x)
{
	double c = (x - a->lo) / (a->hi - a->lo) * a->n;

	return c < 0 ? 0 : c > a->n - 1 ? a->n - 1 : (int)c;
}

static bool is_clipped(const struct axis *a, int col)
{
	double mid = a->lo + (col + 0.5) * (a->hi - a->lo) / a->n;

	return a->has_grid && (mid < a->clip_lo || mid > a->clip_hi);
}

static void draw_bins(struct pane *p, const struct axis *a, const double *bins, int rows)
{
	double top = 0;

	for (int i = 0; i < a->n; i++)
		top = bins[i] > top ? bins[i] : top;
	for (int i = 0; i < a->n; i++) {
		/* counts span decades: the tails are what one looks for */
		double h = bins[i] > 0 && top > 0 ? log1p(bins[i]) / log1p(top) * rows * 8 : 0;
		int eighths = bins[i] > 0 && h < 1 ? 1 : (int)lround(h);

		for (int r = 0; r < rows; r++) {
			int k = eighths - (rows - 1 - r) * 8;

			if (k > 0)
				surface_text(p->d.s, p->y + r, 2 + i, 1,
					     p->d.g->level[k > 8 ? 8 : k], is_clipped(a, i) ?
						     STYLE_BAD : STYLE_BAR);
		}
	}
}

static void draw_clip_line(struct pane *p, int col, int rows)
{
	for (int r = 0; r < rows; r++) {
		if (surface_at(p->d.s, p->y + r, 2 + col)->cp == ' ')
			surface_text(p->d.s, p->y + r, 2 + col, 1, p->d.g->clip, STYLE_WARN);
	}
}

/* Codes per tick: so that ticks stand at least 4 columns apart. */
static double tick_codes(const struct axis *a)
{
	double codes = 1;

	while (codes * a->scale / (a->hi - a->lo) * a->n < 4)
		codes *= 2;
	return codes;
}

static void draw_grid(struct pane *p, const struct axis *a)
{
	surface_fill(p->d.s, p->y, 2, a->n, p->d.g->hline, STYLE_RULE);
	if (a->has_grid) {
		double every = tick_codes(a);

		for (double c = a->qmin; (c - a->zero) * a->scale <= a->clip_hi; c += every)
			surface_text(p->d.s, p->y, 2 + column_of(a, (c - a->zero) * a->scale), 1,
				     p->d.g->tick, STYLE_RULE);
		surface_text(p->d.s, p->y, 2 + column_of(a, a->clip_lo), 1, p->d.g->vline,
			     STYLE_WARN);
		surface_text(p->d.s, p->y, 2 + column_of(a, a->clip_hi), 1, p->d.g->vline,
			     STYLE_WARN);
	}
	p->y++;
}

/* Which codes occur, under the column each falls into. */
static void draw_codes(struct pane *p, const struct axis *a)
{
	for (int c = 0; c < 256; c++) {
		double x = (a->qmin + c - a->zero) * a->scale;
		int col = column_of(a, x);
		bool used = p->detail->codes[c / 8] >> c % 8 & 1;

		if (x > a->clip_hi)
			break;
		if (used)
			surface_text(p->d.s, p->y, 2 + col, 1, p->d.g->used, STYLE_BAR);
		else if (surface_at(p->d.s, p->y, 2 + col)->cp == ' ')
			surface_text(p->d.s, p->y, 2 + col, 1, p->d.g->unused, STYLE_WARN);
	}
	p->y++;
}

static void label_axis(struct pane *p, const struct axis *a)
{
	char lo[VM_NUM_MAX], hi[VM_NUM_MAX], c1[VM_NUM_MAX], c2[VM_NUM_MAX], text[200];
	int w;

	vm_fmt_number(a->lo, lo, sizeof(lo));
	vm_fmt_number(a->hi, hi, sizeof(hi));
	surface_text(p->d.s, p->y, 2, a->n, lo, STYLE_DIM);
	surface_text(p->d.s, p->y, 2 + a->n - (int)strlen(hi), a->n, hi, STYLE_DIM);
	if (a->has_grid) {
		snprintf(text, sizeof(text), "clips at %s and %s, tick = %.0f code%s",
			 vm_fmt_number(a->clip_lo, c1, sizeof(c1)),
				 vm_fmt_number(a->clip_hi, c2, sizeof(c2)),
			 tick_codes(a), tick_codes(a) > 1 ? "s" : "");
		w = utf8_width(text);
		if (w + (int)strlen(lo) + (int)strlen(hi) + 4 <= a->n)
			surface_text(p->d.s, p->y, 2 + (a->n - w) / 2, w, text, STYLE_DIM);
	}
	p->y++;
}

static void histogram(struct pane *p)
{
	double bins[MAX_BINS];
	int rows = p->page ? 8 : p->rows - p->y - 3;    /* title, axis and labels around it */
	struct axis a;

	if (!p->detail || !p->detail->has_hist || !find_axis(p, &a))
		return;
	rows = rows < 2 ? 2 : rows > 4 && !p->page ? 4 : rows;
	vm_detail_rebin(p->detail, a.lo, a.hi, bins, a.n);
	surface_text(p->d.s, p->y++, 1, p->cols, p->v->table == VM_T_WEIGHT ?
		     "histogram of the float weight (log scale)" :
			     "histogram of the float values (log scale)", STYLE_DIM);
	draw_bins(p, &a, bins, rows);
	if (a.has_grid) {
		draw_clip_line(p, column_of(&a, a.clip_lo), rows);
		draw_clip_line(p, column_of(&a, a.clip_hi), rows);
	}
	p->y += rows;
	draw_grid(p, &a);
	if (a.has_grid && p->detail->has_codes && p->page)
		draw_codes(p, &a);
	label_axis(p, &a);
}

/* --- channels and samples ------------------------------------------------------------ */

/* Height shows the error: 60 dB and above is nothing, 0 dB is full. */
static double badness(double db)
{
	if (isnan(db) || db == INFINITY)
		return 0;
	return db <= 0 ? 60 : db >= 59 ? 1 : 60 - db;
}

static void channel_bars(struct pane *p, int rows)
{
	const struct vm_detail *d = p->detail;
	int room = p->cols - 4, n = d->n_channels < (size_t)room ? (int)d->n_channels : room;

	for (int i = 0; i < n; i++) {
		/* more channels than columns: the worst of each group */
		size_t from = (size_t)i * d->n_channels / (size_t)n, to = (size_t)(i + 1) *
			d->n_channels / (size_t)n;
		double worst = 0, db = INFINITY;
		int eighths;

		for (size_t c = from; c < to; c++) {
			if (badness(d->channel_db[c]) > worst) {
				worst = badness(d->channel_db[c]);
				db = d->channel_db[c];
			}
		}
		eighths = worst > 0 ? (int)ceil(worst / 60 * rows * 8) : 0;
		for (int r = 0; r < rows; r++) {
			int k = eighths - (rows - 1 - r) * 8;

			if (k > 0)
				surface_text(p->d.s, p->y + r, 2 + i, 1,
					     p->d.g->level[k > 8 ? 8 : k],
						     theme_db_style(db, p->d.limits));
		}
	}
	p->y += rows;
}

static void channels(struct pane *p)
{
	double worst, db;
	char text[160], num[VM_NUM_MAX];

	if (!p->detail || p->detail->n_channels < 2)
		return;
	snprintf(text, sizeof(text), "%zu channels (tall = low SQNR, full = 0 dB)",
		 p->detail->n_channels);
	if (number(p, "worst_channel", &worst)) {
		size_t n = strlen(text);

		snprintf(text + n, sizeof(text) - n, ", worst %.0f", worst);
		n = strlen(text);
		if (number(p, "worst_channel_sqnr_db", &db))
			snprintf(text + n, sizeof(text) - n, " at %s dB",
				 vm_fmt_db(db, num, sizeof(num)));
	}
	surface_text(p->d.s, p->y++, 1, p->cols, text, STYLE_DIM);
	channel_bars(p, p->page ? 4 : 1);
}

static void sample_text(const struct pane *p, const struct vm_worst *w, int room, char *name,
			size_t size, char *db)
{
	if (w->name[0])
		vm_fmt_name(w->name, room, p->d.g->ellipsis, name, size);
	else
		snprintf(name, size, "sample %lld", (long long)w->sample);
	if (isinf(w->sqnr_db))
		snprintf(db, VM_NUM_MAX, "0 signal");
	else
		vm_fmt_db(w->sqnr_db, db, VM_NUM_MAX);
}

static void samples_flow(struct pane *p)
{
	char name[VM_SAMPLE_NAME * 4], db[VM_NUM_MAX], text[64];

	surface_text(p->d.s, p->y, 1, p->cols, "worst samples", STYLE_DIM);
	p->x = 16;
	for (int i = 0; i < p->detail->n_worst && i < 3; i++) {
		sample_text(p, &p->detail->worst[i], 30, name, sizeof(name), db);
		snprintf(text, sizeof(text), "%s dB", db);
		if (p->x > 16 && p->x + utf8_width(name) + utf8_width(text) + 2 > p->cols)
			break;
		field(p, name, text, theme_db_style(p->detail->worst[i].sqnr_db, p->d.limits));
	}
	newline(p);
}

static void samples(struct pane *p)
{
	char name[VM_SAMPLE_NAME * 4], db[VM_NUM_MAX], num[VM_NUM_MAX],
		line[VM_SAMPLE_NAME * 4 + 100];

	if (!p->detail || !p->detail->n_worst)
		return;
	if (!p->page) {
		samples_flow(p);
		return;
	}
	snprintf(line, sizeof(line), "worst of %zu samples", p->detail->n_samples);
	surface_text(p->d.s, p->y++, 1, p->cols, line, STYLE_DIM);
	for (int i = 0; i < p->detail->n_worst; i++) {
		const struct vm_worst *w = &p->detail->worst[i];

		sample_text(p, w, p->cols - 34, name, sizeof(name), db);
		snprintf(line, sizeof(line), "%7s dB   max |e| %-9s", db,
			 vm_fmt_number(w->max_abs_err, num, sizeof(num)));
		surface_text(p->d.s, p->y, 2, p->cols - 2, line,
			     theme_db_style(w->sqnr_db, p->d.limits));
		surface_text(p->d.s, p->y++, 32, p->cols - 32, name, STYLE_TEXT);
	}
}

/* --- all fields ------------------------------------------------------------------------ */

static void all_fields(struct pane *p)
{
	char text[TEXT_MAX];
	int label = 23;

	for (int c = 0; c < p->v->n_cols && p->y < TALL - 4; c++) {
		const struct vm_column *col = &p->v->cols[c];
		const char *at;
		uint8_t style;

		if (!col->key || p->row->v[c].type == VM_NULL || col->kind == VM_K_HIST ||
		    col->kind == VM_K_BAR)
			continue;
		surface_text(p->d.s, p->y, 2, label - 1, col->title, STYLE_DIM);
		if (col->kind == VM_K_NAME || col->kind == VM_K_TEXT) {
			/* nothing is cut here: long text takes more lines */
			struct str s = STR_INIT;

			str_add_escaped(&s, p->row->v[c].s);
			for (at = s.p ? s.p : "";;) {
				char line[TEXT_MAX];
				int w = p->cols - label - 1;

				vm_fmt_clip(at, w, "", line, sizeof(line));
				surface_text(p->d.s, p->y++, label, w, line, STYLE_TEXT);
				at += strlen(line);
				if (!*at || !*line || p->y >= TALL - 4)
					break;
			}
			str_release(&s);
			continue;
		}
		style = column_text(p, c, 20, text, sizeof(text));
		surface_text(p->d.s, p->y++, label, p->cols - label, text, style);
	}
}

/* --- frame ------------------------------------------------------------------------------- */

static void heading(const struct draw *d, const struct vm_app *app, const struct vm_row *row,
		    struct rect r)
{
	const struct vm_view *v = vm_view(app->active);
	char name[TEXT_MAX], text[TEXT_MAX + 8];

	surface_fill(d->s, r.row, r.col, r.cols, d->g->hline, STYLE_RULE);
	if (!row)
		return;
	if (v->flexible >= 0 && v->table != VM_T_LOG && v->table != VM_T_RUNS) {
		draw_value(d, v, row, v->flexible, 0, r.cols - 8, name, sizeof(name));
		snprintf(text, sizeof(text), " %s ", name);
	} else {
		snprintf(text, sizeof(text), " %s %lld ", v->table == VM_T_RUNS ? "run" :
			 "message", (long long)row->id);
	}
	surface_text(d->s, r.row, r.col + 2, r.cols - 4, text, STYLE_HEADER);
}

static void contents(struct pane *p)
{
	bool tensors = (p->v->ctx & (VM_CTX_TENSORS)) != 0;

	p->x = 1;
	if (tensors) {
		summary(p);
		histogram(p);
		channels(p);
		samples(p);
	}
	newline(p);
	if (p->page || !tensors)
		all_fields(p);
}

static void box(const struct draw *d, struct rect r)
{
	for (int y = 0; y < r.rows; y++)
		surface_fill(d->s, r.row + y, r.col, r.cols, " ", STYLE_TEXT);
	for (int y = 1; y + 1 < r.rows; y++) {
		surface_text(d->s, r.row + y, r.col, 1, d->g->vline, STYLE_RULE);
		surface_text(d->s, r.row + y, r.col + r.cols - 1, 1, d->g->vline, STYLE_RULE);
	}
	surface_fill(d->s, r.row + r.rows - 1, r.col, r.cols, d->g->hline, STYLE_RULE);
	surface_text(d->s, r.row, r.col, 1, d->g->top_left, STYLE_RULE);
	surface_text(d->s, r.row, r.col + r.cols - 1, 1, d->g->top_right, STYLE_RULE);
	surface_text(d->s, r.row + r.rows - 1, r.col, 1, d->g->bottom_left, STYLE_RULE);
	surface_text(d->s, r.row + r.rows - 1, r.col + r.cols - 1, 1, d->g->bottom_right,
		     STYLE_RULE);
}

static void scroll_mark(const struct draw *d, const struct vm_app *app, struct rect r)
{
	char text[64];
	int w;

	if (!app->scroll_max)
		return;
	snprintf(text, sizeof(text), " line %d of %d, j k scroll ", app->scroll + 1,
		 app->scroll_max + app->page_rows);
	w = utf8_width(text);
	if (w + 24 < r.cols)
		surface_text(d->s, r.row, r.col + r.cols - w - 2, w, text, STYLE_DIM);
}

void draw_detail(const struct draw *d, struct vm_app *app, struct rect r, bool page)
{
	bool popup = page && app->page == VM_PAGE_POPUP;
	struct rect in = { r.row + 1, r.col, r.rows - 1, r.cols };
	const struct vm_row *row = vm_app_row(app);
	struct surface tall = { 0 };
	struct pane p = { { &tall, d->g, d->limits }, vm_view(app->active), row, NULL, 0, 1, 0, 0,
			  vm_app_list(app)->cursor, page || app->detail_mode == VM_DETAIL_ZOOM };
	int from = 0;

	if (popup) {
		in.rows--;
		in.col++;
		in.cols -= 2;
	}
	p.cols = in.cols;
	p.rows = in.rows;
	if (in.rows < 1 || in.cols < 10 || !surface_resize(&tall, TALL, in.cols))
		return;
	if (row) {
		p.detail = vm_app_detail(app);
		contents(&p);
	} else {
		surface_text(&tall, 0, 1, in.cols, "no row", STYLE_DIM);
	}
	for (int y = 0; y < in.rows; y++)
		surface_fill(d->s, in.row + y, in.col, in.cols, " ", STYLE_TEXT);
	heading(d, app, row, r);
	if (popup)
		box(d, r);
	if (popup)
		heading(d, app, row, (struct rect){ r.row, r.col + 1, 1, r.cols - 2 });
	if (page) {
		app->page_rows = in.rows;
		app->scroll_max = p.y > in.rows ? p.y - in.rows : 0;
		if (app->scroll > app->scroll_max)
			app->scroll = app->scroll_max;
		from = app->scroll;
		scroll_mark(d, app, r);
		d->s->cursor_row = in.row;
		d->s->cursor_col = in.col;
	} else if (app->detail_mode == VM_DETAIL_ZOOM) {
		d->s->cursor_row = in.row;
		d->s->cursor_col = in.col;
	}
	surface_copy(d->s, in.row, in.col, &tall, from, 0, in.rows, in.cols);
	surface_release(&tall);
}
