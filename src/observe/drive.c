/* Driving an observer over its samples: workers run ahead, results are delivered in sample order. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "observe/infer.h"
#include "observe/observer_int.h"

struct drive {
	struct observer *o;
	observer_sample *fn;
	void *ctx;
	pthread_mutex_t lock;           /* everything below */
	pthread_cond_t changed;
	int64_t next, turn, end;        /* sample to take, sample to deliver, first sample not to run */
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

/* --- self-check ---------------------------------------------------------------------- */

static int check_plain(const struct observer *o, int64_t i, const struct engine_value *got, struct qd_err *err)
{
	const char *want = o->plain_sha[i / o->self_check];
	char sha[SHA_HEX];

	observer_hash(got, NULL, o->main.n_outputs, sha);
	if (!*want || !strcmp(want, sha))
		return 0;
	return err_set(err, QD_EENGINE, "self-check failed on sample %lld: the observed model's outputs are not those of the "
		       "plain one; use --observe reference and report this model", (long long)i);
}

/* --- one sample ------------------------------------------------------------------------- */

static int run_passes(struct worker *w, int64_t i, const struct data_sample *sample, struct qd_err *err)
{
	struct observer *o = w->d->o;
	bool check = o->self_check > 0 && i % o->self_check == 0;
	struct engine_value *q = check ? mem_array(o->main.n_outputs, sizeof(*q)) : NULL;
	int rc;

	if (check && !q)
		return err_oom(err, "checking the outputs");
	compare_reset(&o->compare, w->slot, i);
	rc = pass_run(&o->main, w->run, w->slot, sample, q, err);
	if (!rc && (o->second.both || o->second.f))
		rc = pass_run(&o->second, w->run, w->slot, sample, NULL, err);
	if (!rc && q)
		rc = check_plain(o, i, q, err);
	if (q)
		pass_release_outputs(o->e, q, o->main.n_outputs);
	free(q);
	return rc;
}

/* Read and run; 0, DATA_SKIP with the reason in *err, or an error. */
static int do_sample(struct worker *w, int64_t i, struct qd_err *err)
{
	struct data_sample sample = { 0 };
	int rc = data_read(w->d->o->data, i, &sample, err);

	if (!rc)
		rc = run_passes(w, i, &sample, err);
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
		rc = d->fn(d->ctx, i, rc == DATA_SKIP ? NULL : &d->o->compare.slots[w->slot],
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
		i = d->next < d->end && d->next < d->failed_at && !cancel_get(d->o->cancel) ? d->next++ : -1;
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
		rc = engine_run_new(d->o->e, &ws[i].run, err);
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
		if (!stopped && cancel_get(d->o->cancel)) {
			stopped = true;
			for (i = 0; i < n; i++) {
				if (ws[i].started)
					engine_run_stop(ws[i].run);
			}
		}
	}
	pthread_mutex_unlock(&d->lock);
}

int observer_run(struct observer *o, int64_t first, observer_sample *fn, void *ctx, struct qd_err *err)
{
	struct drive d = { .o = o, .fn = fn, .ctx = ctx, .next = first, .turn = first,
			   .end = data_count(o->data), .failed_at = INT64_MAX };
	struct worker ws[OBSERVER_MAX_WORKERS] = { 0 };
	struct qd_err local = { 0 };
	int i;

	pthread_mutex_init(&d.lock, NULL);
	pthread_cond_init(&d.changed, NULL);
	start_workers(&d, ws, o->workers, &local);
	wait_workers(&d, ws, o->workers);
	for (i = 0; i < o->workers; i++) {
		if (ws[i].started)
			pthread_join(ws[i].thread, NULL);
		engine_run_free(ws[i].run);
	}
	pthread_cond_destroy(&d.changed);
	pthread_mutex_destroy(&d.lock);
	if (d.rc && err)
		*err = d.err;
	if (!d.rc && cancel_get(o->cancel))
		return err_set(err, QD_ECANCEL, "interrupted");
	return d.rc;
}

/* --- one sample, another callback ------------------------------------------------------------ */

int observer_visit(struct observer *o, const struct data_sample *sample, engine_compare_fn *fn, void *ctx,
		   struct qd_err *err)
{
	struct pass *const passes[] = { &o->main, &o->second };
	struct engine_run *run = NULL;
	size_t i;
	int rc = engine_run_new(o->e, &run, err);

	compare_reset(&o->compare, 0, 0);
	for (i = 0; !rc && i < 2; i++) {
		struct engine_instrument was = passes[i]->instrument;

		if (!passes[i]->both && !passes[i]->f)
			continue;
		passes[i]->instrument = (struct engine_instrument){ fn, ctx };
		rc = pass_run(passes[i], run, 0, sample, NULL, err);
		passes[i]->instrument = was;
	}
	engine_run_free(run);
	return rc;
}
