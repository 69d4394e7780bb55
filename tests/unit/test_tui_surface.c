/* The cell grid and the layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tui/layout.h"
#include "tui/surface.h"

static void check(struct surface *s, const char *want)
{
	struct str out = STR_INIT;

	surface_dump_text(s, &out);
	assert_string_equal(out.p, want);
	str_release(&out);
}

static void text_is_clipped_to_the_grid(void **state)
{
	struct surface s = { 0 };

	(void)state;
	assert_true(surface_resize(&s, 2, 5));
	assert_int_equal(surface_text(&s, 0, 3, 99, "abc", STYLE_TEXT), 2);
	assert_int_equal(surface_text(&s, 1, 0, 2, "abc", STYLE_TEXT), 2);
	assert_int_equal(surface_text(&s, 2, 0, 5, "abc", STYLE_TEXT), 0);
	assert_int_equal(surface_text(&s, -1, 0, 5, "abc", STYLE_TEXT), 0);
	assert_int_equal(surface_text(&s, 0, 5, 5, "abc", STYLE_TEXT), 0);
	check(&s, "   ab\nab\n");
	surface_release(&s);
}

static void wide_characters_are_never_halved(void **state)
{
	static const char two[] = "\xe5\xb1\xa4\xe5\x87\xba";   /* two of two cells */
	struct surface s = { 0 };

	(void)state;
	assert_true(surface_resize(&s, 1, 3));
	assert_int_equal(surface_text(&s, 0, 0, 3, two, STYLE_TEXT), 2);
	assert_int_equal(surface_at(&s, 0, 1)->cp, 0);
	check(&s, "\xe5\xb1\xa4\n");
	/* overwriting the right half blanks the left one */
	surface_text(&s, 0, 1, 1, "x", STYLE_TEXT);
	check(&s, " x\n");
	/* and the other way round */
	surface_text(&s, 0, 0, 2, two, STYLE_TEXT);
	surface_text(&s, 0, 0, 1, "x", STYLE_TEXT);
	check(&s, "x\n");
	surface_release(&s);
}

static void combining_marks_stay_on_their_base(void **state)
{
	struct surface s = { 0 };

	(void)state;
	assert_true(surface_resize(&s, 1, 4));
	assert_int_equal(surface_text(&s, 0, 0, 4, "e\xcc\x81x", STYLE_TEXT), 2);
	assert_int_equal(surface_at(&s, 0, 0)->mark[0], 0x301);
	check(&s, "e\xcc\x81x\n");
	surface_release(&s);
}

static void ascii_surfaces_hold_ascii_only(void **state)
{
	struct surface s = { .ascii = true };

	(void)state;
	assert_true(surface_resize(&s, 1, 8));
	surface_text(&s, 0, 0, 8, "a\xe5\xb1\xa4\xc3\xa9z", STYLE_TEXT);
	check(&s, "a???z\n");
	surface_release(&s);
}

static void columns_fit_every_width_and_keep_name_and_cursor(void **state)
{
	(void)state;
	for (int view = 0; view < VM_V_COUNT; view++) {
		const struct vm_view *v = vm_view((enum vm_view_id)view);

		for (int width = LAYOUT_MIN_COLS; width < 300; width++) {
			for (int cursor = 0; cursor < v->n_cols; cursor++) {
				struct layout_col c[VM_MAX_COLS];
				int n = layout_columns(v, cursor, width, c);
				bool name = false, focus = false;

				if (!v->cols[cursor].priority)
					continue;
				for (int i = 0; i < n; i++) {
					name |= c[i].col == v->flexible;
					focus |= c[i].col == cursor;
					if (i)
						assert_true(c[i].x > c[i - 1].x + c[i - 1].width);
				}
				assert_true(name && focus);
				assert_true(LAYOUT_MARGIN + c[n - 1].x + c[n - 1].width <= width);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_clipped_to_the_grid),
		cmocka_unit_test(wide_characters_are_never_halved),
		cmocka_unit_test(combining_marks_stay_on_their_base),
		cmocka_unit_test(ascii_surfaces_hold_ascii_only),
		cmocka_unit_test(columns_fit_every_width_and_keep_name_and_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
