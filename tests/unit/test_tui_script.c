/* Scripts: steps, errors with their line, files written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "tests/screen/sample_store.h"
#include "tui/script.h"

static char dir[] = "/tmp/qdebug-script-XXXXXX", path[64], shot[64];
static int polls;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/s.qdb", dir);
	snprintf(shot, sizeof(shot), "%s/shot", dir);
	sample_store_write(path, SAMPLE_ACTIVATIONS);
	return 0;
}

static int teardown(void **state)
{
	static const char *const tail[] = { "", "-wal", "-shm" };
	char file[80];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s%s", path, tail[i]);
		unlink(file);
	}
	unlink(shot);
	return rmdir(dir);
}

/* Runs for three looks, then is done. */
static bool busy(void *ctx)
{
	(void)ctx;
	return polls > 0 && polls-- > 0;
}

static const struct vm_backend backend = { NULL, NULL, NULL, busy, NULL };

static int play(const char *text, struct qd_err *err)
{
	struct vm_app_opts opts = { .store_path = path, .backend = &backend };
	struct script_opts script = { .path = "demo.script", .text = text, .rows = 24, .cols = 80,
				     .wake_fd = -1 };
	struct vm_app *app;
	int rc = vm_app_open(&opts, &app, err);

	if (!rc)
		rc = script_run(&script, app, err);
	vm_app_close(app);
	return rc;
}

static void screens_are_written_as_text(void **state)
{
	struct qd_err err = { 0 };
	char text[200], *seen;
	size_t size;

	(void)state;
	snprintf(text, sizeof(text),
		 "# a comment\n\n  keys jj<Space>\r\nkey C-d\nsize 40x10\nwait\n:screen %s\n:quit\nbad", shot);
	assert_int_equal(play(text, &err), 0);
	assert_int_equal(fs_read_all(shot, 1 << 20, &seen, &size, &err), 0);
	assert_int_equal(strncmp(seen, " qdebug ", 8), 0);
	assert_non_null(strstr(seen, "1 tagged"));
	free(seen);
}

static void steps_wait_for_the_job(void **state)
{
	struct qd_err err = { 0 };

	(void)state;
	polls = 3;
	assert_int_equal(play("key j\n", &err), 0);
	assert_int_equal(polls, 0);
}

static void errors_name_the_line(void **state)
{
	static const struct { const char *text, *part; } cases[] = {
		{ "key j\nnonsense\n", "demo.script:2: \"nonsense\" is no step" },
		{ ":sort nope", "demo.script:1: sort: no column" },
		{ "\n\nkeys <Nope>", "demo.script:3: \"<Nope>\" names no key" },
		{ "key jj", "demo.script:1: \"j\" after the key" },
		{ "size 80", "is no screen size" },
		{ "size 0x5", "is no screen size" },
		{ ":screen /nonexistent/x", "demo.script:1" },
		{ ":filter sqnr<", "position 6" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct qd_err err = { 0 };

		assert_true(play(cases[i].text, &err) < 0);
		if (!strstr(err.msg, cases[i].part))
			fail_msg("%s: %s", cases[i].text, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(screens_are_written_as_text),
		cmocka_unit_test(steps_wait_for_the_job),
		cmocka_unit_test(errors_name_the_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
