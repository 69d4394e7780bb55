/* The kernels with AVX2 and FMA. The 16 lanes are four vectors of doubles; with 16 registers only
 * two sums fit at a time, so a block is read twice from the first-level cache. */
#include "stats/kernel.h"

#ifdef STATS_X86

#include <immintrin.h>
#include <math.h>

#define V __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline))
/* Arrays of accumulators only become registers when their loops are gone. */
#define UNROLL _Pragma("GCC unroll 4")

V static inline __m256d widen(const float *p)
{
	return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

V static inline __m256d absolute(__m256d a)
{
	return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a);
}

V static inline void acc_zero(__m256d a[4])
{
	UNROLL for (int k = 0; k < 4; k++)
		a[k] = _mm256_setzero_pd();
}

V static inline void acc_store(double *lane, const __m256d a[4])
{
	UNROLL for (int k = 0; k < 4; k++)
		_mm256_storeu_pd(lane + 4 * k, a[k]);
}

V static inline double total(const __m256d a[4])
{
	__m256d q = _mm256_add_pd(_mm256_add_pd(a[0], a[2]), _mm256_add_pd(a[1], a[3]));
	__m128d d = _mm_add_pd(_mm256_castpd256_pd128(q), _mm256_extractf128_pd(q, 1));

	return _mm_cvtsd_f64(_mm_add_sd(d, _mm_unpackhi_pd(d, d)));
}

V static inline float low(__m256 v)
{
	__m128 a = _mm_min_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));

	a = _mm_min_ps(a, _mm_movehl_ps(a, a));
	return _mm_cvtss_f32(_mm_min_ss(a, _mm_movehdup_ps(a)));
}

V static inline float high(__m256 v)
{
	return -low(_mm256_xor_ps(v, _mm256_set1_ps(-0.0f)));
}

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

/* ---- the fused loop: 8 of the 16 lanes at a time, then the local part ---- */

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

V static void fused_u8(const struct fused_in *in, struct fused_out *out)
{
	fused(in, out, false);
}

V static void fused_s8(const struct fused_in *in, struct fused_out *out)
{
	fused(in, out, true);
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
	.fused_u8 = fused_u8, .fused_s8 = fused_s8, .range = range, .find = find,
	.sums = sums, .sums_x = sums_x, .moments = moments, .local = local,
	.chan = chan, .chan_last = chan_last, .bins = bins, .clamp = clamp,
};

#else
typedef int stats_no_avx2;
#endif
