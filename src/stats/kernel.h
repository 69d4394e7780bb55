/* stats/kernel.h - private to src/stats: the inner loops, once per instruction set.
 *
 * Every level computes the same bits (the order is fixed in stats/pair.h). Squares are added with
 * one fused rounding; the square of a double that came from a float is exact, so for those a
 * product and an addition are the same.
 * A kernel works on one run. The ones that take any values return false, with no result, when they
 * meet a NaN or an infinity; the caller then takes the element-wise path.
 */
#ifndef STATS_KERNEL_H
#define STATS_KERNEL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "stats/pair.h"

/* Results for one run; the caller adds them up. */
struct run_sums {
	double x2, y2, e2, ae;
	double max_e;
	float min_x, max_x, min_y, max_y;
};

struct run_moments {
	double sum, abs, x2;
	float min, max, min_abs;
};

struct run_local {
	double round, clip;
	int64_t n_clipped;
};

/* Lanes in memory: the C kernels and tails. */
struct sum_lanes {
	double x2[PAIR_LANES], y2[PAIR_LANES], e2[PAIR_LANES], ae[PAIR_LANES];
};

struct moment_lanes {
	double sum[PAIR_LANES], abs[PAIR_LANES], x2[PAIR_LANES];
};

struct local_lanes {
	double round[PAIR_LANES], clip[PAIR_LANES];
};

struct local_quant {
	float scale;
	float lo, hi;           /* qmin - zp, qmax - zp: exact, below 2^24 */
};

/* The common case in one loop: float x, 8-bit codes of one quantizer, channels of at least 16.
 *
 * The local code c is guessed as x * inv rounded, and e' = x - fl(c * scale) taken in float. A
 * guess with |e'| <= FUSED_NEAR * scale is proven right, whatever inv was:
 *   |x / scale - c| <= FUSED_NEAR + |c| * 2^-24            (rounding of c * scale)
 *   |fl(x / scale) - c| <= FUSED_NEAR + (2 |c| + 1) * 2^-24 < 1/2     for |c| <= FUSED_CODE
 * so the quotient rounds to c. Then also x is within a factor 2 of c * scale, or c is 0: the
 * difference is exact, and e' is the one stats/pair.h asks for. A block whose largest |e'| is
 * above that takes the kernel with the division, and so does one where the code of the smallest or
 * of the largest x is clipped. */
#define FUSED_NEAR 0.49996f
#define FUSED_SCALE_MIN 0x1p-100f       /* so that nothing above is subnormal or overflows */
#define FUSED_SCALE_MAX 0x1p100f
#define FUSED_ROUND 0x1.8p23f           /* t + this - this = rint(t) for |t| < 2^22 */
enum {
	FUSED_CODE = 300,
	FUSED_ZERO = 1 << 16,           /* largest zero point */
	FUSED_INNER = 16,
	FUSED_PIECES = PAIR_BLOCK / FUSED_INNER + 2,
};

struct fused_in {
	const float *x;
	const void *codes;
	int n;                  /* 1 ... PAIR_BLOCK */
	int left, inner;        /* elements before the first boundary, > 0; between two, >= 16 */
	int32_t zp;
	float scale;
	bool local;             /* guess local codes; all x within the limits */
	float step, inv;        /* local scale, its reciprocal */
};

struct fused_out {
	struct run_sums sums;   /* y2, ae, max_e, min_y, max_y */
	int pieces;             /* runs between boundaries, at least one */
	double x2[FUSED_PIECES], e2[FUSED_PIECES];
	double round;           /* sum of e'^2 and largest |e'|, with `local` */
	float off;
};

/* y[i] = (float)(q[i] - zp) * scale; |zp| <= 2^24 */
typedef void dequant_fn(const void *q, int n, int32_t zp, float scale, float *y);

struct kernels {
	dequant_fn *dequant_u8, *dequant_s8, *dequant_u16, *dequant_s16;
	/* n >= 1; NaN and infinities in x come out as such in e2 */
	void (*fused_u8)(const struct fused_in *in, struct fused_out *out);
	void (*fused_s8)(const struct fused_in *in, struct fused_out *out);
	/* smallest and largest; any value when there are NaNs */
	void (*range)(const float *x, int n, float *min, float *max);
	/* first i with |x[i] - y[i]| == e, or n */
	int (*find)(const float *x, const float *y, int n, double e);
	bool (*sums)(const float *x, const float *y, int n, struct run_sums *r);
	bool (*sums_x)(const float *x, int n, struct run_sums *r);
	bool (*moments)(const float *x, int n, struct run_moments *r);
	/* finite values only, from here on; seen: 4 words, bit = code - qmin, NULL: not wanted */
	void (*local)(const float *x, int n, const struct local_quant *q, uint64_t *seen,
		      struct run_local *r);
	/* one run of a channel: its sums of x^2 and e^2 */
	void (*chan)(const float *x, const float *y, int n, double *x2, double *e2);
	/* one element per channel: x2[i] += x[i]^2, e2[i] += e[i]^2 */
	void (*chan_last)(const float *x, const float *y, int n, double *x2, double *e2);
	/* floor(x[i] * inv) + HIST_HALF into idx, in order; inv a power of two, results in range.
	 * With `sparse`, elements of bin HIST_HALF may be left out: after a Relu they are most of
	 * them. Returns how many were written; idx needs room for 16 more. */
	int (*bins)(const float *x, int n, float inv, bool sparse, uint16_t *idx);
	/* out[i] = x[i] clamped to [lo, hi]; a NaN stays one */
	void (*clamp)(const float *x, int n, float lo, float hi, float *out);
};

extern const struct kernels kernels_c;
#if defined(__x86_64__) && defined(__GNUC__)
#define STATS_X86 1
extern const struct kernels kernels_avx2, kernels_avx512;
#endif

/* The table for a level; AUTO, and a level this CPU lacks, give the best there is. */
const struct kernels *kernels_for(enum pair_level level);

/* Lane k+8 to k, then k+4, k+2, k+1. */
static inline double lanes_total(const double *lane)
{
	double t[8];
	int k;

	for (k = 0; k < 8; k++)
		t[k] = lane[k] + lane[k + 8];
	for (k = 0; k < 4; k++)
		t[k] += t[k + 4];
	return (t[0] + t[2]) + (t[1] + t[3]);
}

static inline void sum_range_empty(struct run_sums *r)
{
	r->min_x = r->min_y = INFINITY;
	r->max_x = r->max_y = -INFINITY;
	r->max_e = 0;
}

static inline void sum_totals(struct run_sums *r, const struct sum_lanes *l)
{
	r->x2 = lanes_total(l->x2);
	r->y2 = lanes_total(l->y2);
	r->e2 = lanes_total(l->e2);
	r->ae = lanes_total(l->ae);
}

/* y grows or, with a negative scale, falls with the code. */
static inline void fused_range_y(struct run_sums *r, const struct fused_in *in, int min, int max)
{
	float a = (float)(min - in->zp) * in->scale, b = (float)(max - in->zp) * in->scale;

	r->min_y = a < b ? a : b;
	r->max_y = a < b ? b : a;
}

static inline void moment_range_empty(struct run_moments *r)
{
	r->min = r->min_abs = INFINITY;
	r->max = -INFINITY;
}

static inline void moment_totals(struct run_moments *r, const struct moment_lanes *l)
{
	r->sum = lanes_total(l->sum);
	r->abs = lanes_total(l->abs);
	r->x2 = lanes_total(l->x2);
}

/* Single elements, for tails; `k` is the lane. */

static inline void sum_x_one(struct sum_lanes *l, struct run_sums *r, int k, float x)
{
	l->x2[k] += (double)x * x;
	r->min_x = x < r->min_x ? x : r->min_x;
	r->max_x = x > r->max_x ? x : r->max_x;
}

static inline void sum_one(struct sum_lanes *l, struct run_sums *r, int k, float x, float y)
{
	double e = (double)x - y, a = fabs(e);

	sum_x_one(l, r, k, x);
	l->y2[k] += (double)y * y;
	l->e2[k] = fma(e, e, l->e2[k]);
	l->ae[k] += a;
	r->min_y = y < r->min_y ? y : r->min_y;
	r->max_y = y > r->max_y ? y : r->max_y;
	r->max_e = a > r->max_e ? a : r->max_e;
}

static inline void moment_one(struct moment_lanes *l, struct run_moments *r, int k, float x)
{
	float a = fabsf(x);

	l->sum[k] += x;
	l->abs[k] += a;
	l->x2[k] += (double)x * x;
	r->min = x < r->min ? x : r->min;
	r->max = x > r->max ? x : r->max;
	r->min_abs = a < r->min_abs ? a : r->min_abs;
}

/* round half to even, saturate; *unsaturated may be infinite, never NaN */
static inline float local_code(const struct local_quant *q, float x, float *unsaturated)
{
	float t = *unsaturated = rintf(x / q->scale);

	return t < q->lo ? q->lo : t > q->hi ? q->hi : t;
}

/* The quantizer on one value; `x` is what e' is taken from (x64 differs for type double). */
static inline void local_one(struct local_lanes *l, struct run_local *r,
			     const struct local_quant *q, int k, float x, double x64,
			     uint64_t *seen)
{
	float t, c = local_code(q, x, &t);
	double e = x64 - c * q->scale;

	if (c != t) {
		l->clip[k] = fma(e, e, l->clip[k]);
		r->n_clipped++;
	} else {
		l->round[k] = fma(e, e, l->round[k]);
	}
	if (seen) {
		unsigned bit = (unsigned)(c - q->lo);

		seen[bit >> 6] |= 1ull << (bit & 63);
	}
}

#endif
