/* The text report: models, data, outputs, the worst activations and weights, what has no partner, what to do next.
 * ASCII but for names, so that it reads the same in every locale. */
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORST = 10, LISTED = 5, REASONS = 16 };

/* ---- pieces ---- */

static const struct store_cell *cell(enum store_table t, const struct store_row *row, const char *key)
{
	return report_cell(t, row, key);
}

static double num(enum store_table t, const struct store_row *row, const char *key)
{
	const struct store_cell *c = report_cell(t, row, key);

	return c->null ? NAN : c->num;
}

static const char *text(enum store_table t, const struct store_row *row, const char *key)
{
	const struct store_cell *c = report_cell(t, row, key);

	return c->null ? NULL : c->text;
}

static void heading(struct report *r, struct str *out, const char *title)
{
	str_addf(out, "\n%s%s%s", r->color ? "\033[1m" : "", title, r->color ? "\033[0m" : "");
}

/* dB, or the words for rows whose SQNR is no number. */
static void add_db(struct text_table *t, enum store_table table, const struct store_row *row, const char *key)
{
	if (num(table, row, "exact") > 0)
		table_add(t, "exact");
	else if (num(table, row, "zero_signal") > 0)
		table_add(t, "no signal");
	else
		table_add_num(t, num(table, row, key));
}

static void add_percent(struct text_table *t, double fraction)
{
	table_add_num(t, fraction * 100);
}

/* ---- the head ---- */

static void add_model(struct str *out, const char *label, const struct store_model *m, int width)
{
	struct str path = STR_INIT;

	str_add_escaped(&path, m->path);
	str_addf(out, "%-8s", label);
	add_elided(out, path.p ? path.p : "", width - 8);
	str_addf(out, "\n        opset %lld, %lld nodes", (long long)m->opset, (long long)m->n_nodes);
	if (!strcmp(m->role, "quant")) {
		str_add(out, ", format ");
		str_add_escaped(out, m->format);
	}
	str_addc(out, '\n');
	str_release(&path);
}

static bool is_random(const struct report *r)
{
	return !strncmp(r->data.path, "random", 6) && !strchr(r->data.path, '/');
}

static void add_run(struct report *r, struct str *out)
{
	const struct store_run *run = &r->run;

	str_addf(out, "run %lld, ", (long long)run->id);
	str_add_escaped(out, run->observer);
	str_add(out, " observer, ONNX Runtime ");
	str_add_escaped(out, run->engine);
	str_addf(out, ", %.3g s, peak memory %.3g MiB\n", run->seconds, (double)run->peak_rss / 1048576);
	if (strcmp(run->status, "done")) {
		bool dead = !strcmp(run->status, "running") && !store_owner_alive(run);

		str_add(out, "NOT FINISHED (");
		str_add_escaped(out, dead ? "killed" : run->status);
		str_addf(out, "): the numbers cover %lld of %lld samples\n", (long long)run->samples_done,
			 (long long)run->samples);
		if (run->message && !strcmp(run->status, "failed")) {
			str_add(out, "  ");
			str_add_escaped(out, run->message);
			str_addc(out, '\n');
		}
	}
	if (run->samples_bad)
		str_addf(out, "%lld bad samples were skipped\n", (long long)run->samples_bad);
}

static void add_head(struct report *r, struct str *out)
{
	struct str path = STR_INIT;

	add_run(r, out);
	str_addc(out, '\n');
	add_model(out, "float", &r->f, r->width);
	add_model(out, "quant", &r->q, r->width);
	str_add(out, "data    ");
	str_add_escaped(&path, r->data.path);
	add_elided(out, path.p ? path.p : "", r->width - 8);
	str_addf(out, "\n        %lld sample%s\n", (long long)r->run.samples, r->run.samples == 1 ? "" : "s");
	if (is_random(r))
		str_add(out, "        RANDOM VALUES, no real data: ranges, clipping and ranking may mislead\n");
	str_clear(&path);
	str_add_escaped(&path, store_path(r->st));
	str_add(out, "store   ");
	add_elided(out, path.p ? path.p : "", r->width - 8);
	str_addc(out, '\n');
	str_release(&path);
}

/* What the lines under "Next" need; texts are copies. */
struct advice {
	int outputs, exact_outputs;
	struct str tensor, weight, bad;         /* lowest local SQNR; lowest weight SQNR; first with NaN/Inf */
	double local_db, clipped, weight_db;
	bool per_tensor;                        /* the weight has one scale only */
};

/* ---- outputs ---- */

static const struct table_column output_columns[] = {
	{ "output", false, true, 0 }, { "SQNR dB", true, false, 0 }, { "cosine", true, false, 0 },
	{ "MSE", true, false, 2 }, { "max |error|", true, false, 0 }, { "equal argmax %", true, false, 0 },
	{ "equal %", true, false, 1 }, { "NaN/Inf float", true, false, 3 }, { "NaN/Inf quant", true, false, 3 },
};

struct outputs { struct text_table t; struct advice *advice; };

static int output_row(void *ctx, const struct store_row *row, struct qd_err *err)
{
	struct outputs *o = ctx;
	struct text_table *t = &o->t;
	double cosine = num(ST_OUTPUTS, row, "cosine");

	(void)err;
	o->advice->outputs++;
	o->advice->exact_outputs += num(ST_OUTPUTS, row, "exact") > 0;
	table_add(t, text(ST_OUTPUTS, row, "name"));
	add_db(t, ST_OUTPUTS, row, "sqnr_db");
	if (isnan(cosine))
		table_add(t, "-");
	else
		table_addf(t, "%.6f", cosine);
	table_add_num(t, num(ST_OUTPUTS, row, "mse"));
	table_add_num(t, num(ST_OUTPUTS, row, "max_abs_err"));
	add_percent(t, num(ST_OUTPUTS, row, "argmax_agreement"));
	add_percent(t, num(ST_OUTPUTS, row, "agreement"));
	table_add_count(t, num(ST_OUTPUTS, row, "nonfinite_float"));
	table_add_count(t, num(ST_OUTPUTS, row, "nonfinite_quant"));
	return 0;
}

static int add_outputs(struct report *r, struct str *out, struct advice *a, struct qd_err *err)
{
	struct outputs o = { .advice = a };
	int rc;

	table_init(&o.t, output_columns, sizeof(output_columns) / sizeof(output_columns[0]));
	rc = report_each(r, ST_OUTPUTS, output_row, &o, err);
	heading(r, out, "Outputs");
	str_add(out, o.t.n_cells ? "\n" : ": none was compared\n");
	if (o.t.n_cells)
		table_render(&o.t, 2, r->width, r->color, out);
	table_release(&o.t);
	return rc;
}

/* ---- activations and weights ---- */

struct ranking {
	struct text_table t;
	struct advice *advice;
	int n;                  /* rows seen */
	int exact;
};

static const struct table_column activation_columns[] = {
	{ "#", true, false, 0 }, { "tensor", false, true, 0 }, { "op", false, false, 1 },
	{ "SQNR dB", true, false, 0 }, { "local dB", true, false, 0 }, { "RMSE/scale", true, false, 3 },
	{ "clipped %", true, false, 0 }, { "codes", true, false, 4 }, { "float min", true, false, 5 },
	{ "float max", true, false, 5 }, { "worst sample", false, true, 6 },
};

static void keep_name(struct str *s, const char *name)
{
	str_clear(s);
	str_add_escaped(s, name ? name : "");
}

static void note_activation(struct advice *a, const struct store_row *row)
{
	double local = num(ST_ACTIVATIONS, row, "local_sqnr_db");
	const char *name = text(ST_ACTIVATIONS, row, "tensor");

	if (!isnan(local) && (isnan(a->local_db) || local < a->local_db)) {
		a->local_db = local;
		a->clipped = num(ST_ACTIVATIONS, row, "clipped_fraction");
		keep_name(&a->tensor, name);
	}
	if (!a->bad.len && num(ST_ACTIVATIONS, row, "nonfinite_quant") > 0 &&
	    !(num(ST_ACTIVATIONS, row, "nonfinite_float") > 0))
		keep_name(&a->bad, name);
}

static void add_codes(struct text_table *t, const struct store_row *row)
{
	double used = num(ST_ACTIVATIONS, row, "codes_used"), all = num(ST_ACTIVATIONS, row, "codes_available");

	if (isnan(used) || isnan(all))
		table_add(t, "-");
	else
		table_addf(t, "%.0f/%.0f", used, all);
}

static int activation_row(void *ctx, const struct store_row *row, struct qd_err *err)
{
	struct ranking *k = ctx;
	struct text_table *t = &k->t;

	(void)err;
	note_activation(k->advice, row);
	k->exact += num(ST_ACTIVATIONS, row, "exact") > 0;
	if (++k->n > WORST)
		return 0;
	table_addf(t, "%d", k->n);
	table_add(t, text(ST_ACTIVATIONS, row, "tensor"));
	table_add(t, text(ST_ACTIVATIONS, row, "op"));
	add_db(t, ST_ACTIVATIONS, row, "xmodel_sqnr_db");
	table_add_num(t, num(ST_ACTIVATIONS, row, "local_sqnr_db"));
	table_add_num(t, num(ST_ACTIVATIONS, row, "rmse_over_scale"));
	add_percent(t, num(ST_ACTIVATIONS, row, "clipped_fraction"));
	add_codes(t, row);
	table_add_num(t, num(ST_ACTIVATIONS, row, "float_min"));
	table_add_num(t, num(ST_ACTIVATIONS, row, "float_max"));
	table_add(t, text(ST_ACTIVATIONS, row, "worst_sample_name"));
	return 0;
}

static const struct table_column weight_columns[] = {
	{ "#", true, false, 0 }, { "tensor", false, true, 0 }, { "op", false, false, 1 },
	{ "type", false, false, 2 }, { "SQNR dB", true, false, 0 }, { "MSE", true, false, 4 },
	{ "max |error|", true, false, 3 }, { "worst channel", true, false, 0 }, { "its dB", true, false, 0 },
};

static void note_weight(struct advice *a, const struct store_row *row)
{
	double db = num(ST_WEIGHTS, row, "sqnr_db");

	if (isnan(db) || (!isnan(a->weight_db) && db >= a->weight_db))
		return;
	a->weight_db = db;
	a->per_tensor = cell(ST_WEIGHTS, row, "axis")->null;
	keep_name(&a->weight, text(ST_WEIGHTS, row, "tensor"));
}

static int weight_row(void *ctx, const struct store_row *row, struct qd_err *err)
{
	struct ranking *k = ctx;
	struct text_table *t = &k->t;

	(void)err;
	note_weight(k->advice, row);
	k->exact += num(ST_WEIGHTS, row, "exact") > 0;
	if (++k->n > WORST)
		return 0;
	table_addf(t, "%d", k->n);
	table_add(t, text(ST_WEIGHTS, row, "tensor"));
	table_add(t, text(ST_WEIGHTS, row, "op"));
	table_add(t, text(ST_WEIGHTS, row, "qtype"));
	add_db(t, ST_WEIGHTS, row, "sqnr_db");
	table_add_num(t, num(ST_WEIGHTS, row, "mse"));
	table_add_num(t, num(ST_WEIGHTS, row, "max_abs_err"));
	table_add_count(t, num(ST_WEIGHTS, row, "worst_channel"));
	table_add_num(t, num(ST_WEIGHTS, row, "worst_channel_sqnr_db"));
	return 0;
}

static int add_ranking(struct report *r, struct str *out, enum store_table table, struct advice *a, struct qd_err *err)
{
	bool weights = table == ST_WEIGHTS;
	struct ranking k = { .advice = a };
	int rc;

	if (weights)
		table_init(&k.t, weight_columns, sizeof(weight_columns) / sizeof(weight_columns[0]));
	else
		table_init(&k.t, activation_columns, sizeof(activation_columns) / sizeof(activation_columns[0]));
	rc = report_each(r, table, weights ? weight_row : activation_row, &k, err);
	heading(r, out, weights ? "Worst weights" : "Worst activations");
	if (k.n)
		str_addf(out, " (%d of %d, %d exact)\n", k.n < WORST ? k.n : WORST, k.n, k.exact);
	else
		str_add(out, ": none was compared\n");
	if (k.n)
		table_render(&k.t, 2, r->width, r->color, out);
	table_release(&k.t);
	return rc;
}

/* ---- unmatched ---- */

struct reasons {
	int n, total, missing;
	struct { char side[8], reason[32]; int count; } at[REASONS];
	struct str names;               /* the first without counterpart, a line each */
	int width;
};

static int unmatched_row(void *ctx, const struct store_row *row, struct qd_err *err)
{
	const char *side = text(ST_UNMATCHED, row, "side"), *reason = text(ST_UNMATCHED, row, "reason");
	struct reasons *u = ctx;
	int i;

	(void)err;
	side = side ? side : "?";
	reason = reason ? reason : "?";
	u->total++;
	if (!strcmp(reason, "no_counterpart") && u->missing++ < LISTED) {
		struct str name = STR_INIT;

		str_add_escaped(&name, text(ST_UNMATCHED, row, "tensor") ? text(ST_UNMATCHED, row, "tensor") : "?");
		str_addf(&u->names, "    no counterpart (%s): ", strcmp(side, "float") ? "quant" : "float");
		add_elided(&u->names, name.p ? name.p : "", u->width - 30);
		str_addc(&u->names, '\n');
		str_release(&name);
	}
	for (i = 0; i < u->n; i++)
		if (!strcmp(u->at[i].side, side) && !strcmp(u->at[i].reason, reason))
			break;
	if (i == REASONS)
		i--;    /* a store of ours has fewer reasons */
	if (i == u->n) {
		snprintf(u->at[i].side, sizeof(u->at[i].side), "%s", side);
		snprintf(u->at[i].reason, sizeof(u->at[i].reason), "%s", reason);
		u->at[i].count = 0;
		u->n++;
	}
	u->at[i].count++;
	return 0;
}

static void add_side(const struct reasons *u, const char *side, struct str *out)
{
	bool any = false;

	for (int i = 0; i < u->n; i++) {
		if (strcmp(u->at[i].side, side))
			continue;
		str_addf(out, "%s%d ", any ? ", " : "", u->at[i].count);
		str_add_escaped(out, u->at[i].reason);
		any = true;
	}
	str_add(out, any ? "\n" : "none\n");
}

static int add_unmatched(struct report *r, struct str *out, struct qd_err *err)
{
	struct reasons u = { .names = STR_INIT, .width = r->width };
	int rc = report_each(r, ST_UNMATCHED, unmatched_row, &u, err);

	heading(r, out, "Without a partner");
	str_addf(out, " (%d tensor%s)\n", u.total, u.total == 1 ? "" : "s");
	if (u.total) {
		str_add(out, "  float  ");
		add_side(&u, "float", out);
		str_add(out, "  quant  ");
		add_side(&u, "quant", out);
		str_add(out, u.names.p ? u.names.p : "");
	}
	str_release(&u.names);
	return rc;
}

/* ---- what to do next ---- */

enum { LOCAL_LOW = 20, WEIGHT_LOW = 20 };       /* dB; below: worth a look before anything else */

static void say_advice(const struct advice *a, struct str *out)
{
	bool low = !isnan(a->local_db) && a->local_db < LOCAL_LOW;

	if (a->outputs && a->exact_outputs == a->outputs)
		str_add(out, "All outputs are exact: on this data quantization loses nothing.");
	else if (a->bad.len)
		str_addf(out, "%s has NaN or Inf in the quantized model only: start there.", a->bad.p);
	else if (low && a->clipped > 0.001)
		str_addf(out, "%s loses most to its own quantizer (%.3g dB) and clips %.3g %% of its values: its "
			 "range is too narrow for this data; try another calibrator.", a->tensor.p, a->local_db,
			 a->clipped * 100);
	else if (low)
		str_addf(out, "%s loses most to its own quantizer (%.3g dB) without clipping: its range is too "
			 "wide for most values; try percentile or entropy calibration, 16 bits, or exclude its node.",
			 a->tensor.p, a->local_db);
	else if (!isnan(a->weight_db) && a->weight_db < WEIGHT_LOW)
		str_addf(out, "Weight %s is at %.3g dB%s.", a->weight.p, a->weight_db,
			 a->per_tensor ? ": try per-channel quantization" : ": try leaving its node in float");
	else
		str_add(out, "No single quantizer stands out: the error adds up along the model. Look at the first row "
			"above whose SQNR is well below its local SQNR.");
}

static void add_advice(struct report *r, const struct advice *a, struct str *out)
{
	struct str s = STR_INIT;

	heading(r, out, "Next");
	str_addc(out, '\n');
	say_advice(a, &s);
	add_wrapped(out, s.p ? s.p : "", 2, r->width);
	out->failed = out->failed || s.failed;
	str_add(out, "  Look closer on a terminal: qdebug open ");
	str_add_escaped(out, store_path(r->st));
	str_addc(out, '\n');
	str_release(&s);
}

int report_text(struct report *r, struct str *out, struct qd_err *err)
{
	struct advice a = { .tensor = STR_INIT, .weight = STR_INIT, .bad = STR_INIT, .local_db = NAN, .clipped = NAN,
			    .weight_db = NAN };
	int rc;

	add_head(r, out);
	rc = add_outputs(r, out, &a, err);
	if (!rc)
		rc = add_ranking(r, out, ST_ACTIVATIONS, &a, err);
	if (!rc)
		rc = add_ranking(r, out, ST_WEIGHTS, &a, err);
	if (!rc)
		rc = add_unmatched(r, out, err);
	if (!rc)
		add_advice(r, &a, out);
	str_release(&a.tensor);
	str_release(&a.weight);
	str_release(&a.bad);
	return !rc && out->failed ? err_oom(err, "report") : rc;
}
