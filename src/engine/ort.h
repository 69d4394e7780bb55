/* engine/ort.h - private to src/engine: the OrtApi table and its helpers. */
#ifndef ENGINE_ORT_H
#define ENGINE_ORT_H

#include <onnxruntime_c_api.h>
#include <stdatomic.h>

#include "engine/engine.h"

struct engine {
	void *library;
	const OrtApi *api;
	OrtEnv *env;
	OrtMemoryInfo *cpu_memory;
	OrtAllocator *allocator;        /* default; owned by the library */
	atomic_bool settled;            /* a session was opened: the library has registered what it registers lazily */
	char version[32];
	char path[4096];
};

/* Turn a status into a code and release it; 0 for NULL. `what` begins the message. */
int ort_fail(const OrtApi *api, OrtStatus *status, struct qd_err *err, const char *what);

/* View of a tensor value (CPU). */
int ort_view(const OrtApi *api, const OrtValue *v, struct tensor *out, struct qd_err *err);

/* The custom operator domain of one session; NULL instrument never gets here. */
struct ort_ops;
int ort_ops_new(const OrtApi *api, const struct engine_instrument *ins, struct ort_ops **out, OrtCustomOpDomain **domain,
		struct qd_err *err);
void ort_ops_free(const OrtApi *api, struct ort_ops *ops);

#endif
