/* Reading recipes. Every message names file, key, the value seen and what is possible. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/mem.h"
#include "requant/recipe_int.h"

struct reader {
	struct recipe *r;
	const char *name;       /* of the file */
	struct qd_err *err;
};

enum { MAX_RECIPE = 64 << 20, FAR = 1000 };

/* --- messages ----------------------------------------------------------------------- */

static int wrong_kind(const struct reader *k, const char *key, const json_t *v, const char *wanted)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	struct str shown = STR_INIT;
	int rc;

	str_add_escaped(&shown, text ? text : "?");
	rc = err_set(k->err, QD_EINPUT, "%s: %s is %.120s; wanted: %s", k->name, key, shown.p ? shown.p : "?", wanted);
	str_release(&shown);
	free(text);
	return rc;
}

struct guess { const char *name; int distance; };

static void consider(struct guess *g, const char *seen, const char *name)
{
	char a[64], b[64];
	int d, i;

	for (i = 0; i < 63 && seen[i]; i++)
		a[i] = (char)(seen[i] >= 'A' && seen[i] <= 'Z' ? seen[i] + 32 : seen[i]);
	a[i] = 0;
	for (i = 0; i < 63 && name[i]; i++)
		b[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	b[i] = 0;
	d = str_distance(a, b, 60);
	if (d < g->distance) {
		g->distance = d;
		g->name = name;
	}
}

static int unknown(const struct reader *k, const char *where, const char *what, const char *seen, const struct guess *g)
{
	struct str shown = STR_INIT;
	int rc;

	str_add_escaped(&shown, seen);
	rc = err_set(k->err, QD_EINPUT, "%s: %s%s\"%.120s\" is no %s; the nearest is \"%s\"", k->name, where,
		     *where ? ": " : "", shown.p ? shown.p : "?", what, g->name ? g->name : "");
	str_release(&shown);
	return rc;
}

static int oom(const struct reader *k)
{
	return err_oom(k->err, k->name);
}

/* --- values ---------------------------------------------------------------------------- */

static int read_word(const struct reader *k, const char *key, const json_t *v, const struct recipe_word *words,
		     const char *what, int *out)
{
	const char *s = json_string_value(v);
	struct guess g = { NULL, FAR };
	int i;

	if (!s)
		return wrong_kind(k, key, v, what);
	for (i = 0; words[i].name; i++) {
		/* "int8" is taken for "QInt8" */
		if (!strcasecmp(s, words[i].name) || (*words[i].name == 'Q' && !strcasecmp(s, words[i].name + 1))) {
			*out = words[i].value;
			return 0;
		}
		consider(&g, s, words[i].name);
	}
	return unknown(k, key, what, s, &g);
}

static int read_method(const struct reader *k, const char *key, const json_t *v, enum quant_method *out)
{
	const char *s = json_string_value(v);
	struct guess g = { NULL, FAR };
	int m = s ? quant_method_from_name(s) : -1, i;

	if (!s)
		return wrong_kind(k, key, v, "the name of a calibration method");
	if (m < 0) {
		for (i = 0; i < QUANT_METHODS; i++)
			consider(&g, s, quant_method_name((enum quant_method)i));
		return unknown(k, key, "calibration method", s, &g);
	}
	*out = (enum quant_method)m;
	return 0;
}

static int read_names(const struct reader *k, const char *key, json_t *v, struct recipe_names *out)
{
	size_t i;
	json_t *item;

	*out = (struct recipe_names){ 0 };
	if (json_is_null(v))
		return 0;
	if (!json_is_array(v))
		return wrong_kind(k, key, v, "a list of names");
	json_array_foreach(v, i, item) {
		if (!json_is_string(item))
			return wrong_kind(k, key, item, "a name");
		if (!recipe_add_name(k->r, out, json_string_value(item)))
			return oom(k);
	}
	return 0;
}

static int read_axes(const struct reader *k, const char *key, json_t *v)
{
	const char *op;
	json_t *axis;
	size_t n = 0;

	if (!json_is_object(v))
		return wrong_kind(k, key, v, "an object {operator: axis}");
	k->r->per_channel_axes = arena_alloc(&k->r->arena, (json_object_size(v) + 1) * sizeof(*k->r->per_channel_axes));
	if (!k->r->per_channel_axes)
		return oom(k);
	json_object_foreach(v, op, axis) {
		if (!json_is_integer(axis))
			return wrong_kind(k, key, axis, "an integer axis");
		k->r->per_channel_axes[n].axis = json_integer_value(axis);
		k->r->per_channel_axes[n].op = arena_strdup(&k->r->arena, op);
		if (!k->r->per_channel_axes[n++].op)
			return oom(k);
	}
	k->r->n_per_channel_axes = n;
	return 0;
}

static int read_maybe(const struct reader *k, const char *key, const json_t *v, enum recipe_maybe *out)
{
	if (!json_is_boolean(v) && !json_is_null(v))
		return wrong_kind(k, key, v, "true, false or null");
	*out = json_is_null(v) ? RECIPE_UNSET : json_is_true(v) ? RECIPE_TRUE : RECIPE_FALSE;
	return 0;
}

static int read_number(const struct reader *k, const char *key, const json_t *v, double *out)
{
	if (!json_is_number(v) && !json_is_null(v))
		return wrong_kind(k, key, v, "a number or null");
	*out = json_is_null(v) ? NAN : json_number_value(v);
	return 0;
}

static int read_integer(const struct reader *k, const char *key, const json_t *v, bool *has, int64_t *out)
{
	if (!json_is_integer(v))
		return wrong_kind(k, key, v, "an integer");
	*out = json_integer_value(v);
	*has = true;
	return 0;
}

/* --- overrides --------------------------------------------------------------------------- */

static int read_override(const struct reader *k, const char *where, json_t *v, bool convert, struct recipe_override *o);

static int read_convert(const struct reader *k, const char *where, json_t *v, struct recipe_override *o)
{
	o->convert = arena_alloc(&k->r->arena, sizeof(*o->convert));
	return o->convert ? read_override(k, where, v, true, o->convert) : oom(k);
}

static int read_override_key(const struct reader *k, const char *where, const char *key, json_t *v, bool convert,
			     struct recipe_override *o)
{
	static const char *const keys[] = { "quant_type", "scale", "zero_point", "symmetric", "reduce_range", "rmin", "rmax",
					    "axis", "convert", "recv_nodes" };
	struct guess g = { NULL, FAR };
	size_t i;

	if (!strcmp(key, "quant_type"))
		return read_word(k, where, v, recipe_types, "quantized type", &o->quant_type);
	if (!strcmp(key, "scale"))
		return read_number(k, where, v, &o->scale);
	if (!strcmp(key, "rmin"))
		return read_number(k, where, v, &o->rmin);
	if (!strcmp(key, "rmax"))
		return read_number(k, where, v, &o->rmax);
	if (!strcmp(key, "zero_point"))
		return read_integer(k, where, v, &o->has_zero_point, &o->zero_point);
	if (!strcmp(key, "symmetric"))
		return read_maybe(k, where, v, &o->symmetric);
	if (!strcmp(key, "reduce_range"))
		return read_maybe(k, where, v, &o->reduce_range);
	if (!strcmp(key, "axis") && !convert)
		return read_integer(k, where, v, &o->has_axis, &o->axis);
	if (!strcmp(key, "convert") && !convert)
		return read_convert(k, where, v, o);
	if (!strcmp(key, "recv_nodes") && convert) {
		o->has_recv_nodes = !json_is_null(v);
		return read_names(k, where, v, &o->recv_nodes);
	}
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		consider(&g, key, keys[i]);
	return unknown(k, where, "key of an override", key, &g);
}

static int read_override(const struct reader *k, const char *where, json_t *v, bool convert, struct recipe_override *o)
{
	const char *key;
	json_t *item;
	int rc;

	*o = (struct recipe_override){ .scale = NAN, .rmin = NAN, .rmax = NAN, .symmetric = RECIPE_UNSET,
				       .reduce_range = RECIPE_UNSET };
	if (!json_is_object(v))
		return wrong_kind(k, where, v, "an object");
	json_object_foreach(v, key, item) {
		rc = read_override_key(k, where, key, item, convert, o);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_overrides(const struct reader *k, const char *key, json_t *v)
{
	struct recipe *r = k->r;
	const char *name;
	json_t *list, *item;
	size_t i;
	int rc;

	if (!json_is_object(v))
		return wrong_kind(k, key, v, "an object {tensor: [override, ...]}");
	r->overrides = arena_alloc(&r->arena, (json_object_size(v) + 1) * sizeof(*r->overrides));
	r->n_overrides = 0;
	if (!r->overrides)
		return oom(k);
	json_object_foreach(v, name, list) {
		struct recipe_tensor *t = &r->overrides[r->n_overrides++];
		struct str where = STR_INIT;

		if (!json_is_array(list))
			return wrong_kind(k, key, list, "a list of objects");
		t->name = arena_strdup(&r->arena, name);
		t->n = json_array_size(list);
		t->v = arena_alloc(&r->arena, (t->n + 1) * sizeof(*t->v));
		str_add(&where, "TensorQuantOverrides of ");
		str_add_escaped(&where, name);
		rc = t->name && t->v && where.p && !where.failed ? 0 : oom(k);
		json_array_foreach(list, i, item) {
			if (!rc)
				rc = read_override(k, where.p, item, false, &t->v[i]);
		}
		str_release(&where);
		if (rc)
			return rc;
	}
	return 0;
}

/* --- the table at work ------------------------------------------------------------------------ */

static int read_value(const struct reader *k, const struct recipe_key *e, json_t *v)
{
	void *field = recipe_field(k->r, e);
	int value = 0, rc;
	double count;

	switch (e->kind) {
	case KIND_BOOL:
		if (!json_is_boolean(v))
			return wrong_kind(k, e->name, v, "true or false");
		*(bool *)field = json_is_true(v);
		return 0;
	case KIND_MAYBE:
		return read_maybe(k, e->name, v, field);
	case KIND_NUMBER:
		return read_number(k, e->name, v, field);
	case KIND_COUNT:
		count = json_is_null(v) ? 0 : json_is_integer(v) ? (double)json_integer_value(v) : -1;
		if (count < 0 || count > 1e9)
			return wrong_kind(k, e->name, v, "a whole number from 0, or null");
		*(int64_t *)field = (int64_t)count;
		return 0;
	case KIND_TYPE:
		return read_word(k, e->name, v, recipe_types, "quantized type", field);
	case KIND_FORMAT:
		rc = read_word(k, e->name, v, recipe_formats, "quantization format", &value);
		*(enum recipe_format *)field = (enum recipe_format)value;
		return rc;
	case KIND_METHOD:
		return read_method(k, e->name, v, field);
	case KIND_NAMES:
		return read_names(k, e->name, v, field);
	case KIND_AXES:
		return read_axes(k, e->name, v);
	case KIND_OVERRIDES:
		return read_overrides(k, e->name, v);
	case KIND_REFUSED:
		return json_is_true(v) ? err_set(k->err, QD_EINPUT, "%s: %s is not supported; apply it to the model before",
						 k->name, e->name) : 0;
	case KIND_UNUSED:
		return 0;
	}
	return 0;
}

static int read_object(const struct reader *k, const char *where, json_t *v, const struct recipe_key *table, int n)
{
	const char *key;
	json_t *item;
	int i, rc;

	if (!json_is_object(v))
		return wrong_kind(k, *where ? where : "the recipe", v, "an object");
	json_object_foreach(v, key, item) {
		struct guess g = { NULL, FAR };

		for (i = 0; i < n && strcmp(key, table[i].name); i++)
			consider(&g, key, table[i].name);
		if (i < n) {
			rc = read_value(k, &table[i], item);
		} else if (!*where && !strcmp(key, "extra_options")) {
			rc = json_is_null(item) ? 0 : read_object(k, key, item, recipe_extras, recipe_n_extras);
		} else {
			if (!*where)
				consider(&g, key, "extra_options");
			rc = unknown(k, where, "setting", key, &g);
		}
		if (rc)
			return rc;
	}
	return 0;
}

int recipe_parse(struct recipe *r, const char *text, size_t n, const char *name, struct qd_err *err)
{
	struct reader k = { r, name, err };
	json_error_t e;
	json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	int rc;

	if (!root)
		return err_set(err, QD_EINPUT, "%s: no recipe: line %d: %s", name, e.line, e.text);
	rc = read_object(&k, "", root, recipe_args, recipe_n_args);
	json_decref(root);
	return rc;
}

int recipe_load(struct recipe *r, const char *path, struct qd_err *err)
{
	char *text;
	size_t n;
	int rc = fs_read_all(path, MAX_RECIPE, &text, &n, err);

	if (rc)
		return rc;
	rc = recipe_parse(r, text, n, path, err);
	free(text);
	return rc;
}
