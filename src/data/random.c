/* Samples without data: values from a counter, so that any sample can be made at any time. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "data/source_int.h"
#include "tensor/dtype.h"

enum { DEFAULT_DIM = 64 };

/* splitmix64 (Steele, Lea, Flood 2014): a step, and its output. */
static uint64_t next_bits(uint64_t *state)
{
	uint64_t z = *state += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

static uint64_t stream(uint64_t seed, int64_t sample, int input)
{
	uint64_t state = seed;

	state = next_bits(&state) ^ (uint64_t)sample;
	state = next_bits(&state) ^ (uint64_t)input;
	return next_bits(&state);
}

/* k / 1024 with -1024 <= k < 1024 as bits of a float16: exact, and never below its normal range. */
static uint16_t half_bits(uint64_t bits)
{
	float f = (float)(bits >> 53) / 1024.0f - 1.0f;
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	if (!(u << 1))
		return 0;
	return (uint16_t)((u >> 16 & 0x8000) | (((u >> 23 & 255) - 112) << 10) | (u >> 13 & 0x3FF));
}

static void fill(const struct tensor *t, void *data, uint64_t state)
{
	size_t width = dtype_info(t->dtype)->bits / 8;
	unsigned char *to = data;
	int64_t i;

	for (i = 0; i < t->n; i++, to += width) {
		uint64_t bits = next_bits(&state);
		/* 2^-23 and 2^-52 are the steps of both types in [-1, 1) that need no rounding */
		float f = (float)(bits >> 40) * 0x1p-23f - 1.0f;
		double d = (double)(bits >> 11) * 0x1p-52 - 1.0;
		uint64_t one = bits >> 63;      /* little-endian: any width takes its low bytes */
		uint16_t h = half_bits(bits);

		switch (t->dtype) {
		case DT_FLOAT:
			memcpy(to, &f, 4);
			break;
		case DT_DOUBLE:
			memcpy(to, &d, 8);
			break;
		case DT_FLOAT16:
			memcpy(to, &h, 2);
			break;
		case DT_BFLOAT16:
			memcpy(to, (char *)&f + 2, 2);
			break;
		default:
			memcpy(to, &one, width);
			break;
		}
	}
}

static bool can_fill(int dtype)
{
	const struct dtype_info *d = dtype_info(dtype);

	return dtype_is_float_tensor(dtype) || dtype == DT_BOOL ||
		(!d->is_float && d->bits >= 8 && d->bits <= 64 && dtype != DT_COMPLEX64);
}

static void shape_of(const struct data_source *src, const struct data_input *in,
		     int64_t dims[TENSOR_MAX_RANK])
{
	int i;

	for (i = 0; i < in->rank; i++) {
		if (in->dims[i] > 0)
			dims[i] = in->dims[i];
		else if (i == 0)
			dims[i] = src->opt.batch ? src->opt.batch : 1;
		else
			dims[i] = src->dim;
	}
}

static int check_random(const struct data_source *src, struct qd_err *err)
{
	int64_t dims[TENSOR_MAX_RANK];
	struct tensor t;
	char shape[256];
	int i;

	for (i = 0; i < src->n_inputs; i++) {
		const struct data_input *in = &src->inputs[i];

		if (in->optional)
			continue;
		if (in->rank < 0 || in->rank > TENSOR_MAX_RANK)
			return err_set(err, QD_EINPUT, "input '%s' has no usable shape in the "
				       "model, random values need one: give data with --data",
				       in->name);
		shape_of(src, in, dims);
		if (!can_fill(in->dtype) || !tensor_shape(&t, in->dtype, in->rank, dims))
			return err_set(err, QD_EINPUT, "input '%s' is %s %s, which cannot be made "
				       "up: give data with --data", in->name,
				       dtype_info(in->dtype)->name,
				       tensor_shape_text(in->rank, in->dims, shape, sizeof(shape)));
	}
	return 0;
}

int data_open_random(const struct data_input *inputs, int n_inputs, int64_t count, uint64_t seed,
		     int64_t dim, const struct data_options *opt, struct data_source **out,
		     struct qd_err *err)
{
	struct data_source *src = NULL;
	int rc = data_new(inputs, n_inputs, opt, &src, err);

	*out = NULL;
	if (rc)
		return rc;
	src->count = src->opt.samples && src->opt.samples < count ? src->opt.samples : count;
	src->seed = seed;
	src->dim = dim > 0 ? dim : DEFAULT_DIM;
	rc = count > 0 ? check_random(src, err)
		       : err_set(err, QD_EUSAGE, "--random %lld: at least 1 sample is wanted",
				 (long long)count);
	if (!rc)
		rc = data_check_batch(src, err);
	if (rc) {
		data_close(src);
		return rc;
	}
	*out = src;
	return 0;
}

int data_random_read(const struct data_source *src, int64_t i, struct tensor *tensors,
		     struct qd_err *err)
{
	int64_t dims[TENSOR_MAX_RANK];
	int k;

	for (k = 0; k < src->n_inputs; k++) {
		if (src->inputs[k].optional)
			continue;
		shape_of(src, &src->inputs[k], dims);
		if (!tensor_alloc(&tensors[k], src->inputs[k].dtype, src->inputs[k].rank, dims))
			return err_oom(err, "making random values");
		fill(&tensors[k], tensors[k].owner, stream(src->seed, i, k));
	}
	return 0;
}

/* Over what the values follow from: "random count seed", then "type [shape]" an input. */
int data_random_hash(const struct data_source *src, char hex[SHA_HEX], struct qd_err *err)
{
	int64_t dims[TENSOR_MAX_RANK];
	struct str s = STR_INIT;
	char shape[256];
	struct sha h;
	int i, rc = 0;

	str_addf(&s, "random %lld %llu\n", (long long)src->count, (unsigned long long)src->seed);
	for (i = 0; i < src->n_inputs; i++) {
		const struct data_input *in = &src->inputs[i];

		if (in->optional)
			continue;
		shape_of(src, in, dims);
		str_addf(&s, "%s %s\n", dtype_info(in->dtype)->name,
			 tensor_shape_text(in->rank, dims, shape, sizeof(shape)));
	}
	if (s.failed) {
		rc = err_oom(err, "hashing the data");
	} else {
		sha_init(&h);
		sha_add(&h, s.p, s.len);
		sha_hex(&h, hex);
	}
	str_release(&s);
	return rc;
}
