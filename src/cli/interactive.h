/* cli/interactive.h - the screen, or a script played on one, over a session or a stored run. Main thread. */
#ifndef CLI_INTERACTIVE_H
#define CLI_INTERACTIVE_H

#include "cli/cli.h"
#include "session/session.h"

/* Run the session on a worker thread while the screen shows what it writes; returns when the user quits (the run is
 * then interrupted) or the script ends. */
QD_NODISCARD int interactive_run(struct session *s, struct cancel *cancel, enum cli_show how,
				 const struct cli_values *v, struct qd_err *err);

/* Show a stored run (0: the newest). */
QD_NODISCARD int interactive_open(const char *store, int64_t run_id, enum cli_show how, const struct cli_values *v,
				  struct qd_err *err);

#endif
