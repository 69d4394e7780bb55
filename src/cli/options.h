/* cli/options.h - the command line as one table: sub-commands, their options, ranges and help.
 *
 * Parsing, --help and the man page's sections all come from it, so none can drift from the others. `--opt=value`,
 * `--opt value`, `-oFILE`, `--`, and beginnings of a name that fit one option only, as in GNU programs; a repeated
 * option takes its last value. Nothing here prints errors or touches files. Immutable; any thread.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum cli_command {
	CLI_DEBUG,              /* no sub-command: compare two models */
	CLI_OPEN, CLI_EXPORT, CLI_DOCTOR,
	CLI_QUANTIZE, CLI_CALIBRATE, CLI_PREPROCESS,    /* with man pages of their own */
	CLI_LATER,              /* from here on: known, not available yet */
	CLI_SENSITIVITY = CLI_LATER, CLI_SEARCH, CLI_MERGE,
	CLI_COMMANDS
};

enum cli_report { CLI_REPORT_NONE, CLI_REPORT_TEXT, CLI_REPORT_JSON, CLI_REPORT_CSV };
enum cli_observe { CLI_DEPLOYED, CLI_REFERENCE };
enum cli_keep { CLI_KEEP_NONE, CLI_KEEP_WORST, CLI_KEEP_ALL };
enum cli_color { CLI_COLOR_AUTO, CLI_COLOR_ALWAYS, CLI_COLOR_NEVER };
enum cli_what { CLI_WHAT_NONE, CLI_WHAT_ACTIVATIONS, CLI_WHAT_REPORT };
enum cli_table { CLI_TABLE_OUTPUTS, CLI_TABLE_ACTIVATIONS, CLI_TABLE_WEIGHTS, CLI_TABLE_UNMATCHED };

enum { CLI_OPERANDS = 2 };      /* most operands a sub-command takes */

/* What a repeated option was given; the texts are borrowed from argv. */
struct cli_list { const char **v; size_t n, cap; };

/* Values of all options; text is borrowed from argv. */
struct cli_values {
	enum cli_command command;
	const char *operands[CLI_OPERANDS];
	int n_operands;

	const char *data, *output, *store, *map, *script, *size;
	const char *recipe, *calibrator, *activation_type, *weight_type, *ranges, *save_ranges;
	struct cli_list exclude, exclude_file;
	int64_t random, samples, batch, threads, self_check, run;
	int64_t activation_budget;      /* bytes */
	double fail_under;              /* dB; NAN: not given */
	int report, table, observe, keep, provider, color, what;        /* the enums above */
	int mode, format;               /* one value each */
	bool per_channel, reduce_range, strict_reference, dry_run, skip_optimization;
	bool allow_nonfinite, skip_bad, verify_data, trust_store, plain;
	bool quiet, verbose, version, help, print_man, print_keys;
};

/* Parse argv[1..argc-1]; argv[1] may name a sub-command. Fills all defaults. QD_EUSAGE names the option, the value
 * seen and the values wanted, or the nearest option. `help`, `version` and the hidden `print_man` and
 * `print_keys` win over everything that is missing. */
QD_NODISCARD int cli_parse(int argc, char **argv, struct cli_values *v, struct qd_err *err);
/* Release what cli_parse() allocated, also when it failed. */
void cli_release(struct cli_values *v);

/* Names and help of a sub-command: "qdebug [OPTION]... FLOAT.onnx ...". */
void cli_print_help(FILE *f, enum cli_command command);

/* The options as rows of a man page. CLI_DEBUG: qdebug(1), a .SS section for each sub-command it covers; else the page of
 * this sub-command. */
void cli_print_man(FILE *f, enum cli_command command);

const char *cli_command_name(enum cli_command command);         /* "" for CLI_DEBUG */
const char *cli_table_name(int table);                          /* "outputs" */

/* The sub-command a mistyped first operand may have meant, NULL when nothing is near. */
const char *cli_command_nearest(const char *name);

/* "256M" into bytes: a number from 0 with an optional K, M, G or T (powers of 1024, a B after it is fine). */
QD_NODISCARD int cli_parse_size(const char *text, int64_t *bytes, struct qd_err *err);

#endif
