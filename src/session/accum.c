/* Folding and writing. */
#include "session/accum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

struct accum_item {
	struct store_sums total;        /* of the finished blocks */
	struct store_sums block;        /* of the current one */
	struct store_sample_rec recs[STORE_BLOCK_SAMPLES];
	struct hist hist;
	struct pair_codes codes;
};

/* A finished block of all items, waiting for the next commit. */
struct accum_block {
	int64_t number;
	struct store_sums *sums;
	struct store_sample_rec *recs;  /* STORE_BLOCK_SAMPLES an item */
};

int accum_open(const struct compare *c, const int64_t *pair_id, struct accum *out, struct qd_err *err)
{
	int i;

	*out = (struct accum){ .c = c, .pair_id = pair_id };
	out->items = mem_array((size_t)c->n_items, sizeof(*out->items));
	out->chan = mem_array((size_t)c->n_chan, sizeof(*out->chan));
	if (!out->items || !out->chan) {
		accum_close(out);
		return err_oom(err, "preparing the results");
	}
	for (i = 0; i < c->n_items; i++) {
		store_sums_init(&out->items[i].total);
		store_sums_init(&out->items[i].block);
		hist_init(&out->items[i].hist);
	}
	return 0;
}

static void free_pending(struct accum *a)
{
	size_t i;

	for (i = 0; i < a->n_pending; i++) {
		free(a->pending[i].sums);
		free(a->pending[i].recs);
	}
	a->n_pending = 0;
}

void accum_close(struct accum *a)
{
	free_pending(a);
	free(a->pending);
	free(a->items);
	free(a->chan);
	memset(a, 0, sizeof(*a));
}

/* --- one sample ------------------------------------------------------------------- */

void accum_sums(const struct compare_result *r, int64_t sample, int64_t n_samples, bool integer_output,
		struct store_sums *out)
{
	const struct pair_sums *p = &r->sums;

	store_sums_init(out);
	out->n_samples = n_samples;
	out->n = p->n;
	out->sum_x2 = p->sum_x2;
	out->sum_e2 = p->sum_e2;
	out->sum_abs_e = p->sum_abs_e;
	out->sum_y2 = p->sum_y2;
	out->max_abs_e = p->max_abs_e;
	out->max_at = p->max_index < 0 ? 0 : p->max_index;
	out->max_sample = sample;
	out->bad_x = p->nonfinite_x;
	out->bad_y = p->nonfinite_y;
	if (p->n > 0) {
		out->min_x = p->min_x;
		out->max_x = p->max_x;
		out->min_y = p->min_y;
		out->max_y = p->max_y;
		out->worst_sample = sample;
		out->worst_ratio = p->sum_e2 == 0 ? 0 : p->sum_x2 > 0 ? p->sum_e2 / p->sum_x2 : INFINITY;
	}
	out->n_local = p->n_local;
	out->sum_round2 = p->sum_e2_round;
	out->sum_clip2 = p->sum_e2_clip;
	out->n_clipped = p->n_clipped;
	if (p->n_local > 0) {
		out->scale_min = p->scale_min;
		out->scale_max = p->scale_max;
		out->zero_min = p->zp_min;
		out->zero_max = p->zp_max;
	}
	out->n_pre = p->n_pre;
	out->sum_pre2 = p->sum_p2;
	out->sum_pre_e2 = p->sum_pe2;
	out->n_argmax = r->argmax.total;
	out->n_argmax_equal = r->argmax.same;
	out->n_equal = integer_output ? r->equal.same : STORE_NONE;
}

static uint32_t saturate(int64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static struct store_sample_rec record(const struct pair_sums *p)
{
	return (struct store_sample_rec){
		.sum_x2 = p->sum_x2, .sum_e2 = p->sum_e2, .max_abs_e = (float)p->max_abs_e,
		.scale = p->n_local > 0 ? (float)p->scale_max : 0, .zero_point = p->n_local > 0 ? p->zp_max : 0,
		.bad_x = saturate(p->nonfinite_x), .bad_y = saturate(p->nonfinite_y),
	};
}

static bool is_integer_output(const struct compare_item *it, const struct compare_result *r)
{
	return it->pair->kind == MATCH_OUTPUT && r->equal.total > 0;
}

/* Room for the block that the next sample fills, before anything of it is folded: a failure must leave whole samples. */
static int reserve_block(struct accum *a, struct accum_block *b, struct qd_err *err)
{
	size_t n = (size_t)a->c->n_items;

	*b = (struct accum_block){ a->samples / STORE_BLOCK_SAMPLES, mem_array(n, sizeof(*b->sums)),
				   mem_array(n * STORE_BLOCK_SAMPLES, sizeof(*b->recs)) };
	if (b->sums && b->recs && mem_grow(&a->pending, &a->cap_pending, a->n_pending + 1, sizeof(*b)))
		return 0;
	free(b->sums);
	free(b->recs);
	return err_oom(err, "keeping a block of results");
}

static void finish_block(struct accum *a, const struct accum_block *b)
{
	size_t n = (size_t)a->c->n_items, i;

	for (i = 0; i < n; i++) {
		struct accum_item *it = &a->items[i];

		b->sums[i] = it->block;
		memcpy(b->recs + i * STORE_BLOCK_SAMPLES, it->recs, sizeof(it->recs));
		store_sums_fold(&it->total, &it->block);
		store_sums_init(&it->block);
	}
	a->pending[a->n_pending++] = *b;
}

int accum_add(struct accum *a, const struct compare_slot *slot, struct qd_err *err)
{
	int64_t sample = a->samples, at = sample % STORE_BLOCK_SAMPLES, k;
	bool last = at == STORE_BLOCK_SAMPLES - 1;
	struct accum_block b;
	struct store_sums one;
	int i;

	if (last && reserve_block(a, &b, err))
		return QD_ENOMEM;
	for (i = 0; i < a->c->n_items; i++) {
		struct accum_item *it = &a->items[i];

		if (!slot) {            /* skipped: its place in the block stays, empty */
			it->recs[at] = (struct store_sample_rec){ 0 };
			it->block.n_samples++;
			continue;
		}
		accum_sums(&slot->r[i], sample, 1, is_integer_output(&a->c->items[i], &slot->r[i]), &one);
		store_sums_fold(&it->block, &one);
		it->recs[at] = record(&slot->r[i].sums);
		if (slot->hist[i].n)
			hist_merge(&it->hist, &slot->hist[i]);
		pair_codes_merge(&it->codes, &slot->r[i].codes);
	}
	for (k = 0; slot && k < a->c->n_chan; k++)
		a->chan[k] += slot->chan[k];
	a->samples++;
	if (last)
		finish_block(a, &b);
	return 0;
}

/* --- summaries for lists ------------------------------------------------------------ */

/* 16 bins over the non-empty extent, each 0..15 by the square root of its height: tails stay visible. */
static void draw_hist(const struct hist *h, char out[17])
{
	uint64_t bins[16] = { 0 }, top = 0;
	int first, last, i;

	out[0] = '\0';
	hist_extent(h, &first, &last);
	if (last < first)
		return;
	for (i = first; i <= last; i++)
		bins[(int64_t)(i - first) * 16 / (last - first + 1)] += h->count[i];
	for (i = 0; i < 16; i++)
		top = bins[i] > top ? bins[i] : top;
	for (i = 0; i < 16; i++) {
		int level = bins[i] ? 1 + (int)(14 * sqrt((double)bins[i] / (double)top)) : 0;

		out[i] = "0123456789abcdef"[level > 15 ? 15 : level];
	}
	out[16] = '\0';
}

void accum_extra(const struct store_sums *s, const struct hist *h, const double *x2, const double *e2, int channels,
		 struct store_total_extra *out)
{
	double worst = 0;
	int i;

	*out = (struct store_total_extra){ STORE_NONE, STORE_NONE, NAN, "" };
	if (s->n > 0)
		draw_hist(h, out->hist16);
	for (i = 0; i < channels; i++) {
		double ratio = e2[i] == 0 ? 0 : x2[i] > 0 ? e2[i] / x2[i] : INFINITY;

		if (ratio > worst) {
			worst = ratio;
			out->worst_channel = i;
			out->worst_channel_sqnr = isinf(ratio) ? NAN : 10 * log10(x2[i] / e2[i]);
		}
	}
}

/* --- blobs: the store knows their layouts ---------------------------------------------------------- */

int accum_put_hist(struct store *st, int64_t pair_id, int64_t samples, const struct hist *h, struct qd_err *err)
{
	int first, last;

	hist_extent(h, &first, &last);
	if (last < first)
		return 0;
	return store_put_hist(st, pair_id, samples, h->exp, first - HIST_HALF, h->count + first,
			      (uint32_t)(last - first + 1), err);
}

int accum_put_channels(struct store *st, int64_t pair_id, int64_t samples, const double *x2, const double *e2,
		       int channels, struct qd_err *err)
{
	return channels ? store_put_channels(st, pair_id, samples, x2, e2, (uint32_t)channels, err) : 0;
}

/* --- writing ---------------------------------------------------------------------------- */

static bool keeps_codes(const struct compare_item *it)
{
	return it->spec.local.scale && it->spec.local.qmax - it->spec.local.qmin < 256;
}

static int write_item(struct accum *a, struct store *st, int i, struct qd_err *err)
{
	const struct compare_item *it = &a->c->items[i];
	const double *chan = a->chan + it->chan_at;
	struct accum_item *acc = &a->items[i];
	struct store_sums total = acc->total;
	struct store_total_extra extra;
	int rc = 0;

	if (a->samples % STORE_BLOCK_SAMPLES) {
		rc = store_put_block(st, a->pair_id[i], a->samples / STORE_BLOCK_SAMPLES, &acc->block, acc->recs, err);
		store_sums_fold(&total, &acc->block);
	}
	accum_extra(&total, &acc->hist, chan, chan + it->channels, it->channels, &extra);
	if (keeps_codes(it) && total.n_local > 0)
		extra.codes_used = pair_codes_used(&acc->codes);
	if (!rc)
		rc = store_put_total(st, a->pair_id[i], &total, &extra, err);
	if (!rc)
		rc = accum_put_hist(st, a->pair_id[i], a->samples, &acc->hist, err);
	if (!rc && keeps_codes(it))
		rc = store_put_pooled(st, a->pair_id[i], "codes", a->samples, acc->codes.seen, STORE_CODES_BYTES, err);
	if (!rc)
		rc = accum_put_channels(st, a->pair_id[i], a->samples, chan, chan + it->channels, it->channels, err);
	return rc;
}

int accum_write(struct accum *a, struct store *st, struct qd_err *err)
{
	size_t b;
	int i, rc = 0;

	for (b = 0; !rc && b < a->n_pending; b++) {
		for (i = 0; !rc && i < a->c->n_items; i++)
			rc = store_put_block(st, a->pair_id[i], a->pending[b].number, &a->pending[b].sums[i],
					     a->pending[b].recs + (size_t)i * STORE_BLOCK_SAMPLES, err);
	}
	for (i = 0; !rc && i < a->c->n_items; i++)
		rc = write_item(a, st, i, err);
	if (!rc)
		free_pending(a);
	return rc;
}

/* --- resuming ------------------------------------------------------------------------------ */

static int restore_pooled(struct accum *a, struct store *st, int i, struct qd_err *err)
{
	const struct compare_item *it = &a->c->items[i];
	struct hist *h = &a->items[i].hist;
	struct store_channels ch;
	struct store_hist sh;
	int64_t samples;
	uint32_t k;
	size_t bytes;
	void *data;
	int rc;

	rc = store_pooled_get(st, a->pair_id[i], "hist", &samples, &data, &bytes, err);
	if (!rc && data && !(rc = store_hist_parse(data, bytes, &sh, err))) {
		h->exp = sh.exponent;
		for (k = 0; k < sh.n; k++) {
			h->count[sh.first + HIST_HALF + (int64_t)k] = store_hist_count(&sh, k);
			h->n += store_hist_count(&sh, k);
		}
	}
	free(data);
	if (rc || !keeps_codes(it))
		data = NULL;
	else if (!(rc = store_pooled_get(st, a->pair_id[i], "codes", &samples, &data, &bytes, err)) && data) {
		if (bytes == sizeof(a->items[i].codes.seen))
			memcpy(a->items[i].codes.seen, data, bytes);
		free(data);
	}
	if (rc || !it->channels)
		return rc;
	rc = store_pooled_get(st, a->pair_id[i], "channels", &samples, &data, &bytes, err);
	if (!rc && data && !(rc = store_channels_parse(data, bytes, &ch, err))) {
		for (k = 0; k < ch.n && k < (uint32_t)it->channels; k++) {
			a->chan[it->chan_at + k] = store_channels_x2(&ch, k);
			a->chan[it->chan_at + it->channels + k] = store_channels_e2(&ch, k);
		}
	}
	free(data);
	return rc;
}

static int restore_item(struct accum *a, struct store *st, int i, int64_t samples, struct qd_err *err)
{
	int64_t full = samples / STORE_BLOCK_SAMPLES, b;
	struct accum_item *acc = &a->items[i];
	struct store_sums sums;
	bool found;
	int rc = 0;

	for (b = 0; !rc && b < full; b++) {
		rc = store_block_get(st, a->pair_id[i], b, &sums, NULL, &found, err);
		if (!rc && !found)
			rc = err_set(err, QD_EINPUT, "%s: block %lld of a stored run is missing; remove the store and run "
				     "again", store_path(st), (long long)b);
		if (!rc)
			store_sums_fold(&acc->total, &sums);
	}
	if (!rc && samples % STORE_BLOCK_SAMPLES)
		rc = store_block_get(st, a->pair_id[i], full, &acc->block, acc->recs, &found, err);
	if (!rc && samples % STORE_BLOCK_SAMPLES && (!found || acc->block.n_samples != samples % STORE_BLOCK_SAMPLES))
		rc = err_set(err, QD_EINPUT, "%s: the last block of a stored run is not what its progress says; remove the "
			     "store and run again", store_path(st));
	return rc ? rc : restore_pooled(a, st, i, err);
}

int accum_restore(struct accum *a, struct store *st, int64_t samples, struct qd_err *err)
{
	int i, rc = 0;

	for (i = 0; !rc && i < a->c->n_items && samples > 0; i++)
		rc = restore_item(a, st, i, samples, err);
	a->samples = samples;
	return rc;
}
