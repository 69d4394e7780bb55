/* onnx/check.h - structural checks before a model is used.
 *
 * Checks: a graph with nodes and outputs; opset >= 10 in the default domain; every node input is defined before
 * its use (also in bodies, which see outer names); no value is defined twice; initializers have a known type, a
 * sane shape and as many bytes as that needs; nesting below a fixed depth. Messages name file, node and value.
 */
#ifndef ONNX_CHECK_H
#define ONNX_CHECK_H

#include "onnx/model.h"

QD_NODISCARD int onnx_check(const struct onnx_model *m, struct qd_err *err);

/* Call fn for every TensorProto of the model: initializers and tensor attributes, bodies and functions included. */
typedef int onnx_tensor_fn(void *ctx, const Onnx__TensorProto *t, struct qd_err *err);
QD_NODISCARD int onnx_each_tensor(const Onnx__ModelProto *p, onnx_tensor_fn *fn, void *ctx, struct qd_err *err);

#endif
