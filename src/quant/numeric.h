/* quant/numeric.h - private to src/quant: NumPy's arithmetic where its order or its rounding shows in a result.
 *
 * reference.md 0.1 to 0.8. Knows nothing of quantization. Pure; any thread. Needs round-to-nearest and no contraction
 * of products and sums (the Makefile's -ffp-contract=off).
 */
#ifndef QUANT_NUMERIC_H
#define QUANT_NUMERIC_H

#include <stdint.h>

/* np.sum of a contiguous array, in its own type: blocks of at most 128, eight lanes each. */
float np_sum_f32(const float *a, int64_t n);
double np_sum_f64(const double *a, int64_t n);

/* np.log of a float32 (> 0 and finite; others as logf), on a CPU with fused multiply-add. */
float np_log_f32(float x);
extern const float np_log_p[6], np_log_q[6];    /* its polynomials */

/* Edge i of np.linspace(lo, hi, n + 1): two roundings; the last is hi itself. */
struct np_edges {
	float lo, hi, step;     /* step = (hi - lo) / n */
	int64_t n;
};

struct np_edges np_edges_make(float lo, float hi, int64_t n);
float np_edge(const struct np_edges *e, int64_t i);

/* np.std of float32, in float32. `scratch` has n floats. NaN for n == 0. */
float np_std_f32(const float *a, int64_t n, float *scratch);

/* v rounded once to the type: DT_FLOAT, DT_FLOAT16; others unchanged. */
double np_round_to(int dtype, double v);

#endif
