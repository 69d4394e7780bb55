/* --help and the man pages' options, from the tables. */
#include <string.h>

#include "cli/options_int.h"

enum { HELP_WIDTH = 79, HELP_INDENT = 30 };

/* Words of text from column `at` on, wrapped, continued at `indent`. */
static void print_wrapped(FILE *f, const char *text, int at, int indent)
{
	bool first = true;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (!first && at + 1 + (int)n > HELP_WIDTH) {
			fprintf(f, "\n%*s", indent, "");
			at = indent;
			first = true;
		}
		at += fprintf(f, "%s%.*s", first ? "" : " ", (int)n, text);
		first = false;
		text += n + (text[n] == ' ');
	}
	fputc('\n', f);
}

static void print_option(FILE *f, const struct option_info *o)
{
	char text[600];
	int at = o->letter ? fprintf(f, "  -%c, --%s", o->letter, o->name) : fprintf(f, "      --%s", o->name);

	if (o->arg)
		at += fprintf(f, " %s", o->arg);
	if (at + 2 > HELP_INDENT) {
		fputc('\n', f);
		at = 0;
	}
	fprintf(f, "%*s", HELP_INDENT - at, "");
	if (*o->shown)
		snprintf(text, sizeof(text), "%s (default: %s)", o->help, o->shown);
	else
		snprintf(text, sizeof(text), "%s", o->help);
	print_wrapped(f, text, HELP_INDENT, HELP_INDENT);
}

void cli_print_help(FILE *f, enum cli_command command)
{
	const struct command_info *c = &cli_commands[command];

	fprintf(f, "Usage: qdebug%s%s [OPTION]...%s%s\n", *c->name ? " " : "", c->name, *c->operands ? " " : "",
		c->operands);
	if (command == CLI_DEBUG)
		for (int i = CLI_OPEN; i < CLI_LATER; i++)
			fprintf(f, "       qdebug %s [OPTION]...%s%s\n", cli_commands[i].name,
				*cli_commands[i].operands ? " " : "", cli_commands[i].operands);
	fputc('\n', f);
	print_wrapped(f, c->help, 0, 0);
	fputs("\nOptions:\n", f);
	for (size_t i = 0; i < cli_n_options; i++)
		if (cli_options[i].help && (cli_options[i].commands & 1u << command))
			print_option(f, &cli_options[i]);
	fprintf(f, "\nExample: %s\n", c->example);
	if (command == CLI_DEBUG) {
		fputs("\n", f);
		print_wrapped(f, "Words: xmodel = accumulated error, each model on its own values (entire, graphwise); "
			      "local = what one quantizer does to the float model's values; qdq = the same on the "
			      "quantized model's own values. SQNR is 10 log10 of signal energy over error "
			      "energy.", 0, 0);
	}
	fputs("\nExit status: 0 done, 1 a threshold was missed, 2 wrong usage or unusable input,\n"
	      "3 engine or disk failure, 130 interrupted (128 + N: by signal N).\n", f);
}

/* roff: a leading dot or quote and every backslash and minus are special. */
static void print_roff(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", f);
		else if (*text == '-')
			fputs("\\-", f);
		else
			fputc(*text, f);
	}
}

static void print_man_option(FILE *f, const struct option_info *o)
{
	fputs(".TP\n", f);
	if (o->letter)
		fprintf(f, "\\fB\\-%c\\fR, ", o->letter);
	fputs("\\fB\\-\\-", f);
	print_roff(f, o->name);
	fputs("\\fR", f);
	if (o->arg)
		fprintf(f, " %s%s\\fR", o->type == OPT_CHOICE ? "\\fB" : "\\fI", o->arg);
	fputc('\n', f);
	print_roff(f, o->help);
	if (*o->shown) {
		fputs(" (default: ", f);
		print_roff(f, o->shown);
		fputc(')', f);
	}
	fputs(".\n", f);
}

/* An option stands in the section where it first applies. */
static bool stands_in(const struct option_info *o, int command)
{
	return o->help && (o->commands & ((1u << (command + 1)) - 1)) == 1u << command;
}

static void print_section(FILE *f, int command)
{
	bool titled = false;

	for (size_t i = 0; i < cli_n_options; i++) {
		if (!stands_in(&cli_options[i], command))
			continue;
		if (!titled && command == CLI_DEBUG)
			fputs(".SS Comparing two models\n", f);
		else if (!titled)
			fprintf(f, ".SS Also with qdebug %s\n", cli_commands[command].name);
		titled = true;
		print_man_option(f, &cli_options[i]);
	}
}

void cli_print_man(FILE *f, enum cli_command command)
{
	if (command == CLI_DEBUG) {
		for (int c = CLI_DEBUG; c <= CLI_DOCTOR; c++)
			print_section(f, c);
		return;
	}
	for (size_t i = 0; i < cli_n_options; i++)
		if (cli_options[i].help && (cli_options[i].commands & 1u << command))
			print_man_option(f, &cli_options[i]);
}
