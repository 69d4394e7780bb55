/* cli/show.h - showing a run of a store: a report to a file or standard output, and the threshold. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stdbool.h>

#include "cli/cli.h"
#include "store/store.h"

/* Write the report that `v` asks for (text when it names none) of a run (0: the newest finished) to v->output or
 * standard output, then apply --fail-under: CLI_MISSED when an output is below. */
QD_NODISCARD int show_report(struct store *st, int64_t run_id, const struct cli_values *v, struct qd_err *err);

/* Write all of text to FILE (a regular one atomically, a device as it is) or, for NULL and "-", to standard output.
 * A reader of standard output that went away is no error. */
QD_NODISCARD int show_write(const char *path, const char *text, size_t n, struct qd_err *err);

/* Columns of the terminal on fd, `otherwise` when it is none. */
int show_width(int fd, int otherwise);

#endif
