/* The table of options, and parsing by it. */
#include "cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/options_int.h"

#define C_DEBUG (1u << CLI_DEBUG)
#define C_OPEN (1u << CLI_OPEN)
#define C_EXPORT (1u << CLI_EXPORT)
#define C_DOCTOR (1u << CLI_DOCTOR)
#define C_QUANTIZE (1u << CLI_QUANTIZE)
#define C_CALIBRATE (1u << CLI_CALIBRATE)
#define C_PREPROCESS (1u << CLI_PREPROCESS)
#define C_SHOW (C_DEBUG | C_OPEN)
#define C_STORED (C_OPEN | C_EXPORT)
#define C_MAKE (C_QUANTIZE | C_CALIBRATE | C_PREPROCESS)
#define C_RANGES (C_DEBUG | C_QUANTIZE | C_CALIBRATE)
#define C_RECIPE (C_DEBUG | C_QUANTIZE)
#define C_ALL (C_SHOW | C_EXPORT | C_DOCTOR | C_MAKE)

#define AT(field) offsetof(struct cli_values, field)
#define FLAG(name, letter, commands, field, help) \
	{ name, letter, OPT_FLAG, commands, NULL, AT(field), 0, 0, 0, 0, "", help }
#define TEXT(name, letter, commands, arg, field, shown, help) \
	{ name, letter, OPT_TEXT, commands, arg, AT(field), 0, 0, 0, 0, shown, help }
#define INT(name, commands, field, min, max, fallback, shown, help) \
	{ name, 0, OPT_INT, commands, "N", AT(field), min, max, 0, fallback, shown, help }
#define CHOICE(name, commands, arg, field, first, fallback, shown, help) \
	{ name, 0, OPT_CHOICE, commands, arg, AT(field), 0, 0, first, fallback, shown, help }

#define CALIBRATORS "MinMax (smallest and largest value), Entropy (the reference's; with its bin counts it searches " \
	"one candidate only and so equals MinMax), Percentile, Distribution (for float8), EntropyKL (Entropy with 2048 " \
	"bins, which does search), MSE (least expected squared error)"

/* In the order of the help. */
const struct option_info cli_options[] = {
	TEXT("output", 'o', C_QUANTIZE, "OUT.onnx", output, "FLOAT.int8.onnx beside the float model, by activation type",
	     "the quantized model to write; an existing file is replaced only when it is named here"),
	TEXT("output", 'o', C_CALIBRATE, "RANGES.json", output, "", "the file of ranges to write"),
	TEXT("output", 'o', C_PREPROCESS, "OUT.onnx", output, "", "the model to write"),
	TEXT("data", 0, C_RANGES, "DIR", data, "",
	     "folder of samples: .npy or .npz files, or ONNX test data folders (*/input_K.pb)"),
	INT("random", C_RANGES, random, 1, 1000000000, 0, "",
	    "N samples of random values instead of data; their numbers say little about real inputs"),
	INT("samples", C_RANGES, samples, 1, INT64_MAX, 0, "all", "use the first N samples only"),
	INT("batch", C_RANGES, batch, 1, 1000000000, 0, "whole files",
	    "rows a sample, for models whose first dimension is symbolic"),
	TEXT("recipe", 0, C_RANGES, "FILE", recipe, "the reference quantizer's defaults",
	     "how to quantize, JSON with the reference's argument names; options of the command line come after it"),
	{ "exclude", 0, OPT_LIST, C_RECIPE, "NODE", AT(exclude), 0, 0, 0, 0, "",
	  "leave this node in float; may be repeated" },
	{ "exclude-file", 0, OPT_LIST, C_RECIPE, "FILE", AT(exclude_file), 0, 0, 0, 0, "",
	  "the same for the nodes named in FILE, one a line, # starts a comment; may be repeated" },
	TEXT("calibrator", 0, C_RANGES, "NAME", calibrator, "MinMax", "how ranges are chosen: " CALIBRATORS),
	TEXT("activation-type", 0, C_RANGES, "TYPE", activation_type, "int8",
	     "int8, uint8, int16, uint16, int4, uint4 or float8e4m3fn"),
	TEXT("weight-type", 0, C_RECIPE, "TYPE", weight_type, "int8",
	     "the same for weights; int8 activations need signed weights"),
	FLAG("per-channel", 0, C_RECIPE, per_channel, "a scale for each output channel of a weight"),
	FLAG("reduce-range", 0, C_RECIPE, reduce_range,
	     "7-bit weights, for CPUs whose 8-bit multiplication saturates (without VNNI)"),
	FLAG("strict-reference", 0, C_RANGES, strict_reference,
	     "do as the reference quantizer does also where it is wrong, as long as the model is valid"),
	TEXT("ranges", 0, C_RECIPE, "FILE", ranges, "",
	     "take the ranges from FILE (see qdebug calibrate) instead of calibrating"),
	TEXT("save-ranges", 0, C_QUANTIZE, "FILE", save_ranges, "", "keep the calibrated ranges in FILE"),
	TEXT("store", 0, C_QUANTIZE | C_CALIBRATE, "FILE", store, "none",
	     "keep what calibration saw in FILE and take it from there: for the same model and data another calibrator then "
	     "needs no data"),
	CHOICE("mode", C_QUANTIZE, "static", mode, 0, 0, "static", "ranges of activations are fixed by calibration"),
	FLAG("dry-run", 0, C_QUANTIZE, dry_run,
	     "print node by node what would be quantized, with the reason where not; needs no data, writes nothing"),
	CHOICE("format", C_CALIBRATE, "json", format, 0, 0, "json", "json: the reference's calibration cache"),
	FLAG("skip-optimization", 0, C_PREPROCESS, skip_optimization, "leave the graph as it is, only write shapes"),
	CHOICE("observe", C_DEBUG, "deployed|reference", observe, CLI_DEPLOYED, CLI_DEPLOYED, "deployed",
	       "deployed: measure inside the optimized models, as they run in production; reference: "
	       "with all optimizations off, as the reference tool does (QDQ error too)"),
	TEXT("map", 0, C_DEBUG, "FILE", map, "",
	     "pairs of tensor names that cannot be matched otherwise, one \"FLOAT QUANT\" a line (tab or blanks "
	     "between them, # starts a comment)"),
	TEXT("store", 0, C_DEBUG, "FILE", store, "QUANT.qdb beside the quantized model",
	     "where results are kept; an unfinished run is resumed from it, a finished one shown at once"),
	CHOICE("keep-activations", C_DEBUG, "none|worst|all", keep, CLI_KEEP_NONE, CLI_KEEP_WORST, "worst",
	       "whole tensors to keep in the store"),
	{ "activation-budget", 0, OPT_SIZE, C_DEBUG, "SIZE", AT(activation_budget), 0, INT64_MAX, 0,
	  0, "256M for worst, no limit for all", "most bytes of kept activations (K, M, G: powers of 1024)" },
	INT("threads", C_RANGES, threads, 1, 1024, 0, "one a core", "threads of the engine and of the statistics"),
	CHOICE("provider", C_DEBUG, "cpu", provider, 0, 0, "cpu", "execution provider of the engine"),
	INT("self-check", C_DEBUG, self_check, 1, INT64_MAX, 64, "64",
	    "compare the outputs with those of the untouched model on the first and every Nth sample"),
	FLAG("allow-nonfinite", 0, C_RANGES, allow_nonfinite, "run samples that hold NaN or Inf"),
	FLAG("skip-bad", 0, C_RANGES, skip_bad, "count and skip samples that hold NaN or Inf or are damaged"),
	FLAG("verify-data", 0, C_DEBUG, verify_data,
	     "hash the data again to see whether a stored run still holds, not only names, sizes and times"),
	{ "what", 0, OPT_CHOICE, C_EXPORT, "activations|report", AT(what), 0, 0, CLI_WHAT_ACTIVATIONS,
	  CLI_WHAT_NONE, "", "what to write: the kept activations as .npy files, or a report" },
	INT("run", C_STORED, run, 1, INT64_MAX, 0, "the newest", "number of the run to show"),
	CHOICE("report", C_SHOW | C_EXPORT, "text|json|csv", report, CLI_REPORT_TEXT, CLI_REPORT_NONE,
	       "text, where no screen can be shown", "write a report instead of opening the screen"),
	CHOICE("report", C_QUANTIZE, "text|json", report, CLI_REPORT_TEXT, CLI_REPORT_TEXT, "text",
	       "what to print about it on standard output"),
	CHOICE("table", C_SHOW | C_EXPORT, "outputs|activations|weights|unmatched", table, CLI_TABLE_OUTPUTS,
	       CLI_TABLE_ACTIVATIONS, "activations", "the table of a csv report"),
	TEXT("output", 'o', C_SHOW | C_EXPORT, "FILE", output, "standard output",
	     "write the report to FILE (- is standard output), or the activations into folder FILE"),
	{ "fail-under", 0, OPT_REAL, C_SHOW, "DB", AT(fail_under), 0, 0, 0, 0, "",
	  "report, and exit with status 1 when the SQNR of an output is below DB decibels; an exact output passes, "
	  "one with NaN, Inf or an error on a zero signal fails" },
	TEXT("script", 0, C_SHOW, "FILE", script, "",
	     "play keys and commands from FILE on a screen drawn in memory; needs no terminal"),
	TEXT("size", 0, C_SHOW, "COLSxROWS", size, "80x24", "size of the screen of --script"),
	FLAG("trust-store", 0, C_SHOW, trust_store,
	     "use paths found in a store that was made elsewhere without asking"),
	FLAG("plain", 0, C_SHOW | C_QUANTIZE | C_CALIBRATE, plain, "no screen and no moving progress line: plain lines of text"),
	CHOICE("color", C_SHOW | C_EXPORT, "auto|always|never", color, CLI_COLOR_AUTO, CLI_COLOR_AUTO, "auto",
	       "colours in reports and on the screen"),
	FLAG("quiet", 'q', C_ALL, quiet, "no progress and no remarks, errors only"),
	FLAG("verbose", 'v', C_ALL, verbose, "show the log on standard error"),
	FLAG("version", 0, C_ALL, version, "print the version and exit"),
	FLAG("help", 'h', C_ALL, help, "print this help and exit"),
	{ "print-man-options", 0, OPT_FLAG, C_DEBUG | C_MAKE, NULL, AT(print_man), 0, 0, 0, 0, "", NULL },
	{ "print-man-keys", 0, OPT_FLAG, C_DEBUG, NULL, AT(print_keys), 0, 0, 0, 0, "", NULL },
};
const size_t cli_n_options = sizeof(cli_options) / sizeof(cli_options[0]);

/* Known names of what is to come: said as such instead of "unknown". */
static const char *const later_options[] = {
	"shard", "memory-limit", "image", "print-config", "format", "check",
};
static const struct { const char *option, *value; } later_values[] = {
	{ "report", "html" }, { "what", "exclusions" }, { "what", "overrides" }, { "what", "recipe" },
	{ "what", "ranges" }, { "what", "model" }, { "what", "float-model" }, { "mode", "dynamic" },
	{ "format", "flatbuffers" }, { "format", "cache" },
};

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

const struct command_info cli_commands[CLI_COMMANDS] = {
	[CLI_DEBUG] = { "", "FLOAT.onnx [QUANT.onnx] --data DIR", 1, 2,
			"Find out where a quantized ONNX model loses accuracy: run it and its float original over the "
			"same data, match their tensors and rank weights and activations by what quantization did to "
			"them. Without a quantized model one is made first, as qdebug quantize does. On a terminal the "
			"result opens as a screen, elsewhere as a text report.",
			"qdebug model.onnx model.int8.onnx --data samples/" },
	[CLI_OPEN] = { "open", "STORE.qdb", 1, 1, "Show the results kept in a store.", "qdebug open model.int8.qdb" },
	[CLI_EXPORT] = { "export", "STORE.qdb --what activations|report", 1, 1,
			 "Write out what a store holds.",
			 "qdebug export model.int8.qdb --what activations -o activations/" },
	[CLI_DOCTOR] = { "doctor", "", 0, 1, "Say which engine, CPU features, terminal and versions are in use.",
			 "qdebug doctor" },
	[CLI_QUANTIZE] = { "quantize", "FLOAT.onnx --data DIR", 1, 1,
			   "Make a statically quantized model (QDQ) of a float one: calibrate on the data, then "
			   "quantize, as ONNX Runtime's quantize_static does.",
			   "qdebug quantize model.onnx -o model.int8.onnx --data samples/" },
	[CLI_CALIBRATE] = { "calibrate", "FLOAT.onnx --data DIR -o RANGES.json", 1, 1,
			    "Find the range of each tensor that can be quantized and keep it in a file.",
			    "qdebug calibrate model.onnx --data samples/ -o ranges.json" },
	[CLI_PREPROCESS] = { "preprocess", "FLOAT.onnx -o OUT.onnx", 1, 1,
			     "Make a float model ready for quantization: constants folded, BatchNormalization fused into "
			     "Conv, shapes written into the file.",
			     "qdebug preprocess model.onnx -o model.pre.onnx" },
	[CLI_SENSITIVITY] = { "sensitivity" }, [CLI_SEARCH] = { "search" }, [CLI_MERGE] = { "merge" },
};

const char *cli_command_name(enum cli_command command)
{
	return cli_commands[command].name;
}

/* Item `want` of "a|b|c" as a span; false past the end. */
static bool choice_at(const char *list, int want, const char **p, size_t *n)
{
	for (int i = 0; list; i++) {
		const char *bar = strchr(list, '|');

		*p = list;
		*n = bar ? (size_t)(bar - list) : strlen(list);
		if (i == want)
			return true;
		list = bar ? bar + 1 : NULL;
	}
	return false;
}

const char *cli_table_name(int table)
{
	static const char *const names[] = { "outputs", "activations", "weights", "unmatched" };

	return names[table];
}

/* ---- values ---- */

static int bad_value(struct qd_err *err, const struct option_info *o, const char *value, const char *wanted)
{
	return err_set(err, QD_EUSAGE, "--%s: \"%s\" is not %s", o->name, value, wanted);
}

static int parse_int(const struct option_info *o, const char *text, int64_t *out, struct qd_err *err)
{
	char wanted[120], *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < o->min || n > o->max) {
		if (o->max == INT64_MAX)
			snprintf(wanted, sizeof(wanted), "a whole number from %" PRId64, o->min);
		else
			snprintf(wanted, sizeof(wanted), "a whole number from %" PRId64 " to %" PRId64, o->min, o->max);
		return bad_value(err, o, text, wanted);
	}
	*out = n;
	return 0;
}

int cli_parse_size(const char *text, int64_t *bytes, struct qd_err *err)
{
	static const char units[] = "KMGT";
	const char *unit;
	double v, scale = 1;
	char *end;

	errno = 0;
	v = strtod(text, &end);
	if (end != text && *end && (unit = strchr(units, *end & ~0x20))) {
		for (const char *u = units; u <= unit; u++)
			scale *= 1024;
		end++;
	}
	if (end != text && (*end == 'B' || *end == 'b'))
		end++;
	if (errno || end == text || *end || !(v >= 0) || v * scale >= 9.2e18)
		return err_set(err, QD_EUSAGE, "\"%s\" is not a size: a number, and K, M or G if wanted (256M)", text);
	*bytes = (int64_t)(v * scale);
	return 0;
}

static int parse_real(const struct option_info *o, const char *text, double *out, struct qd_err *err)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text || *end || !isfinite(*out))
		return bad_value(err, o, text, "a number (decibels, as 30 or 12.5)");
	return 0;
}

static int parse_choice(const struct option_info *o, const char *text, int *out, struct qd_err *err)
{
	char wanted[200];
	const char *p;
	size_t n;

	for (int i = 0; choice_at(o->arg, i, &p, &n); i++) {
		if (strlen(text) == n && !strncasecmp(text, p, n)) {
			*out = o->first + i;
			return 0;
		}
	}
	for (size_t i = 0; i < COUNT(later_values); i++)
		if (!strcmp(o->name, later_values[i].option) && !strcmp(text, later_values[i].value))
			return err_set(err, QD_EUSAGE, "--%s %s: not available in this version; there is %s", o->name,
				       text, o->arg);
	snprintf(wanted, sizeof(wanted), "one of %s", o->arg);
	return bad_value(err, o, text, wanted);
}

static int add_item(const struct option_info *o, const char *text, struct cli_list *list, struct qd_err *err)
{
	if (!*text)
		return bad_value(err, o, text, o->arg);
	if (!mem_grow(&list->v, &list->cap, list->n + 1, sizeof(*list->v)))
		return err_oom(err, "command line");
	list->v[list->n++] = text;
	return 0;
}

void cli_release(struct cli_values *v)
{
	free(v->exclude.v);
	free(v->exclude_file.v);
	v->exclude = v->exclude_file = (struct cli_list){ 0 };
}

static int set_value(const struct option_info *o, const char *text, struct cli_values *v, struct qd_err *err)
{
	void *at = (char *)v + o->offset;
	int rc;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_TEXT:
		if (!*text)
			return bad_value(err, o, text, o->arg);
		*(const char **)at = text;
		return 0;
	case OPT_LIST:
		return add_item(o, text, at, err);
	case OPT_INT:
		return parse_int(o, text, at, err);
	case OPT_SIZE:
		rc = cli_parse_size(text, at, err);
		if (rc)
			err_prefix(err, "--%s", o->name);
		return rc;
	case OPT_REAL:
		return parse_real(o, text, at, err);
	case OPT_CHOICE:
		return parse_choice(o, text, at, err);
	}
	return 0;
}

/* Of options that have rows for several sub-commands the one of `command` counts. */
static void set_defaults(struct cli_values *v, enum cli_command command)
{
	memset(v, 0, sizeof(*v));
	v->command = command;
	for (size_t i = 0; i < cli_n_options; i++) {
		void *at = (char *)v + cli_options[i].offset;

		if (cli_options[i].type == OPT_REAL)
			*(double *)at = NAN;
		if (!(cli_options[i].commands & 1u << command))
			continue;
		if (cli_options[i].type == OPT_INT || cli_options[i].type == OPT_SIZE)
			*(int64_t *)at = cli_options[i].fallback;
		else if (cli_options[i].type == OPT_CHOICE)
			*(int *)at = (int)cli_options[i].fallback;
	}
}

/* ---- names ---- */

static int unknown_option(enum cli_command command, const char *name, size_t n, struct qd_err *err)
{
	const char *nearest = NULL;
	char typed[64];
	int least = 3;

	snprintf(typed, sizeof(typed), "%.*s", (int)n, name);
	for (size_t i = 0; i < COUNT(later_options); i++)
		if (!strcmp(typed, later_options[i]))
			return err_set(err, QD_EUSAGE, "--%s: not available in this version", typed);
	for (size_t i = 0; i < cli_n_options; i++) {
		int d = str_distance(typed, cli_options[i].name, least);

		if (cli_options[i].help && (cli_options[i].commands & 1u << command) && d < least) {
			least = d;
			nearest = cli_options[i].name;
		}
	}
	if (nearest)
		return err_set(err, QD_EUSAGE, "--%s: unknown option; did you mean --%s?", typed, nearest);
	return err_set(err, QD_EUSAGE, "--%s: unknown option; \"qdebug%s%s --help\" lists them", typed,
		       command ? " " : "", cli_commands[command].name);
}

/* The option of this name, or the only one that starts so (hidden ones have no help). */
static int find_long(enum cli_command command, const char *name, size_t n, const struct option_info **out,
		     struct qd_err *err)
{
	const struct option_info *found = NULL;

	for (size_t i = 0; i < cli_n_options; i++) {
		if ((cli_options[i].commands & 1u << command) && strlen(cli_options[i].name) == n &&
		    !memcmp(cli_options[i].name, name, n)) {
			*out = &cli_options[i];
			return 0;
		}
	}
	for (size_t i = 0; i < cli_n_options && n; i++) {
		const struct option_info *o = &cli_options[i];

		if (!(o->commands & 1u << command) || !o->help || strncmp(o->name, name, n))
			continue;
		if (found)
			return err_set(err, QD_EUSAGE, "--%.*s: may be --%s or --%s", (int)n, name, found->name,
				       o->name);
		found = o;
	}
	if (!found)
		return unknown_option(command, name, n, err);
	*out = found;
	return 0;
}

static int find_short(enum cli_command command, char letter, const struct option_info **out, struct qd_err *err)
{
	for (size_t i = 0; i < cli_n_options; i++) {
		if (cli_options[i].letter == letter && (cli_options[i].commands & 1u << command)) {
			*out = &cli_options[i];
			return 0;
		}
	}
	return err_set(err, QD_EUSAGE, "-%c: unknown option; \"qdebug%s%s --help\" lists them", letter,
		       command ? " " : "", cli_commands[command].name);
}

const char *cli_command_nearest(const char *name)
{
	const char *nearest = NULL;
	int least = 3;

	for (int c = CLI_OPEN; c < CLI_LATER; c++) {
		int d = str_distance(name, cli_commands[c].name, least);

		if (d < least) {
			least = d;
			nearest = cli_commands[c].name;
		}
	}
	return nearest;
}

/* ---- parsing ---- */

struct args { char **v; int n, at; };

static int take_value(struct args *a, const struct option_info *o, const char *dashes, const char *shown,
		      const char **value, struct qd_err *err)
{
	if (a->at >= a->n)
		return err_set(err, QD_EUSAGE, "%s%s needs a value: %s", dashes, shown, o->arg);
	*value = a->v[a->at++];
	return 0;
}

static int parse_long(struct args *a, const char *text, struct cli_values *v, struct qd_err *err)
{
	const char *equals = strchr(text, '='), *value = equals ? equals + 1 : NULL;
	size_t n = equals ? (size_t)(equals - text) : strlen(text);
	const struct option_info *o = NULL;
	int rc = find_long(v->command, text, n, &o, err);

	if (rc)
		return rc;
	if (o->type == OPT_FLAG && value)
		return err_set(err, QD_EUSAGE, "--%s takes no value, got \"%s\"", o->name, value);
	if (o->type != OPT_FLAG && !value) {
		rc = take_value(a, o, "--", o->name, &value, err);
		if (rc)
			return rc;
	}
	return set_value(o, value, v, err);
}

/* A cluster: -qv, -oFILE, -qo FILE. */
static int parse_short(struct args *a, const char *text, struct cli_values *v, struct qd_err *err)
{
	while (*text) {
		const struct option_info *o = NULL;
		const char *value = NULL, shown[2] = { *text, '\0' };
		int rc = find_short(v->command, *text++, &o, err);

		if (rc)
			return rc;
		if (o->type != OPT_FLAG) {
			value = text;
			text += strlen(text);
			rc = *value ? 0 : take_value(a, o, "-", shown, &value, err);
			if (rc)
				return rc;
		}
		rc = set_value(o, value, v, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int add_operand(const char *text, struct cli_values *v, struct qd_err *err)
{
	const struct command_info *c = &cli_commands[v->command];

	if (v->n_operands >= c->max)
		return err_set(err, QD_EUSAGE, "%s: one argument too many; usage: qdebug%s%s %s", text,
			       *c->name ? " " : "", c->name, c->operands);
	v->operands[v->n_operands++] = text;
	return 0;
}

static int check_operands(const struct cli_values *v, struct qd_err *err)
{
	const struct command_info *c = &cli_commands[v->command];

	if (v->help || v->version || v->print_man || v->print_keys || v->n_operands >= c->min)
		return 0;
	return err_set(err, QD_EUSAGE, "%s; usage: qdebug%s%s %s, for example: %s",
		       v->command == CLI_DEBUG ? "which models?" : 1u << v->command & C_MAKE ? "which model?" :
		       "which store?", *c->name ? " " : "", c->name,
		       c->operands, c->example);
}

/* What quantize and calibrate work from. */
static int check_data(const struct cli_values *v, struct qd_err *err)
{
	const char *name = cli_commands[v->command].name;

	if (v->help || v->version || v->print_man)
		return 0;
	if (v->ranges && (v->calibrator || v->save_ranges))
		return err_set(err, QD_EUSAGE, "--ranges and --%s exclude each other: nothing is calibrated when ranges are "
			       "given", v->calibrator ? "calibrator" : "save-ranges");
	if (!(1u << v->command & (C_QUANTIZE | C_CALIBRATE)))
		return 0;
	if (v->data && v->random)
		return err_set(err, QD_EUSAGE, "--data and --random exclude each other");
	if (v->ranges && (v->data || v->random))
		return err_set(err, QD_EUSAGE, "--ranges and --%s exclude each other: nothing is calibrated when ranges are "
			       "given", v->data ? "data" : "random");
	if (v->data || v->random || v->ranges || v->dry_run)
		return 0;
	return err_set(err, QD_EUSAGE, "no data to calibrate with: give a folder of real inputs, for example: qdebug %s %s "
		       "--data samples/, or --random 16 to try without any", name, v->operands[0]);
}

static enum cli_command find_command(const char *text)
{
	for (int c = CLI_OPEN; text && c < CLI_COMMANDS; c++)
		if (!strcmp(text, cli_commands[c].name))
			return (enum cli_command)c;
	return CLI_DEBUG;
}

int cli_parse(int argc, char **argv, struct cli_values *v, struct qd_err *err)
{
	struct args a = { argv, argc, 1 };
	bool only_operands = false;
	int rc = 0;

	set_defaults(v, find_command(argc > 1 ? argv[1] : NULL));
	if (v->command != CLI_DEBUG)
		a.at++;
	if (v->command >= CLI_LATER)
		return err_set(err, QD_EUSAGE, "%s: not available in this version; \"qdebug --help\" lists what is",
			       argv[1]);
	while (!rc && a.at < a.n) {
		const char *text = a.v[a.at++];

		if (only_operands || text[0] != '-' || !text[1])
			rc = add_operand(text, v, err);
		else if (!strcmp(text, "--"))
			only_operands = true;
		else if (text[1] == '-')
			rc = parse_long(&a, text + 2, v, err);
		else
			rc = parse_short(&a, text + 1, v, err);
	}
	if (!rc)
		rc = check_operands(v, err);
	return rc ? rc : check_data(v, err);
}
