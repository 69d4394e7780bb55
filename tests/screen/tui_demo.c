/* Builds the sample store and shows it: for looking at screens, and for tests/screen/run.sh.
 *
 *   tui_demo STORE [N]                      N activations (default 32) when STORE does not exist
 * yet
 *   tui_demo STORE --script FILE WxH [ascii]
 *   DEMO_JOB=1: a pretended job of 40 samples runs (a thread that only counts and wakes the
 * interface)
 *   DEMO_CRASH=1: dies of SIGSEGV on R
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "tests/screen/sample_store.h"
#include "tui/app.h"
#include "tui/script.h"

static struct {
	atomic_int done, cancel, busy;
	int pipe[2];
	double started;
} job;

static void *count(void *arg)
{
	(void)arg;
	while (atomic_load(&job.done) < 40 && !atomic_load(&job.cancel)) {
		usleep(100000);
		atomic_fetch_add(&job.done, 1);
		(void)!write(job.pipe[1], "x", 1);
	}
	log_add(LOG_INFO, "the job %s", atomic_load(&job.cancel) ? "was cancelled" : "is done");
	atomic_store(&job.busy, 0);
	(void)!write(job.pipe[1], "x", 1);
	return NULL;
}

static bool job_busy(void *ctx)
{
	(void)ctx;
	return atomic_load(&job.busy);
}

static void job_cancel(void *ctx)
{
	(void)ctx;
	atomic_store(&job.cancel, 1);
}

static void job_progress(void *ctx, struct vm_progress *p)
{
	double s = clock_now() - job.started;

	(void)ctx;
	memset(p, 0, sizeof(*p));
	snprintf(p->phase, sizeof(p->phase), "measuring");
	snprintf(p->unit, sizeof(p->unit), "samples");
	p->done = atomic_load(&job.done);
	p->total = 40;
	p->rate = s > 0 ? (double)p->done / s : 0;
	p->eta = p->rate > 0 ? (double)(p->total - p->done) / p->rate : -1;
	if (p->done == 20 && getenv("DEMO_CRASH"))
		raise(SIGSEGV);
}

static void start_job(void)
{
	pthread_t t;
	sigset_t all, old;

	if (pipe2(job.pipe, O_NONBLOCK | O_CLOEXEC))
		abort();
	job.started = clock_now();
	atomic_store(&job.busy, 1);
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	if (pthread_create(&t, NULL, count, NULL))
		abort();
	pthread_detach(t);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int main(int argc, char **argv)
{
	struct vm_backend backend = { NULL, NULL, job_cancel, job_busy, job_progress };
	struct vm_app_opts opts = { .store_path = argc > 1 ? argv[1] : NULL };
	struct script_opts script = { .wake_fd = -1, .rows = 24, .cols = 80 };
	struct tui_opts tui = { .wake_fd = -1, .no_color = getenv("NO_COLOR") &&
			       *getenv("NO_COLOR") };
	struct qd_err err = { 0 };
	struct vm_app *app;
	int rc, sig = 0;

	if (argc < 2)
		return 2;
	if (!fs_exists(argv[1]))
		sample_store_write(argv[1], argc > 2 && atol(argv[2]) > 0 ? (int)atol(argv[2]) :
				   SAMPLE_ACTIVATIONS);
	log_add(LOG_INFO, "demo started");
	if (getenv("DEMO_JOB")) {
		start_job();
		opts.backend = &backend;
		tui.wake_fd = script.wake_fd = job.pipe[0];
	}
	rc = vm_app_open(&opts, &app, &err);
	if (!rc && argc > 4 && !strcmp(argv[2], "--script")) {
		script.path = argv[3];
		script.ascii = argc > 5;
		rc = script_parse_size(argv[4], &script.rows, &script.cols, &err);
		if (!rc)
			rc = script_run(&script, app, &err);
	} else if (!rc) {
		rc = tui_run(&tui, app, &sig, &err);
	}
	if (rc)
		fprintf(stderr, "tui_demo: %s\n", err.msg);
	vm_app_close(app);
	return sig ? 128 + sig : rc ? err_exit_status(rc) : 0;
}
