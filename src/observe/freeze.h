/* observe/freeze.h - taps that do not disturb: the quantized model as it is deployed.
 *
 * On x86 the engine turns int8 Q -> DQ pairs into uint8 ones, but only where Q has one reader; a tap is a second reader
 * and would change which kernels run. So the engine's own decisions are frozen first: a throw-away session writes the
 * graph after those decisions and before fusion, and the taps go onto that graph. A guard then compares operator counts
 * with those of the plain optimized model, ignoring operators that only move data; taps that fail it are left out.
 */
#ifndef OBSERVE_FREEZE_H
#define OBSERVE_FREEZE_H

#include "observe/build.h"
#include "observe/compare.h"

struct freeze {
	struct onnx_model *named;       /* the quantized model with every node named */
	struct onnx_model *model;       /* the frozen graph */
	struct graph g, plain_g;
	struct onnx_model *plain;       /* the plain optimized graph */
	char *plain_ops;                /* its operator counts, as text */
	struct map nodes;               /* frozen nodes by name */
};

QD_NODISCARD int freeze_open(struct engine *e, const struct models *m, struct freeze *out, struct qd_err *err);
void freeze_close(struct freeze *z);

/* The tap for an item; false when its tensor does not exist in the deployed model. Fills in the item's spec (kind, code). */
QD_NODISCARD int freeze_tap(const struct freeze *z, const struct models *m, struct compare_item *it, int id,
			    struct tap *out, bool *found, struct qd_err *err);

/* A sample and what the plain session makes of it. */
struct freeze_probe {
	const struct models *m;
	const struct data_sample *sample;
	const struct engine_value *outputs;
	size_t n_outputs;
};

/* Move the taps that change the engine's choices, or a bit of an output, to the end of the array; *n_good = how many
 * do not, *elements = how many elements those see in the probe sample. */
QD_NODISCARD int freeze_guard(struct engine *e, const struct freeze *z, const struct freeze_probe *probe,
			      struct tap *taps, size_t n, size_t *n_good, int64_t *elements, struct qd_err *err);

#endif
