/* match: structure before names, removed clamps, weights, exclusions, formats, different networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "match/match.h"
#include "match/weight.h"
#include "tensor/dtype.h"
#include "tests/lib/model_builder.h"

struct pair { struct mb f, q; struct graph fg, qg; struct match m; };

/* What the engine would say: a Q node makes codes, everything else without a type is float. */
static void type_values(struct graph *g)
{
	int v;

	for (v = 0; v < g->n_values; v++) {
		struct graph_value *val = &g->values[v];

		if (val->dtype == DT_UNDEFINED)
			val->dtype = val->producer >= 0 && graph_is_op(g, val->producer, "QuantizeLinear") ? DT_INT8
													   : DT_FLOAT;
	}
}

static int match_built(struct pair *p, const char *const *map, size_t n_map, struct qd_err *err)
{
	assert_int_equal(graph_open(p->f.m, &p->fg, err), 0);
	assert_int_equal(graph_open(p->q.m, &p->qg, err), 0);
	type_values(&p->fg);
	type_values(&p->qg);
	return match_run(&p->fg, NULL, &p->qg, map, n_map, &p->m, err);
}

static void match_ok(struct pair *p)
{
	struct qd_err err = { 0 };

	if (match_built(p, NULL, 0, &err))
		fail_msg("%s", err.msg);
}

static void done(struct pair *p)
{
	match_release(&p->m);
	graph_close(&p->fg);
	graph_close(&p->qg);
	mb_end(&p->f);
	mb_end(&p->q);
}

static const struct match_pair *find(const struct pair *p, enum match_kind kind, const char *tensor)
{
	size_t i;

	for (i = 0; i < p->m.n_pairs; i++) {
		if (p->m.pairs[i].kind == kind && !strcmp(p->m.pairs[i].tensor, tensor))
			return &p->m.pairs[i];
	}
	return NULL;
}

static const struct match_unmatched *reason(const struct pair *p, const char *tensor)
{
	size_t i;

	for (i = 0; i < p->m.n_unmatched; i++) {
		if (!p->m.unmatched[i].quant_side && !strcmp(p->m.unmatched[i].tensor, tensor))
			return &p->m.unmatched[i];
	}
	return NULL;
}

static void pair_of(struct pair *p, int flags)
{
	memset(p, 0, sizeof(*p));
	mb_pair_float(&p->f);
	mb_pair_quant(&p->q, flags);
	match_ok(p);
}

static void a_removed_relu_is_compared_after_the_clamp(void **state)
{
	const struct match_pair *r;
	struct pair p;

	(void)state;
	pair_of(&p, 0);
	r = find(&p, MATCH_ACTIVATION, "r1_out");
	assert_non_null(r);
	assert_true(r->clamp >= 0);
	assert_float_equal(r->lo, 0, 0);
	assert_true(isinf(r->hi));
	assert_true(r->quantizer >= 0);
	assert_null(find(&p, MATCH_ACTIVATION, "c1_out"));
	assert_int_equal(reason(&p, "c1_out")->reason, REASON_CLAMP_REMOVED);
	assert_string_equal(reason(&p, "c1_out")->node, "r1");
	done(&p);
}

static void a_kept_relu_leaves_both_tensors(void **state)
{
	struct pair p;

	(void)state;
	pair_of(&p, MB_PAIR_KEEP_RELU);
	assert_int_equal(find(&p, MATCH_ACTIVATION, "c1_out")->quantizer, -1);
	assert_int_equal(find(&p, MATCH_ACTIVATION, "c1_out")->clamp, -1);
	assert_int_equal(find(&p, MATCH_ACTIVATION, "r1_out")->clamp, -1);
	assert_int_equal(p.m.walk.unmatched, 0);
	done(&p);
}

static void renaming_every_tensor_changes_no_pair(void **state)
{
	struct pair a, b;
	size_t i;

	(void)state;
	pair_of(&a, MB_PAIR_PER_AXIS);
	pair_of(&b, MB_PAIR_PER_AXIS | MB_PAIR_RENAMED);
	assert_int_equal(a.m.n_pairs, b.m.n_pairs);
	assert_int_equal(a.m.n_unmatched, b.m.n_unmatched);
	for (i = 0; i < a.m.n_pairs; i++) {
		assert_string_equal(a.m.pairs[i].tensor, b.m.pairs[i].tensor);
		assert_int_equal(a.m.pairs[i].qvalue, b.m.pairs[i].qvalue);
		assert_int_equal(a.m.pairs[i].quantizer, b.m.pairs[i].quantizer);
	}
	done(&a);
	done(&b);
}

static void every_float_tensor_is_in_a_row_or_has_a_reason(void **state)
{
	static const int all[] = { 0, MB_PAIR_PER_AXIS, MB_PAIR_KEEP_RELU, MB_PAIR_FLOAT_C2, MB_PAIR_RENAMED };
	struct pair p;
	size_t k;
	int v;

	(void)state;
	for (k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		pair_of(&p, all[k]);
		for (v = 0; v < p.fg.n_values; v++) {
			const char *name = p.fg.values[v].name;
			int rows = !!find(&p, MATCH_ACTIVATION, name) + !!find(&p, MATCH_WEIGHT, name) +
				   !!reason(&p, name);

			if (rows != 1)
				fail_msg("flags %d: %s is in %d places", all[k], name, rows);
		}
		done(&p);
	}
}

static void weights_are_matched_per_tensor_per_axis_and_biases_too(void **state)
{
	const struct match_pair *w;
	struct linear l;
	struct tensor t;
	struct pair p;
	int axis, i;

	(void)state;
	for (axis = 0; axis < 2; axis++) {
		pair_of(&p, axis ? MB_PAIR_PER_AXIS : 0);
		w = find(&p, MATCH_WEIGHT, "w1");
		assert_non_null(w);
		assert_string_equal(p.qg.values[w->qvalue].name, "w1_dq");
		assert_int_equal(weight_read(&p.qg, w->qvalue, &t, &l, NULL), 0);
		assert_int_equal(l.n, axis ? 3 : 1);
		assert_int_equal(l.axis, axis ? 0 : -1);
		for (i = 0; i < 6; i++) {
			/* within half a step, unless the code saturates: 0.9 / (1/128) = 115.2 does not; row 1 of the
			 * per-axis weights has half the step */
			float step = axis && i / 2 == 1 ? MB_W_SCALE / 2 : MB_W_SCALE;

			assert_true(fabs(tensor_get(&t, i) - (double)mb_w1[i]) <= (double)step / 2 + 1e-7);
		}
		tensor_release(&t);
		linear_release(&l);
		w = find(&p, MATCH_WEIGHT, "b1");
		assert_string_equal(p.qg.values[w->qvalue].name, "b1_dq");
		assert_non_null(find(&p, MATCH_WEIGHT, "w2"));
		done(&p);
	}
}

static void an_excluded_node_is_float_on_both_sides(void **state)
{
	const struct match_pair *y, *w;
	struct pair p;

	(void)state;
	pair_of(&p, MB_PAIR_FLOAT_C2);
	y = find(&p, MATCH_ACTIVATION, "y");
	assert_non_null(y);
	assert_int_equal(y->quantizer, -1);
	w = find(&p, MATCH_WEIGHT, "w2");
	assert_string_equal(p.qg.values[w->qvalue].name, "w2");
	done(&p);
}

/* x -> MatMul a and MatMul b with different weights -> Add, everything quantized; `swap` puts b's branch first. */
static void branches(struct mb *b, bool quant, bool swap)
{
	static const float wa[4] = { 1, 0.5f, -0.25f, 0.75f }, wb[4] = { -1, 0.25f, 0.5f, -0.5f };
	static const int8_t qa[4] = { 64, 32, -16, 48 }, qb[4] = { -64, 16, 32, -32 };        /* scale 1/64 */
	float s = 1.0f / 64;

	mb_begin(b, 13);
	mb_input(b, "x", DT_FLOAT, "2,2");
	if (!quant) {
		mb_floats(b, "wa", "2,2", wa);
		mb_floats(b, "wb", "2,2", wb);
		mb_node(b, "MatMul", "ma", "x,wa", "a");
		mb_node(b, "MatMul", "mb", "x,wb", "b");
		mb_node(b, "Add", "s", "a,b", "y");
	} else {
		mb_qdq(b, "x", "v1", DT_INT8, s, 0);
		mb_init(b, "c1", DT_INT8, "2,2", swap ? qb : qa);
		mb_init(b, "c2", DT_INT8, "2,2", swap ? qa : qb);
		mb_dq(b, "c1", "w1", DT_INT8, &s, 1, 0);
		mb_dq(b, "c2", "w2", DT_INT8, &s, 1, 0);
		mb_node(b, "MatMul", "", "v1,w1", "p1");
		mb_node(b, "MatMul", "", "v1,w2", "p2");
		mb_qdq(b, "p1", "d1", DT_INT8, s, 0);
		mb_qdq(b, "p2", "d2", DT_INT8, s, 0);
		mb_node(b, "Add", "", "d1,d2", "y");
	}
	mb_output(b, "y", DT_FLOAT, "2,2");
}

static void parallel_branches_are_told_apart_by_content(void **state)
{
	struct pair p = { 0 };

	(void)state;
	branches(&p.f, false, false);
	branches(&p.q, true, true);
	match_ok(&p);
	assert_string_equal(p.qg.values[find(&p, MATCH_ACTIVATION, "a")->qvalue].name, "d2");
	assert_string_equal(p.qg.values[find(&p, MATCH_ACTIVATION, "b")->qvalue].name, "d1");
	assert_string_equal(p.qg.values[find(&p, MATCH_WEIGHT, "wa")->qvalue].name, "w2");
	assert_int_equal(find(&p, MATCH_ACTIVATION, "a")->by, MATCH_CONTENT);
	/* Add's operands are in the other order now, and it still matches */
	assert_non_null(find(&p, MATCH_ACTIVATION, "y"));
	assert_int_equal(p.m.walk.unmatched, 0);
	done(&p);
}

static void swapped_constant_operands_of_add_are_found(void **state)
{
	static const float c = 0.5f;
	static const int8_t q = 32;
	float s = 1.0f / 64;
	struct pair p = { 0 };

	(void)state;
	mb_begin(&p.f, 13);
	mb_input(&p.f, "x", DT_FLOAT, "2");
	mb_floats(&p.f, "c", "", &c);                   /* a scalar bias */
	mb_node(&p.f, "Add", "n", "x,c", "y");
	mb_output(&p.f, "y", DT_FLOAT, "2");
	mb_begin(&p.q, 13);
	mb_input(&p.q, "x", DT_FLOAT, "2");
	mb_qdq(&p.q, "x", "xd", DT_INT8, s, 0);
	mb_init(&p.q, "cc", DT_INT8, "", &q);
	mb_dq(&p.q, "cc", "cd", DT_INT8, &s, 1, 0);
	mb_node(&p.q, "Add", "n", "cd,xd", "y");
	mb_output(&p.q, "y", DT_FLOAT, "2");
	match_ok(&p);
	assert_string_equal(p.qg.values[find(&p, MATCH_WEIGHT, "c")->qvalue].name, "cd");
	assert_non_null(find(&p, MATCH_ACTIVATION, "y"));
	done(&p);
}

static void a_weight_quantized_at_run_time_is_a_weight(void **state)
{
	static const float w[4] = { 0.5f, -0.3f, 0.26f, 1 };
	struct pair p = { 0 };
	struct tensor t;
	struct linear l;

	(void)state;
	mb_begin(&p.f, 13);
	mb_input(&p.f, "x", DT_FLOAT, "2,2");
	mb_floats(&p.f, "w", "2,2", w);
	mb_node(&p.f, "MatMul", "m", "x,w", "y");
	mb_output(&p.f, "y", DT_FLOAT, "2,2");
	mb_begin(&p.q, 13);
	mb_input(&p.q, "x", DT_FLOAT, "2,2");
	mb_qdq(&p.q, "x", "xd", DT_INT8, 0.015625f, 0);
	mb_floats(&p.q, "w", "2,2", w);
	mb_qdq(&p.q, "w", "wd", DT_INT8, 0.25f, 0);
	mb_node(&p.q, "MatMul", "m", "xd,wd", "y");
	mb_output(&p.q, "y", DT_FLOAT, "2,2");
	match_ok(&p);
	assert_string_equal(p.qg.values[find(&p, MATCH_WEIGHT, "w")->qvalue].name, "wd");
	assert_int_equal(weight_read(&p.qg, graph_find(&p.qg, "wd"), &t, &l, NULL), 0);
	assert_float_equal(tensor_get(&t, 1), -0.25, 0);        /* -0.3 / 0.25 = -1.2 -> -1 */
	assert_float_equal(tensor_get(&t, 2), 0.25, 0);
	tensor_release(&t);
	linear_release(&l);
	done(&p);
}

static void contrib_quantizers_count_as_quantizers(void **state)
{
	struct pair p = { 0 };
	size_t i;

	(void)state;
	mb_pair_float(&p.f);
	mb_pair_quant(&p.q, 0);
	for (i = 0; i < p.q.m->proto->graph->n_node; i++) {
		Onnx__NodeProto *n = p.q.m->proto->graph->node[i];

		if (strstr(n->op_type, "quantizeLinear") || strstr(n->op_type, "QuantizeLinear"))
			n->domain = (char *)"com.microsoft";
	}
	match_ok(&p);
	assert_string_equal(match_format(&p.qg), "qdq");
	assert_non_null(find(&p, MATCH_WEIGHT, "w1"));
	assert_true(find(&p, MATCH_ACTIVATION, "r1_out")->quantizer >= 0);
	done(&p);
}

static void dedicated_quantizers_of_one_tensor_are_rows_of_their_own(void **state)
{
	struct pair p = { 0 };
	const struct match_pair *a = NULL, *b = NULL;
	size_t i;

	(void)state;
	mb_begin(&p.f, 13);
	mb_input(&p.f, "x", DT_FLOAT, "2");
	mb_node(&p.f, "Neg", "n", "x", "a");
	mb_node(&p.f, "Abs", "m", "x", "b");
	mb_node(&p.f, "Add", "s", "a,b", "y");
	mb_output(&p.f, "y", DT_FLOAT, "2");
	mb_begin(&p.q, 13);
	mb_input(&p.q, "x", DT_FLOAT, "2");
	mb_qdq(&p.q, "x", "x1", DT_INT8, 0.5f, 0);
	mb_qdq(&p.q, "x", "x2", DT_INT8, 0.25f, 0);
	mb_node(&p.q, "Neg", "n", "x1", "a");
	mb_node(&p.q, "Abs", "m", "x2", "b");
	mb_node(&p.q, "Add", "s", "a,b", "y");
	mb_output(&p.q, "y", DT_FLOAT, "2");
	match_ok(&p);
	for (i = 0; i < p.m.n_pairs; i++) {
		const struct match_pair *r = &p.m.pairs[i];

		if (r->kind == MATCH_ACTIVATION && !strcmp(r->tensor, "x"))
			*(a ? &b : &a) = r;
	}
	assert_non_null(b);
	assert_string_equal(p.qg.values[a->qvalue].name, "x1");
	assert_string_equal(p.qg.values[b->qvalue].name, "x2");
	done(&p);
}

static void a_use_inside_a_body_keeps_the_unquantized_row(void **state)
{
	static const unsigned char yes = 1;
	struct pair p = { 0 };
	int side, rows = 0;
	size_t i;

	(void)state;
	for (side = 0; side < 2; side++) {
		struct mb *b = side ? &p.q : &p.f, body[2];
		Onnx__NodeProto *n;
		int k;

		mb_begin(b, 13);
		mb_input(b, "x", DT_FLOAT, "2");
		mb_init(b, "c", DT_BOOL, "", &yes);
		mb_node(b, "Neg", "n", "x", "a");
		if (side)
			mb_qdq(b, "a", "ad", DT_INT8, 0.5f, 0);
		mb_node(b, "Abs", "m", side ? "ad" : "a", "y");
		n = mb_node(b, "If", "if", "c", "z");
		for (k = 0; k < 2; k++) {
			mb_body_begin(&body[k]);
			mb_node(&body[k], "Neg", "i", "a", k ? "e" : "t");
			mb_untyped_output(&body[k], k ? "e" : "t");
			mb_attr_body(b, n, k ? "else_branch" : "then_branch", &body[k]);
		}
		mb_output(b, "y", DT_FLOAT, "2");
		mb_output(b, "z", DT_FLOAT, "2");
	}
	match_ok(&p);
	for (i = 0; i < p.m.n_pairs; i++)
		rows += p.m.pairs[i].kind == MATCH_ACTIVATION && !strcmp(p.m.pairs[i].tensor, "a");
	assert_int_equal(rows, 2);      /* the quantized value, and the one the bodies read */
	assert_int_equal(reason(&p, "if/then_branch/t")->reason, REASON_NOT_MATERIALISED);
	done(&p);
}

static void different_networks_are_an_error_listing_both_inputs(void **state)
{
	struct qd_err err = { 0 };
	struct pair p = { 0 };

	(void)state;
	mb_pair_float(&p.f);
	mb_begin(&p.q, 13);
	mb_input(&p.q, "tokens", DT_INT64, "1,N");
	mb_node(&p.q, "Neg", "n", "tokens", "y");
	mb_output(&p.q, "y", DT_INT64, "1,N");
	assert_int_equal(match_built(&p, NULL, 0, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "tokens"));
	assert_non_null(strstr(err.msg, "x float32[1, 2, 4, 4]"));
	done(&p);
}

static void a_map_with_an_unknown_name_says_which_side(void **state)
{
	static const char *const map[] = { "r1_out", "nothing" };
	struct qd_err err = { 0 };
	struct pair p = { 0 };

	(void)state;
	mb_pair_float(&p.f);
	mb_pair_quant(&p.q, 0);
	assert_int_equal(match_built(&p, map, 1, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "nothing"));
	done(&p);
}

static void zero_points_of_the_wrong_count_or_range_are_refused(void **state)
{
	static const float scale[3] = { 1, 1, 1 };
	static const int8_t zp[2] = { 0, 0 };
	static const float huge = 1e20f;
	struct qd_err err = { 0 };
	struct linear l;
	struct graph g;
	struct mb b;

	(void)state;
	mb_begin(&b, 13);
	mb_input(&b, "x", DT_FLOAT, "3");
	mb_floats(&b, "s", "3", scale);
	mb_init(&b, "z", DT_INT8, "2", zp);
	mb_floats(&b, "f", "", &huge);
	mb_node(&b, "QuantizeLinear", "q", "x,s,z", "a");
	mb_node(&b, "QuantizeLinear", "r", "x,s,f", "b");
	mb_output(&b, "a", DT_INT8, "3");
	assert_int_equal(graph_open(b.m, &g, NULL), 0);
	assert_int_equal(skeleton_params(&g, 0, &l, &err), QD_EINPUT);
	assert_int_equal(skeleton_params(&g, 1, &l, &err), QD_EINPUT);
	graph_close(&g);
	mb_end(&b);
}

static void formats_are_told_by_their_operators(void **state)
{
	static const struct { const char *a, *b, *want; } all[] = {
		{ "Relu", "Relu", "none" },
		{ "QuantizeLinear", "DequantizeLinear", "qdq" },
		{ "QLinearConv", "QuantizeLinear", "qoperator" },
		{ "QGemm", "Relu", "qoperator" },
		{ "DynamicQuantizeLinear", "MatMulInteger", "dynamic" },
		{ "MatMulNBits", "Relu", "weight_only" },
		{ "MatMulNBits", "QuantizeLinear", "mixed" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct graph g;
		struct mb b;

		mb_begin(&b, 13);
		mb_input(&b, "x", DT_FLOAT, "1");
		mb_node(&b, all[i].a, "", "x", "a");
		mb_node(&b, all[i].b, "", "a", "y");
		assert_int_equal(graph_open(b.m, &g, NULL), 0);
		assert_string_equal(match_format(&g), all[i].want);
		graph_close(&g);
		mb_end(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_relu_is_compared_after_the_clamp),
		cmocka_unit_test(a_kept_relu_leaves_both_tensors),
		cmocka_unit_test(renaming_every_tensor_changes_no_pair),
		cmocka_unit_test(every_float_tensor_is_in_a_row_or_has_a_reason),
		cmocka_unit_test(weights_are_matched_per_tensor_per_axis_and_biases_too),
		cmocka_unit_test(an_excluded_node_is_float_on_both_sides),
		cmocka_unit_test(parallel_branches_are_told_apart_by_content),
		cmocka_unit_test(swapped_constant_operands_of_add_are_found),
		cmocka_unit_test(a_weight_quantized_at_run_time_is_a_weight),
		cmocka_unit_test(contrib_quantizers_count_as_quantizers),
		cmocka_unit_test(dedicated_quantizers_of_one_tensor_are_rows_of_their_own),
		cmocka_unit_test(a_use_inside_a_body_keeps_the_unquantized_row),
		cmocka_unit_test(different_networks_are_an_error_listing_both_inputs),
		cmocka_unit_test(a_map_with_an_unknown_name_says_which_side),
		cmocka_unit_test(zero_points_of_the_wrong_count_or_range_are_refused),
		cmocka_unit_test(formats_are_told_by_their_operators),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
