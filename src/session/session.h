/* session/session.h - one debugging run, from command line to store.
 *
 * session_open() loads and matches the models, checks the data's headers, opens the store and looks whether a finished
 * or unfinished run of exactly this exists. session_run() then does what is missing: weights, samples, kept
 * activations; everything lands in the store as it comes, and a killed run is resumed by opening the session again.
 * Reports and screens read the store, never the session.
 * Thread use: one thread at a time; session_run() on a worker is fine, progress is copied out under a lock.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/err.h"

enum session_keep { SESSION_KEEP_NONE, SESSION_KEEP_WORST, SESSION_KEEP_ALL };

struct session_opts {
	const char *float_path, *quant_path;
	const char *data_dir;           /* NULL with `random` */
	int64_t random;                 /* samples of random values instead of data; 0: none */
	const char *store_path;         /* NULL: <quant-stem>.qdb beside the quantized model, else the working directory */
	int64_t samples;                /* the first N; 0 = all */
	int64_t batch;                  /* 0 = whole files */
	bool reference;                 /* --observe reference; else deployed */
	enum session_keep keep;
	int64_t activation_budget;      /* bytes */
	int threads;                    /* 0: one a core */
	int64_t self_check;             /* outputs are compared with the plain session's on the first and every Nth sample */
	const char *const *map;         /* pairs of names (float, quantized) */
	size_t n_map;
	bool allow_nonfinite, skip_bad, verify_data;
};

/* Defaults: deployed, keep worst, 256 MB, self_check 64. */
void session_opts_init(struct session_opts *o);

struct session;

struct session_progress {
	const char *phase;              /* "weights", "samples", "activations", "done" */
	int64_t done, total;            /* of the phase */
	double rate;                    /* per second; 0 unknown */
	double left;                    /* seconds; < 0 unknown */
	int64_t run_id;
};

/* Errors: QD_EUSAGE, QD_EINPUT (unusable models, data or store), QD_EENGINE, QD_EDISK. Nothing is written before
 * everything has been checked. `cancel` may be NULL and must outlive the session. */
QD_NODISCARD int session_open(const struct session_opts *opts, struct cancel *cancel, struct session **out,
			      struct qd_err *err);
void session_close(struct session *s);

const char *session_store_path(const struct session *s);
int64_t session_run_id(const struct session *s);        /* the run that holds or will hold the results */
bool session_is_done(const struct session *s);          /* a finished run was found: nothing to do */
int64_t session_resumed(const struct session *s);       /* samples that an earlier, unfinished run already has; 0 */

/* Called from the running thread after each commit and at most ten times a second; may be NULL. */
typedef void session_notify(void *ctx);

/* Do the work. On failure the run's status in the store is `failed` (message) or `interrupted` (QD_ECANCEL), and what was
 * committed stays. */
QD_NODISCARD int session_run(struct session *s, session_notify *notify, void *ctx, struct qd_err *err);
void session_get_progress(struct session *s, struct session_progress *out);

#endif
