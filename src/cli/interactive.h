/* cli/interactive.h - the screen, or a script played on one, over a session or a stored run. Main thread. */
#ifndef CLI_INTERACTIVE_H
#define CLI_INTERACTIVE_H

#include "cli/cli.h"
#include "session/session.h"

/* Can it be shown: the terminal, --size, --script. To be asked before anything runs. QD_EUSAGE, QD_EINPUT. */
QD_NODISCARD int interactive_check(enum cli_show how, const struct cli_values *v, struct qd_err *err);

/* Run the session on a worker thread while the screen shows what it writes; returns when the user quits or the script
 * ends. A run that is going on then is interrupted: QD_ECANCEL. A run that failed meanwhile: its error. */
QD_NODISCARD int interactive_run(struct session *s, struct cancel *cancel, enum cli_show how,
				 const struct cli_values *v, struct qd_err *err);

/* Show a stored run (0: the newest). */
QD_NODISCARD int interactive_open(const char *store, int64_t run_id, struct cancel *cancel, enum cli_show how,
				  const struct cli_values *v, struct qd_err *err);

#endif
