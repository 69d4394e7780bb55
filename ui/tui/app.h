/* tui/app.h - the interface on a terminal: the event loop. */
#ifndef TUI_APP_H
#define TUI_APP_H

#include "tui/theme.h"
#include "vm/app.h"

struct tui_opts {
	/* readable when the job has news (drained here); -1 none. Non-blocking */
	int wake_fd;
	bool no_color;
	bool force_ascii;
	const struct theme_limits *limits;      /* NULL: default */
};

/* Run until the user quits. Takes over stdin and stdout and gives them back on every way out; what
 * libraries write to stderr goes to the log meanwhile. *signal (may be NULL) is the number of
 * SIGTERM, SIGHUP or SIGINT when one of them ended it (QD_ECANCEL then), else 0. A terminal that
 * cannot be used: QD_EUSAGE, nothing was drawn. Call it from the thread that opened the app; block
 * all signals in other threads. */
QD_NODISCARD int tui_run(const struct tui_opts *opts, struct vm_app *app, int *signal,
			 struct qd_err *err);

/* Serve app->want.screen_path: write the surface as text. Reports into the status message. Returns
 * 0 or the code. */
int tui_write_screen(struct vm_app *app, const struct surface *s, struct qd_err *err);

#endif
