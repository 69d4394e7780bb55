/* tests/lib/model_builder.h - small ONNX models, built in memory with src/onnx/edit.h and saved.
 *
 * Names are given as comma separated lists ("x,w,b"; an empty name between commas is an absent
 * input), shapes as texts ("1,3,N", "" is a scalar). Failures of the helpers end the test.
 */
#ifndef TESTS_MODEL_BUILDER_H
#define TESTS_MODEL_BUILDER_H

#include <stddef.h>
#include <stdint.h>

#include "onnx/edit.h"

enum { MB_MAX_BODIES = 40 };

struct mb {
	struct onnx_model *m;
	struct onnx_model *bodies[MB_MAX_BODIES];       /* released with the model */
	int n_bodies;
};

void mb_begin(struct mb *b, int opset);         /* 0: no import at all */
void mb_end(struct mb *b);

void mb_input(struct mb *b, const char *name, int dtype, const char *dims);
void mb_output(struct mb *b, const char *name, int dtype, const char *dims);
void mb_untyped_output(struct mb *b, const char *name);

Onnx__NodeProto *mb_node(struct mb *b, const char *op, const char *name, const char *in, const char *out);
void mb_attr_int(struct mb *b, Onnx__NodeProto *n, const char *name, int64_t v);
void mb_attr_float(struct mb *b, Onnx__NodeProto *n, const char *name, float v);
void mb_attr_ints(struct mb *b, Onnx__NodeProto *n, const char *name, const int64_t *v, size_t count);
void mb_attr_floats(struct mb *b, Onnx__NodeProto *n, const char *name, const float *v, size_t count);
void mb_attr_tensor(struct mb *b, Onnx__NodeProto *n, const char *name, Onnx__TensorProto *t);

/* A body: a builder of its own whose graph becomes the attribute; mb_end() of the parent releases it. */
void mb_body_begin(struct mb *body);
void mb_attr_body(struct mb *b, Onnx__NodeProto *n, const char *name, struct mb *body);

/* Tensors with raw data (copied); bytes as the shape and type say. */
Onnx__TensorProto *mb_tensor(struct mb *b, const char *name, int dtype, const char *dims, const void *data);
Onnx__TensorProto *mb_init(struct mb *b, const char *name, int dtype, const char *dims, const void *data);
Onnx__TensorProto *mb_floats(struct mb *b, const char *name, const char *dims, const float *data);
/* An initializer whose data is in another file; offset and length < 0 are left out. */
Onnx__TensorProto *mb_external(struct mb *b, const char *name, int dtype, const char *dims, const char *location,
			       int64_t offset, int64_t length);

/* x -> QuantizeLinear -> DequantizeLinear -> out. Values out_scale, out_zp, out_q; nodes out_Q, out_DQ.
 * dtype is DT_INT8, DT_UINT8, DT_INT16 or DT_UINT16. */
void mb_qdq(struct mb *b, const char *x, const char *out, int dtype, float scale, int zp);
/* Codes -> DequantizeLinear -> out with n scales (axis when n > 1). zp 0. Values out_scale, out_zp. */
void mb_dq(struct mb *b, const char *codes, const char *out, int dtype, const float *scale, int n, int axis);

void mb_save(struct mb *b, const char *path);
/* Encoded; free with free(). */
unsigned char *mb_bytes(struct mb *b, size_t *n);

/* --- the pair of models most tests use ----------------------------------------
 *
 * Float:   x[1,2,4,4] -> Conv c1 (w1[3,2,1,1], b1[3]) -> c1_out -> Relu r1 -> r1_out -> Conv c2 (w2[2,3,1,1]) -> y
 * Quantized (S8S8 QDQ, as the usual quantizer writes it): the Relu is gone, weights are int8 initializers behind a DQ
 * (w1 per-axis with MB_PAIR_PER_AXIS), b1 is int32 behind a DQ, y is quantized too. */
enum {
	MB_PAIR_PER_AXIS = 1,
	MB_PAIR_RENAMED = 2,            /* all inner names of the quantized model mean nothing */
	MB_PAIR_KEEP_RELU = 4,
	MB_PAIR_FLOAT_C2 = 8,           /* c2 is excluded from quantization */
	MB_PAIR_OTHER_OPSET = 16,       /* the quantized model imports another opset version */
};
void mb_pair_float(struct mb *b);
void mb_pair_quant(struct mb *b, int flags);
/* The numbers of the pair. */
extern const float mb_w1[6], mb_b1[3], mb_w2[6];
#define MB_X_SCALE 0.0078125f           /* 1/128 */
#define MB_W_SCALE 0.0078125f
#define MB_C1_SCALE 0.015625f           /* 1/64 */
#define MB_Y_SCALE 0.015625f

#endif
