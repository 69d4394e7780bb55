/* Setting up the passes of an observer. The running is in drive.c. */
#include "observe/observer_int.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "observe/freeze.h"
#include "observe/infer.h"

const struct compare *observer_compare(const struct observer *o)
{
	return &o->compare;
}

bool observer_is_deployed(const struct observer *o, int item)
{
	return o->deployed[item];
}

int observer_threads(const struct observer *o)
{
	return o->workers * o->intra;
}

/* Several samples in flight beat several threads inside one; but never more than there are samples. */
static void divide_threads(struct observer *o, int threads, int64_t samples)
{
	if (threads <= 0)
		threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (threads < 1)
		threads = 1;
	o->workers = threads < OBSERVER_MAX_WORKERS ? threads : OBSERVER_MAX_WORKERS;
	if (samples < o->workers)
		o->workers = samples < 1 ? 1 : (int)samples;
	o->intra = threads / o->workers;
}

/* --- which observer sees what ------------------------------------------------------ */

static void reference_tap(const struct observer *o, int item, struct tap *t)
{
	struct compare_item *it = &o->compare.items[item];
	const struct quantizer *q =
		it->pair->quantizer >= 0 ? &o->m->match.q.quants[it->pair->quantizer] : NULL;

	it->spec.kind = PAIR_FLOAT;
	linear_release(&it->code);
	*t = (struct tap){ item, o->m->fg.values[it->pair->fvalue].name, o->m->qg.values[it->pair->qvalue].name,
			   q ? o->m->qg.values[q->pre].name : NULL };
}

static int deployed_taps(struct observer *o, const struct freeze *z, struct tap *taps, size_t *n, struct qd_err *err)
{
	int i, rc = 0;

	*n = 0;
	for (i = 0; !rc && i < o->compare.n_items; i++) {
		bool found = false;

		if (o->compare.items[i].pair->kind != MATCH_ACTIVATION)
			continue;
		rc = freeze_tap(z, o->m, &o->compare.items[i], i, &taps[*n], &found, err);
		*n += found;
	}
	return rc;
}

static int plain_outputs(struct observer *o, const struct data_sample *sample, struct engine_value *out, size_t n,
			 struct qd_err *err)
{
	struct engine_opts opts = { .level = ENGINE_ALL, .threads = 1 };
	struct extern_source source = { o->m->q, "" };
	struct engine_session *s = NULL;
	struct engine_run *run = NULL;
	int rc = observe_open(o->e, o->m->q, &source, 1, opts, &s, err);

	if (!rc)
		rc = engine_run_new(o->e, &run, err);
	if (!rc)
		rc = pass_run_plain(run, s, o->m, true, sample, out, n, err);
	engine_run_free(run);
	engine_session_close(s);
	return rc;
}

/* Try the taps on the first sample; those that change anything are dropped. */
static int guard_taps(struct observer *o, const struct freeze *z, struct tap *taps, size_t n, size_t *n_good,
		      struct qd_err *err)
{
	size_t n_out = o->m->q->proto->graph->n_output;
	struct engine_value *out = mem_array(n_out, sizeof(*out));
	struct data_sample sample = { 0 };
	struct freeze_probe probe = { o->m, &sample, out, n_out };
	int64_t i, count = data_count(o->data);
	int rc = out ? DATA_SKIP : err_oom(err, "checking taps");

	for (i = 0; rc == DATA_SKIP && i < count; i++)
		rc = data_read(o->data, i, &sample, err);
	if (rc == DATA_SKIP)
		rc = err_set(err, QD_EINPUT, "no usable sample: every one was left out by --skip-bad");
	if (!rc)
		rc = plain_outputs(o, &sample, out, n_out, err);
	if (!rc)
		rc = freeze_guard(o->e, z, &probe, taps, n, n_good, err);
	if (out)
		pass_release_outputs(o->e, out, n_out);
	data_sample_release(&sample);
	free(out);
	return rc;
}

static int open_deployed(struct observer *o, struct tap *taps, struct qd_err *err)
{
	struct freeze z = { 0 };
	size_t n = 0, n_good = 0, k;
	int i, rc = freeze_open(o->e, o->m, &z, err);

	if (!rc)
		rc = deployed_taps(o, &z, taps, &n, err);
	if (!rc)
		rc = guard_taps(o, &z, taps, n, &n_good, err);
	for (k = 0; k < n_good; k++)
		o->deployed[taps[k].id] = true;
	for (i = 0; i < o->compare.n_items; i++) {
		if (o->compare.items[i].pair->kind == MATCH_OUTPUT)
			o->deployed[i] = true;
	}
	if (!rc)
		rc = pass_open(o->e, o->m, &o->compare, z.model, taps, n_good, ENGINE_ALL, o->intra, true, &o->main, err);
	/* names in the pass were only needed while it was opened */
	freeze_close(&z);
	return rc;
}

static int open_reference(struct observer *o, struct tap *taps, bool outputs, struct pass *pass, struct qd_err *err)
{
	size_t n = 0;
	int i;

	for (i = 0; i < o->compare.n_items; i++) {
		if (!o->deployed[i] && o->compare.items[i].pair->kind == MATCH_ACTIVATION)
			reference_tap(o, i, &taps[n++]);
	}
	if (!n && !outputs)
		return 0;
	if (!outputs)
		log_add(LOG_INFO, "%zu tensors do not exist in the deployed model: observed by the reference observer", n);
	return pass_open(o->e, o->m, &o->compare, o->m->q, taps, n, ENGINE_DISABLE_ALL, o->intra, outputs, pass, err);
}

int observer_open(struct engine *e, const struct models *m, const struct observer_opts *opts, struct data_source *data,
		  struct cancel *cancel, struct observer **out, struct qd_err *err)
{
	struct observer *o = mem_zalloc(sizeof(*o));
	struct tap *taps = NULL;
	int rc;

	*out = NULL;
	if (!o)
		return err_oom(err, "preparing the observer");
	o->e = e;
	o->m = m;
	o->data = data;
	o->cancel = cancel;
	o->self_check = opts->reference ? 0 : opts->self_check;
	divide_threads(o, opts->threads, data_count(data));
	rc = compare_open(m, o->workers, &o->compare, err);
	if (!rc) {
		o->deployed = mem_array((size_t)o->compare.n_items, sizeof(*o->deployed));
		taps = mem_array((size_t)o->compare.n_items, sizeof(*taps));
		if (!o->deployed || !taps)
			rc = err_oom(err, "preparing the observer");
	}
	if (!rc && !opts->reference)
		rc = open_deployed(o, taps, err);
	if (!rc)
		rc = open_reference(o, taps, opts->reference, opts->reference ? &o->main : &o->second, err);
	free(taps);
	if (rc) {
		observer_close(o);
		return rc;
	}
	*out = o;
	return 0;
}

void observer_close(struct observer *o)
{
	if (!o)
		return;
	pass_close(&o->main);
	pass_close(&o->second);
	compare_close(&o->compare);
	free(o->deployed);
	free(o);
}
