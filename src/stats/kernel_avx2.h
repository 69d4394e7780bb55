/* stats/kernel_avx2.h - private to the AVX2 kernels: what they have in common. */
#ifndef STATS_KERNEL_AVX2_H
#define STATS_KERNEL_AVX2_H

#include "stats/kernel.h"

#ifdef STATS_X86

#include <immintrin.h>

#define V __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline))
/* Arrays of accumulators only become registers when their loops are gone. */
#define UNROLL _Pragma("GCC unroll 4")

V INLINE __m256d widen(const float *p)
{
	return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

V INLINE __m256d absolute(__m256d a)
{
	return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a);
}

V INLINE void acc_zero(__m256d a[4])
{
	UNROLL for (int k = 0; k < 4; k++)
		a[k] = _mm256_setzero_pd();
}

V INLINE void acc_store(double *lane, const __m256d a[4])
{
	UNROLL for (int k = 0; k < 4; k++)
		_mm256_storeu_pd(lane + 4 * k, a[k]);
}

V INLINE double total(const __m256d a[4])
{
	__m256d q = _mm256_add_pd(_mm256_add_pd(a[0], a[2]), _mm256_add_pd(a[1], a[3]));
	__m128d d = _mm_add_pd(_mm256_castpd256_pd128(q), _mm256_extractf128_pd(q, 1));

	return _mm_cvtsd_f64(_mm_add_sd(d, _mm_unpackhi_pd(d, d)));
}

V INLINE float low(__m256 v)
{
	__m128 a = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	a = _mm_min_ps(a, _mm_movehl_ps(a, a));
	return _mm_cvtss_f32(_mm_min_ss(a, _mm_movehdup_ps(a)));
}

V INLINE float high(__m256 v)
{
	return -low(_mm256_xor_ps(v, _mm256_set1_ps(-0.0f)));
}

void fused_u8_avx2(const struct fused_in *in, struct fused_out *out);
void fused_s8_avx2(const struct fused_in *in, struct fused_out *out);

#endif
#endif
