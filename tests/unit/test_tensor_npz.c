/* tensor/npz: members, rows, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "tensor/dtype.h"
#include "tensor/npz.h"
#include "tests/lib/data_files.h"

enum { ROWS = 50, COLS = 40 };

static int32_t table[ROWS][COLS];

/* "x" is the table, "y" a scalar 7, and a text file that is no array. */
static void put(const struct tdir *d, const char *name, bool deflate)
{
	static const int64_t seven = 7;
	size_t nx, ny;
	unsigned char *x, *y;
	int i, k;

	for (i = 0; i < ROWS; i++)
		for (k = 0; k < COLS; k++)
			table[i][k] = 1000 * i + k;
	x = npy_bytes("<i4", false, "(50, 40)", table, sizeof(table), &nx);
	y = npy_bytes("<i8", false, "()", &seven, 8, &ny);
	tdir_put_zip(d, name, deflate, (struct tmember[]){ { "x.npy", x, nx },
							   { "note.txt", "hi", 2 },
							   { "y.npy", y, ny } }, 3);
	free(x);
	free(y);
}

static void members_are_listed_by_array_name(void **state)
{
	struct npy_header h;
	struct qd_err err;
	struct npz *z;
	struct tdir d;

	(void)state;
	tdir_make(&d);
	put(&d, "a.npz", true);
	assert_int_equal(npz_open(tdir_path(&d, "a.npz"), &z, &err), 0);
	assert_int_equal(npz_count(z), 2);
	assert_string_equal(npz_name(z, 0), "x");
	assert_int_equal(npz_find(z, "y"), 1);
	assert_int_equal(npz_find(z, "note"), -1);
	assert_false(npz_is_stored(z, 0));
	assert_int_equal(npz_header(z, 0, &h, &err), 0);
	assert_int_equal(h.dtype, DT_INT32);
	assert_int_equal(h.dims[0], ROWS);
	assert_int_equal(h.dims[1], COLS);
	assert_int_equal(npz_header(z, 1, &h, &err), 0);
	assert_int_equal(h.rank, 0);
	npz_close(z);
	tdir_remove(&d);
}

static void whole_members_and_rows_are_read_stored_and_deflated(void **state)
{
	struct tensor t;
	struct qd_err err;
	struct npz *z;
	struct tdir d;
	int deflate;

	(void)state;
	tdir_make(&d);
	for (deflate = 0; deflate < 2; deflate++) {
		put(&d, "a.npz", deflate);
		assert_int_equal(npz_open(tdir_path(&d, "a.npz"), &z, &err), 0);
		assert_int_equal(npz_is_stored(z, 0), !deflate);
		assert_int_equal(npz_read(z, 0, &t, &err), 0);
		assert_memory_equal(t.data, table, sizeof(table));
		tensor_release(&t);
		assert_int_equal(npz_read(z, 1, &t, &err), 0);
		assert_int_equal(t.rank, 0);
		assert_true(tensor_get(&t, 0) == 7);
		tensor_release(&t);
		assert_int_equal(npz_read_rows(z, 0, 11, 3, &t, &err), 0);
		assert_int_equal(t.dims[0], 3);
		assert_memory_equal(t.data, table[11], sizeof(table[0]) * 3);
		tensor_release(&t);
		assert_int_equal(npz_read_rows(z, 0, 48, 2, &t, &err), 0);
		assert_memory_equal(t.data, table[48], sizeof(table[0]) * 2);
		tensor_release(&t);
		assert_int_equal(npz_read_rows(z, 0, 48, 3, &t, &err), QD_EINPUT);
		npz_close(z);
	}
	tdir_remove(&d);
}

/* Column-major (2, 2) of 1 2 / 3 4 is 1 3 2 4. */
static void fortran_members_become_c_order(void **state)
{
	static const double f[4] = { 1, 3, 2, 4 }, want[4] = { 1, 2, 3, 4 };
	struct tensor t;
	struct qd_err err;
	struct npz *z;
	struct tdir d;
	size_t n;
	unsigned char *p = npy_bytes("<f8", true, "(2, 2)", f, sizeof(f), &n);

	(void)state;
	tdir_make(&d);
	tdir_put_zip(&d, "a.npz", true, &(struct tmember){ "x.npy", p, n }, 1);
	free(p);
	assert_int_equal(npz_open(tdir_path(&d, "a.npz"), &z, &err), 0);
	assert_int_equal(npz_read(z, 0, &t, &err), 0);
	assert_memory_equal(t.data, want, sizeof(want));
	tensor_release(&t);
	assert_int_equal(npz_read_rows(z, 0, 1, 1, &t, &err), 0);
	assert_memory_equal(t.data, want + 2, 16);
	tensor_release(&t);
	npz_close(z);
	tdir_remove(&d);
}

static void what_is_no_archive_is_refused(void **state)
{
	struct qd_err err;
	struct npz *z;
	struct tdir d;

	(void)state;
	tdir_make(&d);
	tdir_put(&d, "a.npz", "this is no zip file at all, just text", 37);
	assert_int_equal(npz_open(tdir_path(&d, "a.npz"), &z, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "no .npz (zip) archive"));
	assert_null(z);
	assert_int_equal(npz_open(d.path, &z, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "a directory"));
	assert_int_equal(npz_open(tdir_path(&d, "none.npz"), &z, &err), QD_EINPUT);
	tdir_remove(&d);
}

static void a_member_that_is_not_as_long_as_its_header_is_refused(void **state)
{
	static const float v[3] = { 1, 2, 3 };
	struct npy_header h;
	struct qd_err err;
	struct npz *z;
	struct tdir d;
	size_t n, cut;
	unsigned char *p = npy_bytes("<f4", false, "(3,)", v, sizeof(v), &n);

	(void)state;
	tdir_make(&d);
	for (cut = 0; cut < n; cut += cut < 20 || cut > n - 20 ? 1 : 7) {
		tdir_put_zip(&d, "a.npz", cut & 1, &(struct tmember){ "x.npy", p, cut }, 1);
		assert_int_equal(npz_open(tdir_path(&d, "a.npz"), &z, &err), 0);
		assert_int_equal(npz_header(z, 0, &h, &err), QD_EINPUT);
		assert_non_null(strstr(err.msg, "a.npz: x: "));
		npz_close(z);
	}
	free(p);
	tdir_remove(&d);
}

static void read_all(const char *path, bool *good)
{
	struct tensor t;
	struct npz *z;
	struct qd_err err;
	long i;

	*good = true;
	if (npz_open(path, &z, &err)) {
		*good = false;
		return;
	}
	if (npz_count(z) != 2)
		*good = false;
	for (i = 0; i < npz_count(z); i++) {
		if (npz_read(z, i, &t, &err)) {
			*good = false;
			continue;
		}
		if (i == 0 && (t.bytes != sizeof(table) || memcmp(t.data, table, sizeof(table))))
			*good = false;
		tensor_release(&t);
	}
	npz_close(z);
}

static unsigned char *slurp(const char *path, size_t *n)
{
	unsigned char *p = malloc(1 << 16);
	FILE *f = fopen(path, "rb");

	assert_non_null(p);
	assert_non_null(f);
	*n = fread(p, 1, 1 << 16, f);
	fclose(f);
	return p;
}

/* No crash anywhere; and data changed in a deflated member is noticed by its checksum. */
static void an_archive_damaged_at_any_byte_never_gives_other_values(void **state)
{
	struct tdir d;
	unsigned char *p;
	size_t n, i;
	struct npz *z;
	struct tensor t;

	(void)state;
	tdir_make(&d);
	put(&d, "a.npz", true);
	p = slurp(tdir_path(&d, "a.npz"), &n);
	for (i = 0; i < n; i += i < 80 || i > n - 300 ? 1 : 13) {
		p[i] ^= 0x55;
		tdir_put(&d, "b.npz", p, n);
		p[i] ^= 0x55;
		if (npz_open(tdir_path(&d, "b.npz"), &z, NULL))
			continue;
		if (npz_find(z, "x") >= 0 && !npz_read(z, npz_find(z, "x"), &t, NULL)) {
			assert_int_equal(t.bytes, sizeof(table));
			assert_memory_equal(t.data, table, sizeof(table));
			tensor_release(&t);
		}
		npz_close(z);
	}
	free(p);
	tdir_remove(&d);
}

static void an_archive_cut_at_any_byte_is_refused(void **state)
{
	struct tdir d;
	unsigned char *p;
	size_t n, i;
	bool good;

	(void)state;
	tdir_make(&d);
	put(&d, "a.npz", true);
	p = slurp(tdir_path(&d, "a.npz"), &n);
	for (i = 0; i < n; i += i < 80 || i > n - 300 ? 1 : 13) {
		tdir_put(&d, "b.npz", p, i);
		read_all(tdir_path(&d, "b.npz"), &good);
		assert_false(good);
	}
	tdir_put(&d, "b.npz", p, n);
	read_all(tdir_path(&d, "b.npz"), &good);
	assert_true(good);
	free(p);
	tdir_remove(&d);
}

/* A header may claim any shape; the archive's directory must agree before anything is allocated. */
static void a_small_member_cannot_claim_a_huge_array(void **state)
{
	struct tensor t;
	struct qd_err err;
	struct npz *z;
	struct tdir d;
	size_t n;
	unsigned char *p = npy_bytes("<f4", false, "(1000000000000,)", "abcd", 4, &n);

	(void)state;
	tdir_make(&d);
	tdir_put_zip(&d, "a.npz", true, &(struct tmember){ "x.npy", p, n }, 1);
	free(p);
	assert_int_equal(npz_open(tdir_path(&d, "a.npz"), &z, &err), 0);
	assert_int_equal(npz_read(z, 0, &t, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "4000000000000"));
	npz_close(z);
	tdir_remove(&d);
}

static void every_fault_is_reported(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_ALLOC, FAULT_IO };
	struct tdir d;
	bool good = false;
	size_t k;
	long nth;

	(void)state;
	tdir_make(&d);
	put(&d, "a.npz", true);
	for (k = 0; k < 2; k++) {
		for (nth = 1;; nth++) {
			fault_arm(kinds[k], nth, false);
			read_all(tdir_path(&d, "a.npz"), &good);
			if (!fault_fired(kinds[k]))
				break;
			assert_false(good);
			assert_true(nth < 200);
		}
		fault_arm(kinds[k], 0, false);
		assert_true(good);
		assert_true(nth > 3);
	}
	tdir_remove(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_listed_by_array_name),
		cmocka_unit_test(whole_members_and_rows_are_read_stored_and_deflated),
		cmocka_unit_test(fortran_members_become_c_order),
		cmocka_unit_test(what_is_no_archive_is_refused),
		cmocka_unit_test(a_member_that_is_not_as_long_as_its_header_is_refused),
		cmocka_unit_test(an_archive_damaged_at_any_byte_never_gives_other_values),
		cmocka_unit_test(an_archive_cut_at_any_byte_is_refused),
		cmocka_unit_test(a_small_member_cannot_claim_a_huge_array),
		cmocka_unit_test(every_fault_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
