/* Reads and checks the blobs of one pair.  Knows no screen. */
#include "vm/detail.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/read.h"

void vm_detail_release(struct vm_detail *d)
{
	free(d->bins);
	free(d->channel_db);
	memset(d, 0, sizeof(*d));
}

/* 10 log10(x2 / e2), with the two special cases that have no number */
static double ratio_db(double x2, double e2)
{
	if (e2 == 0)
		return x2 == 0 ? NAN : INFINITY;
	return x2 > 0 ? 10 * log10(x2 / e2) : -INFINITY;
}

static int load_hist(struct vm_detail *d, const void *data, size_t bytes, struct qd_err *err)
{
	struct store_hist h;
	int rc = store_hist_parse(data, bytes, &h, err);

	if (rc)
		return rc;
	d->bins = mem_array(h.n, sizeof(*d->bins));
	if (!d->bins)
		return err_oom(err, "reading a histogram");
	d->bin_width = ldexp(1, h.exponent);
	d->first_edge = h.first * d->bin_width;
	d->n_bins = h.n;
	for (uint32_t i = 0; i < h.n; i++)
		d->bins[i] = (double)store_hist_count(&h, i);
	d->has_hist = h.n > 0 && isfinite(d->first_edge) && d->bin_width > 0;
	return 0;
}

static int load_codes(struct vm_detail *d, const void *data, size_t bytes, struct qd_err *err)
{
	if (bytes != sizeof(d->codes))
		return err_set(err, QD_EINPUT, "codes: %zu bytes, 32 are expected", bytes);
	memcpy(d->codes, data, bytes);
	d->has_codes = true;
	return 0;
}

static int load_channels(struct vm_detail *d, const void *data, size_t bytes, struct qd_err *err)
{
	struct store_channels c;
	int rc = store_channels_parse(data, bytes, &c, err);

	if (rc)
		return rc;
	d->channel_db = mem_array(c.n, sizeof(*d->channel_db));
	if (!d->channel_db)
		return err_oom(err, "reading channels");
	d->n_channels = c.n;
	for (uint32_t i = 0; i < c.n; i++)
		d->channel_db[i] = ratio_db(store_channels_x2(&c, i), store_channels_e2(&c, i));
	return 0;
}

static const struct {
	const char *kind;
	int (*load)(struct vm_detail *d, const void *data, size_t bytes, struct qd_err *err);
} blobs[] = { { "hist", load_hist }, { "codes", load_codes }, { "channels", load_channels } };

/* A damaged blob costs its picture, not the page. */
static int load_blobs(struct vm_detail *d, struct store *st, int64_t pair_id, struct qd_err *err)
{
	for (size_t i = 0; i < sizeof(blobs) / sizeof(blobs[0]); i++) {
		struct qd_err why = { 0 };
		void *data = NULL;
		int64_t done;
		size_t bytes;
		int rc = store_pooled_get(st, pair_id, blobs[i].kind, &done, &data, &bytes, &why);

		if (!rc && data)
			rc = blobs[i].load(d, data, bytes, &why);
		free(data);
		if (rc && rc != QD_EINPUT)
			return err_set(err, rc, "%s", why.msg);
		if (rc)
			log_add(LOG_WARN, "pair %lld, %s: %s", (long long)pair_id, blobs[i].kind,
				why.msg);
	}
	return 0;
}

static void insert_worst(struct vm_detail *d, int64_t sample, double db, double max_abs_err)
{
	int at = d->n_worst;

	while (at > 0 && d->worst[at - 1].sqnr_db > db)
		at--;
	if (at == VM_WORST_SAMPLES)
		return;
	if (d->n_worst < VM_WORST_SAMPLES)
		d->n_worst++;
	memmove(&d->worst[at + 1], &d->worst[at], (size_t)(d->n_worst - 1 - at) *
		sizeof(d->worst[0]));
	d->worst[at] = (struct vm_worst){ .sample = sample, .sqnr_db = db,
					 .max_abs_err = max_abs_err };
}

static void name_samples(struct vm_detail *d, const struct vm_store_ctx *ctx)
{
	struct store_row row = STORE_ROW_INIT;
	int col = store_column_find(ST_SAMPLES, "name");

	for (int i = 0; i < d->n_worst && col >= 0; i++) {
		struct qd_err ignored;

		if (store_cells(ctx->st, ctx->run_id, ST_SAMPLES, d->worst[i].sample, &row,
				&ignored))
			continue;
		snprintf(d->worst[i].name, sizeof(d->worst[i].name), "%s", row.cells[col].text);
	}
	store_row_release(&row);
}

static int load_samples(struct vm_detail *d, const struct vm_store_ctx *ctx, int64_t pair_id,
			struct qd_err *err)
{
	struct store_sample_rec *recs;
	int rc = store_pair_samples(ctx->st, pair_id, &recs, &d->n_samples, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < d->n_samples; i++) {
		double db = ratio_db(recs[i].sum_x2, recs[i].sum_e2);

		if (!isnan(db) && db != INFINITY)
			insert_worst(d, (int64_t)i, db, recs[i].max_abs_e);
	}
	free(recs);
	name_samples(d, ctx);
	return 0;
}

int vm_detail_load(struct vm_detail *d, const struct vm_store_ctx *ctx, int64_t pair_id,
		   struct qd_err *err)
{
	int rc;

	vm_detail_release(d);
	rc = load_blobs(d, ctx->st, pair_id, err);
	if (!rc)
		rc = load_samples(d, ctx, pair_id, err);
	if (rc) {
		vm_detail_release(d);
		return rc;
	}
	d->pair_id = pair_id;
	return 0;
}

void vm_detail_rebin(const struct vm_detail *d, double lo, double hi, double *out, int n)
{
	double step = (hi - lo) / n;

	for (int i = 0; i < n; i++)
		out[i] = 0;
	if (!(step > 0) || !d->has_hist)
		return;
	for (size_t b = 0; b < d->n_bins; b++) {
		double left = d->first_edge + (double)b * d->bin_width, right = left + d->bin_width;
		double from = (left - lo) / step, to = (right - lo) / step;
		int first = from < 0 ? 0 : from > n - 1 ? n - 1 : (int)from;
		int last = to < 0 ? 0 : to > n ? n - 1 : (int)ceil(to) - 1;

		if (!(d->bins[b] > 0))
			continue;
		last = last < first ? first : last > n - 1 ? n - 1 : last;
		for (int i = first; i <= last; i++)
			out[i] += d->bins[b] / (last - first + 1);
	}
}
