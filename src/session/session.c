/* The pipeline: models, data, store, weights, samples, activations. */
#include "session/session.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "observe/observer.h"
#include "session/accum.h"
#include "session/cache.h"
#include "session/keep.h"
#include "session/record.h"

struct session {
	struct session_opts o;
	struct cancel *cancel;
	struct engine *e;
	struct models m;
	bool have_models;
	struct data_source *data;
	struct observer *obs;
	struct store *st;
	struct store_arena rows;        /* texts of `run` */
	struct arena texts;
	struct store_model float_row, quant_row;
	struct store_run run;           /* the run found or added */
	char data_stamp[SHA_HEX], data_sha[SHA_HEX];
	char *options, *path;
	int64_t *pair_id;               /* by pair of the match */
	int64_t *item_id;               /* by item of the comparison */
	bool done;
	/* while running */
	struct accum acc;
	double started, seconds_before, last_commit, commit_cost, last_notify;
	int64_t done_before;            /* samples that an earlier process did */
	int64_t bad;
	int64_t stored, stored_bad;     /* samples the store has, and how many of them are empty */
	session_notify *notify;
	void *notify_ctx;
	pthread_mutex_t lock;           /* progress */
	struct session_progress progress;
};

void session_opts_init(struct session_opts *o)
{
	*o = (struct session_opts){ .keep = SESSION_KEEP_WORST, .self_check = 64 };
}

const char *session_store_path(const struct session *s)
{
	return s->path;
}

int64_t session_run_id(const struct session *s)
{
	return s->run.id;
}

bool session_is_done(const struct session *s)
{
	return s->done;
}

int64_t session_resumed(const struct session *s)
{
	return s->done ? 0 : s->run.samples_done;
}

/* --- progress ------------------------------------------------------------------------ */

void session_get_progress(struct session *s, struct session_progress *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->progress;
	pthread_mutex_unlock(&s->lock);
}

static void progress_set(struct session *s, const char *phase, int64_t done, int64_t total, double rate, bool now)
{
	double t = clock_now();

	pthread_mutex_lock(&s->lock);
	s->progress = (struct session_progress){ phase, done, total, rate,
						 rate > 0 ? (double)(total - done) / rate : -1, s->run.id };
	pthread_mutex_unlock(&s->lock);
	if (s->notify && (now || t - s->last_notify > 0.1)) {
		s->last_notify = t;
		s->notify(s->notify_ctx);
	}
}

/* --- opening ---------------------------------------------------------------------------- */

static int open_data(struct session *s, struct qd_err *err)
{
	struct data_options d = { .samples = s->o.samples, .batch = s->o.batch,
				  .allow_nonfinite = s->o.allow_nonfinite, .skip_bad = s->o.skip_bad, .hash = true,
				  .cancel = s->cancel };

	if (s->o.random > 0)
		return data_open_random(s->m.inputs, s->m.n_inputs, s->o.random, 1, 0, &d, &s->data, err);
	if (!s->o.data_dir)
		return err_set(err, QD_EUSAGE, "no data: give a folder of real inputs with --data DIR (or --random N to try "
			       "the tool out)");
	return data_open(s->o.data_dir, s->m.inputs, s->m.n_inputs, &d, &s->data, err);
}

static int describe(struct session *s, struct qd_err *err)
{
	int rc = record_model(&s->texts, s->m.f, &s->m.fg, "float", "none", &s->float_row, err);

	if (!rc)
		rc = record_model(&s->texts, s->m.q, &s->m.qg, "quant", s->m.format, &s->quant_row, err);
	if (rc)
		return rc;
	s->options = cache_options(&s->texts, &s->o);
	if (!s->options)
		return err_oom(err, "describing the run");
	cache_data_stamp(s->data, s->data_stamp);
	return s->o.verify_data ? data_hash(s->data, s->data_sha, err) : 0;
}

/* A finished run of exactly this is shown; an unfinished one whose process is gone is continued. */
static int find_run(struct session *s, struct qd_err *err)
{
	struct store_key key = {
		.float_model = &s->float_row, .quant_model = &s->quant_row, .dataset_stamp = s->data_stamp,
		.dataset_sha256 = s->data_sha[0] ? s->data_sha : NULL, .options = s->options,
		.observer = s->o.reference ? "reference" : "deployed", .engine = engine_version(s->e),
		.cpu = engine_cpu(),
	};
	int rc = store_run_find(s->st, &key, &s->rows, &s->run, err);

	if (rc || !s->run.id)
		return rc;
	s->done = !strcmp(s->run.status, "done");
	if (!s->done && store_owner_alive(&s->run))
		return err_set(err, QD_EINPUT, "%s: process %lld is working on this very run; wait for it, or give another "
			       "store with --store FILE", s->path, (long long)s->run.owner_pid);
	if (!s->done && s->run.samples != data_count(s->data))
		s->run = (struct store_run){ 0 };
	return 0;
}

static int open_store(struct session *s, struct qd_err *err)
{
	int rc = cache_store_path(&s->o, &s->path, err);

	if (rc)
		return rc;
	rc = store_probe(s->path, err);
	if (rc < 0)
		return rc;
	if (rc == 1)
		rc = store_create_or_open(s->path, 0, &s->st, err);
	if (!rc && s->st)
		rc = find_run(s, err);
	if (rc == 1)
		rc = 0;
	return rc;
}

int session_open(const struct session_opts *opts, struct cancel *cancel, struct session **out, struct qd_err *err)
{
	struct session *s = mem_zalloc(sizeof(*s));
	struct observer_opts oo = { opts->reference, opts->threads, opts->self_check };
	int rc;

	*out = NULL;
	if (!s)
		return err_oom(err, "starting");
	pthread_mutex_init(&s->lock, NULL);
	s->o = *opts;
	s->cancel = cancel;
	rc = engine_open(&s->e, err);
	if (!rc) {
		rc = models_open(s->e, opts->float_path, opts->quant_path, opts->map, opts->n_map, &s->m, err);
		s->have_models = !rc;
	}
	if (!rc)
		rc = open_data(s, err);
	if (!rc)
		rc = describe(s, err);
	if (!rc)
		rc = open_store(s, err);
	if (!rc && !s->done)
		rc = observer_open(s->e, &s->m, &oo, s->data, cancel, &s->obs, err);
	if (rc) {
		session_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	accum_close(&s->acc);
	observer_close(s->obs);
	data_close(s->data);
	if (s->have_models)
		models_close(&s->m);
	engine_close(s->e);
	store_close(s->st);
	store_arena_release(&s->rows);
	arena_release(&s->texts);
	free(s->path);
	free(s->pair_id);
	free(s->item_id);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* --- the run's rows ------------------------------------------------------------------------ */

static int add_samples(struct session *s, int64_t dataset, struct qd_err *err)
{
	int64_t n = data_count(s->data), i;
	char name[4200];
	int rc = 0;

	for (i = 0; !rc && i < n; i++) {
		struct store_sample row = { i, data_name(s->data, i, name, sizeof(name)), NULL };

		rc = store_add_samples(s->st, dataset, &row, 1, err);
	}
	return rc;
}

static int add_dataset(struct session *s, int64_t *id, struct qd_err *err)
{
	char *full = s->o.data_dir ? realpath(s->o.data_dir, NULL) : NULL;
	struct store_dataset row = { .path = full ? full : s->o.data_dir ? s->o.data_dir : "random", .options = s->options,
				     .stamp = s->data_stamp, .sha256 = s->data_sha[0] ? s->data_sha : NULL,
				     .n = data_count(s->data) };
	bool existed;
	int rc = store_add_dataset(s->st, &row, id, &existed, err);

	free(full);
	return rc || existed ? rc : add_samples(s, *id, err);
}

static int add_run(struct session *s, struct qd_err *err)
{
	struct store_run *r = &s->run;
	int rc = store_begin(s->st, err);

	*r = (struct store_run){ .options = s->options, .observer = s->o.reference ? "reference" : "deployed",
				 .engine = engine_version(s->e), .cpu = engine_cpu(), .status = "running",
				 .samples = data_count(s->data) };
	if (!rc)
		rc = record_add_model(s->st, &s->float_row, &s->m.fg, &r->float_id, err);
	if (!rc)
		rc = record_add_model(s->st, &s->quant_row, &s->m.qg, &r->quant_id, err);
	if (!rc)
		rc = add_dataset(s, &r->dataset_id, err);
	if (!rc)
		rc = store_add_run(s->st, r, &r->id, err);
	if (!rc)
		rc = record_pairs(s->st, r->id, &s->m, s->obs, s->pair_id, err);
	if (!rc)
		rc = record_weights(s->st, &s->m, s->pair_id, err);
	if (!rc)
		rc = store_commit(s->st, err);
	if (rc) {
		store_rollback(s->st);
		r->id = 0;
	}
	return rc;
}

/* Ids of the pairs an earlier process added: the same models matched the same way give them in the same order. */
static int find_pairs(struct session *s, struct qd_err *err)
{
	size_t n = s->m.match.n_pairs, total, i;
	struct store_arena a = STORE_ARENA_INIT;
	struct store_pair *rows = NULL;
	int rc = store_pairs(s->st, s->run.id, NULL, &a, &rows, &total, err);

	if (!rc && total != n + s->m.match.n_unmatched)
		rc = err_set(err, QD_EINPUT, "%s: run %lld holds %zu rows where %zu are expected; it was made by another "
			     "version of qdebug: give another store with --store FILE", s->path, (long long)s->run.id,
			     total, n + s->m.match.n_unmatched);
	for (i = 0; !rc && i < n; i++)
		s->pair_id[i] = rows[i].id;
	free(rows);
	store_arena_release(&a);
	if (!rc)
		rc = store_begin(s->st, err);
	if (rc)
		return rc;
	rc = store_resume_run(s->st, s->run.id, err);
	if (!rc)
		rc = store_commit(s->st, err);
	if (rc)
		store_rollback(s->st);
	return rc;
}

static int prepare_rows(struct session *s, struct qd_err *err)
{
	size_t n = s->m.match.n_pairs, i;
	int item = 0, rc = 0;

	s->pair_id = mem_array(n, sizeof(*s->pair_id));
	s->item_id = mem_array(n, sizeof(*s->item_id));
	if (!s->pair_id || !s->item_id)
		return err_oom(err, "recording the run");
	if (!s->st)
		rc = store_create_or_open(s->path, STORE_CREATE, &s->st, err);
	if (!rc)
		rc = s->run.id ? find_pairs(s, err) : add_run(s, err);
	for (i = 0; !rc && i < n; i++) {
		if (s->m.match.pairs[i].kind != MATCH_WEIGHT)
			s->item_id[item++] = s->pair_id[i];
	}
	return rc;
}

/* --- samples ---------------------------------------------------------------------------------- */

static int64_t peak_rss(void)
{
	struct rusage u;

	return getrusage(RUSAGE_SELF, &u) ? 0 : (int64_t)u.ru_maxrss * 1024;
}

static double seconds(const struct session *s)
{
	return s->seconds_before + clock_now() - s->started;
}

static int commit(struct session *s, struct qd_err *err)
{
	double t = clock_now();
	int rc = store_begin(s->st, err);

	if (!rc)
		rc = accum_write(&s->acc, s->st, err);
	if (!rc)
		rc = store_set_progress(s->st, s->run.id, s->acc.samples, s->bad, seconds(s), peak_rss(), err);
	if (!rc)
		rc = store_commit(s->st, err);
	if (rc) {
		store_rollback(s->st);
	} else {
		s->stored = s->acc.samples;
		s->stored_bad = s->bad;
	}
	s->last_commit = clock_now();
	s->commit_cost = s->last_commit - t;
	return rc;
}

/* Every 500 ms of change, and at most 5 % of the time. */
static bool commit_due(const struct session *s)
{
	double pause = 19 * s->commit_cost;

	return clock_now() - s->last_commit > (pause > 0.5 ? pause : 0.5);
}

static int on_sample(void *ctx, int64_t sample, const struct compare_slot *slot, const char *why, struct qd_err *err)
{
	struct session *s = ctx;
	double elapsed = clock_now() - s->started;
	int64_t fresh;
	bool wrote = false;
	int rc = accum_add(&s->acc, slot, err);

	if (!slot) {
		s->bad++;
		log_add(LOG_WARN, "sample %lld left out: %s", (long long)sample, why);
	}
	if (!rc && commit_due(s)) {
		rc = commit(s, err);
		wrote = true;
	}
	fresh = s->acc.samples - s->done_before;
	progress_set(s, "samples", s->acc.samples, s->run.samples, elapsed > 0 ? (double)fresh / elapsed : 0, wrote);
	return rc;
}

static void keep_progress(void *ctx, int64_t done, int64_t total)
{
	progress_set(ctx, "activations", done, total, 0, false);
}

static int run_samples(struct session *s, struct qd_err *err)
{
	struct qd_err later = { 0 };
	int rc = accum_open(observer_compare(s->obs), s->item_id, &s->acc, err), rc2;

	if (!rc)
		rc = accum_restore(&s->acc, s->st, s->run.samples_done, err);
	if (rc)
		return rc;
	s->done_before = s->run.samples_done;
	s->bad = s->run.samples_bad;
	s->last_commit = clock_now();
	rc = observer_run(s->obs, s->acc.samples, on_sample, s, err);
	if (rc == QD_EDISK)
		return rc;
	/* what was delivered is kept, whatever ended the run */
	rc2 = commit(s, rc ? &later : err);
	return rc ? rc : rc2;
}

static int finish(struct session *s, struct qd_err *err)
{
	struct keep k = { s->e, &s->m, s->obs, s->data, s->st, s->cancel, s->item_id, s->run.id, &s->o, keep_progress, s };
	char sha[SHA_HEX];
	int rc;

	if (s->bad == s->run.samples)
		return err_set(err, QD_EINPUT, "no usable sample: all %lld were left out by --skip-bad",
			       (long long)s->run.samples);
	rc = data_hash(s->data, sha, err);
	if (!rc)
		rc = store_begin(s->st, err);
	if (!rc)
		rc = store_set_dataset_sha(s->st, s->run.dataset_id, sha, err);
	if (!rc)
		rc = store_commit(s->st, err);
	if (rc) {
		store_rollback(s->st);
		return rc;
	}
	progress_set(s, "activations", 0, s->run.samples, 0, true);
	rc = keep_activations(&k, err);
	return rc;
}

/* The models must still be the files that were matched: external data is mapped while it is used. */
static int check_files(const struct session *s, struct qd_err *err)
{
	const struct onnx_model *const models[] = { s->m.f, s->m.q };
	size_t i, k;
	int rc = 0;

	for (i = 0; !rc && i < 2; i++) {
		for (k = 0; !rc && k < models[i]->n_ext; k++)
			rc = fs_map_unchanged(models[i]->ext[k].path, &models[i]->ext[k].map, err);
	}
	return rc;
}

/* Only what was committed is claimed: a resumed run goes on from there. */
static int set_status(struct session *s, const char *status, const char *message, struct qd_err *err)
{
	int rc;

	if (!s->st || !s->run.id)
		return 0;
	rc = store_begin(s->st, err);
	if (!rc)
		rc = store_set_progress(s->st, s->run.id, s->stored, s->stored_bad, seconds(s), peak_rss(), err);
	if (!rc)
		rc = store_finish_run(s->st, s->run.id, status, message, err);
	if (!rc)
		rc = store_commit(s->st, err);
	if (rc)
		store_rollback(s->st);
	return rc;
}

int session_run(struct session *s, session_notify *notify, void *ctx, struct qd_err *err)
{
	struct qd_err own = { 0 };
	int rc;

	if (s->done)
		return 0;
	s->notify = notify;
	s->notify_ctx = ctx;
	s->started = clock_now();
	s->seconds_before = s->run.id ? s->run.seconds : 0;
	s->stored = s->run.id ? s->run.samples_done : 0;
	s->stored_bad = s->run.id ? s->run.samples_bad : 0;
	rc = prepare_rows(s, &own);
	if (!rc) {
		progress_set(s, "samples", s->run.samples_done, s->run.samples, 0, true);
		rc = run_samples(s, &own);
	}
	if (!rc)
		rc = finish(s, &own);
	if (!rc)
		rc = check_files(s, &own);
	if (!rc)
		rc = set_status(s, "done", NULL, &own);
	if (rc)
		(void)!set_status(s, rc == QD_ECANCEL ? "interrupted" : "failed", own.msg, NULL);
	s->done = !rc;
	progress_set(s, "done", s->acc.samples, s->run.samples, 0, true);
	if (rc && err)
		*err = own;
	return rc;
}
