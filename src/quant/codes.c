/* From values to codes: integers of 4, 8 and 16 bits, and e4m3fn. */
#include "quant/params.h"

#include <math.h>
#include <string.h>

#include "quant/numeric.h"
#include "quant/walk.h"

/* Below 2^-6 the codes are multiples of 2^-9, above they have three bits behind the point. */
uint8_t quant_f8_code(float x)
{
	uint8_t sign = signbit(x) ? 0x80 : 0;
	float a = fabsf(x);
	int e, m;

	if (isnan(x))
		return sign | 0x7F;
	if (a >= 448)
		return sign | 0x7E;
	if (a < 0x1p-6f)                /* rounds to 8 at most, which is the first normal code */
		return sign | (uint8_t)lrintf(a * 0x1p9f);
	a = frexpf(a, &e);              /* a in [1/2, 1): 8 ... 16 sixteenths */
	m = (int)lrintf(a * 16);
	return sign | (uint8_t)(((e + 6) << 3) + (m - 8));
}

/* The place for one code of the type. 4-bit codes come in order: the low nibble first sets its byte. */
static void put(struct tensor *out, int64_t i, int32_t code)
{
	uint8_t *p = out->owner;

	switch (out->dtype) {
	case DT_INT4:
	case DT_UINT4:
		if (i & 1)
			p[i / 2] |= (uint8_t)((code & 15) << 4);
		else
			p[i / 2] = code & 15;
		break;
	case DT_INT16:
	case DT_UINT16:
		((uint16_t *)out->owner)[i] = (uint16_t)code;
		break;
	default:
		p[i] = (uint8_t)code;
	}
}

/* A float8 quotient is rounded to the tensor's type before it becomes a code. */
static int32_t code_of(const struct linear *p, int real, float x, int64_t k)
{
	if (p->dtype == DT_F8E4M3FN)
		return quant_f8_code((float)np_round_to(real, x / p->scale[k]));
	return (int32_t)linear_saturate(linear_code(x, p->scale[k], p->zp[k]), p->qmin, p->qmax);
}

static bool code_type(int type)
{
	struct quant_limits lim;

	return type == DT_F8E4M3FN || quant_type_limits(type, false, false, &lim);
}

/* A scale for every element. */
static bool fits(const struct linear *p, const struct tensor *w)
{
	int64_t size, inner = 1;

	if (p->axis < 0)
		return p->n == 1 && !p->block_size;
	if (p->axis >= w->rank)
		return false;
	size = w->dims[p->axis];
	if (p->block_size <= 0)
		return !p->block_size && p->n == size;
	for (int d = 0; d < w->rank; d++)
		inner *= d == p->axis ? 1 : w->dims[d];
	return p->n == (size / p->block_size + (size % p->block_size != 0)) * inner;
}

int quant_weight_codes(const struct tensor *w, const struct linear *p, struct tensor *out, struct qd_err *err)
{
	struct walk walk;
	const float *x;
	int64_t len, done = 0;

	*out = (struct tensor){ 0 };
	if ((w->dtype != DT_FLOAT && w->dtype != DT_FLOAT16) || !code_type(p->dtype))
		return err_set(err, QD_EUSAGE, "%s is not quantized to %s", dtype_info(w->dtype)->name,
			       dtype_info(p->dtype)->name);
	if (!fits(p, w))
		return err_set(err, QD_EUSAGE, "%lld scales along axis %d do not fit the weight's shape",
			       (long long)p->n, p->axis);
	if (!tensor_alloc(out, p->dtype, w->rank, w->dims))
		return err_oom(err, "the codes of a weight");
	walk_init(&walk, w, p->axis, p->block_size);
	while ((x = walk_chunk(&walk, &len))) {
		for (int64_t i = 0; i < len; i++) {
			if (isnan(x[i])) {
				tensor_release(out);
				return err_set(err, QD_EINPUT, "value %lld is NaN, which has no code: exclude the "
					       "nodes that use it, or repair the model", (long long)(done + i));
			}
			put(out, done + i, code_of(p, w->dtype, x[i], walk_index(&walk)));
		}
		done += len;
	}
	return 0;
}
