/* session/watched.h - calibrations in the store: kept once, used by every calibrator. */
#ifndef SESSION_WATCHED_H
#define SESSION_WATCHED_H

#include "data/source.h"
#include "onnx/graph.h"
#include "quant/collect.h"
#include "store/store.h"

struct watched_key {
	const struct onnx_model *m;
	const struct graph *g;
	struct data_source *data;
	const char *data_path;          /* of the folder; NULL: random */
	const char *options;            /* JSON of what changes the samples */
	const char *engine;             /* version */
};

/* Fill in watch[] from a kept calibration; *found false (and nothing initialised) when there is none, or not of all tensors. */
QD_NODISCARD int watched_load(struct store *st, const struct watched_key *key, const int *values, size_t n,
			      struct quant_watch *watch, bool *found, struct qd_err *err);

/* Keep one, in one transaction. */
QD_NODISCARD int watched_save(struct store *st, const struct watched_key *key, const int *values, size_t n,
			      const struct quant_watch *watch, struct qd_err *err);

#endif
