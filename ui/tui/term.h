/* tui/term.h - the terminal: keys in, a cell grid out, and everything put back on every way out.
 *
 * One terminal a process.  The implementation is the only file that knows curses.  UI thread only.
 */
#ifndef TUI_TERM_H
#define TUI_TERM_H

#include "base/err.h"
#include "tui/surface.h"
#include "tui/theme.h"

/* Take over stdin and stdout. An unknown or unusable TERM is QD_EUSAGE, with the options that need
 * no terminal. Installs handlers: SIGTERM, SIGHUP and SIGINT make term_signal_fd() readable; fatal
 * signals restore the terminal first. */
QD_NODISCARD int term_open(bool no_color, struct qd_err *err);

/* Would term_open() take this terminal? Looks only, so that it can be asked before long work. QD_EUSAGE as there. */
QD_NODISCARD int term_check(struct qd_err *err);

/* Give everything back, handlers too. Harmless when not open. */
void term_close(void);

void term_size(int *rows, int *cols);
bool term_is_utf8(void);

/* Next key (vm/keymap.h), 0 when there is none now. VM_KEY_RESIZE after the size changed. */
int term_key(void);

/* Show a surface of the terminal's size. */
void term_show(const struct surface *s);

/* Draw everything anew next time. */
void term_redraw(void);

/* Stop as the shell's Ctrl-Z; returns when continued. */
void term_suspend(void);

/* Put text into the clipboard through OSC 52. */
void term_clipboard(const char *text);

int term_key_fd(void);
int term_signal_fd(void);       /* readable when a signal asks us to end */
int term_signal(void);          /* that signal's number, 0 none */

#endif
