/* The rules: does an array fit an input, how many samples are in it, are its values finite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "data/source_int.h"
#include "tensor/dtype.h"

/* Rows of a symbolic first dimension in one sample beyond which a forgotten --batch is likely. */
enum { MANY_ROWS = 64 };

/* The fixed first dimension of an input, 0 when it is symbolic or there is none. */
static int64_t fixed_rows(const struct data_input *in)
{
	return in->rank > 0 && in->dims[0] > 0 ? in->dims[0] : 0;
}

static bool inner_dims_fit(const struct data_input *in, int rank, const int64_t *dims)
{
	int i;

	if (in->rank < 0)
		return true;
	if (in->rank != rank)
		return false;
	for (i = 1; i < rank; i++) {
		if (in->dims[i] > 0 && in->dims[i] != dims[i])
			return false;
	}
	return true;
}

bool data_fits(const struct data_input *in, const struct tensor *t)
{
	int64_t rows = fixed_rows(in);

	return t->dtype == in->dtype && inner_dims_fit(in, t->rank, t->dims) &&
		(!rows || t->dims[0] == rows);
}

/* --- messages ---------------------------------------------------------------- */

static int wrong_type(const struct data_source *src, const char *path, const struct data_input *in,
		      int seen, struct qd_err *err)
{
	static const char no_numpy[] =
		", which numpy cannot hold: use ONNX test data (FOLDER/input_0.pb)";
	const struct dtype_info *want = dtype_info(in->dtype), *have = dtype_info(seen);

	if (want->npy)
		return err_set(err, QD_EINPUT, "%s: input '%s' is %s, %s is wanted: save it as "
			       "arr.astype('%c%s')", path, in->name, have->name, want->name,
			       want->bits > 8 ? '<' : '|', want->npy);
	return err_set(err, QD_EINPUT, "%s: input '%s' is %s, %s is wanted%s", path, in->name,
		       have->name, want->name, src->kind->numpy ? no_numpy : "");
}

static int wrong_shape(const char *path, const struct data_input *in, const struct data_head *h,
		       struct qd_err *err)
{
	char seen[256], want[256];

	return err_set(err, QD_EINPUT, "%s: input '%s' has shape %s, %s is wanted%s", path,
		       in->name, tensor_shape_text(h->rank, h->dims, seen, sizeof(seen)),
		       tensor_shape_text(in->rank, in->dims, want, sizeof(want)),
		       h->rank + 1 == in->rank ? " (arr[None] adds the first dimension)" : "");
}

static int wrong_rows(const char *path, const struct data_input *in, int64_t rows,
		      struct qd_err *err)
{
	int64_t b = fixed_rows(in);

	if (!rows)
		return err_set(err, QD_EINPUT, "%s: input '%s' has no rows, at least %lld are "
			       "wanted", path, in->name, (long long)(b ? b : 1));
	return err_set(err, QD_EINPUT, "%s: input '%s' has %lld rows, a multiple of %lld is wanted "
		       "(the first dimension of the model's input): drop or add rows", path,
		       in->name, (long long)rows, (long long)b);
}

/* --- one input ---------------------------------------------------------------- */

/* Samples an array holds; 0 for a scalar, which goes with any number. */
static int samples_in(struct data_source *src, const char *path, const struct data_input *in,
		      const struct data_head *h, int64_t *k, struct qd_err *err)
{
	int64_t b = fixed_rows(in), batch = src->opt.batch, rows = h->rank ? h->dims[0] : 0;

	*k = 0;
	if (!h->rank)
		return 0;
	if ((b || batch) && (!rows || (b && rows % b)))
		return wrong_rows(path, in, rows, err);
	*k = b ? rows / b : batch ? rows / batch + (rows % batch != 0) : 1;
	if (!b && !batch && rows > MANY_ROWS && !src->told_rows) {
		src->told_rows = true;
		log_add(LOG_WARN, "%s: input '%s' has %lld rows, which run as one sample; --batch "
			"N runs N at a time", path, in->name, (long long)rows);
	}
	if (*k > 1 && dtype_info(h->dtype)->bits < 8)
		return err_set(err, QD_EINPUT, "%s: input '%s' holds %lld samples of %s; one a "
			       "file is wanted", path, in->name, (long long)*k,
			       dtype_info(h->dtype)->name);
	return 0;
}

static int check_input(struct data_source *src, const char *path, const struct data_input *in,
		       const struct data_head *h, int64_t *k, struct qd_err *err)
{
	if (h->dtype != in->dtype)
		return wrong_type(src, path, in, h->dtype, err);
	if (!inner_dims_fit(in, h->rank, h->dims))
		return wrong_shape(path, in, h, err);
	return samples_in(src, path, in, h, k, err);
}

/* --- an entry ------------------------------------------------------------------ */

static int disagree(const char *path, const struct data_input *a, int64_t na,
		    const struct data_input *b, int64_t nb, const char *of, struct qd_err *err)
{
	return err_set(err, QD_EINPUT, "%s: input '%s' holds %lld %s and '%s' %lld, the same "
		       "number is wanted", path, a->name, (long long)na, of, b->name,
		       (long long)nb);
}

static int check_all(struct data_source *src, const char *path, const struct data_head *heads,
		     int64_t *samples, struct qd_err *err)
{
	int i, of = -1, split = -1, rc;
	int64_t k = 0;

	*samples = 1;
	for (i = 0; i < src->n_inputs; i++) {
		const struct data_input *in = &src->inputs[i];

		if (!heads[i].present)
			continue;
		rc = check_input(src, path, in, &heads[i], &k, err);
		if (rc)
			return rc;
		if (!k)
			continue;
		if (of >= 0 && k != *samples)
			return disagree(path, &src->inputs[of], *samples, in, k, "samples", err);
		of = i;
		*samples = k;
		if (!src->opt.batch || fixed_rows(in))
			continue;
		if (split >= 0 && heads[i].dims[0] != heads[split].dims[0])
			return disagree(path, &src->inputs[split], heads[split].dims[0], in,
					heads[i].dims[0], "rows", err);
		split = i;
	}
	return 0;
}

int data_check(struct data_source *src, int64_t entry, const struct data_head *heads,
	       int64_t *samples, struct qd_err *err)
{
	char *path = fs_join(src->dir, src->entries[entry].name);
	int rc;

	if (!path)
		return err_oom(err, src->dir);
	rc = check_all(src, path, heads, samples, err);
	free(path);
	return rc;
}

int data_check_batch(const struct data_source *src, struct qd_err *err)
{
	const struct data_input *fixed = NULL;
	int i;

	for (i = 0; i < src->n_inputs && src->opt.batch; i++) {
		int64_t b = fixed_rows(&src->inputs[i]);

		if (b == src->opt.batch || (!b && src->inputs[i].rank != 0))
			return 0;
		if (b && !fixed)
			fixed = &src->inputs[i];
	}
	if (!fixed)
		return 0;
	return err_set(err, QD_EUSAGE, "--batch %lld: the first dimension of the model's input "
		       "'%s' is fixed to %lld; leave --batch out", (long long)src->opt.batch,
		       fixed->name, (long long)fixed->dims[0]);
}

struct data_rows data_rows_of(const struct data_source *src, int input, int64_t j)
{
	const struct data_input *in = &src->inputs[input];
	int64_t n = fixed_rows(in);

	if (!n && in->rank != 0)
		n = src->opt.batch;
	return n ? (struct data_rows){ j * n, n } : (struct data_rows){ 0, -1 };
}

/* --- values ---------------------------------------------------------------------- */

/* All exponent bits set: NaN or Inf. Tested a block at a time, without a branch inside it. */
#define FIND(T, mask)                                                           \
	do {                                                                    \
		const T *p = t->data;                                           \
		for (i = 0; i < t->n; i = end) {                                \
			end = t->n - i < BLOCK ? t->n : i + BLOCK;              \
			bad = 0;                                                \
			for (k = i; k < end; k++)                               \
				bad |= (p[k] & (mask)) == (mask);               \
			for (k = i; bad && k < end; k++)                        \
				if ((p[k] & (mask)) == (mask))                  \
					return k;                               \
		}                                                               \
		return -1;                                                      \
	} while (0)

int64_t data_find_nonfinite(const struct tensor *t)
{
	enum { BLOCK = 4096 };
	int64_t i, k, end;
	int bad;

	switch (t->dtype) {
	case DT_FLOAT: FIND(uint32_t, 0x7F800000u);
	case DT_DOUBLE: FIND(uint64_t, 0x7FF0000000000000u);
	case DT_FLOAT16: FIND(uint16_t, 0x7C00u);
	case DT_BFLOAT16: FIND(uint16_t, 0x7F80u);
	default:
		break;
	}
	for (i = 0; dtype_info(t->dtype)->is_float && i < t->n; i++) {
		if (!isfinite(tensor_get(t, i)))
			return i;
	}
	return -1;
}
