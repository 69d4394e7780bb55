/* requant/recipe.h - everything a quantization can be told, and its text forms.
 *
 * The fields are quantize_static()'s arguments and extra_options under their own names; a fresh recipe has its
 * defaults. Knows nothing about models: names of nodes and tensors are checked by plan.h.
 * A recipe owns what it points at; one thread at a time.
 */
#ifndef REQUANT_RECIPE_H
#define REQUANT_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "quant/ranges.h"
#include "tensor/dtype.h"

enum recipe_format { RECIPE_QDQ, RECIPE_QOPERATOR };

/* A list of names; the texts belong to the recipe. */
struct recipe_names {
	const char **v;
	size_t n, cap;
};

/* QDQOpTypePerChannelSupportToAxis: one entry. */
struct recipe_axis {
	const char *op;
	int64_t axis;
};

/* What is not said (the reference's None). */
enum recipe_maybe { RECIPE_UNSET = -1, RECIPE_FALSE, RECIPE_TRUE };

/* One dictionary of TensorQuantOverrides: the tensor, or one channel. NaN: not given. */
struct recipe_override {
	int quant_type;                 /* enum dtype; DT_UNDEFINED: not given */
	double scale, rmin, rmax;
	bool has_zero_point, has_axis, has_recv_nodes;
	int64_t zero_point, axis;
	enum recipe_maybe symmetric, reduce_range;
	struct recipe_override *convert;        /* activations only; NULL */
	struct recipe_names recv_nodes;         /* in a convert: consumers of the second type; without it all */
};

struct recipe_tensor {
	const char *name;
	struct recipe_override *v;
	size_t n;
};

struct recipe {
	struct arena arena;

	enum recipe_format quant_format;
	int activation_type, weight_type;       /* enum dtype */
	bool per_channel, reduce_range, use_external_data_format;
	enum quant_method calibrate_method;
	struct recipe_names op_types_to_quantize;       /* empty: the registry's default set */
	struct recipe_names nodes_to_quantize;          /* empty: all */
	struct recipe_names nodes_to_exclude;

	/* extra_options; see reference.md 4.6 */
	bool activation_symmetric, activation_restricted_asymmetric;
	enum recipe_maybe weight_symmetric;
	double minimum_real_range;              /* NaN: None */
	bool force_quantize_no_input_check, add_qdq_pair_to_weight, quantize_bias, dedicated_qdq_pair;
	bool use_qdq_contrib_ops, qdq_keep_removable_activations, qdq_disable_weight_adjust_for_int32_bias;
	struct recipe_names op_types_to_exclude_output_quantization;
	struct recipe_axis *per_channel_axes;
	size_t n_per_channel_axes;
	struct recipe_tensor *overrides;
	size_t n_overrides;
	int64_t block_size;
	bool enable_subgraph, matmul_const_b_only, sigmoid_nnapi;       /* other formats; the QDQ format has no use for them */
	bool calib_tensor_range_symmetric, calib_moving_average;
	double calib_moving_average_constant;
	double calib_percentile;
	int64_t calib_strided_min_max;                  /* 0: off */
	int64_t calib_max_intermediate_outputs;         /* 0: None */
	int64_t calib_num_bins, calib_num_quantized_bins;       /* ours; 0: the method's own */

	bool strict_reference;          /* ours: the reference's choice wherever that is a valid model */
};

/* quantize_static()'s defaults: QDQ, int8 and int8, per tensor, MinMax. */
void recipe_init(struct recipe *r);
void recipe_release(struct recipe *r);

/* Append a copy of a name. */
bool recipe_add_name(struct recipe *r, struct recipe_names *list, const char *name);
bool recipe_has_name(const struct recipe_names *list, const char *name);

/* Set from JSON: the arguments' names as keys, enumerations by name in any case ("QInt8", "int8"). Keys that are
 * absent stay as they are. `name` begins the messages. QD_EINPUT for text that is no JSON, an unknown key or value
 * (naming the nearest), and a value of the wrong kind. After an error the recipe is only good for releasing. */
QD_NODISCARD int recipe_parse(struct recipe *r, const char *text, size_t n, const char *name, struct qd_err *err);
QD_NODISCARD int recipe_load(struct recipe *r, const char *path, struct qd_err *err);

/* Settings that fit to no model: S8U8, fp8 on one side or without Distribution, 16 bits with QOperator. QD_EUSAGE. */
QD_NODISCARD int recipe_check(const struct recipe *r, struct qd_err *err);

/* The inverse of recipe_parse: all arguments, and the extra options that differ from the default. */
void recipe_write_json(const struct recipe *r, struct str *out);

/* A Python program that makes the same model with the reference: reads .npy/.npz files of `data`, or only the
 * calibration cache `cache` when that is given (both may be NULL). What the
 * reference cannot be told (our calibrators) is said in a comment. */
void recipe_write_python(const struct recipe *r, const char *model, const char *output, const char *data,
			 const char *cache, struct str *out);

/* "QInt8" for DT_INT8; NULL for types that are none. */
const char *recipe_type_name(int dtype);

/* The overrides of a tensor, NULL when there are none (an empty list, or one empty dictionary, is none). */
const struct recipe_tensor *recipe_overrides(const struct recipe *r, const char *tensor);

#endif
