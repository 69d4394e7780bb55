/* Every allocation, file operation, engine call and store statement of the pipeline fails once: each failure is a clean
 * error, nothing leaks, the store stays healthy, and running again gives the numbers of an undisturbed run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fs.h"
#include "match/match.h"
#include "onnx/graph.h"
#include "tests/lib/model_builder.h"
#include "tests/lib/session_fixture.h"

static struct sfix x;
static char *undisturbed;

static void disarm(void)
{
	int k;

	for (k = 0; k < FAULT_KINDS; k++)
		fault_arm((enum fault_kind)k, 0, false);
}

static int setup(void **state)
{
	(void)state;
	sfix_make(&x, MB_PAIR_PER_AXIS);
	sfix_samples(&x, 2);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	disarm();
	free(undisturbed);
	sfix_remove(&x);
	return 0;
}

typedef int body_fn(struct qd_err *err);

/* Fail hit 1, 2, … of a kind until the body passes unfaulted; `check` (may be NULL) looks at each outcome. */
static void loop(enum fault_kind kind, bool persistent, long stride, body_fn *body, void (*check)(long k, int rc))
{
	long k;

	for (k = 1;; k += stride) {
		struct qd_err err = { 0 };
		int rc;

		fault_arm(kind, k, persistent);
		rc = body(&err);
		if (!fault_fired(kind)) {
			disarm();
			if (rc)
				fail_msg("%s", err.msg);
			break;
		}
		disarm();
		if (rc) {
			assert_true(rc < 0 && rc > QD_EBUG);
			assert_int_equal(rc, err.code);
			assert_true(err.msg[0]);
			if (kind == FAULT_ALLOC && rc != QD_ENOMEM && rc != QD_EENGINE)
				fail_msg("allocation %ld: status %d: %s", k, rc, err.msg);
		}
		if (check)
			check(k, rc);
	}
	print_message("# kind %d: %ld faults\n", (int)kind, k - 1);
}

/* --- loading and matching -------------------------------------------------------- */

static int load(struct qd_err *err)
{
	struct onnx_model *m;
	struct graph g;
	int rc = onnx_load(x.q, &m, err);

	if (rc)
		return rc;
	rc = graph_open(m, &g, err);
	if (!rc)
		graph_close(&g);
	onnx_free(m);
	return rc;
}

static void must_fail(long k, int rc)
{
	if (!rc)
		fail_msg("fault %ld was swallowed", k);
}

static void loading_fails_cleanly(void **state)
{
	(void)state;
	loop(FAULT_ALLOC, false, 1, load, must_fail);
	loop(FAULT_ALLOC, true, 1, load, must_fail);
	loop(FAULT_IO, false, 1, load, must_fail);
}

static size_t n_pairs;

static int match_loaded(struct onnx_model *f, struct onnx_model *q, struct qd_err *err)
{
	struct graph fg = { 0 }, qg = { 0 };
	struct match m;
	int v, rc = graph_open(f, &fg, err);

	if (!rc)
		rc = graph_open(q, &qg, err);
	/* what the engine would say: everything but codes is float here */
	for (v = 0; !rc && v < fg.n_values; v++)
		fg.values[v].dtype = 1;
	for (v = 0; !rc && v < qg.n_values; v++) {
		if (!qg.values[v].init && !strstr(qg.values[v].name, "_q"))
			qg.values[v].dtype = 1;
	}
	if (!rc)
		rc = match_run(&fg, NULL, &qg, NULL, 0, &m, err);
	if (!rc) {
		n_pairs = m.n_pairs;
		match_release(&m);
	}
	graph_close(&fg);
	graph_close(&qg);
	return rc;
}

static struct onnx_model *mf, *mq;

static int match_models(struct qd_err *err)
{
	return match_loaded(mf, mq, err);
}

static size_t want_pairs;

static void fails_or_matches_all(long k, int rc)
{
	if (!rc && n_pairs != want_pairs)
		fail_msg("fault %ld: %zu pairs, %zu without a fault", k, n_pairs, want_pairs);
}

static void matching_fails_cleanly_or_matches_everything(void **state)
{
	(void)state;
	assert_int_equal(onnx_load(x.f, &mf, NULL), 0);
	assert_int_equal(onnx_load(x.q, &mq, NULL), 0);
	assert_int_equal(match_models(NULL), 0);
	want_pairs = n_pairs;
	assert_true(want_pairs >= 6);
	loop(FAULT_ALLOC, false, 1, match_models, fails_or_matches_all);
	loop(FAULT_ALLOC, true, 1, match_models, must_fail);
	onnx_free(mf);
	onnx_free(mq);
}

/* --- whole sessions ------------------------------------------------------------------ */

static struct session_opts opts;

static int whole(struct qd_err *err)
{
	struct session *s = NULL;
	int rc = session_open(&opts, NULL, &s, err);

	if (!rc)
		rc = session_run(s, NULL, NULL, err);
	session_close(s);
	return rc;
}

static void baseline(enum session_keep keep)
{
	struct qd_err err = { 0 };

	opts = sfix_opts(&x);
	opts.keep = keep;
	opts.self_check = 1;
	sfix_drop_store(&x);
	if (!undisturbed) {
		if (whole(&err))
			fail_msg("%s", err.msg);
		undisturbed = sfix_dump(x.store);
	}
	sfix_drop_store(&x);
}

/* The store passes its check; running again without a fault gives the undisturbed numbers. */
static void healthy_and_repeatable(long k, int rc)
{
	struct qd_err err = { 0 };
	char *got;

	if (fs_exists(x.store))
		assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM pragma_quick_check WHERE quick_check='ok'"), 1);
	/* a store that could not be written at all still says "running": as if this process had ended */
	if (rc == QD_EDISK && fs_exists(x.store) &&
	    sfix_query(x.store, "SELECT count(*) FROM sqlite_master WHERE name='run'") == 1)
		sfix_sql(x.store, "UPDATE run SET owner_pid=2147483000 WHERE status='running'");
	if (whole(&err))
		fail_msg("fault %ld (status %d): cannot go on: %s", k, rc, err.msg);
	got = sfix_dump(x.store);
	if (strcmp(undisturbed, got))
		fail_msg("fault %ld (status %d): other numbers afterwards", k, rc);
	free(got);
	sfix_drop_store(&x);
}

static void store_faults_leave_a_store_that_goes_on(void **state)
{
	(void)state;
	baseline(SESSION_KEEP_NONE);
	loop(FAULT_STORE, false, 5, whole, healthy_and_repeatable);
	loop(FAULT_STORE, true, 23, whole, healthy_and_repeatable);
}

static void engine_faults_leave_a_store_that_goes_on(void **state)
{
	(void)state;
	free(undisturbed);
	undisturbed = NULL;
	baseline(SESSION_KEEP_ALL);
	loop(FAULT_ENGINE, false, 1, whole, healthy_and_repeatable);
	loop(FAULT_ENGINE, true, 2, whole, healthy_and_repeatable);
}

static void file_faults_leave_a_store_that_goes_on(void **state)
{
	(void)state;
	baseline(SESSION_KEEP_NONE);
	loop(FAULT_IO, false, 1, whole, healthy_and_repeatable);
}

static void allocation_faults_leave_a_store_that_goes_on(void **state)
{
	(void)state;
	baseline(SESSION_KEEP_NONE);
	/* some two thousand allocations: every 13th, the offset differs from run to run of the strides below */
	loop(FAULT_ALLOC, false, 13, whole, healthy_and_repeatable);
	loop(FAULT_ALLOC, true, 97, whole, healthy_and_repeatable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loading_fails_cleanly),
		cmocka_unit_test(matching_fails_cleanly_or_matches_everything),
		cmocka_unit_test(store_faults_leave_a_store_that_goes_on),
		cmocka_unit_test(engine_faults_leave_a_store_that_goes_on),
		cmocka_unit_test(file_faults_leave_a_store_that_goes_on),
		cmocka_unit_test(allocation_faults_leave_a_store_that_goes_on),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
