/* observe/observer.h - both models over a data source, every pair compared, several samples in flight.
 *
 * *deployed*: the quantized model as its users run it (default optimization), tapped where that disturbs nothing; what
 * deployment fuses away is observed by the *reference* observer in a second session. *reference*: everything at
 * ORT_DISABLE_ALL, with the values before and after each Q/DQ.
 */
#ifndef OBSERVE_OBSERVER_H
#define OBSERVE_OBSERVER_H

#include "base/cancel.h"
#include "observe/compare.h"

struct observer_opts {
	bool reference;
	int threads;            /* in all; 0: one a core */
	int64_t self_check;     /* deployed: outputs compared with the plain session's on samples 0, N, 2N, … */
};

struct observer;

/* `first`: any sample, to check the taps with. */
QD_NODISCARD int observer_open(struct engine *e, const struct models *m, const struct observer_opts *opts,
			       struct data_source *data, struct cancel *cancel, struct observer **out,
			       struct qd_err *err);
void observer_close(struct observer *o);

const struct compare *observer_compare(const struct observer *o);
/* Whose numbers an item holds: true deployed, false reference. */
bool observer_is_deployed(const struct observer *o, int item);
int observer_threads(const struct observer *o);

/* Called in sample order, one call at a time, from worker threads. `slot` is NULL for a sample left out by --skip-bad,
 * with the reason in `why`. A non-zero return ends the run with that code (and *err as filled in). */
typedef int observer_sample(void *ctx, int64_t sample, const struct compare_slot *slot, const char *why,
			    struct qd_err *err);

/* Run samples [first, count). On failure every sample before the failing one has been delivered. */
QD_NODISCARD int observer_run(struct observer *o, int64_t first, observer_sample *fn, void *ctx, struct qd_err *err);

/* Run one sample with another callback in place of the comparison: fn sees each activation item's tensors (id = item) as
 * the engine makes them, y as codes where the item's `code` says so. Not while observer_run() is at work. */
QD_NODISCARD int observer_visit(struct observer *o, const struct data_sample *sample, engine_compare_fn *fn, void *ctx,
				struct qd_err *err);

#endif
