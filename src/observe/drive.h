/* observe/drive.h - several samples in flight, results in sample order.
 *
 * The only code of the pipeline that makes threads. Workers read and run samples; each has a slot of its own; results are
 * delivered one at a time, in sample order, from worker threads.
 */
#ifndef OBSERVE_DRIVE_H
#define OBSERVE_DRIVE_H

#include "base/cancel.h"
#include "data/source.h"
#include "engine/engine.h"

enum { DRIVE_MAX_WORKERS = 8 };

struct drive_spec {
	struct engine *engine;
	struct data_source *data;
	struct cancel *cancel;          /* may be NULL */
	int workers;                    /* 1 ... DRIVE_MAX_WORKERS; slots 0 ... workers - 1 */
	int64_t first, end;             /* samples */
	void *ctx;
	/* Run one sample. Concurrent calls have different slots. */
	int (*run)(void *ctx, struct engine_run *run, int slot, int64_t i, const struct data_sample *sample,
		   struct qd_err *err);
	/* Take its result; slot -1: left out by --skip-bad, for the reason in `why`. Non-zero ends the run with that code. */
	int (*deliver)(void *ctx, int64_t i, int slot, const char *why, struct qd_err *err);
};

/* On failure every sample before the failing one has been delivered, and *err is that one's. QD_ECANCEL. */
QD_NODISCARD int drive_run(const struct drive_spec *spec, struct qd_err *err);

#endif
