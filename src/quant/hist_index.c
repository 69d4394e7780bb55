/* Which bin a value falls into: e[i] <= v < e[i + 1], the last bin closed.
 *
 * NumPy divides, truncates and corrects by one against the edges. Edges are strictly increasing and each is within
 * half a bin of its ideal place, so any guess that is off by less than half a bin ends in the same bin; here it is a
 * product with the reciprocal. Edges are computed, not loaded: i * step + lo with two roundings. Of float16, whose
 * rounding is as coarse as the bins, the guess is NumPy's, and what it misses by more than one stays missed. */
#include "quant/hist.h"

#include <math.h>

#include "tensor/dtype.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define INDEX_X86 1
#include <immintrin.h>
#endif

static double guess(const struct quant_hist *h, float v)
{
	double lo = h->edge[0], hi = h->edge[h->n], share;

	if (h->dtype == DT_FLOAT)
		return ((double)v - lo) / (hi - lo) * (double)h->n;
	share = np_round_to(h->dtype, np_round_to(h->dtype, v - lo) / np_round_to(h->dtype, hi - lo));
	return np_round_to(h->dtype, share * np_round_to(h->dtype, (double)h->n));
}

/* By the table of edges; float32 guesses in double. */
static int32_t index_by_table(const struct quant_hist *h, float v)
{
	int64_t i;

	if (!(v >= h->edge[0] && v <= h->edge[h->n]))
		return (int32_t)h->n;
	i = (int64_t)guess(h, v);
	i = i < h->n ? i : h->n - 1;
	if (v < h->edge[i])
		i--;
	if (i != h->n - 1 && v >= h->edge[i + 1])
		i++;
	return (int32_t)i;
}

/* Edges that are not even: the guess may be off by any number of bins. */
static int32_t index_by_search(const struct quant_hist *h, float v)
{
	int64_t i;
	double lo = h->exact[0], hi = h->exact[h->n];

	if (!(v >= lo && v <= hi))
		return (int32_t)h->n;
	i = (int64_t)((v - lo) / (hi - lo) * (double)h->n);
	i = i < h->n ? i : h->n - 1;
	while (i > 0 && v < h->exact[i])
		i--;
	while (i < h->n - 1 && v >= h->exact[i + 1])
		i++;
	return (int32_t)i;
}

static void index_c(const struct quant_hist *h, const float *x, int len, int32_t *index)
{
	for (int k = 0; k < len; k++) {
		float v = h->absolute ? fabsf(x[k]) : x[k];

		index[k] = h->uniform ? index_by_table(h, v) : index_by_search(h, v);
	}
}

#ifdef INDEX_X86
__attribute__((target("avx2")))
static int index_avx2(const struct quant_hist *h, const float *x, int len, int32_t *index)
{
	const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(h->absolute ? 0x7FFFFFFF : -1));
	const __m256 lo = _mm256_set1_ps(h->even.lo), hi = _mm256_set1_ps(h->even.hi);
	const __m256 step = _mm256_set1_ps(h->even.step), inv = _mm256_set1_ps(h->inv);
	const __m256i n = _mm256_set1_epi32((int)h->n), last = _mm256_set1_epi32((int)h->n - 1);
	int k;

	for (k = 0; k + 8 <= len; k += 8) {
		__m256 v = _mm256_and_ps(_mm256_loadu_ps(x + k), mask);
		__m256 in = _mm256_and_ps(_mm256_cmp_ps(v, lo, _CMP_GE_OQ), _mm256_cmp_ps(v, hi, _CMP_LE_OQ));
		__m256i i = _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_sub_ps(v, lo), inv));
		__m256 e0, e1, below, above;

		i = _mm256_min_epi32(i, last);
		e0 = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(i), step), lo);
		e1 = _mm256_cvtepi32_ps(_mm256_add_epi32(i, _mm256_set1_epi32(1)));
		e1 = _mm256_add_ps(_mm256_mul_ps(e1, step), lo);
		below = _mm256_cmp_ps(v, e0, _CMP_LT_OQ);
		above = _mm256_cmp_ps(v, e1, _CMP_GE_OQ);
		above = _mm256_andnot_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(i, last)), above);
		i = _mm256_add_epi32(i, _mm256_castps_si256(below));
		i = _mm256_sub_epi32(i, _mm256_castps_si256(above));
		i = _mm256_blendv_epi8(n, i, _mm256_castps_si256(in));
		_mm256_storeu_si256((__m256i *)(index + k), i);
	}
	return k;
}
#endif

void quant_hist_index(const struct quant_hist *h, const float *x, int len, int32_t *index)
{
	int done = 0;

#ifdef INDEX_X86
	/* below 2^16 bins a product in float is off by less than a hundredth of a bin */
	if (h->uniform && h->dtype == DT_FLOAT && h->inv > 0 && h->n < 65536 && __builtin_cpu_supports("avx2"))
		done = index_avx2(h, x, len, index);
#endif
	index_c(h, x + done, len - done, index + done);
}
