/* Where reports go. */
#include "cli/show.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/report.h"

enum { WIDTH = 100, WIDTH_MIN = 60, WIDTH_MAX = 200 };

int show_width(int fd, int otherwise)
{
	struct winsize ws;

	if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &ws) < 0 || !ws.ws_col)
		return otherwise;
	return ws.ws_col;
}

static int write_fd(int fd, const char *name, const char *text, size_t n, struct qd_err *err)
{
	while (n) {
		ssize_t w = write(fd, text, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno == EPIPE)
			return 0;
		if (w < 0)
			return err_errno(err, QD_EDISK, "%s: cannot write", name);
		text += w;
		n -= (size_t)w;
	}
	return 0;
}

/* A device or pipe, as /dev/null: written to, never replaced. */
static int write_special(const char *path, const char *text, size_t n, struct qd_err *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return err_errno(err, QD_EDISK, "%s: cannot write", path);
	rc = write_fd(fd, path, text, n, err);
	close(fd);
	return rc;
}

int show_write(const char *path, const char *text, size_t n, struct qd_err *err)
{
	struct fs_atomic a;
	struct stat sb;
	int rc;

	if (!path || !strcmp(path, "-"))
		return write_fd(STDOUT_FILENO, "standard output", text, n, err);
	if (stat(path, &sb) == 0 && S_ISDIR(sb.st_mode))
		return err_set(err, QD_EUSAGE, "%s: is a folder; -o needs the name of a file", path);
	if (stat(path, &sb) == 0 && !S_ISREG(sb.st_mode))
		return write_special(path, text, n, err);
	rc = fs_atomic_open(&a, path, false, err);
	if (rc)
		return rc;
	if (fwrite(text, 1, n, a.f) != n) {
		rc = err_errno(err, QD_EDISK, "%s: cannot write", path);
		fs_atomic_abort(&a);
		return rc;
	}
	return fs_atomic_commit(&a, err);
}

static bool wants_color(const struct cli_values *v)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (v->color != CLI_COLOR_AUTO)
		return v->color == CLI_COLOR_ALWAYS;
	return !v->output && !v->plain && isatty(STDOUT_FILENO) && !(no && *no) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

static int make_report(struct report *r, const struct cli_values *v, struct str *out, struct qd_err *err)
{
	static const enum store_table tables[] = {
		[CLI_TABLE_OUTPUTS] = ST_OUTPUTS, [CLI_TABLE_ACTIVATIONS] = ST_ACTIVATIONS,
		[CLI_TABLE_WEIGHTS] = ST_WEIGHTS, [CLI_TABLE_UNMATCHED] = ST_UNMATCHED,
	};

	switch (v->report) {
	case CLI_REPORT_JSON:
		return report_json(r, out, err);
	case CLI_REPORT_CSV:
		return report_csv(r, tables[v->table], out, err);
	default:
		r->color = wants_color(v);
		r->width = v->output ? WIDTH : show_width(STDOUT_FILENO, WIDTH);
		if (r->width < WIDTH_MIN)
			r->width = WIDTH_MIN;
		if (r->width > WIDTH_MAX)
			r->width = WIDTH_MAX;
		return report_text(r, out, err);
	}
}

int show_report(struct store *st, int64_t run_id, const struct cli_values *v, struct qd_err *err)
{
	struct str out = STR_INIT, why = STR_INIT;
	struct report r = { .arena = STORE_ARENA_INIT };
	int missed = 0, rc = store_snapshot_begin(st, err);

	if (rc)
		return rc;
	rc = report_load(st, run_id, &r, err);
	if (!rc)
		rc = make_report(&r, v, &out, err);
	if (!rc && !isnan(v->fail_under))
		rc = report_check(&r, v->fail_under, &missed, &why, err);
	store_snapshot_end(st);
	if (!rc)
		rc = show_write(v->output, out.p, out.len, err);
	if (!rc && missed) {
		fputs(why.p ? why.p : "", stderr);
		rc = CLI_MISSED;
	}
	report_release(&r);
	str_release(&out);
	str_release(&why);
	return rc;
}
