/* The calibrators, as a table. */
#include "quant/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "quant/search.h"
#include "tensor/dtype.h"

typedef int calibrate_fn(const struct quant_options *o, const struct quant_watch *w, const struct quant_hist *h,
			 struct quant_range *out, struct qd_err *err);

static calibrate_fn minmax, entropy, percentile, distribution, mse;

enum histogram { NONE, VALUE, MAGNITUDE_IF_SYMMETRIC };

static const struct method {
	calibrate_fn *fn;
	enum histogram histogram;
	int64_t num_bins, num_quantized_bins;
	const char *help;
} methods[QUANT_METHODS] = {
	[QUANT_MINMAX] = { minmax, NONE, 0, 0, "smallest and largest value" },
	[QUANT_ENTROPY] = { entropy, VALUE, 128, 128, "the reference's Entropy; with 128 bins and 128 quantized bins "
			    "it searches a single candidate and equals MinMax" },
	[QUANT_PERCENTILE] = { percentile, MAGNITUDE_IF_SYMMETRIC, 2048, 0, "cut off the largest values" },
	[QUANT_DISTRIBUTION] = { distribution, VALUE, 2048, 0, "mean and deviation, for float8" },
	[QUANT_ENTROPY_KL] = { entropy, VALUE, 2048, 128, "Entropy with 2048 bins, which does search" },
	[QUANT_MSE] = { mse, VALUE, 2048, 0, "least expected squared error" },
};

#define BIT(m) (1u << QUANT_##m)

static const struct quant_option_info infos[] = {
	{ "symmetric", BIT(MINMAX) | BIT(PERCENTILE), "true or false: range around 0 (MinMax), of magnitudes (Percentile)" },
	{ "moving_average", BIT(MINMAX), "true or false: mean of the samples' extremes" },
	{ "averaging_constant", BIT(MINMAX), "0 to 1: weight of the next stride, with moving_average" },
	{ "num_bins", BIT(ENTROPY) | BIT(PERCENTILE) | BIT(DISTRIBUTION) | BIT(ENTROPY_KL) | BIT(MSE),
	  "bins of the histogram; counts that divide 2048 need no second look at the data" },
	{ "num_quantized_bins", BIT(ENTROPY) | BIT(ENTROPY_KL), "groups the bins are merged into" },
	{ "percentile", BIT(PERCENTILE), "0 to 100: share of the values that is kept" },
	{ "scenario", BIT(DISTRIBUTION), "same or p3: float8 follows the law of the values, or its cube" },
	{ NULL, 0, NULL },
};

const char *quant_method_help(enum quant_method m)
{
	return methods[m].help;
}

const struct quant_option_info *quant_option_infos(void)
{
	return infos;
}

struct quant_options quant_options_default(enum quant_method m)
{
	return (struct quant_options){
		.method = m,
		.symmetric = m == QUANT_PERCENTILE,
		.averaging_constant = 0.01,
		.num_bins = methods[m].num_bins,
		.num_quantized_bins = methods[m].num_quantized_bins,
		.percentile = 99.999,
		.rule = { .type = DT_UINT8 },
	};
}

/* --- options ------------------------------------------------------------------------------------------------------ */

static int parse_bool(const char *key, const char *value, bool *out, struct qd_err *err)
{
	if (strcmp(value, "true") && strcmp(value, "false"))
		return err_set(err, QD_EUSAGE, "%s=%s: must be true or false", key, value);
	*out = !strcmp(value, "true");
	return 0;
}

static int parse_count(const char *key, const char *value, int64_t *out, struct qd_err *err)
{
	char *end;
	long long v = strtoll(value, &end, 10);

	if (end == value || *end || v < 1 || v > QUANT_BINS_MAX)
		return err_set(err, QD_EUSAGE, "%s=%s: must be a number from 1 to %d", key, value, QUANT_BINS_MAX);
	*out = v;
	return 0;
}

static int parse_number(const char *key, const char *value, double max, double *out, struct qd_err *err)
{
	char *end;
	double v = strtod(value, &end);

	if (end == value || *end || !(v >= 0 && v <= max))
		return err_set(err, QD_EUSAGE, "%s=%s: must be a number from 0 to %g", key, value, max);
	*out = v;
	return 0;
}

static int parse_scenario(const char *key, const char *value, enum quant_scenario *out, struct qd_err *err)
{
	if (strcmp(value, "same") && strcmp(value, "p3"))
		return err_set(err, QD_EUSAGE, "%s=%s: must be same or p3", key, value);
	*out = strcmp(value, "same") ? QUANT_P3 : QUANT_SAME;
	return 0;
}

int quant_options_set(struct quant_options *o, const char *key, const char *value, struct qd_err *err)
{
	const struct quant_option_info *i;

	for (i = infos; i->key && strcmp(i->key, key); i++)
		;
	if (!i->key)
		return err_set(err, QD_EUSAGE, "%s is no option of a calibrator", key);
	if (!(i->methods & 1u << o->method))
		return err_set(err, QD_EUSAGE, "%s has no effect with %s", key, quant_method_name(o->method));
	switch (i - infos) {
	case 0: return parse_bool(key, value, &o->symmetric, err);
	case 1: return parse_bool(key, value, &o->moving_average, err);
	case 2: return parse_number(key, value, 1, &o->averaging_constant, err);
	case 3: return parse_count(key, value, &o->num_bins, err);
	case 4: return parse_count(key, value, &o->num_quantized_bins, err);
	case 5: return parse_number(key, value, 100, &o->percentile, err);
	default: return parse_scenario(key, value, &o->scenario, err);
	}
}

static bool searches_entropy(const struct quant_options *o)
{
	return methods[o->method].fn == entropy;
}

int quant_options_check(const struct quant_options *o, struct qd_err *err)
{
	if (o->method == QUANT_PERCENTILE && !(o->percentile >= 0 && o->percentile <= 100))
		return err_set(err, QD_EUSAGE, "percentile=%g: must be from 0 to 100", o->percentile);
	if (o->method == QUANT_DISTRIBUTION && o->num_bins < 512)
		return err_set(err, QD_EUSAGE, "num_bins=%lld: Distribution needs 512 or more", (long long)o->num_bins);
	if (searches_entropy(o) && (o->num_quantized_bins < 1 || o->num_bins / 2 < o->num_quantized_bins / 2))
		return err_set(err, QD_EUSAGE, "num_quantized_bins=%lld: must be from 1 to num_bins, which is %lld",
			       (long long)o->num_quantized_bins, (long long)o->num_bins);
	if (o->method == QUANT_MSE && o->num_bins % 2)
		return err_set(err, QD_EUSAGE, "num_bins=%lld: MSE needs an even number", (long long)o->num_bins);
	if (o->moving_average && !(o->averaging_constant >= 0 && o->averaging_constant <= 1))
		return err_set(err, QD_EUSAGE, "averaging_constant=%g: must be from 0 to 1", o->averaging_constant);
	return 0;
}

static bool of_magnitudes(const struct quant_options *o)
{
	return methods[o->method].histogram == MAGNITUDE_IF_SYMMETRIC && o->symmetric;
}

struct quant_watch_bins quant_options_bins(const struct quant_options *o)
{
	if (methods[o->method].histogram == NONE)
		return (struct quant_watch_bins){ 0, 0 };
	if (of_magnitudes(o))
		return (struct quant_watch_bins){ .magnitude = o->num_bins };
	return (struct quant_watch_bins){ .value = o->num_bins };
}

/* The histogram as counted; with several windows it has more bins than it began with. */
static const struct quant_hist *source(const struct quant_options *o, const struct quant_watch *w)
{
	return of_magnitudes(o) ? &w->magnitude : &w->value;
}

static int64_t counted_bins(const struct quant_watch *w, const struct quant_hist *h)
{
	return h == &w->magnitude ? w->bins.magnitude : w->bins.value;
}

bool quant_watch_answers(const struct quant_watch *w, const struct quant_options *o)
{
	const struct quant_hist *h = source(o, w);

	if (o->method == QUANT_MINMAX)
		return !o->moving_average || w->keep_samples;
	if (quant_watch_check(w, NULL))
		return true;            /* an error, with or without data */
	if (!h->n)
		return false;
	return counted_bins(w, h) == o->num_bins || (w->windows.n == 1 && quant_hist_nests(h, o->num_bins));
}

/* --- MinMax ------------------------------------------------------------------------------------------------------- */

struct ends {
	double lo, hi;
};

/* np.nanmean of a column: summed in its type, divided by an int64. */
static double mean_of(const float *v, int64_t n, int dtype)
{
	return np_round_to(dtype, np_round_to(dtype, np_sum_f32(v, n)) / (double)n);
}

/* Samples are ordered, so a window's are neighbours. */
static int mean_ends(const struct quant_watch *w, int64_t window, struct ends *out, struct qd_err *err)
{
	float *lo = mem_array(w->samples.n, sizeof(*lo)), *hi = mem_array(w->samples.n, sizeof(*hi));
	int64_t n = 0;
	int rc = 0;

	if (!lo || !hi)
		rc = err_oom(err, "a moving average");
	for (size_t i = 0; !rc && i < w->samples.n; i++) {
		const struct quant_step *s = &w->samples.v[i];

		if (s->empty || (w->stride ? s->index / w->stride : 0) != window)
			continue;
		lo[n] = s->lo;
		hi[n++] = s->hi;
	}
	*out = (struct ends){ 0, 0 };
	if (n)
		*out = (struct ends){ mean_of(lo, n, w->dtype), mean_of(hi, n, w->dtype) };
	free(lo);
	free(hi);
	return rc;
}

static double toward(double old, double new, double c, int dtype)
{
	double step = np_round_to(dtype, np_round_to(dtype, c) * np_round_to(dtype, new - old));

	return np_round_to(dtype, old + step);
}

static int minmax(const struct quant_options *o, const struct quant_watch *w, const struct quant_hist *h,
		  struct quant_range *out, struct qd_err *err)
{
	struct ends now, all = { 0, 0 };
	int rc = 0;

	(void)h;
	for (size_t i = 0; !rc && i < w->windows.n; i++) {
		const struct quant_step *s = &w->windows.v[i];

		now = s->empty ? (struct ends){ 0, 0 } : (struct ends){ s->lo, s->hi };
		if (o->moving_average)
			rc = mean_ends(w, s->index, &now, err);
		if (o->symmetric) {
			now.hi = fmax(fabs(now.lo), fabs(now.hi));
			now.lo = -now.hi;
		}
		if (!i)
			all = now;
		else if (!o->moving_average)
			all = (struct ends){ fmin(all.lo, now.lo), fmax(all.hi, now.hi) };
		else
			all = (struct ends){ toward(all.lo, now.lo, o->averaging_constant, w->dtype),
					     toward(all.hi, now.hi, o->averaging_constant, w->dtype) };
	}
	out->lo = all.lo;
	out->hi = all.hi;
	out->lo_form = out->hi_form = QUANT_ARRAY_1;
	return rc;
}

/* --- thresholds from histograms ----------------------------------------------------------------------------------- */

static struct ends extremes(const struct quant_watch *w)
{
	return w->all.n ? (struct ends){ w->all.lo, w->all.hi } : (struct ends){ 0, 0 };
}

/* Thresholds, but no further out than the data. What is left of a threshold keeps its form. */
static void clip_to_data(const struct quant_watch *w, double lo, double hi, enum quant_form form,
			 struct quant_range *out)
{
	struct ends e = extremes(w);

	out->lo = lo < e.lo ? e.lo : lo;
	out->hi = hi > e.hi ? e.hi : hi;
	out->lo_form = lo < e.lo ? QUANT_NUMBER : form;
	out->hi_form = hi > e.hi ? QUANT_NUMBER : form;
}

static void whole_range(const struct quant_watch *w, struct quant_range *out)
{
	clip_to_data(w, -INFINITY, INFINITY, QUANT_NUMBER, out);
}

static int entropy(const struct quant_options *o, const struct quant_watch *w, const struct quant_hist *h,
		   struct quant_range *out, struct qd_err *err)
{
	struct search_result r = { 0 };
	int rc = search_entropy(h, o->num_quantized_bins, &r, err);

	if (!rc)
		clip_to_data(w, h->edge[r.lo], h->edge[r.hi], QUANT_NUMBER, out);
	return rc;
}

/* First bin up to whose end the share of the values is at least `share`; the shares are summed in double. */
static int64_t bin_at(const struct quant_hist *h, int64_t total, double share)
{
	double sum = 0;

	for (int64_t i = 0; i < h->n; i++) {
		sum += (double)h->count[i] / (double)total;
		if (sum >= share)
			return i;
	}
	return h->n;
}

static int percentile(const struct quant_options *o, const struct quant_watch *w, const struct quant_hist *h,
		      struct quant_range *out, struct qd_err *err)
{
	int64_t total = quant_hist_total(h);
	double cut = (100.0 - o->percentile) / 200.0, hi;

	(void)err;
	if (!total) {
		whole_range(w, out);
	} else if (o->symmetric) {
		hi = h->edge[bin_at(h, total, o->percentile / 100.0)];
		clip_to_data(w, -hi, hi, QUANT_ARRAY, out);
	} else {
		clip_to_data(w, h->edge[bin_at(h, total, cut)], h->edge[bin_at(h, total, 1.0 - cut)], QUANT_ARRAY, out);
	}
	return 0;
}

static int mse(const struct quant_options *o, const struct quant_watch *w, const struct quant_hist *h,
	       struct quant_range *out, struct qd_err *err)
{
	struct ends e = extremes(w);
	struct search_result r = { 0 };
	int rc = search_mse(h, &o->rule, e.lo, e.hi, &r, err);

	if (!rc)
		clip_to_data(w, h->edge[r.lo], h->edge[r.hi], QUANT_NUMBER, out);
	return rc;
}

/* --- Distribution ------------------------------------------------------------------------------------------------- */

/* The middle of a bin, in the tensor's type, or its cube root with the sign kept. */
static double middle(const struct quant_hist *h, int64_t i, enum quant_scenario s)
{
	double v = np_round_to(h->dtype, np_round_to(h->dtype, (double)h->edge[i] + h->edge[i + 1]) * 0.5);

	if (s == QUANT_SAME)
		return v;
	return copysign(np_round_to(h->dtype, powf((float)fabs(v), (float)(1.0 / 3.0))), v);
}

/* Exponents the compiler does not see: it would square by a product, which rounds otherwise than pow(). */
static double power(double v, volatile double exponent)
{
	return pow(v, exponent);
}

static void moments(const struct quant_hist *h, enum quant_scenario s, double *x, double *x2)
{
	for (int64_t i = 0; i < h->n; i++) {
		double v = middle(h, i, s);

		x[i] = (double)h->count[i] * v;
		x2[i] = (double)h->count[i] * np_round_to(h->dtype, v * v);
	}
}

static int distribution(const struct quant_options *o, const struct quant_watch *w, const struct quant_hist *h,
			struct quant_range *out, struct qd_err *err)
{
	double *x = mem_array((size_t)h->n, sizeof(*x)), *x2 = mem_array((size_t)h->n, sizeof(*x2));
	double total = (double)quant_hist_total(h), avg;
	int rc = 0;

	(void)w;
	if (x && x2) {
		moments(h, o->scenario, x, x2);
		avg = np_sum_f64(x, h->n) / total;
		out->std = np_round_to(h->dtype, power(np_sum_f64(x2, h->n) / total - power(avg, 2), 0.5));
		out->avg = np_round_to(h->dtype, avg);
		out->has_std = true;
		out->lo = h->edge[0];
		out->hi = h->edge[h->n];
	} else {
		rc = err_oom(err, "a distribution");
	}
	free(x);
	free(x2);
	return rc;
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

/* Of Percentile the reference's cache holds the first two counts only. */
static int attach_bins(const struct quant_options *o, const struct quant_hist *h, struct quant_range *out,
		       struct qd_err *err)
{
	struct quant_bins *b = mem_zalloc(sizeof(*b));
	bool counts_only = o->method == QUANT_PERCENTILE;

	if (!b)
		return err_oom(err, "a histogram");
	out->bins = b;
	b->n = counts_only && h->n > 2 ? 2 : h->n;
	b->edge_dtype = h->dtype;
	b->count = mem_array((size_t)b->n, sizeof(*b->count));
	b->edge = mem_array((size_t)b->n + 1, sizeof(*b->edge));
	if (!b->count || !b->edge)
		return err_oom(err, "a histogram");
	memcpy(b->count, h->count, (size_t)b->n * sizeof(*b->count));
	for (int64_t i = 0; i <= b->n; i++)
		b->edge[i] = h->edge[i];
	return 0;
}

static int from_bins(const struct quant_options *o, const struct quant_watch *w, const struct quant_hist *h,
		     struct quant_range *out, struct qd_err *err)
{
	int rc;

	if (h->narrow && o->method == QUANT_DISTRIBUTION)
		return err_set(err, QD_EINPUT, "its values are too small for %lld bins, so there is no deviation for it",
			       (long long)h->n);
	if (h->narrow) {
		whole_range(w, out);
		return 0;
	}
	rc = methods[o->method].fn(o, w, h, out, err);
	if (!rc && o->keep_bins)
		rc = attach_bins(o, h, out, err);
	return rc;
}

int quant_calibrate(const struct quant_options *o, const struct quant_watch *w, struct quant_range *out,
		    struct qd_err *err)
{
	struct quant_hist fewer = QUANT_HIST_INIT;
	const struct quant_hist *h = source(o, w);
	int rc;

	*out = (struct quant_range){ .dtype = w->dtype };
	rc = quant_options_check(o, err);
	if (!rc)
		rc = quant_watch_check(w, err);
	if (rc)
		return rc;
	if (!quant_watch_answers(w, o))
		return err_set(err, QD_EUSAGE, "%s with these options needs the data to be read again",
			       quant_method_name(o->method));
	if (methods[o->method].histogram == NONE)
		return minmax(o, w, NULL, out, err);
	if (counted_bins(w, h) != o->num_bins) {
		rc = quant_hist_rebin(h, o->num_bins, &fewer, err);
		h = &fewer;
	}
	if (!rc)
		rc = from_bins(o, w, h, out, err);
	if (rc) {
		quant_bins_free(out->bins);
		out->bins = NULL;
	}
	quant_hist_release(&fewer);
	return rc;
}
