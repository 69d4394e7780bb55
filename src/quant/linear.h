/* quant/linear.h - linear quantization: q = sat(rne(x / scale) + zp), x' = (q - zp) * scale.
 *
 * ONNX QuantizeLinear / DequantizeLinear: float32 division, halves to even, integers widened before the subtraction.
 * This is the one place for rounding and saturation of whole tensors. Pure; any thread.
 */
#ifndef QUANT_LINEAR_H
#define QUANT_LINEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Parameters. Arrays are owned; linear_release(). n == 0: no quantizer. */
struct linear {
	int dtype;              /* enum dtype of the codes */
	int axis;               /* >= 0 per-axis or blocked; -1 per-tensor */
	int64_t block_size;     /* 0: not blocked */
	int64_t n;              /* scales */
	float *scale;
	int32_t *zp;
	int64_t qmin, qmax;     /* the full range of dtype */
};

bool linear_alloc(struct linear *p, int dtype, int64_t n);
void linear_release(struct linear *p);
bool linear_copy(struct linear *dst, const struct linear *src);
bool linear_equal(const struct linear *a, const struct linear *b);

/* Index of the parameters for flat element i of a tensor of this shape. */
int64_t linear_index(const struct linear *p, const struct tensor *t, int64_t i);

/* Codes to values; out has q->n floats. False when the parameters do not fit the shape. */
bool linear_dequantize(const struct linear *p, const struct tensor *q, float *out);

/* Values to saturated codes and back, in place of a run-time Q/DQ on a constant; x has n floats of shape t. */
bool linear_round_trip(const struct linear *p, const struct tensor *shape, const float *x, float *out);

/* One code before saturation, as a double (may be beyond any integer type). NaN stays NaN. */
double linear_code(float x, float scale, int32_t zp);
/* A code within its limits. NaN stays NaN. */
double linear_saturate(double code, int64_t qmin, int64_t qmax);

#endif
