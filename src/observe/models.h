/* observe/models.h - the two models under study: loaded, typed, matched. */
#ifndef OBSERVE_MODELS_H
#define OBSERVE_MODELS_H

#include "data/source.h"
#include "engine/engine.h"
#include "match/match.h"

/* Address-stable: graphs point into themselves. Immutable after models_open(). */
struct models {
	struct onnx_model *f, *q, *p;           /* p: the float model after basic optimization; NULL when not needed */
	struct graph fg, qg, pg;
	struct match match;
	const char *format;                     /* of q */
	struct data_input *inputs;              /* of the float model, for data_open(); names borrowed */
	int n_inputs;
	int *quant_input;                       /* by input: value of qg it feeds */
};

/* Load both files, let the engine type them, match. QD_EINPUT for unusable files, models of different networks and
 * formats that are not covered. `map`: n_map pairs of names (float, quantized). */
QD_NODISCARD int models_open(struct engine *e, const char *float_path, const char *quant_path, const char *const *map,
			     size_t n_map, struct models *out, struct qd_err *err);
void models_close(struct models *m);

/* Index of the input that the float (or quantized) model calls `name`; -1. */
int models_find_input(const struct models *m, bool quant, const char *name);

#endif
