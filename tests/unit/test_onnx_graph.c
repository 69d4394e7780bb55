/* onnx/graph and onnx/edit: the index, constants through view operators, renaming, appending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "onnx/check.h"
#include "onnx/graph.h"
#include "tensor/dtype.h"
#include "tests/lib/model_builder.h"

static void open_graph(struct mb *b, struct graph *g)
{
	assert_int_equal(graph_open(b->m, g, NULL), 0);
}

static void with_if(struct mb *b)
{
	static const unsigned char yes = 1;
	struct mb then_body, else_body;
	Onnx__NodeProto *n;

	mb_begin(b, 13);
	mb_input(b, "x", DT_FLOAT, "2");
	mb_init(b, "c", DT_BOOL, "", &yes);
	mb_node(b, "Relu", "r", "x", "t");
	mb_body_begin(&then_body);
	mb_node(&then_body, "Neg", "n", "t", "tb");
	mb_untyped_output(&then_body, "tb");
	mb_body_begin(&else_body);
	mb_node(&else_body, "Abs", "a", "x", "eb");
	mb_untyped_output(&else_body, "eb");
	n = mb_node(b, "If", "if", "c", "y");
	mb_attr_body(b, n, "then_branch", &then_body);
	mb_attr_body(b, n, "else_branch", &else_body);
	mb_output(b, "y", DT_FLOAT, "2");
}

static void values_know_producers_uses_types_and_shapes(void **state)
{
	struct mb b;
	struct graph g;
	const struct graph_value *v;

	(void)state;
	mb_pair_float(&b);
	open_graph(&b, &g);
	/* x, three weights, three node outputs */
	assert_int_equal(g.n_values, 7);
	v = &g.values[graph_find(&g, "x")];
	assert_true(v->is_input);
	assert_int_equal(v->producer, -1);
	assert_int_equal(v->rank, 4);
	assert_int_equal(v->dims[1], 2);
	v = &g.values[graph_find(&g, "w1")];
	assert_non_null(v->init);
	assert_false(v->is_input);
	assert_int_equal(v->n_uses, 1);
	assert_int_equal(v->uses[0].node, 0);
	assert_int_equal(v->uses[0].slot, 1);
	v = &g.values[graph_find(&g, "y")];
	assert_true(v->is_output);
	assert_int_equal(v->producer, 2);
	assert_int_equal(graph_find(&g, "nothing"), -1);
	assert_int_equal(graph_find(&g, ""), -1);
	assert_int_equal(graph_find(&g, NULL), -1);
	assert_int_equal(graph_in(&g, 0, 9), -1);
	assert_int_equal(graph_out(&g, 0, -1), -1);
	graph_close(&g);
	mb_end(&b);
}

static void a_use_inside_a_body_counts_for_the_holder(void **state)
{
	const struct graph_value *v;
	struct mb b;
	struct graph g;

	(void)state;
	with_if(&b);
	assert_int_equal(onnx_check(b.m, NULL), 0);
	open_graph(&b, &g);
	v = &g.values[graph_find(&g, "t")];
	assert_int_equal(v->n_uses, 1);
	assert_int_equal(v->uses[0].node, 1);
	assert_int_equal(v->uses[0].slot, -1);
	assert_int_equal(g.values[graph_find(&g, "x")].n_uses, 2);      /* Relu and the else body */
	assert_int_equal(graph_find(&g, "tb"), -1);                     /* inner names are not values here */
	graph_close(&g);
	mb_end(&b);
}

static void an_initializer_keeps_its_own_type_and_shape(void **state)
{
	static const float w[2] = { 1, 2 };
	struct mb b;
	struct graph g;
	const struct graph_value *v;

	(void)state;
	mb_begin(&b, 13);
	mb_input(&b, "w", DT_INT8, "N");        /* old files list initializers as inputs, here wrongly */
	mb_floats(&b, "w", "2", w);
	mb_node(&b, "Identity", "", "w", "y");
	mb_output(&b, "y", DT_FLOAT, "2");
	open_graph(&b, &g);
	v = &g.values[graph_find(&g, "w")];
	assert_int_equal(v->dtype, DT_FLOAT);
	assert_int_equal(v->dims[0], 2);
	assert_false(v->is_input);
	graph_close(&g);
	mb_end(&b);
}

static void a_constant_node_without_an_output_name_is_harmless(void **state)
{
	static const float one = 1;
	Onnx__NodeProto *n;
	struct mb b;
	struct graph g;

	(void)state;
	mb_begin(&b, 13);
	mb_input(&b, "x", DT_FLOAT, "1");
	n = mb_node(&b, "Constant", "", "", "dummy");
	mb_attr_tensor(&b, n, "value", mb_tensor(&b, "", DT_FLOAT, "", &one));
	n->output[0] = (char *)"";
	mb_node(&b, "Identity", "", "x", "y");
	mb_output(&b, "y", DT_FLOAT, "1");
	open_graph(&b, &g);
	assert_int_equal(g.n_values, 2);
	graph_close(&g);
	mb_end(&b);
}

/* --- constants --------------------------------------------------------------------- */

static void read_const(struct mb *b, const char *name, struct tensor *t)
{
	struct qd_err err = { 0 };
	struct graph g;

	open_graph(b, &g);
	if (graph_const_read(&g, graph_find(&g, name), t, &err))
		fail_msg("%s", err.msg);
	graph_close(&g);
}

static int read_fails(struct mb *b, const char *name)
{
	struct tensor t = { 0 };
	struct graph g;
	int rc;

	open_graph(b, &g);
	rc = graph_const_read(&g, graph_find(&g, name), &t, NULL);
	if (!rc)
		tensor_release(&t);
	graph_close(&g);
	return rc;
}

static void constants_are_read_through_view_operators(void **state)
{
	static const float w[6] = { 0, 1, 2, 3, 4, 5 };
	static const int64_t shape[2] = { 3, -1 }, perm[2] = { 1, 0 };
	static const double want[6] = { 0, 3, 1, 4, 2, 5 };     /* [[0 1 2] [3 4 5]] transposed, flattened */
	struct mb b;
	struct tensor t;
	int i;

	(void)state;
	mb_begin(&b, 13);
	mb_floats(&b, "w", "2,3", w);
	mb_init(&b, "s", DT_INT64, "2", shape);
	mb_node(&b, "Identity", "", "w", "i");
	mb_attr_ints(&b, mb_node(&b, "Transpose", "", "i", "t"), "perm", perm, 2);
	mb_node(&b, "Reshape", "", "t,s", "r");
	mb_attr_int(&b, mb_node(&b, "Cast", "", "r", "y"), "to", DT_DOUBLE);
	read_const(&b, "y", &t);
	assert_int_equal(t.dtype, DT_DOUBLE);
	assert_int_equal(t.rank, 2);
	assert_int_equal(t.dims[0], 3);
	assert_int_equal(t.dims[1], 2);
	for (i = 0; i < 6; i++)
		assert_float_equal(tensor_get(&t, i), want[i], 0);
	tensor_release(&t);
	mb_end(&b);
}

static void transpose_without_perm_reverses(void **state)
{
	static const int8_t w[6] = { 0, 1, 2, 3, 4, 5 };
	static const int want[6] = { 0, 3, 1, 4, 2, 5 };
	struct mb b;
	struct tensor t;
	int i;

	(void)state;
	mb_begin(&b, 13);
	mb_init(&b, "w", DT_INT8, "1,2,3", w);
	mb_node(&b, "Transpose", "", "w", "y");
	read_const(&b, "y", &t);
	assert_int_equal(t.dims[0], 3);
	assert_int_equal(t.dims[2], 1);
	for (i = 0; i < 6; i++)
		assert_int_equal((int)tensor_get(&t, i), want[i]);
	tensor_release(&t);
	mb_end(&b);
}

static void a_perm_that_is_no_permutation_is_refused(void **state)
{
	static const float w[8] = { 0 };
	static const int64_t bad[][3] = { { 0, 0, 1 }, { 0, 1, 3 }, { -1, 1, 2 } };
	struct mb b;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		mb_begin(&b, 13);
		mb_floats(&b, "w", "4,2,1", w);
		mb_attr_ints(&b, mb_node(&b, "Transpose", "", "w", "y"), "perm", bad[i], 3);
		assert_int_equal(read_fails(&b, "y"), QD_EINPUT);
		mb_end(&b);
	}
	mb_begin(&b, 13);
	mb_floats(&b, "w", "4,2,1", w);
	mb_attr_ints(&b, mb_node(&b, "Transpose", "", "w", "y"), "perm", (const int64_t[]){ 1, 0 }, 2);
	assert_int_equal(read_fails(&b, "y"), QD_EINPUT);
	mb_end(&b);
}

static void impossible_reshapes_are_refused(void **state)
{
	static const float w[6] = { 0 };
	static const int64_t bad[][2] = {
		{ 4, 2 }, { -1, -1 }, { -2, 3 }, { -1, 4 }, { INT64_C(1) << 62, 8 }, { 0, -1 },
	};
	struct mb b;
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		mb_begin(&b, 13);
		mb_floats(&b, "w", "2,3", w);
		mb_init(&b, "s", DT_INT64, "2", bad[i]);
		mb_node(&b, "Reshape", "", "w,s", "y");
		assert_int_equal(read_fails(&b, "y"), QD_EINPUT);
		mb_end(&b);
	}
}

static void reshape_zero_copies_the_dimension(void **state)
{
	static const float w[6] = { 0 };
	static const int64_t shape[2] = { 0, -1 };
	struct tensor t;
	struct mb b;

	(void)state;
	mb_begin(&b, 13);
	mb_floats(&b, "w", "2,3,1", w);
	mb_init(&b, "s", DT_INT64, "2", shape);
	mb_node(&b, "Reshape", "", "w,s", "y");
	read_const(&b, "y", &t);
	assert_int_equal(t.rank, 2);
	assert_int_equal(t.dims[0], 2);
	assert_int_equal(t.dims[1], 3);
	tensor_release(&t);
	mb_end(&b);
}

static void constant_nodes_of_all_forms_are_read(void **state)
{
	static const float fs[2] = { 1.5f, -2 };
	static const int64_t is[3] = { 1, 2, 3 };
	struct mb b;
	struct tensor t;

	(void)state;
	mb_begin(&b, 13);
	mb_attr_float(&b, mb_node(&b, "Constant", "", "", "a"), "value_float", 0.5f);
	mb_attr_int(&b, mb_node(&b, "Constant", "", "", "b"), "value_int", -7);
	mb_attr_floats(&b, mb_node(&b, "Constant", "", "", "c"), "value_floats", fs, 2);
	mb_attr_ints(&b, mb_node(&b, "Constant", "", "", "d"), "value_ints", is, 3);
	mb_attr_floats(&b, mb_node(&b, "Constant", "", "", "e"), "value_floats", fs, 0);
	mb_attr_ints(&b, mb_node(&b, "Constant", "", "", "f"), "value_ints", is, 0);
	mb_attr_tensor(&b, mb_node(&b, "Constant", "", "", "g"), "value", mb_tensor(&b, "", DT_FLOAT, "2", fs));
	read_const(&b, "a", &t);
	assert_int_equal(t.rank, 0);
	assert_float_equal(tensor_get(&t, 0), 0.5, 0);
	tensor_release(&t);
	read_const(&b, "b", &t);
	assert_int_equal((int)tensor_get(&t, 0), -7);
	tensor_release(&t);
	read_const(&b, "c", &t);
	assert_float_equal(tensor_get(&t, 1), -2, 0);
	tensor_release(&t);
	read_const(&b, "d", &t);
	assert_int_equal((int)tensor_get(&t, 2), 3);
	tensor_release(&t);
	read_const(&b, "e", &t);
	assert_int_equal(t.n, 0);
	tensor_release(&t);
	read_const(&b, "f", &t);
	assert_int_equal(t.n, 0);
	tensor_release(&t);
	read_const(&b, "g", &t);
	assert_float_equal(tensor_get(&t, 0), 1.5, 0);
	tensor_release(&t);
	mb_end(&b);
}

static void what_depends_on_an_input_is_no_constant(void **state)
{
	static const float w[2] = { 1, 2 };
	struct mb b;

	(void)state;
	mb_begin(&b, 13);
	mb_input(&b, "s", DT_INT64, "1");
	mb_floats(&b, "w", "2", w);
	mb_node(&b, "Reshape", "", "w,s", "y");
	mb_node(&b, "Neg", "", "w", "z");
	assert_int_equal(read_fails(&b, "y"), QD_EINPUT);
	assert_int_equal(read_fails(&b, "z"), QD_EINPUT);       /* computed, no view */
	assert_int_equal(read_fails(&b, "nothing"), QD_EINPUT);
	mb_end(&b);
}

/* --- edits ------------------------------------------------------------------------------ */

static void prefixes_reach_into_bodies_and_spare_what_is_kept(void **state)
{
	static const char *const names[] = { "shared/x" };
	struct map keep = MAP_INIT;
	const Onnx__GraphProto *body;
	struct qd_err err = { 0 };
	struct mb b;

	(void)state;
	with_if(&b);
	assert_true(map_put(&keep, "x", 0));
	assert_true(edit_prefix_names(b.m, "q/", &keep, names));
	assert_string_equal(b.m->proto->graph->input[0]->name, "shared/x");
	assert_string_equal(b.m->proto->graph->node[0]->output[0], "q/t");
	assert_string_equal(b.m->proto->graph->node[0]->name, "q/r");
	assert_string_equal(b.m->proto->graph->output[0]->name, "q/y");
	body = b.m->proto->graph->node[1]->attribute[0]->g;
	assert_string_equal(body->node[0]->input[0], "q/t");
	assert_string_equal(body->output[0]->name, "q/tb");
	body = b.m->proto->graph->node[1]->attribute[1]->g;
	assert_string_equal(body->node[0]->input[0], "shared/x");
	if (onnx_check(b.m, &err))
		fail_msg("%s", err.msg);
	map_release(&keep);
	mb_end(&b);
}

static void absent_inputs_stay_absent_when_renamed(void **state)
{
	struct map keep = MAP_INIT;
	struct mb b;

	(void)state;
	mb_begin(&b, 13);
	mb_input(&b, "x", DT_FLOAT, "1");
	mb_node(&b, "Clip", "", "x,,x", "y");
	assert_true(edit_prefix_names(b.m, "f/", &keep, NULL));
	assert_string_equal(b.m->proto->graph->node[0]->input[1], "");
	assert_string_equal(b.m->proto->graph->node[0]->name, "");
	mb_end(&b);
}

static void appending_many_keeps_everything_in_order(void **state)
{
	struct onnx_model *copy;
	struct mb b;
	char name[20];
	int i;

	(void)state;
	mb_pair_float(&b);
	assert_int_equal(onnx_copy(b.m, &copy, NULL), 0);
	assert_true(edit_begin(copy));
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_non_null(edit_add_node(copy, "", "Identity", name));
	}
	assert_int_equal(copy->proto->graph->n_node, 103);
	assert_string_equal(copy->proto->graph->node[2]->name, "c2");
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_string_equal(copy->proto->graph->node[3 + i]->name, name);
	}
	assert_true(edit_append_graph(copy, b.m));
	assert_int_equal(copy->proto->graph->n_node, 106);
	assert_int_equal(copy->proto->graph->n_initializer, 6);
	assert_int_equal(copy->proto->graph->n_output, 2);
	onnx_free(copy);
	mb_end(&b);
}

static void outputs_and_operator_sets_are_not_doubled(void **state)
{
	struct mb b;

	(void)state;
	mb_pair_float(&b);
	assert_true(edit_add_graph_output(b.m, "y"));
	assert_int_equal(b.m->proto->graph->n_output, 1);
	assert_true(edit_set_opset(b.m, "ai.onnx", 17));        /* the same domain as "" */
	assert_int_equal(b.m->proto->n_opset_import, 1);
	assert_int_equal(onnx_opset(b.m), 17);
	assert_true(edit_set_opset(b.m, "com.microsoft", 1));
	assert_int_equal(b.m->proto->n_opset_import, 2);
	mb_end(&b);
}

static void unnamed_and_doubled_nodes_get_names_of_their_own(void **state)
{
	const Onnx__GraphProto *g;
	struct mb b;
	size_t i, k;

	(void)state;
	mb_begin(&b, 13);
	mb_input(&b, "x", DT_FLOAT, "1");
	mb_node(&b, "Relu", "", "x", "a");
	mb_node(&b, "Relu", "same", "a", "b");
	mb_node(&b, "Relu", "same", "b", "c");
	mb_node(&b, "Relu", "qdebug_4_Relu", "c", "d");         /* what node 4 would be called */
	mb_node(&b, "Relu", "", "d", "e");
	assert_true(edit_name_nodes(b.m));
	g = b.m->proto->graph;
	for (i = 0; i < g->n_node; i++) {
		assert_true(*g->node[i]->name);
		for (k = 0; k < i; k++)
			assert_string_not_equal(g->node[i]->name, g->node[k]->name);
	}
	mb_end(&b);
}

static void attributes_are_removed_by_name(void **state)
{
	Onnx__NodeProto *n;
	struct mb b;

	(void)state;
	mb_begin(&b, 13);
	n = mb_node(&b, "X", "", "", "y");
	mb_attr_int(&b, n, "a", 1);
	mb_attr_int(&b, n, "b", 2);
	mb_attr_int(&b, n, "c", 3);
	assert_true(edit_remove_attr(n, "b"));
	assert_false(edit_remove_attr(n, "b"));
	assert_int_equal(n->n_attribute, 2);
	assert_int_equal(graph_attr_int(n, "c", 0), 3);
	assert_int_equal(graph_attr_int(n, "b", -9), -9);
	mb_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_know_producers_uses_types_and_shapes),
		cmocka_unit_test(a_use_inside_a_body_counts_for_the_holder),
		cmocka_unit_test(an_initializer_keeps_its_own_type_and_shape),
		cmocka_unit_test(a_constant_node_without_an_output_name_is_harmless),
		cmocka_unit_test(constants_are_read_through_view_operators),
		cmocka_unit_test(transpose_without_perm_reverses),
		cmocka_unit_test(a_perm_that_is_no_permutation_is_refused),
		cmocka_unit_test(impossible_reshapes_are_refused),
		cmocka_unit_test(reshape_zero_copies_the_dimension),
		cmocka_unit_test(constant_nodes_of_all_forms_are_read),
		cmocka_unit_test(what_depends_on_an_input_is_no_constant),
		cmocka_unit_test(prefixes_reach_into_bodies_and_spare_what_is_kept),
		cmocka_unit_test(absent_inputs_stay_absent_when_renamed),
		cmocka_unit_test(appending_many_keeps_everything_in_order),
		cmocka_unit_test(outputs_and_operator_sets_are_not_doubled),
		cmocka_unit_test(unnamed_and_doubled_nodes_get_names_of_their_own),
		cmocka_unit_test(attributes_are_removed_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
