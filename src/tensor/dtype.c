/* The table of element types. */
#include "tensor/dtype.h"

#include <string.h>

static const struct dtype_info table[DT_COUNT] = {
	[DT_UNDEFINED]   = { "unknown", 0, false, false, 0, 0, NULL },
	[DT_FLOAT]       = { "float32", 32, true, false, 0, 0, "f4" },
	[DT_UINT8]       = { "uint8", 8, false, true, 0, 255, "u1" },
	[DT_INT8]        = { "int8", 8, false, true, -128, 127, "i1" },
	[DT_UINT16]      = { "uint16", 16, false, true, 0, 65535, "u2" },
	[DT_INT16]       = { "int16", 16, false, true, -32768, 32767, "i2" },
	[DT_INT32]       = { "int32", 32, false, true, INT32_MIN, INT32_MAX, "i4" },
	[DT_INT64]       = { "int64", 64, false, false, 0, 0, "i8" },
	[DT_STRING]      = { "string", 0, false, false, 0, 0, NULL },
	[DT_BOOL]        = { "bool", 8, false, false, 0, 0, "b1" },
	[DT_FLOAT16]     = { "float16", 16, true, false, 0, 0, "f2" },
	[DT_DOUBLE]      = { "float64", 64, true, false, 0, 0, "f8" },
	[DT_UINT32]      = { "uint32", 32, false, false, 0, 0, "u4" },
	[DT_UINT64]      = { "uint64", 64, false, false, 0, 0, "u8" },
	[DT_COMPLEX64]   = { "complex64", 64, false, false, 0, 0, "c8" },
	[DT_COMPLEX128]  = { "complex128", 128, false, false, 0, 0, "c16" },
	[DT_BFLOAT16]    = { "bfloat16", 16, true, false, 0, 0, NULL },
	[DT_F8E4M3FN]    = { "float8e4m3fn", 8, true, true, 0, 0, NULL },
	[DT_F8E4M3FNUZ]  = { "float8e4m3fnuz", 8, true, true, 0, 0, NULL },
	[DT_F8E5M2]      = { "float8e5m2", 8, true, true, 0, 0, NULL },
	[DT_F8E5M2FNUZ]  = { "float8e5m2fnuz", 8, true, true, 0, 0, NULL },
	[DT_UINT4]       = { "uint4", 4, false, true, 0, 15, NULL },
	[DT_INT4]        = { "int4", 4, false, true, -8, 7, NULL },
};

const struct dtype_info *dtype_info(int dtype)
{
	return &table[dtype > 0 && dtype < DT_COUNT ? dtype : DT_UNDEFINED];
}

bool dtype_is_float_tensor(int dtype)
{
	return dtype == DT_FLOAT || dtype == DT_FLOAT16 || dtype == DT_BFLOAT16 || dtype == DT_DOUBLE;
}

bool dtype_bytes(int dtype, int64_t n, size_t *out)
{
	size_t bits = dtype_info(dtype)->bits, total;

	if (n < 0 || !bits || __builtin_mul_overflow((size_t)n, bits, &total) || total > SIZE_MAX - 7)
		return false;
	*out = (total + 7) / 8;
	return true;
}

int dtype_from_npy(const char *descr)
{
	int t;

	if (descr[0] && strchr("<>|=", descr[0]))
		descr++;
	for (t = 1; t < DT_COUNT; t++) {
		if (table[t].npy && !strcmp(table[t].npy, descr))
			return t;
	}
	return DT_UNDEFINED;
}
