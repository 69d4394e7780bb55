/* Sessions and runs on the C API. */
#include "engine/ort.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/library.h"
#include "tensor/dtype.h"

struct engine_session {
	struct engine *e;
	OrtSession *s;
	struct ort_ops *ops;
	OrtValue **externs;
	size_t n_externs;
	struct engine_io *in, *out;
	size_t n_in, n_out;
};

struct engine_run {
	struct engine *e;
	OrtRunOptions *opts;
};

int ort_fail(const OrtApi *api, OrtStatus *status, struct qd_err *err, const char *what)
{
	int rc;

	if (!status)
		return 0;
	rc = err_set(err, QD_EENGINE, "%s: ONNX Runtime: %s", what, api->GetErrorMessage(status));
	api->ReleaseStatus(status);
	return rc;
}

/* --- the environment ------------------------------------------------------ */

static void on_log(void *param, OrtLoggingLevel severity, const char *category, const char *logid,
		   const char *location, const char *message)
{
	enum log_level level = severity >= ORT_LOGGING_LEVEL_ERROR ? LOG_INFO : LOG_DEBUG;

	(void)param;
	(void)category;
	(void)logid;
	(void)location;
	log_add(level, "ONNX Runtime: %s", message);
}

int engine_open(struct engine **out, struct qd_err *err)
{
	struct engine *e = mem_zalloc(sizeof(*e));
	const OrtApiBase *(*get_base)(void);
	const OrtApiBase *base;
	int rc;

	*out = NULL;
	if (!e)
		return err_oom(err, "starting ONNX Runtime");
	rc = library_open(&e->library, e->path, sizeof(e->path), err);
	if (rc)
		goto fail;
	*(void **)&get_base = dlsym(e->library, "OrtGetApiBase");
	base = get_base ? get_base() : NULL;
	e->api = base ? base->GetApi(ORT_API_VERSION) : NULL;
	if (!e->api) {
		rc = err_set(err, QD_EENGINE, "%s: version %s is too old: C API %d (ONNX Runtime 1.%d) or newer is needed",
			     e->path, base ? base->GetVersionString() : "?", ORT_API_VERSION, ORT_API_VERSION);
		goto fail;
	}
	snprintf(e->version, sizeof(e->version), "%s", base->GetVersionString());
	log_capture_stderr_begin();
	rc = ort_fail(e->api, e->api->CreateEnvWithCustomLogger(on_log, NULL, ORT_LOGGING_LEVEL_WARNING, "qdebug", &e->env),
		      err, "starting");
	log_capture_stderr_end();
	if (!rc)
		rc = ort_fail(e->api, e->api->DisableTelemetryEvents(e->env), err, "starting");
	if (!rc)
		rc = ort_fail(e->api, e->api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &e->cpu_memory), err,
			      "starting");
	if (!rc)
		rc = ort_fail(e->api, e->api->GetAllocatorWithDefaultOptions(&e->allocator), err, "starting");
	if (rc)
		goto fail;
	*out = e;
	return 0;
fail:
	engine_close(e);
	return rc;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	if (e->cpu_memory)
		e->api->ReleaseMemoryInfo(e->cpu_memory);
	if (e->env)
		e->api->ReleaseEnv(e->env);
	/* the library stays loaded: it has threads and static state of its own */
	free(e);
}

const char *engine_version(const struct engine *e)
{
	return e->version;
}

const char *engine_library(const struct engine *e)
{
	return e->path;
}

/* --- sessions ---------------------------------------------------------------- */

static OrtStatus *set_options(struct engine_session *s, OrtSessionOptions *so, const struct engine_opts *o,
			      struct qd_err *err)
{
	static const GraphOptimizationLevel levels[] = {
		[ENGINE_DISABLE_ALL] = ORT_DISABLE_ALL,
		[ENGINE_BASIC] = ORT_ENABLE_BASIC,
		[ENGINE_EXTENDED] = ORT_ENABLE_EXTENDED,
		[ENGINE_ALL] = ORT_ENABLE_ALL,
	};
	const OrtApi *api = s->e->api;
	OrtStatus *st;

	/* memory patterns reserve one block for all of a run's tensors at once: a quarter more memory, no faster */
	if ((st = api->SetSessionGraphOptimizationLevel(so, levels[o->level])) ||
	    (st = api->SetIntraOpNumThreads(so, o->threads)) || (st = api->DisableMemPattern(so)) ||
	    (st = api->AddSessionConfigEntry(so, "session.intra_op.allow_spinning", "0")))
		return st;
	if (o->quiet && (st = api->SetSessionLogSeverityLevel(so, ORT_LOGGING_LEVEL_FATAL)))
		return st;
	if (o->disabled &&
	    (st = api->AddSessionConfigEntry(so, "optimization.disable_specified_optimizers", o->disabled)))
		return st;
	if (o->dump_path && (st = api->SetOptimizedModelFilePath(so, o->dump_path)))
		return st;
	if (o->instrument) {
		OrtCustomOpDomain *domain;

		if (ort_ops_new(api, o->instrument, &s->ops, &domain, err))
			return api->CreateStatus(ORT_FAIL, "custom operators");
		if ((st = api->AddCustomOpDomain(so, domain)))
			return st;
	}
	return NULL;
}

/* Wrap a tensor's memory (which must outlive the value). */
static OrtStatus *wrap(struct engine *e, const struct tensor *t, OrtValue **out)
{
	static int64_t nothing;
	void *data = t->data ? (void *)t->data : &nothing;

	return e->api->CreateTensorWithDataAsOrtValue(e->cpu_memory, data, t->bytes, t->dims, (size_t)t->rank,
						      (ONNXTensorElementDataType)t->dtype, out);
}

static OrtStatus *set_externs(struct engine_session *s, OrtSessionOptions *so, const struct engine_opts *o)
{
	const char **names = mem_array(o->n_externs, sizeof(*names));
	OrtStatus *st = NULL;

	s->externs = mem_array(o->n_externs, sizeof(*s->externs));
	if (!names || !s->externs)
		st = s->e->api->CreateStatus(ORT_FAIL, "out of memory");
	for (; !st && s->n_externs < o->n_externs; s->n_externs++) {
		names[s->n_externs] = o->externs[s->n_externs].name;
		st = wrap(s->e, &o->externs[s->n_externs].t, &s->externs[s->n_externs]);
	}
	if (!st)
		st = s->e->api->AddExternalInitializers(so, names, (const OrtValue *const *)s->externs, s->n_externs);
	free(names);
	return st;
}

static OrtStatus *read_type(const OrtApi *api, const OrtTypeInfo *type, struct engine_io *io)
{
	const OrtTensorTypeAndShapeInfo *info = NULL;
	const char *symbols[TENSOR_MAX_RANK];
	ONNXTensorElementDataType dtype;
	OrtStatus *st;
	size_t rank, d;

	io->rank = -1;
	if ((st = api->CastTypeInfoToTensorInfo(type, &info)) || !info)
		return st;
	if ((st = api->GetTensorElementType(info, &dtype)) || (st = api->GetDimensionsCount(info, &rank)))
		return st;
	io->dtype = (int)dtype;
	if (rank > TENSOR_MAX_RANK)
		return NULL;
	io->rank = (int)rank;
	if ((st = api->GetDimensions(info, io->dims, rank)))
		return st;
	if ((st = api->GetSymbolicDimensions(info, symbols, rank)))
		return st;
	for (d = 0; d < rank; d++) {
		if (io->dims[d] <= 0)
			io->dims[d] = -1;
		if (io->dims[d] < 0 && symbols[d] && *symbols[d] && !(io->symbols[d] = mem_strdup(symbols[d])))
			return api->CreateStatus(ORT_FAIL, "out of memory");
	}
	return NULL;
}

static OrtStatus *read_io(struct engine_session *s, bool input, struct engine_io **out, size_t *n)
{
	const OrtApi *api = s->e->api;
	OrtStatus *st = input ? api->SessionGetInputCount(s->s, n) : api->SessionGetOutputCount(s->s, n);
	size_t i;

	if (st)
		return st;
	*out = mem_array(*n, sizeof(**out));
	if (!*out)
		return api->CreateStatus(ORT_FAIL, "out of memory");
	for (i = 0; i < *n; i++) {
		OrtTypeInfo *type = NULL;
		char *name;

		st = input ? api->SessionGetInputName(s->s, i, s->e->allocator, &name)
			   : api->SessionGetOutputName(s->s, i, s->e->allocator, &name);
		if (st)
			return st;
		(*out)[i].name = name;          /* released with the allocator in engine_session_close */
		st = input ? api->SessionGetInputTypeInfo(s->s, i, &type) : api->SessionGetOutputTypeInfo(s->s, i, &type);
		if (!st)
			st = read_type(api, type, &(*out)[i]);
		api->ReleaseTypeInfo(type);
		if (st)
			return st;
	}
	return NULL;
}

/* Some builds print a thousand registration notices to stderr when the first session is made. */
static OrtStatus *create_quietly(struct engine *e, const void *model, size_t n, const OrtSessionOptions *so,
				 OrtSession **out)
{
	bool first = !atomic_exchange(&e->settled, true);
	OrtStatus *st;

	if (first)
		log_capture_stderr_begin();
	st = e->api->CreateSessionFromArray(e->env, model, n, so, out);
	if (first)
		log_capture_stderr_end();
	return st;
}

int engine_session_open(struct engine *e, const char *name, const void *model, size_t n, const struct engine_opts *opts,
			struct engine_session **out, struct qd_err *err)
{
	struct engine_session *s = mem_zalloc(sizeof(*s));
	const OrtApi *api = e->api;
	OrtSessionOptions *so = NULL;
	OrtStatus *st;
	int rc;

	*out = NULL;
	if (!s)
		return err_oom(err, name);
	s->e = e;
	st = fault_hit(FAULT_ENGINE) ? api->CreateStatus(ORT_FAIL, "injected fault") : api->CreateSessionOptions(&so);
	if (!st)
		st = set_options(s, so, opts, err);
	if (!st && opts->n_externs)
		st = set_externs(s, so, opts);
	if (!st)
		st = create_quietly(e, model, n, so, &s->s);
	if (!st)
		st = read_io(s, true, &s->in, &s->n_in);
	if (!st)
		st = read_io(s, false, &s->out, &s->n_out);
	if (so)
		api->ReleaseSessionOptions(so);
	rc = ort_fail(api, st, err, name);
	if (rc) {
		engine_session_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void free_io(struct engine *e, struct engine_io *io, size_t n)
{
	size_t i, d;

	for (i = 0; io && i < n; i++) {
		for (d = 0; d < TENSOR_MAX_RANK; d++)
			free(io[i].symbols[d]);
		if (io[i].name)
			e->allocator->Free(e->allocator, (void *)io[i].name);
	}
	free(io);
}

void engine_session_close(struct engine_session *s)
{
	size_t i;

	if (!s)
		return;
	if (s->s)
		s->e->api->ReleaseSession(s->s);
	ort_ops_free(s->e->api, s->ops);
	for (i = 0; i < s->n_externs; i++)
		s->e->api->ReleaseValue(s->externs[i]);
	free(s->externs);
	free_io(s->e, s->in, s->n_in);
	free_io(s->e, s->out, s->n_out);
	free(s);
}

size_t engine_n_inputs(const struct engine_session *s)
{
	return s->n_in;
}

size_t engine_n_outputs(const struct engine_session *s)
{
	return s->n_out;
}

const struct engine_io *engine_input(const struct engine_session *s, size_t i)
{
	return &s->in[i];
}

const struct engine_io *engine_output(const struct engine_session *s, size_t i)
{
	return &s->out[i];
}

int engine_find_output(const struct engine_session *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_out; i++) {
		if (!strcmp(s->out[i].name, name))
			return (int)i;
	}
	return -1;
}

/* --- runs --------------------------------------------------------------------- */

int ort_view(const OrtApi *api, const OrtValue *v, struct tensor *out, struct qd_err *err)
{
	OrtTensorTypeAndShapeInfo *info = NULL;
	ONNXTensorElementDataType dtype;
	int64_t dims[TENSOR_MAX_RANK];
	size_t rank = 0;
	void *data = NULL;
	int is_tensor = 0, rc;

	*out = (struct tensor){ 0 };
	rc = ort_fail(api, api->IsTensor(v, &is_tensor), err, "reading a value");
	if (rc)
		return rc;
	if (!is_tensor)
		return err_set(err, QD_EENGINE, "a value is a sequence, map or optional; only tensors are supported");
	rc = ort_fail(api, api->GetTensorTypeAndShape(v, &info), err, "reading a value");
	if (rc)
		return rc;
	rc = ort_fail(api, api->GetTensorElementType(info, &dtype), err, "reading a value");
	if (!rc)
		rc = ort_fail(api, api->GetDimensionsCount(info, &rank), err, "reading a value");
	if (!rc && rank > TENSOR_MAX_RANK)
		rc = err_set(err, QD_EENGINE, "a tensor of rank %zu; at most %d is supported", rank, TENSOR_MAX_RANK);
	if (!rc)
		rc = ort_fail(api, api->GetDimensions(info, dims, rank), err, "reading a value");
	api->ReleaseTensorTypeAndShapeInfo(info);
	if (!rc)
		rc = ort_fail(api, api->GetTensorMutableData((OrtValue *)v, &data), err, "reading a value");
	if (!rc && !tensor_shape(out, (int)dtype, (int)rank, dims) && dtype != ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING)
		rc = err_set(err, QD_EENGINE, "a tensor of unsupported type %d", (int)dtype);
	out->dtype = (int)dtype;
	out->data = data;
	return rc;
}

void engine_value_release(const struct engine *e, struct engine_value *v)
{
	if (v->handle)
		e->api->ReleaseValue(v->handle);
	*v = (struct engine_value){ 0 };
}

int engine_run_new(struct engine *e, struct engine_run **out, struct qd_err *err)
{
	struct engine_run *r = mem_zalloc(sizeof(*r));
	int rc;

	*out = NULL;
	if (!r)
		return err_oom(err, "preparing a run");
	r->e = e;
	rc = ort_fail(e->api, e->api->CreateRunOptions(&r->opts), err, "preparing a run");
	if (rc) {
		free(r);
		return rc;
	}
	*out = r;
	return 0;
}

void engine_run_free(struct engine_run *r)
{
	if (!r)
		return;
	r->e->api->ReleaseRunOptions(r->opts);
	free(r);
}

void engine_run_stop(struct engine_run *r)
{
	OrtStatus *st = r->e->api->RunOptionsSetTerminate(r->opts);

	if (st)
		r->e->api->ReleaseStatus(st);
}

static int was_stopped(const char *message)
{
	return strstr(message, "terminate flag") != NULL;
}

/* Values for the inputs that are given; names[] and values[] have room for all of them. */
static OrtStatus *wrap_inputs(struct engine_session *s, const struct tensor *in, const char **names, OrtValue **values,
			      size_t *n)
{
	size_t i;

	*n = 0;
	for (i = 0; i < s->n_in; i++) {
		OrtStatus *st;

		if (!in[i].data && in[i].n != 0)
			continue;
		if (!in[i].data && !in[i].dtype)
			continue;
		st = wrap(s->e, &in[i], &values[*n]);
		if (st)
			return st;
		names[(*n)++] = s->in[i].name;
	}
	return NULL;
}

static int view_outputs(struct engine *e, OrtValue **values, size_t n, struct engine_value *out, struct qd_err *err)
{
	size_t k;
	int rc = 0;

	for (k = 0; k < n; k++) {
		out[k].handle = values[k];
		if (!rc)
			rc = ort_view(e->api, values[k], &out[k].t, err);
	}
	for (k = 0; rc && k < n; k++)
		engine_value_release(e, &out[k]);
	return rc;
}

int engine_run(struct engine_run *r, struct engine_session *s, const struct tensor *in, const int *wanted,
	       size_t n_wanted, struct engine_value *out, struct qd_err *err)
{
	const OrtApi *api = s->e->api;
	const char **names = mem_array(s->n_in + n_wanted, sizeof(*names));
	OrtValue **values = mem_array(s->n_in + n_wanted, sizeof(*values));
	OrtStatus *st = NULL;
	size_t n_in = 0, k;
	int rc;

	memset(out, 0, n_wanted * sizeof(*out));
	if (!names || !values) {
		free(names);
		free(values);
		return err_oom(err, "running a model");
	}
	if (fault_hit(FAULT_ENGINE))
		st = api->CreateStatus(ORT_FAIL, "injected fault");
	if (!st)
		st = wrap_inputs(s, in, names, values, &n_in);
	for (k = 0; k < n_wanted; k++)
		names[s->n_in + k] = s->out[wanted[k]].name;
	if (!st)
		st = api->Run(s->s, r->opts, names, (const OrtValue *const *)values, n_in, names + s->n_in, n_wanted,
			      values + s->n_in);
	if (st && was_stopped(api->GetErrorMessage(st))) {
		rc = err_set(err, QD_ECANCEL, "interrupted");
		api->ReleaseStatus(st);
	} else {
		rc = ort_fail(api, st, err, "run");
	}
	for (k = 0; k < n_in; k++)
		api->ReleaseValue(values[k]);
	if (!rc)
		rc = view_outputs(s->e, values + s->n_in, n_wanted, out, err);
	free(names);
	free(values);
	return rc;
}
