/* base/fs: whole files or none, nothing but regular files, paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/fs.h"
#include "tests/lib/data_files.h"

static struct tdir dir;

static int setup(void **state)
{
	(void)state;
	tdir_make(&dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fault_arm(FAULT_IO, 0, false);
	tdir_remove(&dir);
	return 0;
}

static int files_in(const char *path)
{
	DIR *d = opendir(path);
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static int replace(const char *path, const char *text, struct qd_err *err)
{
	struct fs_atomic a;
	int rc = fs_atomic_open(&a, path, false, err);

	if (rc)
		return rc;
	fputs(text, a.f);
	return fs_atomic_commit(&a, err);
}

static void holds(const char *path, const char *want)
{
	char *data;
	size_t n;

	assert_int_equal(fs_read_all(path, 1000, &data, &n, NULL), 0);
	assert_string_equal(data, want);
	free(data);
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
	const char *path = tdir_path(&dir, "a.txt");
	struct qd_err err = { 0 };
	long k;

	(void)state;
	assert_int_equal(replace(path, "old", NULL), 0);
	for (k = 1;; k++) {
		int rc;

		fault_arm(FAULT_IO, k, false);
		rc = replace(path, "new", &err);
		if (!fault_fired(FAULT_IO))
			break;
		fault_arm(FAULT_IO, 0, false);
		assert_int_equal(rc, QD_EDISK);
		assert_non_null(strstr(err.msg, "Input/output error"));
		holds(path, "old");
		assert_int_equal(files_in(dir.path), 1);
	}
	fault_arm(FAULT_IO, 0, false);
	assert_true(k >= 3);
	holds(path, "new");
	assert_int_equal(files_in(dir.path), 1);
}

static void an_aborted_write_changes_nothing(void **state)
{
	const char *path = tdir_path(&dir, "a.txt");
	struct fs_atomic a;
	struct stat st;

	(void)state;
	assert_int_equal(fs_atomic_open(&a, path, true, NULL), 0);
	fputs("x", a.f);
	fs_atomic_abort(&a);
	assert_int_equal(files_in(dir.path), 0);
	assert_int_equal(fs_atomic_open(&a, path, true, NULL), 0);
	assert_int_equal(fs_atomic_commit(&a, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fs_atomic_open(&a, tdir_path(&dir, "no/such/b.txt"), true, NULL), QD_EDISK);
}

static void only_regular_files_are_opened(void **state)
{
	struct qd_err err = { 0 };
	struct fs_map m;
	char *data;
	size_t n;

	(void)state;
	assert_int_equal(mkfifo(tdir_path(&dir, "fifo"), 0600), 0);
	assert_int_equal(fs_map_open(tdir_path(&dir, "fifo"), &m, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "regular file"));
	assert_int_equal(fs_read_all(tdir_path(&dir, "fifo"), 10, &data, &n, &err), QD_EINPUT);
	assert_int_equal(fs_map_open(dir.path, &m, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "a directory"));
	assert_int_equal(fs_map_open("/dev/null", &m, &err), QD_EINPUT);
	assert_int_equal(fs_map_open(tdir_path(&dir, "none"), &m, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "No such file"));
}

static void reads_are_bounded(void **state)
{
	const char *path = tdir_path(&dir, "a.txt");
	struct qd_err err = { 0 };
	char *data, buf[8];
	size_t n;
	int fd;

	(void)state;
	tdir_put(&dir, "a.txt", "12345", 5);
	assert_int_equal(fs_read_all(path, 4, &data, &n, &err), QD_EINPUT);
	assert_null(data);
	assert_int_equal(fs_read_all(path, 5, &data, &n, &err), 0);
	assert_int_equal(n, 5);
	assert_string_equal(data, "12345");
	free(data);
	assert_int_equal(fs_open(path, &fd, NULL, NULL), 0);
	assert_int_equal(fs_read_at(fd, path, 1, buf, 3, NULL), 0);
	assert_memory_equal(buf, "234", 3);
	assert_int_equal(fs_read_at(fd, path, 3, buf, 3, &err), QD_EINPUT);
	close(fd);
}

static void a_mapped_file_that_changes_is_noticed(void **state)
{
	const char *path = tdir_path(&dir, "a.txt");
	struct fs_map m;

	(void)state;
	tdir_put(&dir, "a.txt", "12345", 5);
	assert_int_equal(fs_map_open(path, &m, NULL), 0);
	assert_int_equal(fs_map_unchanged(path, &m, NULL), 0);
	assert_memory_equal(m.data, "12345", 5);
	tdir_put(&dir, "b.txt", "123456", 6);
	assert_int_equal(rename(tdir_path(&dir, "b.txt"), path), 0);
	assert_int_equal(fs_map_unchanged(path, &m, NULL), QD_EINPUT);
	fs_map_close(&m);
	tdir_put(&dir, "a.txt", "", 0);
	assert_int_equal(fs_map_open(path, &m, NULL), 0);
	assert_null(m.data);
	fs_map_close(&m);
}

static void is_text(char *got, const char *want)
{
	assert_string_equal(got, want);
	free(got);
}

static void paths_are_taken_apart_and_joined(void **state)
{
	(void)state;
	is_text(fs_join("a", "b"), "a/b");
	is_text(fs_join("a/", "b"), "a/b");
	is_text(fs_join("a", "/b"), "/b");
	is_text(fs_dirname("a/b/c"), "a/b");
	is_text(fs_dirname("c"), ".");
	is_text(fs_dirname("/c"), "/");
	is_text(fs_stem("x/model.quant.onnx"), "model.quant");
	is_text(fs_stem("x/model"), "model");
	is_text(fs_stem(".hidden"), ".hidden");
	assert_string_equal(fs_basename("a/b"), "b");
	assert_string_equal(fs_basename("b"), "b");
}

static void the_temporary_folder_is_private_and_goes_away(void **state)
{
	const char *tmp = fs_tmp_dir(NULL);
	char keep[300], inside[320];
	struct stat st;

	(void)state;
	assert_non_null(tmp);
	snprintf(keep, sizeof(keep), "%s", tmp);
	assert_int_equal(stat(keep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_ptr_equal(fs_tmp_dir(NULL), tmp);
	snprintf(inside, sizeof(inside), "%s/f", keep);
	assert_int_equal(replace(inside, "x", NULL), 0);
	fs_tmp_cleanup();
	assert_false(fs_exists(keep));
	assert_non_null(fs_tmp_dir(NULL));      /* a new one when asked again */
	fs_tmp_cleanup();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_failed_write_leaves_the_old_file_and_nothing_else),
		T(an_aborted_write_changes_nothing),
		T(only_regular_files_are_opened),
		T(reads_are_bounded),
		T(a_mapped_file_that_changes_is_noticed),
		T(paths_are_taken_apart_and_joined),
		T(the_temporary_folder_is_private_and_goes_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
