/* cli/options_int.h - the tables of options.c, for those who print them. */
#ifndef CLI_OPTIONS_INT_H
#define CLI_OPTIONS_INT_H

#include "cli/options.h"

enum option_type { OPT_FLAG, OPT_TEXT, OPT_LIST, OPT_INT, OPT_SIZE, OPT_REAL, OPT_CHOICE };

struct option_info {
	const char *name;               /* long name */
	char letter;                    /* short name or 0 */
	enum option_type type;
	unsigned commands;
	const char *arg;                /* of the help; choices: "a|b|c", in the order of their enum */
	size_t offset;                  /* in struct cli_values */
	int64_t min, max;               /* OPT_INT, OPT_SIZE */
	int first;                      /* OPT_CHOICE: enum value of the first one */
	int64_t fallback;               /* default of numbers and choices */
	const char *shown;              /* the default in words, "" none */
	const char *help;
};

extern const struct option_info cli_options[];          /* in the order of the help */
extern const size_t cli_n_options;

struct command_info {
	const char *name, *operands;
	int min, max;           /* operands */
	const char *help;
	const char *example;
};
extern const struct command_info cli_commands[CLI_COMMANDS];

#endif
