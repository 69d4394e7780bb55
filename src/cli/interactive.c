/* A session on a worker thread, a screen on the main one, a pipe that wakes the screen when there is news. */
#include "cli/interactive.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "tui/app.h"
#include "tui/script.h"
#include "tui/term.h"
#include "vm/app.h"

/* running, rc and error are locked by `lock`. */
struct job {
	struct session *session;
	struct cancel *cancel;
	pthread_t thread;
	pthread_mutex_t lock;
	int wake[2];
	bool started, running;
	int rc;
	struct qd_err error;
};

int interactive_check(enum cli_show how, const struct cli_values *v, struct qd_err *err)
{
	int rows, cols, rc;

	if (how == CLI_SHOW_SCREEN)
		return term_check(err);
	if (how != CLI_SHOW_SCRIPT)
		return 0;
	rc = v->size ? script_parse_size(v->size, &rows, &cols, err) : 0;
	if (rc)
		err_prefix(err, "--size");
	else if (!fs_exists(v->script))
		rc = err_set(err, QD_EINPUT, "%s: no such script", v->script);
	return rc;
}

/* ---- the worker ---- */

static void wake(void *ctx)
{
	struct job *j = ctx;

	/* a full pipe wakes as well */
	if (write(j->wake[1], "", 1) < 0)
		return;
}

static void *work(void *ctx)
{
	struct qd_err e = { 0 };
	struct job *j = ctx;
	int rc = session_run(j->session, wake, j, &e);

	pthread_mutex_lock(&j->lock);
	j->rc = rc;
	j->error = e;
	j->running = false;
	pthread_mutex_unlock(&j->lock);
	wake(j);
	return NULL;
}

static bool is_running(void *ctx)
{
	struct job *j = ctx;
	bool running;

	pthread_mutex_lock(&j->lock);
	running = j->running;
	pthread_mutex_unlock(&j->lock);
	return running;
}

/* Signals are the main thread's: the worker and what it starts block them. */
static int start(struct job *j, struct qd_err *err)
{
	sigset_t all, old;
	int rc;

	if (pipe2(j->wake, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_errno(err, QD_EDISK, "opening a pipe");
	if (session_is_done(j->session))
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	j->running = true;
	rc = pthread_create(&j->thread, NULL, work, j);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	j->started = rc == 0;
	j->running = j->started;
	return rc ? err_set(err, QD_EDISK, "cannot start a thread: %s", strerror(rc)) : 0;
}

/* Until the store holds the run, or the worker has given up. */
static int64_t wait_for_run(struct job *j)
{
	struct session_progress p = { 0 };
	struct pollfd fd = { j->wake[0], POLLIN, 0 };
	char buf[64];

	for (;;) {
		bool running = is_running(j);

		session_get_progress(j->session, &p);
		if (p.run_id || !running || cancel_get(j->cancel))
			return p.run_id ? p.run_id : running ? 0 : session_run_id(j->session);
		/* signals arrive as EINTR; a lost wake-up costs a tenth of a second */
		if (poll(&fd, 1, 100) > 0)
			while (read(j->wake[0], buf, sizeof(buf)) > 0)
				;
	}
}

/* Ask a running worker to stop and wait for it. What it ended with; 0 when there was none. */
static int stop(struct job *j, struct qd_err *err)
{
	if (!j->started)
		return 0;
	if (is_running(j) && !cancel_get(j->cancel))
		cancel_set(j->cancel, SIGINT);
	pthread_join(j->thread, NULL);
	if (j->rc && err)
		*err = j->error;
	return j->rc;
}

/* ---- what the screen may ask ---- */

static void cancel_job(void *ctx)
{
	struct job *j = ctx;

	cancel_set(j->cancel, SIGINT);
}

static void get_progress(void *ctx, struct vm_progress *out)
{
	struct job *j = ctx;
	struct session_progress p;

	session_get_progress(j->session, &p);
	memset(out, 0, sizeof(*out));
	snprintf(out->phase, sizeof(out->phase), "%s", p.phase ? p.phase : "");
	snprintf(out->unit, sizeof(out->unit), "samples");
	out->done = p.done;
	out->total = p.total;
	out->rate = p.rate;
	out->eta = p.left;
	pthread_mutex_lock(&j->lock);
	if (!j->running && j->rc)
		snprintf(out->message, sizeof(out->message), "%.*s", (int)sizeof(out->message) - 1, j->error.msg);
	pthread_mutex_unlock(&j->lock);
}

/* ---- showing ---- */

static bool no_color(const struct cli_values *v)
{
	const char *no = getenv("NO_COLOR");

	return v->color == CLI_COLOR_NEVER || (v->color == CLI_COLOR_AUTO && no && *no);
}

static int show_screen(struct vm_app *app, int wake_fd, struct cancel *cancel, const struct cli_values *v,
		       struct qd_err *err)
{
	struct tui_opts opts = { .wake_fd = wake_fd, .no_color = no_color(v) };
	int by = 0, rc = tui_run(&opts, app, &by, err);

	if (rc == QD_ECANCEL && by)
		cancel_set(cancel, by);
	return rc;
}

static int show_script(struct vm_app *app, int wake_fd, const struct cli_values *v, struct qd_err *err)
{
	struct script_opts opts = { .path = v->script, .rows = 24, .cols = 80, .ascii = v->plain, .wake_fd = wake_fd };
	int rc = v->size ? script_parse_size(v->size, &opts.rows, &opts.cols, err) : 0;

	return rc ? rc : script_run(&opts, app, err);
}

static int show(const struct vm_app_opts *opts, int wake_fd, struct cancel *cancel, enum cli_show how,
		const struct cli_values *v, struct qd_err *err)
{
	struct vm_app *app = NULL;
	int rc = vm_app_open(opts, &app, err);

	if (!rc && how == CLI_SHOW_SCREEN)
		rc = show_screen(app, wake_fd, cancel, v, err);
	else if (!rc)
		rc = show_script(app, wake_fd, v, err);
	vm_app_close(app);
	return rc;
}

int interactive_run(struct session *s, struct cancel *cancel, enum cli_show how, const struct cli_values *v,
		    struct qd_err *err)
{
	struct job j = { .session = s, .cancel = cancel, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = { -1, -1 } };
	struct vm_backend backend = { .ctx = &j, .cancel = cancel_job, .busy = is_running, .progress = get_progress };
	struct vm_app_opts opts = { .store_path = session_store_path(s), .store_flags = STORE_TRUST,
				    .backend = &backend, .osc52 = how == CLI_SHOW_SCREEN };
	struct qd_err own = { 0 };
	int rc = start(&j, err), ended;

	if (!rc) {
		opts.run_id = session_is_done(s) ? session_run_id(s) : wait_for_run(&j);
		if (opts.run_id)
			rc = show(&opts, j.wake[0], cancel, how, v, err);
	}
	ended = stop(&j, &own);
	if (ended && (!rc || rc == QD_ECANCEL)) {
		rc = ended;
		if (err)
			*err = own;
	}
	for (int i = 0; i < 2; i++)
		if (j.wake[i] >= 0)
			close(j.wake[i]);
	pthread_mutex_destroy(&j.lock);
	return rc;
}

int interactive_open(const char *store, int64_t run_id, struct cancel *cancel, enum cli_show how,
		     const struct cli_values *v, struct qd_err *err)
{
	struct vm_app_opts opts = { .store_path = store, .store_flags = v->trust_store ? STORE_TRUST : 0,
				    .run_id = run_id, .osc52 = how == CLI_SHOW_SCREEN };

	return show(&opts, -1, cancel, how, v, err);
}
