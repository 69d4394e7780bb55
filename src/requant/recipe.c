/* A recipe's keys, defaults, names and the checks that need no model. */
#include "requant/recipe.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "requant/recipe_int.h"

#define AT(field) offsetof(struct recipe, field)

const struct recipe_key recipe_args[] = {
	{ "quant_format",               KIND_FORMAT,    AT(quant_format) },
	{ "op_types_to_quantize",       KIND_NAMES,     AT(op_types_to_quantize) },
	{ "per_channel",                KIND_BOOL,      AT(per_channel) },
	{ "reduce_range",               KIND_BOOL,      AT(reduce_range) },
	{ "activation_type",            KIND_TYPE,      AT(activation_type) },
	{ "weight_type",                KIND_TYPE,      AT(weight_type) },
	{ "nodes_to_quantize",          KIND_NAMES,     AT(nodes_to_quantize) },
	{ "nodes_to_exclude",           KIND_NAMES,     AT(nodes_to_exclude) },
	{ "use_external_data_format",   KIND_BOOL,      AT(use_external_data_format) },
	{ "calibrate_method",           KIND_METHOD,    AT(calibrate_method) },
	{ "strict_reference",           KIND_BOOL,      AT(strict_reference), true },
};
const int recipe_n_args = sizeof(recipe_args) / sizeof(recipe_args[0]);

const struct recipe_key recipe_extras[] = {
	{ "ActivationSymmetric",                KIND_BOOL,      AT(activation_symmetric) },
	{ "ActivationRestrictedAsymmetric",     KIND_BOOL,      AT(activation_restricted_asymmetric) },
	{ "WeightSymmetric",                    KIND_MAYBE,     AT(weight_symmetric) },
	{ "MinimumRealRange",                   KIND_NUMBER,    AT(minimum_real_range) },
	{ "ForceQuantizeNoInputCheck",          KIND_BOOL,      AT(force_quantize_no_input_check) },
	{ "AddQDQPairToWeight",                 KIND_BOOL,      AT(add_qdq_pair_to_weight) },
	{ "QuantizeBias",                       KIND_BOOL,      AT(quantize_bias) },
	{ "OpTypesToExcludeOutputQuantization", KIND_NAMES,     AT(op_types_to_exclude_output_quantization) },
	{ "DedicatedQDQPair",                   KIND_BOOL,      AT(dedicated_qdq_pair) },
	{ "QDQOpTypePerChannelSupportToAxis",   KIND_AXES,      AT(per_channel_axes) },
	{ "UseQDQContribOps",                   KIND_BOOL,      AT(use_qdq_contrib_ops) },
	{ "QDQKeepRemovableActivations",        KIND_BOOL,      AT(qdq_keep_removable_activations) },
	{ "QDQDisableWeightAdjustForInt32Bias", KIND_BOOL,      AT(qdq_disable_weight_adjust_for_int32_bias) },
	{ "TensorQuantOverrides",               KIND_OVERRIDES, AT(overrides) },
	{ "BlockSize",                          KIND_COUNT,     AT(block_size) },
	{ "EnableSubgraph",                     KIND_BOOL,      AT(enable_subgraph) },
	{ "MatMulConstBOnly",                   KIND_BOOL,      AT(matmul_const_b_only) },
	{ "extra.Sigmoid.nnapi",                KIND_BOOL,      AT(sigmoid_nnapi) },
	{ "CalibTensorRangeSymmetric",          KIND_BOOL,      AT(calib_tensor_range_symmetric) },
	{ "CalibMovingAverage",                 KIND_BOOL,      AT(calib_moving_average) },
	{ "CalibMovingAverageConstant",         KIND_NUMBER,    AT(calib_moving_average_constant) },
	{ "CalibMaxIntermediateOutputs",        KIND_COUNT,     AT(calib_max_intermediate_outputs) },
	{ "CalibPercentile",                    KIND_NUMBER,    AT(calib_percentile) },
	{ "CalibStridedMinMax",                 KIND_COUNT,     AT(calib_strided_min_max) },
	{ "CalibNumBins",                       KIND_COUNT,     AT(calib_num_bins), true },
	{ "CalibNumQuantizedBins",              KIND_COUNT,     AT(calib_num_quantized_bins), true },
	{ "SmoothQuant",                        KIND_REFUSED },
	{ "SmoothQuantAlpha",                   KIND_UNUSED },
	{ "SmoothQuantFolding",                 KIND_UNUSED },
	{ "DefaultTensorType",                  KIND_UNUSED },
};
const int recipe_n_extras = sizeof(recipe_extras) / sizeof(recipe_extras[0]);

const struct recipe_word recipe_types[] = {
	{ "QInt8", DT_INT8 }, { "QUInt8", DT_UINT8 }, { "QFLOAT8E4M3FN", DT_F8E4M3FN }, { "QInt16", DT_INT16 },
	{ "QUInt16", DT_UINT16 }, { "QInt4", DT_INT4 }, { "QUInt4", DT_UINT4 }, { NULL, 0 },
};

const struct recipe_word recipe_formats[] = {
	{ "QDQ", RECIPE_QDQ }, { "QOperator", RECIPE_QOPERATOR }, { NULL, 0 },
};

void recipe_init(struct recipe *r)
{
	memset(r, 0, sizeof(*r));
	r->activation_type = r->weight_type = DT_INT8;
	r->calibrate_method = QUANT_MINMAX;
	r->weight_symmetric = RECIPE_UNSET;
	r->minimum_real_range = NAN;
	r->quantize_bias = true;
	r->calib_moving_average_constant = 0.01;
	r->calib_percentile = 99.999;
}

void recipe_release(struct recipe *r)
{
	arena_release(&r->arena);
	memset(r, 0, sizeof(*r));
}

bool recipe_add_name(struct recipe *r, struct recipe_names *list, const char *name)
{
	const char *own = arena_strdup(&r->arena, name), **grown;

	if (!own)
		return false;
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 8;

		grown = arena_alloc(&r->arena, cap * sizeof(*grown));
		if (!grown)
			return false;
		if (list->n)
			memcpy(grown, list->v, list->n * sizeof(*grown));
		list->v = grown;
		list->cap = cap;
	}
	list->v[list->n++] = own;
	return true;
}

bool recipe_has_name(const struct recipe_names *list, const char *name)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (!strcmp(list->v[i], name))
			return true;
	}
	return false;
}

const char *recipe_type_name(int dtype)
{
	int i;

	for (i = 0; recipe_types[i].name; i++) {
		if (recipe_types[i].value == dtype)
			return recipe_types[i].name;
	}
	return NULL;
}

static bool is_empty(const struct recipe_override *o)
{
	return !o->quant_type && isnan(o->scale) && isnan(o->rmin) && isnan(o->rmax) && !o->has_zero_point &&
	       !o->has_axis && o->symmetric == RECIPE_UNSET && o->reduce_range == RECIPE_UNSET && !o->convert;
}

const struct recipe_tensor *recipe_overrides(const struct recipe *r, const char *tensor)
{
	size_t i;

	for (i = 0; i < r->n_overrides; i++) {
		const struct recipe_tensor *t = &r->overrides[i];

		if (!strcmp(t->name, tensor))
			return t->n && !(t->n == 1 && is_empty(&t->v[0])) ? t : NULL;
	}
	return NULL;
}

int recipe_check(const struct recipe *r, struct qd_err *err)
{
	const char *a = recipe_type_name(r->activation_type), *w = recipe_type_name(r->weight_type);
	bool fp8 = r->activation_type == DT_F8E4M3FN, wide;

	if (!a || !w)
		return err_set(err, QD_EUSAGE, "activation_type or weight_type is no quantized type");
	if (r->activation_type == DT_INT8 && r->weight_type == DT_UINT8)
		return err_set(err, QD_EUSAGE, "activation_type QInt8 with weight_type QUInt8 (S8U8) has no kernels in ONNX "
			       "Runtime; use QInt8/QInt8, QUInt8/QInt8 or QUInt8/QUInt8");
	if (fp8 != (r->weight_type == DT_F8E4M3FN))
		return err_set(err, QD_EUSAGE, "activation_type %s with weight_type %s: QFLOAT8E4M3FN is for both or none", a,
			       w);
	if (fp8 && r->calibrate_method != QUANT_DISTRIBUTION)
		return err_set(err, QD_EUSAGE, "QFLOAT8E4M3FN needs calibrate_method Distribution, not %s",
			       quant_method_name(r->calibrate_method));
	wide = r->activation_type == DT_INT16 || r->activation_type == DT_UINT16 || r->weight_type == DT_INT16 ||
	       r->weight_type == DT_UINT16;
	if (wide && r->quant_format == RECIPE_QOPERATOR)
		return err_set(err, QD_EUSAGE, "%s/%s: 16-bit types need quant_format QDQ", a, w);
	return 0;
}
