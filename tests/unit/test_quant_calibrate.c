/* quant/collect, calibrate, ranges: what the reference cannot be asked about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fs.h"
#include "quant/calibrate.h"
#include "quant/ranges.h"

enum { N = 20000 };

static float data[N];

static struct tensor view(const float *x, int64_t n)
{
	struct tensor t;

	assert_true(tensor_shape(&t, DT_FLOAT, 1, &n));
	t.data = x;
	return t;
}

/* A bell in [-3, 3]: the sum of 12 uniform numbers, squeezed. */
static void fill(void)
{
	uint32_t s = 1;

	for (int i = 0; i < N; i++) {
		double sum = -6;

		for (int k = 0; k < 12; k++) {
			s = s * 1664525u + 1013904223u;
			sum += s / 4294967296.0;
		}
		data[i] = (float)(sum / 2);
	}
}

/* Two passes over n values, in `parts` samples. */
static int look(struct quant_watch *w, int64_t n, int parts, const struct quant_watch_bins *bins, struct qd_err *err)
{
	int rc = 0;

	quant_watch_init(w, DT_FLOAT, 0, false);
	for (int i = 0; !rc && i < parts; i++) {
		struct tensor x = view(data + n * i / parts, n * (i + 1) / parts - n * i / parts);

		quant_watch_range(w, &x);
		rc = quant_watch_sample(w, i, err);
	}
	quant_watch_finish(w);
	if (!rc)
		rc = quant_watch_bins(w, bins, err);
	if (!rc)
		rc = quant_watch_window(w, 0, err);
	for (int i = 0; !rc && i < parts; i++) {
		struct tensor x = view(data + n * i / parts, n * (i + 1) / parts - n * i / parts);

		quant_watch_count(w, &x);
	}
	return rc;
}

static const struct quant_watch_bins stored = { QUANT_BINS, QUANT_BINS };

static double squared_error(const struct quant_range *r, const struct quant_rule *rule)
{
	struct quant_limits lim;
	struct quant_point p;
	double sum = 0;

	assert_true(quant_type_limits(rule->type, false, false, &lim));
	assert_int_equal(quant_point_for_range(rule, DT_FLOAT, r->lo, r->hi, &p, NULL), 0);
	for (int i = 0; i < N; i++) {
		double q = linear_saturate(linear_code(data[i], p.scale, p.zp), lim.min, lim.max);

		sum += pow(data[i] - (q - p.zp) * p.scale, 2);
	}
	return sum;
}

static void mse_finds_a_better_range_than_the_extremes(void **state)
{
	struct quant_options o = quant_options_default(QUANT_MSE);
	struct quant_range all, best;
	struct quant_watch w;

	(void)state;
	fill();
	data[0] = 40;                   /* one value far out */
	assert_int_equal(look(&w, N, 3, &stored, NULL), 0);
	for (int t = 0; t < 2; t++) {
		struct quant_options m = quant_options_default(QUANT_MINMAX);

		o.rule.type = t ? DT_INT4 : DT_UINT8;
		assert_int_equal(quant_calibrate(&m, &w, &all, NULL), 0);
		assert_int_equal(quant_calibrate(&o, &w, &best, NULL), 0);
		assert_true(squared_error(&best, &o.rule) <= squared_error(&all, &o.rule) * 1.001);
	}
	/* steps of 43 / 15 lose nearly all of 20000 values around 0.5; cutting one off at 5 costs 35^2 */
	assert_true(best.hi < 20);
	assert_true(squared_error(&best, &o.rule) < squared_error(&all, &o.rule) * 0.7);
	quant_watch_release(&w);
}

static void mse_leaves_an_even_spread_alone(void **state)
{
	struct quant_options o = quant_options_default(QUANT_MSE);
	struct quant_range r;
	struct quant_watch w;

	(void)state;
	for (int i = 0; i < N; i++)
		data[i] = (float)i / N;
	assert_int_equal(look(&w, N, 1, &stored, NULL), 0);
	assert_int_equal(quant_calibrate(&o, &w, &r, NULL), 0);
	assert_true(r.lo == 0 && r.hi > 0.99);
	quant_watch_release(&w);
}

static void large_constants_have_a_percentile(void **state)
{
	struct quant_options o = quant_options_default(QUANT_PERCENTILE);
	struct quant_range r;
	struct quant_watch w;

	(void)state;
	for (int i = 0; i < 10; i++)
		data[i] = -10000;       /* 2048 edges in [9999.5, 10000.5] are not all different */
	assert_int_equal(look(&w, 10, 2, &stored, NULL), 0);
	assert_int_equal(quant_calibrate(&o, &w, &r, NULL), 0);
	assert_true(r.lo == -10000 && r.hi == -10000);
	quant_watch_release(&w);
}

static void tensors_without_elements_have_an_empty_range(void **state)
{
	struct quant_range r;
	struct quant_watch w;

	(void)state;
	assert_int_equal(look(&w, 0, 2, &stored, NULL), 0);
	for (int m = 0; m < QUANT_METHODS; m++) {
		struct quant_options o = quant_options_default((enum quant_method)m);

		if (m == QUANT_DISTRIBUTION)
			continue;
		assert_int_equal(quant_calibrate(&o, &w, &r, NULL), 0);
		assert_true(r.lo == 0 && r.hi == 0);
	}
	quant_watch_release(&w);
}

static void infinities_of_both_signs_are_counted(void **state)
{
	struct quant_options o = quant_options_default(QUANT_MINMAX);
	struct quant_range r;
	struct quant_watch w;
	struct qd_err err;

	(void)state;
	fill();
	data[3] = INFINITY;
	data[4] = -INFINITY;
	assert_int_equal(look(&w, 100, 1, &stored, NULL), 0);
	assert_int_equal(quant_calibrate(&o, &w, &r, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "2 of its 100 values are infinite"));
	quant_watch_release(&w);
}

static void only_counts_that_nest_need_no_data(void **state)
{
	struct quant_options o = quant_options_default(QUANT_ENTROPY);
	struct quant_range r;
	struct quant_watch w;

	(void)state;
	fill();
	assert_int_equal(look(&w, N, 1, &stored, NULL), 0);
	assert_true(quant_watch_answers(&w, &o));
	o.num_bins = 130;
	assert_false(quant_watch_answers(&w, &o));
	assert_int_equal(quant_calibrate(&o, &w, &r, NULL), QD_EUSAGE);
	o = quant_options_default(QUANT_MINMAX);
	o.moving_average = true;
	assert_false(quant_watch_answers(&w, &o));      /* samples were not kept */
	quant_watch_release(&w);
}

static void options_are_read_and_refused_by_name(void **state)
{
	struct quant_options o = quant_options_default(QUANT_PERCENTILE);
	struct qd_err err;

	(void)state;
	assert_int_equal(quant_options_set(&o, "percentile", "99.5", NULL), 0);
	assert_true(o.percentile == 99.5);
	assert_int_equal(quant_options_set(&o, "symmetric", "false", NULL), 0);
	assert_false(o.symmetric);
	assert_int_equal(quant_options_set(&o, "percentile", "101", &err), QD_EUSAGE);
	assert_non_null(strstr(err.msg, "percentile=101"));
	assert_int_equal(quant_options_set(&o, "moving_average", "true", &err), QD_EUSAGE);
	assert_int_equal(quant_options_set(&o, "colour", "red", &err), QD_EUSAGE);
	o = quant_options_default(QUANT_ENTROPY);
	assert_int_equal(quant_options_set(&o, "num_bins", "64", NULL), 0);
	assert_int_equal(quant_options_check(&o, &err), QD_EUSAGE);     /* fewer than quantized bins */
}

static char *path_of(const char *name)
{
	char *path = fs_join(fs_tmp_dir(NULL), name);

	assert_non_null(path);
	return path;
}

static int load_text(const char *text, struct qd_err *err)
{
	struct quant_ranges r = QUANT_RANGES_INIT;
	char *path = path_of("cache.json");
	FILE *f = fopen(path, "w");
	int rc;

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	rc = quant_ranges_load(path, &r, err);
	quant_ranges_release(&r);
	free(path);
	return rc;
}

#define CACHE(tensor) "{\"data\": {\"t\": " tensor "}, " \
	"\"calibration_method\": {\"value\": \"CalibrationMethod.MinMax\"}}"

static void caches_that_cannot_be_used_say_why(void **state)
{
	struct qd_err err;

	(void)state;
	assert_int_equal(load_text(CACHE("{\"lowest\": -1, \"highest\": 2}"), &err), 0);
	assert_int_equal(load_text(CACHE("{\"lowest\": Infinity, \"highest\": -Infinity}"), &err), 0);
	assert_int_equal(load_text("{", &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "not JSON"));
	assert_int_equal(load_text("[1]", &err), QD_EINPUT);
	assert_int_equal(load_text(CACHE("3"), &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "tensor 't'"));
	assert_int_equal(load_text(CACHE("{\"lowest\": NaN, \"highest\": 2}"), &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "not finite"));
	assert_int_equal(load_text(CACHE("{\"lowest\": {\"data\": [1, 2], \"dtype\": \"float32\"}, \"highest\": 2}"),
				   &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "per channel"));
}

static void ranges_are_kept_by_name(void **state)
{
	struct quant_ranges r = { .method = QUANT_MSE }, back = QUANT_RANGES_INIT;
	struct quant_range range = { .dtype = DT_FLOAT, .lo = -0.1f, .hi = 3 };
	char *path = path_of("saved.json");

	(void)state;
	assert_int_equal(quant_ranges_put(&r, "a\"b", &range, NULL), 0);
	range.hi = 4;
	assert_int_equal(quant_ranges_put(&r, "a\"b", &range, NULL), 0);
	assert_int_equal(r.n, 1);
	assert_null(quant_ranges_get(&r, "c"));
	assert_int_equal(quant_ranges_save(&r, path, NULL), 0);
	assert_int_equal(quant_ranges_load(path, &back, NULL), 0);
	assert_int_equal(back.method, QUANT_MINMAX);            /* MSE is not the reference's */
	assert_true(quant_ranges_get(&back, "a\"b")->lo == -0.1f);
	assert_true(quant_ranges_get(&back, "a\"b")->hi == 4);
	quant_ranges_release(&back);
	quant_ranges_release(&r);
	free(path);
}

static void lack_of_memory_is_reported(void **state)
{
	struct quant_range r;
	struct quant_watch w;
	int rc, k;

	(void)state;
	fill();
	for (int m = 0; m < QUANT_METHODS; m++) {
		struct quant_options o = quant_options_default((enum quant_method)m);

		o.keep_bins = true;
		k = 0;
		do {
			fault_arm(FAULT_ALLOC, ++k, false);
			r = (struct quant_range){ 0 };
			rc = look(&w, 1000, 2, &stored, NULL);
			if (!rc)
				rc = quant_calibrate(&o, &w, &r, NULL);
			fault_arm(FAULT_ALLOC, 0, false);
			assert_true(rc == 0 || rc == QD_ENOMEM);
			quant_bins_free(r.bins);
			quant_watch_release(&w);
		} while (rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mse_finds_a_better_range_than_the_extremes),
		cmocka_unit_test(mse_leaves_an_even_spread_alone),
		cmocka_unit_test(large_constants_have_a_percentile),
		cmocka_unit_test(tensors_without_elements_have_an_empty_range),
		cmocka_unit_test(infinities_of_both_signs_are_counted),
		cmocka_unit_test(only_counts_that_nest_need_no_data),
		cmocka_unit_test(options_are_read_and_refused_by_name),
		cmocka_unit_test(caches_that_cannot_be_used_say_why),
		cmocka_unit_test(ranges_are_kept_by_name),
		cmocka_unit_test(lack_of_memory_is_reported),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	fs_tmp_cleanup();
	return rc;
}
