/* session/keep.h - storing activations after the pass. */
#ifndef SESSION_KEEP_H
#define SESSION_KEEP_H

#include "observe/observer.h"
#include "session/session.h"
#include "store/store.h"

struct keep {
	struct engine *e;
	const struct models *m;
	const struct observer *o;
	struct data_source *data;
	struct store *st;
	struct cancel *cancel;
	const int64_t *pair_id;         /* by item of the comparison */
	int64_t run_id;
	const struct session_opts *opts;
	void (*progress)(void *ctx, int64_t done, int64_t total);
	void *ctx;
};

/* worst: tensors in rank order, each one's worst sample, both sides, until the budget is used. all: every float tensor of
 * the float model and every float or dequantized tensor of the quantized one, of every sample; constants once, as
 * sample -1. Tensors that do not fit the budget are left out whole and named in the log. Commits as it goes. */
QD_NODISCARD int keep_activations(const struct keep *k, struct qd_err *err);

#endif
