/* stats/metric.h - interface.md section 4 as functions of sums. Pure. */
#ifndef STATS_METRIC_H
#define STATS_METRIC_H

#include <stdint.h>

/* Why a number is there or not. */
enum metric_state {
	METRIC_NONE,            /* nothing was measured: null */
	METRIC_VALUE,
	METRIC_EXACT,           /* error zero: null and `exact` */
	METRIC_ZERO_SIGNAL,     /* an error on a signal of zero: null and `zero_signal` */
};

/* 10 log10(x2 / e2) in dB over n elements; *db is NaN unless METRIC_VALUE. */
enum metric_state metric_sqnr(int64_t n, double sum_x2, double sum_e2, double *db);

/* The rest give NaN where the interface says null. */

/* xy / sqrt(x2 * y2) with xy = (x2 + y2 - e2) / 2; within [-1, 1]; NaN when either is all zero. */
double metric_cosine(double sum_x2, double sum_y2, double sum_e2);
double metric_mse(int64_t n, double sum_e2);
/* sqrt(mean (e/s)^2) from pair_sums.sum_e2_steps; 0.289 is pure rounding. */
double metric_rmse_over_scale(int64_t n_local, double sum_e2_steps);
double metric_fraction(int64_t part, int64_t whole);

#endif
