/* session: runs to the store, cache, resuming, threads, bad samples, stores that cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fs.h"
#include "tests/lib/model_builder.h"
#include "tests/lib/session_fixture.h"

static struct sfix x;

static int setup(void **state)
{
	(void)state;
	sfix_make(&x, 0);
	return 0;
}

static int teardown(void **state)
{
	int k;

	(void)state;
	for (k = 0; k < FAULT_KINDS; k++)
		fault_arm((enum fault_kind)k, 0, false);
	sfix_remove(&x);
	return 0;
}

/* Open, run, close; the status of the whole. */
static int run(const struct session_opts *o, struct cancel *c, session_notify *notify, void *ctx, struct qd_err *err)
{
	struct session *s = NULL;
	int rc = session_open(o, c, &s, err);

	if (!rc)
		rc = session_run(s, notify, ctx, err);
	session_close(s);
	return rc;
}

static void run_ok(const struct session_opts *o)
{
	struct qd_err err = { 0 };

	if (run(o, NULL, NULL, NULL, &err))
		fail_msg("%s", err.msg);
}

static void healthy(void)
{
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM pragma_quick_check WHERE quick_check='ok'"), 1);
}

static void a_run_lands_in_the_store(void **state)
{
	struct session_opts o = sfix_opts(&x);

	(void)state;
	sfix_samples(&x, 3);
	run_ok(&o);
	healthy();
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM run WHERE status='done' AND samples_done=3"), 1);
	/* activations: x, r1_out (after the removed Relu), y */
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM pair WHERE kind='activation'"), 3);
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM pair WHERE kind='weight'"), 3);
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM pair WHERE kind='output'"), 1);
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM pair WHERE kind='unmatched' AND tensor='c1_out' "
				    "AND reason='clamp_removed'"), 1);
	/* 32 elements a sample of x, 48 of r1_out */
	assert_int_equal(sfix_query(x.store, "SELECT t.n FROM pair_total t JOIN pair p ON p.id=t.pair_id WHERE "
				    "p.tensor='x'"), 96);
	assert_int_equal(sfix_query(x.store, "SELECT t.n FROM pair_total t JOIN pair p ON p.id=t.pair_id WHERE "
				    "p.tensor='r1_out'"), 144);
}

static void a_second_run_of_the_same_is_found_not_repeated(void **state)
{
	struct session_opts o = sfix_opts(&x);
	struct session *s;

	(void)state;
	sfix_samples(&x, 2);
	run_ok(&o);
	assert_int_equal(session_open(&o, NULL, &s, NULL), 0);
	assert_true(session_is_done(s));
	assert_int_equal(session_run(s, NULL, NULL, NULL), 0);
	session_close(s);
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM run"), 1);
	o.reference = true;             /* another observer is another run */
	run_ok(&o);
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM run"), 2);
	sfix_samples(&x, 3);            /* so are other data */
	run_ok(&o);
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM run"), 3);
}

static char *clean_dump(struct session_opts o, int threads)
{
	char *d;

	sfix_drop_store(&x);
	o.threads = threads;
	run_ok(&o);
	d = sfix_dump(x.store);
	sfix_drop_store(&x);
	return d;
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
	struct session_opts o = sfix_opts(&x);
	char *one, *many;
	int t;

	(void)state;
	sfix_samples(&x, 70);           /* more than a block */
	one = clean_dump(o, 1);
	for (t = 2; t <= 5; t++) {
		many = clean_dump(o, t);
		assert_string_equal(one, many);
		free(many);
	}
	free(one);
}

/* --- interrupted runs ----------------------------------------------------------------- */

/* Interrupt a run by a sample that fails, then repair the sample: the resumed run is bit-equal. The file's stamp would
 * change the run's identity, so the fault is an engine fault: one hit a session or run. */
static void resumed_from(long hit, const char *want, int *interrupted)
{
	struct session_opts o = sfix_opts(&x);
	struct qd_err err = { 0 };
	char *got;
	int rc;

	sfix_drop_store(&x);
	fault_arm(FAULT_ENGINE, hit, false);
	rc = run(&o, NULL, NULL, NULL, &err);
	if (rc) {
		/* an engine that cannot load a model makes the file unusable */
		assert_true(rc == QD_EENGINE || rc == QD_EINPUT);
		*interrupted += fs_exists(x.store) && sfix_query(x.store, "SELECT samples_done FROM run") > 0;
	}
	fault_arm(FAULT_ENGINE, 0, false);
	run_ok(&o);
	got = sfix_dump(x.store);
	assert_string_equal(want, got);
	free(got);
	if (rc)
		assert_true(sfix_query(x.store, "SELECT count(*) FROM run") == 1);
}

static void a_resumed_run_is_bit_equal_to_an_undisturbed_one(void **state)
{
	struct session_opts o = sfix_opts(&x);
	static const long hits[] = { 1, 5, 15, 16, 20, 40, 75, 76, 77, 78, 80, 82 };
	int interrupted = 0;
	size_t i;
	char *want;

	(void)state;
	sfix_samples(&x, 70);
	want = clean_dump(o, 1);
	for (i = 0; i < sizeof(hits) / sizeof(hits[0]); i++)
		resumed_from(hits[i], want, &interrupted);
	assert_true(interrupted >= 4);
	free(want);
}

static void stop_now(void *ctx)
{
	cancel_set(ctx, 2);
}

static void a_cancelled_run_is_interrupted_and_resumed(void **state)
{
	struct session_opts o = sfix_opts(&x);
	struct cancel c = { 0 };
	struct qd_err err = { 0 };
	char *want, *got;

	(void)state;
	sfix_samples(&x, 20);
	want = clean_dump(o, 1);
	assert_int_equal(run(&o, &c, stop_now, &c, &err), QD_ECANCEL);
	healthy();
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM run WHERE status='interrupted'"), 1);
	run_ok(&o);
	got = sfix_dump(x.store);
	assert_string_equal(want, got);
	free(want);
	free(got);
}

static void a_failed_commit_never_claims_samples_it_does_not_have(void **state)
{
	struct session_opts o = sfix_opts(&x);
	char *want, *got;
	long k;

	(void)state;
	sfix_samples(&x, 5);
	want = clean_dump(o, 1);
	for (k = 1; k < 5000; k += k < 400 ? 7 : 31) {
		struct qd_err err = { 0 };
		int rc;

		sfix_drop_store(&x);
		fault_arm(FAULT_STORE, k, false);
		rc = run(&o, NULL, NULL, NULL, &err);
		if (!fault_fired(FAULT_STORE))
			break;
		fault_arm(FAULT_STORE, 0, false);
		assert_true(rc < 0);
		run_ok(&o);
		got = sfix_dump(x.store);
		if (strcmp(want, got))
			fail_msg("fault %ld: other numbers after resuming", k);
		free(got);
	}
	assert_true(k > 100 && k < 5000);
	free(want);
}

/* --- bad samples ------------------------------------------------------------------------- */

static void a_bad_sample_stops_the_run_and_keeps_the_earlier_ones(void **state)
{
	struct session_opts o = sfix_opts(&x);
	struct qd_err err = { 0 };
	int t;

	(void)state;
	sfix_samples(&x, 6);
	sfix_nan(&x, 4);
	for (t = 1; t <= 3; t++) {
		sfix_drop_store(&x);
		o.threads = t;
		assert_int_equal(run(&o, NULL, NULL, NULL, &err), QD_EINPUT);
		assert_non_null(strstr(err.msg, "s4.npy"));
		assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM run WHERE status='failed' AND "
					    "samples_done=4"), 1);
		assert_int_equal(sfix_query(x.store, "SELECT t.n FROM pair_total t JOIN pair p ON p.id=t.pair_id "
					    "WHERE p.tensor='x'"), 128);
	}
}

static void skip_bad_leaves_the_sample_out_and_counts_it(void **state)
{
	struct session_opts o = sfix_opts(&x);

	(void)state;
	sfix_samples(&x, 6);
	sfix_nan(&x, 0);
	sfix_nan(&x, 4);
	o.skip_bad = true;
	o.threads = 2;
	run_ok(&o);
	assert_int_equal(sfix_query(x.store, "SELECT samples_done FROM run WHERE status='done'"), 6);
	assert_int_equal(sfix_query(x.store, "SELECT samples_bad FROM run"), 2);
	assert_int_equal(sfix_query(x.store, "SELECT t.n FROM pair_total t JOIN pair p ON p.id=t.pair_id WHERE "
				    "p.tensor='x'"), 4 * 32);
}

static void nothing_but_bad_samples_is_an_error(void **state)
{
	struct session_opts o = sfix_opts(&x);
	struct qd_err err = { 0 };

	(void)state;
	sfix_samples(&x, 2);
	sfix_nan(&x, 0);
	sfix_nan(&x, 1);
	o.skip_bad = true;
	assert_int_equal(run(&o, NULL, NULL, NULL, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "no usable sample"));
}

/* --- stores and inputs that cannot be used ---------------------------------------------------- */

static void nothing_is_written_when_inputs_are_wrong(void **state)
{
	struct session_opts o = sfix_opts(&x);
	struct qd_err err = { 0 };

	(void)state;
	assert_int_equal(run(&o, NULL, NULL, NULL, &err), QD_EINPUT);          /* no samples */
	o.data_dir = NULL;
	assert_int_equal(run(&o, NULL, NULL, NULL, &err), QD_EUSAGE);
	sfix_samples(&x, 1);
	o.data_dir = x.data;
	o.float_path = x.q;
	o.quant_path = x.f;
	assert_int_equal(run(&o, NULL, NULL, NULL, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "wrong order"));
	assert_false(fs_exists(x.store));
}

static void a_store_that_is_no_store_or_in_no_folder_is_refused(void **state)
{
	struct session_opts o = sfix_opts(&x);
	struct qd_err err = { 0 };
	char path[400];

	(void)state;
	sfix_samples(&x, 1);
	tdir_put(&x.dir, "a.qdb", "this is no database, but long enough to have a header of one", 60);
	assert_true(run(&o, NULL, NULL, NULL, &err) < 0);
	assert_non_null(strstr(err.msg, "a.qdb"));
	snprintf(path, sizeof(path), "%s/none/b.qdb", x.dir.path);
	o.store_path = path;
	assert_true(run(&o, NULL, NULL, NULL, &err) < 0);
	assert_non_null(strstr(err.msg, "b.qdb"));
}

static void random_samples_and_kept_activations_work(void **state)
{
	struct session_opts o = sfix_opts(&x);

	(void)state;
	o.data_dir = NULL;
	o.random = 4;
	o.keep = SESSION_KEEP_ALL;
	o.self_check = 1;
	run_ok(&o);
	healthy();
	assert_int_equal(sfix_query(x.store, "SELECT samples_done FROM run WHERE status='done'"), 4);
	/* x of the float model, of each of four samples */
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM activation WHERE side='float' AND tensor='x'"), 4);
	assert_int_equal(sfix_query(x.store, "SELECT count(*) FROM activation WHERE side='float' AND tensor='w1'"), 1);
}

static void progress_ends_at_done(void **state)
{
	struct session_opts o = sfix_opts(&x);
	struct session_progress p;
	struct session *s;

	(void)state;
	sfix_samples(&x, 2);
	assert_int_equal(session_open(&o, NULL, &s, NULL), 0);
	assert_string_equal(session_store_path(s), x.store);
	assert_int_equal(session_run(s, NULL, NULL, NULL), 0);
	session_get_progress(s, &p);
	assert_string_equal(p.phase, "done");
	assert_int_equal(p.done, 2);
	assert_int_equal(p.run_id, session_run_id(s));
	session_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_run_lands_in_the_store),
		T(a_second_run_of_the_same_is_found_not_repeated),
		T(any_number_of_threads_gives_the_same_bits),
		T(a_resumed_run_is_bit_equal_to_an_undisturbed_one),
		T(a_cancelled_run_is_interrupted_and_resumed),
		T(a_failed_commit_never_claims_samples_it_does_not_have),
		T(a_bad_sample_stops_the_run_and_keeps_the_earlier_ones),
		T(skip_bad_leaves_the_sample_out_and_counts_it),
		T(nothing_but_bad_samples_is_an_error),
		T(nothing_is_written_when_inputs_are_wrong),
		T(a_store_that_is_no_store_or_in_no_folder_is_refused),
		T(random_samples_and_kept_activations_work),
		T(progress_ends_at_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
