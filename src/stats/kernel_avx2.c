/* The kernels with AVX2 and FMA. The 16 lanes are four vectors of doubles; with 16 registers only
 * two sums fit at a time, so a block is read twice from the first-level cache. */
#include "stats/kernel_avx2.h"

#ifdef STATS_X86

#include <math.h>

#define DEQUANT(name, T, load)                                                          \
V static void name(const void *q, int n, int32_t zp, float scale, float *y)             \
{                                                                                       \
	const T *p = q;                                                                 \
	__m256i z = _mm256_set1_epi32(zp);                                              \
	__m256 s = _mm256_set1_ps(scale);                                               \
	int i;                                                                          \
											\
	for (i = 0; i + 8 <= n; i += 8) {                                               \
		__m256i c = _mm256_sub_epi32(load(p + i), z);                           \
		_mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_cvtepi32_ps(c), s));       \
	}                                                                               \
	for (; i < n; i++)                                                              \
		y[i] = (float)(p[i] - zp) * scale;                                      \
}
#define LOAD_U8(p) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(p)))
#define LOAD_S8(p) _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(p)))
#define LOAD_U16(p) _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(p)))
#define LOAD_S16(p) _mm256_cvtepi16_epi32(_mm_loadu_si128((const void *)(p)))
DEQUANT(dequant_u8, uint8_t, LOAD_U8)
DEQUANT(dequant_s8, int8_t, LOAD_S8)
DEQUANT(dequant_u16, uint16_t, LOAD_U16)
DEQUANT(dequant_s16, int16_t, LOAD_S16)

/* Squares and range of one operand; n a multiple of 16. */
V static void squares(const float *x, int n, __m256d x2[4], float *min, float *max)
{
	__m256 v0 = _mm256_set1_ps(INFINITY), v1 = _mm256_set1_ps(-INFINITY);
	__m256d a = x2[0], b = x2[1], c = x2[2], d = x2[3];

	for (int i = 0; i < n; i += 16) {
		__m256 lo = _mm256_loadu_ps(x + i), hi = _mm256_loadu_ps(x + i + 8);
		__m256d p = widen(x + i), q = widen(x + i + 4);
		__m256d r = widen(x + i + 8), s = widen(x + i + 12);

		v0 = _mm256_min_ps(_mm256_min_ps(v0, lo), hi);
		v1 = _mm256_max_ps(_mm256_max_ps(v1, lo), hi);
		a = _mm256_fmadd_pd(p, p, a);
		b = _mm256_fmadd_pd(q, q, b);
		c = _mm256_fmadd_pd(r, r, c);
		d = _mm256_fmadd_pd(s, s, d);
	}
	x2[0] = a;
	x2[1] = b;
	x2[2] = c;
	x2[3] = d;
	*min = low(v0);
	*max = high(v1);
}

/* Sums of e^2 and |e|, and the largest |e|; n a multiple of 16. */
V static double errors(const float *x, const float *y, int n, __m256d e2[4], __m256d ae[4])
{
	__m256d t[4], s[4], m = _mm256_setzero_pd();
	__m128d h;
	int i, k;

	UNROLL for (k = 0; k < 4; k++) {
		t[k] = e2[k];
		s[k] = ae[k];
	}
	for (i = 0; i < n; i += 16) {
		UNROLL for (k = 0; k < 4; k++) {
			__m256d e = _mm256_sub_pd(widen(x + i + 4 * k), widen(y + i + 4 * k));
			__m256d a = absolute(e);

			t[k] = _mm256_fmadd_pd(e, e, t[k]);
			s[k] = _mm256_add_pd(s[k], a);
			m = _mm256_max_pd(m, a);
		}
	}
	UNROLL for (k = 0; k < 4; k++) {
		e2[k] = t[k];
		ae[k] = s[k];
	}
	h = _mm_max_pd(_mm256_castpd256_pd128(m), _mm256_extractf128_pd(m, 1));
	return _mm_cvtsd_f64(_mm_max_sd(h, _mm_unpackhi_pd(h, h)));
}

V static bool sums(const float *x, const float *y, int n, struct run_sums *r)
{
	__m256d x2[4], y2[4], e2[4], ae[4];
	int i = n & ~15;
	struct sum_lanes t;

	acc_zero(x2);
	acc_zero(y2);
	acc_zero(e2);
	acc_zero(ae);
	r->max_e = errors(x, y, i, e2, ae);
	squares(x, i, x2, &r->min_x, &r->max_x);
	squares(y, i, y2, &r->min_y, &r->max_y);
	if (i == n) {
		r->x2 = total(x2);
		r->y2 = total(y2);
		r->e2 = total(e2);
		r->ae = total(ae);
		return isfinite(r->e2);
	}
	acc_store(t.x2, x2);
	acc_store(t.y2, y2);
	acc_store(t.e2, e2);
	acc_store(t.ae, ae);
	for (; i < n; i++)
		sum_one(&t, r, i & (PAIR_LANES - 1), x[i], y[i]);
	sum_totals(r, &t);
	return isfinite(r->e2);
}

V static bool sums_x(const float *x, int n, struct run_sums *r)
{
	struct sum_lanes t = { 0 };
	int i = n & ~15;
	__m256d x2[4];

	sum_range_empty(r);
	acc_zero(x2);
	squares(x, i, x2, &r->min_x, &r->max_x);
	acc_store(t.x2, x2);
	for (; i < n; i++)
		sum_x_one(&t, r, i & (PAIR_LANES - 1), x[i]);
	sum_totals(r, &t);
	return isfinite(r->x2);
}

V static bool moments(const float *x, int n, struct run_moments *r)
{
	__m256 a0 = _mm256_set1_ps(INFINITY), sign = _mm256_set1_ps(-0.0f);
	__m256d s[4], a[4], x2[4];
	int i, k, whole = n & ~15;
	struct moment_lanes t;

	acc_zero(s);
	acc_zero(a);
	acc_zero(x2);
	squares(x, whole, x2, &r->min, &r->max);
	for (i = 0; i < whole; i += 16) {
		a0 = _mm256_min_ps(a0, _mm256_andnot_ps(sign, _mm256_loadu_ps(x + i)));
		a0 = _mm256_min_ps(a0, _mm256_andnot_ps(sign, _mm256_loadu_ps(x + i + 8)));
		UNROLL for (k = 0; k < 4; k++) {
			__m256d v = widen(x + i + 4 * k);

			s[k] = _mm256_add_pd(s[k], v);
			a[k] = _mm256_add_pd(a[k], absolute(v));
		}
	}
	r->min_abs = low(a0);
	acc_store(t.sum, s);
	acc_store(t.abs, a);
	acc_store(t.x2, x2);
	for (; i < n; i++)
		moment_one(&t, r, i & (PAIR_LANES - 1), x[i]);
	moment_totals(r, &t);
	return isfinite(r->x2);
}

V static void range(const float *x, int n, float *min, float *max)
{
	__m256 a = _mm256_set1_ps(INFINITY), b = _mm256_set1_ps(-INFINITY), c = a, d = b;
	int i;

	for (i = 0; i + 16 <= n; i += 16) {
		__m256 v = _mm256_loadu_ps(x + i), w = _mm256_loadu_ps(x + i + 8);

		a = _mm256_min_ps(a, v);
		b = _mm256_max_ps(b, v);
		c = _mm256_min_ps(c, w);
		d = _mm256_max_ps(d, w);
	}
	*min = low(_mm256_min_ps(a, c));
	*max = high(_mm256_max_ps(b, d));
	for (; i < n; i++) {
		*min = x[i] < *min ? x[i] : *min;
		*max = x[i] > *max ? x[i] : *max;
	}
}

V static int find(const float *x, const float *y, int n, double want)
{
	__m256d w = _mm256_set1_pd(want);
	int i;

	for (i = 0; i + 4 <= n; i += 4) {
		__m256d e = absolute(_mm256_sub_pd(widen(x + i), widen(y + i)));
		int hit = _mm256_movemask_pd(_mm256_cmp_pd(e, w, _CMP_EQ_OQ));

		if (hit)
			return i + __builtin_ctz((unsigned)hit);
	}
	while (i < n && fabs((double)x[i] - y[i]) != want)
		i++;
	return i;
}

/* Set the bits of 8 codes; returns the bitmap. Rare: some code is new. */
V static __attribute__((noinline)) __m256i mark(uint64_t *seen, __m256i code)
{
	uint32_t c[8];
	int i;

	_mm256_storeu_si256((void *)c, code);
	for (i = 0; i < 8; i++)
		seen[c[i] >> 6] |= 1ull << (c[i] & 63);
	return _mm256_loadu_si256((const void *)seen);
}

/* Errors of 8 elements: e'^2 into the two vectors of `round`, of clipped ones into `clip`. */
V static inline void local_errors(const float *x, __m256 y, __m256 out, __m256d round[2],
				  __m256d clip[2])
{
	__m128 half[2] = { _mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1) };
	__m128 bad[2] = { _mm256_castps256_ps128(out), _mm256_extractf128_ps(out, 1) };
	int k;

	UNROLL for (k = 0; k < 2; k++) {
		__m256d e = _mm256_sub_pd(widen(x + 4 * k), _mm256_cvtps_pd(half[k]));
		__m256d m = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(_mm_castps_si128(bad[k])));

		__m256d in = _mm256_andnot_pd(m, e), cut = _mm256_and_pd(m, e);

		round[k] = _mm256_fmadd_pd(in, in, round[k]);
		clip[k] = _mm256_fmadd_pd(cut, cut, clip[k]);
	}
}

V static void local(const float *x, int n, const struct local_quant *q, uint64_t *seen,
		    struct run_local *r)
{
	__m256 s = _mm256_set1_ps(q->scale), lo = _mm256_set1_ps(q->lo), hi = _mm256_set1_ps(q->hi);
	__m256i map = _mm256_set1_epi32(-1), low5 = _mm256_set1_epi32(31);
	__m256d round[4], clip[4];
	struct local_lanes t;
	int i, k;

	acc_zero(round);
	acc_zero(clip);
	r->n_clipped = 0;
	if (seen)
		map = _mm256_loadu_si256((const void *)seen);
	for (i = 0; i + 16 <= n; i += 16) {
		UNROLL for (k = 0; k < 2; k++) {
			const float *p = x + i + 8 * k;
			__m256 v = _mm256_round_ps(_mm256_div_ps(_mm256_loadu_ps(p), s),
					_MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
			__m256 c = _mm256_min_ps(_mm256_max_ps(v, lo), hi);
			__m256 out = _mm256_cmp_ps(c, v, _CMP_NEQ_OQ);

			r->n_clipped += __builtin_popcount((unsigned)_mm256_movemask_ps(out));
			local_errors(p, _mm256_mul_ps(c, s), out, round + 2 * k, clip + 2 * k);
			if (seen) {
				__m256i code = _mm256_cvtps_epi32(_mm256_sub_ps(c, lo));
				__m256i word = _mm256_permutevar8x32_epi32(map,
						_mm256_srli_epi32(code, 5));
				/* the code's bit to the sign: up by 31 - code % 32 */
				__m256i bit = _mm256_sllv_epi32(word,
						_mm256_andnot_si256(code, low5));

				if (_mm256_movemask_ps(_mm256_castsi256_ps(bit)) != 255)
					map = mark(seen, code);
			}
		}
	}
	if (i == n) {
		r->round = total(round);
		r->clip = total(clip);
		return;
	}
	acc_store(t.round, round);
	acc_store(t.clip, clip);
	for (; i < n; i++)
		local_one(&t, r, q, i & (PAIR_LANES - 1), x[i], x[i], seen);
	r->round = lanes_total(t.round);
	r->clip = lanes_total(t.clip);
}

V static void chan(const float *x, const float *y, int n, double *x2, double *e2)
{
	__m256d sx[4], se[4];
	float tx[16] = { 0 }, ty[16] = { 0 };
	int i, k;

	UNROLL for (k = 0; k < 4; k++)
		sx[k] = se[k] = _mm256_setzero_pd();
	for (i = 0; i < n; i += 16) {
		const float *px = x + i, *py = y + i;

		if (n - i < 16) {       /* lanes past the end add +0 */
			for (k = 0; k < n - i; k++) {
				tx[k] = px[k];
				ty[k] = py[k];
			}
			px = tx;
			py = ty;
		}
		UNROLL for (k = 0; k < 4; k++) {
			__m256d v = widen(px + 4 * k), e = _mm256_sub_pd(v, widen(py + 4 * k));

			sx[k] = _mm256_fmadd_pd(v, v, sx[k]);
			se[k] = _mm256_fmadd_pd(e, e, se[k]);
		}
	}
	*x2 += total(sx);
	*e2 += total(se);
}

V static void chan_last(const float *x, const float *y, int n, double *x2, double *e2)
{
	int i;

	for (i = 0; i + 4 <= n; i += 4) {
		__m256d v = widen(x + i), e = _mm256_sub_pd(v, widen(y + i));

		_mm256_storeu_pd(x2 + i, _mm256_fmadd_pd(v, v, _mm256_loadu_pd(x2 + i)));
		_mm256_storeu_pd(e2 + i, _mm256_fmadd_pd(e, e, _mm256_loadu_pd(e2 + i)));
	}
	for (; i < n; i++) {
		double e = (double)x[i] - y[i];

		x2[i] += (double)x[i] * x[i];
		e2[i] = fma(e, e, e2[i]);
	}
}

V static int bins(const float *x, int n, float inv, bool sparse, uint16_t *idx)
{
	__m256 s = _mm256_set1_ps(inv), zero = _mm256_setzero_ps();
	__m256i half = _mm256_set1_epi32(HIST_HALF), last = _mm256_set1_epi32(HIST_HALF - 1);
	__m256i any = _mm256_set1_epi32(HIST_BINS - 1);
	int i;

	(void)sparse;
	for (i = 0; i + 8 <= n; i += 8) {
		__m256 v = _mm256_loadu_ps(x + i);
		__m256i b = _mm256_cvttps_epi32(_mm256_floor_ps(_mm256_mul_ps(v, s)));
		/* a negative value whose product rounds to 0 belongs below 0 */
		__m256i below = _mm256_castps_si256(_mm256_cmp_ps(v, zero, _CMP_LT_OQ));
		__m256i most = _mm256_blendv_epi8(any, last, below);

		b = _mm256_min_epi32(_mm256_add_epi32(b, half), most);
		b = _mm256_permute4x64_epi64(_mm256_packus_epi32(b, b), 0x08);
		_mm_storeu_si128((void *)(idx + i), _mm256_castsi256_si128(b));
	}
	for (; i < n; i++)
		idx[i] = (uint16_t)((int)floor((double)x[i] * inv) + HIST_HALF);
	return n;
}

/* The operand order lets a NaN through: min and max return their second when one is a NaN. */
V static void clamp(const float *x, int n, float lo, float hi, float *out)
{
	__m256 a = _mm256_set1_ps(lo), b = _mm256_set1_ps(hi);
	int i;

	for (i = 0; i + 8 <= n; i += 8) {
		__m256 v = _mm256_max_ps(a, _mm256_loadu_ps(x + i));

		_mm256_storeu_ps(out + i, _mm256_min_ps(b, v));
	}
	for (; i < n; i++)
		out[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}

const struct kernels kernels_avx2 = {
	.dequant_u8 = dequant_u8, .dequant_s8 = dequant_s8,
	.dequant_u16 = dequant_u16, .dequant_s16 = dequant_s16,
	.fused_u8 = fused_u8_avx2, .fused_s8 = fused_s8_avx2, .range = range, .find = find,
	.sums = sums, .sums_x = sums_x, .moments = moments, .local = local,
	.chan = chan, .chan_last = chan_last, .bins = bins, .clamp = clamp,
};

#else
typedef int stats_no_avx2;
#endif
