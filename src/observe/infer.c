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
	struct arena names;
	struct engine_extern *v;
	size_t n, cap;
};

static int add_extern(struct extern_list *l, const struct extern_source *src, const Onnx__TensorProto *t,
		      struct qd_err *err)
{
	struct engine_extern *x;
	size_t bytes;

	if (!onnx_is_external(t))
		return 0;
	if (!mem_grow(&l->v, &l->cap, l->n + 1, sizeof(*l->v)))
		return err_oom(err, src->m->path);
	x = &l->v[l->n];
	x->name = arena_printf(&l->names, "%s%s", src->prefix, onnx_str(t->name));
	if (!x->name)
		return err_oom(err, src->m->path);
	if (!tensor_shape(&x->t, t->data_type, (int)t->n_dims, t->dims) ||
	    !(x->t.data = onnx_external_bytes(src->m, t, &bytes)))
		return err_set(err, QD_EINPUT, "%s: initializer %s: external data is not available", src->m->path, x->name);
	l->n++;
	return 0;
}

/* Initializers only: a Constant node with external data cannot be handed over by name. */
static int list_externs(struct extern_list *l, const struct extern_source *src, struct qd_err *err)
{
	const Onnx__GraphProto *g = src->m->proto->graph;
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < g->n_initializer; i++)
		rc = add_extern(l, src, g->initializer[i], err);
	return rc;
}

int observe_open(struct engine *e, const struct onnx_model *m, const struct extern_source *sources, size_t n_sources,
		 struct engine_opts opts, struct engine_session **out, struct qd_err *err)
{
	struct extern_list l = { 0 };
	void *bytes = NULL;
	size_t n, i;
	int rc = 0;

	*out = NULL;
	for (i = 0; !rc && i < n_sources; i++)
		rc = list_externs(&l, &sources[i], err);
	if (!rc)
		rc = onnx_encode(m, &bytes, &n, err);
	if (!rc) {
		opts.externs = l.v;
		opts.n_externs = l.n;
		rc = engine_session_open(e, m->path, bytes, n, &opts, out, err);
	}
	free(bytes);
	free(l.v);
	arena_release(&l.names);
	return rc;
}

/* --- types and shapes -------------------------------------------------------- */

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

/* A session whose outputs are all values that nodes make. */
static int open_on_all(struct engine *e, const struct onnx_model *m, struct engine_session **out, struct qd_err *err)
{
	struct engine_opts opts = { .level = ENGINE_DISABLE_ALL, .threads = 1 };
	struct extern_source source = { m, "" };
	struct onnx_model *copy = NULL;
	const Onnx__GraphProto *g = m->proto->graph;
	size_t i, k;
	bool ok;
	int rc = onnx_copy(m, &copy, err);

	*out = NULL;
	if (rc)
		return rc;
	ok = edit_begin(copy);
	for (i = 0; ok && i < g->n_node; i++) {
		for (k = 0; ok && k < g->node[i]->n_output; k++)
			ok = !*g->node[i]->output[k] || edit_add_graph_output(copy, g->node[i]->output[k]);
	}
	rc = ok ? observe_open(e, copy, &source, 1, opts, out, err) : err_oom(err, m->path);
	onnx_free(copy);
	return rc;
}

int observe_infer(struct engine *e, struct graph *g, struct qd_err *err)
{
	struct engine_session *s;
	int rc = open_on_all(e, g->model, &s, err);

	if (!rc)
		note_types(g, s);
	engine_session_close(s);
	return rc;
}

int observe_inputs(const struct graph *g, struct data_input **out, int *n, struct qd_err *err)
{
	int v;

	*n = 0;
	*out = mem_array((size_t)g->n_values, sizeof(**out));
	if (!*out)
		return err_oom(err, g->model->path);
	for (v = 0; v < g->n_values; v++) {
		const struct graph_value *val = &g->values[v];

		if (val->is_input)
			(*out)[(*n)++] = (struct data_input){ val->name, val->dtype, val->rank, val->dims, false };
	}
	return 0;
}

static bool is_graph_output(const struct onnx_model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->proto->graph->n_output; i++) {
		if (!strcmp(onnx_str(m->proto->graph->output[i]->name), name))
			return true;
	}
	return false;
}

int observe_write_shapes(struct engine *e, struct onnx_model *m, struct qd_err *err)
{
	struct engine_session *s;
	size_t i;
	int rc = open_on_all(e, m, &s, err);

	if (!rc)
		m->proto->graph->n_value_info = 0;
	for (i = 0; !rc && i < engine_n_outputs(s); i++) {
		const struct engine_io *io = engine_output(s, i);

		if (io->dtype != DT_UNDEFINED && !is_graph_output(m, io->name) &&
		    !edit_add_value_info(m, io->name, io->dtype, io->rank, io->dims, io->symbols))
			rc = err_oom(err, m->path);
	}
	engine_session_close(s);
	return rc;
}

/* --- optimized graphs ---------------------------------------------------------- */

int observe_optimize(struct engine *e, const struct onnx_model *m, const struct extern_source *source,
		     struct engine_opts opts, struct onnx_model **out, struct engine_session **session,
		     struct qd_err *err)
{
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
	opts.threads = 1;
	rc = observe_open(e, m, source, source ? 1 : 0, opts, &s, err);
	if (!rc)
		rc = fs_read_all(path, (size_t)2 << 30, &bytes, &n, err);
	if (!rc)
		rc = onnx_decode(bytes, n, m->path, out, err);
	if (!rc && session)
		*session = s;
	else
		engine_session_close(s);
	unlink(path);
	free(bytes);
	free(path);
	return rc;
}
