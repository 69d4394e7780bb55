/* tensor/npy: headers in all forms, hostile ones, order of elements, writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "tensor/dtype.h"
#include "tensor/npy.h"
#include "tests/lib/data_files.h"

static int parse(int version, const char *dict, struct npy_header *h, struct qd_err *err)
{
	size_t size;
	unsigned char *p = npy_text_bytes(version, dict, NULL, 0, &size);
	int rc = npy_header_parse(p, size, "a.npy", h, err);

	free(p);
	return rc;
}

static void a_plain_header_is_read(void **state)
{
	struct npy_header h;
	struct qd_err err;

	(void)state;
	assert_int_equal(parse(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", &h,
			       &err), 0);
	assert_int_equal(h.dtype, DT_FLOAT);
	assert_int_equal(h.rank, 2);
	assert_int_equal(h.dims[0], 2);
	assert_int_equal(h.dims[1], 3);
	assert_false(h.fortran);
	assert_int_equal(h.bytes, 24);          /* 2 * 3 * 4 */
	assert_int_equal(h.offset, 128);        /* 10 + 59 + newline, rounded up to 64 */
}

static void all_versions_key_orders_and_spacings_are_read(void **state)
{
	static const struct {
		int version;
		const char *dict;
		int rank;
		int64_t last;
		bool fortran;
	} good[] = {
		{ 1, "{'descr':'<f4','fortran_order':False,'shape':(7,)}", 1, 7, false },
		{ 2, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 5), }", 2, 5, true },
		{ 3, "{\"shape\": (), \"fortran_order\": False, \"descr\": \"<f4\"}", 0, 0, false },
		{ 1, "{ 'shape' : ( 3L , 4L ) , 'descr' : '<f4' , 'fortran_order' : False } ", 2, 4,
		  false },
		{ 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4,), }", 2, 4, false },
		{ 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (9,), }", 1, 9, false },
		{ 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }", 1, 0, false },
	};
	struct npy_header h;
	struct qd_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(parse(good[i].version, good[i].dict, &h, &err), 0);
		assert_int_equal(h.rank, good[i].rank);
		if (h.rank)
			assert_int_equal(h.dims[h.rank - 1], good[i].last);
		assert_int_equal(h.fortran, good[i].fortran);
	}
}

static void every_numpy_type_is_known(void **state)
{
	static const struct { const char *descr; int dtype; } types[] = {
		{ "<f4", DT_FLOAT }, { "<f8", DT_DOUBLE }, { "<f2", DT_FLOAT16 },
			{ "|b1", DT_BOOL },
		{ "|u1", DT_UINT8 }, { "|i1", DT_INT8 }, { "<u2", DT_UINT16 }, { "<i2", DT_INT16 },
		{ "<u4", DT_UINT32 }, { "<i4", DT_INT32 }, { "<u8", DT_UINT64 },
			{ "<i8", DT_INT64 },
		{ "<c8", DT_COMPLEX64 }, { ">u1", DT_UINT8 }, { "f4", DT_FLOAT },
			{ "=i4", DT_INT32 },
	};
	struct npy_header h;
	struct qd_err err;
	char dict[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(dict, sizeof(dict), "{'descr': '%s', 'fortran_order': False, 'shape': "
			 "(2,), }", types[i].descr);
		assert_int_equal(parse(1, dict, &h, &err), 0);
		assert_int_equal(h.dtype, types[i].dtype);
	}
}

static void what_needs_converting_is_refused_with_the_call(void **state)
{
	static const struct { const char *descr, *says; } bad[] = {
		{ "'>f4'", "big-endian (>f4), little-endian is wanted: save it as "
		  "arr.astype('<f4')" },
		{ "'>i8'", "arr.astype('<i8')" },
		{ "'|O'", "Python objects (|O)" },
		{ "'O'", "Python objects" },
		{ "'<U5'", "text (<U5)" },
		{ "'|S3'", "text" },
		{ "'<M8[ns]'", "element type <M8[ns], which is not known" },
		{ "'<f16'", "astype('<f4')" },
		{ "[('a', '<f4'), ('b', '<i4')]", "structured" },
		{ "''", "not known" },
		{ "'<f4444444444444444444444444444444444444444444444444444'", "not known" },
		{ "'\x1b[31m'", "\\x1b[31m" },
	};
	struct npy_header h;
	struct qd_err err;
	char dict[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(dict, sizeof(dict), "{'descr': %s, 'fortran_order': False, 'shape': (2,), "
			 "}", bad[i].descr);
		assert_int_equal(parse(1, dict, &h, &err), QD_EINPUT);
		assert_non_null(strstr(err.msg, bad[i].says));
		assert_memory_equal(err.msg, "a.npy: ", 7);
	}
}

static void damaged_dicts_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "{", "}", "{}", "[]", "None",
		"{'descr': '<f4', 'fortran_order': False}",
		"{'descr': '<f4', 'shape': (2,)}",
		"{'shape': (2,), 'fortran_order': False}",
		"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
		"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}",
		"{'descr': '<f\\x34', 'fortran_order': False, 'shape': (2,)}",
		"{'descr: '<f4', 'fortran_order': False, 'shape': (2,)}",
	};
	struct npy_header h;
	struct qd_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(1, bad[i], &h, &err), QD_EINPUT);
		assert_non_null(strstr(err.msg, "damaged .npy header"));
	}
}

static void impossible_shapes_are_refused(void **state)
{
	static const char *const bad[] = {
		"(4611686018427387904, 4611686018427387904)",           /* 2^124 elements */
		"(4611686018427387904,)",                               /* 2^64 bytes */
		"(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)",  /* rank 17 */
	};
	struct npy_header h;
	struct qd_err err;
	char dict[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(dict, sizeof(dict), "{'descr': '<f4', 'fortran_order': False, 'shape': "
			 "%s, }", bad[i]);
		assert_int_equal(parse(1, dict, &h, &err), QD_EINPUT);
		assert_non_null(strstr(err.msg, i < 2 ? "impossible" : "at most 16"));
	}
}

static void bad_prefixes_are_refused(void **state)
{
	static const struct { const char *bytes; size_t n; const char *says; } bad[] = {
		{ "", 0, "no .npy data" },
		{ "PK\3\4aaaaaaaaaa", 14, "no .npy data" },
		{ "\x93NUMPY", 6, "cut short" },
		{ "\x93NUMPY\0\0aaaa", 12, "version 0.0" },
		{ "\x93NUMPY\4\0aaaa", 12, "version 4.0" },
		{ "\x93NUMPY\2\0\xff\xff\xff\xff", 12, "at most 65535" },
		{ "\x93NUMPY\1\0\xff\xff  ", 12, "cut short" },
	};
	struct npy_header h;
	struct qd_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(npy_header_parse(bad[i].bytes, bad[i].n, "a.npy", &h, &err),
				 QD_EINPUT);
		assert_non_null(strstr(err.msg, bad[i].says));
	}
}

static void a_file_cut_at_any_byte_is_refused(void **state)
{
	static const float data[6] = { 1, 2, 3, 4, 5, 6 };
	struct tensor t;
	struct tdir d;
	struct qd_err err;
	unsigned char *p;
	size_t size, n;
	int version;

	(void)state;
	tdir_make(&d);
	for (version = 1; version <= 3; version++) {
		p = npy_text_bytes(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, "
				   "3), }", data, sizeof(data), &size);
		for (n = 0; n < size; n++) {
			/* its end is watched by the sanitizer */
			unsigned char *cut = malloc(n ? n : 1);

			assert_non_null(cut);
			memcpy(cut, p, n);
			assert_int_equal(npy_view(cut, n, "a.npy", &t, &err), QD_EINPUT);
			assert_null(t.data);
			free(cut);
			tdir_put(&d, "a.npy", p, n);
			assert_int_equal(npy_read_file(tdir_path(&d, "a.npy"), &t, &err),
					 QD_EINPUT);
			assert_null(t.data);
		}
		tdir_put(&d, "a.npy", p, size);
		assert_int_equal(npy_read_file(tdir_path(&d, "a.npy"), &t, &err), 0);
		assert_memory_equal(t.data, data, sizeof(data));
		tensor_release(&t);
		free(p);
	}
	tdir_remove(&d);
}

static void bytes_behind_the_array_are_refused(void **state)
{
	static const float data[3] = { 1, 2, 3 };
	struct tensor t;
	struct qd_err err;
	size_t size;
	unsigned char *p = npy_bytes("<f4", false, "(2,)", data, 12, &size);

	(void)state;
	assert_int_equal(npy_view(p, size, "a.npy", &t, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "too long"));
	free(p);
}

static void a_long_header_is_read(void **state)
{
	char dict[3000];
	struct npy_header h;
	struct tensor t;
	struct qd_err err;
	struct tdir d;
	unsigned char *p;
	size_t size;

	(void)state;
	snprintf(dict, sizeof(dict), "{'descr': '<i2', 'fortran_order': False,%*s'shape': (1,)}",
		 2500, "");
	assert_int_equal(parse(1, dict, &h, &err), 0);
	tdir_make(&d);
	p = npy_text_bytes(1, dict, "\1\2", 2, &size);
	tdir_put(&d, "a.npy", p, size);
	assert_int_equal(npy_read_file(tdir_path(&d, "a.npy"), &t, &err), 0);
	assert_int_equal((int)tensor_get(&t, 0), 0x0201);
	tensor_release(&t);
	free(p);
	tdir_remove(&d);
}

/* Column-major (2, 3, 2): element (i, j, k) is at i + 2 j + 6 k; its value here is 100 i + 10 j +
 * k. */
static void fortran_order_becomes_c_order(void **state)
{
	int16_t f[12], want[12];
	struct tensor t;
	struct qd_err err;
	unsigned char *p;
	size_t size;
	int i, j, k;

	(void)state;
	for (i = 0; i < 2; i++)
		for (j = 0; j < 3; j++)
			for (k = 0; k < 2; k++) {
				f[i + 2 * j + 6 * k] = (int16_t)(100 * i + 10 * j + k);
				want[i * 6 + j * 2 + k] = (int16_t)(100 * i + 10 * j + k);
			}
	p = npy_bytes("<i2", true, "(2, 3, 2)", f, sizeof(f), &size);
	assert_int_equal(npy_view(p, size, "a.npy", &t, &err), 0);
	assert_non_null(t.owner);
	assert_memory_equal(t.data, want, sizeof(want));
	tensor_release(&t);
	free(p);
}

static void a_view_borrows_when_aligned_and_copies_otherwise(void **state)
{
	static const double data[2] = { 1.5, -2.5 };
	struct tensor t;
	struct qd_err err;
	unsigned char *p, *shifted;
	size_t size;

	(void)state;
	p = npy_bytes("<f8", false, "(2,)", data, sizeof(data), &size);
	assert_int_equal(npy_view(p, size, "a.npy", &t, &err), 0);
	assert_null(t.owner);
	assert_ptr_equal(t.data, p + size - sizeof(data));
	shifted = malloc(size + 1);
	assert_non_null(shifted);
	memcpy(shifted + 1, p, size);
	assert_int_equal(npy_view(shifted + 1, size, "a.npy", &t, &err), 0);
	assert_non_null(t.owner);
	assert_memory_equal(t.data, data, sizeof(data));
	tensor_release(&t);
	free(shifted);
	free(p);
}

/* The bytes numpy.save() writes for np.array([1, 2], '<f4'): 10 bytes, text, 20 blanks of room
 * for the first dimension (21 digits less one), blanks up to a multiple of 64, newline. */
static void writing_matches_numpy_byte_for_byte(void **state)
{
	static const char dict[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
	static const float v[2] = { 1, 2 };
	char want[136], *got = NULL;
	size_t n = 0;
	struct tensor t;
	int64_t dims[1] = { 2 };
	const char *note = "unset";
	FILE *f;

	(void)state;
	memset(want, ' ', sizeof(want));
	memcpy(want, "\x93NUMPY\1\0\x76\0", 10);         /* 0x76 = 118 = 128 - 10 */
	memcpy(want + 10, dict, strlen(dict));
	want[127] = '\n';
	memcpy(want + 128, v, 8);
	assert_true(tensor_shape(&t, DT_FLOAT, 1, dims));
	t.data = v;
	f = open_memstream(&got, &n);
	assert_int_equal(npy_write(f, &t, "a.npy", &note, NULL), 0);
	fclose(f);
	assert_null(note);
	assert_int_equal(n, sizeof(want));
	assert_memory_equal(got, want, n);
	free(got);
}

static void every_type_survives_a_round_trip_bit_for_bit(void **state)
{
	static const int types[] = { DT_FLOAT, DT_DOUBLE, DT_FLOAT16, DT_BOOL, DT_UINT8, DT_INT8,
				     DT_UINT16, DT_INT16, DT_UINT32, DT_INT32, DT_UINT64, DT_INT64,
				     DT_COMPLEX64, DT_COMPLEX128 };
	static const struct { int rank; int64_t dims[4]; } shapes[] = {
		{ 0, { 0 } }, { 1, { 1 } }, { 1, { 0 } }, { 2, { 3, 5 } }, { 4, { 2, 1, 3, 2 } },
			{ 3, { 2, 0, 4 } },
	};
	unsigned char bytes[16 * 15];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 37 + 11);        /* NaN patterns and all */
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		for (k = 0; k < sizeof(shapes) / sizeof(shapes[0]); k++) {
			struct tensor t, back;
			struct qd_err err;
			char *p = NULL;
			size_t n = 0;
			FILE *f = open_memstream(&p, &n);

			assert_true(tensor_shape(&t, types[i], shapes[k].rank, shapes[k].dims));
			t.data = bytes;
			assert_int_equal(npy_write(f, &t, "a.npy", NULL, &err), 0);
			fclose(f);
			assert_int_equal((n - t.bytes) % 64, 0);
			assert_int_equal(npy_view(p, n, "a.npy", &back, &err), 0);
			assert_int_equal(back.dtype, t.dtype);
			assert_int_equal(back.rank, t.rank);
			assert_memory_equal(back.dims, t.dims, sizeof(t.dims));
			assert_memory_equal(back.data, bytes, t.bytes);
			tensor_release(&back);
			free(p);
		}
	}
}

static void types_numpy_lacks_are_widened_with_a_note(void **state)
{
	/* bfloat16 0x3FC0 = 1.5, 0xC000 = -2; int4 nibbles 7, -8, 3; uint4 15, 0, 9; e4m3fn 0x38
	 * = 1 */
	static const uint16_t bf[2] = { 0x3FC0, 0xC000 };
	static const unsigned char i4[2] = { 0x87, 0x03 }, u4[2] = { 0x0F, 0x09 }, f8[1] = { 0x38 };
	static const struct {
		int from, to;
		const void *data;
		int64_t n;
		double want[3];
		const char *note;
	} cases[] = {
		{ DT_BFLOAT16, DT_FLOAT, bf, 2, { 1.5, -2 }, "bfloat16 written as float32" },
		{ DT_INT4, DT_INT8, i4, 3, { 7, -8, 3 }, "int4 written as int8" },
		{ DT_UINT4, DT_UINT8, u4, 3, { 15, 0, 9 }, "uint4 written as uint8" },
		{ DT_F8E4M3FN, DT_FLOAT, f8, 1, { 1 }, "float8e4m3fn written as float32" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tensor t, back;
		const char *note = NULL;
		char *p = NULL;
		size_t n = 0;
		FILE *f = open_memstream(&p, &n);
		int64_t k;

		assert_true(tensor_shape(&t, cases[i].from, 1, &cases[i].n));
		t.data = cases[i].data;
		assert_int_equal(npy_write(f, &t, "a.npy", &note, NULL), 0);
		fclose(f);
		assert_non_null(strstr(note, cases[i].note));
		assert_int_equal(npy_view(p, n, "a.npy", &back, NULL), 0);
		assert_int_equal(back.dtype, cases[i].to);
		for (k = 0; k < t.n; k++)
			assert_true(tensor_get(&back, k) == cases[i].want[k]);
		tensor_release(&back);
		free(p);
	}
}

static void writing_to_a_full_disk_is_an_error(void **state)
{
	struct tensor t;
	struct qd_err err;
	int64_t dims[1] = { 100000 };
	FILE *f = fopen("/dev/full", "wb");

	(void)state;
	if (!f)
		skip();
	assert_true(tensor_alloc(&t, DT_DOUBLE, 1, dims));
	memset(t.owner, 0, t.bytes);
	assert_int_equal(npy_write(f, &t, "a.npy", NULL, &err), QD_EDISK);
	fclose(f);
	tensor_release(&t);
}

static void rows_are_read_by_themselves(void **state)
{
	static const int32_t data[8] = { 0, 1, 10, 11, 20, 21, 30, 31 };
	/* the same, column-major */
	static const int32_t columns[8] = { 0, 10, 20, 30, 1, 11, 21, 31 };
	struct npy_header h;
	struct tensor t;
	struct qd_err err;
	struct tdir d;
	int order;

	(void)state;
	tdir_make(&d);
	for (order = 0; order < 2; order++) {
		FILE *f;

		tdir_put_npy(&d, "a.npy", "<i4", order, "(4, 2)", order ? columns : data,
			     sizeof(data));
		f = fopen(tdir_path(&d, "a.npy"), "rb");
		assert_non_null(f);
		assert_int_equal(npy_header_read(fileno(f), 128 + sizeof(data), "a.npy", &h, &err),
				 0);
		assert_int_equal(npy_read_rows(fileno(f), &h, 1, 2, "a.npy", &t, &err), 0);
		assert_int_equal(t.dims[0], 2);
		assert_memory_equal(t.data, data + 2, 16);
		tensor_release(&t);
		assert_int_equal(npy_read_rows(fileno(f), &h, 4, 0, "a.npy", &t, &err), 0);
		assert_int_equal(t.n, 0);
		tensor_release(&t);
		fclose(f);
	}
	tdir_remove(&d);
}

static void every_fault_while_reading_is_reported(void **state)
{
	static const int32_t data[4] = { 1, 2, 3, 4 };
	static const enum fault_kind kinds[] = { FAULT_ALLOC, FAULT_IO };
	struct tensor t;
	struct qd_err err;
	struct tdir d;
	size_t k;
	long nth;
	int rc;

	(void)state;
	tdir_make(&d);
	tdir_put_npy(&d, "a.npy", "<i4", true, "(2, 2)", data, sizeof(data));
	for (k = 0; k < 2; k++) {
		for (nth = 1;; nth++) {
			fault_arm(kinds[k], nth, false);
			rc = npy_read_file(tdir_path(&d, "a.npy"), &t, &err);
			if (!fault_fired(kinds[k]))
				break;
			fault_arm(kinds[k], 0, false);
			assert_int_not_equal(rc, 0);
			assert_null(t.data);
			assert_true(nth < 100);
		}
		fault_arm(kinds[k], 0, false);
		assert_int_equal(rc, 0);
		assert_true(nth > 1);
		tensor_release(&t);
	}
	tdir_remove(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_header_is_read),
		cmocka_unit_test(all_versions_key_orders_and_spacings_are_read),
		cmocka_unit_test(every_numpy_type_is_known),
		cmocka_unit_test(what_needs_converting_is_refused_with_the_call),
		cmocka_unit_test(damaged_dicts_are_refused),
		cmocka_unit_test(impossible_shapes_are_refused),
		cmocka_unit_test(bad_prefixes_are_refused),
		cmocka_unit_test(a_file_cut_at_any_byte_is_refused),
		cmocka_unit_test(bytes_behind_the_array_are_refused),
		cmocka_unit_test(a_long_header_is_read),
		cmocka_unit_test(fortran_order_becomes_c_order),
		cmocka_unit_test(a_view_borrows_when_aligned_and_copies_otherwise),
		cmocka_unit_test(writing_matches_numpy_byte_for_byte),
		cmocka_unit_test(every_type_survives_a_round_trip_bit_for_bit),
		cmocka_unit_test(types_numpy_lacks_are_widened_with_a_note),
		cmocka_unit_test(writing_to_a_full_disk_is_an_error),
		cmocka_unit_test(rows_are_read_by_themselves),
		cmocka_unit_test(every_fault_while_reading_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
