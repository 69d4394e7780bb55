/* Scales and zero points. Evaluated in double where the reference does, rounded to the real type where it does. */
#include "quant/params.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "quant/numeric.h"
#include "quant/walk.h"

/* Deviation, in float32, of the 254 e4m3fn values that are numbers. */
static const float fp8_deviation = 0x1.903b1cp+6f;

static const struct type_row {
	int type;
	bool has_symmetric;
	struct quant_limits full, symmetric, reduced;
} type_rows[] = {
	{ DT_UINT8, false, { 0, 255 }, { 0, 0 }, { 0, 127 } },
	{ DT_INT8, true, { -128, 127 }, { -127, 127 }, { -64, 64 } },
	{ DT_UINT16, false, { 0, 65535 }, { 0, 0 }, { 0, 32767 } },
	{ DT_INT16, true, { -32768, 32767 }, { -32767, 32767 }, { -16384, 16384 } },
	{ DT_UINT4, false, { 0, 15 }, { 0, 0 }, { 0, 7 } },
	{ DT_INT4, false, { -8, 7 }, { 0, 0 }, { -4, 3 } },
};

bool quant_type_limits(int type, bool symmetric, bool reduce_range, struct quant_limits *out)
{
	for (size_t i = 0; i < sizeof(type_rows) / sizeof(*type_rows); i++) {
		const struct type_row *r = &type_rows[i];

		if (r->type != type)
			continue;
		*out = reduce_range ? r->reduced : symmetric && r->has_symmetric ? r->symmetric : r->full;
		return true;
	}
	return false;
}

static int rule_limits(const struct quant_rule *rule, struct quant_limits *lim, struct qd_err *err)
{
	if (quant_type_limits(rule->type, rule->symmetric, rule->reduce_range, lim))
		return 0;
	return err_set(err, QD_EUSAGE, "%s is no integer type a range can be quantized to: choose (u)int 4, 8 or 16",
		       dtype_info(rule->type)->name);
}

static int real_known(int real, struct qd_err *err)
{
	if (real == DT_FLOAT || real == DT_FLOAT16)
		return 0;
	return err_set(err, QD_EUSAGE, "only float32 and float16 are quantized, not %s", dtype_info(real)->name);
}

static int not_finite(double lo, double hi, struct qd_err *err)
{
	return err_set(err, QD_EINPUT, "its range [%g, %g] is not finite, so there is no scale for it: look for NaN or "
		       "infinity in the data, or exclude the nodes around it", lo, hi);
}

/* Zero is in every range, and the ends are apart as wished. */
static void widen(const struct quant_rule *rule, int real, double *lo, double *hi)
{
	double apart;

	*lo = fmin(*lo, 0);
	*hi = fmax(*hi, 0);
	if (rule->min_real_range > 0) {
		apart = np_round_to(real, *lo + np_round_to(real, rule->min_real_range));
		*hi = fmax(*hi, apart);
	}
}

/* Rounded to even, as everything; for int4 that is rne(-0.5) = 0. */
static int32_t middle(const struct quant_limits *lim)
{
	return (int32_t)rint((lim->min + lim->max) / 2.0);
}

int quant_point_for_range(const struct quant_rule *rule, int real, double lo, double hi, struct quant_point *out,
			  struct qd_err *err)
{
	struct quant_limits lim = { 0 };
	double scale, stored;
	int rc;

	rc = real_known(real, err);
	if (!rc)
		rc = rule_limits(rule, &lim, err);
	if (rc)
		return rc;
	if (!isfinite(lo) || !isfinite(hi))
		return not_finite(lo, hi, err);
	widen(rule, real, &lo, &hi);
	if (!isfinite(hi))
		return err_set(err, QD_EUSAGE, "a minimum real range of %g does not fit into %s", rule->min_real_range,
			       dtype_info(real)->name);
	if (rule->symmetric) {
		hi = fmax(-lo, hi);
		lo = -hi;
	}
	scale = (hi - lo) / ((double)lim.max - lim.min);
	stored = np_round_to(real, scale);
	if (real == DT_FLOAT16 ? stored == 0 : scale < FLT_MIN) {
		*out = (struct quant_point){ .scale = 1, .zp = 0 };
		return 0;
	}
	/* the scale before it is rounded gives the zero point */
	out->zp = rule->symmetric ? middle(&lim) : (int32_t)rint(lim.min - lo / scale);
	out->scale = (float)stored;
	return 0;
}

int quant_point_snapped(const struct quant_rule *rule, double lo, double hi, struct quant_point *out,
			struct qd_err *err)
{
	struct quant_limits lim = { 0 };
	int32_t mid;
	double floor_scale;
	int rc;

	rc = rule_limits(rule, &lim, err);
	if (rc)
		return rc;
	if (rule->type != DT_UINT8 || rule->symmetric)
		return err_set(err, QD_EUSAGE, "restricted asymmetric activations are uint8 and not symmetric");
	if (!isfinite(lo) || !isfinite(hi))
		return not_finite(lo, hi, err);
	widen(rule, DT_DOUBLE, &lo, &hi);
	mid = (lim.min + lim.max + 1) / 2;
	out->zp = lo >= 0 ? lim.min : mid;
	if (lo >= 0)
		out->scale = (float)((hi > 0 ? hi : 1.0) / (lim.max - lim.min));
	else
		out->scale = (float)fmax(-lo / (mid - lim.min), hi / (lim.max - mid));
	floor_scale = rule->min_real_range / (lim.max - lim.min);
	if (out->scale < floor_scale)
		out->scale = (float)floor_scale;
	if (!(out->scale > 0))          /* underflow; the reference writes a scale of 0 */
		out->scale = (float)(1.0 / (lim.max - lim.min));
	return 0;
}

int quant_point_fp8(int real, double std, struct quant_point *out, struct qd_err *err)
{
	int rc = real_known(real, err);

	if (rc)
		return rc;
	if (!isfinite(std))
		return err_set(err, QD_EINPUT, "its standard deviation is %g, so there is no float8 scale for it: a "
			       "constant tensor has none; exclude the nodes around it", std);
	out->zp = 0;
	out->scale = (float)np_round_to(real, (float)std / fp8_deviation);
	if (!(out->scale > 0))          /* all equal; the reference divides 0 by 0 */
		out->scale = 1;
	return 0;
}

/* --- constants ---------------------------------------------------------------------------------------------------- */

/* Smallest and largest of the data of one quantizer. */
struct span {
	float lo, hi;
};

static int check_value(float v, int64_t i, struct qd_err *err)
{
	if (isfinite(v))
		return 0;
	return err_set(err, QD_EINPUT, "value %lld is %s, so there is no scale for it: exclude the nodes that use it, "
		       "or repair the model", (long long)i, isnan(v) ? "NaN" : v < 0 ? "-infinity" : "infinity");
}

static int find_spans(const struct tensor *w, int axis, int64_t block, struct span *span, int64_t n,
		      struct qd_err *err)
{
	struct walk walk;
	const float *x;
	int64_t len, done = 0;

	for (int64_t i = 0; i < n; i++)
		span[i] = (struct span){ INFINITY, -INFINITY };
	walk_init(&walk, w, axis, block);
	while ((x = walk_chunk(&walk, &len))) {
		for (int64_t i = 0; i < len; i++) {
			struct span *s = &span[walk_index(&walk)];
			int rc = check_value(x[i], done + i, err);

			if (rc)
				return rc;
			s->lo = x[i] < s->lo ? x[i] : s->lo;
			s->hi = x[i] > s->hi ? x[i] : s->hi;
		}
		done += len;
	}
	return 0;
}

/* A quantizer's range: what the user says before what the data say; NaN when there are neither data. */
static void chosen(const struct quant_weight_rule *r, int64_t i, int real, const struct span *s, double *lo, double *hi)
{
	const struct quant_override none = { NAN, NAN };
	struct quant_override o = i < r->n_overrides ? r->overrides[i] : none;

	*lo = isnan(o.lo) ? (double)s->lo : np_round_to(real, o.lo);
	*hi = isnan(o.hi) ? (double)s->hi : np_round_to(real, o.hi);
}

static int integer_params(const struct tensor *w, const struct quant_weight_rule *r, struct span *span,
			  struct linear *out, struct qd_err *err)
{
	struct quant_point point;
	double lo, hi;
	int rc = find_spans(w, r->axis, 0, span, out->n, err);

	for (int64_t i = 0; !rc && i < out->n; i++) {
		out->scale[i] = 1;
		if (!w->n)
			continue;
		chosen(r, i, w->dtype, &span[i], &lo, &hi);
		rc = quant_point_for_range(&r->rule, w->dtype, lo, hi, &point, err);
		if (rc)
			return rc;
		out->scale[i] = point.scale;
		out->zp[i] = point.zp;
	}
	return rc;
}

/* compute_scale_zp_blocked(): unlike above, the difference and the scale are rounded first, and the zero point comes
 * from the rounded scale. A difference that overflows the type (a scale of infinity in the reference) is not rounded. */
static void block_point(const struct quant_rule *rule, const struct quant_limits *lim, int real, const struct span *s,
			float *scale, int32_t *zp)
{
	double lo = fmin(s->lo, 0), hi = fmax(s->hi, 0), width, raw;
	bool narrow;

	if (rule->symmetric) {
		hi = fmax(-lo, hi);
		lo = -hi;
	}
	width = np_round_to(real, hi - lo);
	if (isinf(width))
		width = hi - lo;
	raw = np_round_to(real, width / ((double)lim->max - lim->min));
	narrow = real == DT_FLOAT16 ? raw == 0 : raw < FLT_MIN;
	*scale = narrow ? 1 : (float)raw;
	if (rule->symmetric)
		*zp = middle(lim);
	else
		*zp = narrow ? 0 : (int32_t)linear_saturate(rint(lim->min - lo / raw), lim->min, lim->max);
}

static int block_params(const struct tensor *w, const struct quant_weight_rule *r, struct span *span,
			struct linear *out, struct qd_err *err)
{
	struct quant_limits lim = { 0 };
	int rc;

	if (!quant_type_limits(r->rule.type, r->rule.symmetric, false, &lim))
		return err_set(err, QD_EUSAGE, "blocks of weights have integer types, not %s",
			       dtype_info(r->rule.type)->name);
	rc = find_spans(w, r->axis, r->block_size, span, out->n, err);
	for (int64_t i = 0; !rc && i < out->n; i++)
		block_point(&r->rule, &lim, w->dtype, &span[i], &out->scale[i], &out->zp[i]);
	return rc;
}

/* The data of each channel in order, one channel (of `len` elements) after the other. */
static bool gather(const struct tensor *w, int axis, int64_t n_channels, int64_t len, float *to)
{
	int64_t *n = mem_array((size_t)n_channels, sizeof(*n)), count;
	struct walk walk;
	const float *x;

	if (!n)
		return false;
	walk_init(&walk, w, axis, 0);
	while ((x = walk_chunk(&walk, &count))) {
		for (int64_t i = 0; i < count; i++) {
			int64_t k = walk_index(&walk);

			to[k * len + n[k]++] = x[i];
		}
	}
	free(n);
	return true;
}

static int fp8_params(const struct tensor *w, const struct quant_weight_rule *r, struct span *span,
		      struct linear *out, struct qd_err *err)
{
	int64_t len = out->n ? w->n / out->n : 0;
	struct quant_point point = { .scale = 1 };
	float *x = NULL, *scratch = NULL;
	int rc;

	if (r->rule.reduce_range)
		return err_set(err, QD_EUSAGE, "a reduced range has no meaning for float8");
	rc = find_spans(w, r->axis, 0, span, out->n, err);
	if (rc)
		return rc;
	x = mem_array((size_t)w->n, sizeof(*x));
	scratch = mem_array((size_t)len, sizeof(*scratch));
	if (!x || !scratch || !gather(w, r->axis, out->n, len, x))
		rc = err_oom(err, "the deviation of a weight");
	for (int64_t i = 0; !rc && i < out->n; i++) {
		double std = len ? np_round_to(w->dtype, np_std_f32(x + i * len, len, scratch)) : 0;

		rc = quant_point_fp8(w->dtype, std, &point, err);
		out->scale[i] = point.scale;
	}
	free(scratch);
	free(x);
	return rc;
}

/* How many quantizers, or an error when the rule does not fit the shape. */
static int count_points(const struct tensor *w, const struct quant_weight_rule *r, int64_t *n, struct qd_err *err)
{
	int64_t size;

	*n = 1;
	if (r->axis < -1 || r->axis >= w->rank)
		return err_set(err, QD_EUSAGE, "axis %d is not in a tensor of rank %d", r->axis, w->rank);
	if (r->block_size < 0 || (r->block_size && (r->axis < 0 || w->rank != 2)))
		return err_set(err, QD_EUSAGE, "blocks of %lld need a weight of rank 2 and an axis; this one has rank "
			       "%d: quantize it per channel, or exclude its nodes", (long long)r->block_size, w->rank);
	if (r->axis < 0)
		return 0;
	size = w->dims[r->axis];
	*n = size;
	if (r->block_size)
		*n = (size / r->block_size + (size % r->block_size != 0)) * w->dims[1 - r->axis];
	return 0;
}

int quant_weight_params(const struct tensor *w, const struct quant_weight_rule *r, struct linear *out,
			struct qd_err *err)
{
	struct span *span = NULL;
	int64_t n = 0;
	int rc;

	*out = (struct linear){ 0 };
	rc = real_known(w->dtype, err);
	if (!rc)
		rc = count_points(w, r, &n, err);
	if (rc)
		return rc;
	span = mem_array((size_t)n, sizeof(*span));
	if (!span || !linear_alloc(out, r->rule.type, n)) {
		rc = err_oom(err, "the scales of a weight");
		goto out;
	}
	out->axis = r->axis;
	out->block_size = r->block_size;
	if (r->block_size)
		rc = block_params(w, r, span, out, err);
	else if (r->rule.type == DT_F8E4M3FN)
		rc = fp8_params(w, r, span, out, err);
	else
		rc = integer_params(w, r, span, out, err);
out:
	if (rc)
		linear_release(out);
	free(span);
	return rc;
}
