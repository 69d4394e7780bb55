/* Extremes and histograms of one tensor. */
#include "quant/collect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define COLLECT_X86 1
#include <immintrin.h>
#endif

enum { CHUNK = 4096 };

static const struct quant_extremes nothing = { .lo = INFINITY, .hi = -INFINITY, .near = INFINITY };

void quant_watch_init(struct quant_watch *w, int dtype, int64_t stride, bool keep_samples)
{
	*w = (struct quant_watch){ .dtype = dtype, .stride = stride, .keep_samples = keep_samples };
	w->all = w->sample = nothing;
}

void quant_watch_release(struct quant_watch *w)
{
	free(w->windows.v);
	free(w->samples.v);
	quant_hist_release(&w->value);
	quant_hist_release(&w->magnitude);
	*w = (struct quant_watch){ 0 };
}

/* --- pass 1 ------------------------------------------------------------------------------------------------------- */

static void range_c(struct quant_extremes *e, const float *x, int64_t n)
{
	for (int64_t i = 0; i < n; i++) {
		float a = fabsf(x[i]);

		e->nan += isnan(x[i]) != 0;
		e->inf += isinf(x[i]) != 0;     /* its sign is in what isinf() gives */
		e->lo = x[i] < e->lo ? x[i] : e->lo;
		e->hi = x[i] > e->hi ? x[i] : e->hi;
		e->near = a < e->near ? a : e->near;
	}
}

#ifdef COLLECT_X86
/* Minimum and maximum give the second operand when one is NaN: the extremes so far. The sum of x * 0 is NaN when any x is
 * NaN or infinite; then nothing is changed and the other loop takes the values. */
__attribute__((target("avx2")))
static int64_t range_avx2(struct quant_extremes *e, const float *x, int64_t n)
{
	const __m256 zero = _mm256_setzero_ps();
	const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
	__m256 lo = _mm256_set1_ps(INFINITY), hi = _mm256_set1_ps(-INFINITY), near = lo, odd = zero;
	float v[4][8];
	int64_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		__m256 a = _mm256_loadu_ps(x + i);

		lo = _mm256_min_ps(a, lo);
		hi = _mm256_max_ps(a, hi);
		near = _mm256_min_ps(_mm256_and_ps(a, magnitude), near);
		odd = _mm256_add_ps(odd, _mm256_mul_ps(a, zero));
	}
	_mm256_storeu_ps(v[0], lo);
	_mm256_storeu_ps(v[1], hi);
	_mm256_storeu_ps(v[2], near);
	_mm256_storeu_ps(v[3], odd);
	for (int k = 0; k < 8; k++) {
		if (isnan(v[3][k]))
			return 0;
	}
	for (int k = 0; k < 8; k++) {
		e->lo = v[0][k] < e->lo ? v[0][k] : e->lo;
		e->hi = v[1][k] > e->hi ? v[1][k] : e->hi;
		e->near = v[2][k] < e->near ? v[2][k] : e->near;
	}
	return i;
}
#endif

static void range_floats(struct quant_extremes *e, const float *x, int64_t n)
{
	int64_t done = 0;

	e->n += n;
#ifdef COLLECT_X86
	if (__builtin_cpu_supports("avx2"))
		done = range_avx2(e, x, n);
#endif
	range_c(e, x + done, n - done);
}

static void each_chunk(const struct tensor *x, void (*fn)(void *arg, const float *v, int64_t n), void *arg)
{
	float buf[CHUNK];

	if (x->dtype == DT_FLOAT) {
		fn(arg, x->data, x->n);
		return;
	}
	for (int64_t i = 0; i < x->n; i += CHUNK) {
		int64_t n = x->n - i < CHUNK ? x->n - i : CHUNK;

		if (tensor_to_float(x, i, n, buf))
			fn(arg, buf, n);
	}
}

static void range_chunk(void *arg, const float *v, int64_t n)
{
	range_floats(arg, v, n);
}

void quant_watch_range(struct quant_watch *w, const struct tensor *x)
{
	each_chunk(x, range_chunk, &w->sample);
}

static void extremes_merge(struct quant_extremes *to, const struct quant_extremes *from)
{
	to->lo = fminf(to->lo, from->lo);
	to->hi = fmaxf(to->hi, from->hi);
	to->near = fminf(to->near, from->near);
	to->n += from->n;
	to->nan += from->nan;
	to->inf += from->inf;
}

static int steps_add(struct quant_steps *s, const struct quant_step *step, struct qd_err *err)
{
	if (!mem_grow(&s->v, &s->cap, s->n + 1, sizeof(*s->v)))
		return err_oom(err, "the ranges of samples");
	s->v[s->n++] = *step;
	return 0;
}

/* The window's entry is usually the last. */
static int window_add(struct quant_watch *w, const struct quant_step *step, struct qd_err *err)
{
	struct quant_steps *s = &w->windows;

	for (size_t i = s->n; i-- > 0;) {
		struct quant_step *have = &s->v[i];

		if (have->index != step->index)
			continue;
		have->lo = fminf(have->lo, step->lo);
		have->hi = fmaxf(have->hi, step->hi);
		have->near = fminf(have->near, step->near);
		have->empty = have->empty && step->empty;
		return 0;
	}
	return steps_add(s, step, err);
}

int quant_watch_sample(struct quant_watch *w, int64_t index, struct qd_err *err)
{
	const struct quant_extremes *e = &w->sample;
	struct quant_step step = { .index = index, .lo = e->lo, .hi = e->hi, .near = e->near, .empty = e->n == 0 };
	int rc = 0;

	if (w->keep_samples)
		rc = steps_add(&w->samples, &step, err);
	step.index = w->stride ? index / w->stride : 0;
	if (!rc)
		rc = window_add(w, &step, err);
	extremes_merge(&w->all, e);
	w->sample = nothing;
	return rc;
}

int quant_watch_merge(struct quant_watch *dst, const struct quant_watch *src, struct qd_err *err)
{
	int rc = 0;

	extremes_merge(&dst->all, &src->all);
	for (size_t i = 0; !rc && i < src->windows.n; i++)
		rc = window_add(dst, &src->windows.v[i], err);
	for (size_t i = 0; !rc && i < src->samples.n; i++)
		rc = steps_add(&dst->samples, &src->samples.v[i], err);
	return rc;
}

static int by_index(const void *a, const void *b)
{
	int64_t x = ((const struct quant_step *)a)->index, y = ((const struct quant_step *)b)->index;

	return (x > y) - (x < y);
}

void quant_watch_finish(struct quant_watch *w)
{
	if (w->windows.n)
		qsort(w->windows.v, w->windows.n, sizeof(*w->windows.v), by_index);
	if (w->samples.n)
		qsort(w->samples.v, w->samples.n, sizeof(*w->samples.v), by_index);
}

int quant_watch_check(const struct quant_watch *w, struct qd_err *err)
{
	if (w->all.nan)
		return err_set(err, QD_EINPUT, "%lld of its %lld values are NaN, so there is no range for it: look for a "
			       "sample that the model cannot take, or exclude the nodes around it",
			       (long long)w->all.nan, (long long)w->all.n);
	if (w->all.inf)
		return err_set(err, QD_EINPUT, "%lld of its %lld values are infinite, so there is no range for it: exclude "
			       "the nodes around it, or give it a range (rmin, rmax)", (long long)w->all.inf,
			       (long long)w->all.n);
	if (!w->windows.n)
		return err_set(err, QD_EINPUT, "no data was seen, so there is no range for it");
	return 0;
}

/* --- pass 2 ------------------------------------------------------------------------------------------------------- */

int quant_watch_bins(struct quant_watch *w, const struct quant_watch_bins *bins, struct qd_err *err)
{
	const struct quant_step *first = w->windows.v;
	double lo, hi, near;
	int rc = 0;

	quant_hist_release(&w->value);
	quant_hist_release(&w->magnitude);
	w->bins = *bins;
	if (quant_watch_check(w, NULL))
		return 0;
	lo = first->empty ? 0 : first->lo;
	hi = first->empty ? 0 : first->hi;
	near = first->empty ? 0 : first->near;
	if (bins->value)
		rc = quant_hist_signed(&w->value, w->dtype, bins->value, fmax(-lo, hi), err);
	if (!rc && bins->magnitude)     /* np.histogram of nothing has edges 0 and 1 */
		rc = quant_hist_absolute(&w->magnitude, w->dtype, bins->magnitude, near,
					 first->empty ? 1 : fmax(-lo, hi), err);
	return rc;
}

int quant_watch_window(struct quant_watch *w, int64_t k, struct qd_err *err)
{
	const struct quant_step *s;
	double t;
	int rc = 0;

	if (k < 1 || (size_t)k >= w->windows.n)
		return 0;
	s = &w->windows.v[k];
	t = s->empty ? 0 : fmax(-s->lo, s->hi);
	if (w->value.n)
		rc = quant_hist_next(&w->value, t, err);
	if (!rc && w->magnitude.n)
		rc = quant_hist_next(&w->magnitude, t, err);
	return rc;
}

static void count_chunk(void *arg, const float *v, int64_t n)
{
	struct quant_watch *w = arg;

	if (w->value.n)
		quant_hist_add(&w->value, v, n);
	if (w->magnitude.n)
		quant_hist_add(&w->magnitude, v, n);
}

void quant_watch_count(struct quant_watch *w, const struct tensor *x)
{
	if (w->value.n || w->magnitude.n)
		each_chunk(x, count_chunk, w);
}

int quant_watch_split(struct quant_watch *part, const struct quant_watch *w, struct qd_err *err)
{
	int rc = 0;

	quant_watch_init(part, w->dtype, w->stride, false);
	if (w->value.n)
		rc = quant_hist_like(&part->value, &w->value, err);
	if (!rc && w->magnitude.n)
		rc = quant_hist_like(&part->magnitude, &w->magnitude, err);
	return rc;
}

void quant_watch_join(struct quant_watch *w, const struct quant_watch *part)
{
	if (w->value.n)
		quant_hist_merge(&w->value, &part->value);
	if (w->magnitude.n)
		quant_hist_merge(&w->magnitude, &part->magnitude);
}
