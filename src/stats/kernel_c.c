/* The kernels in plain C: the definition the vector versions are tested against. */
#include "stats/kernel.h"

#include <math.h>

#define DEQUANT(name, T)                                                                \
static void name(const void *q, int n, int32_t zp, float scale, float *y)               \
{                                                                                       \
	const T *p = q;                                                                 \
	for (int i = 0; i < n; i++)                                                     \
		y[i] = (float)(p[i] - zp) * scale;                                      \
}
DEQUANT(dequant_u8, uint8_t)
DEQUANT(dequant_s8, int8_t)
DEQUANT(dequant_u16, uint16_t)
DEQUANT(dequant_s16, int16_t)

/* A NaN or an infinity in any lane is one in the total: terms are not negative, and sums of squares
 * of floats do not overflow. */
static bool sums(const float *x, const float *y, int n, struct run_sums *r)
{
	struct sum_lanes l = { 0 };
	int i;

	sum_range_empty(r);
	for (i = 0; i < n; i++)
		sum_one(&l, r, i & (PAIR_LANES - 1), x[i], y[i]);
	sum_totals(r, &l);
	return isfinite(r->e2);
}

static bool sums_x(const float *x, int n, struct run_sums *r)
{
	struct sum_lanes l = { 0 };
	int i;

	sum_range_empty(r);
	for (i = 0; i < n; i++)
		sum_x_one(&l, r, i & (PAIR_LANES - 1), x[i]);
	sum_totals(r, &l);
	return isfinite(r->x2);
}

static bool moments(const float *x, int n, struct run_moments *r)
{
	struct moment_lanes l = { 0 };
	int i;

	moment_range_empty(r);
	for (i = 0; i < n; i++)
		moment_one(&l, r, i & (PAIR_LANES - 1), x[i]);
	moment_totals(r, &l);
	return isfinite(r->x2);
}

static void range(const float *x, int n, float *min, float *max)
{
	*min = INFINITY;
	*max = -INFINITY;
	for (int i = 0; i < n; i++) {
		*min = x[i] < *min ? x[i] : *min;
		*max = x[i] > *max ? x[i] : *max;
	}
}

static int find(const float *x, const float *y, int n, double e)
{
	int i;

	for (i = 0; i < n && fabs((double)x[i] - y[i]) != e; i++)
		;
	return i;
}

static void flush(struct fused_out *o, struct sum_lanes *l)
{
	int k;

	o->x2[o->pieces] = lanes_total(l->x2);
	o->e2[o->pieces++] = lanes_total(l->e2);
	for (k = 0; k < PAIR_LANES; k++)
		l->x2[k] = l->e2[k] = 0;
}

static void fused(const struct fused_in *in, struct fused_out *o, int flip)
{
	const unsigned char *q = in->codes;
	struct sum_lanes l = { 0 };
	double round[PAIR_LANES] = { 0 };
	int i, cut = in->left, min = 255, max = -128;

	o->pieces = 0;
	o->off = 0;
	sum_range_empty(&o->sums);
	for (i = 0; i < in->n; i++) {
		int c = (q[i] ^ flip) - flip, k = i & (PAIR_LANES - 1);

		if (i == cut) {
			flush(o, &l);
			cut += in->inner;
		}
		min = c < min ? c : min;
		max = c > max ? c : max;
		sum_one(&l, &o->sums, k, in->x[i], (float)(c - in->zp) * in->scale);
		if (in->local) {
			float t = fmaf(in->x[i], in->inv, FUSED_ROUND) - FUSED_ROUND;
			float e = in->x[i] - t * in->step;

			round[k] += (double)e * e;
			o->off = fabsf(e) > o->off ? fabsf(e) : o->off;
		}
	}
	flush(o, &l);
	o->sums.y2 = lanes_total(l.y2);
	o->sums.ae = lanes_total(l.ae);
	o->round = lanes_total(round);
	fused_range_y(&o->sums, in, min, max);
}

static void fused_u8(const struct fused_in *in, struct fused_out *out)
{
	fused(in, out, 0);
}

static void fused_s8(const struct fused_in *in, struct fused_out *out)
{
	fused(in, out, 128);
}

static void local(const float *x, int n, const struct local_quant *q, uint64_t *seen,
		  struct run_local *r)
{
	struct local_lanes l = { 0 };
	int i;

	r->n_clipped = 0;
	for (i = 0; i < n; i++)
		local_one(&l, r, q, i & (PAIR_LANES - 1), x[i], x[i], seen);
	r->round = lanes_total(l.round);
	r->clip = lanes_total(l.clip);
}

static void chan(const float *x, const float *y, int n, double *x2, double *e2)
{
	double lx[PAIR_LANES] = { 0 }, le[PAIR_LANES] = { 0 };
	int i;

	for (i = 0; i < n; i++) {
		double e = (double)x[i] - y[i];

		lx[i & (PAIR_LANES - 1)] += (double)x[i] * x[i];
		le[i & (PAIR_LANES - 1)] = fma(e, e, le[i & (PAIR_LANES - 1)]);
	}
	*x2 += lanes_total(lx);
	*e2 += lanes_total(le);
}

static void chan_last(const float *x, const float *y, int n, double *x2, double *e2)
{
	int i;

	for (i = 0; i < n; i++) {
		double e = (double)x[i] - y[i];

		x2[i] += (double)x[i] * x[i];
		e2[i] = fma(e, e, e2[i]);
	}
}

/* In double: the product is exact even where float would lose a denormal's sign. */
static int bins(const float *x, int n, float inv, bool sparse, uint16_t *idx)
{
	int i;

	(void)sparse;
	for (i = 0; i < n; i++)
		idx[i] = (uint16_t)((int)floor((double)x[i] * inv) + HIST_HALF);
	return n;
}

static void clamp(const float *x, int n, float lo, float hi, float *out)
{
	int i;

	for (i = 0; i < n; i++)
		out[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}

const struct kernels kernels_c = {
	.dequant_u8 = dequant_u8, .dequant_s8 = dequant_s8,
	.dequant_u16 = dequant_u16, .dequant_s16 = dequant_s16,
	.fused_u8 = fused_u8, .fused_s8 = fused_s8, .range = range, .find = find,
	.sums = sums, .sums_x = sums_x, .moments = moments, .local = local,
	.chan = chan, .chan_last = chan_last, .bins = bins, .clamp = clamp,
};

const struct kernels *kernels_for(enum pair_level level)
{
#ifdef STATS_X86
	if (level != PAIR_LEVEL_C && level != PAIR_LEVEL_AVX2 &&
	    pair_level_supported(PAIR_LEVEL_AVX512))
		return &kernels_avx512;
	if (level != PAIR_LEVEL_C && pair_level_supported(PAIR_LEVEL_AVX2))
		return &kernels_avx2;
#else
	(void)level;
#endif
	return &kernels_c;
}

bool pair_level_supported(enum pair_level level)
{
	switch (level) {
	case PAIR_LEVEL_AUTO:
	case PAIR_LEVEL_C:
		return true;
#ifdef STATS_X86
	case PAIR_LEVEL_AVX2:
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
	case PAIR_LEVEL_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
	default:
		return false;
	}
}

const char *pair_level_name(enum pair_level level)
{
	static const char *const name[PAIR_LEVELS] = { "auto", "c", "avx2", "avx512" };

	return (unsigned)level < PAIR_LEVELS ? name[level] : "?";
}
