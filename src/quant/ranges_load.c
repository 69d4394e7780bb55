/* Reading the calibration cache of the reference: load_tensors_data(). The one file that knows the JSON library, whose
 * names and those of base/json.h do not go together. */
#include "quant/ranges.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/str.h"
#include "quant/numeric.h"

enum { CACHE_MAX = 1 << 28 };

static const char *const not_numbers[] = { "NaN", "-Infinity", "Infinity" };

/* Python writes these three words as numbers, which JSON does not have: they become strings. */
static void quote_words(const char *text, size_t n, struct str *out)
{
	const char *end = text + n;
	bool in_string = false;

	while (text < end) {
		size_t len = 1;

		if (in_string && *text == '\\' && text + 1 < end)
			len = 2;
		else if (*text == '"')
			in_string = !in_string;
		for (size_t k = 0; !in_string && k < 3; k++) {
			size_t word = strlen(not_numbers[k]);

			if ((size_t)(end - text) < word || memcmp(text, not_numbers[k], word))
				continue;
			str_addf(out, "\"%s\"", not_numbers[k]);
			text += word;
			len = 0;
			break;
		}
		str_addn(out, text, len);
		text += len;
	}
}

static bool number_of(const json_t *v, double *out)
{
	if (json_is_number(v)) {
		*out = json_number_value(v);
		return true;
	}
	for (size_t k = 0; json_is_string(v) && k < 3; k++) {
		if (!strcmp(json_string_value(v), not_numbers[k])) {
			*out = strtod(not_numbers[k], NULL);
			return true;
		}
	}
	return false;
}

struct value {
	double v;
	int dtype;
	enum quant_form form;
};

/* A number, or an array of one. False for anything else. */
static bool read_value(const json_t *j, struct value *out)
{
	const json_t *data;
	const char *type;

	*out = (struct value){ .dtype = DT_FLOAT, .form = QUANT_NUMBER };
	if (!json_is_object(j)) {
		if (!number_of(j, &out->v))
			return false;
		out->v = np_round_to(DT_FLOAT, out->v);
		return true;
	}
	type = json_string_value(json_object_get(j, "dtype"));
	if (!type || (strcmp(type, "float32") && strcmp(type, "float16")))
		return false;
	out->dtype = strcmp(type, "float32") ? DT_FLOAT16 : DT_FLOAT;
	out->form = QUANT_ARRAY;
	for (data = json_object_get(j, "data"); json_is_array(data) && json_array_size(data) == 1;
	     data = json_array_get(data, 0))
		out->form = QUANT_ARRAY_1;
	if (!number_of(data, &out->v))
		return false;
	out->v = np_round_to(out->dtype, out->v);
	return true;
}

struct reader {
	const char *path;
	struct qd_err *err;
};

static int bad_tensor(const struct reader *rd, const char *name, const char *what)
{
	struct str s = STR_INIT;
	int rc;

	str_add_escaped(&s, name);
	rc = err_set(rd->err, QD_EINPUT, "%s: tensor '%.300s': %s", rd->path, s.p ? s.p : "", what);
	str_release(&s);
	return rc;
}

static int read_tensor(const struct reader *rd, const char *name, const json_t *t, struct quant_range *out)
{
	const json_t *hist = json_object_get(t, "hist");
	struct value lo, hi, avg, std;

	*out = (struct quant_range){ 0 };
	if (!json_is_object(t))
		return bad_tensor(rd, name, "is no object; is this a calibration cache?");
	if (!read_value(json_object_get(t, "lowest"), &lo) || !read_value(json_object_get(t, "highest"), &hi))
		return bad_tensor(rd, name, "needs \"lowest\" and \"highest\", each one number or an array of one "
				  "(float32 or float16); ranges per channel cannot be used");
	if (isinf(lo.v) && lo.v > 0 && isinf(hi.v) && hi.v < 0)
		lo.v = hi.v = 0;        /* what an empty tensor has */
	if (!isfinite(lo.v) || !isfinite(hi.v))
		return bad_tensor(rd, name, "has a range that is not finite; calibrate again without the samples "
				  "that cause it, or take it out of the file");
	if (hist && !json_is_object(hist) && !json_is_number(hist))
		return bad_tensor(rd, name, "\"hist\" is neither an array nor a count");
	*out = (struct quant_range){ .dtype = hi.dtype, .lo = lo.v, .hi = hi.v,
				     .lo_form = lo.form, .hi_form = hi.form };
	if (!json_object_get(t, "std") && !json_object_get(t, "avg"))
		return 0;
	if (!read_value(json_object_get(t, "std"), &std) || !read_value(json_object_get(t, "avg"), &avg))
		return bad_tensor(rd, name, "\"avg\" and \"std\" must be one number each");
	out->avg = avg.v;
	out->std = std.v;
	out->has_std = true;
	return 0;
}

static int read_method(const struct reader *rd, const json_t *root, struct quant_ranges *r)
{
	const char *text = json_string_value(json_object_get(json_object_get(root, "calibration_method"), "value"));
	const char *dot = text ? strrchr(text, '.') : NULL;
	int m = text ? quant_method_from_name(dot ? dot + 1 : text) : -1;

	if (m < 0 || m > QUANT_DISTRIBUTION)
		return err_set(rd->err, QD_EINPUT, "%s: \"calibration_method\" has no \"value\" that is "
			       "CalibrationMethod.MinMax, .Entropy, .Percentile or .Distribution: is this a calibration "
			       "cache?", rd->path);
	r->method = (enum quant_method)m;
	return 0;
}

static int read_root(const struct reader *rd, json_t *root, struct quant_ranges *r)
{
	json_t *data = json_object_get(root, "data"), *t;
	struct quant_range range;
	const char *name;
	int rc = read_method(rd, root, r);

	if (!rc && !json_is_object(data))
		rc = err_set(rd->err, QD_EINPUT, "%s: has no object \"data\": is this a calibration cache?", rd->path);
	if (rc)
		return rc;
	r->smooth_quant = json_is_true(json_object_get(root, "smooth_quant"));
	json_object_foreach(data, name, t) {
		rc = read_tensor(rd, name, t, &range);
		if (!rc)
			rc = quant_ranges_put(r, name, &range, rd->err);
		if (rc)
			return rc;
	}
	return 0;
}

int quant_ranges_load(const char *path, struct quant_ranges *r, struct qd_err *err)
{
	struct reader rd = { path, err };
	struct str text = STR_INIT;
	char *raw = NULL;
	size_t size = 0;
	json_error_t where;
	json_t *root = NULL;
	int rc;

	rc = fs_read_all(path, CACHE_MAX, &raw, &size, err);
	if (rc)
		return rc;
	quote_words(raw, size, &text);
	free(raw);
	if (text.failed) {
		rc = err_oom(err, "reading calibrated ranges");
		goto out;
	}
	root = json_loadb(text.p ? text.p : "", text.len, JSON_DECODE_INT_AS_REAL, &where);
	if (root)
		rc = read_root(&rd, root, r);
	else if (json_error_code(&where) == json_error_out_of_memory)
		rc = err_oom(err, "reading calibrated ranges");
	else
		rc = err_set(err, QD_EINPUT, "%s: line %d, column %d: this is not JSON; a calibration cache is what "
			     "calibration wrote", path, where.line, where.column);
out:
	json_decref(root);
	str_release(&text);
	if (rc)
		quant_ranges_release(r);
	return rc;
}
