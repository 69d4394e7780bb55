/* Everything: every float tensor of the float model, every float or dequantized one of the quantized model, of every
 * sample. Values come from the same graphs as the numbers: deployed items from the frozen graph's codes, everything else
 * unoptimized (float model: at the observer's level). */
#include "session/keep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "match/weight.h"
#include "observe/build.h"
#include "observe/freeze.h"
#include "observe/infer.h"
#include "observe/pass.h"
#include "store/read.h"
#include "store/table.h"
#include "store/write.h"
#include "tensor/dtype.h"

/* One tensor to fetch from one of the sessions. */
struct fetch {
	const char *tensor;             /* name it is stored under */
	const char *value;              /* graph value that is read */
	struct linear code;             /* how codes are read; n 0: a float value */
	int side;                       /* index of the fetcher */
	int input;                      /* a graph input: taken from the sample; -1 */
	bool dropped, reserved;         /* over the budget; counted in it */
};

enum { SIDE_FLOAT, SIDE_QUANT, SIDE_DEPLOYED, N_SIDES };

struct fetcher {
	struct engine_session *s;
	int *wanted;                    /* by fetch: output index, -1 when it is another side's */
};

struct keeping {
	const struct keep *k;
	struct keep_put *put;
	struct freeze z;
	bool frozen;
	struct fetch *v;
	size_t n, cap;
	struct fetcher side[N_SIDES];
	struct engine_run *run;
	int64_t reserved;               /* bytes that the tensors seen so far will take */
};

static bool add(struct keeping *g, int side, const char *tensor, const char *value, const struct linear *code)
{
	struct fetch *f;
	size_t i;

	for (i = 0; i < g->n; i++) {
		if (g->v[i].side == side && !strcmp(g->v[i].tensor, tensor))
			return true;
	}
	if (!mem_grow(&g->v, &g->cap, g->n + 1, sizeof(*g->v)))
		return false;
	f = &g->v[g->n];
	*f = (struct fetch){ .tensor = tensor, .value = value, .side = side, .input = -1 };
	if (code && !linear_copy(&f->code, code))
		return false;
	g->n++;
	return true;
}

/* --- what to fetch ----------------------------------------------------------------- */

static bool add_quant_side(struct keeping *g, int item)
{
	const struct compare_item *it = &observer_compare(g->k->o)->items[item];
	const char *name = g->k->m->qg.values[it->pair->qvalue].name;
	struct compare_item copy = *it;
	bool found = false;
	struct tap tap;
	bool ok;

	if (!observer_is_deployed(g->k->o, item) || !g->frozen)
		return add(g, SIDE_QUANT, name, name, NULL);
	copy.code = (struct linear){ 0 };
	if (freeze_tap(&g->z, g->k->m, &copy, item, &tap, &found, NULL) || !found) {
		linear_release(&copy.code);
		return add(g, SIDE_QUANT, name, name, NULL);
	}
	ok = add(g, SIDE_DEPLOYED, name, tap.y, copy.code.n ? &copy.code : NULL);
	linear_release(&copy.code);
	return ok;
}

static bool is_activation(const struct graph *g, const struct skeleton *s, int v)
{
	return dtype_is_float_tensor(g->values[v].dtype) && !s->constant[v] &&
	       (g->values[v].producer >= 0 || g->values[v].is_input);
}

static int choose(struct keeping *g, struct qd_err *err)
{
	const struct models *m = g->k->m;
	bool ok = true;
	int v, i;

	for (v = 0; ok && v < m->fg.n_values; v++) {
		if (is_activation(&m->fg, &m->match.f, v))
			ok = add(g, SIDE_FLOAT, m->fg.values[v].name, m->fg.values[v].name, NULL);
	}
	for (i = 0; ok && i < observer_compare(g->k->o)->n_items; i++) {
		if (observer_compare(g->k->o)->items[i].pair->kind == MATCH_ACTIVATION)
			ok = add_quant_side(g, i);
	}
	for (v = 0; ok && v < m->qg.n_values; v++) {
		size_t k;

		if (!is_activation(&m->qg, &m->match.q, v))
			continue;
		for (k = 0; k < g->n && (g->v[k].side == SIDE_FLOAT || strcmp(g->v[k].tensor, m->qg.values[v].name)); k++)
			;
		if (k == g->n)
			ok = add(g, SIDE_QUANT, m->qg.values[v].name, m->qg.values[v].name, NULL);
	}
	return ok ? 0 : err_oom(err, "choosing activations");
}

/* --- sessions that hand out tensors ----------------------------------------------------- */

static const struct onnx_model *side_model(const struct keeping *g, int side)
{
	return side == SIDE_FLOAT ? g->k->m->f : side == SIDE_QUANT ? g->k->m->q : g->z.model;
}

static int open_side(struct keeping *g, int side, struct qd_err *err)
{
	bool optimized = side == SIDE_DEPLOYED || (side == SIDE_FLOAT && !g->k->opts->reference);
	struct engine_opts opts = { .level = optimized ? ENGINE_ALL : ENGINE_DISABLE_ALL, .threads = 1 };
	const char **names = mem_array(g->n, sizeof(*names));
	struct extern_source source = { side_model(g, side), "" };
	struct onnx_model *copy = NULL;
	size_t i, n = 0;
	int rc = names ? 0 : err_oom(err, "storing activations");

	g->side[side].wanted = mem_array(g->n, sizeof(int));
	if (!g->side[side].wanted)
		rc = err_oom(err, "storing activations");
	for (i = 0; !rc && i < g->n; i++) {
		if (g->v[i].side != side)
			continue;
		g->v[i].input = models_find_input(g->k->m, side != SIDE_FLOAT, g->v[i].value);
		if (g->v[i].input < 0)
			names[n++] = g->v[i].value;
	}
	if (!rc && n)
		rc = build_with_outputs(side_model(g, side), names, n, &copy, err);
	if (!rc && n)
		rc = observe_open(g->k->e, copy, &source, 1, opts, &g->side[side].s, err);
	for (i = 0; !rc && n && i < g->n; i++)
		g->side[side].wanted[i] =
			g->v[i].side == side && g->v[i].input < 0 ? engine_find_output(g->side[side].s, g->v[i].value) : -1;
	onnx_free(copy);
	free(names);
	return rc;
}

/* --- storing ------------------------------------------------------------------------------- */

/* Whole tensors or nothing: room for all samples is reserved when a tensor is first seen. */
static bool fits(struct keeping *g, struct fetch *f, const struct tensor *t)
{
	int64_t room = g->put->budget - (f->reserved ? g->put->used : g->reserved);
	int64_t bytes = f->code.n ? t->n * (int64_t)sizeof(float) : (int64_t)t->bytes;
	int64_t need = bytes * (f->reserved ? 1 : data_count(g->k->data));

	f->dropped = need > room;
	if (f->dropped)
		log_add(LOG_INFO, "over the activation budget: %s is not stored%s", f->tensor,
			f->reserved ? " further: its samples grew" : "");
	else if (!f->reserved)
		g->reserved += need;
	f->reserved = true;
	return !f->dropped;
}

static int put_fetch(struct keeping *g, struct fetch *f, int64_t sample, const struct tensor *t, struct qd_err *err)
{
	if (f->dropped || !t->data || !fits(g, f, t))
		return 0;
	if (f->side == SIDE_FLOAT)
		return keep_put(g->put, "float", f->tensor, sample, t, err);
	return keep_put_codes(g->put, f->tensor, sample, t, &f->code, err);
}

static bool due(const struct fetch *f, int side)
{
	return f->side == side && !f->dropped;
}

static int fetch_side(struct keeping *g, int side, int64_t i, const struct data_sample *sample, struct qd_err *err)
{
	struct engine_session *s = g->side[side].s;
	struct engine_value *out = mem_array(g->n, sizeof(*out));
	int *wanted = mem_array(g->n, sizeof(*wanted));
	struct tensor *in = s ? mem_array(engine_n_inputs(s), sizeof(*in)) : NULL;
	size_t n = 0, k;
	int rc = out && wanted && (in || !s) ? 0 : err_oom(err, "storing activations");

	for (k = 0; !rc && k < g->n; k++) {
		if (due(&g->v[k], side) && g->v[k].input < 0)
			wanted[n++] = g->side[side].wanted[k];
	}
	if (!rc && n) {
		pass_inputs(s, g->k->m, side != SIDE_FLOAT, "", sample, NULL, in);
		rc = engine_run(g->run, s, in, wanted, n, out, err);
	}
	for (k = 0, n = 0; !rc && k < g->n; k++) {
		if (!due(&g->v[k], side))
			continue;
		if (g->v[k].input >= 0)
			rc = put_fetch(g, &g->v[k], i, &sample->tensors[g->v[k].input], err);
		else
			rc = put_fetch(g, &g->v[k], i, &out[n].t, err);
		n += g->v[k].input < 0;
	}
	if (out)
		pass_release_outputs(g->k->e, out, g->n);
	free(out);
	free(wanted);
	free(in);
	return rc;
}

static int fetch_samples(struct keeping *g, struct qd_err *err)
{
	int64_t i, total = data_count(g->k->data);
	int side, rc = 0;

	for (i = 0; !rc && i < total; i++) {
		struct data_sample sample = { 0 };

		if (cancel_get(g->k->cancel))
			return err_set(err, QD_ECANCEL, "interrupted");
		rc = data_read(g->k->data, i, &sample, err);
		if (rc == DATA_SKIP) {
			rc = 0;
			continue;
		}
		for (side = 0; !rc && side < N_SIDES; side++)
			rc = fetch_side(g, side, i, &sample, err);
		data_sample_release(&sample);
		if (g->k->progress)
			g->k->progress(g->k->ctx, i + 1, total);
	}
	return rc;
}

/* Constants of both models, as sample -1. */
static int put_constants(struct keeping *g, const struct graph *graph, const struct skeleton *s, const char *side,
			 struct qd_err *err)
{
	int v, rc = 0;

	for (v = 0; !rc && v < graph->n_values; v++) {
		struct tensor t = { 0 };

		if (!s->constant[v] || !dtype_is_float_tensor(graph->values[v].dtype) ||
		    weight_read(graph, v, &t, NULL, NULL))
			continue;
		if (g->put->used + (int64_t)t.bytes <= g->put->budget) {
			g->reserved += (int64_t)t.bytes;
			rc = keep_put(g->put, side, graph->values[v].name, -1, &t, err);
		}
		tensor_release(&t);
	}
	return rc;
}

int keep_all(struct keep_put *p, struct qd_err *err)
{
	const struct keep *k = p->k;
	struct keeping g = { .k = k, .put = p };
	size_t i;
	int side, rc = 0;

	if (!k->opts->reference) {
		rc = freeze_open(k->e, k->m, &g.z, err);
		g.frozen = !rc;
	}
	if (!rc)
		rc = choose(&g, err);
	for (side = 0; !rc && side < N_SIDES; side++)
		rc = side == SIDE_DEPLOYED && !g.frozen ? 0 : open_side(&g, side, err);
	if (!rc)
		rc = engine_run_new(k->e, &g.run, err);
	if (!rc)
		rc = put_constants(&g, &k->m->fg, &k->m->match.f, "float", err);
	if (!rc)
		rc = put_constants(&g, &k->m->qg, &k->m->match.q, "quant", err);
	if (!rc)
		rc = fetch_samples(&g, err);
	for (side = 0; side < N_SIDES; side++) {
		engine_session_close(g.side[side].s);
		free(g.side[side].wanted);
	}
	engine_run_free(g.run);
	for (i = 0; i < g.n; i++)
		linear_release(&g.v[i].code);
	free(g.v);
	if (g.frozen)
		freeze_close(&g.z);
	return rc;
}
