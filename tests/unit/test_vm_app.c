/* The view-models over a small store: keys in; rows, cursor, messages out. No terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/table.h"
#include "tests/screen/sample_store.h"
#include "vm/app.h"
#include "vm/keymap.h"

static char dir[] = "/tmp/qdebug-vm-XXXXXX", path[64];
static bool job_runs, job_cancelled;

static bool busy(void *ctx)
{
	(void)ctx;
	return job_runs;
}

static void cancel(void *ctx)
{
	(void)ctx;
	job_cancelled = true;
}

static void progress(void *ctx, struct vm_progress *p)
{
	(void)ctx;
	memset(p, 0, sizeof(*p));
	p->done = 71;
	p->total = 128;
}

static const struct vm_backend backend = { NULL, NULL, cancel, busy, progress };

static void remove_store(void)
{
	static const char *const tail[] = { "", "-wal", "-shm" };
	char file[80];

	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", path, tail[i]);
		unlink(file);
	}
}

static int setup(void **state)
{
	struct vm_app_opts opts = { .store_path = path, .backend = &backend };
	struct qd_err err = { 0 };

	job_runs = job_cancelled = false;
	remove_store();
	sample_store_write(path, SAMPLE_ACTIVATIONS);
	if (vm_app_open(&opts, (struct vm_app **)state, &err)) {
		print_error("%s\n", err.msg);
		return -1;
	}
	vm_list_set_visible(vm_app_list(*state), 10);
	return 0;
}

static int teardown(void **state)
{
	vm_app_close(*state);
	remove_store();
	return 0;
}

static void press(struct vm_app *app, const char *keys)
{
	while (*keys) {
		int key;

		keys += vm_key_parse(keys, &key);
		assert_int_not_equal(key, 0);
		vm_app_key(app, key, 0);
	}
}

static const char *text_of(struct vm_app *app, const char *column)
{
	const struct vm_row *r = vm_app_row(app);
	int c = vm_view_column(vm_view(app->active), column);

	assert_non_null(r);
	assert_true(c >= 0);
	return r->v[c].type == VM_TEXT ? r->v[c].s : "";
}

static void every_column_of_a_view_is_in_the_store(void **state)
{
	static const struct { enum vm_view_id view; enum store_table table; } pairs[] = {
		{ VM_V_RANK, ST_ACTIVATIONS }, { VM_V_LAYERS, ST_LAYERS },
			{ VM_V_WEIGHTS, ST_WEIGHTS },
		{ VM_V_UNMATCHED, ST_UNMATCHED }, { VM_V_RUNS, ST_RUNS },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct vm_view *v = vm_view(pairs[i].view);

		for (int c = 0; c < v->n_cols; c++) {
			if (v->cols[c].key && store_column_find(pairs[i].table, v->cols[c].key) < 0)
				fail_msg("%s: no column %s in the store", v->name, v->cols[c].key);
		}
	}
}

static void rank_opens_on_the_worst_row(void **state)
{
	struct vm_app *app = *state;

	/* zero signal (row n - 1) is worst, then 6 dB (row 0) */
	assert_string_equal(text_of(app, "tensor"), "tensor_31");
	press(app, "j");
	assert_string_equal(text_of(app, "tensor"), "conv4/out");
	assert_true(app->title.output_db > 7.52 && app->title.output_db < 7.54);
	assert_int_equal(app->title.run_id, 2);
}

static void cursor_follows_its_row_across_sorts(void **state)
{
	struct vm_app *app = *state;
	struct vm_list *l = vm_app_list(app);

	press(app, "jjjjjjj");
	assert_string_equal(text_of(app, "tensor"), "tensor_6");
	assert_int_equal(vm_app_command(app, "sort sqnr desc", 0), 0);
	assert_string_equal(text_of(app, "tensor"), "tensor_6");
	assert_int_not_equal(l->cursor, 7);
	assert_true(l->cursor >= l->top && l->cursor < l->top + l->visible);
	press(app, "r");
	assert_string_equal(text_of(app, "tensor"), "tensor_6");
	assert_int_equal(l->cursor, 7);
	assert_int_equal(vm_app_command(app, "filter op=Mul", 0), 0);
	assert_string_equal(text_of(app, "tensor"), "tensor_6");
	assert_int_equal(vm_app_command(app, "filter", 0), 0);
	assert_int_equal(l->cursor, 7);
}

static void filters_limit_and_wrong_ones_change_nothing(void **state)
{
	struct vm_app *app = *state;
	struct vm_list *l = vm_app_list(app);

	/* Conv rows are i = 0, 5, 10, …; 6 + 1.5 i < 20 for i <= 9 */
	press(app, "&op=Conv & sqnr<lt>20<Enter>");
	assert_int_equal(l->n, 2);
	press(app, "&<C-u>sqnrr<lt>20<Enter>");
	assert_int_equal(app->prompt, '&');
	assert_non_null(strstr(app->message, "did you mean \"sqnr\""));
	press(app, "<Esc>");
	assert_int_equal(l->n, 2);
	assert_int_equal(vm_app_command(app, "filter exact", 0), 0);
	assert_int_equal(l->n, 1);
	assert_int_equal(vm_app_command(app, "filter !exact & !sqnr", 0), 0);
	assert_int_equal(l->n, 1);
	assert_string_equal(text_of(app, "tensor"), "tensor_31");
	/* 2.1 % clipped where i mod 4 = 1: 8 of 32 */
	assert_int_equal(vm_app_command(app, "filter clip>2", 0), 0);
	assert_int_equal(l->n, 8);
	assert_int_equal(vm_app_command(app, "filter name!~tensor", 0), 0);
	assert_int_equal(l->n, 6);
}

static void search_is_incremental_and_wraps_with_a_word(void **state)
{
	struct vm_app *app = *state;

	press(app, "/tensor_9");
	assert_string_equal(text_of(app, "tensor"), "tensor_9");
	press(app, "<Esc>");
	assert_string_equal(text_of(app, "tensor"), "tensor_31");
	press(app, "/tensor_9<Enter>");
	assert_string_equal(text_of(app, "tensor"), "tensor_9");
	press(app, "n");
	assert_non_null(strstr(app->message, "passed the end"));
	assert_string_equal(text_of(app, "tensor"), "tensor_9");
	press(app, "/no such name<Enter>");
	assert_non_null(strstr(app->message, "not found"));
	assert_string_equal(text_of(app, "tensor"), "tensor_9");
	press(app, "?TENSOR_8<Enter>");
	assert_string_equal(text_of(app, "tensor"), "tensor_8");
	assert_true(app->search_back);
}

static void tags_are_kept_by_row_and_shared_by_rank_and_layers(void **state)
{
	struct vm_app *app = *state;

	press(app, "j<Space><Space>");
	assert_int_equal(vm_list_tagged(vm_app_list(app)), 2);
	assert_int_equal(vm_app_list(app)->cursor, 3);
	press(app, "jvjjv");
	assert_int_equal(vm_list_tagged(vm_app_list(app)), 5);
	press(app, "3");
	assert_int_equal(vm_list_tagged(vm_app_list(app)), 5);
	assert_int_equal(vm_app_command(app, "filter tagged", 0), 0);
	assert_int_equal(vm_app_list(app)->n, 5);
	press(app, "U");
	assert_int_equal(vm_list_tagged(vm_app_list(app)), 0);
	press(app, "2");
	assert_int_equal(vm_list_tagged(vm_app_list(app)), 0);
}

static void views_open_by_number_name_and_tab(void **state)
{
	static const size_t rows[] = { 32, 12, 32, 2, 3 };
	struct vm_app *app = *state;

	for (int i = 0; i < 5; i++) {
		char key[2] = { (char)('1' + i), '\0' };

		press(app, key);
		assert_int_equal(app->active, i);
		assert_int_equal(vm_app_list(app)->n, rows[i]);
	}
	assert_int_equal(vm_app_command(app, "view unm", 0), 0);
	assert_int_equal(app->active, VM_V_UNMATCHED);
	press(app, "<Tab><Tab>");
	assert_int_equal(app->active, VM_V_RANK);
	press(app, "<S-Tab>");
	assert_int_equal(app->active, VM_V_LOG);
}

static void enter_opens_and_escape_goes_back(void **state)
{
	struct vm_app *app = *state;
	const struct vm_detail *d;

	press(app, "j<Enter>");
	assert_int_equal(app->page, VM_PAGE_FULL);
	d = vm_app_detail(app);
	assert_non_null(d);
	assert_true(d->has_hist && d->has_codes);
	assert_int_equal(d->n_channels, 24);
	assert_int_equal(d->n_worst, 8);
	/* sum_e2 is largest where 3 k mod 8 = 7: sample 5 */
	assert_int_equal(d->worst[0].sample, 5);
	assert_string_equal(d->worst[0].name, "page_05.npy");
	press(app, "<Esc>i");
	assert_int_equal(app->page, VM_PAGE_POPUP);
	press(app, "q");
	assert_int_equal(app->page, VM_PAGE_NONE);
	assert_false(app->quit);
	press(app, "q");
	assert_true(app->quit);
}

static void runs_switch(void **state)
{
	struct vm_app *app = *state;

	press(app, "4g<Enter>");
	assert_int_equal(app->active, VM_V_RANK);
	assert_int_equal(app->title.run_id, 1);
	assert_int_equal(vm_app_list(app)->n, 8);
	assert_true(app->title.output_db > 31.3);
}

static void help_lists_actions_and_runs_them(void **state)
{
	struct vm_app *app = *state;

	press(app, "<F1>");
	assert_int_equal(vm_app_list(app)->n, VM_A_COUNT);
	press(app, "/last row<Enter><Enter>");
	assert_int_equal(app->active, VM_V_RANK);
	press(app, "<F1>/previous row<Enter>");
	assert_string_equal(text_of(app, "command"), "up");
}

static void later_actions_say_so(void **state)
{
	struct vm_app *app = *state;

	press(app, "x");
	assert_non_null(strstr(app->message, "not available yet"));
	assert_int_equal(vm_app_command(app, "export", 0), QD_EUSAGE);
	press(app, "<F9>");
	assert_non_null(strstr(app->message, "no action on F9"));
}

static void unknown_commands_name_the_nearest(void **state)
{
	struct vm_app *app = *state;

	assert_int_equal(vm_app_command(app, "fliter x", 0), QD_EUSAGE);
	assert_non_null(strstr(app->message, "did you mean \"filter\""));
	assert_int_equal(vm_app_command(app, "re", 0), QD_EUSAGE);
	assert_non_null(strstr(app->message, "begins several"));
	assert_int_equal(vm_app_command(app, "sort loca", 0), QD_EUSAGE);
	assert_non_null(strstr(app->message, "did you mean \"local\""));
	assert_int_equal(vm_app_command(app, "screen", 0), QD_EUSAGE);
	assert_int_equal(vm_app_command(app, "down 3", 0), QD_EUSAGE);
	assert_int_equal(vm_app_command(app, "sort why", 0), QD_EUSAGE);
	assert_int_equal(vm_app_command(app, "12", 0), 0);
	assert_int_equal(vm_app_list(app)->cursor, 11);
}

static void completion_cycles_through_names(void **state)
{
	struct vm_app *app = *state;

	press(app, ":vi<Tab>");
	assert_string_equal(app->input, "view");
	press(app, " w<Tab>");
	assert_string_equal(app->input, "view weights");
	press(app, "<Tab>");
	assert_string_equal(app->input, "view w");
	press(app, "<Tab><Enter>");
	assert_int_equal(app->active, VM_V_WEIGHTS);
}

static void interrupt_cancels_and_twice_quits(void **state)
{
	struct vm_app *app = *state;

	job_runs = true;
	vm_app_poll(app, 10);
	assert_true(app->busy);
	assert_int_equal(app->progress.done, 71);
	press(app, "q");
	assert_false(app->quit);
	vm_app_key(app, VM_CTRL('c'), 10);
	assert_true(job_cancelled);
	assert_false(app->quit);
	vm_app_key(app, VM_CTRL('c'), 12.5);    /* more than 2 s later */
	assert_false(app->quit);
	vm_app_key(app, VM_CTRL('c'), 13);
	assert_true(app->quit);
}

static void rows_are_read_again_when_the_store_changes(void **state)
{
	struct vm_app *app = *state;
	struct store_total_extra extra = { STORE_NONE, STORE_NONE, NAN, "" };
	struct qd_err err = { 0 };
	struct store_sums s;
	struct store *st;
	int64_t id;

	press(app, "jjj");
	id = vm_app_row(app)->id;
	vm_app_poll(app, 100);
	/* that row becomes the second worst: 1 dB */
	sample_must(store_create_or_open(path, 0, &st, &err), &err);
	sample_must(store_begin(st, &err), &err);
	sample_sums(&s, 1, 1, SAMPLE_SAMPLES);
	sample_must(store_put_total(st, id, &s, &extra, &err), &err);
	sample_must(store_commit(st, &err), &err);
	store_close(st);
	vm_app_poll(app, 101);
	assert_int_equal(vm_app_row(app)->id, id);
	assert_int_equal(vm_app_list(app)->cursor, 1);
}

static void rows_are_written_as_escaped_text(void **state)
{
	struct vm_app *app = *state;
	char file[80], command[100], *text;
	struct qd_err err = { 0 };
	size_t size, lines = 0;

	snprintf(file, sizeof(file), "%s/rows.tsv", dir);
	snprintf(command, sizeof(command), "rows %s", file);
	assert_int_equal(vm_app_command(app, command, 0), 0);
	assert_int_equal(fs_read_all(file, 1 << 20, &text, &size, &err), 0);
	unlink(file);
	for (char *p = text; (p = strchr(p, '\n')) != NULL; p++)
		lines++;
	assert_int_equal(lines, 33);
	assert_int_equal(strncmp(text, "#\ttensor\top\tsqnr\t", 17), 0);
	assert_non_null(strstr(text, "evil\\x1b[2J\\nname\\t\\xff"));
	assert_null(strchr(text, '\x1b'));
	free(text);
	assert_int_equal(vm_app_command(app, "rows /nonexistent/x", 0), QD_EDISK);
}

static void log_view_follows_new_lines(void **state)
{
	struct vm_app *app = *state;

	log_add(LOG_INFO, "first");
	press(app, "6");
	log_add(LOG_WARN, "second");
	vm_app_poll(app, 1);
	assert_string_equal(text_of(app, "text"), "second");
	press(app, "k");
	log_add(LOG_INFO, "third");
	vm_app_poll(app, 2);
	assert_string_equal(text_of(app, "text"), "first");
}

/* Whatever allocation or store step fails: no crash, no leak, and the app can go on. */
static void failures_are_messages(void **state)
{
	static const char script[] = "jo2<Enter>q&sqnr<lt>20<Enter>/conv<Enter>3<Space>y]r456<F1>q1i";
	struct vm_app_opts opts = { .store_path = path, .osc52 = true };

	(void)state;
	for (int kind = 0; kind < 2; kind++) {
		enum fault_kind fault = kind ? FAULT_STORE : FAULT_ALLOC;

		for (long k = 1;; k += k < 40 ? 1 : 13) {
			struct vm_app *app = NULL;
			struct qd_err err = { 0 };

			fault_arm(fault, k, false);
			if (!vm_app_open(&opts, &app, &err)) {
				for (const char *p = script; *p;) {
					int key;

					p += vm_key_parse(p, &key);
					vm_app_key(app, key, 0);
					(void)vm_app_detail(app);
				}
			}
			vm_app_close(app);
			if (!fault_fired(fault))
				break;
			fault_arm(fault, 0, false);
		}
		fault_arm(fault, 0, false);
	}
}

#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_column_of_a_view_is_in_the_store),
		WITH_STORE(rank_opens_on_the_worst_row),
		WITH_STORE(cursor_follows_its_row_across_sorts),
		WITH_STORE(filters_limit_and_wrong_ones_change_nothing),
		WITH_STORE(search_is_incremental_and_wraps_with_a_word),
		WITH_STORE(tags_are_kept_by_row_and_shared_by_rank_and_layers),
		WITH_STORE(views_open_by_number_name_and_tab),
		WITH_STORE(enter_opens_and_escape_goes_back),
		WITH_STORE(runs_switch),
		WITH_STORE(help_lists_actions_and_runs_them),
		WITH_STORE(later_actions_say_so),
		WITH_STORE(unknown_commands_name_the_nearest),
		WITH_STORE(completion_cycles_through_names),
		WITH_STORE(interrupt_cancels_and_twice_quits),
		WITH_STORE(rows_are_read_again_when_the_store_changes),
		WITH_STORE(rows_are_written_as_escaped_text),
		WITH_STORE(log_view_follows_new_lines),
		WITH_STORE(failures_are_messages),
	};
	int failed;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/s.qdb", dir);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(dir);
	return failed;
}
