/* The script player.  Knows the app and the grid, no terminal. */
#include "tui/script.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tui/app.h"
#include "tui/draw.h"
#include "vm/keymap.h"

enum { MAX_SCRIPT = 1 << 20, MAX_SIDE = 1000 };

struct player {
	const struct script_opts *opts;
	struct vm_app *app;
	int wake_fd;
	struct surface surface;
	struct draw draw;
};

int script_parse_size(const char *text, int *rows, int *cols, struct qd_err *err)
{
	int c, r, used = 0;

	if (sscanf(text, "%4dx%4d%n", &c, &r, &used) != 2 || text[used] || c < 1 || r < 1 ||
	    c > MAX_SIDE || r > MAX_SIDE)
		return err_set(err, QD_EUSAGE,
			       "\"%s\" is no screen size; columns x rows are expected, as 80x24",
				       text);
	*rows = r;
	*cols = c;
	return 0;
}

/* Until no job runs and what it wrote is on the screen. */
static void settle(struct player *p)
{
	for (;;) {
		double wait = vm_app_poll(p->app, clock_now());
		struct pollfd fd = { p->wake_fd, POLLIN, 0 };
		char buf[256];

		if (!p->app->busy && !p->app->stale)
			break;
		/* a lost wake-up costs a tenth of a second, not the script */
		poll(&fd, 1, wait < 0 || wait > 0.1 ? 100 : (int)(wait * 1000) + 1);
		if (fd.revents & POLLIN)
			while (read(p->wake_fd, buf, sizeof(buf)) > 0)
				;
		else if (fd.revents)
			p->wake_fd = -1;        /* closed: poll() would return at once */
	}
	screen_draw(&p->draw, p->app);
}

static int serve(struct player *p, struct qd_err *err)
{
	struct vm_want *w = &p->app->want;

	w->redraw = w->suspend = false;
	free(w->clipboard);
	w->clipboard = NULL;
	return w->screen_path ? tui_write_screen(p->app, &p->surface, err) : 0;
}

static int press(struct player *p, int key, struct qd_err *err)
{
	vm_app_key(p->app, key, clock_now());
	settle(p);
	return serve(p, err);
}

static int do_keys(struct player *p, const char *text, bool one, struct qd_err *err)
{
	if (!*text)
		return err_set(err, QD_EUSAGE, "no key is named");
	while (*text && !p->app->quit) {
		int key, rc;
		size_t n = vm_key_parse(text, &key);

		if (!key)
			return err_set(err, QD_EUSAGE, "\"%.*s\" names no key", (int)n, text);
		text += n;
		if (one && *text)
			return err_set(err, QD_EUSAGE,
				       "\"%s\" after the key; \"keys\" takes several", text);
		rc = press(p, key, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int do_size(struct player *p, const char *text, struct qd_err *err)
{
	int rows, cols, rc = script_parse_size(text, &rows, &cols, err);

	if (!rc && !surface_resize(&p->surface, rows, cols))
		rc = err_oom(err, "resizing the screen");
	return rc;
}

static int do_command(struct player *p, const char *text, struct qd_err *err)
{
	int rc = vm_app_command(p->app, text, clock_now());

	if (rc)
		return err_set(err, rc, "%s", p->app->message);
	settle(p);
	return serve(p, err);
}

static int step(struct player *p, char *line, struct qd_err *err)
{
	line += strspn(line, " \t");
	line[strcspn(line, "\r")] = '\0';
	if (!*line || *line == '#' || !strcmp(line, "wait"))
		return 0;
	if (*line == ':')
		return do_command(p, line + 1, err);
	if (!strncmp(line, "keys ", 5))
		return do_keys(p, line + 5, false, err);
	if (!strncmp(line, "key ", 4))
		return do_keys(p, line + 4, true, err);
	if (!strncmp(line, "size ", 5))
		return do_size(p, line + 5, err);
	return err_set(err, QD_EUSAGE,
		       "\"%.60s\" is no step; expected key, keys, size, wait or a \":\" command",
			       line);
}

static int play(struct player *p, char *text, struct qd_err *err)
{
	char *save = NULL;
	int number = 0, rc = 0;

	settle(p);
	while (text && !rc && !p->app->quit) {
		save = strchr(text, '\n');
		if (save)
			*save++ = '\0';
		number++;
		rc = step(p, text, err);
		if (!rc)
			settle(p);
		text = save;
	}
	if (rc)
		err_prefix(err, "%s:%d", p->opts->path ? p->opts->path : "script", number);
	return rc;
}

int script_run(const struct script_opts *opts, struct vm_app *app, struct qd_err *err)
{
	struct player p = { .opts = opts, .app = app, .wake_fd = opts->wake_fd };
	char *text = NULL;
	size_t size;
	int rc = 0;

	if (opts->text)
		text = mem_strdup(opts->text);
	else
		rc = fs_read_all(opts->path, MAX_SCRIPT, &text, &size, err);
	if (rc)
		return rc;
	p.surface.ascii = opts->ascii;
	if (!text || !surface_resize(&p.surface, opts->rows, opts->cols)) {
		rc = err_oom(err, "starting a script");
		goto out;
	}
	p.draw = (struct draw){ &p.surface, glyphs_get(!opts->ascii), opts->limits ? opts->limits :
				&theme_default_limits };
	rc = play(&p, text, err);
out:
	surface_release(&p.surface);
	free(text);
	return rc;
}
