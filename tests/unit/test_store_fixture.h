/* test_store_fixture.h - a store in a temporary folder with one small run; shared by
 * test_store_*.c. */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "store/internal.h"
#include "store/read.h"
#include "store/table.h"
#include "store/write.h"

#define OK(call) do { \
	struct qd_err e_ = { 0 }; \
	struct qd_err *err = &e_; \
	if ((call) != 0) { print_error("%s:%d: %s\n", __FILE__, __LINE__, e_.msg); fail(); } \
} while (0)

static char path[4200];

__attribute__((unused)) static void remove_store(const char *p)
{
	char side[4300];

	unlink(p);
	snprintf(side, sizeof(side), "%s-wal", p);
	unlink(side);
	snprintf(side, sizeof(side), "%s-shm", p);
	unlink(side);
}

__attribute__((unused)) static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/a.qdb", fs_tmp_dir(NULL));
	remove_store(path);
	return 0;
}

__attribute__((unused)) static int teardown(void **state)
{
	(void)state;
	fault_arm(FAULT_STORE, 0, false);
	fault_arm(FAULT_ALLOC, 0, false);
	remove_store(path);
	return 0;
}

/* SQL as a user of the sqlite3 program would run it. */
__attribute__((unused)) static void shell(const char *sql)
{
	sqlite3 *db;
	char *msg = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK) {
		print_error("%s: %s\n", sql, msg);
		fail();
	}
	sqlite3_close(db);
}

__attribute__((unused)) static int64_t query(struct store *st, const char *sql)
{
	int64_t v = -1;

	OK(sql_int(st, sql, -1, &v, err));
	return v;
}

__attribute__((unused)) static struct store *open_new(void)
{
	struct store *st = NULL;

	OK(store_create_or_open(path, STORE_CREATE, &st, err));
	return st;
}

/* Two models, data of three samples and a run, all inside the caller's transaction. */
__attribute__((unused)) static int add_run(struct store *st, int64_t *run_id, struct qd_err *err)
{
	static const struct store_sample samples[] = {
		{ 0, "page_0.npy", NULL }, { 1, "page_1.npy", NULL }, { 2, "page_2.npy", NULL },
	};
	struct store_model f = { 0, "float", "/m/f.onnx", "aa", 10, 20, "", 17, 3, "none" };
	struct store_model q = { 0, "quant", "/m/q.onnx", "bb", 11, 21, "", 17, 5, "qdq" };
	struct store_dataset d = { 0, "/d", "{}", "stamp", NULL, 3 };
	struct store_run r =
		{ .recipe = "{\"calibrate_method\":\"MinMax\",\"nodes_to_exclude\":[\"conv9\"]}",
		.options = "{}", .observer = "deployed", .engine = "1.32.0", .cpu = "avx2",
			.samples = 3 };
	bool existed;
	int rc = store_add_model(st, &f, &r.float_id, NULL, err);

	if (!rc)
		rc = store_add_model(st, &q, &r.quant_id, NULL, err);
	if (!rc)
		rc = store_add_dataset(st, &d, &r.dataset_id, &existed, err);
	if (!rc && !existed)
		rc = store_add_samples(st, r.dataset_id, samples, 3, err);
	return rc ? rc : store_add_run(st, &r, run_id, err);
}

__attribute__((unused)) static struct store_pair plain_pair(const char *kind, int64_t pos,
							    const char *tensor)
{
	return (struct store_pair){
		.kind = kind, .pos = pos, .tensor = tensor, .quant_tensor = "q", .node = "n",
			.op = "Conv",
		.matched_by = "structure", .observed = "deployed", .qtype = "uint8",
			.axis = STORE_NONE,
		.block_size = STORE_NONE, .scale = "0.5", .zero_point = "128", .scale0 = 0.5,
			.zero0 = 128,
		.qmin = 0, .qmax = 255, .channel_axis = 1, .shape = "[1, 3]",
	};
}

/* n elements with these powers; max error 1 at element 2 of sample 1. */
__attribute__((unused)) static struct store_sums plain_sums(double x2, double e2)
{
	struct store_sums s;

	store_sums_init(&s);
	s.n_samples = 2;
	s.n = 100;
	s.sum_x2 = x2;
	s.sum_e2 = e2;
	s.sum_y2 = x2;
	s.max_abs_e = 1;
	s.max_at = 2;
	s.max_sample = 1;
	s.min_x = s.min_y = -1;
	s.max_x = s.max_y = 2;
	return s;
}

#endif
