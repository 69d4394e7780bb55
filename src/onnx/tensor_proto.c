/* TensorProto to tensor: which field holds which type, counts checked against the shape; and a
 * reader of the wire format that finds type, shape and data length without decoding. */
#include "onnx/tensor_proto.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

/* --- type and shape ------------------------------------------------------- */

static int check_shape(const char *name, int dtype, size_t rank, const int64_t *dims,
		       struct tensor *out, struct qd_err *err)
{
	char shape[256];

	if (dtype == DT_STRING)
		return err_set(err, QD_EINPUT, "%s: is a tensor of strings, numbers are wanted",
			       name);
	if (dtype_info(dtype)->bits == 0)
		return err_set(err, QD_EINPUT, "%s: has element type %d, which is not known here "
			       "(1 to %d are)", name, dtype, DT_COUNT - 1);
	if (rank > TENSOR_MAX_RANK)
		return err_set(err, QD_EINPUT, "%s: has %zu dimensions, at most %d are possible",
			       name, rank, TENSOR_MAX_RANK);
	if (!tensor_shape(out, dtype, (int)rank, dims)) {
		tensor_shape_text((int)rank, dims, shape, sizeof(shape));
		return err_set(err, QD_EINPUT, "%s: has the impossible shape %s", name, shape);
	}
	return 0;
}

static int wrong_bytes(const char *name, const struct tensor *t, size_t seen, struct qd_err *err)
{
	char shape[256];

	return err_set(err, QD_EINPUT, "%s: holds %zu bytes of raw data, %s %s takes %zu", name,
		       seen, dtype_info(t->dtype)->name,
		       tensor_shape_text(t->rank, t->dims, shape, sizeof(shape)),
		       t->bytes);
}

static int external_refused(const char *name, struct qd_err *err)
{
	return err_set(err, QD_EINPUT,
		       "%s: keeps its data in another file; data inside the tensor is wanted here "
		       "(save it without external data)", name);
}

/* --- decoded messages ----------------------------------------------------- */

/* The typed field that holds a type: how many values there are, how wide each is in memory. */
struct field {
	const void *p;
	size_t n;               /* values present */
	size_t width;           /* bytes of one */
	size_t want;            /* values the shape asks for */
	const char *name;
};

static struct field field_of(const Onnx__TensorProto *tp, const struct tensor *t)
{
	size_t n = (size_t)t->n;

	switch (t->dtype) {
	case DT_FLOAT:
		return (struct field){ tp->float_data, tp->n_float_data, 4, n, "float_data" };
	case DT_COMPLEX64:
		return (struct field){ tp->float_data, tp->n_float_data, 4, t->bytes / 4,
				       "float_data" };
	case DT_DOUBLE:
		return (struct field){ tp->double_data, tp->n_double_data, 8, n, "double_data" };
	case DT_COMPLEX128:
		return (struct field){ tp->double_data, tp->n_double_data, 8, t->bytes / 8,
				       "double_data" };
	case DT_INT64:
		return (struct field){ tp->int64_data, tp->n_int64_data, 8, n, "int64_data" };
	case DT_UINT64: case DT_UINT32:
		return (struct field){ tp->uint64_data, tp->n_uint64_data, 8, n, "uint64_data" };
	case DT_INT4: case DT_UINT4:    /* a value is a byte, which is two elements */
		return (struct field){ tp->int32_data, tp->n_int32_data, 4, t->bytes,
				       "int32_data" };
	default:
		return (struct field){ tp->int32_data, tp->n_int32_data, 4, n, "int32_data" };
	}
}

/* Values that are wider than their elements: keep the low bytes (little-endian). */
static int narrow(const struct field *f, const char *name, struct tensor *t, struct qd_err *err)
{
	size_t keep = f->want ? t->bytes / f->want : 0, i;
	const unsigned char *from = f->p;
	unsigned char *to;

	to = mem_alloc(t->bytes);
	if (!to)
		return err_oom(err, name);
	for (i = 0; i < f->want; i++)
		memcpy(to + i * keep, from + i * f->width, keep);
	t->data = t->owner = to;
	return 0;
}

static int copy_of(const void *p, const char *name, struct tensor *t, struct qd_err *err)
{
	void *to = mem_alloc(t->bytes);

	if (!to)
		return err_oom(err, name);
	if (t->bytes)
		memcpy(to, p, t->bytes);
	t->data = t->owner = to;
	return 0;
}

static int from_field(const Onnx__TensorProto *tp, const char *name, struct tensor *t,
		      struct qd_err *err)
{
	struct field f = field_of(tp, t);
	char shape[256];

	if (f.n != f.want)
		return err_set(err, QD_EINPUT, "%s: holds %zu values in %s, %s %s takes %zu", name,
			       f.n, f.name, dtype_info(t->dtype)->name,
			       tensor_shape_text(t->rank, t->dims, shape, sizeof(shape)), f.want);
	if (f.want * f.width != t->bytes)
		return narrow(&f, name, t, err);
	t->data = f.p;
	return 0;
}

/* Bytes an element's address must be a multiple of. */
static size_t alignment(int dtype)
{
	size_t bytes = dtype_info(dtype)->bits / 8;

	return bytes > 8 ? 8 : bytes > 1 ? bytes : 1;
}

int onnx_tensor_view(const Onnx__TensorProto *tp, const char *name, struct tensor *out,
		     struct qd_err *err)
{
	static const uint64_t nothing;
	struct tensor t;
	int rc;

	*out = (struct tensor){ 0 };
	if (!name)
		name = tp->name && tp->name[0] ? tp->name : "a tensor without a name";
	rc = check_shape(name, tp->has_data_type ? tp->data_type : DT_UNDEFINED, tp->n_dims,
			 tp->dims, &t, err);
	if (rc)
		return rc;
	if (tp->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
		return external_refused(name, err);
	if (tp->segment)
		return err_set(err, QD_EINPUT, "%s: is one segment of a larger tensor, whole "
			       "tensors are wanted", name);
	if (!tp->has_raw_data || (tp->raw_data.len == 0 && t.bytes > 0)) {
		/* some writers leave an empty raw_data beside the field they use */
		rc = from_field(tp, name, &t, err);
	} else if (tp->raw_data.len != t.bytes) {
		rc = wrong_bytes(name, &t, tp->raw_data.len, err);
	} else if ((uintptr_t)tp->raw_data.data % alignment(t.dtype)) {
		rc = copy_of(tp->raw_data.data, name, &t, err);
	} else {
		t.data = tp->raw_data.data;
	}
	if (rc)
		return rc;
	if (!t.data)
		t.data = &nothing;
	*out = t;
	return 0;
}

/* --- serialized messages -------------------------------------------------- */

/* Field numbers of TensorProto in onnx.proto, and protobuf's wire types. */
enum { F_DIMS = 1, F_DATA_TYPE = 2, F_RAW_DATA = 9, F_DATA_LOCATION = 14 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct wire { const unsigned char *p, *end; };

static bool varint(struct wire *w, uint64_t *v)
{
	int shift;

	*v = 0;
	for (shift = 0; shift < 64 && w->p < w->end; shift += 7) {
		unsigned char c = *w->p++;

		*v |= (uint64_t)(c & 0x7F) << shift;
		if (!(c & 0x80))
			return true;
	}
	return false;
}

/* The next field's number, type, and value: the number itself, or for bytes where they are. */
static bool next_field(struct wire *w, int *field, int *type, uint64_t *v, struct wire *bytes)
{
	uint64_t tag, skip;

	*v = 0;
	if (!varint(w, &tag) || tag >> 3 == 0 || tag >> 3 > 536870911)
		return false;
	*field = (int)(tag >> 3);
	*type = (int)(tag & 7);
	switch (*type) {
	case WIRE_VARINT:
		return varint(w, v);
	case WIRE_64:
	case WIRE_32:
		skip = *type == WIRE_64 ? 8 : 4;
		break;
	case WIRE_BYTES:
		if (!varint(w, &skip))
			return false;
		break;
	default:
		return false;
	}
	if (skip > (uint64_t)(w->end - w->p))
		return false;
	*bytes = (struct wire){ w->p, w->p + skip };
	w->p += skip;
	return true;
}

struct peek {
	int64_t dims[TENSOR_MAX_RANK];
	size_t rank;            /* may be more than dims hold */
	int dtype;
	bool external, has_raw;
	size_t raw;
};

static void add_dim(struct peek *k, uint64_t v)
{
	if (k->rank < TENSOR_MAX_RANK)
		k->dims[k->rank] = (int64_t)v;
	k->rank++;
}

static bool take_field(struct peek *k, int field, int type, uint64_t v, struct wire bytes)
{
	if (field == F_DIMS && type == WIRE_VARINT) {
		add_dim(k, v);
	} else if (field == F_DIMS && type == WIRE_BYTES) {
		while (bytes.p < bytes.end) {
			if (!varint(&bytes, &v))
				return false;
			add_dim(k, v);
		}
	} else if (field == F_DATA_TYPE && type == WIRE_VARINT) {
		k->dtype = (int32_t)v;
	} else if (field == F_DATA_LOCATION && type == WIRE_VARINT) {
		k->external = v == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	} else if (field == F_RAW_DATA && type == WIRE_BYTES) {
		k->has_raw = true;
		k->raw = (size_t)(bytes.end - bytes.p);
	}
	return true;
}

int onnx_tensor_peek(const void *p, size_t n, const char *name, struct tensor *out,
		     struct qd_err *err)
{
	struct wire w = { p, (const unsigned char *)p + n }, bytes = { NULL, NULL };
	struct peek k = { { 0 }, 0, DT_UNDEFINED, false, false, 0 };
	int field, type, rc;
	uint64_t v;

	*out = (struct tensor){ 0 };
	if (n == 0)
		return err_set(err, QD_EINPUT, "%s: is empty, a serialized ONNX tensor is wanted",
			       name);
	while (w.p < w.end) {
		if (!next_field(&w, &field, &type, &v, &bytes) ||
		    !take_field(&k, field, type, v, bytes))
			return err_set(err, QD_EINPUT, "%s: is no ONNX tensor, or cut short (at "
				       "byte %zu of %zu)", name,
				       (size_t)(w.p - (const unsigned char *)p), n);
	}
	rc = check_shape(name, k.dtype, k.rank, k.dims, out, err);
	if (!rc && k.external)
		rc = external_refused(name, err);
	if (!rc && k.has_raw && k.raw && k.raw != out->bytes)
		rc = wrong_bytes(name, out, k.raw, err);
	if (rc)
		*out = (struct tensor){ 0 };
	return rc;
}

/* protobuf-c cannot say why it failed: the allocator remembers. */
static void *pb_alloc(void *oom, size_t n)
{
	void *p = mem_alloc(n);

	if (!p)
		*(bool *)oom = true;
	return p;
}

static void pb_free(void *oom, void *p)
{
	(void)oom;
	free(p);
}

/* Make a view of tp its own: take the buffer out of the message when it is all there is. */
static int own(Onnx__TensorProto *tp, const char *name, struct tensor *t, struct qd_err *err)
{
	if (t->owner)
		return 0;
	if (tp->has_raw_data && t->bytes && t->data == tp->raw_data.data) {
		t->owner = tp->raw_data.data;
		tp->raw_data = (ProtobufCBinaryData){ 0, NULL };
		return 0;
	}
	return copy_of(t->data, name, t, err);
}

int onnx_tensor_decode(const void *p, size_t n, const char *name, struct tensor *out,
		       struct qd_err *err)
{
	bool oom = false;
	ProtobufCAllocator memory = { pb_alloc, pb_free, &oom };
	Onnx__TensorProto *tp;
	struct tensor t;
	int rc;

	*out = (struct tensor){ 0 };
	tp = onnx__tensor_proto__unpack(&memory, n, p);
	if (!tp && oom)
		return err_oom(err, name);
	if (!tp)
		return err_set(err, QD_EINPUT, "%s: is no ONNX tensor, or cut short (%zu bytes)",
			       name, n);
	rc = onnx_tensor_view(tp, name, &t, err);
	if (!rc)
		rc = own(tp, name, &t, err);
	if (!rc)
		*out = t;
	onnx__tensor_proto__free_unpacked(tp, &memory);
	return rc;
}
