/* The marking pass: what each operator's class wants done to its tensors (reference.md 5, 6.2 to 6.5). Knows no
 * numbers. The first mark of a tensor wins, except that marks per channel and shared ones overwrite in place. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/tensor_proto.h"
#include "requant/plan_int.h"

/* --- marks -------------------------------------------------------------------------- */

static bool quantizable(const struct plan *p, int val)
{
	const struct pval *v = &p->vals[val];

	return val > 0 && plan_is_real(v->init ? v->init->data_type : v->dtype);
}

static struct pmark *new_mark(struct plan *p, int val)
{
	struct pval *v = &p->vals[val];

	if (v->mark < 0) {
		if (!mem_grow(&p->marks, &p->cap_marks, p->n_marks + 1, sizeof(*p->marks)))
			return NULL;
		v->mark = (int)p->n_marks++;
	}
	p->marks[v->mark] = (struct pmark){ .val = val, .axis = -1, .alive = true };
	return &p->marks[v->mark];
}

static bool mark(struct plan *p, int val, enum pkind kind)
{
	struct pmark *k;

	if (!quantizable(p, val) || p->vals[val].mark >= 0)
		return true;
	k = new_mark(p, val);
	if (k)
		k->kind = kind;
	return k != NULL;
}

static bool mark_act(struct plan *p, int val)
{
	return mark(p, val, PKIND_ACTIVATION);
}

static bool mark_channels(struct plan *p, int val, int axis)
{
	struct pmark *k;

	if (!p->vals[val].init || !quantizable(p, val))
		return true;
	k = new_mark(p, val);
	if (!k)
		return false;
	k->kind = PKIND_WEIGHT;
	k->axis = axis;
	return true;
}

/* The output takes the parameters of an input. */
static bool mark_same(struct plan *p, int out, int in, int node)
{
	struct pmark *k;

	if (!quantizable(p, out))
		return true;
	k = new_mark(p, out);
	if (!k)
		return false;
	k->shared = true;
	k->provider = in;
	k->provider_node = node;
	return true;
}

static void unmark(struct plan *p, int val)
{
	if (p->vals[val].mark >= 0)
		p->marks[p->vals[val].mark].alive = false;
	p->vals[val].mark = -1;
}

static bool is_marked(const struct plan *p, int val)
{
	return val > 0 && (p->vals[val].mark >= 0 || p->vals[val].bias >= 0);
}

/* --- channels ------------------------------------------------------------------------- */

/* The channel axis of a constant, -1: per tensor. `op`: honours QDQOpTypePerChannelSupportToAxis for it. */
static int channel_axis(struct plan *p, int val, int64_t axis, const char *op)
{
	const struct recipe_tensor *t = recipe_overrides(p->r, p->vals[val].name);
	const struct pval *v = &p->vals[val];
	int64_t rank;
	size_t i;

	if (!v->first_init || !v->init || (t && !t->v[0].has_axis) || (!p->r->per_channel && !t))
		return -1;
	for (i = 0; op && i < p->r->n_per_channel_axes; i++) {
		if (!strcmp(p->r->per_channel_axes[i].op, op))
			axis = p->r->per_channel_axes[i].axis;
	}
	if (t)
		axis = t->v[0].axis;
	rank = (int64_t)v->init->n_dims;
	if (axis < 0)
		axis += rank;
	if (axis >= 0 && axis < rank)
		return (int)axis;
	plan_say(p, "%s has rank %lld and no axis %lld: quantized per tensor", v->name, (long long)rank, (long long)axis);
	return -1;
}

static bool mark_weight(struct plan *p, int val, int64_t axis, const char *op)
{
	int c = channel_axis(p, val, axis, op);

	return c >= 0 ? mark_channels(p, val, c) : mark(p, val, PKIND_WEIGHT);
}

/* --- biases --------------------------------------------------------------------------- */

/* int(text) of Python, for the digits an exporter puts behind a name: blanks around, a sign, underscores between. */
static bool python_int(const char *s, long *out)
{
	bool minus, digit = false;
	long v = 0;

	while (isspace((unsigned char)*s))
		s++;
	minus = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	for (; isdigit((unsigned char)*s) || (*s == '_' && digit && isdigit((unsigned char)s[1])); s++) {
		if (*s == '_')
			continue;
		digit = true;
		if (v > 100000000000L)
			return false;
		v = v * 10 + (*s - '0');
	}
	while (isspace((unsigned char)*s))
		s++;
	*out = minus ? -v : v;
	return digit && !*s;
}

/* A copy of the initializer under its name and the next free number. -1: out of memory. */
static int duplicate(struct plan *p, int val)
{
	const char *name = p->vals[val].name;
	size_t len = strlen(name), i;
	char *next;
	long k = -1, v;
	int dup;

	for (i = 0; i < p->n_inits; i++) {
		const char *other = p->vals[p->inits[i]].name;

		if (!strncmp(other, name, len) && python_int(other + len, &v) && v > k)
			k = v;
	}
	do {
		next = mem_printf("%s%ld", name, ++k);
		dup = next ? plan_val(p, next) : -1;
		free(next);
	} while (dup >= 0 && p->vals[dup].taken);
	if (dup < 0 || !plan_add_init(p, dup, plan_copy_tensor(p, p->vals[val].init, p->vals[dup].name)))
		return -1;
	p->vals[dup].dtype = p->vals[val].dtype;
	return dup;
}

static bool same_name(const struct plan *p, int a, int b)
{
	return !strcmp(p->nodes[a].name, p->nodes[b].name);
}

/* The duplicate goes to this consumer (strict: to all nodes of its name, as the reference's renaming does). */
static bool use_duplicate(struct plan *p, int from, int to, int node)
{
	size_t i;

	if (!p->strict)
		return plan_rename_uses_of(p, from, to, node);
	for (i = 0; i < p->n_source; i++) {
		if (same_name(p, (int)i, node) && !plan_rename_uses_of(p, from, to, (int)i))
			return false;
	}
	return true;
}

static bool note(struct plan *p, int node, const char *text)
{
	if (!*p->nodes[node].note)
		p->nodes[node].note = text;
	return true;
}

static bool mark_bias(struct plan *p, int node, int slot, double beta)
{
	int val = p->nodes[node].in[slot];
	struct pbias *b;

	if (recipe_overrides(p->r, p->vals[val].name))
		return mark_weight(p, val, 0, NULL);
	if (!p->vals[val].init)
		return note(p, node, "its bias is not constant and stays float");
	if (!plan_is_real(p->vals[val].init->data_type))
		return true;
	if (p->vals[val].bias >= 0) {
		int dup = duplicate(p, val);

		if (dup < 0 || !use_duplicate(p, val, dup, node))
			return false;
		val = dup;
	}
	if (!mem_grow(&p->biases, &p->cap_biases, p->n_biases + 1, sizeof(*p->biases)))
		return false;
	b = &p->biases[p->n_biases];
	*b = (struct pbias){ val, node, p->nodes[node].in[0], p->nodes[node].in[1], beta, false };
	p->vals[val].bias = (int)p->n_biases++;
	return true;
}

/* --- the classes ----------------------------------------------------------------------- */

struct marking {
	struct plan *p;
	int node;
	const struct pnode *n;
	int axis;               /* the registry's channel axis */
	bool out;               /* not in OpTypesToExcludeOutputQuantization */
};

static int in(const struct marking *k, int slot)
{
	return slot < k->n->n_in ? k->n->in[slot] : 0;
}

static int out(const struct marking *k, int slot)
{
	return slot < k->n->n_out ? k->n->out[slot] : 0;
}

static bool mark_outputs(const struct marking *k)
{
	int i;

	for (i = 0; k->out && i < k->n->n_out; i++) {
		if (!mark_act(k->p, k->n->out[i]))
			return false;
	}
	return true;
}

static bool mark_any(const struct marking *k)
{
	int i;

	for (i = 0; i < k->n->n_in; i++) {
		if (!mark_act(k->p, k->n->in[i]))
			return false;
	}
	return mark_outputs(k);
}

static bool weight_like(const struct marking *k, int axis)
{
	return mark_act(k->p, in(k, 0)) && (!k->out || mark_act(k->p, out(k, 0))) &&
	       mark_weight(k->p, in(k, 1), axis, NULL);
}

static bool mark_conv(const struct marking *k)
{
	return weight_like(k, k->axis) && (k->n->n_in != 3 || mark_bias(k->p, k->node, 2, 1));
}

static bool mark_gemm(const struct marking *k)
{
	struct pnode *n = &k->p->nodes[k->node];
	double beta = (double)graph_attr_float(n->src, "beta", 1);

	if (!weight_like(k, graph_attr_int(n->src, "transB", 0) > 0 ? 0 : k->axis))
		return false;
	if (n->n_in != 3)
		return true;
	if (!k->p->vals[n->in[2]].init)
		return note(k->p, k->node, "its bias is not constant and stays float");
	n->reset_beta = k->p->strict;   /* else when the bias becomes int32 */
	n->has_beta = beta != 1;
	return mark_bias(k->p, k->node, 2, beta);
}

static bool mark_matmul(const struct marking *k)
{
	int i;

	for (i = 0; i < k->n->n_in; i++) {
		int v = k->n->in[i];

		if (k->p->vals[v].init ? !mark_weight(k->p, v, k->axis, k->n->op) : !mark_act(k->p, v))
			return false;
	}
	return mark_outputs(k);
}

static bool mark_norm(const struct marking *k)
{
	int w = in(k, 1);

	if (!mark_act(k->p, in(k, 0)))
		return false;
	if (k->p->vals[w].init ? !mark_weight(k->p, w, k->axis, k->n->op) : !mark_act(k->p, w))
		return false;
	if (in(k, 2) && !mark_bias(k->p, k->node, 2, 1))
		return false;
	return mark_outputs(k);
}

/* What keeps a Relu or Clip from becoming part of its input's quantizer; NULL: nothing. */
static const char *why_kept(const struct marking *k)
{
	const struct plan *p = k->p;
	const struct pval *a = &p->vals[in(k, 0)], *b = &p->vals[out(k, 0)];

	if (p->r->activation_symmetric)
		return "kept: activations are symmetric";
	if (p->r->qdq_keep_removable_activations)
		return "kept: QDQKeepRemovableActivations";
	if (!b->has_range)
		return "kept: its output has no range";
	if (plan_convert(p, in(k, 0)) || plan_convert(p, out(k, 0)))
		return "kept: a type is converted here";
	if (a->n_uses != 1 || a->n_body_uses)
		return "kept: its input has other consumers";
	if (a->is_output || a->is_input)
		return "kept: its input is a graph input or output";
	return NULL;
}

static bool mark_removable(const struct marking *k)
{
	struct plan *p = k->p;
	struct pnode *n = &p->nodes[k->node];
	int a = in(k, 0), b = out(k, 0);
	const char *kept;

	if (!is_marked(p, a)) {
		n->why = PLAN_INPUT_FLOAT;
		return true;
	}
	kept = why_kept(k);
	if (kept) {
		note(p, k->node, kept);
		if (!mark_act(p, a))
			return false;
	} else {
		plan_rename_outputs(p, a, b);
		unmark(p, a);
		n->why = PLAN_REMOVED;
		n->gone = true;
	}
	return !k->out || mark_act(p, b);
}

static bool mark_move(const struct marking *k)
{
	struct plan *p = k->p;

	if (p->r->force_quantize_no_input_check)
		return mark_act(p, in(k, 0)) && (!k->out || mark_same(p, out(k, 0), in(k, 0), k->node));
	if (!is_marked(p, in(k, 0))) {
		p->nodes[k->node].why = PLAN_INPUT_FLOAT;
		return true;
	}
	return !k->out || mark_same(p, out(k, 0), in(k, 0), k->node);
}

static bool mark_maxpool(const struct marking *k)
{
	if (k->p->opset < 12)
		k->p->nodes[k->node].why = PLAN_OPSET;
	else if (k->p->r->activation_type == DT_F8E4M3FN)
		k->p->nodes[k->node].why = PLAN_FP8;
	else
		return mark_move(k);
	return true;
}

static bool mark_resize(const struct marking *k)
{
	if (k->p->opset >= 11)
		return mark_move(k);
	k->p->nodes[k->node].why = PLAN_OPSET;
	return true;
}

/* Is a constant known to hold one float zero? Constant nodes with `value`, and initializers. */
static bool is_zero(const struct plan *p, int val)
{
	const struct pval *v = &p->vals[val];
	int gv = graph_find(p->g, v->name);
	const Onnx__TensorProto *t = v->init ? v->init : gv >= 0 ? p->g->values[gv].init : NULL;
	struct tensor x;
	bool zero;

	if (!t || !plan_is_real(t->data_type) || onnx_tensor(p->m, t, &x, NULL))
		return false;
	zero = x.n == 1 && tensor_get(&x, 0) == 0;
	tensor_release(&x);
	return zero;
}

/* May the padded output have the parameters of the input? */
static bool pads_within_range(const struct marking *k)
{
	const struct plan *p = k->p;
	const Onnx__AttributeProto *a = graph_attr(k->n->src, "mode");
	const char *mode = a && a->has_s ? (const char *)a->s.data : "constant";
	size_t n = a && a->has_s ? a->s.len : strlen(mode);
	const struct pval *x = &p->vals[in(k, 0)];

	if ((n == 7 && !memcmp(mode, "reflect", n)) || (n == 4 && (!memcmp(mode, "edge", n) || !memcmp(mode, "wrap", n))))
		return true;
	if (n != 8 || memcmp(mode, "constant", n) || (x->init && !x->is_input) || !plan_is_real(x->dtype))
		return false;
	if (p->opset < 11)
		return graph_attr_float(k->n->src, "value", 0) == 0;
	return !in(k, 2) || is_zero(p, in(k, 2));
}

static bool mark_pad(const struct marking *k)
{
	int i;

	for (i = 0; i < k->n->n_in; i++) {
		if (!mark_act(k->p, k->n->in[i]))
			return false;
	}
	if (!k->out)
		return true;
	return pads_within_range(k) ? mark_same(k->p, out(k, 0), in(k, 0), k->node) : mark_act(k->p, out(k, 0));
}

static bool mark_split(const struct marking *k)
{
	int i;

	if (!is_marked(k->p, in(k, 0)) && !mark_act(k->p, in(k, 0)))
		return false;
	for (i = 0; k->out && i < k->n->n_out; i++) {
		if (!mark_same(k->p, k->n->out[i], in(k, 0), k->node))
			return false;
	}
	return true;
}

static bool mark_gather(const struct marking *k)
{
	struct plan *p = k->p;
	int a = in(k, 0);
	bool table = p->vals[a].init && plan_is_real(p->vals[a].init->data_type);

	if (table || p->r->force_quantize_no_input_check)
		return mark_act(p, a) && mark_same(p, out(k, 0), a, k->node);
	if (is_marked(p, a))
		return mark_same(p, out(k, 0), a, k->node);
	p->nodes[k->node].why = PLAN_INPUT_FLOAT;
	return true;
}

static bool mark_where(const struct marking *k)
{
	struct plan *p = k->p;
	int i;

	if (p->r->force_quantize_no_input_check) {
		for (i = 1; i < 3; i++) {
			if (!is_marked(p, in(k, i)) && !mark_act(p, in(k, i)))
				return false;
		}
		return mark_outputs(k);
	}
	if (is_marked(p, in(k, 1)) && is_marked(p, in(k, 2)))
		return mark_outputs(k);
	p->nodes[k->node].why = PLAN_INPUT_FLOAT;
	return true;
}

static bool mark_node(const struct marking *k, enum qdq_class class)
{
	static bool (*const marks[])(const struct marking *) = {
		[QDQ_ANY] = mark_any, [QDQ_CONV] = mark_conv, [QDQ_GEMM] = mark_gemm, [QDQ_MATMUL] = mark_matmul,
		[QDQ_REMOVABLE] = mark_removable, [QDQ_MOVE] = mark_move, [QDQ_MAXPOOL] = mark_maxpool,
		[QDQ_RESIZE] = mark_resize, [QDQ_PAD] = mark_pad, [QDQ_SPLIT] = mark_split,
		[QDQ_GATHER] = mark_gather, [QDQ_WHERE] = mark_where, [QDQ_NORM] = mark_norm,
	};

	return marks[class](k);
}

/* --- the pass ---------------------------------------------------------------------------- */

enum plan_why plan_should_quantize(const struct plan *p, int node)
{
	const struct pnode *n = &p->nodes[node];

	if (p->r->nodes_to_quantize.n && map_get(&p->only, n->name) == MAP_NONE)
		return PLAN_NOT_LISTED;
	if (!strcmp(n->op, "QuantizeLinear") || !strcmp(n->op, "DequantizeLinear"))
		return PLAN_IS_QDQ;
	if (map_get(&p->op_types, n->op) == MAP_NONE)
		return PLAN_OP_TYPE;
	return map_get(&p->exclude, n->name) == MAP_NONE ? PLAN_QUANTIZED : PLAN_EXCLUDED;
}

static bool add_receivers(struct plan *p, int node)
{
	const struct pnode *n = &p->nodes[node];
	int i;

	for (i = 0; i < n->n_in; i++) {
		struct pval *v = &p->vals[n->in[i]];

		if (!n->in[i])
			continue;
		if (!mem_grow(&v->receivers, &v->cap_receivers, (size_t)v->n_receivers + 1, sizeof(*v->receivers)))
			return false;
		v->receivers[v->n_receivers++] = node;
	}
	return true;
}

static bool touches_float(const struct plan *p, const struct pnode *n)
{
	int i;

	for (i = 0; i < n->n_in; i++) {
		if (quantizable(p, n->in[i]))
			return true;
	}
	for (i = 0; i < n->n_out; i++) {
		if (quantizable(p, n->out[i]))
			return true;
	}
	return false;
}

int plan_mark_all(struct plan *p, struct qd_err *err)
{
	size_t i;

	for (i = 0; i < p->n_source; i++) {
		struct pnode *n = &p->nodes[i];
		const struct registry_entry *e;
		struct marking k = { p, (int)i, n, 0, true };

		if (n->gone)
			continue;
		n->why = plan_should_quantize(p, (int)i);
		if (n->why != PLAN_QUANTIZED)
			continue;
		e = registry_find(n->op);
		k.axis = e ? e->weight_axis : 0;
		k.out = map_get(&p->no_output, n->op) == MAP_NONE;
		if (!touches_float(p, n))
			n->why = PLAN_NO_FLOAT;
		if (!mark_node(&k, e ? e->qdq : QDQ_ANY) || !add_receivers(p, (int)i))
			return plan_oom(p, err);
	}
	return 0;
}
