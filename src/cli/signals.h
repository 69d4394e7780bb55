/* cli/signals.h - signals of a run without a screen. Main thread. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "base/cancel.h"

/* SIGINT, SIGTERM and SIGHUP set `cancel` (which must outlive the process's use of it); a second SIGINT ends the
 * process at once with status 130. A SIGHUP that was ignored (nohup) stays ignored. SIGPIPE and SIGXFSZ are ignored,
 * so that writing reports an error instead. */
void signals_install(struct cancel *cancel);

#endif
