/* The entropy search, in float32 and in NumPy's order throughout. */
#include "quant/search.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "quant/numeric.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define ENTROPY_X86 1
#include <immintrin.h>
#endif

static const double smooth_eps = 0.0001;

struct entropy {
	const struct quant_hist *h;
	int64_t n, levels;
	int64_t *sum;           /* n + 1: counts before a bin */
	int64_t *used;          /* n + 1: bins with counts before a bin */
	float *p, *q, *v;       /* n */
};

/* Bins [s, e), with everything outside added to the first and the last. */
struct slice {
	int64_t s, e, left, right;
};

/* What smoothing adds: a little to zeros, taken from the others. False when there is nothing but zeros, or so many
 * that nothing would be left. */
struct smooth {
	float zero, other;
};

static bool smooth_for(int64_t size, int64_t zeros, struct smooth *s)
{
	int64_t others = size - zeros;
	double taken;

	if (!others)
		return false;
	taken = smooth_eps * (double)zeros / (double)others;
	*s = (struct smooth){ (float)smooth_eps, (float)-taken };
	return taken < 1;
}

static float smoothed(int64_t count, const struct smooth *s)
{
	return count ? (float)count + s->other : s->zero;
}

static int64_t p_count(const struct entropy *en, const struct slice *c, int64_t i)
{
	return en->h->count[i] + (i == c->s ? c->left : 0) + (i == c->e - 1 ? c->right : 0);
}

/* Bins of p with counts in [from, to). */
static int64_t p_used(const struct entropy *en, const struct slice *c, int64_t from, int64_t to)
{
	int64_t used = en->used[to] - en->used[from];

	if (from == to)
		return 0;
	if (from == c->s)
		used += (p_count(en, c, c->s) != 0) - (en->h->count[c->s] != 0);
	if (to == c->e && c->e - 1 != c->s)
		used += (p_count(en, c, c->e - 1) != 0) - (en->h->count[c->e - 1] != 0);
	return used;
}

static bool fill_p(struct entropy *en, const struct slice *c)
{
	int64_t size = c->e - c->s;
	struct smooth s;

	if (!smooth_for(size, size - p_used(en, c, c->s, c->e), &s))
		return false;
	for (int64_t i = c->s; i < c->e; i++)
		en->p[i - c->s] = smoothed(en->h->count[i], &s);
	en->p[0] = smoothed(p_count(en, c, c->s), &s);
	en->p[size - 1] = smoothed(p_count(en, c, c->e - 1), &s);
	return true;
}

/* Value of q in group k: its counts without the outliers over the used bins of p, truncated. */
static int64_t q_value(const struct entropy *en, const struct slice *c, int64_t width, int64_t k)
{
	int64_t from = c->s + k * width, to = from + width, used = p_used(en, c, from, to);
	int64_t sum = en->sum[to] - en->sum[from];

	if (k == en->levels - 1)
		sum += en->sum[c->e] - en->sum[to];
	return used ? (int64_t)((double)sum / (double)used) : 0;
}

static bool fill_q(struct entropy *en, const struct slice *c)
{
	int64_t size = c->e - c->s, width = size / en->levels, zeros = size - width * en->levels;
	struct smooth s;

	for (int64_t k = 0; width && k < en->levels; k++) {
		int64_t value = q_value(en, c, width, k);

		zeros += value ? 0 : width;
		for (int64_t i = k * width; i < (k + 1) * width; i++)
			en->q[i] = (float)value;
	}
	if (!smooth_for(size, zeros, &s))
		return false;
	for (int64_t i = 0; i < size; i++) {
		float value = i < width * en->levels ? en->q[i] : 0;

		en->q[i] = value == 0 ? s.zero : value + s.other;
	}
	return true;
}

/* v = p * log(p / q) of both after division by their sums; both are positive. */
static void terms_c(const struct entropy *en, float sum_p, float sum_q, int64_t from, int64_t n)
{
	for (int64_t i = from; i < n; i++) {
		float p = en->p[i] / sum_p, q = en->q[i] / sum_q;

		en->v[i] = p > 0 && q > 0 ? p * np_log_f32(p / q) : p == 0 && q >= 0 ? 0 : INFINITY;
	}
}

#ifdef ENTROPY_X86
#define V __attribute__((target("avx2,fma")))

/* np_log_f32() for positive normal numbers. */
V static inline __m256 log8(__m256 x)
{
	const __m256i bits = _mm256_castps_si256(x), half = _mm256_set1_epi32(0x3F000000);
	__m256i e = _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126));
	__m256 m, small, num, den;

	m = _mm256_castsi256_ps(_mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x7FFFFF)), half));
	small = _mm256_cmp_ps(m, _mm256_set1_ps(0.70710678118654752440f), _CMP_LE_OQ);
	m = _mm256_add_ps(m, _mm256_and_ps(small, m));
	e = _mm256_add_epi32(e, _mm256_castps_si256(small));
	m = _mm256_sub_ps(m, _mm256_set1_ps(1));
	num = _mm256_set1_ps(np_log_p[5]);
	den = _mm256_set1_ps(np_log_q[5]);
	for (int i = 4; i >= 0; i--) {
		num = _mm256_fmadd_ps(num, m, _mm256_set1_ps(np_log_p[i]));
		den = _mm256_fmadd_ps(den, m, _mm256_set1_ps(np_log_q[i]));
	}
	return _mm256_fmadd_ps(_mm256_cvtepi32_ps(e), _mm256_set1_ps(0.6931471805599453f), _mm256_div_ps(num, den));
}

/* Stops where something is not in order. */
V static int64_t terms_avx2(const struct entropy *en, float sum_p, float sum_q, int64_t n)
{
	const __m256 sp = _mm256_set1_ps(sum_p), sq = _mm256_set1_ps(sum_q);
	const __m256 low = _mm256_set1_ps(0x1p-126f), high = _mm256_set1_ps(0x1p127f);
	int64_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		__m256 p = _mm256_div_ps(_mm256_loadu_ps(en->p + i), sp);
		__m256 q = _mm256_div_ps(_mm256_loadu_ps(en->q + i), sq), r = _mm256_div_ps(p, q);
		__m256 fine = _mm256_and_ps(_mm256_cmp_ps(r, low, _CMP_GE_OQ), _mm256_cmp_ps(r, high, _CMP_LE_OQ));

		fine = _mm256_and_ps(fine, _mm256_cmp_ps(p, _mm256_setzero_ps(), _CMP_GT_OQ));
		if (_mm256_movemask_ps(fine) != 0xFF)
			break;
		_mm256_storeu_ps(en->v + i, _mm256_mul_ps(p, log8(r)));
	}
	return i;
}
#endif

static float divergence(struct entropy *en, const struct slice *c)
{
	int64_t n = c->e - c->s, done = 0;
	float sum_p, sum_q;

	if (!fill_p(en, c) || !fill_q(en, c))
		return INFINITY;
	sum_p = np_sum_f32(en->p, n);
	sum_q = np_sum_f32(en->q, n);
#ifdef ENTROPY_X86
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		done = terms_avx2(en, sum_p, sum_q, n);
#endif
	terms_c(en, sum_p, sum_q, done, n);
	return np_sum_f32(en->v, n);
}

static void prefix_sums(struct entropy *en)
{
	for (int64_t i = 0; i < en->n; i++) {
		en->sum[i + 1] = en->sum[i] + en->h->count[i];
		en->used[i + 1] = en->used[i] + (en->h->count[i] != 0);
	}
}

/* np.argmin: the first of equals, and a NaN before everything. */
static void choose(struct entropy *en, struct search_result *out)
{
	int64_t mid = en->n / 2;
	double best = NAN;

	for (int64_t i = en->levels / 2; i <= mid; i++) {
		struct slice c = { .s = mid - i, .e = mid + i + 1 < en->n ? mid + i + 1 : en->n };
		double d;

		c.left = en->sum[c.s];
		c.right = en->sum[en->n] - en->sum[c.e];
		d = np_round_to(en->h->dtype, divergence(en, &c));
		if (i > en->levels / 2 && !(d < best) && !isnan(d))
			continue;
		*out = (struct search_result){ c.s, c.e };
		best = d;
		if (isnan(d))
			return;
	}
}

int search_entropy(const struct quant_hist *h, int64_t levels, struct search_result *out, struct qd_err *err)
{
	struct entropy en = { .h = h, .n = h->n, .levels = levels };
	size_t n = (size_t)h->n;
	int rc = 0;

	en.sum = mem_array(n + 1, sizeof(*en.sum));
	en.used = mem_array(n + 1, sizeof(*en.used));
	en.p = mem_array(n, sizeof(*en.p));
	en.q = mem_array(n, sizeof(*en.q));
	en.v = mem_array(n, sizeof(*en.v));
	if (en.sum && en.used && en.p && en.q && en.v) {
		prefix_sums(&en);
		choose(&en, out);
	} else {
		rc = err_oom(err, "the search for a threshold");
	}
	free(en.v);
	free(en.q);
	free(en.p);
	free(en.used);
	free(en.sum);
	return rc;
}
