/* int32 biases: their codes, and the weight scales that keep them in range. NumPy's promotion rules decide where a
 * product is rounded: two float16 stay float16, float16 with float32 is float32, a Python float bends to either. */
#include "quant/params.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "quant/numeric.h"

static const double margin = 1.0001;    /* the reference's epsilon for scales that must hold a bias */

static int wider(int a, int b)
{
	return a == DT_FLOAT || b == DT_FLOAT ? DT_FLOAT : DT_FLOAT16;
}

/* input_scale * weight_scale * beta in the type `real` */
static double product(const struct quant_bias_in *in, double beta, int64_t i, int real)
{
	double s = np_round_to(real, (double)in->input_scale * in->weight_scale[in->n == 1 ? 0 : i]);

	return np_round_to(real, s * np_round_to(real, beta));
}

static int load_bias(const struct tensor *bias, double **out, struct qd_err *err)
{
	double *b;
	int rc = 0;

	*out = NULL;
	if (bias->dtype != DT_FLOAT && bias->dtype != DT_FLOAT16)
		return err_set(err, QD_EUSAGE, "a bias of type %s is not quantized", dtype_info(bias->dtype)->name);
	b = mem_array((size_t)bias->n, sizeof(*b));
	if (!b || !tensor_to_double(bias, 0, bias->n, b))
		rc = err_oom(err, "a bias");
	for (int64_t i = 0; !rc && i < bias->n; i++) {
		if (!isfinite(b[i]))
			rc = err_set(err, QD_EINPUT, "value %lld of the bias is %g, which has no code: exclude the node "
				     "that uses it, or repair the model", (long long)i, b[i]);
	}
	if (rc)
		free(b);
	else
		*out = b;
	return rc;
}

/* Would a float16 scale be 0, or its codes outside int32? */
static bool f16_scale_fails(const struct quant_bias_in *in, const double *b, int64_t n_bias)
{
	int real = wider(in->input_real, in->weight_real);

	for (int64_t i = 0; i < in->n || i < n_bias; i++) {
		double s = np_round_to(DT_FLOAT16, product(in, in->beta, i, real));

		if (s == 0 || (i < n_bias && fabs(b[i]) > INT32_MAX * s))
			return true;
	}
	return false;
}

/* The smallest float32 scale that holds the bias. */
static double holding(double scale, double magnitude)
{
	double s = (float)fmax(scale, magnitude / INT32_MAX * margin);

	return s == 0 ? 1 : s;
}

static double largest(const double *b, int64_t n)
{
	double m = 0;

	for (int64_t i = 0; i < n; i++)
		m = fmax(m, fabs(b[i]));
	return m;
}

/* Scales as the division sees them, before they are stored in their type. */
static void fill_scales(const struct quant_bias_in *in, const double *b, bool widened, double beta, double *scale)
{
	int real = widened ? DT_FLOAT : wider(in->input_real, in->weight_real);

	for (int64_t i = 0; i < in->n; i++) {
		scale[i] = product(in, beta, i, real);
		if (widened)
			scale[i] = holding(scale[i], in->n == 1 ? largest(b, in->bias->n) : fabs(b[i]));
	}
}

/* 0 / 0, a bias of 0 with a scale that vanished, is the smallest code, as x86 converts NaN. */
static void fill_codes(const double *b, const double *scale, int64_t n, int32_t *code, int64_t n_bias, int64_t *clipped)
{
	for (int64_t i = 0; i < n_bias; i++) {
		double q = rint(b[i] / scale[n == 1 ? 0 : i]), s = linear_saturate(q, INT32_MIN, INT32_MAX);

		*clipped += q != s && !isnan(q);
		code[i] = isnan(s) ? INT32_MIN : (int32_t)s;
	}
}

int quant_bias_codes(const struct quant_bias_in *in, struct quant_bias *out, struct qd_err *err)
{
	double *b = NULL, *scale = NULL, beta = in->beta;
	int rc;

	*out = (struct quant_bias){ .n = in->n };
	if (in->n < 1 || (in->n > 1 && in->bias->n != in->n))
		return err_set(err, QD_EINPUT, "a bias of %lld elements does not fit %lld weight scales",
			       (long long)in->bias->n, (long long)in->n);
	rc = load_bias(in->bias, &b, err);
	if (rc)
		return rc;
	scale = mem_array((size_t)in->n, sizeof(*scale));
	out->scale = mem_array((size_t)in->n, sizeof(*out->scale));
	if (!scale || !out->scale || !tensor_alloc(&out->codes, DT_INT32, in->bias->rank, in->bias->dims)) {
		rc = err_oom(err, "the codes of a bias");
		goto out;
	}
	out->widened = in->dedicated_f32 && in->bias->dtype == DT_FLOAT16 && f16_scale_fails(in, b, in->bias->n);
	out->real = out->widened ? DT_FLOAT : in->bias->dtype;
	if (beta == 0) {
		for (int64_t i = 0; i < in->bias->n; i++)
			b[i] = 0;
		beta = 1;
	}
	fill_scales(in, b, out->widened, beta, scale);
	fill_codes(b, scale, in->n, out->codes.owner, in->bias->n, &out->clipped);
	for (int64_t i = 0; i < in->n; i++)
		out->scale[i] = (float)np_round_to(out->real, scale[i]);
out:
	free(scale);
	free(b);
	if (rc)
		quant_bias_release(out);
	return rc;
}

void quant_bias_release(struct quant_bias *b)
{
	tensor_release(&b->codes);
	free(b->scale);
	*b = (struct quant_bias){ 0 };
}

/* Enlarge one scale so that scale * input_scale >= need; returns by how much, 1 for not at all. A float16 scale is
 * rounded up: rounding must not undo it. */
static double enlarge(float *scale, double input_scale, double need, int real)
{
	double candidate = input_scale * *scale, ratio, wanted, rounded;

	if (!(candidate < need && candidate > 0))
		return 1;
	ratio = need / candidate;
	wanted = *scale * ratio;
	rounded = np_round_to(real, wanted);
	if (real == DT_FLOAT16 && rounded < wanted)
		rounded = tensor_f16_to_f32((uint16_t)(tensor_f32_to_f16((float)rounded) + 1));
	*scale = (float)rounded;
	return ratio;
}

/* 1.0001 * (2.0 * magnitude) / 4294967294; per channel the products are in the bias's type. */
static double needed(double magnitude, int real)
{
	double twice = np_round_to(real, 2.0 * magnitude);

	return np_round_to(real, np_round_to(real, margin) * twice) / 4294967294.0;
}

int quant_adjust_for_bias(const struct tensor *bias, float input_scale, int weight_real, bool per_channel,
			  struct linear *w, int64_t *changed, double *ratio, struct qd_err *err)
{
	double *b = NULL, by, worst = 1;
	int64_t n = 0;
	int rc;

	if (per_channel && !w->block_size && (bias->rank != 1 || bias->n < w->n))
		return err_set(err, QD_EINPUT, "a bias of rank %d with %lld elements does not fit %lld weight scales",
			       bias->rank, (long long)bias->n, (long long)w->n);
	rc = load_bias(bias, &b, err);
	if (rc)
		return rc;
	for (int64_t i = 0; !w->block_size && i < (per_channel ? w->n : 1); i++) {
		double need = per_channel ? needed(fabs(b[i]), bias->dtype)
					  : needed(largest(b, bias->n), DT_DOUBLE);

		by = enlarge(&w->scale[i], input_scale, need, weight_real);
		n += by != 1;
		worst = fmax(worst, by);
	}
	free(b);
	if (changed)
		*changed = n;
	if (ratio)
		*ratio = worst;
	return 0;
}
