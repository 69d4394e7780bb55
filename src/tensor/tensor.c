/* Shapes with checked products, element conversion. */
#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

bool tensor_shape(struct tensor *t, int dtype, int rank, const int64_t *dims)
{
	int64_t n = 1;
	int i;

	*t = (struct tensor){ 0 };
	if (rank < 0 || rank > TENSOR_MAX_RANK)
		return false;
	for (i = 0; i < rank; i++) {
		if (dims[i] < 0 || __builtin_mul_overflow(n, dims[i], &n))
			return false;
		t->dims[i] = dims[i];
	}
	t->dtype = dtype;
	t->rank = rank;
	t->n = n;
	return dtype_bytes(dtype, n, &t->bytes);
}

bool tensor_alloc(struct tensor *t, int dtype, int rank, const int64_t *dims)
{
	if (!tensor_shape(t, dtype, rank, dims))
		return false;
	t->owner = mem_alloc(t->bytes);
	t->data = t->owner;
	return t->owner != NULL;
}

bool tensor_alloc_rows(struct tensor *t, int dtype, int rank, const int64_t *dims, int64_t rows)
{
	int64_t d[TENSOR_MAX_RANK] = { 0 };

	if (rank < 0 || rank > TENSOR_MAX_RANK)
		return false;
	if (rank) {
		memcpy(d, dims, (size_t)rank * sizeof(*d));
		d[0] = rows;
	}
	if (tensor_alloc(t, dtype, rank, d))
		return true;
	*t = (struct tensor){ 0 };
	return false;
}

bool tensor_rows(const struct tensor *t, int64_t first, int64_t rows, struct tensor *out)
{
	size_t row;

	if (!tensor_alloc_rows(out, t->dtype, t->rank, t->dims, rows))
		return false;
	row = t->rank && rows ? out->bytes / (size_t)rows : 0;
	if (out->bytes)
		memcpy(out->owner, (const char *)t->data + row * (size_t)first, out->bytes);
	return true;
}

void tensor_release(struct tensor *t)
{
	free(t->owner);
	*t = (struct tensor){ 0 };
}

float tensor_bf16_to_f32(uint16_t h)
{
	uint32_t u = (uint32_t)h << 16;
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

float tensor_f16_to_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3FF, u;
	float f;

	if (e == 31)
		u = sign | 0x7F800000 | m << 13;
	else if (e)
		u = sign | (e + 112) << 23 | m << 13;
	else
		return (sign ? -1.0f : 1.0f) * ldexpf((float)m, -24);
	memcpy(&f, &u, sizeof(f));
	return f;
}

uint16_t tensor_f32_to_bf16(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	if (f != f)
		return (uint16_t)(u >> 16 | 0x40);
	return (uint16_t)((u + 0x7FFF + (u >> 16 & 1)) >> 16);
}

/* Halves to even: the difference to the truncated mantissa decides, an overflow carries into the
 * exponent as it should. */
uint16_t tensor_f32_to_f16(float f)
{
	uint32_t u, sign, rest;

	memcpy(&u, &f, sizeof(u));
	sign = u >> 16 & 0x8000;
	u &= 0x7FFFFFFF;
	if (u > 0x7F800000)
		return (uint16_t)(sign | 0x7E00);
	if (u >= 0x477FF000)            /* 65520 and more */
		return (uint16_t)(sign | 0x7C00);
	if (u < 0x38800000) {           /* subnormal: 2^-24 is 1; exact but for the last rounding */
		memcpy(&f, &u, sizeof(f));
		return (uint16_t)(sign | (uint32_t)lrintf(ldexpf(f, 24)));
	}
	u -= 112u << 23;
	rest = u & 0x1FFF;
	u >>= 13;
	return (uint16_t)(sign | (u + (rest > 0x1000 || (rest == 0x1000 && u & 1))));
}

static void narrow(const float *from, int64_t n, int to, uint16_t *out)
{
	for (int64_t i = 0; i < n; i++)
		out[i] = to == DT_FLOAT16 ? tensor_f32_to_f16(from[i]) : tensor_f32_to_bf16(from[i]);
}

bool tensor_cast(const struct tensor *t, int to, struct tensor *out)
{
	struct tensor f = { 0 };
	bool ok;

	if (to != DT_FLOAT && to != DT_DOUBLE && to != DT_FLOAT16 && to != DT_BFLOAT16)
		return false;
	if (!tensor_alloc(out, to, t->rank, t->dims))
		return false;
	if (to == DT_DOUBLE) {
		ok = tensor_to_double(t, 0, t->n, out->owner);
	} else if (to == DT_FLOAT) {
		ok = tensor_to_float(t, 0, t->n, out->owner);
	} else {
		ok = tensor_alloc(&f, DT_FLOAT, t->rank, t->dims) &&
		     tensor_to_float(t, 0, t->n, f.owner);
		if (ok)
			narrow(f.owner, t->n, to, out->owner);
		tensor_release(&f);
	}
	if (!ok)
		tensor_release(out);
	return ok;
}

float tensor_f8_to_f32(int dtype, uint8_t v)
{
	bool e4 = dtype == DT_F8E4M3FN || dtype == DT_F8E4M3FNUZ;
	bool uz = dtype == DT_F8E4M3FNUZ || dtype == DT_F8E5M2FNUZ;
	int mbits = e4 ? 3 : 2, bias = (e4 ? 7 : 15) + uz;
	int e = (v & 0x7F) >> mbits, m = v & ((1 << mbits) - 1), emax = e4 ? 15 : 31;
	float sign = v & 0x80 ? -1.0f : 1.0f;

	if (uz && v == 0x80)
		return NAN;
	if (dtype == DT_F8E4M3FN && e == emax && m == 7)
		return NAN;
	if (dtype == DT_F8E5M2 && e == emax)
		return m ? NAN : sign * INFINITY;
	if (e == 0)
		return sign * ldexpf((float)m, 1 - bias - mbits);
	return sign * ldexpf((float)(m | 1 << mbits), e - bias - mbits);
}

static int nibble(const uint8_t *p, int64_t i)
{
	return i & 1 ? p[i / 2] >> 4 : p[i / 2] & 15;
}

bool tensor_to_double(const struct tensor *t, int64_t first, int64_t count, double *out)
{
	int64_t i;

#define FROM(T, expr)                                                   \
	do {                                                            \
		const T *p = (const T *)t->data + first;                \
		for (i = 0; i < count; i++)                             \
			out[i] = (double)(expr);                        \
		return true;                                            \
	} while (0)

	switch (t->dtype) {
	case DT_FLOAT: FROM(float, p[i]);
	case DT_DOUBLE: FROM(double, p[i]);
	case DT_FLOAT16: FROM(uint16_t, tensor_f16_to_f32(p[i]));
	case DT_BFLOAT16: FROM(uint16_t, tensor_bf16_to_f32(p[i]));
	case DT_UINT8: FROM(uint8_t, p[i]);
	case DT_INT8: FROM(int8_t, p[i]);
	case DT_UINT16: FROM(uint16_t, p[i]);
	case DT_INT16: FROM(int16_t, p[i]);
	case DT_INT32: FROM(int32_t, p[i]);
	case DT_UINT32: FROM(uint32_t, p[i]);
	case DT_INT64: FROM(int64_t, p[i]);
	case DT_UINT64: FROM(uint64_t, p[i]);
	case DT_BOOL: FROM(uint8_t, p[i] != 0);
	case DT_F8E4M3FN: case DT_F8E4M3FNUZ: case DT_F8E5M2: case DT_F8E5M2FNUZ:
		FROM(uint8_t, tensor_f8_to_f32(t->dtype, p[i]));
	case DT_UINT4:
		for (i = 0; i < count; i++)
			out[i] = nibble(t->data, first + i);
		return true;
	case DT_INT4:
		for (i = 0; i < count; i++)
			out[i] = (nibble(t->data, first + i) ^ 8) - 8;
		return true;
	default:
		return false;
	}
#undef FROM
}

bool tensor_to_float(const struct tensor *t, int64_t first, int64_t count, float *out)
{
	double chunk[256];

	if (t->dtype == DT_FLOAT) {
		memcpy(out, (const float *)t->data + first, (size_t)count * sizeof(float));
		return true;
	}
	while (count > 0) {
		int64_t n = count < 256 ? count : 256, i;

		if (!tensor_to_double(t, first, n, chunk))
			return false;
		for (i = 0; i < n; i++)
			out[i] = (float)chunk[i];
		first += n;
		out += n;
		count -= n;
	}
	return true;
}

double tensor_get(const struct tensor *t, int64_t i)
{
	double v = 0;

	return i >= 0 && i < t->n && tensor_to_double(t, i, 1, &v) ? v : 0;
}

char *tensor_shape_text(int rank, const int64_t *dims, char *buf, size_t size)
{
	size_t n = 0;
	int i;

	n += (size_t)snprintf(buf, size, "[");
	for (i = 0; i < rank && n < size; i++) {
		const char *sep = i ? ", " : "";

		if (dims[i] < 0)
			n += (size_t)snprintf(buf + n, size - n, "%s?", sep);
		else
			n += (size_t)snprintf(buf + n, size - n, "%s%lld", sep, (long long)dims[i]);
	}
	if (n < size)
		snprintf(buf + n, size - n, "]");
	return buf;
}
