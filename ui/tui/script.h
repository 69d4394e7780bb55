/* tui/script.h - play keys and commands without a terminal (--script FILE), drawing into a grid of
 * cells.
 *
 * A script is UTF-8 text, one step a line; blank lines and lines that start with # are skipped:
 *
 *   key j                 one key: a character, C-f, <Enter>, <PgDn>, <F1>, <Space>, <lt>
 *   keys jjj<Enter>       several keys; Ctrl is <C-f> here
 *   :sort sqnr desc       a command by name, as typed after ":"
 *   size 200x50           another size of the grid, columns x rows
 *   wait                  nothing; for readers: every step waits until no job runs anyway
 *
 * A step is taken when no job is running and the rows on the screen are current.  A command that
 * fails ends the
 * script with an error naming the line.  Keys that do nothing are no error, as on a terminal.
 */
#ifndef TUI_SCRIPT_H
#define TUI_SCRIPT_H

#include "tui/theme.h"
#include "vm/app.h"

struct script_opts {
	const char *path;       /* the script; for messages too when text is given */
	const char *text;       /* NULL: read path */
	int rows, cols;         /* of the grid */
	bool ascii;
	int wake_fd;            /* as in struct tui_opts */
	const struct theme_limits *limits;      /* NULL: default */
};

/* "80x24" into columns and rows (40x10 to 1000x1000 are useful, 1x1 to 1000x1000 accepted);
 * QD_EUSAGE. */
QD_NODISCARD int script_parse_size(const char *text, int *rows, int *cols, struct qd_err *err);

/* Play it to its end, or until the app quits. */
QD_NODISCARD int script_run(const struct script_opts *opts, struct vm_app *app, struct qd_err *err);

#endif
