/* Writing the calibration cache of the reference: save_tensors_data(). */
#include "quant/ranges.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"

/* As Python does: a float shows that it is one, and may be no number. */
static void add_float(struct json *j, const char *key, double v)
{
	struct str text = STR_INIT;

	if (isfinite(v))
		str_add_double(&text, v);
	else
		str_add(&text, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
	if (isfinite(v) && text.p && !strpbrk(text.p, ".e"))
		str_add(&text, ".0");
	json_raw(j, key, text.p ? text.p : "NaN");
	j->out->failed |= text.failed;
	str_release(&text);
}

static void close_array(struct json *j, int dtype)
{
	json_str(j, "dtype", dtype_info(dtype)->name);
	json_str(j, "CLS", "numpy.array");
	json_close(j, '}');
}

static void add_value(struct json *j, const char *key, double v, int dtype, enum quant_form form)
{
	if (form == QUANT_NUMBER) {
		add_float(j, key, v);
		return;
	}
	json_open(j, key, '{');
	if (form == QUANT_ARRAY) {
		add_float(j, "data", v);
	} else {
		json_open(j, "data", '[');
		add_float(j, NULL, v);
		json_close(j, ']');
	}
	close_array(j, dtype);
}

static void add_counts(struct json *j, const struct quant_bins *b)
{
	json_open(j, "hist", '{');
	json_open(j, "data", '[');
	for (int64_t i = 0; i < b->n; i++)
		json_int(j, NULL, b->count[i]);
	json_close(j, ']');
	close_array(j, DT_INT64);
}

static void add_edges(struct json *j, const char *key, const struct quant_bins *b)
{
	json_open(j, key, '{');
	json_open(j, "data", '[');
	for (int64_t i = 0; i <= b->n; i++)
		add_float(j, NULL, b->edge[i]);
	json_close(j, ']');
	close_array(j, b->edge_dtype);
}

/* Percentile's two counts are a slip of the reference's that readers may know. */
static void add_bins(struct json *j, enum quant_method m, const struct quant_bins *b)
{
	if (m == QUANT_PERCENTILE && b->n >= 2) {
		json_int(j, "hist", b->count[0]);
		json_int(j, "bins", b->count[1]);
	} else if (m == QUANT_ENTROPY || m == QUANT_DISTRIBUTION) {
		add_counts(j, b);
		add_edges(j, m == QUANT_ENTROPY ? "bins" : "hist_edges", b);
	}
}

static void add_tensor(struct json *j, enum quant_method m, const struct quant_named_range *t)
{
	const struct quant_range *r = &t->range;

	json_open(j, t->name, '{');
	if (r->has_std) {
		add_value(j, "avg", r->avg, r->dtype, QUANT_ARRAY);
		add_value(j, "std", r->std, r->dtype, QUANT_ARRAY);
		if (r->bins)
			add_bins(j, m, r->bins);
	}
	add_value(j, "lowest", r->lo, r->dtype, r->lo_form);
	add_value(j, "highest", r->hi, r->dtype, r->hi_form);
	if (!r->has_std && r->bins)
		add_bins(j, m, r->bins);
	json_str(j, "CLS", "TensorData");
	json_close(j, '}');
}

static void add_all(struct json *j, const struct quant_ranges *r)
{
	enum quant_method m = r->method == QUANT_ENTROPY_KL || r->method == QUANT_MSE ? QUANT_MINMAX : r->method;
	char method[64];

	snprintf(method, sizeof(method), "CalibrationMethod.%s", quant_method_name(m));
	json_open(j, NULL, '{');
	json_str(j, "CLS", "TensorsData");
	json_open(j, "data", '{');
	for (size_t i = 0; i < r->n; i++)
		add_tensor(j, m, &r->v[i]);
	json_close(j, '}');
	json_open(j, "calibration_method", '{');
	json_str(j, "CLS", "CalibrationMethod");
	json_str(j, "value", method);
	json_close(j, '}');
	json_bool(j, "smooth_quant", r->smooth_quant);
	json_close(j, '}');
}

int quant_ranges_save(const struct quant_ranges *r, const char *path, struct qd_err *err)
{
	struct str text = STR_INIT;
	struct fs_atomic file;
	struct json j;
	int rc;

	json_init(&j, &text, 0);
	add_all(&j, r);
	if (text.failed) {
		str_release(&text);
		return err_oom(err, "writing calibrated ranges");
	}
	rc = fs_atomic_open(&file, path, false, err);
	if (rc)
		goto out;
	if (fwrite(text.p, 1, text.len, file.f) != text.len) {
		rc = err_errno(err, QD_EDISK, "%s: writing calibrated ranges", path);
		fs_atomic_abort(&file);
		goto out;
	}
	rc = fs_atomic_commit(&file, err);
out:
	str_release(&text);
	return rc;
}
