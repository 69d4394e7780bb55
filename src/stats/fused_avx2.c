/* The fused loop with AVX2: with 16 registers, 8 of the 16 lanes at a time, then the local part. */
#include "stats/kernel_avx2.h"

#ifdef STATS_X86

#include <math.h>

struct fused_acc {
	__m256d x2[2], e2[2], y2[2], ae[2], top;
};

/* All ones in lanes below n. */
V INLINE __m256i below(int n, int first_lane)
{
	__m256i lane = _mm256_add_epi32(_mm256_set1_epi32(first_lane),
					_mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));

	return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
}

V INLINE __m256d half_mask(__m256i m, int k)
{
	return _mm256_castsi256_pd(_mm256_cvtepi32_epi64(k ? _mm256_extracti128_si256(m, 1)
							   : _mm256_castsi256_si128(m)));
}

/* 8 elements into all sums but the channel's; x and e as doubles. `m` NULL: all of them. */
V INLINE void fused_step(struct fused_acc *a, const float *px, const char *q, __m256 two23_zp,
			 __m256 scale, const __m256i *m, bool is_signed, __m256d x[2], __m256d e[2])
{
	__m128i b = _mm_loadl_epi64((const void *)q);
	__m256 y, one = _mm256_set1_ps(1), two23 = _mm256_set1_ps(0x1p23f);
	__m256d one_d = _mm256_set1_pd(1);
	int k;

	/* the code in the low bits of 2^23 makes 2^23 + q; subtracting in the multipliers, as the
	 * adders have the conversions to do */
	if (is_signed)
		b = _mm_xor_si128(b, _mm_set1_epi8(-128));
	y = _mm256_or_ps(_mm256_castsi256_ps(_mm256_cvtepu8_epi32(b)), two23);
	y = _mm256_mul_ps(_mm256_fmsub_ps(y, one, two23_zp), scale);
	if (m)
		y = _mm256_and_ps(y, _mm256_castsi256_ps(*m));
	UNROLL for (k = 0; k < 2; k++) {
		__m256d yd = _mm256_cvtps_pd(k ? _mm256_extractf128_ps(y, 1)
					       : _mm256_castps256_ps128(y));
		__m256d abs;

		x[k] = widen(px + 4 * k);
		if (m)
			x[k] = _mm256_and_pd(x[k], half_mask(*m, k));
		e[k] = _mm256_fmsub_pd(x[k], one_d, yd);
		abs = absolute(e[k]);
		a->y2[k] = _mm256_fmadd_pd(yd, yd, a->y2[k]);
		a->ae[k] = _mm256_add_pd(a->ae[k], abs);
		a->top = _mm256_max_pd(a->top, abs);
	}
}

V INLINE void fused_add(struct fused_acc *a, const __m256d x[2], const __m256d e[2])
{
	UNROLL for (int k = 0; k < 2; k++) {
		a->x2[k] = _mm256_fmadd_pd(x[k], x[k], a->x2[k]);
		a->e2[k] = _mm256_fmadd_pd(e[k], e[k], a->e2[k]);
	}
}

/* Half the lanes of every run between boundaries, and of the block. */
struct fused_lanes {
	double x2[FUSED_PIECES][PAIR_LANES], e2[FUSED_PIECES][PAIR_LANES];
	double y2[PAIR_LANES], ae[PAIR_LANES];
	float x[PAIR_LANES];            /* the last, incomplete 16 */
	char codes[PAIR_LANES];
};

V INLINE void fused_flush(struct fused_acc *a, double *x2, double *e2)
{
	UNROLL for (int k = 0; k < 2; k++) {
		_mm256_storeu_pd(x2 + 4 * k, a->x2[k]);
		_mm256_storeu_pd(e2 + 4 * k, a->e2[k]);
		a->x2[k] = a->e2[k] = _mm256_setzero_pd();
	}
}

/* Lanes h ... h + 7; returns the number of runs. */
V INLINE int fused_half(const struct fused_in *in, struct fused_lanes *l, int h, bool is_signed,
			double *top)
{
	__m256d zero = _mm256_setzero_pd(), x[2], e[2];
	struct fused_acc a = { { zero, zero }, { zero, zero }, { zero, zero }, { zero, zero }, zero };
	int i = 0, n = in->n, cut = in->left, pieces = 0, k;
	__m256 zp = _mm256_set1_ps(0x1p23f + (float)(in->zp + (is_signed ? 128 : 0)));
	__m256 scale = _mm256_set1_ps(in->scale);
	const char *codes = in->codes;
	__m128d t;

	while (i < n) {
		int stop = (cut < n ? cut : n) & ~15;
		__m256i m;

		for (; i < stop; i += 16) {
			fused_step(&a, in->x + i + h, codes + i + h, zp, scale, NULL, is_signed, x,
				   e);
			fused_add(&a, x, e);
		}
		if (i >= n)
			break;
		/* the end or a boundary is in these 16 */
		m = below(n - i, h);
		if (n - i < 16)
			fused_step(&a, l->x + h, l->codes + h, zp, scale, &m, is_signed, x, e);
		else
			fused_step(&a, in->x + i + h, codes + i + h, zp, scale, NULL, is_signed, x,
				   e);
		if (cut < n && cut < i + 16) {
			__m256d px[2], pe[2];

			m = below(cut - i, h);
			UNROLL for (k = 0; k < 2; k++) {
				__m256d before = half_mask(m, k);

				px[k] = _mm256_and_pd(x[k], before);
				pe[k] = _mm256_and_pd(e[k], before);
				x[k] = _mm256_andnot_pd(before, x[k]);
				e[k] = _mm256_andnot_pd(before, e[k]);
			}
			fused_add(&a, px, pe);
			fused_flush(&a, l->x2[pieces] + h, l->e2[pieces] + h);
			pieces++;
			cut += in->inner;
		}
		fused_add(&a, x, e);
		i += 16;
	}
	fused_flush(&a, l->x2[pieces] + h, l->e2[pieces] + h);
	UNROLL for (k = 0; k < 2; k++) {
		_mm256_storeu_pd(l->y2 + h + 4 * k, a.y2[k]);
		_mm256_storeu_pd(l->ae + h + 4 * k, a.ae[k]);
	}
	t = _mm_max_pd(_mm256_castpd256_pd128(a.top), _mm256_extractf128_pd(a.top, 1));
	*top = _mm_cvtsd_f64(_mm_max_sd(t, _mm_unpackhi_pd(t, t)));
	return pieces + 1;
}

V INLINE double total_at(const double *lane)
{
	return total((const __m256d[4]){ _mm256_loadu_pd(lane), _mm256_loadu_pd(lane + 4),
					 _mm256_loadu_pd(lane + 8), _mm256_loadu_pd(lane + 12) });
}

/* Smallest and largest code. */
V INLINE void fused_codes(const struct fused_in *in, const struct fused_lanes *l,
			  struct fused_out *o, bool is_signed)
{
	int i, whole = in->n & ~15, flip = is_signed ? 128 : 0;
	__m128i f = _mm_set1_epi8((char)-flip), a = _mm_set1_epi8(-1), b = a, q;

	for (i = 0; i < in->n; i += 16) {
		q = _mm_loadu_si128((const void *)(i < whole ? (const char *)in->codes + i
							      : l->codes));
		q = _mm_xor_si128(q, f);
		a = _mm_min_epu8(a, q);
		b = _mm_min_epu8(b, _mm_xor_si128(q, _mm_set1_epi8(-1)));
	}
	a = _mm_min_epu8(a, _mm_srli_epi16(a, 8));
	b = _mm_min_epu8(b, _mm_srli_epi16(b, 8));
	a = _mm_minpos_epu16(_mm_and_si128(a, _mm_set1_epi16(255)));
	b = _mm_minpos_epu16(_mm_and_si128(b, _mm_set1_epi16(255)));
	fused_range_y(&o->sums, in, (_mm_cvtsi128_si32(a) & 255) - flip,
		      (~_mm_cvtsi128_si32(b) & 255) - flip);
}

/* The guessed errors. */
V INLINE void fused_local(const struct fused_in *in, const struct fused_lanes *l,
			  struct fused_out *o)
{
	__m256 inv = _mm256_set1_ps(in->inv), step = _mm256_set1_ps(in->step);
	__m256 magic = _mm256_set1_ps(FUSED_ROUND), one = _mm256_set1_ps(1);
	__m256 off = _mm256_setzero_ps(), sign = _mm256_set1_ps(-0.0f);
	int i, k, whole = in->n & ~15;
	__m256d round[4];

	acc_zero(round);
	for (i = 0; i < in->n; i += 16) {
		const float *p = i < whole ? in->x + i : l->x;

		UNROLL for (k = 0; k < 2; k++) {
			__m256 v = _mm256_loadu_ps(p + 8 * k), e;
			__m256d a, b;

			e = _mm256_fmsub_ps(_mm256_fmadd_ps(v, inv, magic), one, magic);
			e = _mm256_fmsub_ps(v, one, _mm256_mul_ps(e, step));
			if (i >= whole)
				e = _mm256_and_ps(e, _mm256_castsi256_ps(below(in->n - i, 8 * k)));
			off = _mm256_max_ps(off, _mm256_andnot_ps(sign, e));
			a = _mm256_cvtps_pd(_mm256_castps256_ps128(e));
			b = _mm256_cvtps_pd(_mm256_extractf128_ps(e, 1));
			round[2 * k] = _mm256_fmadd_pd(a, a, round[2 * k]);
			round[2 * k + 1] = _mm256_fmadd_pd(b, b, round[2 * k + 1]);
		}
	}
	o->round = total(round);
	o->off = high(off);
}

V INLINE void fused(const struct fused_in *in, struct fused_out *o, bool is_signed)
{
	int i, whole = in->n & ~15;
	struct fused_lanes l;
	double top[2];

	for (i = 0; whole < in->n && i < PAIR_LANES; i++) {
		int from = whole + i < in->n ? whole + i : whole;       /* padded with the first */

		l.x[i] = in->x[from];
		l.codes[i] = ((const char *)in->codes)[from];
	}
	fused_codes(in, &l, o, is_signed);
	fused_half(in, &l, 0, is_signed, top);
	o->pieces = fused_half(in, &l, 8, is_signed, top + 1);
	for (i = 0; i < o->pieces; i++) {
		o->x2[i] = total_at(l.x2[i]);
		o->e2[i] = total_at(l.e2[i]);
	}
	o->sums.y2 = total_at(l.y2);
	o->sums.ae = total_at(l.ae);
	o->sums.max_e = top[0] > top[1] ? top[0] : top[1];
	if (in->local)
		fused_local(in, &l, o);
}

V void fused_u8_avx2(const struct fused_in *in, struct fused_out *out)
{
	fused(in, out, false);
}

V void fused_s8_avx2(const struct fused_in *in, struct fused_out *out)
{
	fused(in, out, true);
}

#else
typedef int stats_no_fused_avx2;
#endif
