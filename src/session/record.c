/* Rows for models and pairs. */
#include "session/record.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "match/weight.h"
#include "tensor/dtype.h"

static char *arena_take(struct arena *a, struct str *s)
{
	char *copy = s->failed ? NULL : arena_strdup(a, s->p ? s->p : "");

	str_release(s);
	return copy;
}

/* --- models --------------------------------------------------------------------- */

static char *external_stamps(struct arena *a, const struct onnx_model *m)
{
	struct str s = STR_INIT;
	size_t i;

	for (i = 0; i < m->n_ext; i++)
		str_addf(&s, "%s %lld %lld\n", m->ext[i].location, (long long)m->ext[i].map.stamp.size,
			 (long long)m->ext[i].map.stamp.mtime_ns);
	return arena_take(a, &s);
}

int record_model(struct arena *a, const struct onnx_model *m, const struct graph *g, const char *role,
		 const char *format, struct store_model *out, struct qd_err *err)
{
	char *full = realpath(m->path, NULL);

	*out = (struct store_model){
		.role = role, .path = arena_strdup(a, full ? full : m->path), .sha256 = m->sha256,
		.size = m->stamp.size, .mtime_ns = m->stamp.mtime_ns, .stamps = external_stamps(a, m),
		.opset = onnx_opset(m), .n_nodes = (int64_t)g->g->n_node, .format = format,
	};
	free(full);
	return out->path && out->stamps ? 0 : err_oom(err, m->path);
}

static const char *tensor_kind(const struct graph *g, const struct graph_value *v)
{
	int i;

	if (v->is_input)
		return "input";
	if (v->is_output)
		return "output";
	if (!v->init)
		return "activation";
	for (i = 0; i < v->n_uses; i++) {
		const char *op = graph_node(g, v->uses[i].node)->op_type;

		if (v->uses[i].slot == 2 && (!strcmp(op, "Conv") || !strcmp(op, "Gemm") || !strcmp(op, "ConvTranspose")))
			return "bias";
	}
	return "weight";
}

static int add_tensors(struct store *st, int64_t id, const struct graph *g, struct qd_err *err)
{
	struct store_tensor *rows = mem_array((size_t)g->n_values, sizeof(*rows));
	struct arena a = ARENA_INIT;
	char shape[400];
	int v, rc = 0;

	for (v = 0; rows && v < g->n_values; v++) {
		const struct graph_value *val = &g->values[v];

		rows[v] = (struct store_tensor){ v, val->name, tensor_kind(g, val), dtype_info(val->dtype)->name,
						 arena_strdup(&a, val->rank < 0 ? "" : tensor_shape_text(val->rank, val->dims,
											 shape, sizeof(shape))),
						 val->producer < 0 ? STORE_NONE : val->producer };
		if (!rows[v].shape)
			rc = err_oom(err, "recording a model");
	}
	if (!rc)
		rc = rows ? store_add_tensors(st, id, rows, (size_t)g->n_values, err) : err_oom(err, "recording a model");
	arena_release(&a);
	free(rows);
	return rc;
}

static int add_nodes(struct store *st, int64_t id, const struct graph *g, struct qd_err *err)
{
	size_t n = g->g->n_node, i;
	struct store_node *rows = mem_array(n, sizeof(*rows));
	struct arena a = ARENA_INIT;
	char buf[200];
	int rc = rows ? 0 : err_oom(err, "recording a model");

	for (i = 0; !rc && i < n; i++) {
		rows[i] = (struct store_node){ (int64_t)i,
					       arena_strdup(&a, graph_node_name(g, (int)i, buf, sizeof(buf))),
					       g->g->node[i]->op_type, onnx_domain(g->g->node[i]->domain) };
		if (!rows[i].name)
			rc = err_oom(err, "recording a model");
	}
	if (!rc)
		rc = store_add_nodes(st, id, rows, n, err);
	arena_release(&a);
	free(rows);
	return rc;
}

int record_add_model(struct store *st, const struct store_model *row, const struct graph *g, int64_t *id,
		     struct qd_err *err)
{
	bool existed;
	int rc = store_add_model(st, row, id, &existed, err);

	if (!rc && !existed)
		rc = add_nodes(st, *id, g, err);
	if (!rc && !existed)
		rc = add_tensors(st, *id, g, err);
	return rc;
}

/* --- pairs ---------------------------------------------------------------------------- */

/* Numbers in channel order, nested by block for blocked ones is left flat: the axis and block size say how to read it. */
static char *params_text(struct arena *a, const struct linear *p, bool scale)
{
	struct str s = STR_INIT;
	int64_t i;

	if (p->n != 1 || p->axis >= 0)
		str_addc(&s, '[');
	for (i = 0; i < p->n; i++) {
		if (i)
			str_addc(&s, ',');
		str_add_double(&s, scale ? (double)p->scale[i] : (double)p->zp[i]);
	}
	if (p->n != 1 || p->axis >= 0)
		str_addc(&s, ']');
	return arena_take(a, &s);
}

int record_quantizer(struct arena *a, const struct linear *p, struct store_pair *row, struct qd_err *err)
{
	int64_t i, at = 0;

	row->axis = row->block_size = row->zero0 = row->qmin = row->qmax = STORE_NONE;
	row->scale0 = NAN;
	if (!p || !p->n)
		return 0;
	for (i = 1; i < p->n; i++) {
		if (p->scale[i] > p->scale[at])
			at = i;
	}
	row->qtype = dtype_info(p->dtype)->name;
	row->scale = params_text(a, p, true);
	row->zero_point = params_text(a, p, false);
	row->scale0 = p->scale[at];
	row->zero0 = p->zp[at];
	if (p->axis >= 0)
		row->axis = p->axis;
	if (p->block_size)
		row->block_size = p->block_size;
	if (p->qmin != p->qmax) {
		row->qmin = p->qmin;
		row->qmax = p->qmax;
	}
	return row->scale && row->zero_point ? 0 : err_oom(err, "recording a quantizer");
}

static const char *derived_text(struct arena *a, const struct match_pair *p)
{
	struct str s = STR_INIT;
	struct json j;
	int i;

	if (!p->n_derived)
		return NULL;
	json_init(&j, &s, 0);
	json_open(&j, NULL, '[');
	for (i = 0; i < p->n_derived; i++)
		json_str(&j, NULL, p->derived[i]);
	json_close(&j, ']');
	if (s.len && s.p[s.len - 1] == '\n')
		s.p[--s.len] = '\0';
	return arena_take(a, &s);
}

static const char *shape_text(struct arena *a, const struct graph *g, int value)
{
	char buf[400];

	if (value < 0 || g->values[value].rank < 0)
		return NULL;
	return arena_strdup(a, tensor_shape_text(g->values[value].rank, g->values[value].dims, buf, sizeof(buf)));
}

static int weight_params(const struct models *m, const struct match_pair *p, struct linear *out, struct qd_err *err)
{
	struct tensor t = { 0 };
	int rc = weight_read(&m->qg, p->qvalue, &t, out, err);

	tensor_release(&t);
	return rc;
}

static int fill_pair(struct arena *a, const struct models *m, const struct match_pair *p, struct store_pair *row,
		     struct qd_err *err)
{
	static const char *const kinds[] = { "activation", "weight", "output" };
	struct linear own = { 0 };
	const struct linear *q = p->quantizer >= 0 ? &m->match.q.quants[p->quantizer].p : NULL;
	int rc = 0;

	*row = (struct store_pair){ .kind = kinds[p->kind], .pos = p->pos, .qpos = p->qvalue, .tensor = p->tensor,
				    .quant_tensor = m->qg.values[p->qvalue].name, .node = p->node, .op = p->op,
				    .matched_by = match_by_name(p->by), .channel_axis = STORE_NONE };
	if (p->kind == MATCH_WEIGHT) {
		rc = weight_params(m, p, &own, err);
		q = &own;
		row->derived_from = derived_text(a, p);
	}
	if (!rc)
		rc = record_quantizer(a, q, row, err);
	row->shape = p->fvalue >= 0 ? shape_text(a, &m->fg, p->fvalue) : shape_text(a, &m->pg, p->folded);
	linear_release(&own);
	return rc;
}

static void fill_unmatched(const struct match_unmatched *u, struct store_pair *row)
{
	*row = (struct store_pair){ .kind = "unmatched", .pos = u->pos, .tensor = u->quant_side ? NULL : u->tensor,
				    .quant_tensor = u->quant_side ? u->tensor : NULL,
				    .side = u->quant_side ? "quant" : "float", .node = u->node,
				    .reason = match_reason_name(u->reason), .detail = u->detail, .scale0 = NAN,
				    .axis = STORE_NONE, .block_size = STORE_NONE, .zero0 = STORE_NONE,
				    .qmin = STORE_NONE, .qmax = STORE_NONE, .channel_axis = STORE_NONE };
}

int record_pairs(struct store *st, int64_t run_id, const struct models *m, const struct observer *o, int64_t *pair_id,
		 struct qd_err *err)
{
	size_t n = m->match.n_pairs, total = n + m->match.n_unmatched, i;
	struct store_pair *rows = mem_array(total, sizeof(*rows));
	struct arena a = ARENA_INIT;
	int item = 0, rc = rows ? 0 : err_oom(err, "recording the pairs");

	for (i = 0; !rc && i < n; i++) {
		const struct match_pair *p = &m->match.pairs[i];

		rc = fill_pair(&a, m, p, &rows[i], err);
		if (p->kind == MATCH_WEIGHT)
			continue;
		rows[i].observed = observer_is_deployed(o, item) ? "deployed" : "reference";
		if (observer_compare(o)->items[item].channels)
			rows[i].channel_axis = observer_compare(o)->items[item].spec.channel_axis;
		item++;
	}
	for (i = n; !rc && i < total; i++)
		fill_unmatched(&m->match.unmatched[i - n], &rows[i]);
	if (!rc)
		rc = store_add_pairs(st, run_id, rows, total, err);
	for (i = 0; !rc && i < n; i++)
		pair_id[i] = rows[i].id;
	arena_release(&a);
	free(rows);
	return rc;
}
