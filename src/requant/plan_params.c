/* Numbers of the plan: ranges as the quantizer sees them, parameters of activations and weights, and the rule that
 * keeps int32 biases in range. The arithmetic itself is quant/params.h's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "onnx/tensor_proto.h"
#include "quant/params.h"
#include "requant/plan_int.h"

void plan_free_params(struct pparams *q)
{
	if (q->set)
		linear_release(&q->lin);
	q->set = false;
}

/* --- ranges ------------------------------------------------------------------------- */

/* As adjust_tensor_ranges(): the input of a Relu or Clip takes the range of its output, a Softmax has [0, 1]. */
static void adjust_ranges(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n_source; i++) {
		const struct pnode *n = &p->nodes[i];
		bool clamp = !strcmp(n->op, "Clip") || !strcmp(n->op, "Relu");
		struct pval *a, *b;

		if (n->gone || !n->n_in || !n->n_out || (!clamp && strcmp(n->op, "Softmax")) ||
		    plan_should_quantize(p, (int)i) != PLAN_QUANTIZED)
			continue;
		a = &p->vals[n->in[0]];
		b = &p->vals[n->out[0]];
		if (!clamp) {
			b->range = (struct quant_range){ .dtype = b->dtype == DT_FLOAT16 ? DT_FLOAT16 : DT_FLOAT,
							 .hi = 1 };
			b->has_range = true;
		} else if (a->n_uses == 1 && !a->n_body_uses && a->has_range && b->has_range) {
			a->range = b->range;
		}
	}
}

static bool preview_ranges(struct plan *p, struct qd_err *err)
{
	const char **names;
	size_t n, i;

	if (plan_range_names(p->g, p->r, &names, &n, err))
		return false;
	for (i = 0; i < n; i++) {
		long v = map_get(&p->names, names[i]);

		if (v != MAP_NONE)
			p->vals[v].has_range = true;
	}
	free(names);
	return true;
}

int plan_take_ranges(struct plan *p, const struct quant_ranges *ranges, struct qd_err *err)
{
	size_t i;

	if (p->preview && !preview_ranges(p, err))
		return QD_ENOMEM;
	for (i = 0; ranges && i < ranges->n; i++) {
		long v = map_get(&p->names, ranges->v[i].name);

		if (v == MAP_NONE || p->vals[v].init)
			continue;
		p->vals[v].has_range = true;
		p->vals[v].range = ranges->v[i].range;
		p->vals[v].range.bins = NULL;
	}
	adjust_ranges(p);
	return 0;
}

/* --- activations ----------------------------------------------------------------------- */

static double type_round(int real, double v)
{
	return real == DT_FLOAT16 ? (double)tensor_f16_to_f32(tensor_f32_to_f16((float)v)) : (double)(float)v;
}

/* Computed in the type of the tensor: a cache may hold plain numbers, and [0, 1] of a Softmax has none. */
static int point_for(const struct plan *p, int val, const struct recipe_override *o, int type,
		     struct quant_point *out, int *real, struct qd_err *err)
{
	struct quant_rule rule = { .type = type, .symmetric = p->r->activation_symmetric };
	const struct quant_range *range = &p->vals[val].range;
	double lo, hi;
	int rc;

	*real = plan_is_real(p->vals[val].dtype) ? p->vals[val].dtype : range->dtype;
	lo = type_round(*real, range->lo);
	hi = type_round(*real, range->hi);
	rule.min_real_range = isnan(p->r->minimum_real_range) ? 0 : p->r->minimum_real_range;
	if (o && o->scale == o->scale) {
		*out = (struct quant_point){ (float)type_round(*real, o->scale), (int32_t)o->zero_point };
		return 0;
	}
	if (type == DT_F8E4M3FN) {
		if (!range->has_std)
			return err_set(err, QD_EINPUT, "no standard deviation; calibrate with Distribution");
		return quant_point_fp8(*real, range->std, out, err);
	}
	if (o && o->rmin == o->rmin)
		lo = type_round(*real, o->rmin);
	if (o && o->rmax == o->rmax)
		hi = type_round(*real, o->rmax);
	if (o && o->symmetric != RECIPE_UNSET)
		rule.symmetric = o->symmetric == RECIPE_TRUE;
	rc = quant_point_for_range(&rule, *real, lo, hi, out, err);
	if (rc || !p->r->activation_restricted_asymmetric || type != DT_UINT8 || rule.symmetric)
		return rc;
	rc = quant_point_snapped(&rule, lo, hi, out, err);
	out->scale = (float)type_round(*real, (double)out->scale);
	return rc;
}

static int scalar_params(struct plan *p, int val, const struct recipe_override *o, struct pparams *q, struct qd_err *err)
{
	int type = o && o->quant_type ? o->quant_type : p->r->activation_type, rc;
	struct quant_point point;

	if (q->set)
		return 0;
	rc = point_for(p, val, o, type, &point, &q->real, err);
	if (rc) {
		err_prefix(err, "%s: tensor %s", p->m->path, p->vals[val].name);
		return rc;
	}
	if (!linear_alloc(&q->lin, type, 1))
		return plan_oom(p, err);
	q->lin.axis = -1;
	q->lin.scale[0] = point.scale;
	q->lin.zp[0] = point.zp;
	q->rank = 0;
	q->set = true;
	return 0;
}

int plan_activation_params(struct plan *p, int val, struct qd_err *err)
{
	const struct recipe_tensor *t = recipe_overrides(p->r, p->vals[val].name);
	const struct recipe_override *o = t ? &t->v[0] : NULL;
	int rc;

	if (!p->vals[val].has_range)
		return err_set(err, QD_EINPUT, "%s: tensor %s is to be quantized and has no range; calibrate this model with "
			       "this recipe's op_types_to_quantize", p->m->path, p->vals[val].name);
	rc = scalar_params(p, val, o, &p->vals[val].act, err);
	if (!rc && o && o->convert)
		rc = scalar_params(p, val, o->convert, &p->vals[val].conv, err);
	return rc;
}

/* --- weights ----------------------------------------------------------------------------- */

static bool weight_symmetric(const struct plan *p, int type)
{
	if (p->r->weight_symmetric != RECIPE_UNSET)
		return p->r->weight_symmetric == RECIPE_TRUE;
	return type == DT_INT4 || type == DT_INT8 || type == DT_INT16 || type == DT_F8E4M3FN;
}

/* The shape of the parameters: [], [channels], or w's with the axis cut into blocks. */
static void set_shape(struct pparams *q, const struct tensor *w)
{
	int d;

	q->rank = q->lin.axis < 0 ? 0 : q->lin.block_size ? 2 : 1;
	if (q->rank == 1)
		q->dims[0] = q->lin.n;
	for (d = 0; q->rank == 2 && d < 2; d++)
		q->dims[d] = d == q->lin.axis ? (w->dims[d] + q->lin.block_size - 1) / q->lin.block_size : w->dims[d];
}

static int given_params(const struct plan *p, const struct recipe_tensor *t, int type, const struct tensor *w,
			struct pparams *q, struct qd_err *err)
{
	size_t i;

	if (!linear_alloc(&q->lin, type, (int64_t)t->n))
		return plan_oom(p, err);
	q->set = true;
	q->lin.axis = -1;
	if (t->v[0].has_axis)
		q->lin.axis = (int)(t->v[0].axis < 0 ? t->v[0].axis + w->rank : t->v[0].axis);
	for (i = 0; i < t->n; i++) {
		q->lin.scale[i] = (float)type_round(w->dtype, t->v[i].scale);
		q->lin.zp[i] = (int32_t)t->v[i].zero_point;
	}
	return 0;
}

static int computed_params(const struct plan *p, const struct pmark *k, const struct recipe_tensor *t, int type,
			   const struct tensor *w, struct pparams *q, struct qd_err *err)
{
	const struct recipe_override *o = t ? &t->v[0] : NULL;
	bool weight = k->kind == PKIND_WEIGHT, ranged = o && (o->rmin == o->rmin || o->rmax == o->rmax);
	struct quant_weight_rule rule = { .axis = k->axis };
	struct quant_override *ranges = NULL;
	size_t i;
	int rc;

	if (o && o->has_axis)
		rule.axis = (int)(o->axis < 0 ? o->axis + w->rank : o->axis);
	rule.rule.type = type;
	rule.rule.symmetric = rule.axis >= 0 || (weight ? weight_symmetric(p, type) : p->r->activation_symmetric);
	rule.rule.reduce_range = p->r->reduce_range;
	rule.rule.min_real_range = isnan(p->r->minimum_real_range) ? 0 : p->r->minimum_real_range;
	if (o && o->symmetric != RECIPE_UNSET)
		rule.rule.symmetric = o->symmetric == RECIPE_TRUE;
	if (o && o->reduce_range != RECIPE_UNSET)
		rule.rule.reduce_range = o->reduce_range == RECIPE_TRUE;
	if (weight && p->r->block_size > 0) {
		rule.block_size = p->r->block_size;
		rule.axis = rule.axis < 0 ? 0 : rule.axis;
		ranged = false;
	}
	if (ranged) {
		ranges = mem_array(t->n, sizeof(*ranges));
		if (!ranges)
			return plan_oom(p, err);
		for (i = 0; i < t->n; i++)
			ranges[i] = (struct quant_override){ t->v[i].rmin, t->v[i].rmax };
		rule.overrides = ranges;
		rule.n_overrides = (int64_t)t->n;
	}
	rc = quant_weight_params(w, &rule, &q->lin, err);
	free(ranges);
	q->set = !rc;
	return rc;
}

static int weight_params(struct plan *p, const struct pmark *k, struct qd_err *err)
{
	struct pval *v = &p->vals[k->val];
	const struct recipe_tensor *t = recipe_overrides(p->r, v->name);
	int type = k->kind == PKIND_WEIGHT ? p->r->weight_type : p->r->activation_type, rc;
	struct tensor w;

	if (t && t->v[0].quant_type)
		type = t->v[0].quant_type;
	rc = onnx_tensor(p->m, v->init, &w, err);
	if (rc)
		return rc;
	v->weight.real = w.dtype;
	if (t && t->v[0].scale == t->v[0].scale)
		rc = given_params(p, t, type, &w, &v->weight, err);
	else
		rc = computed_params(p, k, t, type, &w, &v->weight, err);
	if (rc)
		err_prefix(err, "%s: weight %s", p->m->path, v->name);
	else
		set_shape(&v->weight, &w);
	tensor_release(&w);
	return rc;
}

int plan_weight_params(struct plan *p, struct qd_err *err)
{
	size_t i;
	int rc;

	for (i = 0; i < p->n_marks; i++) {
		if (!p->marks[i].alive || !p->vals[p->marks[i].val].init)
			continue;
		rc = weight_params(p, &p->marks[i], err);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- biases -------------------------------------------------------------------------------- */

static bool all_zero(const int32_t *v, int64_t n)
{
	int64_t i;

	for (i = 0; i < n; i++) {
		if (v[i])
			return false;
	}
	return true;
}

/* Would every code of this weight be 0, although the weight is not? */
static int becomes_zero(const struct plan *p, int weight, bool *yes, struct qd_err *err)
{
	const struct pparams *q = &p->vals[weight].weight;
	struct tensor w;
	bool any = false;
	int64_t i;
	int rc = onnx_tensor(p->m, p->vals[weight].init, &w, err);

	*yes = false;
	if (rc)
		return rc;
	*yes = true;
	for (i = 0; *yes && i < w.n; i++) {
		double x = tensor_get(&w, i);

		any |= x != 0;
		if (fabs(linear_code((float)x, q->lin.scale[linear_index(&q->lin, &w, i)], 0)) >= 1)
			*yes = false;
	}
	*yes = *yes && any;
	tensor_release(&w);
	return 0;
}

static bool bias_fits_channels(const Onnx__TensorProto *bias, const struct linear *w)
{
	return w->axis < 0 || w->block_size || (bias->n_dims == 1 && bias->dims[0] == w->n);
}

static int adjust(struct plan *p, struct pbias *b, float input_scale, struct qd_err *err)
{
	struct pparams *q = &p->vals[b->weight].weight;
	struct linear before = { 0 };
	struct tensor bias;
	int64_t changed = 0;
	double ratio = 1;
	bool zero = false;
	int rc = onnx_tensor(p->m, p->vals[b->val].init, &bias, err);

	if (rc)
		return rc;
	if (!linear_copy(&before, &q->lin))
		rc = plan_oom(p, err);
	if (!rc && bias.n)
		rc = quant_adjust_for_bias(&bias, input_scale, q->real, q->lin.axis >= 0, &q->lin, &changed, &ratio, err);
	if (!rc && changed && !p->strict)
		rc = becomes_zero(p, b->weight, &zero, err);
	tensor_release(&bias);
	if (rc || !changed) {
		linear_release(&before);
		return rc;
	}
	if (zero) {
		linear_release(&q->lin);
		q->lin = before;
		b->keep_float = true;
		p->counts.float_biases++;
		return plan_say(p, "zeroed: bias %s stays float; as int32 it needs scales %.3g times as large, and all of "
				"weight %s would be 0", p->vals[b->val].name, ratio, p->vals[b->weight].name)
			       ? 0 : plan_oom(p, err);
	}
	linear_release(&before);
	p->counts.adjusted_weights++;
	if (ratio > p->counts.largest_ratio)
		p->counts.largest_ratio = ratio;
	return plan_say(p, "scale of weight %s enlarged up to %.4g times for the int32 bias %s", p->vals[b->weight].name,
			ratio, p->vals[b->val].name) ? 0 : plan_oom(p, err);
}

int plan_adjust_for_biases(struct plan *p, struct qd_err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < p->n_biases; i++) {
		struct pbias *b = &p->biases[i];
		struct pval *x = &p->vals[b->input];
		const struct pparams *w = &p->vals[b->weight].weight, *in;
		float scale;

		if (w->set && !bias_fits_channels(p->vals[b->val].init, &w->lin)) {
			b->keep_float = true;
			p->counts.float_biases++;
			if (!plan_say(p, "no scale: bias %s has not one element for each channel of weight %s and stays float",
				      p->vals[b->val].name, p->vals[b->weight].name))
				return plan_oom(p, err);
			continue;
		}
		if (p->r->qdq_disable_weight_adjust_for_int32_bias || !x->has_range || x->mark < 0 || !w->set ||
		    (w->lin.dtype != DT_INT8 && w->lin.dtype != DT_INT16) || !all_zero(w->lin.zp, w->lin.n))
			continue;
		rc = plan_activation_params(p, b->input, err);
		if (rc)
			return rc;
		in = plan_gets_converted(p, b->input, b->node) ? &p->vals[b->input].conv : &p->vals[b->input].act;
		scale = (float)type_round(x->dtype, (double)in->lin.scale[0]);
		rc = adjust(p, b, scale, err);
	}
	return rc;
}
