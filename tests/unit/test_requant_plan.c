/* Plans and written models: excluded nodes, names, the rules that are not the reference's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/fault.h"
#include "requant/requant.h"
#include "tests/lib/model_builder.h"

struct bench {
	struct mb b;
	struct graph g;
	struct recipe r;
	struct quant_ranges ranges;
};

/* The pair's float model: x -> Conv c1 -> c1_out -> Relu r1 -> r1_out -> Conv c2 -> y; every tensor is float32 in [-1, 1]. */
static void open_pair(struct bench *t)
{
	static const char *const names[] = { "x", "c1_out", "r1_out", "y" };
	struct quant_range range = { .dtype = DT_FLOAT, .lo = -1, .hi = 1 };
	size_t i;

	mb_pair_float(&t->b);
	assert_int_equal(graph_open(t->b.m, &t->g, NULL), 0);
	recipe_init(&t->r);
	t->ranges = (struct quant_ranges)QUANT_RANGES_INIT;
	for (i = 0; i < 4; i++) {
		t->g.values[graph_find(&t->g, names[i])].dtype = DT_FLOAT;
		assert_int_equal(quant_ranges_put(&t->ranges, names[i], &range, NULL), 0);
	}
}

static void close_pair(struct bench *t)
{
	graph_close(&t->g);
	mb_end(&t->b);
	recipe_release(&t->r);
	quant_ranges_release(&t->ranges);
}

static const Onnx__NodeProto *node_named(const struct onnx_model *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->proto->graph->n_node; i++) {
		if (!strcmp(onnx_str(m->proto->graph->node[i]->name), name))
			return m->proto->graph->node[i];
	}
	return NULL;
}

static struct onnx_model *quantized(struct bench *t)
{
	struct onnx_model *out;
	struct qd_err err = { 0 };

	if (requant_static(t->b.m, &t->g, &t->r, &t->ranges, &out, NULL, &err))
		fail_msg("%s", err.msg);
	return out;
}

static void a_relu_becomes_part_of_its_inputs_quantizer(void **state)
{
	struct bench t;
	struct onnx_model *m;

	(void)state;
	open_pair(&t);
	m = quantized(&t);
	assert_null(node_named(m, "r1"));
	assert_string_equal(node_named(m, "c1")->output[0], "r1_out");
	assert_string_equal(node_named(m, "c2")->input[0], "r1_out_DequantizeLinear_Output");
	assert_string_equal(node_named(m, "y_DequantizeLinear")->output[0], "y");
	assert_string_equal(onnx_metadata(m, "onnx.infer"), "onnxruntime.quant");
	onnx_free(m);
	close_pair(&t);
}

static void the_source_model_is_not_changed(void **state)
{
	struct bench t;
	struct onnx_model *m;
	void *before, *after;
	size_t n, k;

	(void)state;
	open_pair(&t);
	assert_int_equal(onnx_encode(t.b.m, &before, &n, NULL), 0);
	m = quantized(&t);
	assert_int_equal(onnx_encode(t.b.m, &after, &k, NULL), 0);
	assert_int_equal(n, k);
	assert_memory_equal(before, after, n);
	free(before);
	free(after);
	onnx_free(m);
	close_pair(&t);
}

static void an_excluded_node_keeps_its_float_weight(void **state)
{
	struct bench t;
	struct onnx_model *m;

	(void)state;
	open_pair(&t);
	assert_true(recipe_add_name(&t.r, &t.r.nodes_to_exclude, "c2"));
	m = quantized(&t);
	assert_string_equal(node_named(m, "c2")->input[1], "w2");
	assert_string_equal(node_named(m, "c2")->output[0], "y");
	assert_null(node_named(m, "w2_DequantizeLinear"));
	assert_null(node_named(m, "y_QuantizeLinear"));
	onnx_free(m);
	close_pair(&t);
}

static void a_misspelled_node_names_the_nearest(void **state)
{
	struct bench t;
	struct plan *p;
	struct qd_err err;

	(void)state;
	open_pair(&t);
	assert_true(recipe_add_name(&t.r, &t.r.nodes_to_exclude, "cc2"));
	assert_int_equal(plan_make(&t.g, &t.r, &t.ranges, &p, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "did you mean \"c2\"?"));
	t.r.strict_reference = true;
	assert_int_equal(plan_make(&t.g, &t.r, &t.ranges, &p, &err), 0);
	plan_free(p);
	close_pair(&t);
}

static void a_range_that_is_not_finite_names_the_tensor(void **state)
{
	struct quant_range bad = { .dtype = DT_FLOAT, .lo = -1, .hi = INFINITY };
	struct bench t;
	struct onnx_model *m;
	struct qd_err err;

	(void)state;
	open_pair(&t);
	assert_int_equal(quant_ranges_put(&t.ranges, "y", &bad, NULL), 0);
	assert_int_equal(requant_static(t.b.m, &t.g, &t.r, &t.ranges, &m, NULL, &err), QD_EINPUT);
	assert_null(m);
	assert_non_null(strstr(err.msg, "tensor y"));
	close_pair(&t);
}

static void a_missing_range_names_the_tensor(void **state)
{
	struct quant_ranges none = QUANT_RANGES_INIT;
	struct bench t;
	struct onnx_model *m;
	struct qd_err err;

	(void)state;
	open_pair(&t);
	assert_int_equal(requant_static(t.b.m, &t.g, &t.r, &none, &m, NULL, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "tensor x"));
	close_pair(&t);
}

static void a_preview_needs_no_ranges_and_says_why(void **state)
{
	struct str text = STR_INIT;
	struct bench t;
	struct plan *p;

	(void)state;
	open_pair(&t);
	assert_true(recipe_add_name(&t.r, &t.r.nodes_to_exclude, "c2"));
	assert_int_equal(plan_preview(&t.g, &t.r, &p, NULL), 0);
	assert_int_equal(plan_node(p, 0).why, PLAN_QUANTIZED);
	assert_int_equal(plan_node(p, 1).why, PLAN_REMOVED);
	assert_int_equal(plan_node(p, 2).why, PLAN_EXCLUDED);
	plan_print(p, &text);
	assert_non_null(strstr(text.p, "c2\tConv\tfloat: in nodes_to_exclude"));
	str_release(&text);
	plan_free(p);
	close_pair(&t);
}

static void running_out_of_memory_is_reported(void **state)
{
	struct bench t;
	struct onnx_model *m = NULL;
	struct qd_err err;
	int k, rc = -1;

	(void)state;
	open_pair(&t);
	for (k = 1; k < 5000; k++) {
		fault_arm(FAULT_ALLOC, k, false);
		rc = requant_static(t.b.m, &t.g, &t.r, &t.ranges, &m, NULL, &err);
		if (!fault_fired(FAULT_ALLOC))
			break;
		if (!rc)        /* lost only a note */
			onnx_free(m);
		else
			assert_int_equal(rc, QD_ENOMEM);
	}
	fault_arm(FAULT_ALLOC, 0, false);
	assert_int_equal(rc, 0);
	onnx_free(m);
	close_pair(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_relu_becomes_part_of_its_inputs_quantizer),
		cmocka_unit_test(the_source_model_is_not_changed),
		cmocka_unit_test(an_excluded_node_keeps_its_float_weight),
		cmocka_unit_test(a_misspelled_node_names_the_nearest),
		cmocka_unit_test(a_range_that_is_not_finite_names_the_tensor),
		cmocka_unit_test(a_missing_range_names_the_tensor),
		cmocka_unit_test(a_preview_needs_no_ranges_and_says_why),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
