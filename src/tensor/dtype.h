/* tensor/dtype.h - ONNX element types. Numbers are TensorProto.DataType's (and ONNX Runtime's). */
#ifndef TENSOR_DTYPE_H
#define TENSOR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dtype {
	DT_UNDEFINED = 0, DT_FLOAT = 1, DT_UINT8 = 2, DT_INT8 = 3, DT_UINT16 = 4, DT_INT16 = 5,
	DT_INT32 = 6, DT_INT64 = 7, DT_STRING = 8, DT_BOOL = 9, DT_FLOAT16 = 10, DT_DOUBLE = 11,
	DT_UINT32 = 12, DT_UINT64 = 13, DT_COMPLEX64 = 14, DT_COMPLEX128 = 15, DT_BFLOAT16 = 16,
	DT_F8E4M3FN = 17, DT_F8E4M3FNUZ = 18, DT_F8E5M2 = 19, DT_F8E5M2FNUZ = 20,
	DT_UINT4 = 21, DT_INT4 = 22,
	DT_COUNT
};

struct dtype_info {
	const char *name;       /* "float32", numpy's name where it has one */
	uint8_t bits;           /* per element; 0 for strings and unknown */
	bool is_float;          /* FLOAT, FLOAT16, BFLOAT16, DOUBLE and the fp8 types */
	bool is_quant;          /* a type a quantizer produces: (u)int 4/8/16/32 and fp8 */
	int64_t qmin, qmax;     /* full integer range; 0,0 for floats and 64-bit */
	const char *npy;        /* numpy descr without byte order, e.g. "f4"; NULL if npy cannot hold it */
};

/* Never NULL: unknown numbers give {"unknown"}. */
const struct dtype_info *dtype_info(int dtype);
/* FLOAT, FLOAT16, BFLOAT16, DOUBLE: what qdebug calls a float tensor. */
bool dtype_is_float_tensor(int dtype);
/* Bytes for n packed elements; false on overflow or for strings/unknown. */
bool dtype_bytes(int dtype, int64_t n, size_t *out);
/* From an npy descr like "<f4", "|u1"; DT_UNDEFINED when none. */
int dtype_from_npy(const char *descr);

#endif
