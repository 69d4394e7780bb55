/* Asking the engine about a model. */
#include "observe/infer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "onnx/check.h"
#include "onnx/edit.h"
#include "tensor/dtype.h"

/* --- external data handed over by pointer ---------------------------------- */

struct extern_list {
	const struct onnx_model *m;
	struct engine_extern *v;
	size_t n, cap;
};

static int add_extern(struct extern_list *l, const Onnx__TensorProto *t, struct qd_err *err)
{
	struct engine_extern *x;
	size_t bytes;

	if (!onnx_is_external(t))
		return 0;
	if (!mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v)))
		return err_oom(err, l->m->path);
	x = &l->v[l->n];
	x->name = onnx_str(t->name);
	if (!tensor_shape(&x->t, t->data_type, (int)t->n_dims, t->dims) ||
	    !(x->t.data = onnx_external_bytes(l->m, t, &bytes)))
		return err_set(err, QD_EINPUT, "%s: initializer %s: external data is not available", l->m->path, x->name);
	l->n++;
	return 0;
}

/* Initializers only: a Constant node with external data cannot be handed over by name. */
static int list_externs(struct extern_list *l, const struct onnx_model *m, struct qd_err *err)
{
	const Onnx__GraphProto *g = m->proto->graph;
	size_t i;
	int rc = 0;

	l->m = m;
	for (i = 0; !rc && i < g->n_initializer; i++)
		rc = add_extern(l, g->initializer[i], err);
	return rc;
}

int observe_externs(const struct onnx_model *m, struct engine_extern **out, size_t *n, struct qd_err *err)
{
	struct extern_list l = { 0 };
	int rc = list_externs(&l, m, err);

	if (rc)
		free(l.v);
	*out = rc ? NULL : l.v;
	*n = rc ? 0 : l.n;
	return rc;
}

int observe_open(struct engine *e, const struct onnx_model *m, const struct onnx_model *other, struct engine_opts opts,
		 struct engine_session **out, struct qd_err *err)
{
	struct extern_list l = { 0 };
	void *bytes = NULL;
	size_t n;
	int rc;

	*out = NULL;
	rc = list_externs(&l, m, err);
	if (!rc && other)
		rc = list_externs(&l, other, err);
	if (!rc)
		rc = onnx_encode(m, &bytes, &n, err);
	if (!rc) {
		opts.externs = l.v;
		opts.n_externs = l.n;
		rc = engine_session_open(e, m->path, bytes, n, &opts, out, err);
	}
	free(bytes);
	free(l.v);
	return rc;
}

/* --- types and shapes -------------------------------------------------------- */

/* A copy shares the original's external mappings through find-by-location: lend them. */
static void lend_files(struct onnx_model *copy, const struct onnx_model *from)
{
	copy->ext = from->ext;
	copy->n_ext = from->n_ext;
}

static void return_files(struct onnx_model *copy)
{
	copy->ext = NULL;
	copy->n_ext = 0;
}

static void note_types(struct graph *g, const struct engine_session *s)
{
	size_t i;

	for (i = 0; i < engine_n_outputs(s); i++) {
		const struct engine_io *io = engine_output(s, i);
		int v = graph_find(g, io->name);

		if (v < 0)
			continue;
		g->values[v].dtype = io->dtype;
		g->values[v].rank = io->rank;
		if (io->rank > 0)
			memcpy(g->values[v].dims, io->dims, (size_t)io->rank * sizeof(io->dims[0]));
	}
}

int observe_infer(struct engine *e, struct graph *g, struct qd_err *err)
{
	struct engine_opts opts = { .level = ENGINE_DISABLE_ALL, .threads = 1 };
	struct engine_session *s = NULL;
	struct onnx_model *copy = NULL;
	bool ok = true;
	int v, rc = onnx_copy(g->model, &copy, err);

	if (rc)
		return rc;
	ok = edit_begin(copy);
	for (v = 0; ok && v < g->n_values; v++) {
		if (g->values[v].producer >= 0)
			ok = edit_add_graph_output(copy, g->values[v].name);
	}
	lend_files(copy, g->model);
	rc = ok ? observe_open(e, copy, NULL, opts, &s, err) : err_oom(err, g->model->path);
	if (!rc)
		note_types(g, s);
	engine_session_close(s);
	return_files(copy);
	onnx_free(copy);
	return rc;
}

/* --- optimized graphs ---------------------------------------------------------- */

int observe_optimize(struct engine *e, const struct onnx_model *m, enum engine_level level, const char *disabled,
		     struct onnx_model **out, struct qd_err *err)
{
	struct engine_opts opts = { .level = level, .threads = 1, .disabled = disabled };
	struct engine_session *s = NULL;
	const char *dir = fs_tmp_dir(err);
	char *path = dir ? mem_printf("%s/optimized-%p.onnx", dir, (const void *)&opts) : NULL;
	char *bytes = NULL;
	size_t n;
	int rc;

	*out = NULL;
	if (!dir)
		return QD_EDISK;
	if (!path)
		return err_oom(err, m->path);
	opts.dump_path = path;
	rc = observe_open(e, m, NULL, opts, &s, err);
	engine_session_close(s);
	if (!rc)
		rc = fs_read_all(path, (size_t)2 << 30, &bytes, &n, err);
	if (!rc)
		rc = onnx_decode(bytes, n, m->path, out, err);
	unlink(path);
	free(bytes);
	free(path);
	return rc;
}
