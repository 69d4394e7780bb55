/* Recipes as JSON and as Python. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "requant/recipe_int.h"

/* --- JSON ---------------------------------------------------------------------------- */

static void json_names(struct json *j, const char *key, const struct recipe_names *list)
{
	size_t i;

	json_open(j, key, '[');
	for (i = 0; i < list->n; i++)
		json_str(j, NULL, list->v[i]);
	json_close(j, ']');
}

static void json_override(struct json *j, const char *key, const struct recipe_override *o)
{
	json_open(j, key, '{');
	if (o->quant_type)
		json_str(j, "quant_type", recipe_type_name(o->quant_type));
	if (o->has_axis)
		json_int(j, "axis", o->axis);
	if (!isnan(o->scale))
		json_num(j, "scale", o->scale);
	if (o->has_zero_point)
		json_int(j, "zero_point", o->zero_point);
	if (o->symmetric != RECIPE_UNSET)
		json_bool(j, "symmetric", o->symmetric == RECIPE_TRUE);
	if (o->reduce_range != RECIPE_UNSET)
		json_bool(j, "reduce_range", o->reduce_range == RECIPE_TRUE);
	if (!isnan(o->rmin))
		json_num(j, "rmin", o->rmin);
	if (!isnan(o->rmax))
		json_num(j, "rmax", o->rmax);
	if (o->convert)
		json_override(j, "convert", o->convert);
	if (o->has_recv_nodes)
		json_names(j, "recv_nodes", &o->recv_nodes);
	json_close(j, '}');
}

static void json_overrides(struct json *j, const char *key, const struct recipe *r)
{
	size_t i, k;

	json_open(j, key, '{');
	for (i = 0; i < r->n_overrides; i++) {
		json_open(j, r->overrides[i].name, '[');
		for (k = 0; k < r->overrides[i].n; k++)
			json_override(j, NULL, &r->overrides[i].v[k]);
		json_close(j, ']');
	}
	json_close(j, '}');
}

static void json_axes(struct json *j, const char *key, const struct recipe *r)
{
	size_t i;

	json_open(j, key, '{');
	for (i = 0; i < r->n_per_channel_axes; i++)
		json_int(j, r->per_channel_axes[i].op, r->per_channel_axes[i].axis);
	json_close(j, '}');
}

static void json_value(struct json *j, const struct recipe *r, const struct recipe_key *k)
{
	const void *field = recipe_field(r, k);

	switch (k->kind) {
	case KIND_BOOL:
		json_bool(j, k->name, *(const bool *)field);
		break;
	case KIND_MAYBE:
		if (*(const enum recipe_maybe *)field == RECIPE_UNSET)
			json_null(j, k->name);
		else
			json_bool(j, k->name, *(const enum recipe_maybe *)field == RECIPE_TRUE);
		break;
	case KIND_NUMBER:
		json_num(j, k->name, *(const double *)field);
		break;
	case KIND_COUNT:
		json_int(j, k->name, *(const int64_t *)field);
		break;
	case KIND_TYPE:
		json_str(j, k->name, recipe_type_name(*(const int *)field));
		break;
	case KIND_FORMAT:
		json_str(j, k->name, recipe_formats[*(const enum recipe_format *)field].name);
		break;
	case KIND_METHOD:
		json_str(j, k->name, quant_method_name(*(const enum quant_method *)field));
		break;
	case KIND_NAMES:
		json_names(j, k->name, field);
		break;
	case KIND_AXES:
		json_axes(j, k->name, r);
		break;
	case KIND_OVERRIDES:
		json_overrides(j, k->name, r);
		break;
	case KIND_REFUSED: case KIND_UNUSED:
		break;
	}
}

/* Is a key as a fresh recipe has it? */
static bool is_default(const struct recipe *r, const struct recipe_key *k)
{
	struct recipe fresh;
	const void *a = recipe_field(r, k), *b;
	double x, y;

	recipe_init(&fresh);
	b = recipe_field(&fresh, k);
	switch (k->kind) {
	case KIND_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case KIND_MAYBE:
		return *(const enum recipe_maybe *)a == *(const enum recipe_maybe *)b;
	case KIND_NUMBER:
		x = *(const double *)a;
		y = *(const double *)b;
		return x == y || (isnan(x) && isnan(y));
	case KIND_COUNT:
		return *(const int64_t *)a == *(const int64_t *)b;
	case KIND_NAMES:
		return ((const struct recipe_names *)a)->n == 0;
	case KIND_AXES:
		return r->n_per_channel_axes == 0;
	case KIND_OVERRIDES:
		return r->n_overrides == 0;
	default:
		return k->kind == KIND_REFUSED || k->kind == KIND_UNUSED;
	}
}

void recipe_write_json(const struct recipe *r, struct str *out)
{
	struct json j;
	int i;

	json_init(&j, out, 2);
	json_open(&j, NULL, '{');
	for (i = 0; i < recipe_n_args; i++)
		json_value(&j, r, &recipe_args[i]);
	json_open(&j, "extra_options", '{');
	for (i = 0; i < recipe_n_extras; i++) {
		if (!is_default(r, &recipe_extras[i]))
			json_value(&j, r, &recipe_extras[i]);
	}
	json_close(&j, '}');
	json_close(&j, '}');
	str_addc(out, '\n');
}

/* --- Python ------------------------------------------------------------------------------- */

/* A string literal; JSON's escapes are Python's but for the surrogates, which base/json.h does not write. */
static void py_str(struct str *out, const char *s)
{
	const unsigned char *p;

	str_addc(out, '"');
	for (p = (const unsigned char *)(s ? s : ""); *p; p++) {
		if (*p == '"' || *p == '\\')
			str_addf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7F)
			str_addf(out, "\\x%02x", *p);
		else
			str_addc(out, (char)*p);
	}
	str_addc(out, '"');
}

static void py_names(struct str *out, const struct recipe_names *list)
{
	size_t i;

	str_addc(out, '[');
	for (i = 0; i < list->n; i++) {
		str_add(out, i ? ", " : "");
		py_str(out, list->v[i]);
	}
	str_addc(out, ']');
}

static void py_item(struct str *out, bool *first, const char *key)
{
	str_addf(out, "%s\"%s\": ", *first ? "" : ", ", key);
	*first = false;
}

static void py_float(struct str *out, double v)
{
	str_add(out, "np.array(");
	str_add_double(out, v);
	str_add(out, ", np.float32)");
}

/* Activations want NumPy values of the right type; initializers take them as well. */
static void py_override(struct str *out, const struct recipe *r, const struct recipe_override *o)
{
	int type = o->quant_type ? o->quant_type : r->activation_type;
	bool four = type == DT_INT4 || type == DT_UINT4, first = true;

	str_addc(out, '{');
	if (o->quant_type) {
		py_item(out, &first, "quant_type");
		str_addf(out, "QuantType.%s", recipe_type_name(o->quant_type));
	}
	if (o->has_axis) {
		py_item(out, &first, "axis");
		str_addf(out, "%lld", (long long)o->axis);
	}
	if (!isnan(o->scale)) {
		py_item(out, &first, "scale");
		py_float(out, o->scale);
	}
	if (o->has_zero_point) {
		py_item(out, &first, "zero_point");
		str_addf(out, "np.array(%lld, %s%s)", (long long)o->zero_point, four ? "ml_dtypes." : "np.",
			 dtype_info(type)->name);
	}
	if (o->symmetric != RECIPE_UNSET) {
		py_item(out, &first, "symmetric");
		str_add(out, o->symmetric == RECIPE_TRUE ? "True" : "False");
	}
	if (o->reduce_range != RECIPE_UNSET) {
		py_item(out, &first, "reduce_range");
		str_add(out, o->reduce_range == RECIPE_TRUE ? "True" : "False");
	}
	if (!isnan(o->rmin)) {
		py_item(out, &first, "rmin");
		py_float(out, o->rmin);
	}
	if (!isnan(o->rmax)) {
		py_item(out, &first, "rmax");
		py_float(out, o->rmax);
	}
	if (o->convert) {
		py_item(out, &first, "convert");
		py_override(out, r, o->convert);
	}
	if (o->has_recv_nodes) {        /* the reference subtracts sets */
		py_item(out, &first, "recv_nodes");
		str_add(out, "set(");
		py_names(out, &o->recv_nodes);
		str_addc(out, ')');
	}
	str_addc(out, '}');
}

static void py_overrides(struct str *out, const struct recipe *r)
{
	size_t i, k;

	str_add(out, "{\n");
	for (i = 0; i < r->n_overrides; i++) {
		str_add(out, "            ");
		py_str(out, r->overrides[i].name);
		str_add(out, ": [");
		for (k = 0; k < r->overrides[i].n; k++) {
			str_add(out, k ? ", " : "");
			py_override(out, r, &r->overrides[i].v[k]);
		}
		str_add(out, "],\n");
	}
	str_add(out, "        }");
}

static void py_axes(struct str *out, const struct recipe *r)
{
	size_t i;

	str_addc(out, '{');
	for (i = 0; i < r->n_per_channel_axes; i++) {
		str_add(out, i ? ", " : "");
		py_str(out, r->per_channel_axes[i].op);
		str_addf(out, ": %lld", (long long)r->per_channel_axes[i].axis);
	}
	str_addc(out, '}');
}

static void py_number(struct str *out, double v)
{
	if (isnan(v))
		str_add(out, "None");
	else
		str_add_double(out, v);
}

static void py_value(struct str *out, const struct recipe *r, const struct recipe_key *k)
{
	const void *field = recipe_field(r, k);
	enum quant_method m;

	switch (k->kind) {
	case KIND_BOOL:
		str_add(out, *(const bool *)field ? "True" : "False");
		break;
	case KIND_MAYBE:
		str_add(out, *(const enum recipe_maybe *)field == RECIPE_UNSET ? "None"
			     : *(const enum recipe_maybe *)field == RECIPE_TRUE ? "True" : "False");
		break;
	case KIND_NUMBER:
		py_number(out, *(const double *)field);
		break;
	case KIND_COUNT:
		str_addf(out, "%lld", (long long)*(const int64_t *)field);
		break;
	case KIND_TYPE:
		str_addf(out, "QuantType.%s", recipe_type_name(*(const int *)field));
		break;
	case KIND_FORMAT:
		str_addf(out, "QuantFormat.%s", recipe_formats[*(const enum recipe_format *)field].name);
		break;
	case KIND_METHOD:
		m = *(const enum quant_method *)field;
		if (m > QUANT_DISTRIBUTION)
			m = QUANT_MINMAX;
		str_addf(out, "CalibrationMethod.%s", quant_method_name(m));
		break;
	case KIND_NAMES:
		py_names(out, field);
		break;
	case KIND_AXES:
		py_axes(out, r);
		break;
	case KIND_OVERRIDES:
		py_overrides(out, r);
		break;
	case KIND_REFUSED: case KIND_UNUSED:
		break;
	}
}

static bool needs_four_bits(const struct recipe *r)
{
	size_t i, k;

	for (i = 0; i < r->n_overrides; i++) {
		for (k = 0; k < r->overrides[i].n; k++) {
			const struct recipe_override *o = &r->overrides[i].v[k];
			int t[2] = { o->quant_type ? o->quant_type : r->activation_type, 0 }, n;

			t[1] = o->convert ? o->convert->quant_type : 0;
			for (n = 0; n < 2; n++) {
				if (t[n] == DT_INT4 || t[n] == DT_UINT4)
					return true;
			}
		}
	}
	return false;
}

static const char reader[] =
	"\n"
	"class Samples(CalibrationDataReader):\n"
	"    \"\"\"The .npy and .npz files of a folder in natural order; one file is one sample.\"\"\"\n"
	"\n"
	"    def __init__(self, folder, model):\n"
	"        graph = onnx.load(model, load_external_data=False).graph\n"
	"        constant = {i.name for i in graph.initializer}\n"
	"        self.names = [i.name for i in graph.input if i.name not in constant]\n"
	"        files = [f for f in pathlib.Path(folder).iterdir() if f.suffix in ('.npy', '.npz')]\n"
	"        digits = lambda f: [int(t) if t.isdigit() else t for t in re.split('([0-9]+)', f.name)]\n"
	"        self.files = iter(sorted(files, key=digits))\n"
	"\n"
	"    def get_next(self):\n"
	"        path = next(self.files, None)\n"
	"        if path is None:\n"
	"            return None\n"
	"        data = np.load(path)\n"
	"        return {self.names[0]: data} if path.suffix == '.npy' else dict(data)\n"
	"\n";

void recipe_write_python(const struct recipe *r, const char *model, const char *output, const char *data,
			 const char *cache, struct str *out)
{
	int i;

	str_add(out, "import pathlib\nimport re\n\n");
	if (needs_four_bits(r))
		str_add(out, "import ml_dtypes\n");
	str_add(out, "import numpy as np\nimport onnx\n"
		     "from onnxruntime.quantization import (CalibrationDataReader, CalibrationMethod, QuantFormat,\n"
		     "                                      QuantType, quantize_static)\n\n");
	str_add(out, reader);
	if (r->calibrate_method > QUANT_DISTRIBUTION)
		str_addf(out, "\n# calibrate_method %s is not the reference's: %s\n", quant_method_name(r->calibrate_method),
			 cache ? "the cache holds its ranges" : "without a cache of its ranges this is another model");
	str_add(out, "\nquantize_static(\n    ");
	py_str(out, model);
	str_add(out, ",\n    ");
	py_str(out, output);
	str_add(out, ",\n    ");
	if (data) {
		str_add(out, "Samples(");
		py_str(out, data);
		str_add(out, ", ");
		py_str(out, model);
		str_add(out, "),\n");
	} else {
		str_add(out, "None,\n");
	}
	if (cache) {
		str_add(out, "    calibration_cache_path=");
		py_str(out, cache);
		str_add(out, ",\n");
	}
	for (i = 0; i < recipe_n_args; i++) {
		if (recipe_args[i].ours)
			continue;
		str_addf(out, "    %s=", recipe_args[i].name);
		py_value(out, r, &recipe_args[i]);
		str_add(out, ",\n");
	}
	str_add(out, "    extra_options={\n");
	for (i = 0; i < recipe_n_extras; i++) {
		if (recipe_extras[i].ours || is_default(r, &recipe_extras[i]))
			continue;
		str_addf(out, "        \"%s\": ", recipe_extras[i].name);
		py_value(out, r, &recipe_extras[i]);
		str_add(out, ",\n");
	}
	str_add(out, "    },\n)\n");
}
