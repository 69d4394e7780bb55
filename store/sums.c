/* Folding the sums of blocks: in the order given, so that equal orders give equal bits.  No SQL. */
#include "store/write.h"

#include <math.h>

void store_sums_init(struct store_sums *s)
{
	*s = (struct store_sums){
		.min_x = NAN, .max_x = NAN, .min_y = NAN, .max_y = NAN, .scale_min = NAN,
			.scale_max = NAN,
		.zero_min = STORE_NONE, .zero_max = STORE_NONE, .n_equal = STORE_NONE,
		.worst_sample = STORE_NONE, .worst_ratio = NAN,
	};
}

static void fold_range(double *lo, double *hi, double other_lo, double other_hi)
{
	*lo = fmin(*lo, other_lo);      /* fmin and fmax pass over NaN */
	*hi = fmax(*hi, other_hi);
}

void store_sums_fold(struct store_sums *t, const struct store_sums *b)
{
	t->n_samples += b->n_samples;
	if (b->n > 0 && (t->n == 0 || b->max_abs_e > t->max_abs_e)) {
		t->max_abs_e = b->max_abs_e;
		t->max_at = b->max_at;
		t->max_sample = b->max_sample;
	}
	t->n += b->n;
	t->sum_x2 += b->sum_x2;
	t->sum_e2 += b->sum_e2;
	t->sum_abs_e += b->sum_abs_e;
	t->sum_y2 += b->sum_y2;
	fold_range(&t->min_x, &t->max_x, b->min_x, b->max_x);
	fold_range(&t->min_y, &t->max_y, b->min_y, b->max_y);
	fold_range(&t->scale_min, &t->scale_max, b->scale_min, b->scale_max);
	t->bad_x += b->bad_x;
	t->bad_y += b->bad_y;
	t->n_local += b->n_local;
	t->sum_round2 += b->sum_round2;
	t->sum_clip2 += b->sum_clip2;
	t->n_clipped += b->n_clipped;
	t->n_pre += b->n_pre;
	t->sum_pre2 += b->sum_pre2;
	t->sum_pre_e2 += b->sum_pre_e2;
	t->n_argmax += b->n_argmax;
	t->n_argmax_equal += b->n_argmax_equal;
	if (b->n_equal != STORE_NONE)
		t->n_equal = t->n_equal == STORE_NONE ? b->n_equal : t->n_equal + b->n_equal;
	if (b->zero_min != STORE_NONE && (t->zero_min == STORE_NONE || b->zero_min < t->zero_min))
		t->zero_min = b->zero_min;
	if (b->zero_max != STORE_NONE && (t->zero_max == STORE_NONE || b->zero_max > t->zero_max))
		t->zero_max = b->zero_max;
	if (b->worst_sample != STORE_NONE && (t->worst_sample == STORE_NONE ||
					      b->worst_ratio > t->worst_ratio)) {
		t->worst_sample = b->worst_sample;
		t->worst_ratio = b->worst_ratio;
	}
}
