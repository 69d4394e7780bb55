/* NumPy's sums, logarithm, edges and roundings. */
#include "quant/numeric.h"

#include <math.h>
#include <string.h>

#include "tensor/dtype.h"
#include "tensor/tensor.h"

enum { SUM_BLOCK = 128 };

/* Halves are a multiple of 8 long. The empty sum starts at -0, so that -0 + -0 stays -0. */
#define DEFINE_SUM(NAME, T)                                                                     \
T NAME(const T *a, int64_t n)                                                                   \
{                                                                                               \
	T r[8], sum = (T)-0.0;                                                                  \
	int64_t i, half;                                                                        \
												\
	if (n > SUM_BLOCK) {                                                                    \
		half = n / 2 - n / 2 % 8;                                                       \
		return NAME(a, half) + NAME(a + half, n - half);                                \
	}                                                                                       \
	if (n < 8) {                                                                            \
		for (i = 0; i < n; i++)                                                         \
			sum += a[i];                                                            \
		return sum;                                                                     \
	}                                                                                       \
	memcpy(r, a, sizeof(r));                                                                \
	for (i = 8; i < n - n % 8; i += 8) {                                                    \
		for (int k = 0; k < 8; k++)                                                     \
			r[k] += a[i + k];                                                       \
	}                                                                                       \
	sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));                \
	for (; i < n; i++)                                                                      \
		sum += a[i];                                                                    \
	return sum;                                                                             \
}

DEFINE_SUM(np_sum_f32, float)
DEFINE_SUM(np_sum_f64, double)

const float np_log_p[6] = {
	0, 9.999999999999998702752e-01f, 2.112677543073053063722f, 1.480000633576506585156f,
	3.808837741388407920751e-01f, 2.589979117907922693523e-02f,
};
const float np_log_q[6] = {
	1, 2.612677543073109236779f, 2.453006071784736363091f, 9.864942958519418960339e-01f,
	1.546476374983906719538e-01f, 5.875095403124574342950e-03f,
};

/* A quotient of polynomials in the mantissa less 1, after frexp with the mantissa in (sqrt(1/2), sqrt(2)]. */
float np_log_f32(float x)
{
	float m, num = np_log_p[5], den = np_log_q[5];
	int e, i;

	if (!(x > 0) || isinf(x))
		return logf(x);
	m = frexpf(x, &e);
	if (m <= 0.70710678118654752440f) {
		m *= 2;
		e--;
	}
	m -= 1;
	for (i = 4; i >= 0; i--) {
		num = fmaf(num, m, np_log_p[i]);
		den = fmaf(den, m, np_log_q[i]);
	}
	return fmaf((float)e, 0.6931471805599453f, num / den);
}

struct np_edges np_edges_make(float lo, float hi, int64_t n)
{
	return (struct np_edges){ .lo = lo, .hi = hi, .step = (hi - lo) / (float)n, .n = n };
}

/* A step of 0 has underflowed: linspace then divides first. */
float np_edge(const struct np_edges *e, int64_t i)
{
	if (i == e->n)
		return e->hi;
	if (e->step == 0)
		return (float)i / (float)e->n * (e->hi - e->lo) + e->lo;
	return (float)i * e->step + e->lo;
}

/* The mean and the variance are divided by an int64, hence as doubles. */
float np_std_f32(const float *a, int64_t n, float *scratch)
{
	float mean;
	int64_t i;

	if (!n)
		return NAN;
	mean = (float)((double)np_sum_f32(a, n) / (double)n);
	for (i = 0; i < n; i++) {
		scratch[i] = a[i] - mean;
		scratch[i] *= scratch[i];
	}
	return sqrtf((float)((double)np_sum_f32(scratch, n) / (double)n));
}

/* Through a float rounded to odd, which keeps what the second rounding needs to know. */
static double round_f16(double v)
{
	float f = (float)v;
	uint32_t u;

	if ((double)f != v && v == v) {
		memcpy(&u, &f, sizeof(u));
		if (fabs((double)f) > fabs(v))
			u--;
		u |= 1;
		memcpy(&f, &u, sizeof(f));
	}
	return tensor_f16_to_f32(tensor_f32_to_f16(f));
}

double np_round_to(int dtype, double v)
{
	return dtype == DT_FLOAT ? (double)(float)v : dtype == DT_FLOAT16 ? round_f16(v) : v;
}
