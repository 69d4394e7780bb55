/* Opening, creating, refusing and surviving: store/open.c, store/schema.c. */
#include "test_store_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

static void write_file(const char *p, const void *data, size_t n)
{
	FILE *f = fopen(p, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* Both ways of opening fail with this code and these words. */
static void refused(int code, const char *word, const char *word2)
{
	struct store *st = NULL;

	for (int i = 0; i < 2; i++) {
		struct qd_err bad = { 0 };
		int rc = i ? store_open_readonly(path, 0, &st, &bad)
			: store_create_or_open(path, STORE_CREATE, &st, &bad);

		assert_int_equal(rc, code);
		assert_int_equal(bad.code, code);
		assert_null(st);
		assert_non_null(strstr(bad.msg, path));
		if (!strstr(bad.msg, word) || !strstr(bad.msg, word2))
			fail_msg("\"%s\" lacks \"%s\" or \"%s\"", bad.msg, word, word2);
		assert_null(strchr(bad.msg, '\n'));
		assert_null(strchr(bad.msg, '\x1b'));
	}
}

static int mode_of(const char *suffix)
{
	char p[4300];
	struct stat sb;

	snprintf(p, sizeof(p), "%s%s", path, suffix);
	return stat(p, &sb) == 0 ? (int)(sb.st_mode & 0777) : -1;
}

static void a_new_store_is_private_wal_and_ours(void **state)
{
	mode_t old = umask(0);
	struct store *st = open_new();
	int64_t run;

	(void)state;
	OK(store_begin(st, err));
	OK(add_run(st, &run, err));
	OK(store_commit(st, err));
	umask(old);
	assert_int_equal(mode_of(""), 0600);
	assert_int_equal(mode_of("-wal"), 0600);
	assert_int_equal(mode_of("-shm"), 0600);
	assert_int_equal(query(st, "PRAGMA application_id"), STORE_APPLICATION_ID);
	assert_int_equal(query(st, "PRAGMA user_version"), STORE_VERSION);
	assert_int_equal(query(st, "SELECT count(*) FROM pragma_journal_mode WHERE "
			       "journal_mode='wal'"), 1);
	assert_true(store_is_trusted(st));
	assert_string_equal(store_path(st), path);
	store_close(st);
	store_close(NULL);
}

static void creation_leaves_nothing_else_in_the_folder(void **state)
{
	char dir[4200];

	(void)state;
	snprintf(dir, sizeof(dir), "%s/empty", fs_tmp_dir(NULL));
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%.4190s/a.qdb", dir);
	store_close(open_new());
	unlink(path);
	assert_int_equal(rmdir(dir), 0);        /* would fail with a temporary, -wal or -shm left */
}

static void reopening_finds_what_was_committed(void **state)
{
	struct store *st = open_new();
	int64_t run;

	(void)state;
	OK(store_begin(st, err));
	OK(add_run(st, &run, err));
	OK(store_commit(st, err));
	store_close(st);
	OK(store_create_or_open(path, 0, &st, err));
	assert_int_equal(query(st, "SELECT count(*) FROM run"), 1);
	assert_false(store_is_trusted(st));
	store_close(st);
	OK(store_open_readonly(path, STORE_TRUST, &st, err));
	assert_int_equal(query(st, "SELECT count(*) FROM run"), 1);
	assert_true(store_is_trusted(st));
	store_close(st);
}

static void a_missing_store_is_an_error_without_create(void **state)
{
	struct store *st;
	struct qd_err bad = { 0 };

	(void)state;
	assert_int_equal(store_create_or_open(path, 0, &st, &bad), QD_EINPUT);
	assert_int_equal(store_open_readonly(path, 0, &st, &bad), QD_EINPUT);
	assert_non_null(strstr(bad.msg, "no such store"));
	assert_false(fs_exists(path));
	assert_int_equal(store_probe(path, &bad), 0);
}

static void files_that_are_not_ours_are_left_alone(void **state)
{
	static const char *const texts[] = { "", "hello", "SQLite format 3" };
	char *data;
	size_t size;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		write_file(path, texts[i], strlen(texts[i]));
		refused(QD_EINPUT, "not a qdebug store", i ? "not an SQLite file"
			: "an empty file");
		OK(fs_read_all(path, 1000, &data, &size, err));
		assert_int_equal(size, strlen(texts[i]));
		assert_string_equal(data, texts[i]);
		free(data);
	}
	unlink(path);
	shell("CREATE TABLE model(x); INSERT INTO model VALUES(1)");
	refused(QD_EINPUT, "application_id 0x00000000", "--store");
	shell("INSERT INTO model VALUES(2)");
	assert_false(fs_exists("a.qdb-wal"));
}

static void a_folder_or_pipe_is_refused_at_once(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(QD_EINPUT, "not a regular file", "");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	refused(QD_EINPUT, "not a regular file", "");
	rmdir(path);
}

static void a_newer_store_is_refused_naming_both_versions(void **state)
{
	(void)state;
	store_close(open_new());
	shell("PRAGMA user_version=7");
	refused(QD_EINPUT, "version 7", "up to 1");
	shell("PRAGMA user_version=0");
	refused(QD_EINPUT, "store version 0", "damaged");
}

static int step_two(struct store *st, struct qd_err *err)
{
	return sql_exec(st, "ALTER TABLE run ADD COLUMN note TEXT", "migrating", err);
}

static int step_three(struct store *st, struct qd_err *err)
{
	return sql_exec(st, "CREATE INDEX run_by_note ON run(note)", "migrating", err);
}

static int step_broken(struct store *st, struct qd_err *err)
{
	int rc = step_two(st, err);

	return rc ? rc : sql_exec(st, "CREATE INDEX x ON nowhere(x)", "migrating", err);
}

static void an_older_store_is_migrated_by_the_writer_only(void **state)
{
	static const struct schema_step steps[] = { { 2, step_two }, { 3, step_three } };
	struct schema_plan plan = { schema_current.first, 3, steps };
	struct store *st = open_new();
	struct qd_err bad = { 0 };
	int64_t run;

	(void)state;
	OK(store_begin(st, err));
	OK(add_run(st, &run, err));
	OK(store_commit(st, err));
	store_close(st);
	assert_int_equal(store_open_plan(path, 0, false, &plan, &st, &bad), QD_EINPUT);
	assert_non_null(strstr(bad.msg, "older store (version 1, this program reads 3)"));
	OK(store_open_plan(path, 0, true, &plan, &st, err));
	assert_int_equal(query(st, "PRAGMA user_version"), 3);
	assert_int_equal(query(st, "SELECT count(*) FROM run WHERE note IS NULL"), 1);
	store_close(st);
	OK(store_open_plan(path, 0, false, &plan, &st, err));
	store_close(st);
	refused(QD_EINPUT, "version 3", "up to 1");
	remove_store(path);
	/* a new one takes the same steps */
	OK(store_open_plan(path, STORE_CREATE, true, &plan, &st, err));
	assert_int_equal(query(st, "PRAGMA user_version"), 3);
	store_close(st);
}

static void a_failed_migration_leaves_the_old_store(void **state)
{
	static const struct schema_step steps[] = { { 2, step_broken } };
	struct schema_plan plan = { schema_current.first, 2, steps };
	struct store *st = open_new();
	struct qd_err bad = { 0 };

	(void)state;
	store_close(st);
	assert_true(store_open_plan(path, 0, true, &plan, &st, &bad) < 0);
	assert_null(st);
	OK(store_create_or_open(path, 0, &st, err));
	assert_int_equal(query(st, "SELECT count(*) FROM pragma_table_info('run') WHERE "
			       "name='note'"), 0);
	store_close(st);
}

static void a_schema_that_is_not_ours_to_the_letter_is_refused(void **state)
{
	static const struct { const char *sql, *word, *word2; } cases[] = {
		{ "CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM model; END",
		  "added trigger", "\"t\"" },
		{ "DROP VIEW v_run; CREATE VIEW v_run AS SELECT load_extension('x') AS id",
		  "changed view", "v_run" },
		{ "DROP VIEW v_score", "lacks the view", "v_score" },
		{ "CREATE TABLE extra(x)", "added table", "extra" },
		{ "CREATE VIEW \"\x1b[31mred\n\" AS SELECT 1", "added view", "\\x1B[31mred\\n" },
		{ "ALTER TABLE run ADD COLUMN evil TEXT DEFAULT 'x'", "changed table", "run" },
		{ "DROP INDEX pair_by_run; CREATE INDEX pair_by_run ON pair(abs(run_id))",
		  "changed index", "pair_by_run" },
		{ "CREATE VIRTUAL TABLE ft USING fts5(x)", "added table", "ft" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		remove_store(path);
		store_close(open_new());
		shell(cases[i].sql);
		refused(QD_EINPUT, cases[i].word, "");
		if (i != 4)     /* escaping: lower or upper case digits are base/str.h's business */
			refused(QD_EINPUT, cases[i].word2, "not safe to open");
	}
}

static void comments_and_spaces_are_no_difference(void **state)
{
	struct store *st;

	(void)state;
	store_close(open_new());
	shell("DROP VIEW v_score; CREATE VIEW v_score AS -- mine\nSELECT s.*, CASE WHEN s.sum_e2 > "
	      "0 AND s.sum_x2 > 0 "
	      "THEN 10 * log10(s.sum_x2 / s.sum_e2) END AS sqnr_db,   s.sum_e2 = 0 AS "
		      "exact\n\tFROM score s");
	OK(store_open_readonly(path, 0, &st, err));
	store_close(st);
}

static void damage_is_found_at_opening(void **state)
{
	struct store *st = open_new();
	int64_t run;
	char junk[4000];
	int fd;

	(void)state;
	OK(store_begin(st, err));
	for (int i = 0; i < 200; i++)
		OK(add_run(st, &run, err));
	OK(store_commit(st, err));
	store_close(st);
	memset(junk, 0x5a, sizeof(junk));
	fd = open(path, O_RDWR);
	for (int page = 1; page < 40; page++)
		(void)!pwrite(fd, junk, sizeof(junk), page * 8192L);
	close(fd);
	refused(QD_EINPUT, "damaged", "");
}

/* Beyond 32 MiB only the small tables are checked; they still are. */
static void a_large_store_is_checked_where_it_matters(void **state)
{
	enum { BYTES = 40 << 20 };
	struct store *st = open_new();
	struct store_activation a = { .side = "float", .tensor = "t", .dtype = "FLOAT",
				      .shape = "[1]", .bytes = BYTES };
	void *data = calloc(1, BYTES);
	int64_t id, page;
	char junk[4000];
	int fd;

	(void)state;
	OK(store_begin(st, err));
	OK(add_run(st, &a.run_id, err));
	OK(store_put_activation(st, &a, data, &id, err));
	OK(store_commit(st, err));
	free(data);
	page = query(st, "SELECT rootpage FROM sqlite_schema WHERE name='run'");
	store_close(st);
	OK(store_open_readonly(path, 0, &st, err));
	store_close(st);
	memset(junk, 0x5a, sizeof(junk));
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, junk, sizeof(junk), (page - 1) * 8192), sizeof(junk));
	close(fd);
	refused(QD_EINPUT, "damaged", "");
}

static void what_a_deleted_store_left_is_not_replayed(void **state)
{
	char wal[4300];
	struct store *st;
	struct qd_err bad = { 0 };

	(void)state;
	snprintf(wal, sizeof(wal), "%s-wal", path);
	write_file(wal, "frames", 6);
	assert_int_equal(store_create_or_open(path, STORE_CREATE, &st, &bad), QD_EINPUT);
	assert_non_null(strstr(bad.msg, "a.qdb-wal: left over"));
	assert_true(fs_exists(wal));
	assert_false(fs_exists(path));
	write_file(wal, "", 0);
	OK(store_create_or_open(path, STORE_CREATE, &st, err));
	store_close(st);
}

static void a_path_is_only_ever_a_path(void **state)
{
	static const char *const names[] = { "file:x?mode=memory", ":memory:", "a b%20#c?d.qdb",
					     "-x", "\xff.qdb" };
	char old[4096];
	struct store *st;

	(void)state;
	assert_non_null(getcwd(old, sizeof(old)));
	assert_int_equal(chdir(fs_tmp_dir(NULL)), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		OK(store_create_or_open(names[i], STORE_CREATE, &st, err));
		assert_true(fs_exists(names[i]));
		store_close(st);
		OK(store_open_readonly(names[i], 0, &st, err));
		store_close(st);
		remove_store(names[i]);
	}
	assert_int_equal(chdir(old), 0);
}

/* In a child without privileges, so that permissions count for root too.  Returns its exit
 * status. */
static int as_nobody(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
			_exit(99);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static int read_in_readonly_folder(void)
{
	struct store *st;
	struct qd_err bad = { 0 };
	int64_t n = 0;

	if (store_open_readonly(path, 0, &st, &bad)) {
		print_error("%s\n", bad.msg);
		return 1;
	}
	if (sql_int(st, "SELECT count(*) FROM run", 0, &n, &bad) || n != 1)
		return 2;
	store_close(st);
	if (store_create_or_open(path, STORE_CREATE, &st, &bad) != QD_EDISK)
		return 3;
	if (!strstr(bad.msg, "written"))
		return 4;
	snprintf(path + strlen(path) - 5, 6, "b.qdb");
	if (store_create_or_open(path, STORE_CREATE, &st, &bad) != QD_EDISK || !strstr(bad.msg,
		"--store"))
		return 5;
	return 0;
}

static void a_store_in_a_read_only_folder_can_be_read(void **state)
{
	char dir[4200];
	struct store *st;
	int64_t run;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/ro", fs_tmp_dir(NULL));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_true(strlen(dir) + 7 < sizeof(path));
	snprintf(path, sizeof(path), "%.4190s/a.qdb", dir);
	st = open_new();
	OK(store_begin(st, err));
	OK(add_run(st, &run, err));
	OK(store_commit(st, err));
	store_close(st);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(dir, 0555), 0);
	assert_int_equal(chmod(fs_tmp_dir(NULL), 0755), 0);
	assert_int_equal(as_nobody(read_in_readonly_folder), 0);
	assert_int_equal(chmod(dir, 0700), 0);
	remove_store(path);
	rmdir(dir);
}

static void a_reader_sees_the_last_commit_while_the_writer_writes(void **state)
{
	struct store *w = open_new(), *r;
	int64_t run, v0, v1;

	(void)state;
	OK(store_begin(w, err));
	OK(add_run(w, &run, err));
	OK(store_commit(w, err));
	OK(store_open_readonly(path, 0, &r, err));
	v0 = store_data_version(r);
	assert_true(v0 >= 0);
	OK(store_begin(w, err));
	OK(add_run(w, &run, err));
	assert_int_equal(query(r, "SELECT count(*) FROM run"), 1);
	assert_int_equal(store_data_version(r), v0);
	OK(store_commit(w, err));
	v1 = store_data_version(r);
	assert_true(v1 != v0);
	OK(store_snapshot_begin(r, err));
	assert_int_equal(query(r, "SELECT count(*) FROM run"), 2);
	OK(store_begin(w, err));
	OK(add_run(w, &run, err));
	OK(store_commit(w, err));
	assert_int_equal(query(r, "SELECT count(*) FROM run"), 2);
	store_snapshot_end(r);
	assert_int_equal(query(r, "SELECT count(*) FROM run"), 3);
	store_close(r);
	store_close(w);
}

static void a_reader_cannot_write(void **state)
{
	struct store *st = open_new();
	struct qd_err bad = { 0 };
	int64_t id;

	(void)state;
	store_close(st);
	OK(store_open_readonly(path, 0, &st, err));
	assert_int_equal(store_begin(st, &bad), QD_EBUG);
	assert_int_equal(add_run(st, &id, &bad), QD_EBUG);
	assert_int_equal(sql_exec(st, "DELETE FROM run", "x", &bad), QD_EDISK);
	store_close(st);
}

static void a_run_whose_process_is_gone_is_interrupted(void **state)
{
	struct store *st = open_new();
	struct store_arena a = STORE_ARENA_INIT;
	struct store_run run;
	char sql[200];
	int64_t id;
	int n;
	pid_t pid;

	(void)state;
	OK(store_begin(st, err));
	OK(add_run(st, &id, err));
	OK(store_commit(st, err));
	OK(store_mark_interrupted(st, &n, err));
	assert_int_equal(n, 0);                 /* ours, and we are alive */
	OK(store_run_get(st, id, &a, &run, err));
	assert_true(store_owner_alive(&run));
	run.owner_start++;                      /* the same pid, another process */
	assert_false(store_owner_alive(&run));
	store_close(st);
	pid = fork();
	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	snprintf(sql, sizeof(sql), "UPDATE run SET owner_pid=%d, owner_start=NULL", (int)pid);
	shell(sql);
	OK(store_create_or_open(path, 0, &st, err));
	OK(store_run_get(st, id, &a, &run, err));
	assert_string_equal(run.status, "interrupted");
	assert_int_equal(run.owner_pid, STORE_NONE);
	OK(store_begin(st, err));
	OK(store_resume_run(st, id, err));
	OK(store_commit(st, err));
	OK(store_run_get(st, id, &a, &run, err));
	assert_true(store_owner_alive(&run));
	store_arena_release(&a);
	store_close(st);
}

/* Writes blocks for ever, telling the pipe how many are committed. */
static void write_until_killed(int fd)
{
	struct store *st = NULL;
	struct store_sample_rec recs[2] = { { 1, 2, 3, 4, 5, 6, 7 }, { 0 } };
	struct store_sums s = plain_sums(4, 1);
	struct store_pair p = plain_pair("activation", 1, "t");
	int64_t run;

	if (store_create_or_open(path, STORE_CREATE, &st, NULL) || store_begin(st, NULL) ||
	    add_run(st, &run, NULL) || store_add_pairs(st, run, &p, 1, NULL) || store_commit(st,
		    NULL))
		_exit(1);
	for (int64_t b = 0;; b++) {
		if (store_begin(st, NULL) || store_put_block(st, p.id, b, &s, recs, NULL) ||
		    store_put_total(st, p.id, &s, NULL, NULL) ||
		    store_set_progress(st, run, 2 * (b + 1), 0, 0, 0, NULL) || store_commit(st,
			    NULL))
			_exit(1);
		(void)!write(fd, &b, sizeof(b));
	}
}

static void a_killed_writer_loses_nothing_committed(void **state)
{
	struct store *st;
	struct store_arena a = STORE_ARENA_INIT;
	struct store_run run;
	int64_t told = -1, b;

	(void)state;
	for (int round = 0; round < 12; round++) {
		int fds[2];
		pid_t pid;

		remove_store(path);
		assert_int_equal(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			write_until_killed(fds[1]);
		close(fds[1]);
		/* killed after that many commits, anywhere in the next */
		for (int i = 0; i < 1 + 7 * round; i++)
			assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(fds[0], &b, sizeof(b)) == sizeof(b))
			told = b;
		close(fds[0]);
		OK(store_open_readonly(path, 0, &st, err));
		assert_true(query(st, "SELECT max(block) FROM pair_block") >= told);
		assert_int_equal(query(st, "SELECT 2 * count(*) FROM pair_block"),
				 query(st, "SELECT samples_done FROM run"));
		store_close(st);
		OK(store_create_or_open(path, 0, &st, err));
		assert_int_equal(query(st, "SELECT count(*) FROM pragma_integrity_check WHERE "
				       "integrity_check='ok'"), 1);
		OK(store_run_latest(st, false, &a, &run, err));
		assert_string_equal(run.status, "interrupted");
		assert_int_equal(query(st, "SELECT count(*) FROM pair_block WHERE "
				       "length(per_sample) <> 72"), 0);
		store_close(st);
	}
	store_arena_release(&a);
}

static void opening_survives_every_fault(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_STORE, FAULT_ALLOC, FAULT_IO };
	struct store *st;

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		for (long nth = 1;; nth++) {
			struct qd_err bad = { 0 };
			int rc;

			remove_store(path);
			fault_arm(kinds[k], nth, false);
			rc = store_create_or_open(path, STORE_CREATE, &st, &bad);
			if (!rc)
				store_close(st);
			if (!rc && !fault_fired(kinds[k]))
				break;
			fault_arm(kinds[k], 0, false);
			assert_true(rc < 0 || kinds[k] != FAULT_STORE);
			assert_true(rc == 0 || bad.msg[0]);
			if (fs_exists(path)) {                  /* whole or not there */
				OK(store_open_readonly(path, 0, &st, err));
				store_close(st);
			}
			assert_true(nth < 10000);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(a_new_store_is_private_wal_and_ours),
		T(creation_leaves_nothing_else_in_the_folder),
		T(reopening_finds_what_was_committed),
		T(a_missing_store_is_an_error_without_create),
		T(files_that_are_not_ours_are_left_alone),
		T(a_folder_or_pipe_is_refused_at_once),
		T(a_newer_store_is_refused_naming_both_versions),
		T(an_older_store_is_migrated_by_the_writer_only),
		T(a_failed_migration_leaves_the_old_store),
		T(a_schema_that_is_not_ours_to_the_letter_is_refused),
		T(comments_and_spaces_are_no_difference),
		T(damage_is_found_at_opening),
		T(a_large_store_is_checked_where_it_matters),
		T(what_a_deleted_store_left_is_not_replayed),
		T(a_path_is_only_ever_a_path),
		T(a_store_in_a_read_only_folder_can_be_read),
		T(a_reader_sees_the_last_commit_while_the_writer_writes),
		T(a_reader_cannot_write),
		T(a_run_whose_process_is_gone_is_interrupted),
		T(a_killed_writer_loses_nothing_committed),
		T(opening_survives_every_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
