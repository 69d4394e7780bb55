/* The kernels with AVX-512 (F, BW, DQ, VL). Lanes 0-7 and 8-15 are two vectors of doubles. */
#include "stats/kernel.h"

#ifdef STATS_X86

#include <immintrin.h>
#include <math.h>

#define V __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define INLINE static inline __attribute__((always_inline))

enum { NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC,
       DOWN = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC };

struct acc { __m512d lo, hi; };

V static inline struct acc acc_zero(void)
{
	return (struct acc){ _mm512_setzero_pd(), _mm512_setzero_pd() };
}

V static inline void acc_store(double *lane, struct acc a)
{
	_mm512_storeu_pd(lane, a.lo);
	_mm512_storeu_pd(lane + 8, a.hi);
}

/* 16 floats from memory as doubles: converting from memory needs no shuffles. */
V static inline struct acc widen(const float *p)
{
	return (struct acc){ _mm512_cvtps_pd(_mm256_loadu_ps(p)),
			     _mm512_cvtps_pd(_mm256_loadu_ps(p + 8)) };
}

V static inline struct acc widen_mask(const float *p, unsigned m)
{
	return (struct acc){ _mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8)m, p)),
			     _mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8)(m >> 8), p + 8)) };
}

V static inline struct acc sub(struct acc a, struct acc b)
{
	return (struct acc){ _mm512_sub_pd(a.lo, b.lo), _mm512_sub_pd(a.hi, b.hi) };
}

V static inline struct acc add(struct acc a, struct acc b)
{
	return (struct acc){ _mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi) };
}

/* a + b in the multipliers (b * 1 is exact): where the adders are the narrow place. */
V static inline struct acc add_by_fma(struct acc a, struct acc b)
{
	__m512d one = _mm512_set1_pd(1);

	return (struct acc){ _mm512_fmadd_pd(b.lo, one, a.lo), _mm512_fmadd_pd(b.hi, one, a.hi) };
}

/* 0 outside the mask; as an addend that changes no lane. */
V static inline struct acc only(struct acc a, unsigned m)
{
	return (struct acc){ _mm512_maskz_mov_pd((__mmask8)m, a.lo),
			     _mm512_maskz_mov_pd((__mmask8)(m >> 8), a.hi) };
}

V static inline struct acc widen_ps(__m512 v)
{
	return (struct acc){ _mm512_cvtps_pd(_mm512_castps512_ps256(v)),
			     _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)) };
}

/* t + a * a with one rounding */
V static inline struct acc add_square(struct acc t, struct acc a)
{
	return (struct acc){ _mm512_fmadd_pd(a.lo, a.lo, t.lo), _mm512_fmadd_pd(a.hi, a.hi, t.hi) };
}

V static inline struct acc absolute(struct acc a)
{
	return (struct acc){ _mm512_abs_pd(a.lo), _mm512_abs_pd(a.hi) };
}

V static inline double total(struct acc a)
{
	__m512d v = _mm512_add_pd(a.lo, a.hi);
	__m256d q = _mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1));
	__m128d d = _mm_add_pd(_mm256_castpd256_pd128(q), _mm256_extractf128_pd(q, 1));

	return _mm_cvtsd_f64(_mm_add_sd(d, _mm_unpackhi_pd(d, d)));
}

#define DEQUANT(name, T, load)                                                          \
V static void name(const void *q, int n, int32_t zp, float scale, float *y)             \
{                                                                                       \
	const T *p = q;                                                                 \
	__m512i z = _mm512_set1_epi32(zp);                                              \
	__m512 s = _mm512_set1_ps(scale);                                               \
	int i;                                                                          \
											\
	for (i = 0; i + 16 <= n; i += 16) {                                             \
		__m512i c = _mm512_sub_epi32(load(p + i), z);                           \
		_mm512_storeu_ps(y + i, _mm512_mul_ps(_mm512_cvtepi32_ps(c), s));       \
	}                                                                               \
	for (; i < n; i++)                                                              \
		y[i] = (float)(p[i] - zp) * scale;                                      \
}
#define LOAD_U8(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)(p)))
#define LOAD_S8(p) _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p)))
#define LOAD_U16(p) _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(p)))
#define LOAD_S16(p) _mm512_cvtepi16_epi32(_mm256_loadu_si256((const void *)(p)))
DEQUANT(dequant_u8, uint8_t, LOAD_U8)
DEQUANT(dequant_s8, int8_t, LOAD_S8)
DEQUANT(dequant_u16, uint16_t, LOAD_U16)
DEQUANT(dequant_s16, int16_t, LOAD_S16)

V static bool sums(const float *x, const float *y, int n, struct run_sums *r)
{
	struct acc x2 = acc_zero(), y2 = x2, e2 = x2, ae = x2;
	__m512 x0 = _mm512_set1_ps(INFINITY), x1 = _mm512_set1_ps(-INFINITY), y0 = x0, y1 = x1;
	__m512d top = _mm512_setzero_pd(), top2 = top;
	struct sum_lanes t;
	int i;

	for (i = 0; i + 16 <= n; i += 16) {
		__m512 xs = _mm512_loadu_ps(x + i), ys = _mm512_loadu_ps(y + i);
		struct acc xd = widen(x + i), yd = widen(y + i), e = sub(xd, yd), a = absolute(e);

		x0 = _mm512_min_ps(x0, xs);
		x1 = _mm512_max_ps(x1, xs);
		y0 = _mm512_min_ps(y0, ys);
		y1 = _mm512_max_ps(y1, ys);
		x2 = add_square(x2, xd);
		y2 = add_square(y2, yd);
		e2 = add_square(e2, e);
		ae = add_by_fma(ae, a);
		top = _mm512_max_pd(top, a.lo);
		top2 = _mm512_max_pd(top2, a.hi);
	}
	r->min_x = _mm512_reduce_min_ps(x0);
	r->max_x = _mm512_reduce_max_ps(x1);
	r->min_y = _mm512_reduce_min_ps(y0);
	r->max_y = _mm512_reduce_max_ps(y1);
	r->max_e = _mm512_reduce_max_pd(_mm512_max_pd(top, top2));
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
	__m512 x0 = _mm512_set1_ps(INFINITY), x1 = _mm512_set1_ps(-INFINITY);
	struct acc x2 = acc_zero();
	struct sum_lanes t = { 0 };
	int i;

	for (i = 0; i + 16 <= n; i += 16) {
		__m512 xs = _mm512_loadu_ps(x + i);

		x0 = _mm512_min_ps(x0, xs);
		x1 = _mm512_max_ps(x1, xs);
		x2 = add_square(x2, widen(x + i));
	}
	sum_range_empty(r);
	r->min_x = _mm512_reduce_min_ps(x0);
	r->max_x = _mm512_reduce_max_ps(x1);
	acc_store(t.x2, x2);
	for (; i < n; i++)
		sum_x_one(&t, r, i & (PAIR_LANES - 1), x[i]);
	sum_totals(r, &t);
	return isfinite(r->x2);
}

V static bool moments(const float *x, int n, struct run_moments *r)
{
	__m512 x0 = _mm512_set1_ps(INFINITY), x1 = _mm512_set1_ps(-INFINITY), a0 = x0;
	struct acc s = acc_zero(), a = s, x2 = s;
	struct moment_lanes t;
	int i;

	for (i = 0; i + 16 <= n; i += 16) {
		__m512 xs = _mm512_loadu_ps(x + i);
		struct acc xd = widen(x + i);

		x0 = _mm512_min_ps(x0, xs);
		x1 = _mm512_max_ps(x1, xs);
		a0 = _mm512_min_ps(a0, _mm512_abs_ps(xs));
		s = add(s, xd);
		a = add_by_fma(a, absolute(xd));
		x2 = add_square(x2, xd);
	}
	r->min = _mm512_reduce_min_ps(x0);
	r->max = _mm512_reduce_max_ps(x1);
	r->min_abs = _mm512_reduce_min_ps(a0);
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
	__m512 a = _mm512_set1_ps(INFINITY), b = _mm512_set1_ps(-INFINITY), c = a, d = b;
	int i;

	for (i = 0; i + 32 <= n; i += 32) {
		__m512 v = _mm512_loadu_ps(x + i), w = _mm512_loadu_ps(x + i + 16);

		a = _mm512_min_ps(a, v);
		b = _mm512_max_ps(b, v);
		c = _mm512_min_ps(c, w);
		d = _mm512_max_ps(d, w);
	}
	for (; i < n; i += 16) {
		__mmask16 m = (__mmask16)(n - i >= 16 ? 0xFFFF : (1 << (n - i)) - 1);
		__m512 v = _mm512_maskz_loadu_ps(m, x + i);

		a = _mm512_mask_min_ps(a, m, a, v);
		b = _mm512_mask_max_ps(b, m, b, v);
	}
	*min = _mm512_reduce_min_ps(_mm512_min_ps(a, c));
	*max = _mm512_reduce_max_ps(_mm512_max_ps(b, d));
}

V static int find(const float *x, const float *y, int n, double want)
{
	__m512d w = _mm512_set1_pd(want);
	int i;

	for (i = 0; i + 16 <= n; i += 16) {
		struct acc a = absolute(sub(widen(x + i), widen(y + i)));
		unsigned hit = _mm512_cmp_pd_mask(a.lo, w, _CMP_EQ_OQ) |
			       (unsigned)_mm512_cmp_pd_mask(a.hi, w, _CMP_EQ_OQ) << 8;

		if (hit)
			return i + __builtin_ctz(hit);
	}
	while (i < n && fabs((double)x[i] - y[i]) != want)
		i++;
	return i;
}

/* ---- the fused loop ---- */

struct fused_acc {
	struct acc x2, e2, y2, ae, round;
	__m512i top, top2;              /* largest |e|: doubles >= 0 are ordered like their bits */
	__m512 off;
};

/* A code q is placed in the low bits of 2^23, which makes 2^23 + q without a conversion. */
struct fused_const {
	__m512i two23;
	__m512 two23_zp, scale, inv, round, step;
};

enum { ABS_MAX = 3 | 2 << 2 };  /* larger magnitude, sign cleared */

/* a - b, a + b in the multipliers: the adders have the conversions to do. */
V INLINE __m512 sub_ps(__m512 a, __m512 b)
{
	return _mm512_fmsub_ps(a, _mm512_set1_ps(1), b);
}

V INLINE struct acc sub_by_fma(struct acc a, struct acc b)
{
	__m512d one = _mm512_set1_pd(1);

	return (struct acc){ _mm512_fmsub_pd(a.lo, one, b.lo), _mm512_fmsub_pd(a.hi, one, b.hi) };
}

/* 16 elements, or those of the mask, into all sums but the channel's; x and e as doubles. */
V INLINE void fused_step(struct fused_acc *a, const struct fused_const *c, const float *px,
			 const void *codes, __mmask16 m, bool is_signed, bool local, struct acc *x,
			 struct acc *e)
{
	__m128i q = _mm_maskz_loadu_epi8(m, codes);
	__m512 v = _mm512_maskz_loadu_ps(m, px), y;
	struct acc yd, abs;

	if (is_signed)
		q = _mm_xor_si128(q, _mm_set1_epi8(-128));
	y = _mm512_castsi512_ps(_mm512_or_si512(_mm512_cvtepu8_epi32(q), c->two23));
	y = _mm512_maskz_mul_ps(m, sub_ps(y, c->two23_zp), c->scale);
	*x = m == 0xFFFF ? widen(px) : widen_ps(v);
	yd = widen_ps(y);
	*e = sub_by_fma(*x, yd);
	abs = absolute(*e);
	a->y2 = add_square(a->y2, yd);
	a->ae = add(a->ae, abs);
	a->top = _mm512_max_epu64(a->top, _mm512_castpd_si512(abs.lo));
	a->top2 = _mm512_max_epu64(a->top2, _mm512_castpd_si512(abs.hi));
	if (local) {
		__m512 t = _mm512_fmadd_ps(v, c->inv, c->round);

		t = sub_ps(v, _mm512_mul_ps(sub_ps(t, c->round), c->step));
		a->off = _mm512_range_ps(a->off, t, ABS_MAX);
		a->round = add_square(a->round, widen_ps(t));
	}
}

V INLINE void fused_flush(struct fused_acc *a, struct fused_out *o)
{
	o->x2[o->pieces] = total(a->x2);
	o->e2[o->pieces++] = total(a->e2);
	a->x2 = a->e2 = acc_zero();
}

/* Smallest and largest code: many at a time, before the loop. */
V INLINE void fused_codes(const struct fused_in *in, struct fused_out *o, bool is_signed)
{
	__m512i flip = _mm512_set1_epi8(is_signed ? -128 : 0);
	__m512i low = _mm512_set1_epi8(-1), high = _mm512_setzero_si512();
	__m256i l, h;
	__m128i a, b;
	int i;

	for (i = 0; i < in->n; i += 64) {
		__mmask64 m = in->n - i >= 64 ? ~0ull : (1ull << (in->n - i)) - 1;
		__m512i q = _mm512_maskz_loadu_epi8(m, (const char *)in->codes + i);

		q = _mm512_xor_si512(q, flip);
		low = _mm512_mask_min_epu8(low, m, low, q);
		high = _mm512_mask_max_epu8(high, m, high, q);
	}
	/* as 16-bit words: there is an instruction for the smallest of eight */
	l = _mm256_min_epu8(_mm512_castsi512_si256(low), _mm512_extracti64x4_epi64(low, 1));
	h = _mm256_max_epu8(_mm512_castsi512_si256(high), _mm512_extracti64x4_epi64(high, 1));
	h = _mm256_xor_si256(h, _mm256_set1_epi8(-1));
	a = _mm_min_epu8(_mm256_castsi256_si128(l), _mm256_extracti128_si256(l, 1));
	b = _mm_min_epu8(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
	a = _mm_min_epu8(a, _mm_srli_epi16(a, 8));
	b = _mm_min_epu8(b, _mm_srli_epi16(b, 8));
	a = _mm_minpos_epu16(_mm_and_si128(a, _mm_set1_epi16(255)));
	b = _mm_minpos_epu16(_mm_and_si128(b, _mm_set1_epi16(255)));
	i = is_signed ? 128 : 0;
	fused_range_y(&o->sums, in, (_mm_cvtsi128_si32(a) & 255) - i,
		      (~_mm_cvtsi128_si32(b) & 255) - i);
}

V INLINE void fused(const struct fused_in *in, struct fused_out *o, bool is_signed, bool local)
{
	const char *codes = in->codes;
	struct fused_acc a = {
		acc_zero(), acc_zero(), acc_zero(), acc_zero(), acc_zero(),
		_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_ps()
	};
	struct fused_const c = {
		_mm512_castps_si512(_mm512_set1_ps(0x1p23f)),
		_mm512_set1_ps(0x1p23f + (float)(in->zp + (is_signed ? 128 : 0))),
		_mm512_set1_ps(in->scale), _mm512_set1_ps(in->inv), _mm512_set1_ps(FUSED_ROUND),
		_mm512_set1_ps(in->step)
	};
	int i = 0, n = in->n, cut = in->left;
	struct acc x, e;

	o->pieces = 0;
	fused_codes(in, o, is_signed);
	while (i < n) {
		int stop = (cut < n ? cut : n) & ~15;
		__mmask16 m;

		for (; i < stop; i += 16) {
			fused_step(&a, &c, in->x + i, codes + i, 0xFFFF, is_signed, local, &x, &e);
			a.x2 = add_square(a.x2, x);
			a.e2 = add_square(a.e2, e);
		}
		if (i >= n)
			break;
		/* the end or a boundary is in these 16 */
		m = (__mmask16)(n - i >= 16 ? 0xFFFF : (1 << (n - i)) - 1);
		fused_step(&a, &c, in->x + i, codes + i, m, is_signed, local, &x, &e);
		if (cut < n && cut < i + 16) {
			unsigned before = (1u << (cut - i)) - 1;

			a.x2 = add_square(a.x2, only(x, before));
			a.e2 = add_square(a.e2, only(e, before));
			fused_flush(&a, o);
			x = only(x, ~before);
			e = only(e, ~before);
			cut += in->inner;
		}
		a.x2 = add_square(a.x2, x);
		a.e2 = add_square(a.e2, e);
		i += 16;
	}
	fused_flush(&a, o);
	o->sums.y2 = total(a.y2);
	o->sums.ae = total(a.ae);
	o->sums.max_e = _mm512_reduce_max_pd(_mm512_castsi512_pd(_mm512_max_epu64(a.top, a.top2)));
	o->round = total(a.round);
	o->off = _mm512_reduce_max_ps(a.off);
}

V static void fused_u8(const struct fused_in *in, struct fused_out *out)
{
	if (in->local)
		fused(in, out, false, true);
	else
		fused(in, out, false, false);
}

V static void fused_s8(const struct fused_in *in, struct fused_out *out)
{
	if (in->local)
		fused(in, out, true, true);
	else
		fused(in, out, true, false);
}

/* Set the bits of 16 codes; returns the bitmap as 8 words, twice. Rare: some code is new. */
V static __attribute__((noinline)) __m512i mark(uint64_t *seen, __m512i code)
{
	uint32_t c[16];
	int i;

	_mm512_storeu_si512(c, code);
	for (i = 0; i < 16; i++)
		seen[c[i] >> 6] |= 1ull << (c[i] & 63);
	return _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)seen));
}

V static void local(const float *x, int n, const struct local_quant *q, uint64_t *seen,
		    struct run_local *r)
{
	struct acc round = acc_zero(), clip = round;
	__m512 s = _mm512_set1_ps(q->scale), lo = _mm512_set1_ps(q->lo), hi = _mm512_set1_ps(q->hi);
	__m512i map = _mm512_set1_epi32(-1), one = _mm512_set1_epi32(1);
	struct local_lanes t;
	int i;

	r->n_clipped = 0;
	if (seen)
		map = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)seen));
	for (i = 0; i + 16 <= n; i += 16) {
		__m512 v = _mm512_roundscale_ps(_mm512_div_ps(_mm512_loadu_ps(x + i), s), NEAREST);
		__m512 c = _mm512_min_ps(_mm512_max_ps(v, lo), hi), y = _mm512_mul_ps(c, s);
		unsigned out = _mm512_cmp_ps_mask(c, v, _CMP_NEQ_OQ);
		struct acc yd = { _mm512_cvtps_pd(_mm512_castps512_ps256(y)),
				  _mm512_cvtps_pd(_mm512_extractf32x8_ps(y, 1)) };
		struct acc e = sub(widen(x + i), yd);

		if (__builtin_expect(out == 0, 1)) {
			round = add_square(round, e);
		} else {
			round = add_square(round, only(e, ~out));
			clip = add_square(clip, only(e, out));
			r->n_clipped += __builtin_popcount(out);
		}
		if (seen) {
			__m512i code = _mm512_cvtps_epi32(_mm512_sub_ps(c, lo));
			__m512i word = _mm512_permutexvar_epi32(_mm512_srli_epi32(code, 5), map);
			__m512i bit = _mm512_srlv_epi32(word, _mm512_and_si512(code,
							_mm512_set1_epi32(31)));

			if (__builtin_expect(_mm512_testn_epi32_mask(bit, one) != 0, 0))
				map = mark(seen, code);
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
	struct acc sx = acc_zero(), se = sx, xd;
	int i;

	for (i = 0; i + 16 <= n; i += 16) {
		xd = widen(x + i);
		sx = add_square(sx, xd);
		se = add_square(se, sub(xd, widen(y + i)));
	}
	if (i < n) {    /* lanes past the end add +0 */
		unsigned m = (1u << (n - i)) - 1;

		xd = widen_mask(x + i, m);
		sx = add_square(sx, xd);
		se = add_square(se, sub(xd, widen_mask(y + i, m)));
	}
	*x2 += total(sx);
	*e2 += total(se);
}

V static void chan_last(const float *x, const float *y, int n, double *x2, double *e2)
{
	int i;

	for (i = 0; i < n; i += 8) {
		__mmask8 m = (__mmask8)(n - i >= 8 ? 255 : (1 << (n - i)) - 1);
		__m512d xd = _mm512_cvtps_pd(_mm256_maskz_loadu_ps(m, x + i));
		__m512d e = _mm512_sub_pd(xd, _mm512_cvtps_pd(_mm256_maskz_loadu_ps(m, y + i)));
		__m512d a = _mm512_maskz_loadu_pd(m, x2 + i), b = _mm512_maskz_loadu_pd(m, e2 + i);

		_mm512_mask_storeu_pd(x2 + i, m, _mm512_fmadd_pd(xd, xd, a));
		_mm512_mask_storeu_pd(e2 + i, m, _mm512_fmadd_pd(e, e, b));
	}
}

/* Rounding down in the product too: a negative value too small for float stays below 0. */
V static int bins(const float *x, int n, float inv, bool sparse, uint16_t *idx)
{
	__m512 s = _mm512_set1_ps(inv);
	__m512i half = _mm512_set1_epi32(HIST_HALF);
	int i, out = 0;

	for (i = 0; i < n; i += 16) {
		__mmask16 m = (__mmask16)(n - i >= 16 ? 0xFFFF : (1 << (n - i)) - 1);
		__m512 v = _mm512_mul_round_ps(_mm512_maskz_loadu_ps(m, x + i), s, DOWN);
		__m512i b = _mm512_cvt_roundps_epi32(v, DOWN);

		if (sparse) {
			m = _mm512_mask_test_epi32_mask(m, b, b);
			b = _mm512_maskz_compress_epi32(m, b);
		}
		b = _mm512_add_epi32(b, half);
		_mm256_storeu_si256((void *)(idx + out), _mm512_cvtepi32_epi16(b));
		out += sparse ? __builtin_popcount(m) : 16;
	}
	return sparse ? out : n;
}

/* The operand order lets a NaN through: min and max return their second when one is a NaN. */
V static void clamp(const float *x, int n, float lo, float hi, float *out)
{
	__m512 a = _mm512_set1_ps(lo), b = _mm512_set1_ps(hi);
	int i;

	for (i = 0; i < n; i += 16) {
		__mmask16 m = (__mmask16)(n - i >= 16 ? 0xFFFF : (1 << (n - i)) - 1);
		__m512 v = _mm512_maskz_loadu_ps(m, x + i);

		_mm512_mask_storeu_ps(out + i, m, _mm512_min_ps(b, _mm512_max_ps(a, v)));
	}
}

const struct kernels kernels_avx512 = {
	.dequant_u8 = dequant_u8, .dequant_s8 = dequant_s8,
	.dequant_u16 = dequant_u16, .dequant_s16 = dequant_s16,
	.fused_u8 = fused_u8, .fused_s8 = fused_s8, .range = range, .find = find,
	.sums = sums, .sums_x = sums_x, .moments = moments, .local = local,
	.chan = chan, .chan_last = chan_last, .bins = bins, .clamp = clamp,
};

#else
typedef int stats_no_avx512;
#endif
