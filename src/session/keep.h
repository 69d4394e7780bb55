/* session/keep.h - storing activations after the pass. */
#ifndef SESSION_KEEP_H
#define SESSION_KEEP_H

#include "observe/observer.h"
#include "session/session.h"
#include "store/store.h"

struct keep {
	struct engine *e;
	const struct models *m;
	struct observer *o;
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

/* Shared by the two ways: store one tensor, committing now and then. */
struct keep_put { const struct keep *k; int64_t budget, used, uncommitted; };
QD_NODISCARD int keep_put(struct keep_put *p, const char *side, const char *name, int64_t sample, const struct tensor *t,
			  struct qd_err *err);
/* The same for codes; code->n 0: t is stored as it is. */
QD_NODISCARD int keep_put_codes(struct keep_put *p, const char *name, int64_t sample, const struct tensor *t,
				const struct linear *code, struct qd_err *err);
QD_NODISCARD int keep_all(struct keep_put *p, struct qd_err *err);
QD_NODISCARD int keep_worst(struct keep_put *p, struct qd_err *err);

#endif
