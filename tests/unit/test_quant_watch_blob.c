/* A calibration kept as bytes answers like the one it was made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quant/calibrate.h"
#include "quant/watch_blob.h"
#include "tensor/dtype.h"

static float noise(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (float)((double)(*state >> 33) / (double)(1u << 30) - 1.0) * 3;
}

/* Two samples of 500 values, both histograms of 2048 bins. */
static void fill(struct quant_watch *w)
{
	struct quant_watch_bins bins = { 2048, 2048 };
	float v[1000];
	uint64_t state = 7;
	struct tensor t;
	int64_t dim = 500, s;
	int i;

	for (i = 0; i < 1000; i++)
		v[i] = noise(&state);
	quant_watch_init(w, DT_FLOAT, 0, true);
	assert_true(tensor_shape(&t, DT_FLOAT, 1, &dim));
	for (s = 0; s < 2; s++) {
		t.data = v + 500 * s;
		quant_watch_range(w, &t);
		assert_int_equal(quant_watch_sample(w, s, NULL), 0);
	}
	quant_watch_finish(w);
	assert_int_equal(quant_watch_bins(w, &bins, NULL), 0);
	assert_int_equal(quant_watch_window(w, 0, NULL), 0);
	for (s = 0; s < 2; s++) {
		t.data = v + 500 * s;
		quant_watch_count(w, &t);
	}
}

static void every_calibrator_gives_the_same_range(void **unused)
{
	struct quant_watch a, b;
	struct str blob = STR_INIT;
	int m;

	(void)unused;
	fill(&a);
	assert_true(quant_watch_save(&a, &blob));
	assert_int_equal(quant_watch_load(blob.p, blob.len, &b, NULL), 0);
	for (m = 0; m < QUANT_METHODS; m++) {
		struct quant_options o = quant_options_default((enum quant_method)m);
		struct quant_range x = { 0 }, y = { 0 };

		assert_int_equal(quant_calibrate(&o, &a, &x, NULL), 0);
		assert_int_equal(quant_calibrate(&o, &b, &y, NULL), 0);
		assert_memory_equal(&x.lo, &y.lo, sizeof(x.lo));
		assert_memory_equal(&x.hi, &y.hi, sizeof(x.hi));
		quant_bins_free(x.bins);
		quant_bins_free(y.bins);
	}
	quant_watch_release(&a);
	quant_watch_release(&b);
	str_release(&blob);
}

static void every_truncation_is_refused(void **unused)
{
	struct quant_watch a, b;
	struct str blob = STR_INIT;
	struct qd_err err;
	size_t n;

	(void)unused;
	fill(&a);
	assert_true(quant_watch_save(&a, &blob));
	for (n = 0; n < blob.len; n += n < 400 ? 1 : 97) {
		assert_int_equal(quant_watch_load(blob.p, n, &b, &err), QD_EINPUT);
		quant_watch_release(&b);
	}
	quant_watch_release(&a);
	str_release(&blob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_calibrator_gives_the_same_range),
		cmocka_unit_test(every_truncation_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
