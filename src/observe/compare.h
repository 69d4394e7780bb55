/* observe/compare.h - the comparisons of a run: what is compared, and one sample's results.
 *
 * Items are what the Compare operator's `id` counts. A slot holds the results of one sample in flight; several
 * samples can be in flight in different slots at once, each slot used by one run at a time.
 */
#ifndef OBSERVE_COMPARE_H
#define OBSERVE_COMPARE_H

#include "base/err.h"
#include "engine/engine.h"
#include "observe/models.h"
#include "stats/argmax.h"
#include "stats/pair.h"

struct compare_item {
	const struct match_pair *pair;
	struct pair_spec spec;
	struct linear code;             /* how the deployed model's codes are read; n 0: y is float */
	const struct linear *local;     /* the file's quantizer; NULL */
	int channels;                   /* channel sums kept; 0: none. Known from the first sample */
	int64_t chan_at;                /* offset of its channel sums in a slot */
};

struct compare_result {
	struct pair_sums sums;
	struct pair_codes codes;
	struct agreement argmax, equal;
};

struct compare_slot {
	struct compare_result *r;       /* by item */
	struct hist *hist;              /* by item */
	double *chan;                   /* channel sums: item's x2[channels], then e2[channels] */
	int64_t sample;                 /* which sample is in it */
	char problem[300];              /* first failure; empty */
};

struct compare {
	struct compare_item *items;
	int n_items;
	struct compare_slot *slots;
	int n_slots;
	int64_t n_chan;
};

/* Items for all activation and output pairs of the match, in their order; specs still lack `kind` and `code`.
 * Channel counts come from shapes in the float graph; unknown ones get none. */
QD_NODISCARD int compare_open(const struct models *m, struct compare *out, struct qd_err *err);
QD_NODISCARD int compare_add_slots(struct compare *c, int n, struct qd_err *err);
void compare_close(struct compare *c);
void compare_reset(struct compare *c, int slot, int64_t sample);

/* Compare one item's tensors into a slot. On failure the slot's problem says why. Thread use: one thread a slot. */
int compare_feed(struct compare *c, int slot, int item, const struct tensor *x, const struct tensor *y,
		 const struct tensor *pre);
/* The same for a graph output: also decisions. */
int compare_output(struct compare *c, int slot, int item, const struct tensor *x, const struct tensor *y);

/* engine_compare_fn whose ctx is a struct compare. */
engine_compare_fn compare_callback;

#endif
