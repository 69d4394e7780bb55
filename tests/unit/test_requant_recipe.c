/* Recipes and exclusion files: what is read, what is refused and how it is said. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/fs.h"
#include "requant/exclude.h"
#include "requant/recipe.h"
#include "requant/registry.h"

static int parse(struct recipe *r, const char *text, struct qd_err *err)
{
	recipe_init(r);
	return recipe_parse(r, text, strlen(text), "r.json", err);
}

static void refused(const char *text, const char *says)
{
	struct recipe r;
	struct qd_err err = { 0 };

	assert_int_equal(parse(&r, text, &err), QD_EINPUT);
	if (!strstr(err.msg, says))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
	recipe_release(&r);
}

static void a_fresh_recipe_has_the_defaults_of_quantize_static(void **state)
{
	struct recipe r;

	(void)state;
	assert_int_equal(parse(&r, "{}", NULL), 0);
	assert_int_equal(r.quant_format, RECIPE_QDQ);
	assert_int_equal(r.activation_type, DT_INT8);
	assert_int_equal(r.weight_type, DT_INT8);
	assert_int_equal(r.calibrate_method, QUANT_MINMAX);
	assert_false(r.per_channel);
	assert_true(r.quantize_bias);
	assert_int_equal(r.weight_symmetric, RECIPE_UNSET);
	assert_true(isnan(r.minimum_real_range));
	recipe_release(&r);
}

static void enumerations_are_read_in_any_case_and_without_q(void **state)
{
	struct recipe r;

	(void)state;
	assert_int_equal(parse(&r, "{\"activation_type\": \"quint8\", \"weight_type\": \"int4\", \"quant_format\": \"qdq\","
			       " \"calibrate_method\": \"ENTROPY\"}", NULL), 0);
	assert_int_equal(r.activation_type, DT_UINT8);
	assert_int_equal(r.weight_type, DT_INT4);
	assert_int_equal(r.calibrate_method, QUANT_ENTROPY);
	recipe_release(&r);
}

static void an_unknown_key_or_value_names_the_nearest(void **state)
{
	(void)state;
	refused("{\"per_chanel\": true}", "\"per_channel\"");
	refused("{\"extra_options\": {\"ActivationSymetric\": true}}", "\"ActivationSymmetric\"");
	refused("{\"weight_type\": \"QInt7\"}", "\"QInt");
	refused("{\"calibrate_method\": \"MinMx\"}", "\"MinMax\"");
	refused("{\"extra_options\": {\"TensorQuantOverrides\": {\"t\": [{\"rmn\": 1}]}}}", "\"rmin\"");
}

static void a_value_of_the_wrong_kind_is_named(void **state)
{
	(void)state;
	refused("{\"per_channel\": 1}", "per_channel is 1; wanted: true or false");
	refused("{\"nodes_to_exclude\": \"Conv_0\"}", "a list of names");
	refused("{\"extra_options\": {\"BlockSize\": -1}}", "BlockSize is -1");
	refused("[]", "an object");
	refused("{", "line 1");
	refused("{\"per_channel\": true, \"per_channel\": false}", "duplicate");
	refused("{\"extra_options\": {\"SmoothQuant\": true}}", "SmoothQuant");
}

static void overrides_are_read_with_all_their_keys(void **state)
{
	const char *text = "{\"extra_options\": {\"TensorQuantOverrides\": {\"t\": [{\"quant_type\": \"QUInt8\", \"rmin\": -1,"
			   " \"convert\": {\"quant_type\": \"QUInt16\", \"recv_nodes\": [\"a\", \"b\"]}}], \"e\": [{}]}}}";
	const struct recipe_tensor *t;
	struct recipe r;

	(void)state;
	assert_int_equal(parse(&r, text, NULL), 0);
	t = recipe_overrides(&r, "t");
	assert_non_null(t);
	assert_int_equal(t->v[0].quant_type, DT_UINT8);
	assert_true(t->v[0].rmin == -1 && isnan(t->v[0].rmax));
	assert_int_equal(t->v[0].convert->quant_type, DT_UINT16);
	assert_int_equal(t->v[0].convert->recv_nodes.n, 2);
	assert_null(recipe_overrides(&r, "e"));         /* one empty dictionary is none */
	assert_null(recipe_overrides(&r, "x"));
	recipe_release(&r);
}

static void writing_and_reading_again_changes_nothing(void **state)
{
	const char *text = "{\"per_channel\": true, \"nodes_to_exclude\": [\"a\\\"b\"], \"extra_options\": {\"WeightSymmetric\":"
			   " false, \"MinimumRealRange\": 0.1, \"QDQOpTypePerChannelSupportToAxis\": {\"MatMul\": 0}, "
			   "\"TensorQuantOverrides\": {\"t\": [{\"scale\": 0.1, \"zero_point\": -3}]}}}";
	struct str first = STR_INIT, second = STR_INIT;
	struct recipe r;

	(void)state;
	assert_int_equal(parse(&r, text, NULL), 0);
	recipe_write_json(&r, &first);
	recipe_release(&r);
	assert_int_equal(parse(&r, first.p, NULL), 0);
	recipe_write_json(&r, &second);
	recipe_release(&r);
	assert_string_equal(first.p, second.p);
	assert_non_null(strstr(first.p, "\"WeightSymmetric\": false"));
	str_release(&first);
	str_release(&second);
}

static void combinations_without_kernels_are_refused(void **state)
{
	struct qd_err err = { 0 };
	struct recipe r;

	(void)state;
	recipe_init(&r);
	assert_int_equal(recipe_check(&r, &err), 0);
	r.weight_type = DT_UINT8;
	assert_int_equal(recipe_check(&r, &err), QD_EUSAGE);
	assert_non_null(strstr(err.msg, "S8U8"));
	r.weight_type = DT_F8E4M3FN;
	assert_int_equal(recipe_check(&r, &err), QD_EUSAGE);
	r.activation_type = DT_F8E4M3FN;
	assert_int_equal(recipe_check(&r, &err), QD_EUSAGE);
	assert_non_null(strstr(err.msg, "Distribution"));
	r.calibrate_method = QUANT_DISTRIBUTION;
	assert_int_equal(recipe_check(&r, &err), 0);
	recipe_release(&r);
}

static void the_default_set_has_the_34_operators_of_the_reference(void **state)
{
	int n = 0;

	(void)state;
	while (registry_op(n))
		n++;
	assert_int_equal(n, 34);
	assert_int_equal(registry_find("ConvTranspose")->weight_axis, 1);
	assert_null(registry_find("Tanh"));
}

static void an_exclusion_file_survives_writing_and_reading(void **state)
{
	const char *names[] = { "#odd", "\\back", "plain name", "/model/Conv" };
	const char *dir = fs_tmp_dir(NULL);
	char *path = fs_join(dir, "list.txt"), sha[65], hash[65];
	struct str text = STR_INIT;
	struct recipe r;
	FILE *f;
	size_t i;

	(void)state;
	memset(hash, 'a', 64);
	hash[64] = 0;
	assert_int_equal(exclude_write(names, 4, "m.onnx", hash, &text, NULL), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text.p, 1, text.len, f);
	fclose(f);
	recipe_init(&r);
	assert_int_equal(exclude_load(&r, path, sha, NULL), 0);
	assert_int_equal(r.nodes_to_exclude.n, 4);
	for (i = 0; i < 4; i++)
		assert_string_equal(r.nodes_to_exclude.v[i], names[i]);
	assert_string_equal(sha, hash);
	assert_int_equal(exclude_load(&r, path, NULL, NULL), 0);       /* again: no repetition */
	assert_int_equal(r.nodes_to_exclude.n, 4);
	recipe_release(&r);
	str_release(&text);
	free(path);
}

static void a_name_with_a_line_break_cannot_be_written(void **state)
{
	const char *names[] = { "a\nb" };
	struct str text = STR_INIT;
	struct qd_err err;

	(void)state;
	assert_int_equal(exclude_write(names, 1, NULL, NULL, &text, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "a\\nb"));
	str_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_recipe_has_the_defaults_of_quantize_static),
		cmocka_unit_test(enumerations_are_read_in_any_case_and_without_q),
		cmocka_unit_test(an_unknown_key_or_value_names_the_nearest),
		cmocka_unit_test(a_value_of_the_wrong_kind_is_named),
		cmocka_unit_test(overrides_are_read_with_all_their_keys),
		cmocka_unit_test(writing_and_reading_again_changes_nothing),
		cmocka_unit_test(combinations_without_kernels_are_refused),
		cmocka_unit_test(the_default_set_has_the_34_operators_of_the_reference),
		cmocka_unit_test(an_exclusion_file_survives_writing_and_reading),
		cmocka_unit_test(a_name_with_a_line_break_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
