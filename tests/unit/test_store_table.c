/* Columns, orders, filters and metrics as views and reports see them: store/table.c,
 * store/filter.c, the views. */
#include "test_store_fixture.h"

#include "base/clock.h"
#include "store/filter.h"

static struct store *st;
static int64_t run_id;
static struct store_row row;

static int with_run(void **state)
{
	setup(state);
	st = open_new();
	OK(store_begin(st, err));
	OK(add_run(st, &run_id, err));
	return 0;                       /* the transaction stays open: tests add rows */
}

static int without_run(void **state)
{
	store_row_release(&row);
	store_close(st);
	st = NULL;
	return teardown(state);
}

/* A pair with a total of these powers over 100 elements; x2 < 0: no total. */
static int64_t add(const char *kind, int64_t pos, int64_t qpos, const char *tensor, double x2,
		   double e2)
{
	struct store_pair p = plain_pair(kind, pos, tensor);
	struct store_sums s = plain_sums(x2, e2);

	p.qpos = qpos;
	OK(store_add_pairs(st, run_id, &p, 1, err));
	if (x2 >= 0)
		OK(store_put_total(st, p.id, &s, NULL, err));
	return p.id;
}

/* Names of the listed rows, joined by spaces. */
static const char *listed(enum store_table table, const struct store_query *q)
{
	static char out[4000];
	int64_t *ids;
	size_t n;

	OK(store_list(st, run_id, table, q, &ids, &n, err));
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		size_t at = strlen(out);

		OK(store_cells(st, run_id, table, ids[i], &row, err));
		snprintf(out + at, sizeof(out) - at, "%s%s", i ? " " : "", row.cells[0].text);
	}
	free(ids);
	return out;
}

static const struct store_cell *cell(enum store_table table, int64_t id, const char *key)
{
	int at = store_column_find(table, key);

	assert_true(at >= 0);
	OK(store_cells(st, run_id, table, id, &row, err));
	return &row.cells[at];
}

static void assert_num(const struct store_cell *c, double want)
{
	assert_false(c->null);
	assert_true(fabs(c->num - want) <= 1e-12 * fabs(want));
}

/* interface.md 3: zero_signal, SQNR ascending, exact, null; ties by position, tensor, quantizer
 * position. */
static void add_ranked(const char *kind)
{
	add(kind, 9, 0, "null", -1, 0);
	add(kind, 1, 0, "exact_b", 5, 0);
	/* all zero on both sides is exact, not zero_signal */
	add(kind, 0, 0, "exact_a", 0, 0);
	add(kind, 8, 0, "good", 1000, 1);
	add(kind, 7, 0, "tie_7", 100, 10);
	add(kind, 6, 1, "tie_6q", 100, 10);
	add(kind, 6, 0, "tie_6q", 10, 1);               /* same ratio, earlier quantizer */
	add(kind, 6, 0, "tie_6a", 10, 1);
	add(kind, 5, 0, "bad", 1, 100);
	add(kind, 10, 0, "zero_b", 0, 1);
	add(kind, 2, 0, "zero_a", 0, 2);
}

#define RANKED "zero_a zero_b bad tie_6a tie_6q tie_6q tie_7 good exact_a exact_b null"

static void activations_and_weights_come_worst_first(void **state)
{
	(void)state;
	add_ranked("activation");
	add_ranked("weight");
	assert_string_equal(listed(ST_ACTIVATIONS, NULL), RANKED);
	assert_string_equal(listed(ST_WEIGHTS, NULL), RANKED);
	assert_string_equal(listed(ST_LAYERS, NULL),
			    "exact_a exact_b zero_a bad tie_6a tie_6q tie_6q tie_7 good null "
				    "zero_b");
	assert_string_equal(listed(ST_OUTPUTS, NULL), "");
}

static void ties_of_one_tensor_go_by_quantizer_position(void **state)
{
	int64_t *ids;
	size_t n;
	int64_t late = add("activation", 6, 1, "t", 100, 10), early = add("activation", 6, 0, "t",
		10, 1);

	(void)state;
	OK(store_list(st, run_id, ST_ACTIVATIONS, NULL, &ids, &n, err));
	assert_int_equal(n, 2);
	assert_int_equal(ids[0], early);
	assert_int_equal(ids[1], late);
	free(ids);
}

static void a_sort_puts_nulls_last_either_way(void **state)
{
	struct store_query q = { .sort = store_column_find(ST_ACTIVATIONS, "sqnr") };

	(void)state;
	add_ranked("activation");
	assert_string_equal(listed(ST_ACTIVATIONS, &q),
			    "bad tie_6a tie_6q tie_6q tie_7 good exact_a exact_b zero_a null "
				    "zero_b");
	q.descending = true;
	assert_string_equal(listed(ST_ACTIVATIONS, &q),
			    "good tie_6a tie_6q tie_6q tie_7 bad exact_a exact_b zero_a null "
				    "zero_b");
	q.sort = store_column_find(ST_ACTIVATIONS, "tensor");
	assert_string_equal(listed(ST_ACTIVATIONS, &q),
			    "zero_b zero_a tie_7 tie_6q tie_6q tie_6a null good exact_b exact_a "
				    "bad");
}

static void every_column_of_every_table_sorts_and_reads(void **state)
{
	(void)state;
	add_ranked("activation");
	add("weight", 1, 0, "w", 4, 1);
	add("output", 1, 0, "o", 4, 1);
	add("unmatched", 1, 0, "u", -1, 0);
	for (int t = 0; t < ST_TABLES; t++) {
		size_t n, rows;
		const struct store_column *c = store_columns(t, &n);
		bool extra = false;

		for (size_t i = 0; i < n; i++) {
			struct store_query q = { .sort = (int)i, .descending = i % 2 };
			int64_t *ids;

			OK(store_list(st, run_id, t, &q, &ids, &rows, err));
			assert_true(rows > 0);
			OK(store_cells(st, run_id, t, ids[0], &row, err));
			assert_int_equal(row.n, n);
			assert_int_equal(row.cells[i].type, c[i].type);
			free(ids);
			assert_int_equal(store_column_find(t, c[i].key), i);
			assert_true(!c[i].alias || store_column_find(t, c[i].alias) == (int)i);
			assert_false(extra && c[i].report);     /* report keys first */
			extra = !c[i].report;
		}
	}
}

/* interface.md 3 to the key and in its order. */
static void report_keys_are_the_interface(void **state)
{
	static const struct { enum store_table t; const char *keys; } want[] = {
		{ ST_OUTPUTS, "name sqnr_db exact zero_signal cosine mse max_abs_err "
		  "argmax_agreement agreement "
			"nonfinite_float nonfinite_quant " },
		{ ST_ACTIVATIONS, "tensor quant_tensor node op matched_by observed xmodel_sqnr_db "
		  "local_sqnr_db "
			"qdq_sqnr_db exact zero_signal cosine mse max_abs_err rmse_over_scale "
				"float_min float_max scale "
			"zero_point scale_min scale_max zero_point_min zero_point_max qmin qmax "
				"clipped_fraction "
			"codes_used codes_available isolated_sqnr_db share_inherited share_weight "
				"share_rounding "
			"share_clipping share_interaction worst_sample nonfinite_float "
				"nonfinite_quant " },
		{ ST_WEIGHTS, "tensor quant_tensor node op axis block_size derived_from sqnr_db "
		  "exact zero_signal mse "
			"max_abs_err worst_channel worst_channel_sqnr_db scale zero_point " },
		{ ST_UNMATCHED, "tensor side reason detail node " },
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct str got = STR_INIT;
		size_t n;
		const struct store_column *c = store_columns(want[i].t, &n);

		for (size_t k = 0; k < n; k++)
			if (c[k].report)
				str_addf(&got, "%s ", c[k].key);
		assert_string_equal(got.p, want[i].keys);
		str_release(&got);
	}
}

static void metrics_are_the_definitions(void **state)
{
	struct store_pair p = plain_pair("activation", 1, "t");
	struct store_sums s = plain_sums(1000, 10);
	struct store_total_extra x = { 41, 3, 12.5, "0123456789abcdef" };
	struct store_score iso = { "isolated", "n", "out", 100, 1 };

	(void)state;
	s.sum_y2 = 810;
	s.n_local = 100;
	s.sum_round2 = 3;
	s.sum_clip2 = 1;
	s.n_clipped = 25;
	s.n_pre = 100;
	s.sum_pre2 = 100;
	s.sum_pre_e2 = 0.01;
	s.scale_min = s.scale_max = 0.5;
	s.zero_min = s.zero_max = 128;
	s.worst_sample = 1;
	OK(store_add_pairs(st, run_id, &p, 1, err));
	OK(store_put_total(st, p.id, &s, &x, err));
	add("output", 0, 0, "out", 4, 1);
	OK(store_put_score(st, run_id, &iso, err));
	/* 10 log10(1000 / 10) */
	assert_num(cell(ST_ACTIVATIONS, p.id, "xmodel_sqnr_db"), 20);
	assert_num(cell(ST_ACTIVATIONS, p.id, "local_sqnr_db"), 10 * log10(1000 / 4.0));
	/* 10 log10(100 / 0.01) */
	assert_num(cell(ST_ACTIVATIONS, p.id, "qdq_sqnr_db"), 40);
	/* sum xy = (1000+810-10)/2 */
	assert_num(cell(ST_ACTIVATIONS, p.id, "cosine"), 900 / sqrt(1000.0 * 810));
	assert_num(cell(ST_ACTIVATIONS, p.id, "mse"), 0.1);
	assert_num(cell(ST_ACTIVATIONS, p.id, "rmse_over_scale"), sqrt(4 / 100.0) / 0.5);
	assert_num(cell(ST_ACTIVATIONS, p.id, "clipped_fraction"), 0.25);
	assert_num(cell(ST_ACTIVATIONS, p.id, "codes_used"), 41);
	assert_num(cell(ST_ACTIVATIONS, p.id, "codes_available"), 256);
	assert_num(cell(ST_ACTIVATIONS, p.id, "scale_min"), 0.5);
	assert_num(cell(ST_ACTIVATIONS, p.id, "zero_point_max"), 128);
	assert_num(cell(ST_ACTIVATIONS, p.id, "worst_channel_sqnr_db"), 12.5);
	assert_num(cell(ST_ACTIVATIONS, p.id, "isolated_sqnr_db"), 20);
	assert_string_equal(cell(ST_ACTIVATIONS, p.id, "scale")->text, "0.5");
	assert_string_equal(cell(ST_ACTIVATIONS, p.id, "worst_sample_name")->text, "page_1.npy");
	assert_int_equal(cell(ST_ACTIVATIONS, p.id, "exact")->i, 0);
	assert_false(cell(ST_ACTIVATIONS, p.id, "exact")->null);
	assert_true(cell(ST_ACTIVATIONS, p.id, "share_weight")->null);
	assert_true(cell(ST_ACTIVATIONS, p.id, "axis")->null);
	assert_string_equal(cell(ST_ACTIVATIONS, p.id, "axis")->text ? "text" : "none", "none");
}

static void exact_zero_and_unmeasured_rows_have_null_sqnr(void **state)
{
	int64_t exact = add("output", 0, 0, "a", 5, 0), zero = add("output", 1, 0, "b", 0, 1);
	int64_t none = add("output", 2, 0, "c", -1, 0), tiny = add("output", 3, 0, "d", 1e-320,
								   1e300);

	(void)state;
	assert_true(cell(ST_OUTPUTS, exact, "sqnr_db")->null);
	assert_int_equal(cell(ST_OUTPUTS, exact, "exact")->i, 1);
	assert_num(cell(ST_OUTPUTS, exact, "cosine"), 1);
	assert_true(cell(ST_OUTPUTS, zero, "sqnr_db")->null);
	assert_int_equal(cell(ST_OUTPUTS, zero, "zero_signal")->i, 1);
	assert_int_equal(cell(ST_OUTPUTS, zero, "exact")->i, 0);
	assert_true(cell(ST_OUTPUTS, none, "exact")->null);
	assert_true(cell(ST_OUTPUTS, none, "mse")->null);
	assert_true(cell(ST_OUTPUTS, exact, "argmax_agreement")->null);
	assert_true(cell(ST_OUTPUTS, exact, "agreement")->null);
	/* the ratio underflows to 0: no number */
	assert_true(cell(ST_OUTPUTS, tiny, "sqnr_db")->null);
	assert_true(cell(ST_OUTPUTS, tiny, "cosine")->num >= -1);
}

static void agreements_are_shares(void **state)
{
	struct store_pair p = plain_pair("output", 1, "t");
	struct store_sums s = plain_sums(10, 1);

	(void)state;
	s.n_argmax = 8;
	s.n_argmax_equal = 6;
	s.n_equal = 50;
	OK(store_add_pairs(st, run_id, &p, 1, err));
	OK(store_put_total(st, p.id, &s, NULL, err));
	assert_num(cell(ST_OUTPUTS, p.id, "argmax_agreement"), 0.75);
	assert_num(cell(ST_OUTPUTS, p.id, "agreement"), 0.5);
}

static void excluded_is_the_journal_over_the_recipe(void **state)
{
	struct store_pair p[2] = { plain_pair("activation", 1, "t"), plain_pair("activation", 2,
		"u") };
	struct store_edit e = { .run_id = run_id, .action = "exclude", .target = "n" };
	struct store_arena a = STORE_ARENA_INIT;
	int64_t id;

	(void)state;
	p[1].node = "conv9";            /* in the recipe's list */
	OK(store_add_pairs(st, run_id, p, 2, err));
	assert_int_equal(cell(ST_ACTIVATIONS, p[0].id, "excluded")->i, 0);
	assert_int_equal(cell(ST_ACTIVATIONS, p[1].id, "excluded")->i, 1);
	OK(store_add_edit(st, &e, &id, err));
	assert_int_equal(cell(ST_ACTIVATIONS, p[0].id, "excluded")->i, 1);
	e.action = "include";
	e.target = "conv9";
	OK(store_add_edit(st, &e, &id, err));
	assert_int_equal(cell(ST_ACTIVATIONS, p[1].id, "excluded")->i, 0);
	OK(store_undo(st, run_id, &a, &e, err));
	assert_int_equal(cell(ST_ACTIVATIONS, p[1].id, "excluded")->i, 1);
	e = (struct store_edit){ .run_id = run_id, .action = "tag", .target = "u" };
	OK(store_add_edit(st, &e, &id, err));
	assert_int_equal(cell(ST_ACTIVATIONS, p[1].id, "tagged")->i, 1);
	assert_int_equal(cell(ST_ACTIVATIONS, p[0].id, "tagged")->i, 0);
	OK(sql_exec(st, "UPDATE run SET recipe='{not json'", "test", err));
	assert_int_equal(cell(ST_ACTIVATIONS, p[0].id, "excluded")->i, 1);
	assert_int_equal(cell(ST_ACTIVATIONS, p[1].id, "excluded")->i, 0);
	store_arena_release(&a);
}

static void runs_and_samples_are_tables_too(void **state)
{
	int64_t *ids;
	size_t n;

	(void)state;
	add("output", 1, 0, "out", 100, 1);
	OK(store_list(st, 0, ST_RUNS, NULL, &ids, &n, err));
	assert_int_equal(n, 1);
	assert_string_equal(cell(ST_RUNS, ids[0], "quant_path")->text, "/m/q.onnx");
	assert_string_equal(cell(ST_RUNS, ids[0], "calibrator")->text, "MinMax");
	assert_int_equal(cell(ST_RUNS, ids[0], "excluded_nodes")->i, 1);
	assert_num(cell(ST_RUNS, ids[0], "sqnr"), 20);
	free(ids);
	OK(store_list(st, run_id, ST_SAMPLES, NULL, &ids, &n, err));
	assert_int_equal(n, 3);
	assert_string_equal(cell(ST_SAMPLES, ids[2], "name")->text, "page_2.npy");
	free(ids);
	assert_int_equal(store_cells(st, run_id, ST_SAMPLES, 99, &row, NULL), QD_EINPUT);
	assert_int_equal(row.n, 0);
}

/* ---- filters ---- */

static struct store_filter *num(const char *column, enum filter_op op, double v)
{
	struct filter_value value = { .type = FILTER_NUM, .num = v };
	struct store_filter *f;

	OK(filter_cmp(ST_ACTIVATIONS, column, op, &value, &f, err));
	return f;
}

static struct store_filter *text(const char *column, enum filter_op op, const char *v)
{
	struct filter_value value = { .type = FILTER_TEXT, .text = v };
	struct store_filter *f;

	OK(filter_cmp(ST_ACTIVATIONS, column, op, &value, &f, err));
	return f;
}

static struct store_filter *flag(const char *column, bool v)
{
	struct filter_value value = { .type = FILTER_BOOL, .truth = v };
	struct store_filter *f;

	OK(filter_cmp(ST_ACTIVATIONS, column, FILTER_EQ, &value, &f, err));
	return f;
}

/* Frees f. */
static const char *filtered(struct store_filter *f)
{
	struct store_query q = { .sort = -1, .where = f };
	const char *names;
	size_t n, spaces = 0;

	assert_non_null(f);
	names = listed(ST_ACTIVATIONS, &q);
	OK(store_count(st, run_id, ST_ACTIVATIONS, f, &n, err));
	for (const char *p = names; *p; p++)
		spaces += *p == ' ';
	assert_int_equal(n, *names ? spaces + 1 : 0);
	filter_free(f);
	return names;
}

static void filters_compare_and_combine(void **state)
{
	(void)state;
	add_ranked("activation");
	assert_string_equal(filtered(num("sqnr", FILTER_LT, 10)), "bad");
	assert_string_equal(filtered(num("sqnr", FILTER_LE, 10)), "bad tie_6a tie_6q tie_6q tie_7");
	assert_string_equal(filtered(num("sqnr", FILTER_GT, 10)), "good");
	assert_string_equal(filtered(flag("exact", true)), "exact_a exact_b");
	assert_string_equal(filtered(filter_and(text("op", FILTER_EQ, "Conv"),
						num("sqnr", FILTER_GE, 30))), "good");
	assert_string_equal(filtered(text("op", FILTER_EQ, "conv")), "");
	assert_string_equal(filtered(text("op", FILTER_HAS, "con")), RANKED);
	assert_string_equal(filtered(filter_or(flag("zero_signal", true), text("tensor", FILTER_EQ,
		"bad"))),
			    "zero_a zero_b bad");
	assert_string_equal(filtered(filter_and(filter_not(flag("exact", true)),
						num("pos", FILTER_GE, 8))),
			    "zero_b good null");
	assert_string_equal(filtered(num("scale", FILTER_GT, 0.4)), RANKED);
	assert_string_equal(filtered(text("tensor", FILTER_NE, "bad")),
			    "zero_a zero_b tie_6a tie_6q tie_6q tie_7 good exact_a exact_b null");
}

static void a_filter_is_true_or_false_never_null(void **state)
{
	struct filter_value none = { .type = FILTER_NULL };
	struct store_filter *f;

	(void)state;
	add_ranked("activation");
	assert_string_equal(filtered(filter_not(num("sqnr", FILTER_LT, 1000))),
			    "zero_a zero_b exact_a exact_b null");
	OK(filter_cmp(ST_ACTIVATIONS, "sqnr", FILTER_EQ, &none, &f, err));
	assert_string_equal(filtered(f), "zero_a zero_b exact_a exact_b null");
	OK(filter_cmp(ST_ACTIVATIONS, "sqnr", FILTER_NE, &none, &f, err));
	assert_string_equal(filtered(filter_and(f, num("pos", FILTER_LT, 6))), "bad");
	assert_string_equal(filtered(flag("exact", false)), "zero_a zero_b bad tie_6a tie_6q "
			    "tie_6q tie_7 good");
}

static void filter_text_is_bound_never_sql(void **state)
{
	static const char *const hostile[] = {
		"' OR 1=1 --", "\"", "?10", "%", "_", "*", "x') UNION SELECT 1 --", "\xff\xfe",
	};

	(void)state;
	add_ranked("activation");
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		assert_string_equal(filtered(text("tensor", FILTER_EQ, hostile[i])), "");
		if (strcmp(hostile[i], "_"))
			assert_string_equal(filtered(text("tensor", FILTER_HAS, hostile[i])), "");
	}
	assert_string_equal(filtered(text("tensor", FILTER_HAS, "_B")), "zero_b exact_b");
	add("activation", 20, 0, "Robert');DROP/**/TABLE/**/pair;--", 1, 1);
	assert_string_equal(filtered(text("tensor", FILTER_HAS, "');drop")),
			    "Robert');DROP/**/TABLE/**/pair;--");
}

static void a_search_looks_at_all_text(void **state)
{
	struct store_filter *f;

	(void)state;
	add_ranked("activation");
	OK(filter_any_text(ST_ACTIVATIONS, "GOO", &f, err));
	assert_string_equal(filtered(f), "good");
	OK(filter_any_text(ST_ACTIVATIONS, "struct", &f, err));         /* matched_by */
	assert_string_equal(filtered(f), RANKED);
}

static void wrong_filters_say_what_is_wrong(void **state)
{
	struct filter_value v = { .type = FILTER_NUM, .num = 1 }, t = { .type = FILTER_TEXT,
		.text = "x" };
	struct store_filter *f, *chain = NULL;
	struct qd_err bad;
	struct store_query q = { .sort = -1 };
	int64_t *ids;
	size_t n;

	(void)state;
	assert_int_equal(filter_cmp(ST_ACTIVATIONS, "sqrn", FILTER_LT, &v, &f, &bad), QD_EUSAGE);
	assert_non_null(strstr(bad.msg, "did you mean \"sqnr\"?"));
	assert_int_equal(filter_cmp(ST_ACTIVATIONS, "1=1 OR tensor\x1b", FILTER_LT, &v, &f, &bad),
			 QD_EUSAGE);
	assert_null(strchr(bad.msg, '\x1b'));
	assert_int_equal(filter_cmp(ST_ACTIVATIONS, "op", FILTER_LT, &v, &f, &bad), QD_EUSAGE);
	assert_int_equal(filter_cmp(ST_ACTIVATIONS, "sqnr", FILTER_EQ, &t, &f, &bad), QD_EUSAGE);
	assert_int_equal(filter_cmp(ST_ACTIVATIONS, "exact", FILTER_LT, &v, &f, &bad), QD_EUSAGE);
	assert_null(f);
	q.where = f = num("sqnr", FILTER_LT, 1);
	assert_int_equal(store_list(st, run_id, ST_WEIGHTS, &q, &ids, &n, &bad), QD_EBUG);
	OK(store_list(st, run_id, ST_LAYERS, &q, &ids, &n, err));
	free(ids);
	filter_free(f);
	for (int i = 0; i < 300; i++)
		chain = chain ? filter_or(chain, num("sqnr", FILTER_LT, i))
			: num("sqnr", FILTER_LT, i);
	q.where = chain;
	assert_int_equal(store_list(st, run_id, ST_ACTIVATIONS, &q, &ids, &n, &bad), QD_EUSAGE);
	filter_free(chain);
	chain = NULL;
	for (int i = 0; i < 200; i++)           /* long is fine, either way it leans */
		chain = !chain ? num("sqnr", FILTER_LT, i) : i % 2 ? filter_and(chain,
			num("sqnr", FILTER_LT, i))
			: filter_and(num("sqnr", FILTER_LT, i), chain);
	assert_string_equal(filtered(chain), "");
	chain = num("sqnr", FILTER_LT, 0);
	for (int i = 0; i < 19; i++)            /* deep is fine up to a point */
		chain = i % 2 ? filter_not(chain) : i % 4 ? filter_and(num("pos", FILTER_LT, i),
			chain)
			: filter_or(num("pos", FILTER_LT, i), chain);
	q.where = chain;
	OK(store_list(st, run_id, ST_ACTIVATIONS, &q, &ids, &n, err));
	free(ids);
	for (int i = 0; i < 30; i++)
		chain = filter_not(chain);
	q.where = chain;
	assert_int_equal(store_list(st, run_id, ST_ACTIVATIONS, &q, &ids, &n, &bad), QD_EUSAGE);
	filter_free(chain);
}

static struct store_filter *built_under_faults(void)
{
	struct filter_value v = { .type = FILTER_TEXT, .text = "x" };
	struct store_filter *a = NULL, *b = NULL, *c = NULL;

	if (filter_cmp(ST_ACTIVATIONS, "op", FILTER_EQ, &v, &a, NULL) == 0 &&
	    filter_cmp(ST_ACTIVATIONS, "tensor", FILTER_HAS, &v, &b, NULL) == 0 &&
	    filter_any_text(ST_ACTIVATIONS, "y", &c, NULL) == 0)
		return filter_or(filter_not(filter_and(a, b)), c);
	filter_free(a);
	filter_free(b);
	return NULL;
}

static void building_filters_survives_lack_of_memory(void **state)
{
	(void)state;
	for (long nth = 1;; nth++) {
		struct store_filter *f;

		fault_arm(FAULT_ALLOC, nth, false);
		f = built_under_faults();
		if (!fault_fired(FAULT_ALLOC)) {
			assert_non_null(f);
			filter_free(f);
			break;
		}
		assert_null(f);
	}
}

/* ---- hostile and large ---- */

static void hostile_values_in_cells_do_no_harm(void **state)
{
	int64_t id = add("activation", 1, 0, "t", 4, 1);

	(void)state;
	OK(store_commit(st, err));
	shell("UPDATE pair SET tensor=x'00ff1b41', op=zeroblob(5), node=17, scale='[[[[', "
	      "scale0='text', axis='x'");
	shell("UPDATE pair_total SET sum_x2='abc', n='many', max_abs_e=x'00', worst_sample=9e300, "
	      "hist16='short'");
	OK(store_cells(st, run_id, ST_ACTIVATIONS, id, &row, err));
	for (size_t i = 0; i < row.n; i++)
		assert_true((row.cells[i].type != STORE_TEXT && row.cells[i].type != STORE_JSON) ||
			    row.cells[i].text);
	listed(ST_ACTIVATIONS, NULL);
	shell("UPDATE pair SET tensor=(SELECT group_concat('aaaaaaaaaaaaaaaa\x1b[2J', '') FROM "
	      "(WITH RECURSIVE c(x) AS "
	      "(SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<5000) SELECT x FROM c))");
	assert_int_equal(strlen(cell(ST_ACTIVATIONS, id, "tensor")->text), 5000 * 20);
}

/* Not timed (the budget is in make bench): the numbers are printed, the order checked against a
 * plain sort. */
static void twenty_thousand_rows_are_listed_in_order(void **state)
{
	enum { N = 20000 };
	struct store_query q = { .sort = store_column_find(ST_ACTIVATIONS, "local") };
	struct filter_value v = { .type = FILTER_NUM, .num = 20 };
	struct store_filter *f;
	struct store_cell *c;
	double t0, last = -INFINITY;
	int64_t *ids;
	size_t n, at = (size_t)store_column_find(ST_ACTIVATIONS, "sqnr");

	(void)state;
	for (int i = 0; i < N; i++) {
		char name[40];

		snprintf(name, sizeof(name), "/model/layer.%d/conv/out", i);
		add("activation", i, 0, name, 1 + (double)(i * 2654435761u % 1000003u), 3);
	}
	OK(store_commit(st, err));
	store_close(st);
	t0 = clock_now();
	OK(store_open_readonly(path, 0, &st, err));
	print_message("open %.1f ms\n", 1e3 * (clock_now() - t0));
	t0 = clock_now();
	OK(store_list(st, run_id, ST_ACTIVATIONS, NULL, &ids, &n, err));
	print_message("default order %.1f ms\n", 1e3 * (clock_now() - t0));
	assert_int_equal(n, N);
	t0 = clock_now();
	for (size_t i = 0; i < n; i++) {
		OK(store_cells(st, run_id, ST_ACTIVATIONS, ids[i], &row, err));
		c = &row.cells[at];
		assert_true(c->num >= last);
		last = c->num;
	}
	print_message("one row %.1f us\n", 1e6 * (clock_now() - t0) / N);
	free(ids);
	t0 = clock_now();
	OK(store_list(st, run_id, ST_ACTIVATIONS, &q, &ids, &n, err));
	print_message("sort by local %.1f ms\n", 1e3 * (clock_now() - t0));
	free(ids);
	OK(filter_cmp(ST_ACTIVATIONS, "sqnr", FILTER_LT, &v, &f, err));
	q = (struct store_query){ .sort = store_column_find(ST_ACTIVATIONS, "excluded"),
				  .where = f };
	t0 = clock_now();
	OK(store_list(st, run_id, ST_ACTIVATIONS, &q, &ids, &n, err));
	print_message("filter, sort by excluded %.1f ms, %zu rows\n", 1e3 * (clock_now() - t0), n);
	assert_true(n > 0 && n < N);
	filter_free(f);
	free(ids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, with_run, without_run)
		T(activations_and_weights_come_worst_first),
		T(ties_of_one_tensor_go_by_quantizer_position),
		T(a_sort_puts_nulls_last_either_way),
		T(every_column_of_every_table_sorts_and_reads),
		T(report_keys_are_the_interface),
		T(metrics_are_the_definitions),
		T(exact_zero_and_unmeasured_rows_have_null_sqnr),
		T(agreements_are_shares),
		T(excluded_is_the_journal_over_the_recipe),
		T(runs_and_samples_are_tables_too),
		T(filters_compare_and_combine),
		T(a_filter_is_true_or_false_never_null),
		T(filter_text_is_bound_never_sql),
		T(a_search_looks_at_all_text),
		T(wrong_filters_say_what_is_wrong),
		T(building_filters_survives_lack_of_memory),
		T(hostile_values_in_cells_do_no_harm),
		T(twenty_thousand_rows_are_listed_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
