/* base/log: a bounded ring that several threads write to, and the capture of stderr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static void the_ring_keeps_the_newest_lines(void **state)
{
	struct log_line l;
	long first, last, i;

	(void)state;
	log_range(&first, &last);
	for (i = 0; i < 3000; i++)
		log_add(LOG_INFO, "line %ld", i);
	log_range(&first, &last);
	assert_true(last - first + 1 <= 1024);
	assert_true(log_get(last, &l));
	assert_string_equal(l.text, "line 2999");
	assert_int_equal(l.seq, last);
	assert_true(log_get(first, &l));
	assert_false(log_get(first - 1, &l));
	assert_false(log_get(last + 1, &l));
	assert_false(log_get(0, &l));
}

static void long_lines_are_cut(void **state)
{
	char text[2000];
	struct log_line l;
	long first, last;

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_add(LOG_WARN, "%s", text);
	log_range(&first, &last);
	assert_true(log_get(last, &l));
	assert_int_equal(strlen(l.text), sizeof(l.text) - 1);
	assert_int_equal(l.level, LOG_WARN);
}

static void what_is_written_to_stderr_is_captured(void **state)
{
	struct log_line l;
	long first, last, i;
	int found = 0;

	(void)state;
	log_capture_stderr_begin();
	log_capture_stderr_begin();             /* nests */
	assert_int_equal(write(2, "from a library\n", 15), 15);
	log_capture_stderr_end();
	assert_int_equal(write(2, "still inside\n", 13), 13);
	log_capture_stderr_end();
	log_range(&first, &last);
	for (i = first; i <= last; i++) {
		assert_true(log_get(i, &l));
		found += !strcmp(l.text, "from a library") + !strcmp(l.text, "still inside");
	}
	assert_int_equal(found, 2);
	log_capture_stderr_end();               /* one too many is harmless */
}

static void *writer(void *arg)
{
	int i;

	for (i = 0; i < 500; i++)
		log_add(LOG_DEBUG, "%s %d", (const char *)arg, i);
	return NULL;
}

static void threads_may_write_at_once(void **state)
{
	long first, before, after;
	pthread_t t[4];
	int i;

	(void)state;
	log_range(&first, &before);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, writer, (void *)"t"), 0);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	log_range(&first, &after);
	assert_int_equal(after - before, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ring_keeps_the_newest_lines),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(what_is_written_to_stderr_is_captured),
		cmocka_unit_test(threads_may_write_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
