/* Geometry of the histograms, counting, merging. */
#include "quant/hist.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

enum {
	ADD_BLOCK = 1024,       /* values indexed at a time */
	SPREAD_WAYS = 4,        /* counters of a bin, used in turn: one increment need not wait for the last */
	SPREAD_MIN = 8192,      /* fewer values do not pay for folding them */
	SPREAD_MAX = 131072,    /* so that a counter of 16 bits never overflows, with every value in one bin */
};

void quant_hist_release(struct quant_hist *h)
{
	free(h->count);
	free(h->edge);
	free(h->exact);
	*h = (struct quant_hist){ 0 };
}

/* --- geometry ----------------------------------------------------------------------------------------------------- */

static double rounded(const struct quant_hist *h, double v)
{
	return np_round_to(h->dtype, v);
}

/* np.linspace in the type of the tensor. Products and sums of two float16 are exact in double. */
static float even_edge(const struct quant_hist *h, int64_t i)
{
	double place;

	if (h->dtype == DT_FLOAT || i == h->n)
		return np_edge(&h->even, i);
	place = rounded(h, (double)i);
	if (h->even.step == 0)
		place = rounded(h, place / rounded(h, (double)h->n)) * (h->even.hi - h->even.lo);
	else
		place *= h->even.step;
	return (float)rounded(h, rounded(h, place) + h->even.lo);
}

static bool allocate(struct quant_hist *h, int64_t n)
{
	h->n = n;
	h->count = mem_array((size_t)n + 1, sizeof(*h->count));
	h->edge = mem_array((size_t)n + 1, sizeof(*h->edge));
	return h->count && h->edge;
}

/* Even edges from lo to hi; false when two are equal (NumPy's "Too many bins for data range") or overflow. */
static bool make_even(struct quant_hist *h, double lo, double hi)
{
	double width;

	if (lo == hi) {
		lo = rounded(h, lo - 0.5);
		hi = rounded(h, hi + 0.5);
	}
	width = rounded(h, hi - lo);
	h->uniform = true;
	h->even = (struct np_edges){ .lo = (float)lo, .hi = (float)hi, .n = h->n };
	h->even.step = (float)rounded(h, width / rounded(h, (double)h->n));
	h->inv = (float)((double)h->n / width);
	if (!isnormal(h->inv))
		h->inv = 0;
	if (!isfinite(width))
		return false;
	for (int64_t i = 0; i <= h->n; i++) {
		h->edge[i] = even_edge(h, i);
		if (i && h->edge[i - 1] >= h->edge[i])
			return false;
	}
	return true;
}

static int start(struct quant_hist *h, int dtype, int64_t n, double lo, double hi, struct qd_err *err)
{
	*h = (struct quant_hist){ .dtype = dtype };
	if (n < 1 || n > QUANT_BINS_MAX)
		return err_set(err, QD_EUSAGE, "a histogram has 1 to %d bins, not %lld", QUANT_BINS_MAX, (long long)n);
	if (!allocate(h, n)) {
		quant_hist_release(h);
		return err_oom(err, "a histogram");
	}
	h->narrow = !make_even(h, lo, hi);
	return 0;
}

int quant_hist_signed(struct quant_hist *h, int dtype, int64_t n, double t, struct qd_err *err)
{
	int rc = start(h, dtype, n, -t, t, err);

	h->t = t;
	return rc;
}

int quant_hist_absolute(struct quant_hist *h, int dtype, int64_t n, double lo, double hi, struct qd_err *err)
{
	int rc = start(h, dtype, n, lo, hi, err);

	h->absolute = true;
	return rc;
}

static int too_many(double n, struct qd_err *err)
{
	return err_set(err, QD_EINPUT, "merging its histograms needs %.0f bins, more than %d: the ranges of the strides "
		       "differ too much; calibrate without strides", n, QUANT_BINS_MAX);
}

/* Take over bins and edges from `next`, with the old counts from bin `at` on. */
static void replace(struct quant_hist *h, struct quant_hist *next, int64_t at)
{
	for (int64_t i = 0; i < h->n; i++)
		next->count[at + i] += h->count[i];
	next->absolute = h->absolute;
	quant_hist_release(h);
	*h = *next;
}

/* NumPy's floor division of float32 (and, through it, float16) numbers. */
static double floor_divide(double a, double b)
{
	float x = (float)a, y = (float)b, q, whole;

	q = (x - fmodf(x, y)) / y;
	if (q == 0)
		return 0;
	whole = floorf(q);
	return q - whole > 0.5f ? whole + 1 : whole;
}

static int next_signed(struct quant_hist *h, double t, struct qd_err *err)
{
	struct quant_hist next = QUANT_HIST_INIT;
	double stride, k = 0, n;
	int rc;

	if (t <= h->t)
		return 0;
	if (h->t > 0) {
		stride = rounded(h, rounded(h, 2 * h->t) / rounded(h, (double)h->n));
		k = rounded(h, rounded(h, floor_divide(rounded(h, t - h->t), stride)) + 1);
		t = rounded(h, rounded(h, rounded(h, k) * stride) + h->t);
	}
	n = (double)h->n + 2 * k;
	if (!(n <= QUANT_BINS_MAX))
		return too_many(n, err);
	rc = quant_hist_signed(&next, h->dtype, (int64_t)n, t, err);
	if (!rc)
		replace(h, &next, (int64_t)k);
	return rc;
}

/* np.arange(last + w, t + w, w): the second number and its distance from the first give all others, in double. */
static int next_absolute(struct quant_hist *h, double t, struct qd_err *err)
{
	struct quant_hist next = { .dtype = h->dtype };
	double last = h->edge[h->n], w = rounded(h, (double)h->edge[1] - h->edge[0]);
	double first = rounded(h, last + w), second = rounded(h, first + w);
	double more = 0;
	int64_t i;

	if (t > last)
		more = ceil(rounded(h, rounded(h, rounded(h, t + w) - first) / w));
	if (!((double)h->n + more <= QUANT_BINS_MAX))
		return too_many((double)h->n + more, err);
	more = more > 0 ? more : 0;
	next.exact = mem_array((size_t)h->n + (size_t)more + 1, sizeof(*next.exact));
	if (!allocate(&next, h->n + (int64_t)more) || !next.exact) {
		quant_hist_release(&next);
		return err_oom(err, "a histogram");
	}
	for (i = 0; i <= h->n; i++)
		next.exact[i] = h->edge[i];
	for (; i <= next.n; i++)
		next.exact[i] = i == h->n + 1 ? first : first + (double)(i - h->n - 1) * (second - first);
	for (i = 0; i <= next.n; i++)
		next.edge[i] = (float)rounded(h, next.exact[i]);
	replace(h, &next, 0);
	return 0;
}

int quant_hist_next(struct quant_hist *h, double t, struct qd_err *err)
{
	if (h->narrow)
		return 0;
	return h->absolute ? next_absolute(h, t, err) : next_signed(h, t, err);
}

/* --- counting ----------------------------------------------------------------------------------------------------- */

static void count_direct(struct quant_hist *h, const float *x, int64_t n)
{
	int32_t index[ADD_BLOCK];

	for (int64_t i = 0; i < n; i += ADD_BLOCK) {
		int len = n - i < ADD_BLOCK ? (int)(n - i) : ADD_BLOCK;

		quant_hist_index(h, x + i, len, index);
		for (int k = 0; k < len; k++)
			h->count[index[k]]++;
	}
}

static void count_spread(struct quant_hist *h, const float *x, int64_t n)
{
	uint16_t part[QUANT_BINS + 1][SPREAD_WAYS];
	int32_t index[ADD_BLOCK];

	memset(part, 0, ((size_t)h->n + 1) * sizeof(part[0]));
	for (int64_t i = 0; i < n; i += ADD_BLOCK) {
		int len = n - i < ADD_BLOCK ? (int)(n - i) : ADD_BLOCK, k;

		quant_hist_index(h, x + i, len, index);
		for (k = 0; k + SPREAD_WAYS <= len; k += SPREAD_WAYS) {
			part[index[k]][0]++;
			part[index[k + 1]][1]++;
			part[index[k + 2]][2]++;
			part[index[k + 3]][3]++;
		}
		for (; k < len; k++)
			h->count[index[k]]++;
	}
	for (int64_t b = 0; b <= h->n; b++)
		h->count[b] += part[b][0] + part[b][1] + part[b][2] + part[b][3];
}

void quant_hist_add(struct quant_hist *h, const float *x, int64_t n)
{
	if (h->narrow)
		return;
	for (int64_t i = 0; i < n; i += SPREAD_MAX) {
		int64_t len = n - i < SPREAD_MAX ? n - i : SPREAD_MAX;

		if (h->n <= QUANT_BINS && len >= SPREAD_MIN)
			count_spread(h, x + i, len);
		else
			count_direct(h, x + i, len);
	}
}

int quant_hist_like(struct quant_hist *h, const struct quant_hist *src, struct qd_err *err)
{
	*h = *src;
	h->exact = NULL;
	if (!allocate(h, src->n) ||
	    (src->exact && !(h->exact = mem_array((size_t)src->n + 1, sizeof(*h->exact))))) {
		quant_hist_release(h);
		return err_oom(err, "a histogram");
	}
	memcpy(h->edge, src->edge, ((size_t)src->n + 1) * sizeof(*h->edge));
	if (src->exact)
		memcpy(h->exact, src->exact, ((size_t)src->n + 1) * sizeof(*h->exact));
	return 0;
}

void quant_hist_merge(struct quant_hist *dst, const struct quant_hist *src)
{
	for (int64_t i = 0; i < dst->n && i < src->n; i++)
		dst->count[i] += src->count[i];
}

int64_t quant_hist_total(const struct quant_hist *h)
{
	int64_t total = 0;

	for (int64_t i = 0; i < h->n; i++)
		total += h->count[i];
	return total;
}

/* --- fewer bins --------------------------------------------------------------------------------------------------- */

/* With a ratio that is a power of two the wider step is the narrower one times the ratio, exactly, unless it was
 * rounded as a subnormal; then every wider edge is also a narrower one. */
bool quant_hist_nests(const struct quant_hist *h, int64_t n)
{
	int64_t ratio;

	if (n == h->n)
		return true;
	if (n < 1 || n > h->n || h->n % n || !h->uniform || h->narrow)
		return false;
	ratio = h->n / n;
	return !(ratio & (ratio - 1)) && h->even.step >= (h->dtype == DT_FLOAT16 ? 0x1p-14f : FLT_MIN);
}

int quant_hist_rebin(const struct quant_hist *h, int64_t n, struct quant_hist *out, struct qd_err *err)
{
	int64_t ratio;
	int rc;

	if (!quant_hist_nests(h, n))
		return err_set(err, QD_EUSAGE, "a histogram of %lld bins does not follow from one of %lld: the data must "
			       "be read again", (long long)n, (long long)h->n);
	if (n == h->n) {
		rc = quant_hist_like(out, h, err);
		if (!rc)
			quant_hist_merge(out, h);
		return rc;
	}
	rc = start(out, h->dtype, n, h->even.lo, h->even.hi, err);
	if (rc)
		return rc;
	out->absolute = h->absolute;
	out->t = h->t;
	ratio = h->n / n;
	for (int64_t i = 0; i < h->n; i++)
		out->count[i / ratio] += h->count[i];
	return 0;
}
