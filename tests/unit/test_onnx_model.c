/* onnx/model and onnx/check: round trips, external data, refusal of broken models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "onnx/graph.h"
#include "onnx/model.h"
#include "tensor/dtype.h"
#include "tests/lib/data_files.h"
#include "tests/lib/model_builder.h"

static struct tdir dir;

static int setup(void **state)
{
	(void)state;
	tdir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tdir_remove(&dir);
	return 0;
}

/* x -> Identity -> y, to which a test adds its fault. */
static void plain(struct mb *b)
{
	mb_begin(b, 13);
	mb_input(b, "x", DT_FLOAT, "1");
	mb_node(b, "Identity", "id", "x", "y");
	mb_output(b, "y", DT_FLOAT, "1");
}

static int load_built(struct mb *b, struct qd_err *err)
{
	struct onnx_model *m = NULL;
	int rc;

	mb_save(b, tdir_path(&dir, "m.onnx"));
	mb_end(b);
	rc = onnx_load(tdir_path(&dir, "m.onnx"), &m, err);
	assert_true(rc ? !m : m != NULL);
	onnx_free(m);
	return rc;
}

/* The model is refused and the message holds `want`. */
static void refused(struct mb *b, const char *want)
{
	struct qd_err err = { 0 };

	assert_int_equal(load_built(b, &err), QD_EINPUT);
	if (!strstr(err.msg, want))
		fail_msg("\"%s\" is not in: %s", want, err.msg);
	assert_non_null(strstr(err.msg, "m.onnx"));
}

static void accepted(struct mb *b)
{
	struct qd_err err = { 0 };

	if (load_built(b, &err))
		fail_msg("%s", err.msg);
}

/* --- round trip ------------------------------------------------------------- */

static void unknown_fields_and_sizes_survive_load_and_save(void **state)
{
	/* field 999, length-delimited: tag (999 << 3 | 2) = 7994 = varint ba 3e, 3 bytes */
	static const unsigned char extra[] = { 0xBA, 0x3E, 3, 'a', 'b', 'c' };
	struct onnx_model *m;
	unsigned char *bytes, *both;
	struct mb b;
	char *again;
	size_t n, got;

	(void)state;
	plain(&b);
	bytes = mb_bytes(&b, &n);
	mb_end(&b);
	both = malloc(n + sizeof(extra));
	memcpy(both, bytes, n);
	memcpy(both + n, extra, sizeof(extra));
	tdir_put(&dir, "u.onnx", both, n + sizeof(extra));
	assert_int_equal(onnx_load(tdir_path(&dir, "u.onnx"), &m, NULL), 0);
	assert_int_equal(onnx_save(m, tdir_path(&dir, "v.onnx"), NULL), 0);
	assert_int_equal(fs_read_all(tdir_path(&dir, "v.onnx"), 1 << 20, &again, &got, NULL), 0);
	assert_int_equal(got, n + sizeof(extra));
	assert_non_null(memmem(again, got, extra, sizeof(extra)));
	onnx_free(m);
	free(again);
	free(both);
	free(bytes);
}

static void truncation_at_every_byte_is_a_message_or_a_model(void **state)
{
	struct mb b;
	unsigned char *bytes;
	size_t n, k;

	(void)state;
	mb_pair_quant(&b, MB_PAIR_PER_AXIS);
	bytes = mb_bytes(&b, &n);
	mb_end(&b);
	for (k = 0; k < n; k++) {
		struct onnx_model *m = NULL;
		struct qd_err err = { 0 };
		struct graph g;

		tdir_put(&dir, "t.onnx", bytes, k);
		if (onnx_load(tdir_path(&dir, "t.onnx"), &m, &err)) {
			assert_non_null(strstr(err.msg, "t.onnx"));
			continue;
		}
		/* cut between fields: what is left must be safe to index */
		assert_int_equal(graph_open(m, &g, &err), 0);
		graph_close(&g);
		onnx_free(m);
	}
	free(bytes);
}

static void every_single_byte_changed_is_a_message_or_a_model(void **state)
{
	struct mb b;
	unsigned char *bytes;
	size_t n, k;

	(void)state;
	mb_pair_quant(&b, 0);
	bytes = mb_bytes(&b, &n);
	mb_end(&b);
	for (k = 0; k < n; k++) {
		static const unsigned char flips[] = { 0x01, 0x80, 0xFF };
		size_t f;

		for (f = 0; f < sizeof(flips); f++) {
			struct onnx_model *m = NULL;
			struct graph g;
			int v;

			bytes[k] ^= flips[f];
			tdir_put(&dir, "t.onnx", bytes, n);
			bytes[k] ^= flips[f];
			if (onnx_load(tdir_path(&dir, "t.onnx"), &m, NULL))
				continue;
			assert_int_equal(graph_open(m, &g, NULL), 0);
			for (v = 0; v < g.n_values; v++) {
				struct tensor t;

				if (!graph_const_read(&g, v, &t, NULL))
					tensor_release(&t);
			}
			graph_close(&g);
			onnx_free(m);
		}
	}
	free(bytes);
}

static void the_identity_hash_is_of_the_file_and_its_external_data(void **state)
{
	static const float data[2] = { 1, 2 };
	struct onnx_model *m;
	char first[SHA_HEX];
	struct mb b;

	(void)state;
	tdir_put(&dir, "w.bin", data, sizeof(data));
	mb_begin(&b, 13);
	mb_external(&b, "w", DT_FLOAT, "2", "w.bin", 0, 8);
	mb_node(&b, "Identity", "id", "w", "y");
	mb_output(&b, "y", DT_FLOAT, "2");
	mb_save(&b, tdir_path(&dir, "e.onnx"));
	mb_end(&b);
	assert_int_equal(onnx_load(tdir_path(&dir, "e.onnx"), &m, NULL), 0);
	memcpy(first, m->sha256, SHA_HEX);
	onnx_free(m);
	tdir_put(&dir, "w.bin", "\0\0\0\0\0\0\0\0", 8);
	assert_int_equal(onnx_load(tdir_path(&dir, "e.onnx"), &m, NULL), 0);
	assert_string_not_equal(first, m->sha256);
	onnx_free(m);
}

static void running_out_of_memory_while_decoding_is_not_a_bad_model(void **state)
{
	struct mb b;
	unsigned char *bytes;
	size_t n;
	long k;

	(void)state;
	plain(&b);
	bytes = mb_bytes(&b, &n);
	mb_end(&b);
	for (k = 1; k < 100; k++) {
		struct onnx_model *m = NULL;
		struct qd_err err = { 0 };
		int rc;

		fault_arm(FAULT_ALLOC, k, false);
		rc = onnx_decode(bytes, n, "m.onnx", &m, &err);
		if (!fault_fired(FAULT_ALLOC)) {
			fault_arm(FAULT_ALLOC, 0, false);
			assert_int_equal(rc, 0);
			onnx_free(m);
			break;
		}
		assert_int_equal(rc, QD_ENOMEM);
		assert_null(m);
	}
	free(bytes);
}

/* --- external data ------------------------------------------------------------- */

static void external(struct mb *b, const char *location, int64_t offset, int64_t length)
{
	mb_begin(b, 13);
	mb_external(b, "w", DT_FLOAT, "2", location, offset, length);
	mb_node(b, "Identity", "id", "w", "y");
	mb_output(b, "y", DT_FLOAT, "2");
}

static void external_data_is_read_at_its_offset(void **state)
{
	static const float data[4] = { 1, 2, 3, 4 };
	struct onnx_model *m;
	struct tensor t;
	struct mb b;
	size_t n;

	(void)state;
	tdir_put(&dir, "w.bin", data, sizeof(data));
	external(&b, "w.bin", 4, 8);
	mb_save(&b, tdir_path(&dir, "m.onnx"));
	mb_end(&b);
	assert_int_equal(onnx_load(tdir_path(&dir, "m.onnx"), &m, NULL), 0);
	assert_int_equal(m->n_ext, 1);
	assert_int_equal(onnx_tensor(m, m->proto->graph->initializer[0], &t, NULL), 0);
	assert_float_equal(tensor_get(&t, 0), 2, 0);    /* misaligned in the file: offset 4 */
	assert_float_equal(tensor_get(&t, 1), 3, 0);
	tensor_release(&t);
	assert_non_null(onnx_external_bytes(m, m->proto->graph->initializer[0], &n));
	assert_int_equal(n, 8);
	onnx_free(m);
}

static void an_empty_external_tensor_is_a_tensor(void **state)
{
	struct onnx_model *m;
	struct tensor t;
	struct mb b;

	(void)state;
	tdir_put(&dir, "none.bin", "", 0);
	mb_begin(&b, 13);
	mb_external(&b, "w", DT_FLOAT, "0", "none.bin", 0, 0);
	mb_node(&b, "Identity", "id", "w", "y");
	mb_output(&b, "y", DT_FLOAT, "0");
	mb_save(&b, tdir_path(&dir, "m.onnx"));
	mb_end(&b);
	assert_int_equal(onnx_load(tdir_path(&dir, "m.onnx"), &m, NULL), 0);
	assert_int_equal(onnx_tensor(m, m->proto->graph->initializer[0], &t, NULL), 0);
	assert_int_equal(t.n, 0);
	tensor_release(&t);
	onnx_free(m);
}

static void external_data_must_exist_inside_the_folder_and_be_long_enough(void **state)
{
	static const float data[4] = { 1, 2, 3, 4 };
	struct mb b;
	char abs[300];

	(void)state;
	tdir_put(&dir, "out.bin", data, sizeof(data));
	tdir_mkdir(&dir, "sub");
	tdir_put(&dir, "sub/in.bin", data, sizeof(data));
	external(&b, "sub/in.bin", 0, 8);
	accepted(&b);
	external(&b, "gone.bin", 0, 8);
	refused(&b, "missing");
	snprintf(abs, sizeof(abs), "%s", tdir_path(&dir, "out.bin"));
	external(&b, abs, 0, 8);
	refused(&b, "absolute");
	external(&b, "out.bin", 12, -1);
	refused(&b, "cut short");               /* 8 bytes at 12 of 16 */
	external(&b, "out.bin", 0, 4);
	refused(&b, "needs 8 bytes");           /* length disagrees with the shape */
	external(&b, "", 0, 8);
	refused(&b, "malformed");
	external(&b, "sub", 0, 8);
	{
		struct qd_err err = { 0 };

		assert_int_equal(load_built(&b, &err), QD_EINPUT);
		assert_non_null(strstr(err.msg, "directory"));
	}
}

static void external_data_that_leads_out_is_refused(void **state)
{
	static const float data[2] = { 1, 2 };
	struct qd_err err = { 0 };
	struct onnx_model *m;
	struct mb b;

	(void)state;
	tdir_put(&dir, "secret.bin", data, sizeof(data));
	tdir_mkdir(&dir, "m");
	external(&b, "../secret.bin", 0, 8);
	mb_save(&b, tdir_path(&dir, "m/a.onnx"));
	mb_end(&b);
	assert_int_equal(onnx_load(tdir_path(&dir, "m/a.onnx"), &m, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "leads out"));
	assert_int_equal(symlink("../secret.bin", tdir_path(&dir, "m/link.bin")), 0);
	external(&b, "link.bin", 0, 8);
	mb_save(&b, tdir_path(&dir, "m/b.onnx"));
	mb_end(&b);
	assert_int_equal(onnx_load(tdir_path(&dir, "m/b.onnx"), &m, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "leads out"));
}

static void a_sibling_folder_with_the_same_beginning_is_outside(void **state)
{
	static const float data[2] = { 1, 2 };
	struct qd_err err = { 0 };
	struct onnx_model *m;
	struct mb b;

	(void)state;
	tdir_mkdir(&dir, "n");
	tdir_mkdir(&dir, "nn");
	tdir_put(&dir, "nn/w.bin", data, sizeof(data));
	external(&b, "../nn/w.bin", 0, 8);
	mb_save(&b, tdir_path(&dir, "n/a.onnx"));
	mb_end(&b);
	assert_int_equal(onnx_load(tdir_path(&dir, "n/a.onnx"), &m, &err), QD_EINPUT);
}

/* --- structure -------------------------------------------------------------------- */

static void what_is_no_model_is_refused(void **state)
{
	struct onnx_model *m;
	struct qd_err err = { 0 };

	(void)state;
	tdir_put(&dir, "text.onnx", "hello, world", 12);
	assert_int_equal(onnx_load(tdir_path(&dir, "text.onnx"), &m, &err), QD_EINPUT);
	tdir_put(&dir, "empty.onnx", "", 0);
	assert_int_equal(onnx_load(tdir_path(&dir, "empty.onnx"), &m, &err), QD_EINPUT);
	assert_int_equal(onnx_load(dir.path, &m, &err), QD_EINPUT);
	assert_int_equal(onnx_load(tdir_path(&dir, "none.onnx"), &m, &err), QD_EINPUT);
}

static void models_without_nodes_or_outputs_are_refused(void **state)
{
	struct mb b;

	(void)state;
	mb_begin(&b, 13);
	mb_input(&b, "x", DT_FLOAT, "1");
	mb_output(&b, "x", DT_FLOAT, "1");
	refused(&b, "0 nodes");
	mb_begin(&b, 13);
	mb_input(&b, "x", DT_FLOAT, "1");
	mb_node(&b, "Identity", "id", "x", "y");
	refused(&b, "0 outputs");
}

static void old_and_missing_operator_sets_are_refused(void **state)
{
	struct mb b;

	(void)state;
	plain(&b);
	b.m->proto->opset_import[0]->version = 9;
	refused(&b, "operator set 9");
	plain(&b);
	b.m->proto->opset_import[0]->version = 10;
	accepted(&b);
	mb_begin(&b, 0);
	mb_input(&b, "x", DT_FLOAT, "1");
	mb_node(&b, "Identity", "id", "x", "y");
	mb_output(&b, "y", DT_FLOAT, "1");
	refused(&b, "default operator set");
}

static void values_defined_twice_are_refused(void **state)
{
	static const float one = 1;
	struct mb b;

	(void)state;
	plain(&b);
	mb_node(&b, "Identity", "id2", "x", "y");
	refused(&b, "y is defined twice");
	plain(&b);
	mb_floats(&b, "w", "1", &one);
	mb_floats(&b, "w", "1", &one);
	refused(&b, "w is defined twice");
	plain(&b);
	mb_floats(&b, "w", "1", &one);
	mb_node(&b, "Identity", "id2", "x", "w");
	refused(&b, "w is defined twice");
	plain(&b);
	mb_floats(&b, "x", "1", &one);
	accepted(&b);                   /* a default for an input */
	plain(&b);
	mb_input(&b, "x", DT_FLOAT, "1");
	refused(&b, "x is defined twice");
	plain(&b);
	mb_floats(&b, "x", "1", &one);
	mb_floats(&b, "x", "1", &one);
	refused(&b, "x is defined twice");
}

static void undefined_values_are_refused(void **state)
{
	struct mb b;

	(void)state;
	plain(&b);
	mb_node(&b, "Identity", "id2", "nothing", "z");
	refused(&b, "nothing");
	plain(&b);
	mb_output(&b, "absent", DT_FLOAT, "1");
	refused(&b, "absent");
	/* used before its definition */
	mb_begin(&b, 13);
	mb_input(&b, "x", DT_FLOAT, "1");
	mb_node(&b, "Identity", "a", "t", "y");
	mb_node(&b, "Identity", "b", "x", "t");
	mb_output(&b, "y", DT_FLOAT, "1");
	refused(&b, "reads t");
}

static void inputs_without_a_name_are_refused(void **state)
{
	struct mb b;

	(void)state;
	plain(&b);
	mb_input(&b, "n", DT_FLOAT, "1");
	b.m->proto->graph->input[1]->name = NULL;
	refused(&b, "input 1");
	plain(&b);
	b.m->proto->graph->output[0]->name = NULL;
	refused(&b, "output");
}

static void control_bytes_in_names_are_shown_escaped(void **state)
{
	struct qd_err err = { 0 };
	struct mb b;

	(void)state;
	plain(&b);
	mb_node(&b, "Identity", "id2", "a\x1b[2Jb", "z");
	assert_int_equal(load_built(&b, &err), QD_EINPUT);
	assert_null(strchr(err.msg, 0x1b));
	assert_non_null(strstr(err.msg, "\\x1b"));
	plain(&b);
	mb_node(&b, "Ev\x1bil", "id2", "nothing", "z");
	assert_int_equal(load_built(&b, &err), QD_EINPUT);
	assert_null(strchr(err.msg, 0x1b));
}

static void tensors_of_impossible_size_are_refused_before_allocation(void **state)
{
	static const float one = 1;
	Onnx__TensorProto *t;
	struct mb b;
	int i;

	(void)state;
	plain(&b);
	t = mb_floats(&b, "w", "1,1,1", &one);
	t->dims[0] = t->dims[1] = t->dims[2] = INT64_C(1) << 40;
	refused(&b, "out of bounds");
	plain(&b);
	t = mb_floats(&b, "w", "1", &one);
	t->dims[0] = INT64_C(1) << 40;
	refused(&b, "holds 4 bytes");
	plain(&b);
	t = mb_floats(&b, "w", "1", &one);
	t->dims[0] = -1;
	refused(&b, "negative");
	plain(&b);
	t = mb_floats(&b, "w", "2", (const float[]){ 1, 2 });
	t->raw_data.len = 7;
	refused(&b, "holds 7 bytes");
	plain(&b);
	t = mb_floats(&b, "w", "1", &one);
	t->data_type = 99;
	refused(&b, "element type 99");
	plain(&b);
	t = mb_floats(&b, "w", "1", &one);
	t->dims = arena_alloc(&b.m->arena, 40 * sizeof(int64_t));
	for (i = 0; i < 40; i++)
		t->dims[i] = 1;
	t->n_dims = 40;
	refused(&b, "rank 40");
}

/* If nodes inside If nodes: `levels` of them. */
static void nested(struct mb *b, int levels)
{
	static const unsigned char yes = 1;
	struct mb inner, outer;
	Onnx__NodeProto *n;
	int i;

	mb_body_begin(&inner);
	mb_node(&inner, "Identity", "", "x", "r0");
	mb_untyped_output(&inner, "r0");
	for (i = 1; i < levels; i++) {
		char out[20];

		snprintf(out, sizeof(out), "r%d", i);
		mb_body_begin(&outer);
		n = mb_node(&outer, "If", "", "c", out);
		mb_attr_body(&outer, n, "then_branch", &inner);
		mb_untyped_output(&outer, out);
		inner = outer;
	}
	mb_begin(b, 13);
	mb_input(b, "x", DT_FLOAT, "1");
	mb_init(b, "c", DT_BOOL, "", &yes);
	n = mb_node(b, "If", "if", "c", "y");
	mb_attr_body(b, n, "then_branch", &inner);
	mb_output(b, "y", DT_FLOAT, "1");
}

static void bodies_nest_to_a_fixed_depth(void **state)
{
	struct mb b;

	(void)state;
	nested(&b, 32);
	accepted(&b);
	nested(&b, 33);
	refused(&b, "deeper than 32");
}

static size_t varint(unsigned char *p, uint64_t v)
{
	size_t n = 0;

	for (; v > 127; v >>= 7)
		p[n++] = (unsigned char)(v | 0x80);
	p[n++] = (unsigned char)v;
	return n;
}

/* Graph > node > attribute > graph > … far deeper than any stack. Written from the inside out. */
static void nesting_that_would_exhaust_the_stack_is_refused(void **state)
{
	enum { LEVELS = 60000, SIZE = 1 << 21 };
	static const unsigned char tags[] = { 1 << 3 | 2, 5 << 3 | 2, 6 << 3 | 2 };     /* node, attribute, g */
	unsigned char *buf = malloc(SIZE), head[12];
	size_t at = SIZE, n;
	struct onnx_model *m = NULL;
	struct qd_err err = { 0 };
	int i;

	(void)state;
	for (i = 0; i < LEVELS; i++) {
		head[0] = tags[2 - i % 3];
		n = 1 + varint(head + 1, SIZE - at);
		at -= n;
		memcpy(buf + at, head, n);
	}
	head[0] = 7 << 3 | 2;           /* ModelProto.graph */
	n = 1 + varint(head + 1, SIZE - at);
	at -= n;
	memcpy(buf + at, head, n);
	assert_int_equal(onnx_decode(buf + at, SIZE - at, "deep.onnx", &m, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "deep.onnx"));
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_fields_and_sizes_survive_load_and_save),
		cmocka_unit_test(truncation_at_every_byte_is_a_message_or_a_model),
		cmocka_unit_test(every_single_byte_changed_is_a_message_or_a_model),
		cmocka_unit_test(the_identity_hash_is_of_the_file_and_its_external_data),
		cmocka_unit_test(running_out_of_memory_while_decoding_is_not_a_bad_model),
		cmocka_unit_test(external_data_is_read_at_its_offset),
		cmocka_unit_test(an_empty_external_tensor_is_a_tensor),
		cmocka_unit_test(external_data_must_exist_inside_the_folder_and_be_long_enough),
		cmocka_unit_test(external_data_that_leads_out_is_refused),
		cmocka_unit_test(a_sibling_folder_with_the_same_beginning_is_outside),
		cmocka_unit_test(what_is_no_model_is_refused),
		cmocka_unit_test(models_without_nodes_or_outputs_are_refused),
		cmocka_unit_test(old_and_missing_operator_sets_are_refused),
		cmocka_unit_test(values_defined_twice_are_refused),
		cmocka_unit_test(undefined_values_are_refused),
		cmocka_unit_test(inputs_without_a_name_are_refused),
		cmocka_unit_test(control_bytes_in_names_are_shown_escaped),
		cmocka_unit_test(tensors_of_impossible_size_are_refused_before_allocation),
		cmocka_unit_test(bodies_nest_to_a_fixed_depth),
		cmocka_unit_test(nesting_that_would_exhaust_the_stack_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
