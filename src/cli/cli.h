/* cli/cli.h - the program: sub-commands, and what they share.
 *
 * Functions that take a struct cli_values do one sub-command: they print to standard output, leave the message in
 * *err and return a code that err_exit_status() turns into the exit status, or CLI_MISSED. One thread.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/cancel.h"
#include "cli/options.h"

enum { CLI_MISSED = 1 };        /* done, but a threshold the user set was missed: exit 1 */

/* Parse, run, report errors on standard error; returns the exit status. */
int cli_main(int argc, char **argv);

/* How this invocation shows results. */
enum cli_show { CLI_SHOW_REPORT, CLI_SHOW_SCREEN, CLI_SHOW_SCRIPT };

/* Decide it from options, terminal and environment: `tty` says whether stdin and stdout are terminals, `term` is
 * $TERM. QD_EUSAGE when a screen is due on a terminal that cannot show one; then nothing has run yet. */
QD_NODISCARD int cli_decide_show(const struct cli_values *v, bool tty, const char *term, enum cli_show *out,
				 struct qd_err *err);

int cli_debug(const struct cli_values *v, struct cancel *cancel, struct qd_err *err);
int cli_open(const struct cli_values *v, struct cancel *cancel, struct qd_err *err);
int cli_export(const struct cli_values *v, struct cancel *cancel, struct qd_err *err);
int cli_doctor(const struct cli_values *v, struct qd_err *err);
int cli_quantize(const struct cli_values *v, struct cancel *cancel, struct qd_err *err);
int cli_calibrate(const struct cli_values *v, struct cancel *cancel, struct qd_err *err);
int cli_preprocess(const struct cli_values *v, struct qd_err *err);

#endif
