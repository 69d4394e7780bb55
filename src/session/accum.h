/* session/accum.h - folding samples into blocks and totals, and writing them.
 *
 * Samples are folded in order into the block of 64 they belong to, blocks in order into the total, so that any number of
 * threads, a resumed run and an undisturbed one give the same bits. One thread at a time.
 */
#ifndef SESSION_ACCUM_H
#define SESSION_ACCUM_H

#include "observe/compare.h"
#include "store/read.h"
#include "store/write.h"

struct accum {
	const struct compare *c;
	const int64_t *pair_id;         /* by item */
	struct accum_item *items;
	double *chan;                   /* all items' channel sums, laid out as in a slot */
	struct accum_block *pending;    /* finished blocks not written yet */
	size_t n_pending, cap_pending;
	int64_t samples;                /* folded so far, skipped ones included */
};

QD_NODISCARD int accum_open(const struct compare *c, const int64_t *pair_id, struct accum *out, struct qd_err *err);
void accum_close(struct accum *a);

/* Take up where a stored run stopped after `samples` samples. */
QD_NODISCARD int accum_restore(struct accum *a, struct store *st, int64_t samples, struct qd_err *err);

/* Fold the next sample; slot NULL: it was skipped. */
QD_NODISCARD int accum_add(struct accum *a, const struct compare_slot *slot, struct qd_err *err);

/* Write what changed since the last call, inside the caller's transaction. */
QD_NODISCARD int accum_write(struct accum *a, struct store *st, struct qd_err *err);

/* --- shared with the weights --------------------------------------------------- */

/* One result as a block of one sample (n_samples as given). */
void accum_sums(const struct compare_result *r, int64_t sample, int64_t n_samples, bool integer_output,
		struct store_sums *out);
/* codes_used is left STORE_NONE. */
void accum_extra(const struct store_sums *s, const struct hist *h, const double *x2, const double *e2, int channels,
		 struct store_total_extra *out);
QD_NODISCARD int accum_put_hist(struct store *st, int64_t pair_id, int64_t samples, const struct hist *h,
				struct qd_err *err);
QD_NODISCARD int accum_put_channels(struct store *st, int64_t pair_id, int64_t samples, const double *x2,
				    const double *e2, int channels, struct qd_err *err);

#endif
