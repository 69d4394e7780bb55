/* observe: deployed and reference numbers against runs of our own, split against merged, cancellation, several inputs,
 * bodies, the self-check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "observe/infer.h"
#include "observe/observer.h"
#include "observe/observer_int.h"
#include "tensor/dtype.h"
#include "tests/lib/model_builder.h"
#include "tests/lib/session_fixture.h"

static struct engine *e;

struct look { struct sfix x; struct models m; struct data_source *data; struct observer *o; };

enum { SAMPLES = 3 };

static void open_models(struct look *l)
{
	struct data_options d = { 0 };
	struct qd_err err = { 0 };

	if (models_open(e, l->x.f, l->x.q, NULL, 0, &l->m, &err))
		fail_msg("%s", err.msg);
	if (data_open_random(l->m.inputs, l->m.n_inputs, SAMPLES, 1, 0, &d, &l->data, &err))
		fail_msg("%s", err.msg);
}

static void open_observer(struct look *l, bool reference, int threads, struct cancel *c)
{
	struct observer_opts o = { reference, threads, 1 };
	struct qd_err err = { 0 };

	if (observer_open(e, &l->m, &o, l->data, c, &l->o, &err))
		fail_msg("%s", err.msg);
}

static void look_at(struct look *l, int flags, bool reference)
{
	memset(l, 0, sizeof(*l));
	sfix_make(&l->x, flags);
	open_models(l);
	open_observer(l, reference, 1, NULL);
}

static void look_away(struct look *l)
{
	observer_close(l->o);
	data_close(l->data);
	models_close(&l->m);
	sfix_remove(&l->x);
}

static int item_of(const struct look *l, const char *tensor, enum match_kind kind)
{
	const struct compare *c = observer_compare(l->o);
	int i;

	for (i = 0; i < c->n_items; i++) {
		if (!strcmp(c->items[i].pair->tensor, tensor) && c->items[i].pair->kind == kind)
			return i;
	}
	fail_msg("no item %s", tensor);
	return -1;
}

/* Everything of every sample, in order of delivery. */
struct seen { struct pair_sums s[SAMPLES][16]; int64_t n; int items; };

static int keep_sums(void *ctx, int64_t sample, const struct compare_slot *slot, const char *why, struct qd_err *err)
{
	struct seen *s = ctx;
	int i;

	(void)why;
	(void)err;
	assert_int_equal(sample, s->n);
	for (i = 0; i < s->items; i++)
		s->s[s->n][i] = slot->r[i].sums;
	s->n++;
	return 0;
}

static void observe(struct look *l, struct seen *s)
{
	struct qd_err err = { 0 };

	memset(s, 0, sizeof(*s));
	s->items = observer_compare(l->o)->n_items;
	assert_true(s->items <= 16);
	if (observer_run(l->o, 0, keep_sums, s, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(s->n, SAMPLES);
}

/* A value of one model alone, at a level, on sample i. */
static void value_of(const struct look *l, const struct onnx_model *m, bool quant, const char *name, int level, int64_t i,
		     struct tensor *copied)
{
	struct engine_value out;
	struct engine_opts opts = { .level = (enum engine_level)level, .threads = 1 };
	struct extern_source src = { m, "" };
	struct engine_session *s;
	struct engine_run *run;
	struct data_sample sample = { 0 };
	struct onnx_model *copy;
	struct tensor in[4] = { { 0 } };
	int wanted;

	assert_int_equal(build_with_outputs(m, &name, 1, &copy, NULL), 0);
	assert_int_equal(observe_open(e, copy, &src, 1, opts, &s, NULL), 0);
	assert_int_equal(engine_run_new(e, &run, NULL), 0);
	assert_int_equal(data_read(l->data, i, &sample, NULL), 0);
	pass_inputs(s, &l->m, quant, "", &sample, NULL, in);
	wanted = engine_find_output(s, name);
	assert_int_equal(engine_run(run, s, in, &wanted, 1, &out, NULL), 0);
	/* an output that is an input borrows the sample's memory */
	assert_true(tensor_rows(&out.t, 0, out.t.dims[0], copied));
	engine_value_release(e, &out);
	data_sample_release(&sample);
	engine_run_free(run);
	engine_session_close(s);
	onnx_free(copy);
}

/* Sums over two float tensors, the naive way. */
static void check_sums(const struct pair_sums *got, const struct tensor *x, const struct tensor *y)
{
	double x2 = 0, e2 = 0, worst = 0;
	int64_t i;

	for (i = 0; i < x->n; i++) {
		double a = tensor_get(x, i), b = tensor_get(y, i), d = a - b;

		x2 += a * a;
		e2 += d * d;
		worst = fabs(d) > worst ? fabs(d) : worst;
	}
	assert_int_equal(got->n, x->n);
	assert_true(fabs(got->sum_x2 - x2) <= 1e-9 * x2);
	assert_true(fabs(got->sum_e2 - e2) <= 1e-6 * e2 + 1e-15);
	assert_true(fabs(got->max_abs_e - worst) <= 1e-6 * worst);
}

static void numbers_equal_those_of_separate_runs(void **state)
{
	static const struct { const char *f, *q; enum match_kind kind; } items[] = {
		{ "x", "x_dq", MATCH_ACTIVATION }, { "r1_out", "r1_dq", MATCH_ACTIVATION },
		{ "y", "y", MATCH_ACTIVATION }, { "y", "y", MATCH_OUTPUT },
	};
	struct look l;
	struct seen s;
	size_t k;
	int ref, i;

	(void)state;
	for (ref = 0; ref < 2; ref++) {
		look_at(&l, MB_PAIR_PER_AXIS, ref);
		observe(&l, &s);
		for (k = 0; k < 4; k++) {
			for (i = 0; i < SAMPLES; i++) {
				struct tensor f, q;

				/* an output on an inner tensor changes the deployed model's kernels: there the model's
				 * input and output are compared */
				if (!ref && k != 3 && k != 0)
					continue;
				value_of(&l, l.m.f, false, items[k].f, ref ? ENGINE_DISABLE_ALL : ENGINE_ALL, i, &f);
				value_of(&l, l.m.q, true, items[k].q, ref ? ENGINE_DISABLE_ALL : ENGINE_ALL, i, &q);
				check_sums(&s.s[i][item_of(&l, items[k].f, items[k].kind)], &f, &q);
				tensor_release(&f);
				tensor_release(&q);
			}
		}
		look_away(&l);
	}
}

static void the_deployed_observer_sees_integers_where_they_exist(void **state)
{
	struct look l;

	(void)state;
	look_at(&l, 0, false);
	assert_true(observer_is_deployed(l.o, item_of(&l, "y", MATCH_OUTPUT)));
	assert_true(observer_is_deployed(l.o, item_of(&l, "r1_out", MATCH_ACTIVATION)));
	look_away(&l);
	look_at(&l, 0, true);
	assert_false(observer_is_deployed(l.o, item_of(&l, "r1_out", MATCH_ACTIVATION)));
	look_away(&l);
}

static void two_sessions_give_the_numbers_of_one(void **state)
{
	struct look a, b;
	struct seen sa, sb;
	int ref, i, k;

	(void)state;
	for (ref = 0; ref < 2; ref++) {
		look_at(&a, 0, ref);
		look_at(&b, MB_PAIR_OTHER_OPSET, ref);
		assert_non_null(a.o->main.both);
		assert_null(b.o->main.both);
		observe(&a, &sa);
		observe(&b, &sb);
		assert_int_equal(sa.items, sb.items);
		for (k = 0; k < SAMPLES; k++) {
			for (i = 0; i < sa.items; i++) {
				assert_int_equal(sa.s[k][i].n, sb.s[k][i].n);
				assert_true(fabs(sa.s[k][i].sum_e2 - sb.s[k][i].sum_e2) <= 1e-6 * sa.s[k][i].sum_e2 + 1e-12);
				assert_true(fabs(sa.s[k][i].sum_x2 - sb.s[k][i].sum_x2) <= 1e-9 * sa.s[k][i].sum_x2);
			}
		}
		look_away(&a);
		look_away(&b);
	}
}

static void cancelling_ends_a_run_after_whole_samples(void **state)
{
	struct cancel c = { 0 };
	struct look l = { 0 };
	struct seen s = { 0 };

	(void)state;
	sfix_make(&l.x, 0);
	open_models(&l);
	open_observer(&l, false, 2, &c);
	cancel_set(&c, 2);
	s.items = observer_compare(l.o)->n_items;
	assert_int_equal(observer_run(l.o, 0, keep_sums, &s, NULL), QD_ECANCEL);
	assert_int_equal(s.n, 0);
	cancel_set(&c, 0);
	assert_int_equal(observer_run(l.o, 0, keep_sums, &s, NULL), 0);        /* and can be run again */
	look_away(&l);
}

static int refuse(void *ctx, int64_t sample, const struct compare_slot *slot, const char *why, struct qd_err *err)
{
	int *calls = ctx;

	(void)slot;
	(void)why;
	++*calls;
	return sample == 1 ? err_set(err, QD_EDISK, "no room") : 0;
}

static void what_the_receiver_says_ends_the_run(void **state)
{
	struct qd_err err = { 0 };
	struct look l = { 0 };
	int calls = 0;

	(void)state;
	sfix_make(&l.x, 0);
	open_models(&l);
	open_observer(&l, true, 3, NULL);
	assert_int_equal(observer_run(l.o, 0, refuse, &calls, &err), QD_EDISK);
	assert_string_equal(err.msg, "no room");
	assert_int_equal(calls, 2);
	look_away(&l);
}

static void every_engine_fault_is_a_clean_error(void **state)
{
	struct look l;
	struct seen s;
	long k;

	(void)state;
	memset(&l, 0, sizeof(l));
	sfix_make(&l.x, 0);
	open_models(&l);
	for (k = 1;; k++) {
		struct observer_opts o = { false, 2, 1 };
		struct qd_err err = { 0 };
		int rc;

		memset(&s, 0, sizeof(s));
		fault_arm(FAULT_ENGINE, k, false);
		rc = observer_open(e, &l.m, &o, l.data, NULL, &l.o, &err);
		if (!rc) {
			s.items = observer_compare(l.o)->n_items;
			rc = observer_run(l.o, 0, keep_sums, &s, &err);
			observer_close(l.o);
		}
		if (!fault_fired(FAULT_ENGINE))
			break;
		assert_int_equal(rc, QD_EENGINE);
		assert_true(err.msg[0]);
	}
	fault_arm(FAULT_ENGINE, 0, false);
	assert_int_equal(s.n, SAMPLES);
	assert_true(k > 5);
	l.o = NULL;
	look_away(&l);
}

/* Two inputs whose names differ between the models, and an If around the output. */
static void two_inputs_and_a_body(void **state)
{
	static const unsigned char yes = 1;
	struct look l = { 0 };
	struct seen s;
	int side;

	(void)state;
	sfix_make(&l.x, 0);
	for (side = 0; side < 2; side++) {
		const char *a = side ? "left" : "a", *b = side ? "right" : "b";
		struct mb m, body;
		Onnx__NodeProto *n;
		int k;

		mb_begin(&m, 13);
		mb_input(&m, a, DT_FLOAT, "2,3");
		mb_input(&m, b, DT_FLOAT, "2,3");
		mb_init(&m, "c", DT_BOOL, "", &yes);
		if (side) {
			mb_qdq(&m, a, "ad", DT_UINT8, 0.0078125f, 128);
			mb_qdq(&m, b, "bd", DT_UINT8, 0.0078125f, 128);
		}
		mb_node(&m, "Sub", "s", side ? "ad,bd" : "a,b", "t");
		n = mb_node(&m, "If", "if", "c", "y");
		for (k = 0; k < 2; k++) {
			mb_body_begin(&body);
			mb_node(&body, "Neg", "", "t", k ? "e" : "d");
			mb_untyped_output(&body, k ? "e" : "d");
			mb_attr_body(&m, n, k ? "else_branch" : "then_branch", &body);
		}
		mb_output(&m, "y", DT_FLOAT, "2,3");
		mb_save(&m, side ? l.x.q : l.x.f);
		mb_end(&m);
	}
	open_models(&l);
	assert_int_equal(l.m.n_inputs, 2);
	open_observer(&l, false, 1, NULL);
	observe(&l, &s);
	/* a - b, not b - a: the two inputs keep their places; the output's error is at most two half steps of 1/128 */
	assert_true(s.s[0][item_of(&l, "y", MATCH_OUTPUT)].max_abs_e <= 0.0078126);
	assert_true(s.s[0][item_of(&l, "y", MATCH_OUTPUT)].sum_x2 > 0);
	look_away(&l);
}

static int open_engine(void **state)
{
	struct qd_err err = { 0 };

	(void)state;
	if (engine_open(&e, &err))
		fail_msg("%s", err.msg);
	return 0;
}

static int close_engine(void **state)
{
	(void)state;
	engine_close(e);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_equal_those_of_separate_runs),
		cmocka_unit_test(the_deployed_observer_sees_integers_where_they_exist),
		cmocka_unit_test(two_sessions_give_the_numbers_of_one),
		cmocka_unit_test(cancelling_ends_a_run_after_whole_samples),
		cmocka_unit_test(what_the_receiver_says_ends_the_run),
		cmocka_unit_test(every_engine_fault_is_a_clean_error),
		cmocka_unit_test(two_inputs_and_a_body),
	};

	return cmocka_run_group_tests(tests, open_engine, close_engine);
}
