/* Setting up the passes of an observer. The running is in drive.c. */
#include "observe/observer_int.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "observe/drive.h"
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
	return o->workers;
}

/* Threads go to samples in flight, one each: that beats several threads inside one sample, and how an operator is divided
 * among threads can change the last bits of a result, which must not depend on --threads. Each sample in flight holds
 * its own activations: fewer at once for models whose samples are very large. `elements`: what one sample's taps see. */
static const int64_t ELEMENTS_IN_FLIGHT = (int64_t)1 << 30;

static void divide_threads(struct observer *o, int threads, int64_t elements)
{
	int64_t samples = data_count(o->data), fit = elements > 0 ? ELEMENTS_IN_FLIGHT / elements : threads;

	o->workers = threads < DRIVE_MAX_WORKERS ? threads : DRIVE_MAX_WORKERS;
	if (fit < o->workers)
		o->workers = (int)fit;
	if (samples < o->workers)
		o->workers = (int)samples;
	if (o->workers < 1)
		o->workers = 1;
}

static int thread_count(int wanted)
{
	long cores = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);

	return cores < 1 ? 1 : (int)cores;
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

/* --- the plain session, before anything else takes memory ----------------------------- */

void observer_hash(const struct engine_value *v, const int *order, size_t n, char out[SHA_HEX])
{
	struct sha sha;
	size_t k;

	sha_init(&sha);
	for (k = 0; k < n; k++) {
		const struct tensor *t = &v[order ? order[k] : (int)k].t;

		sha_add(&sha, &t->dtype, sizeof(t->dtype));
		sha_add(&sha, t->dims, (size_t)t->rank * sizeof(t->dims[0]));
		sha_add(&sha, t->data, t->bytes);
	}
	sha_hex(&sha, out);
}

struct plain {
	struct engine_session *s;
	struct engine_run *run;
	size_t n_out;                   /* graph outputs of the quantized model */
	int *order;                     /* by output item: its graph output */
	size_t n_items;
};

/* Graph outputs in the order of the output items. */
static int order_outputs(const struct observer *o, struct plain *p, struct qd_err *err)
{
	int i;

	p->order = mem_array((size_t)o->compare.n_items, sizeof(*p->order));
	if (!p->order)
		return err_oom(err, "preparing the observer");
	for (i = 0; i < o->compare.n_items; i++) {
		const struct match_pair *pair = o->compare.items[i].pair;

		if (pair->kind == MATCH_OUTPUT)
			p->order[p->n_items++] = engine_find_output(p->s, o->m->qg.values[pair->qvalue].name);
	}
	return 0;
}

/* One engine thread, as in the pass: how a float kernel is divided among threads can change its last bits. */
static int plain_open(struct observer *o, struct plain *p, struct qd_err *err)
{
	struct engine_opts opts = { .level = ENGINE_ALL, .threads = 1 };
	struct extern_source source = { o->m->q, "" };
	int rc;

	*p = (struct plain){ .n_out = o->m->q->proto->graph->n_output };
	rc = observe_open(o->e, o->m->q, &source, 1, opts, &p->s, err);
	if (!rc)
		rc = engine_run_new(o->e, &p->run, err);
	return rc ? rc : order_outputs(o, p, err);
}

static void plain_close(struct plain *p)
{
	engine_run_free(p->run);
	engine_session_close(p->s);
	free(p->order);
}

/* Hashes of the plain outputs of every sample that will be checked; unreadable samples are met again in the run. */
static int hash_plain_outputs(struct observer *o, struct plain *p, struct qd_err *err)
{
	int64_t n = o->self_check ? (data_count(o->data) + o->self_check - 1) / o->self_check : 0, k;
	struct engine_value *out = mem_array(p->n_out, sizeof(*out));
	int rc = 0;

	o->plain_sha = mem_array((size_t)n, sizeof(*o->plain_sha));
	if (!out || !o->plain_sha)
		rc = err_oom(err, "preparing the observer");
	for (k = 0; !rc && k < n; k++) {
		struct data_sample sample = { 0 };

		if (cancel_get(o->cancel)) {
			rc = err_set(err, QD_ECANCEL, "interrupted");
			break;
		}
		if (data_read(o->data, k * o->self_check, &sample, NULL))
			continue;
		rc = pass_run_plain(p->run, p->s, o->m, true, &sample, out, p->n_out, err);
		if (!rc)
			observer_hash(out, p->order, p->n_items, o->plain_sha[k]);
		pass_release_outputs(o->e, out, p->n_out);
		data_sample_release(&sample);
	}
	free(out);
	return rc;
}

static int first_sample(struct observer *o, struct data_sample *sample, struct qd_err *err)
{
	int64_t i, count = data_count(o->data);
	int rc = DATA_SKIP;

	for (i = 0; rc == DATA_SKIP && i < count; i++)
		rc = data_read(o->data, i, sample, err);
	return rc == DATA_SKIP ? err_set(err, QD_EINPUT, "no usable sample: every one was left out by --skip-bad") : rc;
}

/* Try the taps on the first sample; those that change anything are dropped. */
static int guard_taps(struct observer *o, const struct freeze *z, struct tap *taps, size_t n, size_t *n_good,
		      int64_t *elements, struct qd_err *err)
{
	size_t n_out = o->m->q->proto->graph->n_output;
	struct engine_value *out = mem_array(n_out, sizeof(*out));
	struct data_sample sample = { 0 };
	struct freeze_probe probe = { o->m, &sample, out, n_out };
	struct plain p = { 0 };
	int rc = out ? first_sample(o, &sample, err) : err_oom(err, "checking taps");

	if (!rc)
		rc = plain_open(o, &p, err);
	if (!rc)
		rc = pass_run_plain(p.run, p.s, o->m, true, &sample, out, n_out, err);
	if (!rc)
		rc = hash_plain_outputs(o, &p, err);
	plain_close(&p);
	if (!rc)
		rc = freeze_guard(o->e, z, &probe, taps, n, n_good, elements, err);
	if (out)
		pass_release_outputs(o->e, out, n_out);
	data_sample_release(&sample);
	free(out);
	return rc;
}

/* Slots and threads for samples of this size, then the session; what came before gives its memory back first. */
static int open_main(struct observer *o, const struct onnx_model *quant, const struct tap *taps, size_t n, int threads,
		     int64_t elements, struct qd_err *err)
{
	int rc;

	divide_threads(o, threads, elements);
	malloc_trim(0);
	rc = compare_add_slots(&o->compare, o->workers, err);
	return rc ? rc : pass_open(o->e, o->m, &o->compare, quant, taps, n, ENGINE_ALL, 1, true, &o->main, err);
}

static int open_deployed(struct observer *o, int threads, struct tap *taps, struct qd_err *err)
{
	size_t n = 0, n_good = 0, k;
	struct freeze z = { 0 };
	int64_t elements = 0;
	int i, rc = freeze_open(o->e, o->m, &z, err);

	if (!rc)
		rc = deployed_taps(o, &z, taps, &n, err);
	if (!rc)
		rc = guard_taps(o, &z, taps, n, &n_good, &elements, err);
	for (k = 0; k < n_good; k++)
		o->deployed[taps[k].id] = true;
	for (i = 0; i < o->compare.n_items; i++) {
		if (o->compare.items[i].pair->kind == MATCH_OUTPUT)
			o->deployed[i] = true;
	}
	if (!rc)
		rc = open_main(o, z.model, taps, n_good, threads, elements, err);
	/* names in the pass were only needed while it was opened */
	freeze_close(&z);
	return rc;
}

/* What deployment leaves out, or everything. */
static int open_reference(struct observer *o, int threads, struct tap *taps, bool all, struct qd_err *err)
{
	size_t n = 0;
	int i, rc = 0;

	for (i = 0; i < o->compare.n_items; i++) {
		if (!o->deployed[i] && o->compare.items[i].pair->kind == MATCH_ACTIVATION)
			reference_tap(o, i, &taps[n++]);
	}
	if (all) {
		divide_threads(o, threads, 0);
		rc = compare_add_slots(&o->compare, o->workers, err);
	} else if (n) {
		log_add(LOG_INFO, "%zu tensors do not exist in the deployed model: observed by the reference observer", n);
	}
	if (rc || (!n && !all))
		return rc;
	return pass_open(o->e, o->m, &o->compare, o->m->q, taps, n, ENGINE_DISABLE_ALL, 1, all,
			 all ? &o->main : &o->second, err);
}

int observer_open(struct engine *e, const struct models *m, const struct observer_opts *opts, struct data_source *data,
		  struct cancel *cancel, struct observer **out, struct qd_err *err)
{
	struct observer *o = mem_zalloc(sizeof(*o));
	int threads = thread_count(opts->threads), rc;
	struct tap *taps = NULL;

	*out = NULL;
	if (!o)
		return err_oom(err, "preparing the observer");
	o->e = e;
	o->m = m;
	o->data = data;
	o->cancel = cancel;
	o->self_check = opts->reference ? 0 : opts->self_check;
	rc = compare_open(m, &o->compare, err);
	if (!rc) {
		o->deployed = mem_array((size_t)o->compare.n_items, sizeof(*o->deployed));
		taps = mem_array((size_t)o->compare.n_items, sizeof(*taps));
		if (!o->deployed || !taps)
			rc = err_oom(err, "preparing the observer");
	}
	if (!rc && !opts->reference)
		rc = open_deployed(o, threads, taps, err);
	if (!rc)
		rc = open_reference(o, threads, taps, opts->reference, err);
	free(taps);
	malloc_trim(0);                 /* merging and freezing took several copies of both models */
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
	free(o->plain_sha);
	free(o);
}
