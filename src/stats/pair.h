/* stats/pair.h - statistics of one pair (float tensor x, quantized tensor y), one pass.
 *
 * Definitions (interface.md 4, design.md 5). An element is *counted* when x is finite and, unless
 * there is no y, y is finite; all other elements are left out of everything but the non-finite
 * counts.
 *   y       codes q: (float)(q - zp) * scale in float32, the difference taken exactly, as ONNX
 *           DequantizeLinear does; float y as it is
 *   e       x - y in double
 *   local   what the quantizer does to x: c = rint(x / scale) with one float32 division and
 *           halves to even; clipped when c + zp lies outside [qmin, qmax], then saturated;
 *           y' = (float)c * scale in float32, e' = x - y' in double. x of type double is rounded
 *           to float for c only
 *   pre     p = the quantizer's real input clamped to [lo, hi], pe = p - y in double; elements
 *           with non-finite p are left out of sum_p2 and sum_pe2 alone
 *
 * Summation order, the same on every CPU. A tensor is cut into blocks of PAIR_BLOCK consecutive
 * elements; a run is a block or, for channel sums and a per-axis local quantizer, the part of one
 * channel that lies in a block. A run has 16 double lanes that start at 0; its element i adds to
 * lane i mod 16: an |e| with one addition, a square with one fused multiply-add. Then lane k + 8 is
 * added to lane k, k + 4, k + 2, k + 1, and this total is added to struct pair_sums or the channel.
 * When x is float32, y holds 8-bit codes of one quantizer and channels are at least 16 elements
 * wide, one loop does it all, and two things differ: lanes of channel runs are counted from the
 * start of the block (i mod 16 of the block's element i), and sum_x2 and sum_e2 of a block are
 * their runs' totals, added in order. Blocks with a non-finite element are not among those.
 * Level of instruction set, alignment and thread change no bit of any result. Terms are exact or
 * rounded to double, so every sum is within n * 2^-53 of the exact sum of the definitions above.
 *
 * Everything here is pure: no allocation, no globals, no I/O; calls on different outputs may run
 * in parallel. Up to 64 KiB of stack per call.
 */
#ifndef STATS_PAIR_H
#define STATS_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#include "stats/hist.h"

enum { PAIR_BLOCK = 1024, PAIR_LANES = 16 };

enum pair_kind {
	PAIR_X_ONLY,    /* there is no y: n, x and local statistics only */
	PAIR_CODES,     /* y holds codes of a quantizer */
	PAIR_FLOAT,     /* y holds values */
};

/* Which kernels to use. AUTO is the best this CPU has; the others are for tests and benchmarks
 * (ask pair_level_supported first). */
enum pair_level { PAIR_LEVEL_AUTO, PAIR_LEVEL_C, PAIR_LEVEL_AVX2, PAIR_LEVEL_AVX512, PAIR_LEVELS };

/* A linear quantizer. Arrays are borrowed. */
struct pair_quant {
	const float *scale;     /* `count` values; NULL: there is no such quantizer */
	const int32_t *zp;      /* `count` values; NULL: all 0 */
	int64_t count;          /* 1 (per-tensor) or the size of `axis` */
	int axis;               /* only read when count > 1 */
	int32_t qmin, qmax;     /* only read for the local quantizer; codes' range */
};

struct pair_spec {
	enum pair_kind kind;
	struct pair_quant code;         /* PAIR_CODES: how to read y (of the codes really in y) */
	struct pair_quant local;        /* scale NULL: no local statistics */
	float lo, hi;                   /* clamp of `pre`; only read when there is one */
	int channel_axis;               /* of the channel sums; -1: none */
	int hist_every;                 /* count every k-th block only (hist.n tells); 0, 1: all */
	enum pair_level level;
};

/* Pointers are borrowed for the call; no alignment beyond the element's is needed. y and pre have
 * x's shape. Types are enum dtype: x, pre and float y one of the float tensor types, codes any
 * quantized type (4-bit: packed, low nibble first). */
struct pair_input {
	const void *x, *y, *pre;        /* pre NULL: none; y is not read for PAIR_X_ONLY */
	int x_dtype, y_dtype, pre_dtype;
	int rank;
	const int64_t *dims;
};

/* Plain data of fixed size. Make it with pair_sums_init. */
struct pair_sums {
	int64_t n;                      /* counted elements */
	int64_t nonfinite_x, nonfinite_y;
	double sum_x2, sum_y2, sum_e2, sum_abs_e;
	double max_abs_e;
	int64_t max_index;              /* first flat index with that |e|; -1: no error at all */
	double min_x, max_x;            /* +inf, -inf while n is 0; never -0 */
	double min_y, max_y;
	/* local quantizer */
	int64_t n_local, n_clipped;
	double sum_e2_round, sum_e2_clip;       /* e'^2 of elements within, outside the limits */
	double sum_e2_steps;                    /* sum of (e' / scale)^2 */
	double scale_min, scale_max;            /* of the quantizers seen: differ when dynamic */
	int32_t zp_min, zp_max;
	/* quantizer's real input */
	int64_t n_pre, nonfinite_pre;
	double sum_p2, sum_pe2;
};

/* Codes of the local quantizer that occurred: bit (code - qmin). Only kept when the quantizer is
 * per-tensor or per-axis with at most 256 codes. */
struct pair_codes {
	uint64_t seen[4];
};

void pair_sums_init(struct pair_sums *s);

/* Add one tensor to *sums and, where not NULL, *hist (of x), *codes, and the channel sums (both or
 * none, and not for PAIR_X_ONLY; dims[channel_axis] doubles each, zeroed by the caller before the
 * first call).
 * False, with nothing changed, when types or shapes are none of the above: unknown type, an axis
 * outside the rank, count neither 1 nor that axis's size, a negative dimension.
 * A local quantizer whose scale is not a positive finite number is as good as none; so is one with
 * |qmin - zp| or |qmax - zp| above 2^24. An empty tensor is fine and adds nothing. */
bool pair_accumulate(const struct pair_spec *spec, const struct pair_input *in,
		     struct pair_sums *sums, struct hist *hist, struct pair_codes *codes,
		     double *chan_x2, double *chan_e2);

/* dst += src, each field by one addition (or minimum, maximum): the bits depend on the order, so
 * fold samples in sample order. max_index stays with the earlier of equals. */
void pair_sums_add(struct pair_sums *dst, const struct pair_sums *src);
void pair_codes_merge(struct pair_codes *dst, const struct pair_codes *src);
int pair_codes_used(const struct pair_codes *c);

/* Sum of x*y from the three squares. */
double pair_sum_xy(const struct pair_sums *s);

bool pair_level_supported(enum pair_level level);
const char *pair_level_name(enum pair_level level);

#endif
