/* onnx/model.h - an ONNX file in memory: load, save, external data, identity.
 *
 * The decoded message and everything that edits add to it live in one arena, so an edit just
 * points at new memory and onnx_free() releases all. Unknown fields survive a round trip.
 * Thread use: one thread while editing; immutable after that and then shareable.
 */
#ifndef ONNX_MODEL_H
#define ONNX_MODEL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/sha.h"
#include "onnx/onnx.pb-c.h"
#include "tensor/tensor.h"

enum { ONNX_MIN_OPSET = 10 };           /* the quantization guide's minimum */

struct onnx_file { char *location, *path; struct fs_map map; };

struct onnx_model {
	struct arena arena;
	Onnx__ModelProto *proto;
	char *path;                     /* as given; "" for a model made in memory */
	struct fs_stamp stamp;
	char sha256[SHA_HEX];           /* file bytes, then each external file in order of first reference */
	struct onnx_file *ext;          /* mapped external data files */
	size_t n_ext, cap_ext;
};

/* Read, decode, check structure (onnx/check.h) and map external data. *out is NULL on failure. */
QD_NODISCARD int onnx_load(const char *path, struct onnx_model **out, struct qd_err *err);

/* Decode bytes (copied); `name` is for messages; no structural checks, external data is looked up beside `name`. */
QD_NODISCARD int onnx_decode(const void *bytes, size_t n, const char *name, struct onnx_model **out,
			     struct qd_err *err);

/* Deep copy by encoding and decoding; external data stays mapped by the original, which must outlive the copy. */
QD_NODISCARD int onnx_copy(const struct onnx_model *m, struct onnx_model **out, struct qd_err *err);

/* A new top level over the same parts: proto and graph are copies, everything they point at still belongs to m, which
 * must outlive it and not be edited. Call edit_begin() before adding; replace messages, never change them in place. */
QD_NODISCARD int onnx_shell(const struct onnx_model *m, struct onnx_model **out, struct qd_err *err);

void onnx_free(struct onnx_model *m);

/* Encode; *bytes is malloc'd. Fails when the message would reach 2 GB. */
QD_NODISCARD int onnx_encode(const struct onnx_model *m, void **bytes, size_t *n, struct qd_err *err);
QD_NODISCARD int onnx_save(const struct onnx_model *m, const char *path, struct qd_err *err);

/* Version of the default domain ("" or "ai.onnx"); 0 when it is not imported. */
int64_t onnx_opset(const struct onnx_model *m);

/* Value of a metadata property, or NULL. */
const char *onnx_metadata(const struct onnx_model *m, const char *key);

/* The data of a TensorProto of this model, inline or external; view, released with tensor_release(). */
QD_NODISCARD int onnx_tensor(const struct onnx_model *m, const Onnx__TensorProto *t, struct tensor *out,
			     struct qd_err *err);

/* External data reference: mapped bytes, or NULL when the tensor is inline. Bounds were checked at load. */
const unsigned char *onnx_external_bytes(const struct onnx_model *m, const Onnx__TensorProto *t, size_t *n);
static inline int onnx_is_external(const Onnx__TensorProto *t)
{
	return t->has_data_location && t->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* protobuf-c leaves absent strings NULL. */
static inline const char *onnx_str(const char *s) { return s ? s : ""; }

/* "", "ai.onnx" -> "" ; anything else as it is. */
const char *onnx_domain(const char *domain);

#endif
