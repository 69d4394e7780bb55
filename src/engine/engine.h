/* engine/engine.h - ONNX Runtime: find it, open sessions, run them, put instruments inside.
 *
 * The only layer that knows OrtApi. Everything else sees models as bytes and tensors as struct tensor.
 * Thread use: an engine and its sessions may be used from several threads; a struct engine_run by one at a time
 * (engine_run_stop() from any).
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tensor/tensor.h"

struct engine;
struct engine_session;
struct engine_run;

/* Load the library (install folder, $ONNXRUNTIME_DIR, the build tree, the system path; never the working
 * directory) and start its environment; its messages go to base/log. */
QD_NODISCARD int engine_open(struct engine **out, struct qd_err *err);
void engine_close(struct engine *e);
const char *engine_version(const struct engine *e);             /* "1.32.0" */
const char *engine_library(const struct engine *e);             /* path it was loaded from */
/* Features of this CPU that change which kernels run, space separated: "avx2 fma avx512f avx512_vnni". */
const char *engine_cpu(void);

/* --- instruments: our custom operators ------------------------------------
 *
 * Nodes qdebug::Compare(slot, x, y, pre?) -> scalar and qdebug::Observe(slot, x) -> scalar, attribute id: call fn with
 * the tensors in place while they are hot (Observe: y and pre are NULL).
 * `slot` is an int64 scalar graph input that tells concurrent runs apart.  The scalar output only keeps the
 * node alive. A non-zero return of fn fails the run. */
#define ENGINE_DOMAIN "qdebug"
#define ENGINE_COMPARE "Compare"
#define ENGINE_OBSERVE "Observe"
typedef int engine_compare_fn(void *ctx, int64_t slot, int64_t id, const struct tensor *x, const struct tensor *y,
			      const struct tensor *pre);
struct engine_instrument { engine_compare_fn *fn; void *ctx; };

/* --- sessions ---------------------------------------------------------------- */

enum engine_level { ENGINE_DISABLE_ALL, ENGINE_BASIC, ENGINE_EXTENDED, ENGINE_ALL };

/* Data of an initializer that the model marks as external: handed over by pointer, never copied. */
struct engine_extern { const char *name; struct tensor t; };

struct engine_opts {
	enum engine_level level;
	int threads;                            /* intra-op threads; 0 = one per core */
	const char *dump_path;                  /* write the optimized model there */
	const char *disabled;                   /* optimizers to leave out, ';' separated */
	const struct engine_instrument *instrument;     /* outlives the session; NULL: none */
	const struct engine_extern *externs;    /* data outlives the session */
	size_t n_externs;
	bool quiet;                             /* a failure is expected and handled: log at debug level */
};

struct engine_io {
	const char *name;
	int dtype, rank;                        /* rank -1: unknown */
	int64_t dims[TENSOR_MAX_RANK];          /* -1: symbolic */
	char *symbols[TENSOR_MAX_RANK];         /* names of the symbolic ones; NULL: none */
};

/* `name` is for messages. */
QD_NODISCARD int engine_session_open(struct engine *e, const char *name, const void *model, size_t n,
				     const struct engine_opts *opts, struct engine_session **out, struct qd_err *err);
void engine_session_close(struct engine_session *s);
size_t engine_n_inputs(const struct engine_session *s);
size_t engine_n_outputs(const struct engine_session *s);
const struct engine_io *engine_input(const struct engine_session *s, size_t i);
const struct engine_io *engine_output(const struct engine_session *s, size_t i);
int engine_find_output(const struct engine_session *s, const char *name);      /* -1 when absent */

/* --- runs --------------------------------------------------------------------- */

struct engine_value { struct tensor t; void *handle; };         /* t borrows from handle */
void engine_value_release(const struct engine *e, struct engine_value *v);

/* One caller's run state, reusable. */
QD_NODISCARD int engine_run_new(struct engine *e, struct engine_run **out, struct qd_err *err);
void engine_run_free(struct engine_run *r);
void engine_run_stop(struct engine_run *r);                     /* ends a run in progress with QD_ECANCEL */

/* Run: `in` has one tensor an input, in the session's order (data NULL: an optional input left out);
 * `wanted` lists output indices; out[k] receives each (release with engine_value_release). On failure no out is set. */
QD_NODISCARD int engine_run(struct engine_run *r, struct engine_session *s, const struct tensor *in,
			    const int *wanted, size_t n_wanted, struct engine_value *out, struct qd_err *err);

#endif
