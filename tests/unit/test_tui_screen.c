/* Whole screens of the sample store against tests/screen/golden: text plane, style plane.
 * UPDATE=1 writes them anew. Run from the project's root. */
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
#include "tests/screen/sample_store.h"
#include "tui/draw.h"
#include "vm/keymap.h"

static char dir[] = "/tmp/qdebug-screen-XXXXXX", path_of_store[64];

static int make_store(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path_of_store, sizeof(path_of_store), "%s/s.qdb", dir);
	sample_store_write(path_of_store, SAMPLE_ACTIVATIONS);
	return 0;
}

static int drop_store(void **state)
{
	char path[80];

	(void)state;
	for (int i = 0; i < 3; i++) {
		static const char *const tail[] = { "", "-wal", "-shm" };

		snprintf(path, sizeof(path), "%s%s", path_of_store, tail[i]);
		unlink(path);
	}
	return rmdir(dir);
}

static struct vm_app *open_app(void)
{
	struct vm_app_opts opts = { .store_path = path_of_store };
	struct vm_app *app;
	struct qd_err err = { 0 };

	if (vm_app_open(&opts, &app, &err))
		fail_msg("%s", err.msg);
	return app;
}

static void press(const struct draw *d, struct vm_app *app, const char *keys)
{
	while (*keys) {
		int key;

		keys += vm_key_parse(keys, &key);
		assert_int_not_equal(key, 0);
		vm_app_key(app, key, 0);
		screen_draw(d, app);
	}
}

static void check_golden(const char *name, const char *seen)
{
	char path[200];
	struct qd_err err = { 0 };
	char *want;
	size_t size;

	snprintf(path, sizeof(path), "tests/screen/golden/%s.txt", name);
	if (getenv("UPDATE")) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		fputs(seen, f);
		assert_int_equal(fclose(f), 0);
		return;
	}
	if (fs_read_all(path, 1 << 20, &want, &size, &err))
		fail_msg("%s (UPDATE=1 makes it)", err.msg);
	if (strcmp(want, seen))
		fail_msg("%s differs; UPDATE=1 rewrites it. Seen:\n%s", path, seen);
	free(want);
}

static const struct { const char *name, *keys; int rows, cols; bool ascii; } screens[] = {
	{ "rank-80x24", "j", 24, 80, false },
	{ "rank-80x24-ascii", "j", 24, 80, true },
	{ "rank-40x10", "j", 10, 40, false },
	{ "rank-40x10-ascii", "j", 10, 40, true },
	{ "rank-200x50", "jo", 50, 200, false },
	{ "rank-detail-80x24", "jo", 24, 80, false },
	{ "rank-zoom-80x24", "jO", 24, 80, false },
	{ "rank-filter-80x24", "&op=Conv & sqnr<lt>30<Enter>", 24, 80, false },
	{ "rank-filter-error-80x24", "&sqnrr<lt>30<Enter>", 24, 80, false },
	{ "rank-search-80x24", "/tensor_2<Enter>", 24, 80, false },
	{ "rank-tags-80x24", "<Space><Space>jvjj", 24, 80, false },
	{ "rank-empty-80x24", "&sqnr>999<Enter>", 24, 80, false },
	{ "rank-sorted-80x24", "l]", 24, 80, false },
	{ "page-80x24", "j<Enter>", 24, 80, false },
	{ "page-scrolled-40x10", "j<Enter><C-f>", 10, 40, false },
	{ "page-200x50-ascii", "j<Enter>", 50, 200, true },
	{ "popup-80x24", "ji", 24, 80, false },
	{ "popup-200x50", "ji", 50, 200, false },
	{ "weights-80x24", "2", 24, 80, false },
	{ "weights-200x50", "2o", 50, 200, false },
	{ "layers-80x24", "3", 24, 80, false },
	{ "layers-200x50", "3", 50, 200, false },
	{ "runs-80x24", "4", 24, 80, false },
	{ "runs-200x50", "4", 50, 200, false },
	{ "unmatched-80x24", "5", 24, 80, false },
	{ "unmatched-200x50", "5", 50, 200, false },
	{ "help-80x24", "?", 24, 80, false },
	{ "help-200x50", "?", 50, 200, false },
	{ "command-80x24", ":sor<Tab>", 24, 80, false },
	{ "too-small", "", 9, 39, false },
};

static void screens_look_as_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(screens) / sizeof(screens[0]); i++) {
		struct surface s = { .ascii = screens[i].ascii };
		struct draw d = { &s, glyphs_get(!screens[i].ascii), &theme_default_limits };
		struct vm_app *app = open_app();
		struct str out = STR_INIT;

		assert_true(surface_resize(&s, screens[i].rows, screens[i].cols));
		screen_draw(&d, app);
		press(&d, app, screens[i].keys);
		surface_dump_text(&s, &out);
		str_addf(&out, "-- styles, cursor %d,%d\n", s.cursor_row, s.cursor_col);
		surface_dump_style(&s, &out);
		assert_false(out.failed);
		check_golden(screens[i].name, out.p);
		str_release(&out);
		surface_release(&s);
		vm_app_close(app);
	}
}

/* Every size from 1x1 up, every view: nothing is drawn outside, the cursor is inside. */
static void any_size_is_drawn(void **state)
{
	static const char *const where[] = { "o", "<Enter>", "i", "2", "3O", "4", "5", "6", "?",
					    ":", "&", "/x" };

	(void)state;
	for (size_t k = 0; k < sizeof(where) / sizeof(where[0]); k++) {
		struct surface s = { 0 };
		struct draw d = { &s, glyphs_get(true), &theme_default_limits };
		struct vm_app *app = open_app();

		assert_true(surface_resize(&s, 24, 80));
		press(&d, app, where[k]);
		for (int rows = 1; rows <= 60; rows += rows < 16 ? 1 : 11) {
			for (int cols = 1; cols <= 220; cols += cols < 64 ? 3 : 37) {
				assert_true(surface_resize(&s, rows, cols));
				screen_draw(&d, app);
				assert_true(s.cursor_row < rows && s.cursor_col < cols);
			}
		}
		surface_release(&s);
		vm_app_close(app);
	}
}

/* Without colour every style still differs from plain text where it carries a meaning of its own.
 * */
static void themes_are_as_recorded(void **state)
{
	static const char *const names[] = { "mono", "8", "16", "256" };
	struct str out = STR_INIT;

	(void)state;
	for (int t = 0; t < THEME_COUNT; t++) {
		for (int i = 0; i < 2 * STYLE_COUNT; i++) {
			uint8_t style = (uint8_t)(i % STYLE_COUNT |
						  (i < STYLE_COUNT ? 0 : STYLE_SEL));
			struct theme_look l = theme_look((enum theme_id)t, style);

			str_addf(&out, "%s %d%s: fg %d bg %d attr %d\n", names[t], i % STYLE_COUNT,
				 i < STYLE_COUNT ? "" : " selected", l.fg, l.bg, l.attr);
			if (t == THEME_MONO)
				assert_true(l.fg == -1 && l.bg == -1);
		}
	}
	check_golden("themes", out.p);
	str_release(&out);
	assert_int_equal(theme_for(256, true), THEME_MONO);
	assert_int_equal(theme_for(0, false), THEME_MONO);
	assert_int_equal(theme_for(8, false), THEME_8);
	assert_int_equal(theme_for(88, false), THEME_16);
}

/* A store may claim anything: drawing stays inside the grid and comes to an end. */
static void hostile_values_are_drawn(void **state)
{
	static const struct { double scale0; const char *scale, *zero; int64_t qmin, qmax;
	double lo, hi; } cases[] = {
		{ 1e-300, "1e-300", "0", INT64_MIN + 1, INT64_MAX, -1, 1 },
		{ 1e300, "1e300", "inf", -128, 127, -1e308, 1e308 },
		{ 1, "nan", "[1,2,3]", 5, -5, 3, -3 },
		{ 0, "0", "0", 0, 0, 0, 0 },
		{ 1, "1", "4294967295", 4294967290, 4294967295, 1e-320, 2e-320 },
	};
	struct qd_err err = { 0 };
	struct surface s = { 0 };
	struct draw d = { &s, glyphs_get(true), &theme_default_limits };
	struct vm_app *app;
	struct store *st;
	int64_t run;

	(void)state;
	sample_must(store_create_or_open(path_of_store, 0, &st, &err), &err);
	sample_must(store_begin(st, &err), &err);
	run = sample_run(st, &(struct store_model){ .id = 1 }, &(struct store_model){ .id = 2 }, 1,
			 0, &err);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_total_extra extra = { 300, 1LL << 60, -1e300, "ffffffffffffffff" };
		struct store_pair p = {
			.kind = "activation", .pos = (int64_t)i, .tensor = "t", .op = "O",
				.scale = cases[i].scale,
			.zero_point = cases[i].zero, .scale0 = cases[i].scale0,
				.qmin = cases[i].qmin,
			.qmax = cases[i].qmax, .zero0 = 0, .axis = STORE_NONE,
				.block_size = STORE_NONE,
			.channel_axis = 0,
		};
		struct store_sums sums;

		sample_must(store_add_pairs(st, run, &p, 1, &err), &err);
		sample_sums(&sums, 10, 300, 1);
		sums.min_x = cases[i].lo;
		sums.max_x = cases[i].hi;
		sums.n_clipped = INT64_MAX;
		sample_must(store_put_total(st, p.id, &sums, &extra, &err), &err);
		sample_hist(st, p.id, &err);
		sample_channels(st, p.id, &err);
		sample_codes(st, p.id, &err);
	}
	sample_must(store_commit(st, &err), &err);
	app = open_app();
	assert_true(surface_resize(&s, 50, 200));
	assert_int_equal(vm_app_list(app)->n, 5);
	for (int i = 0; i < 5; i++) {
		press(&d, app, "o<Enter>G<Esc>oj");
		assert_true(s.cursor_row < 50 && s.cursor_col < 200);
	}
	vm_app_close(app);
	surface_release(&s);
	sample_must(store_begin(st, &err), &err);
	sample_must(store_delete_run(st, run, &err), &err);
	sample_must(store_commit(st, &err), &err);
	store_close(st);
}

/* Whatever allocation fails while a screen is drawn, it is drawn without what was lost. */
static void lost_memory_costs_a_part_of_the_screen(void **state)
{
	(void)state;
	for (long k = 1;; k += k < 60 ? 1 : 17) {
		struct surface s = { 0 };
		struct draw d = { &s, glyphs_get(true), &theme_default_limits };
		struct vm_app *app = open_app();

		assert_true(surface_resize(&s, 24, 80));
		fault_arm(FAULT_ALLOC, k, false);
		press(&d, app, "o<Enter>q3i");
		surface_release(&s);
		vm_app_close(app);
		if (!fault_fired(FAULT_ALLOC))
			break;
		fault_arm(FAULT_ALLOC, 0, false);
	}
	fault_arm(FAULT_ALLOC, 0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(screens_look_as_recorded),
		cmocka_unit_test(any_size_is_drawn),
		cmocka_unit_test(themes_are_as_recorded),
		cmocka_unit_test(hostile_values_are_drawn),
		cmocka_unit_test(lost_memory_costs_a_part_of_the_screen),
	};

	return cmocka_run_group_tests(tests, make_store, drop_store);
}
