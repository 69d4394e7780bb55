/* store/calibration.h - what calibration saw, kept for the next time.
 *
 * One calibration a float model, data set, engine and CPU; a blob a tensor, whose layout is qdebug-store(5)'s. Text and
 * blobs are borrowed for the call. Writing needs an open transaction.
 */
#ifndef STORE_CALIBRATION_H
#define STORE_CALIBRATION_H

#include <stddef.h>

#include "store/record.h"
#include "store/store.h"

struct store_calibration_key {
	const char *float_sha256;       /* of the model */
	const char *dataset_stamp, *dataset_options;
	const char *engine, *cpu;
};

/* *id of a complete calibration with that key, 0 when there is none. */
QD_NODISCARD int store_calibration_find(struct store *st, const struct store_calibration_key *key, int64_t *id,
					struct qd_err *err);

/* Begin one for rows that exist (store_add_model, store_add_dataset); an earlier one of the same is emptied. It counts only
 * once store_calibration_complete() is committed. */
QD_NODISCARD int store_calibration_add(struct store *st, int64_t float_id, int64_t dataset_id, const char *engine,
				       const char *cpu, int64_t *id, struct qd_err *err);
QD_NODISCARD int store_watch_put(struct store *st, int64_t id, const char *tensor, const void *data, size_t n,
				 struct qd_err *err);
QD_NODISCARD int store_calibration_complete(struct store *st, int64_t id, struct qd_err *err);

/* *data malloc'd; NULL and 0 when the tensor is not there. */
QD_NODISCARD int store_watch_get(struct store *st, int64_t id, const char *tensor, void **data, size_t *n,
				 struct qd_err *err);

#endif
