/* onnx/tensor_proto.h - TensorProto messages as tensors.
 *
 * All numeric types, from raw_data or the typed fields. Data outside the message (external_data)
 * is refused here: it needs the model's folder. `name` is what messages begin with; NULL takes
 * the tensor's own name. Thread use: any thread.
 */
#ifndef ONNX_TENSOR_PROTO_H
#define ONNX_TENSOR_PROTO_H

#include <stddef.h>

#include "base/err.h"
#include "onnx/onnx.pb-c.h"
#include "tensor/tensor.h"

/* The value of a tensor. *out borrows from tp (and must not outlive it) where tp holds the
 * elements as they are in memory and aligned for their type: raw_data, float_data, double_data,
 * and the typed fields of 32 and 64 bits that match. Else it is an owned copy: narrow types are
 * stored widened in int32_data and are cut to their low bits, as the engine does.
 * tensor_release() in either case. out->data is never NULL, also when there are no elements.
 * QD_EINPUT: strings, unknown types, segments, external data, impossible shapes, a byte or value
 * count that is not the shape's. */
QD_NODISCARD int onnx_tensor_view(const Onnx__TensorProto *tp, const char *name, struct tensor *out,
				  struct qd_err *err);

/* Type and shape of a serialized TensorProto without decoding its data: out->data stays NULL.
 * Checks that the message is whole, that its data is inside it and, for raw_data, that it is as
 * long as the shape says. */
QD_NODISCARD int onnx_tensor_peek(const void *p, size_t n, const char *name, struct tensor *out,
				  struct qd_err *err);

/* From a serialized TensorProto, as an owned tensor. */
QD_NODISCARD int onnx_tensor_decode(const void *p, size_t n, const char *name, struct tensor *out,
				    struct qd_err *err);

#endif
