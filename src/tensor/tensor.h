/* tensor/tensor.h - a shaped array: a borrowed view, or one that owns its bytes. */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TENSOR_MAX_RANK = 16 };

/* Row-major, little-endian, 4-bit types packed low nibble first.
 * `owner` is freed by tensor_release() when not NULL; otherwise data is borrowed. */
struct tensor {
	int dtype;                          /* enum dtype */
	int rank;
	int64_t dims[TENSOR_MAX_RANK];
	int64_t n;                          /* elements: the product of dims, 1 for a scalar */
	size_t bytes;
	const void *data;
	void *owner;
};

/* Set dtype, shape, n and bytes (data stays NULL). False when the rank or the product is out of
 * bounds or a dimension is negative. */
bool tensor_shape(struct tensor *t, int dtype, int rank, const int64_t *dims);
/* As tensor_shape, and allocate the bytes (owned; not zeroed). */
bool tensor_alloc(struct tensor *t, int dtype, int rank, const int64_t *dims);
/* As tensor_alloc with the first of dims replaced by `rows` (a scalar stays one). */
bool tensor_alloc_rows(struct tensor *t, int dtype, int rank, const int64_t *dims, int64_t rows);
/* An owned copy of rows [first, first+rows) along the first dimension; a scalar is copied whole.
 * The type must have whole bytes. False when out of memory. */
bool tensor_rows(const struct tensor *t, int64_t first, int64_t rows, struct tensor *out);
void tensor_release(struct tensor *t);

/* Convert elements [first, first+count) to double. Integers exactly (64-bit: nearest),
 * f16/bf16/fp8/4-bit by their value, bool as 0/1. False for strings and complex. */
bool tensor_to_double(const struct tensor *t, int64_t first, int64_t count, double *out);
/* The same into float (doubles are rounded). */
bool tensor_to_float(const struct tensor *t, int64_t first, int64_t count, float *out);
/* One element as a double (0 when it cannot be). */
double tensor_get(const struct tensor *t, int64_t i);

/* "[1, 3, 640, 640]" into buf; returns buf. Negative dims print as "?". */
char *tensor_shape_text(int rank, const int64_t *dims, char *buf, size_t size);

float tensor_f16_to_f32(uint16_t h);
float tensor_bf16_to_f32(uint16_t h);
/* To the nearest, halves to even; too large becomes infinite. NaN stays NaN. */
uint16_t tensor_f32_to_f16(float f);
uint16_t tensor_f32_to_bf16(float f);
/* An owned copy with another float type. False when out of memory or a type does not convert. */
bool tensor_cast(const struct tensor *t, int to, struct tensor *out);
float tensor_f8_to_f32(int dtype, uint8_t v);

#endif
