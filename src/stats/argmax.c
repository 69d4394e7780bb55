/* Agreement of decisions; works on any type tensor_to_double knows. */
#include "stats/argmax.h"

#include <math.h>
#include <string.h>

#include "tensor/dtype.h"

enum { CHUNK = 256 };

static bool same_shape(const struct tensor *x, const struct tensor *y)
{
	return x->rank == y->rank &&
	       !memcmp(x->dims, y->dims, (size_t)x->rank * sizeof(x->dims[0]));
}

/* First index of the largest of n >= 1 elements from `first` on; a NaN ends the search. */
static int64_t argmax(const struct tensor *t, int64_t first, int64_t n)
{
	double v[CHUNK], best = -INFINITY;
	int64_t at = 0, done, i, len;

	for (done = 0; done < n; done += len) {
		len = n - done < CHUNK ? n - done : CHUNK;
		tensor_to_double(t, first + done, len, v);
		for (i = 0; i < len; i++) {
			if (isnan(v[i]))
				return done + i;
			if (v[i] > best) {
				best = v[i];
				at = done + i;
			}
		}
	}
	return at;
}

bool agreement_argmax(struct agreement *a, const struct tensor *x, const struct tensor *y)
{
	int64_t row, len;

	if (!same_shape(x, y) || !dtype_is_float_tensor(x->dtype) ||
	    !dtype_is_float_tensor(y->dtype))
		return false;
	len = x->rank ? x->dims[x->rank - 1] : 1;
	if (len < 2)
		return true;
	for (row = 0; row < x->n; row += len)
		a->same += argmax(x, row, len) == argmax(y, row, len);
	a->total += x->n / len;
	return true;
}

static bool is_integer(int dtype)
{
	switch (dtype) {
	case DT_UINT8: case DT_INT8: case DT_UINT16: case DT_INT16: case DT_INT32: case DT_INT64:
	case DT_UINT32: case DT_UINT64: case DT_BOOL: case DT_UINT4: case DT_INT4:
		return true;
	default:
		return false;
	}
}

/* 64-bit values do not fit a double: split into what is below 0 and the 64 bits. */
static uint64_t bits_of(const struct tensor *t, int64_t i, bool *negative)
{
	int64_t v;

	*negative = false;
	if (t->dtype == DT_UINT64)
		return ((const uint64_t *)t->data)[i];
	v = t->dtype == DT_INT64 ? ((const int64_t *)t->data)[i] : (int64_t)tensor_get(t, i);
	*negative = v < 0;
	return (uint64_t)v;
}

bool agreement_equal(struct agreement *a, const struct tensor *x, const struct tensor *y)
{
	bool nx, ny;
	int64_t i;

	if (!same_shape(x, y) || !is_integer(x->dtype) || !is_integer(y->dtype))
		return false;
	for (i = 0; i < x->n; i++)
		a->same += bits_of(x, i, &nx) == bits_of(y, i, &ny) && nx == ny;
	a->total += x->n;
	return true;
}
