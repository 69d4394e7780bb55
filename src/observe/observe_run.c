/* Running an observer: both models on a sample, the self-check, delivery of the comparison. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "observe/drive.h"
#include "observe/observer_int.h"

struct delivery {
	struct observer *o;
	observer_sample *fn;
	void *ctx;
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

/* --- samples ------------------------------------------------------------------------------ */

static int run_passes(struct observer *o, struct engine_run *run, int slot, int64_t i, const struct data_sample *sample,
		      struct qd_err *err)
{
	bool check = o->self_check > 0 && i % o->self_check == 0;
	struct engine_value *q = check ? mem_array(o->main.n_outputs, sizeof(*q)) : NULL;
	int rc;

	if (check && !q)
		return err_oom(err, "checking the outputs");
	compare_reset(&o->compare, slot, i);
	rc = pass_run(&o->main, run, slot, sample, q, err);
	if (!rc && (o->second.both || o->second.f))
		rc = pass_run(&o->second, run, slot, sample, NULL, err);
	if (!rc && q)
		rc = check_plain(o, i, q, err);
	if (q)
		pass_release_outputs(o->e, q, o->main.n_outputs);
	free(q);
	return rc;
}

static int run_sample(void *ctx, struct engine_run *run, int slot, int64_t i, const struct data_sample *sample,
		      struct qd_err *err)
{
	return run_passes(((struct delivery *)ctx)->o, run, slot, i, sample, err);
}

static int deliver(void *ctx, int64_t i, int slot, const char *why, struct qd_err *err)
{
	struct delivery *d = ctx;

	return d->fn(d->ctx, i, slot < 0 ? NULL : &d->o->compare.slots[slot], why, err);
}

int observer_run(struct observer *o, int64_t first, observer_sample *fn, void *ctx, struct qd_err *err)
{
	struct delivery d = { o, fn, ctx };
	struct drive_spec spec = { .engine = o->e, .data = o->data, .cancel = o->cancel, .workers = o->workers,
				   .first = first, .end = data_count(o->data), .ctx = &d, .run = run_sample,
				   .deliver = deliver };

	return drive_run(&spec, err);
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
