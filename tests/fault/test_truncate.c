/* Real models cut at every 997th byte: always a refusal that names the file, never a crash or a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "onnx/model.h"

enum { STEP = 997 };            /* a prime: cuts fall everywhere in fields */

static void write_cut(const char *path, const unsigned char *data, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void cut_everywhere(const char *model)
{
	const char *dir = fs_tmp_dir(NULL);
	struct fs_map map;
	char path[4200];
	size_t n;

	if (fs_map_open(model, &map, NULL)) {
		print_message("%s is not there: make models\n", model);
		skip();
	}
	assert_non_null(dir);
	snprintf(path, sizeof(path), "%s/cut.onnx", dir);
	for (n = 0; n < map.size; n += STEP) {
		struct onnx_model *m = NULL;
		struct qd_err err = { 0 };
		int rc;

		write_cut(path, map.data, n);
		rc = onnx_load(path, &m, &err);
		onnx_free(m);
		if (rc != QD_EINPUT || !strstr(err.msg, "cut.onnx") || strlen(err.msg) < strlen(path) + 10)
			fail_msg("%s cut at %zu: %d \"%s\"", model, n, rc, err.msg);
	}
	unlink(path);
	fs_map_close(&map);
}

static void cut_float_models_are_refused(void **state)
{
	(void)state;
	cut_everywhere("build/models/cls/pre.onnx");
}

static void cut_quantized_models_are_refused(void **state)
{
	(void)state;
	cut_everywhere("build/models/cls/pre.s8s8.onnx");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_float_models_are_refused),
		cmocka_unit_test(cut_quantized_models_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
