/* What qdebug quantize prints. */
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "cli/quantize.h"
#include "cli/report.h"

enum { WIDTH = 100, NAME_MAX_CELLS = 48, OP_MAX_CELLS = 24, NOTES_SHOWN = 12 };

static int left_float(const struct plan_counts *c)
{
	return c->nodes - c->quantized - c->removed - c->excluded;
}

/* ---- text ---- */

static void add_padded(struct str *out, const char *text, size_t n, int width)
{
	struct str cell = STR_INIT;
	int have;

	str_addn(&cell, text, n);
	have = cell.p ? utf8_width(cell.p) : 0;
	str_addn(out, text, n);
	str_addf(out, "%*s  ", have < width ? width - have : 0, "");
	out->failed = out->failed || cell.failed;
	str_release(&cell);
}

/* A line of the table: three cells, tabs between them. */
static bool cells_of(const char *line, size_t n, size_t *first, size_t *second)
{
	const char *a = memchr(line, '\t', n), *b;

	if (!a)
		return false;
	b = memchr(a + 1, '\t', n - (size_t)(a + 1 - line));
	if (!b)
		return false;
	*first = (size_t)(a - line);
	*second = (size_t)(b - a - 1);
	return true;
}

static int wider(int width, size_t n, int most)
{
	return (int)n <= width ? width : (int)n < most ? (int)n : most;
}

/* The node-by-node table of plan_print(), aligned; names are never cut. */
static void add_table(struct str *out, const char *text)
{
	int names = 0, ops = 0;
	size_t first, second;

	for (int round = 0; round < 2; round++) {
		for (const char *p = text; *p;) {
			size_t n = strcspn(p, "\n");

			if (cells_of(p, n, &first, &second) && round == 0) {
				names = wider(names, first, NAME_MAX_CELLS);
				ops = wider(ops, second, OP_MAX_CELLS);
			} else if (cells_of(p, n, &first, &second)) {
				add_padded(out, p, first, names);
				add_padded(out, p + first + 1, second, ops);
				str_addn(out, p + first + second + 2, n - first - second - 2);
				str_addc(out, '\n');
			}
			p += n + (p[n] == '\n');
		}
	}
}

/* The first few, unless all are wanted: a rule may concern every layer. */
static void add_notes(struct str *out, const char *text, bool all)
{
	static const char lead[] = "note: ";
	int n_notes = 0;

	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");

		if (!strncmp(p, lead, strlen(lead)) && !memchr(p, '\t', n) && (++n_notes <= NOTES_SHOWN || all)) {
			struct str line = STR_INIT;

			str_addn(&line, p, n);
			if (line.p)
				add_wrapped(out, line.p, 2, WIDTH);
			out->failed = out->failed || line.failed;
			str_release(&line);
		}
		p += n + (p[n] == '\n');
	}
	if (n_notes > NOTES_SHOWN && !all)
		str_addf(out, "  and %d notes more; --report json or --dry-run has all\n", n_notes - NOTES_SHOWN);
}

static void add_counts(struct str *out, const struct plan_counts *c)
{
	str_addf(out, "  nodes    %d quantized, %d removed (part of a quantizer), %d excluded, %d left as they are; "
		 "%d in all\n", c->quantized, c->removed, c->excluded, left_float(c), c->nodes);
	if (!c->activations && !c->weights)     /* a dry run does not know */
		return;
	str_addf(out, "  tensors  %d activations", c->activations);
	if (c->shared)
		str_addf(out, " (%d share the scale of another)", c->shared);
	str_addf(out, ", %d weights, %d int32 biases", c->weights, c->biases);
	if (c->float_biases)
		str_addf(out, ", %d biases left in float", c->float_biases);
	str_addc(out, '\n');
	if (c->adjusted_weights)
		str_addf(out, "  biases   %d weight scales enlarged so that a bias fits into int32, by up to %.3g\n",
			 c->adjusted_weights, c->largest_ratio);
}

static void add_how(struct str *out, const struct quantize_job *job)
{
	const struct recipe *r = &job->recipe;
	const struct cli_values *v = job->v;

	str_addf(out, "  recipe   %s activations, %s weights%s%s, ", recipe_type_name(r->activation_type),
		 recipe_type_name(r->weight_type), r->per_channel ? " per channel" : "",
		 r->reduce_range ? ", reduced range" : "");
	if (v->ranges) {
		str_addf(out, "%s ranges of ", quant_method_name(job->ranges.method));
		str_add_escaped(out, v->ranges);
	} else if (v->dry_run) {
		str_add(out, quant_method_name(r->calibrate_method));
	} else {
		str_addf(out, "%s over %" PRId64 "%s samples", quant_method_name(r->calibrate_method), job->samples,
			 v->random ? " RANDOM" : "");
	}
	str_addc(out, '\n');
}

void quantize_text(const struct quantize_job *job, struct str *out)
{
	const char *text = job->report.text.p ? job->report.text.p : "";

	if (job->v->dry_run) {
		add_table(out, text);
		str_add(out, "\nWould quantize ");
		str_add_escaped(out, job->v->operands[0]);
	} else {
		str_add_escaped(out, job->v->operands[0]);
		str_add(out, " quantized to ");
		str_add_escaped(out, job->output);
	}
	str_addc(out, '\n');
	add_how(out, job);
	add_counts(out, &job->report.counts);
	add_notes(out, text, job->v->dry_run);
	if (job->v->save_ranges && !job->v->dry_run) {
		str_add(out, "  ranges   kept in ");
		str_add_escaped(out, job->v->save_ranges);
		str_addc(out, '\n');
	}
}

/* ---- JSON ---- */

/* Tensors are not counted by a dry run. */
static void put_counts(struct json *j, const struct plan_counts *c, bool tensors)
{
	const struct { const char *key; int n; } nodes[] = {
		{ "nodes", c->nodes }, { "quantized", c->quantized }, { "removed", c->removed },
		{ "excluded", c->excluded }, { "float", left_float(c) },
	}, all[] = {
		{ "activations", c->activations },
		{ "shared", c->shared }, { "weights", c->weights }, { "biases", c->biases },
		{ "float_biases", c->float_biases }, { "adjusted_weights", c->adjusted_weights },
	};

	json_open(j, "counts", '{');
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		json_int(j, nodes[i].key, nodes[i].n);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (tensors)
			json_int(j, all[i].key, all[i].n);
		else
			json_null(j, all[i].key);
	}
	if (tensors)
		json_bool(j, "contrib", c->contrib);
	else
		json_null(j, "contrib");
	json_close(j, '}');
}

static void put_recipe(struct json *j, const struct recipe *r)
{
	struct str text = STR_INIT, inner = STR_INIT;

	recipe_write_json(r, &text);
	while (text.len && text.p[text.len - 1] == '\n')
		text.p[--text.len] = '\0';
	for (size_t i = 0; i < text.len; i++) {
		str_addc(&inner, text.p[i]);
		if (text.p[i] == '\n')
			str_add(&inner, "  ");
	}
	if (text.failed || inner.failed || !inner.p)
		j->out->failed = true;
	else
		json_raw(j, "recipe", inner.p);
	str_release(&inner);
	str_release(&text);
}

void quantize_json(const struct quantize_job *job, struct str *out)
{
	const struct str *inner = &job->report.json;
	const struct cli_values *v = job->v;
	struct json j;

	json_init(&j, out, 2);
	json_open(&j, NULL, '{');
	json_str(&j, "qdebug", QDEBUG_VERSION);
	json_int(&j, "schema", 1);
	json_str(&j, "float", v->operands[0]);
	json_str(&j, "output", job->output);
	json_str(&j, "data", v->ranges || v->dry_run ? NULL : v->data ? v->data : "random");
	json_int(&j, "samples", job->samples);
	json_str(&j, "ranges", v->ranges);
	put_recipe(&j, &job->recipe);
	put_counts(&j, &job->report.counts, !v->dry_run);
	json_close(&j, '}');
	/* "nodes" and "notes" are an object of their own: its members follow ours, before "\n}\n" */
	if (out->failed || inner->failed || inner->len < 1) {
		out->failed = true;
		return;
	}
	out->len -= 3;
	str_addf(out, ",%s", inner->p + 1);
}
