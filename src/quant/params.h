/* quant/params.h - scales, zero points and codes, as the reference quantizer computes them.
 *
 * Everything here is pure arithmetic on numbers and arrays and equals the Python package bit for bit (reference.md 3
 * and 6.6; where version 1.32.0 differs from 1.31.1, 1.32.0 counts). Knows nothing about graphs, names or files.
 *
 * "real" is the type the reference computes in, that of the model's tensor: DT_FLOAT or DT_FLOAT16. Scales are
 * floats here; those of a float16 model are representable in it exactly. Quantized types are the six
 * (u)int 4/8/16 and DT_F8E4M3FN. Pure; any thread.
 *
 * Errors: QD_EINPUT for data nothing can be made of (NaN, infinity), QD_EUSAGE for settings that do not fit
 * together, QD_ENOMEM. Messages do not know names: the caller prefixes the tensor's (err_prefix).
 */
#ifndef QUANT_PARAMS_H
#define QUANT_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "quant/linear.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

/* Limits of the codes a scale is computed for; the codes themselves saturate at the full range. */
struct quant_limits {
	int32_t min, max;
};

struct quant_rule {
	int type;               /* quantized type */
	bool symmetric;
	bool reduce_range;      /* 7 of 8 bits; wins over symmetric; refused for fp8 */
	double min_real_range;  /* at least this far apart; 0: no such wish */
};

struct quant_point {
	float scale;
	int32_t zp;
};

/* The table of limits: reduced before symmetric before full. False for fp8 and for types that are not quantized.
 * Note that INT4 has no symmetric entry: symmetric int4 has limits -8 ... 7 and scale 2 m / 15. */
bool quant_type_limits(int type, bool symmetric, bool reduce_range, struct quant_limits *out);

/* compute_scale_zp() with the limits of the rule: range [lo, hi] (values of type `real`; 0 is included here),
 * integer types only. A range too narrow for a scale (below the smallest normal float, or a float16 scale of 0)
 * gives scale 1, zero point 0. QD_EINPUT when an end is not finite. */
QD_NODISCARD int quant_point_for_range(const struct quant_rule *rule, int real, double lo, double hi,
				       struct quant_point *out, struct qd_err *err);

/* snap_zero_point_to_uint8(), the option ActivationRestrictedAsymmetric: zero point qmin or the middle. UINT8 and
 * not symmetric; the scale is a float32 whatever the model's type. Deviation: a scale that underflows to 0 there is that
 * of a range of 1 here. */
QD_NODISCARD int quant_point_snapped(const struct quant_rule *rule, double lo, double hi,
				     struct quant_point *out, struct qd_err *err);

/* compute_scale_zp_float8(): std over the deviation of all e4m3fn values. Deviations: a std of 0 gives scale 1 (there
 * 0, and NaN codes), one that is no number is QD_EINPUT. */
QD_NODISCARD int quant_point_fp8(int real, double std, struct quant_point *out, struct qd_err *err);

/* A range given by the user for one channel (or the whole tensor); NaN: not given. */
struct quant_override {
	double lo, hi;
};

struct quant_weight_rule {
	struct quant_rule rule;
	int axis;                               /* -1: one quantizer; else that of the channels or blocks */
	int64_t block_size;                     /* 0: not blocked. Rank 2 only; ignores reduce_range, min_real_range */
	const struct quant_override *overrides; /* for channels 0 ... n_overrides-1 ([0] alone: per tensor); */
	int64_t n_overrides;                    /* not for blocks and fp8 */
};

/* Scales and zero points for a constant of type float32 or float16: out->n is 1, the size of the axis, or the
 * product of w's shape with the axis replaced by the number of blocks (row-major). Empty data: scale 1, zero point 0.
 * linear_release(out). QD_EINPUT, with the index, when a value is NaN or infinite. */
QD_NODISCARD int quant_weight_params(const struct tensor *w, const struct quant_weight_rule *r, struct linear *out,
				     struct qd_err *err);

/* quantize_onnx_initializer(): the codes, in w's shape and p->dtype, 4-bit ones packed. tensor_release(out). Infinite
 * values saturate. A NaN is QD_EINPUT, with its index. */
QD_NODISCARD int quant_weight_codes(const struct tensor *w, const struct linear *p, struct tensor *out,
				    struct qd_err *err);

/* One e4m3fn code: nearest, ties to even, saturated at 448. NaN is 0x7F. */
uint8_t quant_f8_code(float x);

/* int32 biases: scale = input scale * weight scale * beta, zero point 0 (quantize_bias_static). */
struct quant_bias_in {
	const struct tensor *bias;      /* float32 or float16 */
	float input_scale;
	int input_real;                 /* DT_FLOAT or DT_FLOAT16: type of the initializer that holds it */
	const float *weight_scale;
	int64_t n;                      /* 1, or the size of the bias's last dimension */
	int weight_real;
	double beta;                    /* Gemm; else 1. With 0 the bias is all zeros and beta 1. */
	bool dedicated_f32;             /* QDQ: a float16 bias gets a float32 scale when its own would vanish or clip */
};

struct quant_bias {
	struct tensor codes;            /* DT_INT32, in the bias's shape; owned */
	float *scale;                   /* n; owned. Its initializer is 1-D also for n == 1 */
	int64_t n;
	int real;                       /* type of the scale: the bias's, or DT_FLOAT where dedicated_f32 came to effect */
	bool widened;                   /* the latter: the DequantizeLinear needs a Cast to float16 behind it */
	int64_t clipped;                /* codes outside int32 before they were saturated */
};

QD_NODISCARD int quant_bias_codes(const struct quant_bias_in *in, struct quant_bias *out, struct qd_err *err);
void quant_bias_release(struct quant_bias *b);

/* _adjust_weight_scale_for_int32_bias(): enlarge, in place, the scales of a weight whose bias would overflow int32.
 * Call it only for INT8 and INT16 weights with zero points of 0. per_channel: needs a 1-D bias of at least w->n
 * elements (QD_EINPUT otherwise); blocked weights are left alone. `changed` counts scales, `ratio` is the largest
 * enlargement (1 when none); both may be NULL. */
QD_NODISCARD int quant_adjust_for_bias(const struct tensor *bias, float input_scale, int weight_real, bool per_channel,
				       struct linear *w, int64_t *changed, double *ratio, struct qd_err *err);

#endif
