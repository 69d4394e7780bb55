/* The action table: consistent in itself, and all that is made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vm/action.h"
#include "vm/keymap.h"

static void names_are_unique_and_find_their_action(void **state)
{
	(void)state;
	for (int a = 0; a < VM_A_COUNT; a++)
		assert_int_equal(vm_action_by_name(vm_action_info(a)->name), a);
	assert_int_equal(vm_action_by_name("qu"), VM_A_QUIT);
	assert_int_equal(vm_action_by_name("re"), VM_A_NONE);
	assert_string_equal(vm_action_nearest("fliter"), "filter");
}

static void no_key_is_claimed_twice_in_a_context(void **state)
{
	(void)state;
	for (int a = 0; a < VM_A_COUNT; a++) {
		const struct vm_action_info *t = vm_action_info(a);

		for (const char *p = t->keys; *p;) {
			int key;

			p += strspn(p, " ");
			p += vm_key_parse(p, &key);
			assert_int_not_equal(key, 0);
			for (unsigned ctx = 1; ctx < VM_CTX_ALL; ctx <<= 1) {
				bool after = t->flags & VM_ACT_AFTER_SEARCH;

				if (t->ctx & ctx)
					assert_int_equal(vm_action_by_key(key, ctx, after), a);
			}
		}
	}
}

static void both_vi_and_arrow_keys_move(void **state)
{
	(void)state;
	assert_int_equal(vm_action_by_key('j', VM_CTX_RANK, false), VM_A_DOWN);
	assert_int_equal(vm_action_by_key(VM_KEY_DOWN, VM_CTX_RANK, false), VM_A_DOWN);
	assert_int_equal(vm_action_by_key('?', VM_CTX_RANK, false), VM_A_HELP);
	assert_int_equal(vm_action_by_key('?', VM_CTX_RANK, true), VM_A_SEARCH_BACK);
	assert_int_equal(vm_action_by_key(VM_KEY_F1, VM_CTX_RANK, true), VM_A_HELP);
	assert_int_equal(vm_action_by_key('x', VM_CTX_LOG, false), VM_A_NONE);
}

static void completion_walks_names_in_table_order(void **state)
{
	(void)state;
	assert_string_equal(vm_action_complete("sort", 0), "sort-ascending");
	assert_string_equal(vm_action_complete("sort", 2), "sort");
	assert_null(vm_action_complete("sort", 3));
}

static void man_rows_name_every_action(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	int rows = 0;

	(void)state;
	assert_non_null(f);
	assert_int_equal(vm_action_print_man(f), 0);
	fclose(f);
	for (const char *p = text; (p = strstr(p, ".TP\n")) != NULL; p++)
		rows++;
	assert_int_equal(rows, VM_A_COUNT);
	assert_non_null(strstr(text, "page\\-down"));
	assert_non_null(strstr(text, "(not available yet)"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_find_their_action),
		cmocka_unit_test(no_key_is_claimed_twice_in_a_context),
		cmocka_unit_test(both_vi_and_arrow_keys_move),
		cmocka_unit_test(completion_walks_names_in_table_order),
		cmocka_unit_test(man_rows_name_every_action),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
