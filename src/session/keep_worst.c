/* The worst sample of each tensor, in rank order, taken from the graph that gave the numbers, in place. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "session/keep.h"
#include "store/read.h"
#include "store/table.h"

struct wanted {
	struct keep_put *put;
	const struct compare *c;
	int64_t *sample;                /* by item: the sample to keep, -1 none */
	int64_t now;                    /* sample being run */
	struct qd_err err;
	int rc;
};

static int item_of(const struct keep *k, const struct compare *c, int64_t pair_id)
{
	int i;

	for (i = 0; i < c->n_items; i++) {
		if (k->pair_id[i] == pair_id)
			return i;
	}
	return -1;
}

/* Whole tensors in rank order while they fit: four bytes an element on either side. */
static int choose(struct wanted *w, struct qd_err *err)
{
	const struct keep *k = w->put->k;
	struct store_total_extra extra;
	struct store_sums sums;
	int64_t *ids = NULL, bytes = 0;
	size_t n = 0, i;
	bool found;
	int item, rc = store_list(k->st, k->run_id, ST_ACTIVATIONS, NULL, &ids, &n, err);

	for (i = 0; !rc && i < n; i++) {
		rc = store_total_get(k->st, ids[i], &sums, &extra, &found, err);
		if (rc || !found || sums.worst_sample == STORE_NONE || sums.n_samples <= 0)
			continue;
		if ((item = item_of(k, w->c, ids[i])) < 0)
			continue;
		bytes += 8 * (sums.n / sums.n_samples + 1);
		if (bytes > w->put->budget) {
			log_add(LOG_INFO, "the activation budget holds the %zu worst of %zu tensors: %s and what ranks behind it is "
				"not stored", i, n, w->c->items[item].pair->tensor);
			break;
		}
		w->sample[item] = sums.worst_sample;
	}
	free(ids);
	return rc;
}

static int visit(void *ctx, int64_t slot, int64_t id, const struct tensor *x, const struct tensor *y,
		 const struct tensor *pre)
{
	struct wanted *w = ctx;
	const struct compare_item *it;

	(void)slot, (void)pre;
	if (id < 0 || id >= w->c->n_items || w->sample[id] != w->now)
		return 0;
	it = &w->c->items[id];
	w->rc = keep_put(w->put, "float", it->pair->tensor, w->now, x, &w->err);
	if (!w->rc)
		w->rc = keep_put_codes(w->put, w->put->k->m->qg.values[it->pair->qvalue].name, w->now, y, &it->code, &w->err);
	return w->rc ? -1 : 0;
}

static bool any_wanted(const struct wanted *w)
{
	int i;

	for (i = 0; i < w->c->n_items; i++) {
		if (w->sample[i] == w->now)
			return true;
	}
	return false;
}

static int run_samples(struct wanted *w, struct qd_err *err)
{
	const struct keep *k = w->put->k;
	int64_t total = data_count(k->data);
	int rc = 0;

	for (w->now = 0; !rc && w->now < total; w->now++) {
		struct data_sample sample = { 0 };

		if (cancel_get(k->cancel))
			return err_set(err, QD_ECANCEL, "interrupted");
		if (!any_wanted(w))
			continue;
		rc = data_read(k->data, w->now, &sample, err);
		if (rc == DATA_SKIP) {
			rc = 0;
			continue;
		}
		if (!rc)
			rc = observer_visit(k->o, &sample, visit, w, err);
		if (w->rc) {
			rc = w->rc;
			*err = w->err;
		}
		data_sample_release(&sample);
		if (k->progress)
			k->progress(k->ctx, w->now + 1, total);
	}
	return rc;
}

int keep_worst(struct keep_put *p, struct qd_err *err)
{
	struct wanted w = { .put = p, .c = observer_compare(p->k->o) };
	int i, rc;

	w.sample = mem_array((size_t)w.c->n_items, sizeof(*w.sample));
	if (!w.sample)
		return err_oom(err, "choosing activations");
	for (i = 0; i < w.c->n_items; i++)
		w.sample[i] = -1;
	rc = choose(&w, err);
	if (!rc)
		rc = run_samples(&w, err);
	free(w.sample);
	return rc;
}
