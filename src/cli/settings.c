/* Options on top of a recipe. */
#include "cli/settings.h"

#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "onnx/model.h"
#include "requant/exclude.h"

/* One argument of the reference's, by its own reader: the same names, and the nearest when there is none. */
static int set_word(struct recipe *r, const char *option, const char *key, const char *word, struct qd_err *err)
{
	struct str text = STR_INIT;
	struct json j;
	int rc;

	if (!word)
		return 0;
	json_init(&j, &text, 0);
	json_open(&j, NULL, '{');
	json_str(&j, key, word);
	json_close(&j, '}');
	rc = text.failed ? err_oom(err, option) : recipe_parse(r, text.p, text.len, option, err);
	str_release(&text);
	return rc;
}

static int add_nodes(struct recipe *r, const struct cli_list *names, struct qd_err *err)
{
	for (size_t i = 0; i < names->n; i++)
		if (!recipe_has_name(&r->nodes_to_exclude, names->v[i]) &&
		    !recipe_add_name(r, &r->nodes_to_exclude, names->v[i]))
			return err_oom(err, "--exclude");
	return 0;
}

static int compare_hash(const char *path, const char *hash, const char *model, struct qd_err *err)
{
	struct onnx_model *m = NULL;
	int rc = onnx_load(model, &m, err);

	if (!rc && strcmp(m->sha256, hash))
		log_add(LOG_WARN, "%s was made for another model (sha256 %.12s...) than %s (%.12s...)", path, hash, model,
			m->sha256);
	onnx_free(m);
	return rc;
}

static int add_files(struct recipe *r, const struct cli_list *files, const char *model, struct qd_err *err)
{
	char hash[65];
	int rc = 0;

	for (size_t i = 0; !rc && i < files->n; i++) {
		rc = exclude_load(r, files->v[i], hash, err);
		if (!rc && *hash)
			rc = compare_hash(files->v[i], hash, model, err);
	}
	return rc;
}

int settings_recipe(const struct cli_values *v, const char *model, struct recipe *r, struct qd_err *err)
{
	int rc;

	recipe_init(r);
	rc = v->recipe ? recipe_load(r, v->recipe, err) : 0;
	if (!rc)
		rc = set_word(r, "--calibrator", "calibrate_method", v->calibrator, err);
	if (!rc)
		rc = set_word(r, "--activation-type", "activation_type", v->activation_type, err);
	if (!rc)
		rc = set_word(r, "--weight-type", "weight_type", v->weight_type, err);
	r->per_channel = r->per_channel || v->per_channel;
	r->reduce_range = r->reduce_range || v->reduce_range;
	r->strict_reference = r->strict_reference || v->strict_reference;
	if (!rc)
		rc = add_nodes(r, &v->exclude, err);
	if (!rc)
		rc = add_files(r, &v->exclude_file, model, err);
	if (!rc && r->quant_format == RECIPE_QOPERATOR)
		rc = err_set(err, QD_EUSAGE, "quant_format QOperator: not available in this version; use QDQ, which ONNX "
			     "Runtime turns into the same kernels when it loads the model");
	return rc ? rc : recipe_check(r, err);
}

const char *settings_given(const struct cli_values *v)
{
	const struct { const char *name; bool given; } all[] = {
		{ "--recipe", v->recipe }, { "--exclude", v->exclude.n }, { "--exclude-file", v->exclude_file.n },
		{ "--calibrator", v->calibrator }, { "--activation-type", v->activation_type },
		{ "--weight-type", v->weight_type }, { "--per-channel", v->per_channel },
		{ "--reduce-range", v->reduce_range }, { "--strict-reference", v->strict_reference },
		{ "--ranges", v->ranges },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].given)
			return all[i].name;
	return "";
}
