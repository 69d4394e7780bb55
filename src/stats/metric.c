/* Metrics from sums; no state. */
#include "stats/metric.h"

#include <math.h>

enum metric_state metric_sqnr(int64_t n, double sum_x2, double sum_e2, double *db)
{
	*db = NAN;
	if (n <= 0)
		return METRIC_NONE;
	if (sum_e2 == 0)
		return METRIC_EXACT;
	if (sum_x2 == 0)
		return METRIC_ZERO_SIGNAL;
	*db = 10 * log10(sum_x2 / sum_e2);
	return METRIC_VALUE;
}

double metric_cosine(double sum_x2, double sum_y2, double sum_e2)
{
	double c;

	if (!(sum_x2 > 0) || !(sum_y2 > 0))
		return NAN;
	if (sum_e2 == 0)
		return 1;
	/* roots apart: the product of two sums of denormals underflows */
	c = (sum_x2 + sum_y2 - sum_e2) / 2 / sqrt(sum_x2) / sqrt(sum_y2);
	return c > 1 ? 1 : c < -1 ? -1 : c;
}

double metric_mse(int64_t n, double sum_e2)
{
	return n > 0 ? sum_e2 / (double)n : NAN;
}

double metric_rmse_over_scale(int64_t n_local, double sum_e2_steps)
{
	return n_local > 0 ? sqrt(sum_e2_steps / (double)n_local) : NAN;
}

double metric_fraction(int64_t part, int64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : NAN;
}
