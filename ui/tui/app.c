/* The event loop: one thread, poll() on keys, job and signals, no timer while nothing is due. */
#include "tui/app.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "tui/draw.h"
#include "tui/term.h"
#include "vm/keymap.h"

static const double frame_s = 0.1;      /* news of a job are drawn at most this often */

struct loop {
	const struct tui_opts *opts;
	struct vm_app *app;
	struct surface surface;
	struct draw draw;
	int wake_fd;            /* -1 once the other end is closed */
	double drawn_at;
	int hollow;             /* times in a row that poll() promised keys and there were none */
};

enum { HOLLOW_MAX = 100 };      /* then the other end of the terminal is gone */

int tui_write_screen(struct vm_app *app, const struct surface *s, struct qd_err *err)
{
	char *path = app->want.screen_path;
	struct str text = STR_INIT;
	struct fs_atomic a;
	int rc;

	app->want.screen_path = NULL;
	surface_dump_text(s, &text);
	rc = text.failed ? err_oom(err, "writing the screen") :
		fs_atomic_open(&a, path, false, err);
	if (!rc) {
		fwrite(text.p ? text.p : "", 1, text.len, a.f);
		rc = fs_atomic_commit(&a, err);
	}
	if (rc)
		vm_app_say(app, VM_MSG_ERROR, "%s", err->msg);
	else
		vm_app_say(app, VM_MSG_INFO, "screen written to %s", path);
	str_release(&text);
	free(path);
	return rc;
}

static int draw(struct loop *l, struct qd_err *err)
{
	int rows, cols;

	term_size(&rows, &cols);
	if (rows < 1 || cols < 1)
		return 0;
	if ((rows != l->surface.rows || cols != l->surface.cols) &&
	    !surface_resize(&l->surface, rows, cols))
		return err_oom(err, "resizing the screen");
	screen_draw(&l->draw, l->app);
	term_show(&l->surface);
	l->drawn_at = clock_now();
	return 0;
}

/* What the view-model asked of the terminal. */
static bool serve(struct loop *l)
{
	struct vm_want *w = &l->app->want;
	bool again = w->redraw || w->suspend || w->screen_path || w->clipboard;
	struct qd_err ignored;

	if (w->redraw)
		term_redraw();
	if (w->suspend)
		term_suspend();
	w->redraw = w->suspend = false;
	if (w->screen_path)
		tui_write_screen(l->app, &l->surface, &ignored);
	if (w->clipboard) {
		term_clipboard(w->clipboard);
		free(w->clipboard);
		w->clipboard = NULL;
	}
	return again;
}

static bool take_keys(struct loop *l)
{
	bool any = false;
	int key;

	while (!l->app->quit && (key = term_key()) != 0) {
		if (key == VM_KEY_RESIZE)
			term_redraw();
		else
			vm_app_key(l->app, key, clock_now());
		any = true;
		l->hollow = 0;
		/* a pasted or repeated key must see what the one before asked for */
		if (l->app->want.suspend || l->app->want.screen_path)
			break;
	}
	return any;
}

static void drain(int fd)
{
	char buf[256];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/* Wait for something to happen, at most `seconds` (< 0: for ever). True when keys are the cause,
 * or may be. */
static bool wait_for(struct loop *l, double seconds)
{
	struct pollfd fds[3] = {
		{ term_key_fd(), POLLIN, 0 }, { term_signal_fd(), POLLIN, 0 },
			{ l->wake_fd, POLLIN, 0 },
	};
	int n = poll(fds, 3, seconds < 0 ? -1 : (int)(seconds * 1000) + 1);

	if (n < 0)
		return errno == EINTR;  /* SIGWINCH: curses has a key for it */
	if (fds[2].revents & POLLIN)
		drain(l->wake_fd);
	else if (fds[2].revents)
		l->wake_fd = -1;        /* closed: poll() would return at once for ever */
	if (fds[0].revents & (POLLHUP | POLLERR) || (fds[0].revents && ++l->hollow > HOLLOW_MAX))
		l->app->quit = true;    /* the terminal is gone */
	return fds[0].revents != 0;
}

static int loop(struct loop *l, struct qd_err *err)
{
	bool urgent = true;

	while (!l->app->quit && !term_signal()) {
		double wait = vm_app_poll(l->app, clock_now());
		double due = l->drawn_at + frame_s - clock_now();

		if (urgent || due <= 0) {
			int rc = draw(l, err);

			if (rc)
				return rc;
			urgent = serve(l);
			if (urgent)
				continue;
		} else {
			wait = wait < 0 || due < wait ? due : wait;
		}
		urgent = take_keys(l);  /* curses may hold some already */
		if (!urgent && wait_for(l, wait))
			urgent = take_keys(l) || urgent;
	}
	return 0;
}

int tui_run(const struct tui_opts *opts, struct vm_app *app, int *signal, struct qd_err *err)
{
	struct loop l = { .opts = opts, .app = app, .wake_fd = opts->wake_fd };
	int rc;

	if (signal)
		*signal = 0;
	rc = term_open(opts->no_color, err);
	if (rc)
		return rc;
	log_capture_stderr_begin();
	l.surface.ascii = opts->force_ascii || !term_is_utf8();
	l.draw = (struct draw){ &l.surface, glyphs_get(!l.surface.ascii),
				opts->limits ? opts->limits : &theme_default_limits };
	l.drawn_at = -1;
	rc = loop(&l, err);
	if (!rc && term_signal()) {
		if (signal)
			*signal = term_signal();
		rc = err_set(err, QD_ECANCEL, "ended by signal %d", term_signal());
	}
	term_close();
	log_capture_stderr_end();
	surface_release(&l.surface);
	return rc;
}
