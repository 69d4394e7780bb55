/* session/record.h - models, data and pairs as rows of the store. */
#ifndef SESSION_RECORD_H
#define SESSION_RECORD_H

#include "observe/observer.h"
#include "session/session.h"
#include "store/write.h"

/* Describe a model file; texts live in the arena. */
QD_NODISCARD int record_model(struct arena *a, const struct onnx_model *m, const struct graph *g, const char *role,
			      const char *format, struct store_model *out, struct qd_err *err);
/* Add it with its nodes and tensors, unless it is there; inside a transaction. */
QD_NODISCARD int record_add_model(struct store *st, const struct store_model *row, const struct graph *g, int64_t *id,
				  struct qd_err *err);

/* Add all rows of a run: pairs of the match, with who observes them, and the unmatched ones. pair_id[] (by pair of
 * the match) receives the ids; inside a transaction. `o` may be NULL when nothing was observed yet. */
QD_NODISCARD int record_pairs(struct store *st, int64_t run_id, const struct models *m, const struct observer *o,
			      int64_t *pair_id, struct qd_err *err);

/* Compare the weights and put their sums; inside a transaction. */
QD_NODISCARD int record_weights(struct store *st, const struct models *m, const int64_t *pair_id, struct qd_err *err);

/* Column values of a quantizer. */
QD_NODISCARD int record_quantizer(struct arena *a, const struct linear *p, struct store_pair *row, struct qd_err *err);

#endif
