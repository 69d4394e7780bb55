/* cli/report.h: numbers, names, tables, JSON text; reports of a small store, under faults too. */
#include "test_store_fixture.h"

#include "cli/export.h"
#include "cli/mapfile.h"
#include "cli/progress.h"
#include "cli/report.h"

static char *number(double v)
{
	static struct str s;

	str_clear(&s);
	add_number(&s, v);
	return s.p;
}

static void numbers_have_three_digits(void **state)
{
	(void)state;
	assert_string_equal(number(41.25), "41.2");     /* ties to even */
	assert_string_equal(number(7), "7.00");
	assert_string_equal(number(-128), "-128");
	assert_string_equal(number(123456), "123456");
	assert_string_equal(number(0.00417), "0.00417");
	assert_string_equal(number(0.00037), "0.000370");
	assert_string_equal(number(0), "0");
	assert_string_equal(number(1.234e-7), "1.23e-07");
	assert_string_equal(number(NAN), "-");
	assert_string_equal(number(-INFINITY), "-inf");
}

static char *elided(const char *text, int width)
{
	static struct str s;

	str_clear(&s);
	add_elided(&s, text, width);
	return s.p;
}

static void long_names_keep_both_ends(void **state)
{
	(void)state;
	assert_string_equal(elided("conv1", 5), "conv1");
	/* 10 cells: 4 at the front, "..", 4 at the back */
	assert_string_equal(elided("abcdefghijklmnop", 10), "abcd..mnop");
	assert_string_equal(elided("abcdef", 3), "abc");
	/* wide characters: two cells each, none is cut through */
	assert_true(utf8_width(elided("\u5b57\u5b57\u5b57\u5b57\u5b57\u5b57", 9)) <= 9);
}

static void tables_leave_out_columns_before_names_shrink_to_nothing(void **state)
{
	static const struct table_column columns[] = {
		{ "name", false, true, 0 }, { "much", true, false, 0 }, { "spare column", true, false, 1 },
	};
	struct text_table t;
	struct str s = STR_INIT;

	(void)state;
	table_init(&t, columns, 3);
	table_add(&t, "a\033b");
	table_add_num(&t, 1.5);
	table_add(&t, NULL);
	table_render(&t, 2, 80, false, &s);
	assert_string_equal(s.p, "  name    much  spare column\n  a\\x1bb  1.50             -\n");
	str_clear(&s);
	table_render(&t, 2, 20, false, &s);
	assert_string_equal(s.p, "  name    much\n  a\\x1bb  1.50\n");
	table_release(&t);
	str_release(&s);
}

static void text_is_wrapped_at_blanks(void **state)
{
	struct str s = STR_INIT;

	(void)state;
	add_wrapped(&s, "one two three", 2, 9);
	assert_string_equal(s.p, "  one two\n  three\n");
	str_release(&s);
}

static void json_text_is_checked(void **state)
{
	static const char *const good[] = {
		"1", "-0.5", "1e-7", "[1, 2.5]", "[]", "[[1],[2]]", "[\"a\\n\\u00e9\", \"\"]", "null", " true ", "0",
	};
	static const char *const wrong[] = {
		"", "01", "1.", ".5", "+1", "[1,]", "[1", "1]", "\"a", "\"\\x\"", "{", "{}", "nan", "[1] 2", "\"\xff\"",
		"\"a\nb\"", "-", "1e", "\"a\\",
		"[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(json_text_ok(good[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(json_text_ok(wrong[i]));
}

/* A run of one row a table: 10 log10(100 / 1) = 20 dB for the output. */
static void fill(double out_x2, double out_e2)
{
	static const char *const kinds[] = { "output", "activation", "weight" };
	struct store *st = open_new();
	int64_t run;

	OK(store_begin(st, err));
	OK(add_run(st, &run, err));
	for (int64_t i = 0; i < 3; i++) {
		struct store_pair p = plain_pair(kinds[i], i, i ? "t" : "y");
		struct store_sums s = plain_sums(out_x2, out_e2);

		OK(store_add_pairs(st, run, &p, 1, err));
		OK(store_put_total(st, p.id, &s, &(struct store_total_extra){ .codes_used = 3,
					.worst_channel = STORE_NONE, .worst_channel_sqnr = NAN }, err));
	}
	OK(store_finish_run(st, run, "done", NULL, err));
	OK(store_commit(st, err));
	store_close(st);
}

static int check(double db, int *missed)
{
	struct report r = { .arena = STORE_ARENA_INIT };
	struct str why = STR_INIT;
	struct store *st = NULL;

	OK(store_open_readonly(path, 0, &st, err));
	OK(report_load(st, 0, &r, err));
	OK(report_check(&r, db, missed, &why, err));
	assert_int_equal(*missed > 0, why.len > 0);
	report_release(&r);
	str_release(&why);
	store_close(st);
	return *missed;
}

static void outputs_below_the_threshold_fail(void **state)
{
	int missed;

	(void)state;
	fill(100, 1);
	assert_int_equal(check(20, &missed), 0);        /* 20 dB is not below 20 dB */
	assert_int_equal(check(20.001, &missed), 1);
}

static void exact_outputs_pass(void **state)
{
	int missed;

	(void)state;
	fill(100, 0);
	assert_int_equal(check(1000, &missed), 0);
}

static void zero_signals_fail(void **state)
{
	int missed;

	(void)state;
	fill(0, 1);
	assert_int_equal(check(-1000, &missed), 1);
}

static int report_all(struct store *st, struct qd_err *err)
{
	struct report r = { .arena = STORE_ARENA_INIT };
	struct str s = STR_INIT;
	int rc = report_load(st, 0, &r, err), missed;

	r.width = 80;
	if (!rc)
		rc = report_text(&r, &s, err);
	if (!rc)
		rc = report_json(&r, &s, err);
	if (!rc)
		rc = report_csv(&r, ST_WEIGHTS, &s, err);
	if (!rc)
		rc = report_check(&r, 30, &missed, &s, err);
	report_release(&r);
	str_release(&s);
	return rc;
}

/* Every allocation and store step fails once: an error with a message, nothing leaked. */
static void reports_survive_faults(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_ALLOC, FAULT_STORE };
	struct store *st = NULL;

	(void)state;
	fill(100, 1);
	for (size_t k = 0; k < 2; k++) {
		bool fired = true;

		for (long nth = 1; fired; nth++) {
			struct qd_err e = { 0 };
			int rc;

			OK(store_open_readonly(path, 0, &st, err));
			fault_arm(kinds[k], nth, false);
			rc = report_all(st, &e);
			fired = fault_fired(kinds[k]);
			fault_arm(kinds[k], 0, false);
			if (rc)
				assert_true(e.msg[0]);
			else
				assert_false(fired && kinds[k] == FAULT_STORE);
			store_close(st);
		}
	}
}

static void file_names_are_safe_and_different(void **state)
{
	static const char *const tensors[] = { "a/b", "a_b", "../..", "a%2Fb", "A b\n", "\xe5\xad\x97", "x", "x.0" };
	char seen[16][300], *name;
	struct str s = STR_INIT;
	int n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(tensors) / sizeof(tensors[0]); i++) {
		for (int64_t sample = -1; sample < 1; sample++) {
			str_clear(&s);
			export_file_name(&s, "float", tensors[i], sample);
			name = s.p;
			assert_null(strpbrk(name, "/ \n"));
			assert_true(strlen(name) < 256);
			for (int k = 0; k < n; k++)
				assert_string_not_equal(seen[k], name);
			snprintf(seen[n++], sizeof(seen[0]), "%s", name);
		}
	}
	str_clear(&s);
	export_file_name(&s, "quant", "a/b", 3);
	assert_string_equal(s.p, "quant.a%2Fb.3.npy");
	str_clear(&s);
	export_file_name(&s, "quant", "w", -1);
	assert_string_equal(s.p, "quant.w.const.npy");
	str_release(&s);
}

static void long_tensor_names_are_cut_and_hashed(void **state)
{
	struct str a = STR_INIT, b = STR_INIT;
	char one[500], two[500];

	(void)state;
	memset(one, 'n', sizeof(one));
	one[sizeof(one) - 1] = '\0';
	snprintf(two, sizeof(two), "%s", one);
	two[sizeof(two) - 2] = 'm';     /* differs only far behind the cut */
	export_file_name(&a, "float", one, INT64_MAX);
	export_file_name(&b, "float", two, INT64_MAX);
	assert_true(a.len < 256);
	assert_string_not_equal(a.p, b.p);
	str_release(&a);
	str_release(&b);
}

static void stored_shapes_are_checked(void **state)
{
	struct tensor t;

	(void)state;
	assert_true(export_tensor("float32", "[2, 3]", &t));
	assert_int_equal(t.bytes, 24);
	assert_true(export_tensor("int8", "[]", &t));
	assert_int_equal(t.n, 1);
	assert_true(export_tensor("int8", "[0,4]", &t));
	assert_int_equal(t.bytes, 0);
	assert_false(export_tensor("float33", "[2]", &t));
	assert_false(export_tensor("string", "[2", &t));
	assert_false(export_tensor("int8", "2", &t));
	assert_false(export_tensor("int8", "[2,]", &t));
	assert_false(export_tensor("int8", "[-1]", &t));
	assert_false(export_tensor("int8", "[2]x", &t));
	assert_false(export_tensor("int8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", &t));
	assert_false(export_tensor("float32", "[9223372036854775807, 9]", &t));
}

static int read_map(const char *text, struct mapfile *m, struct qd_err *err)
{
	char name[4300];
	FILE *f;

	snprintf(name, sizeof(name), "%s/map", fs_tmp_dir(NULL));
	f = fopen(name, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return mapfile_read(name, m, err);
}

static void maps_are_pairs_of_names(void **state)
{
	struct mapfile m;
	struct qd_err e;

	(void)state;
	assert_int_equal(read_map("# c\n\na  b\r\na name\tits partner\nx y", &m, &e), 0);
	assert_int_equal(m.n, 3);
	assert_string_equal(m.names[0], "a");
	assert_string_equal(m.names[1], "b");
	assert_string_equal(m.names[2], "a name");
	assert_string_equal(m.names[3], "its partner");
	assert_string_equal(m.names[5], "y");
	mapfile_release(&m);
}

static void maps_name_the_wrong_line(void **state)
{
	static const char *const wrong[] = { "a b\none\n", "a b\na b c\n", "a b\na\tb\tc\n", "a b\n\t\n x\n" };
	struct mapfile m;
	struct qd_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_map(wrong[i], &m, &e), QD_EINPUT);
		assert_non_null(strstr(e.msg, "line "));
		mapfile_release(&m);
	}
}

static void progress_says_rate_and_time_left(void **state)
{
	struct session_progress p = { .phase = "samples", .done = 71, .total = 128, .rate = 12.34, .left = 4.2 };
	char text[200];

	(void)state;
	assert_string_equal(progress_text(&p, text, sizeof(text)), "samples 71/128 - 12/s - 0:05 left");
	p.rate = 0;
	p.left = -1;
	assert_string_equal(progress_text(&p, text, sizeof(text)), "samples 71/128");
	p.left = 3725;
	p.total = 0;
	assert_string_equal(progress_text(&p, text, sizeof(text)), "samples - 1:02:05 left");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_three_digits),
		cmocka_unit_test(long_names_keep_both_ends),
		cmocka_unit_test(tables_leave_out_columns_before_names_shrink_to_nothing),
		cmocka_unit_test(text_is_wrapped_at_blanks),
		cmocka_unit_test(json_text_is_checked),
		cmocka_unit_test_setup_teardown(outputs_below_the_threshold_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(exact_outputs_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(zero_signals_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(reports_survive_faults, setup, teardown),
		cmocka_unit_test(file_names_are_safe_and_different),
		cmocka_unit_test(long_tensor_names_are_cut_and_hashed),
		cmocka_unit_test(stored_shapes_are_checked),
		cmocka_unit_test(maps_are_pairs_of_names),
		cmocka_unit_test(maps_name_the_wrong_line),
		cmocka_unit_test(progress_says_rate_and_time_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
