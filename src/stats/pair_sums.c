/* Adding up what pairs of different samples gave; knows nothing of tensors. */
#include "stats/pair.h"

#include <math.h>

void pair_sums_init(struct pair_sums *s)
{
	*s = (struct pair_sums){
		.max_index = -1,
		.min_x = INFINITY, .max_x = -INFINITY, .min_y = INFINITY, .max_y = -INFINITY,
		.scale_min = INFINITY, .scale_max = -INFINITY,
		.zp_min = INT32_MAX, .zp_max = INT32_MIN,
	};
}

void pair_sums_add(struct pair_sums *dst, const struct pair_sums *src)
{
	dst->n += src->n;
	dst->nonfinite_x += src->nonfinite_x;
	dst->nonfinite_y += src->nonfinite_y;
	dst->sum_x2 += src->sum_x2;
	dst->sum_y2 += src->sum_y2;
	dst->sum_e2 += src->sum_e2;
	dst->sum_abs_e += src->sum_abs_e;
	if (src->max_abs_e > dst->max_abs_e) {
		dst->max_abs_e = src->max_abs_e;
		dst->max_index = src->max_index;
	}
	dst->min_x = fmin(dst->min_x, src->min_x);
	dst->max_x = fmax(dst->max_x, src->max_x);
	dst->min_y = fmin(dst->min_y, src->min_y);
	dst->max_y = fmax(dst->max_y, src->max_y);
	dst->n_local += src->n_local;
	dst->n_clipped += src->n_clipped;
	dst->sum_e2_round += src->sum_e2_round;
	dst->sum_e2_clip += src->sum_e2_clip;
	dst->sum_e2_steps += src->sum_e2_steps;
	dst->scale_min = fmin(dst->scale_min, src->scale_min);
	dst->scale_max = fmax(dst->scale_max, src->scale_max);
	dst->zp_min = src->zp_min < dst->zp_min ? src->zp_min : dst->zp_min;
	dst->zp_max = src->zp_max > dst->zp_max ? src->zp_max : dst->zp_max;
	dst->n_pre += src->n_pre;
	dst->nonfinite_pre += src->nonfinite_pre;
	dst->sum_p2 += src->sum_p2;
	dst->sum_pe2 += src->sum_pe2;
}

void pair_codes_merge(struct pair_codes *dst, const struct pair_codes *src)
{
	int i;

	for (i = 0; i < 4; i++)
		dst->seen[i] |= src->seen[i];
}

int pair_codes_used(const struct pair_codes *c)
{
	return __builtin_popcountll(c->seen[0]) + __builtin_popcountll(c->seen[1]) +
	       __builtin_popcountll(c->seen[2]) + __builtin_popcountll(c->seen[3]);
}

double pair_sum_xy(const struct pair_sums *s)
{
	return (s->sum_x2 + s->sum_y2 - s->sum_e2) / 2;
}
