/* Building the graphs that are run. Knows graphs, not the engine. */
#include "observe/build.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "onnx/edit.h"
#include "tensor/dtype.h"

/* Two graphs must fit into one message of less than 2 GB. */
static const size_t MAX_MERGED = (size_t)1900 << 20;

static int64_t import_version(const struct onnx_model *m, const char *domain)
{
	size_t i;

	for (i = 0; i < m->proto->n_opset_import; i++) {
		if (!strcmp(onnx_domain(m->proto->opset_import[i]->domain), onnx_domain(domain)))
			return m->proto->opset_import[i]->version;
	}
	return 0;
}

bool build_mergeable(const struct onnx_model *f, const struct onnx_model *q, const char **why)
{
	size_t i, bytes;

	*why = NULL;
	for (i = 0; i < f->proto->n_opset_import; i++) {
		const Onnx__OperatorSetIdProto *o = f->proto->opset_import[i];
		int64_t other = import_version(q, o->domain);

		if (other && other != o->version)
			*why = "they import different operator sets";
	}
	if (f->proto->n_functions || q->proto->n_functions)
		*why = "one of them has local functions";
	bytes = onnx__model_proto__get_packed_size(f->proto) + onnx__model_proto__get_packed_size(q->proto);
	if (bytes > MAX_MERGED)
		*why = "together they are too large for one message";
	return !*why;
}

static bool import_all(struct onnx_model *into, const struct onnx_model *from)
{
	bool ok = true;
	size_t i;

	for (i = 0; ok && i < from->proto->n_opset_import; i++)
		ok = edit_set_opset(into, onnx_str(from->proto->opset_import[i]->domain),
				    from->proto->opset_import[i]->version);
	if (from->proto->ir_version > into->proto->ir_version)
		into->proto->ir_version = from->proto->ir_version;
	return ok;
}

/* How names of one model appear in the built graph: prefixed, except shared inputs. */
struct naming { const char *prefix; const struct map *keep; const char *const *keep_names; };

static bool add_named_input(struct onnx_model *m, Onnx__NodeProto *n, const struct naming *by, const char *name)
{
	long k = map_get(by->keep, name);
	char *full = k == MAP_NONE ? arena_printf(&m->arena, "%s%s", by->prefix, name)
				   : arena_strdup(&m->arena, by->keep_names[k]);

	return full && edit_add_input_name(m, n, full);
}

static bool add_compare(struct onnx_model *m, const struct tap *t, const struct naming *f, const struct naming *q)
{
	char *name = arena_printf(&m->arena, BUILD_COMPARE "%d", t->id);
	Onnx__NodeProto *n = name ? edit_add_node(m, ENGINE_DOMAIN, ENGINE_COMPARE, name) : NULL;

	return n && edit_add_input_name(m, n, BUILD_SLOT) && add_named_input(m, n, f, t->x) &&
	       add_named_input(m, n, q, t->y) && (!t->pre || add_named_input(m, n, q, t->pre)) &&
	       edit_add_output_name(m, n, name) && edit_add_attr_int(m, n, "id", t->id) &&
	       edit_add_graph_output(m, name);
}

static bool add_compares(struct onnx_model *m, const struct tap *taps, size_t n, const struct naming *f,
			 const struct naming *q)
{
	bool ok = edit_set_opset(m, ENGINE_DOMAIN, 1) && edit_add_graph_input(m, BUILD_SLOT, DT_INT64, 0, NULL);

	while (ok && n-- > 0)
		ok = add_compare(m, &taps[n], f, q);
	return ok;
}

/* Inputs of q by name, and what replaces them. */
static const char **shared_inputs(struct arena *a, const char *const *float_inputs, const char *const *quant_inputs,
				  int n, struct map *keep)
{
	const char **names = arena_alloc(a, (size_t)(n ? n : 1) * sizeof(*names));
	int i;

	for (i = 0; names && i < n; i++) {
		names[i] = arena_printf(a, "%s%s", BUILD_FLOAT_PREFIX, float_inputs[i]);
		if (!names[i] || !map_put(keep, quant_inputs[i], i))
			return NULL;
	}
	return names;
}

int build_merged(const struct onnx_model *f, const struct onnx_model *q, const char *const *float_inputs,
		 const char *const *quant_inputs, int n_inputs, const struct tap *taps, size_t n_taps,
		 struct onnx_model **out, struct qd_err *err)
{
	struct map none = MAP_INIT, keep = MAP_INIT;
	struct onnx_model *m = NULL, *half = NULL;
	struct naming fn = { BUILD_FLOAT_PREFIX, &none, NULL }, qn = { BUILD_QUANT_PREFIX, &keep, NULL };
	struct arena names = ARENA_INIT;
	int rc = onnx_copy(f, &m, err);

	*out = NULL;
	qn.keep_names = shared_inputs(&names, float_inputs, quant_inputs, n_inputs, &keep);
	if (!rc)
		rc = qn.keep_names ? onnx_copy(q, &half, err) : err_oom(err, "merging the models");
	if (!rc && !(edit_prefix_names(half, qn.prefix, &keep, qn.keep_names) && edit_begin(m) &&
		     edit_prefix_names(m, fn.prefix, &none, NULL) && import_all(m, q) && edit_append_graph(m, half) &&
		     add_compares(m, taps, n_taps, &fn, &qn)))
		rc = err_oom(err, "merging the models");
	if (!rc)        /* messages of the quantized half live in its arena: make the result own everything */
		rc = onnx_copy(m, out, err);
	onnx_free(m);
	onnx_free(half);
	map_release(&keep);
	arena_release(&names);
	return rc;
}

int build_tapped(const struct onnx_model *q, const struct tap *taps, size_t n_taps, struct onnx_model **out,
		 struct qd_err *err)
{
	struct tap *own = mem_array(n_taps, sizeof(*own));
	struct map none = MAP_INIT;
	struct naming as_is = { "", &none, NULL };
	size_t i;
	int rc = own ? onnx_copy(q, out, err) : err_oom(err, q->path);

	for (i = 0; own && i < n_taps; i++)
		own[i] = (struct tap){ taps[i].id, taps[i].y, taps[i].y, NULL };
	if (!rc && !(edit_begin(*out) && add_compares(*out, own, n_taps, &as_is, &as_is)))
		rc = err_oom(err, q->path);
	if (rc && own) {
		onnx_free(*out);
		*out = NULL;
	}
	free(own);
	return rc;
}

static bool add_observe(struct onnx_model *m, const char *value, int id)
{
	char *name = arena_printf(&m->arena, BUILD_COMPARE "%d", id);
	Onnx__NodeProto *n = name ? edit_add_node(m, ENGINE_DOMAIN, ENGINE_OBSERVE, name) : NULL;

	return n && edit_add_input_name(m, n, BUILD_SLOT) && edit_add_input_name(m, n, value) &&
	       edit_add_output_name(m, n, name) && edit_add_attr_int(m, n, "id", id) && edit_add_graph_output(m, name);
}

int build_observed(const struct onnx_model *m, const char *const *names, size_t n, struct onnx_model **out,
		   struct qd_err *err)
{
	int rc = onnx_copy(m, out, err);
	bool ok;

	if (rc)
		return rc;
	ok = edit_begin(*out) && edit_set_opset(*out, ENGINE_DOMAIN, 1) &&
	     edit_add_graph_input(*out, BUILD_SLOT, DT_INT64, 0, NULL);
	while (ok && n-- > 0)
		ok = add_observe(*out, names[n], (int)n);
	if (ok)
		return 0;
	onnx_free(*out);
	*out = NULL;
	return err_oom(err, m->path);
}

int build_with_outputs(const struct onnx_model *m, const char *const *names, size_t n, struct onnx_model **out,
		       struct qd_err *err)
{
	size_t i;
	int rc = onnx_copy(m, out, err);

	if (rc)
		return rc;
	if (!edit_begin(*out))
		rc = err_oom(err, m->path);
	for (i = 0; !rc && i < n; i++) {
		if (!edit_add_graph_output(*out, names[i]))
			rc = err_oom(err, m->path);
	}
	if (rc) {
		onnx_free(*out);
		*out = NULL;
	}
	return rc;
}
