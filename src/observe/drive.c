/* Driving a model over samples: workers run ahead, results are delivered in sample order. */
#include "observe/drive.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

struct drive {
	const struct drive_spec *spec;
	pthread_mutex_t lock;           /* everything below */
	pthread_cond_t changed;
	int64_t next, turn;             /* sample to take, sample to deliver */
	int64_t failed_at;              /* lowest failing sample; INT64_MAX none */
	struct qd_err err;              /* of that one */
	int rc;
	int running;                    /* workers alive */
};

struct worker {
	struct drive *d;
	pthread_t thread;
	struct engine_run *run;
	int slot;
	bool started;
};

/* Read and run; 0, DATA_SKIP with the reason in *err, or an error. */
static int do_sample(struct worker *w, int64_t i, struct qd_err *err)
{
	const struct drive_spec *spec = w->d->spec;
	struct data_sample sample = { 0 };
	int rc = data_read(spec->data, i, &sample, err);

	if (!rc)
		rc = spec->run(spec->ctx, w->run, w->slot, i, &sample, err);
	data_sample_release(&sample);
	return rc;
}

/* Deliver in order. Earlier samples are always delivered, also when a later one failed first. */
static void deliver(struct worker *w, int64_t i, int rc, struct qd_err *err)
{
	struct drive *d = w->d;

	pthread_mutex_lock(&d->lock);
	while (d->turn != i && d->failed_at > i)
		pthread_cond_wait(&d->changed, &d->lock);
	if (d->failed_at <= i)
		rc = rc < 0 ? rc : QD_ECANCEL;  /* an earlier one failed: this result is dropped */
	pthread_mutex_unlock(&d->lock);
	if (rc >= 0)
		rc = d->spec->deliver(d->spec->ctx, i, rc == DATA_SKIP ? -1 : w->slot,
				      rc == DATA_SKIP ? err->msg : NULL, err);
	pthread_mutex_lock(&d->lock);
	if (rc < 0 && i < d->failed_at) {
		d->failed_at = i;
		d->rc = rc;
		d->err = *err;
	}
	if (rc >= 0 && d->turn == i)
		d->turn++;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct drive *d = w->d;
	struct qd_err err = { 0 };

	for (;;) {
		int64_t i;
		int rc;

		pthread_mutex_lock(&d->lock);
		i = d->next < d->spec->end && d->next < d->failed_at && !cancel_get(d->spec->cancel) ? d->next++ : -1;
		pthread_mutex_unlock(&d->lock);
		if (i < 0)
			break;
		rc = do_sample(w, i, &err);
		deliver(w, i, rc, &err);
	}
	pthread_mutex_lock(&d->lock);
	d->running--;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

/* --- all samples --------------------------------------------------------------------------- */

static void start_workers(struct drive *d, struct worker *ws, int n, struct qd_err *err)
{
	sigset_t all, old;
	int i, rc = 0;

	/* signals belong to the main thread */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_mutex_lock(&d->lock);
	for (i = 0; i < n && !rc; i++) {
		ws[i] = (struct worker){ .d = d, .slot = i };
		rc = engine_run_new(d->spec->engine, &ws[i].run, err);
		if (!rc && pthread_create(&ws[i].thread, NULL, work, &ws[i]))
			rc = err_set(err, QD_ENOMEM, "cannot start a thread");
		ws[i].started = !rc;
		d->running += !rc;
	}
	if (rc) {
		d->failed_at = -1;
		d->rc = rc;
		d->err = *err;
	}
	pthread_mutex_unlock(&d->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Wait for the workers, passing a cancellation on to the runs in progress. */
static void wait_workers(struct drive *d, struct worker *ws, int n)
{
	bool stopped = false;
	int i;

	pthread_mutex_lock(&d->lock);
	while (d->running > 0) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 50 * 1000 * 1000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&d->changed, &d->lock, &until);
		if (!stopped && cancel_get(d->spec->cancel)) {
			stopped = true;
			for (i = 0; i < n; i++) {
				if (ws[i].started)
					engine_run_stop(ws[i].run);
			}
		}
	}
	pthread_mutex_unlock(&d->lock);
}

int drive_run(const struct drive_spec *spec, struct qd_err *err)
{
	struct drive d = { .spec = spec, .next = spec->first, .turn = spec->first, .failed_at = INT64_MAX };
	struct worker ws[DRIVE_MAX_WORKERS] = { 0 };
	struct qd_err local = { 0 };
	int i;

	pthread_mutex_init(&d.lock, NULL);
	pthread_cond_init(&d.changed, NULL);
	start_workers(&d, ws, spec->workers, &local);
	wait_workers(&d, ws, spec->workers);
	for (i = 0; i < spec->workers; i++) {
		if (ws[i].started)
			pthread_join(ws[i].thread, NULL);
		engine_run_free(ws[i].run);
	}
	pthread_cond_destroy(&d.changed);
	pthread_mutex_destroy(&d.lock);
	if (d.rc && err)
		*err = d.err;
	if (!d.rc && cancel_get(spec->cancel))
		return err_set(err, QD_ECANCEL, "interrupted");
	return d.rc;
}
