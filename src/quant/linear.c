/* Linear quantization of whole tensors. */
#include "quant/linear.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

bool linear_alloc(struct linear *p, int dtype, int64_t n)
{
	*p = (struct linear){ .dtype = dtype, .axis = -1, .n = n };
	p->scale = mem_array((size_t)n, sizeof(*p->scale));
	p->zp = mem_array((size_t)n, sizeof(*p->zp));
	p->qmin = dtype_info(dtype)->qmin;
	p->qmax = dtype_info(dtype)->qmax;
	if (p->scale && p->zp)
		return true;
	linear_release(p);
	return false;
}

void linear_release(struct linear *p)
{
	free(p->scale);
	free(p->zp);
	memset(p, 0, sizeof(*p));
}

bool linear_copy(struct linear *dst, const struct linear *src)
{
	*dst = (struct linear){ 0 };
	if (!src->n)
		return true;
	if (!linear_alloc(dst, src->dtype, src->n))
		return false;
	dst->axis = src->axis;
	dst->block_size = src->block_size;
	memcpy(dst->scale, src->scale, (size_t)src->n * sizeof(*src->scale));
	memcpy(dst->zp, src->zp, (size_t)src->n * sizeof(*src->zp));
	return true;
}

bool linear_equal(const struct linear *a, const struct linear *b)
{
	return a->dtype == b->dtype && a->axis == b->axis && a->block_size == b->block_size && a->n == b->n &&
	       (!a->n || (!memcmp(a->scale, b->scale, (size_t)a->n * sizeof(*a->scale)) &&
			  !memcmp(a->zp, b->zp, (size_t)a->n * sizeof(*a->zp))));
}

/* Elements behind the axis, and the axis's size. */
static void split(const struct linear *p, const struct tensor *t, int64_t *inner, int64_t *size)
{
	int d;

	*inner = 1;
	for (d = p->axis + 1; d < t->rank; d++)
		*inner *= t->dims[d];
	*size = t->dims[p->axis];
}

/* Without the sum of size and block size, which may not fit. */
static int64_t n_blocks(const struct linear *p, int64_t size)
{
	return size / p->block_size + (size % p->block_size != 0);
}

static bool fits(const struct linear *p, const struct tensor *t)
{
	int64_t inner, size;

	if (p->n == 1 && !p->block_size)
		return true;
	if (p->axis < 0 || p->axis >= t->rank || p->block_size < 0)
		return false;
	split(p, t, &inner, &size);
	if (!p->block_size)
		return p->n == size;
	return size == 0 || p->n == t->n / size * n_blocks(p, size);
}

int64_t linear_index(const struct linear *p, const struct tensor *t, int64_t i)
{
	int64_t inner, size, blocks;

	if (p->n == 1)
		return 0;
	split(p, t, &inner, &size);
	if (!p->block_size)
		return i / inner % size;
	blocks = n_blocks(p, size);
	return (i / (inner * size) * blocks + i / inner % size / p->block_size) * inner + i % inner;
}

bool linear_dequantize(const struct linear *p, const struct tensor *q, float *out)
{
	double code[256];
	int64_t i, k, n;

	if (!fits(p, q))
		return false;
	for (i = 0; i < q->n; i += n) {
		n = q->n - i < 256 ? q->n - i : 256;
		if (!tensor_to_double(q, i, n, code))
			return false;
		for (k = 0; k < n; k++) {
			int64_t c = linear_index(p, q, i + k);

			out[i + k] = (float)(code[k] - p->zp[c]) * p->scale[c];
		}
	}
	return true;
}

double linear_code(float x, float scale, int32_t zp)
{
	return (double)rintf(x / scale) + zp;
}

double linear_saturate(double code, int64_t qmin, int64_t qmax)
{
	return code < (double)qmin ? (double)qmin : code > (double)qmax ? (double)qmax : code;
}

bool linear_round_trip(const struct linear *p, const struct tensor *shape, const float *x, float *out)
{
	int64_t i;

	if (!fits(p, shape) || p->qmin == p->qmax)
		return false;
	for (i = 0; i < shape->n; i++) {
		int64_t c = linear_index(p, shape, i);
		double q = linear_code(x[i], p->scale[c], p->zp[c]);

		q = linear_saturate(q, p->qmin, p->qmax);
		out[i] = (float)(q - p->zp[c]) * p->scale[c];
	}
	return true;
}
