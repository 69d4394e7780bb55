/* The terminal through ncursesw.  Nothing else includes <curses.h>.
 *
 * The file's state is global because signal handlers need it; there is one terminal a process. */
#define _XOPEN_SOURCE_EXTENDED 1
#include <curses.h>
#include <term.h>

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* after curses: its names (and macros) end here */
#include "tui/term.h"
#include "vm/keymap.h"

enum { RESTORE_MAX = 256 };

static struct {
	SCREEN *screen;
	bool utf8;
	enum theme_id theme;
	attr_t attrs[2 * STYLE_COUNT];  /* by style; + STYLE_COUNT on the focused row */
	short pairs[2 * STYLE_COUNT];
	/* for handlers */
	struct termios saved;
	bool has_saved;
	char restore[RESTORE_MAX];
	size_t restore_len;
	int pipe[2];
	volatile sig_atomic_t signal;
} term = { .pipe = { -1, -1 } };

/* --- signals: async-signal-safe functions only ----------------------------------- */

static const int ending[] = { SIGTERM, SIGHUP, SIGINT };
static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
static struct sigaction old_ending[3], old_fatal[5];

static void on_ending(int sig)
{
	int saved = errno;
	ssize_t n;

	term.signal = sig;
	n = write(term.pipe[1], "x", 1);
	(void)n;                        /* a full pipe is readable already */
	errno = saved;
}

static void on_fatal(int sig)
{
	ssize_t n = write(STDOUT_FILENO, term.restore, term.restore_len);

	(void)n;
	if (term.has_saved)
		tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
	/* SA_RESETHAND put the default action back: die of the same signal */
	raise(sig);
}

static void install(void)
{
	struct sigaction a = { 0 };

	sigemptyset(&a.sa_mask);
	a.sa_handler = on_ending;
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaction(ending[i], &a, &old_ending[i]);
	a.sa_handler = on_fatal;
	a.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &a, &old_fatal[i]);
}

static void uninstall(void)
{
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaction(ending[i], &old_ending[i], NULL);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &old_fatal[i], NULL);
}

/* --- open and close ------------------------------------------------------------------ */

/* A capability for the handlers, without its padding notes ($<5>). */
static void add_restore(const char *name)
{
	const char *cap = tigetstr(name);

	if (!cap || cap == (char *)-1)
		return;
	while (*cap && term.restore_len + 1 < RESTORE_MAX) {
		if (cap[0] == '$' && cap[1] == '<' && strchr(cap, '>'))
			cap = strchr(cap, '>') + 1;
		else
			term.restore[term.restore_len++] = *cap++;
	}
}

static attr_t curses_attr(uint8_t attr)
{
	return (attr & THEME_BOLD ? A_BOLD : 0) | (attr & THEME_DIM ? A_DIM : 0) |
	       (attr & THEME_REVERSE ? A_REVERSE : 0) | (attr & THEME_UNDERLINE ? A_UNDERLINE : 0);
}

static void init_looks(bool no_color)
{
	int colors = 0;

	if (!no_color && has_colors() && start_color() == OK) {
		use_default_colors();
		colors = COLORS;
	}
	term.theme = theme_for(COLOR_PAIRS > 2 * STYLE_COUNT ? colors : 0, no_color);
	for (int i = 0; i < 2 * STYLE_COUNT; i++) {
		uint8_t style = (uint8_t)(i < STYLE_COUNT ? i : (i - STYLE_COUNT) | STYLE_SEL);
		struct theme_look look = theme_look(term.theme, style);

		term.attrs[i] = curses_attr(look.attr);
		term.pairs[i] = 0;
		if (look.fg >= 0 || look.bg >= 0) {
			term.pairs[i] = (short)(i + 1);
			init_pair(term.pairs[i], look.fg, look.bg);
		}
	}
}

static int unusable(struct qd_err *err)
{
	const char *name = getenv("TERM");

	return err_set(err, QD_EUSAGE,
		       "the terminal \"%s\" (TERM) is not known or cannot move its cursor; use "
		       "--plain or --report text, or set TERM, as TERM=xterm", name ? name : "");
}

int term_check(struct qd_err *err)
{
	int found = 0;
	char *cup;

	if (setupterm(NULL, STDOUT_FILENO, &found) == ERR || found != 1)
		return unusable(err);
	cup = tigetstr("cup");
	del_curterm(cur_term);
	return !cup || cup == (char *)-1 ? unusable(err) : 0;
}

int term_open(bool no_color, struct qd_err *err)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, QD_EUSAGE,
			       "standard input and output are no terminal; use --report text, "
			       "or --script");
	setlocale(LC_CTYPE, "");
	term.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	term.has_saved = tcgetattr(STDIN_FILENO, &term.saved) == 0;
	term.screen = newterm(NULL, stdout, stdin);
	if (!term.screen)
		return unusable(err);
	set_term(term.screen);
	if (!tigetstr("cup") || tigetstr("cup") == (char *)-1) {
		term_close();
		return unusable(err);
	}
	if (pipe2(term.pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		term_close();
		return err_errno(err, QD_EDISK, "opening a pipe");
	}
	term.signal = 0;
	term.restore_len = 0;
	add_restore("sgr0");
	add_restore("cnorm");
	add_restore("rmkx");
	add_restore("rmcup");
	raw();
	noecho();
	nonl();
	set_escdelay(25);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	intrflush(stdscr, FALSE);
	init_looks(no_color);
	install();
	return 0;
}

void term_close(void)
{
	if (!term.screen)
		return;
	if (term.pipe[0] >= 0)
		uninstall();
	endwin();
	delscreen(term.screen);
	term.screen = NULL;
	for (int i = 0; i < 2; i++) {
		if (term.pipe[i] >= 0)
			close(term.pipe[i]);
		term.pipe[i] = -1;
	}
}

/* --- keys ------------------------------------------------------------------------------ */

static const struct { int curses, key; } keys[] = {
	{ KEY_UP, VM_KEY_UP }, { KEY_DOWN, VM_KEY_DOWN }, { KEY_LEFT, VM_KEY_LEFT },
		{ KEY_RIGHT, VM_KEY_RIGHT },
	{ KEY_PPAGE, VM_KEY_PGUP }, { KEY_NPAGE, VM_KEY_PGDN }, { KEY_HOME, VM_KEY_HOME },
		{ KEY_END, VM_KEY_END },
	{ KEY_FIND, VM_KEY_HOME }, { KEY_SELECT, VM_KEY_END },
	{ KEY_ENTER, VM_KEY_ENTER }, { KEY_BACKSPACE, VM_KEY_BACKSPACE }, { KEY_DC, VM_KEY_DELETE },
	{ KEY_BTAB, VM_KEY_SHIFT_TAB }, { KEY_IC, VM_KEY_INSERT }, { KEY_RESIZE, VM_KEY_RESIZE },
};

static int special(wint_t c)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if ((wint_t)keys[i].curses == c)
			return keys[i].key;
	}
	if (c >= KEY_F(1) && c <= KEY_F(12))
		return VM_KEY_F1 + (int)(c - KEY_F(1));
	return VM_KEY_BASE;             /* a key we have no name for: bound to nothing */
}

int term_key(void)
{
	wint_t c;
	int rc = get_wch(&c);

	if (rc == ERR)
		return 0;
	if (rc == KEY_CODE_YES)
		return special(c);
	switch (c) {
	case '\r':
	case '\n': return VM_KEY_ENTER;
	case '\t': return VM_KEY_TAB;
	case 27: return VM_KEY_ESC;
	case 8:
	case 127: return VM_KEY_BACKSPACE;
	case 0: return VM_KEY_BASE;
	default: return (int)c;
	}
}

/* --- output ------------------------------------------------------------------------------ */

void term_size(int *rows, int *cols)
{
	getmaxyx(stdscr, *rows, *cols);
}

bool term_is_utf8(void)
{
	return term.utf8;
}

static int look_index(uint8_t style)
{
	return (style & ~STYLE_SEL) + (style & STYLE_SEL ? STYLE_COUNT : 0);
}

void term_show(const struct surface *s)
{
	for (int r = 0; r < s->rows; r++) {
		for (int c = 0; c < s->cols; c++) {
			const struct cell *x = surface_at(s, r, c);
			int look = look_index(x->style);
			wchar_t text[4] = { (wchar_t)x->cp, (wchar_t)x->mark[0],
					   (wchar_t)x->mark[1], 0 };
			cchar_t cc;

			if (!x->cp)     /* the wide character to the left covers it */
				continue;
			setcchar(&cc, text, term.attrs[look], term.pairs[look], NULL);
			mvadd_wch(r, c, &cc);
		}
	}
	if (s->cursor_row >= 0)
		move(s->cursor_row, s->cursor_col);
	curs_set(s->cursor_row >= 0 ? 1 : 0);
	refresh();
}

void term_redraw(void)
{
	clearok(stdscr, TRUE);
}

void term_suspend(void)
{
	/* curses' own handler leaves the screen, stops, and comes back */
	raise(SIGTSTP);
	clearok(stdscr, TRUE);
}

void term_clipboard(const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	size_t n = strlen(text);

	fputs("\033]52;c;", stdout);
	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned)(unsigned char)text[i] << 16;

		if (i + 1 < n)
			v |= (unsigned)(unsigned char)text[i + 1] << 8;
		if (i + 2 < n)
			v |= (unsigned char)text[i + 2];
		fputc(digits[v >> 18 & 63], stdout);
		fputc(digits[v >> 12 & 63], stdout);
		fputc(i + 1 < n ? digits[v >> 6 & 63] : '=', stdout);
		fputc(i + 2 < n ? digits[v & 63] : '=', stdout);
	}
	fputs("\a", stdout);
	fflush(stdout);
}

int term_key_fd(void)
{
	return STDIN_FILENO;
}

int term_signal_fd(void)
{
	return term.pipe[0];
}

int term_signal(void)
{
	return term.signal;
}
