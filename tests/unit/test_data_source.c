/* data/source: what a directory may hold, the rules for samples, messages, reading, faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "data/source.h"
#include "tensor/dtype.h"
#include "tests/lib/data_files.h"

static const int64_t any_rows_2[] = { -1, 2 }, one_row_2[] = { 1, 2 }, two_rows_2[] = { 2, 2 },
any[] = { -1 };
static const struct data_input x_any = { "x", DT_FLOAT, 2, any_rows_2, false };
static const struct data_input x_one = { "x", DT_FLOAT, 2, one_row_2, false };
static const struct data_input x_two = { "x", DT_FLOAT, 2, two_rows_2, false };

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
	tdir_remove(&dir);
	return 0;
}

/* float32 (rows, 2) with the values first, first + 1, … */
static void put_x(const char *name, int rows, float first)
{
	float v[400];
	char shape[40];
	int i;

	for (i = 0; i < 2 * rows; i++)
		v[i] = first + (float)i;
	snprintf(shape, sizeof(shape), "(%d, 2)", rows);
	tdir_put_npy(&dir, name, "<f4", false, shape, v, sizeof(float) * 2 * (size_t)rows);
}

static int open_with(const struct data_input *in, int n, struct data_options opt,
		     struct data_source **src, struct qd_err *err)
{
	return data_open(dir.path, in, n, &opt, src, err);
}

static void refuse(const struct data_input *in, int n, struct data_options opt, int code,
		   const char *says)
{
	struct data_source *src;
	struct qd_err err = { 0 };

	assert_int_equal(open_with(in, n, opt, &src, &err), code);
	assert_null(src);
	if (!strstr(err.msg, says))
		fail_msg("'%s' is not in '%s'", says, err.msg);
}

static struct data_source *must_open(const struct data_input *in, int n, struct data_options opt)
{
	struct data_source *src;
	struct qd_err err = { 0 };

	if (open_with(in, n, opt, &src, &err))
		fail_msg("%s", err.msg);
	return src;
}

/* Read sample i: shape text of input k, and its first value. */
static double first_value(struct data_source *src, int64_t i, int k, const char *shape)
{
	struct data_sample s;
	struct qd_err err = { 0 };
	char buf[100];
	double v;

	if (data_read(src, i, &s, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(tensor_shape_text(s.tensors[k].rank, s.tensors[k].dims, buf,
					      sizeof(buf)), shape);
	v = tensor_get(&s.tensors[k], 0);
	data_sample_release(&s);
	return v;
}

static void expect_name(const struct data_source *src, int64_t i, const char *want)
{
	char buf[300];

	assert_string_equal(data_name(src, i, buf, sizeof(buf)), want);
}

static bool logged(const char *text)
{
	struct log_line l;
	long first, last;

	log_range(&first, &last);
	for (; first <= last; first++) {
		if (log_get(first, &l) && strstr(l.text, text))
			return true;
	}
	return false;
}

/* --- directories ----------------------------------------------------------- */

static void samples_come_in_natural_order_and_other_files_are_counted(void **state)
{
	struct data_source *src;

	(void)state;
	put_x("page_10.npy", 1, 10);
	put_x("page_9.npy", 1, 9);
	put_x("page_2.npy", 1, 2);
	put_x("Page_3.NPY", 1, 3);
	tdir_put(&dir, "README-of-order.txt", "x", 1);
	tdir_put(&dir, ".hidden.npy", "x", 1);
	tdir_mkdir(&dir, "empty-folder");
	src = must_open(&x_any, 1, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 4);
	expect_name(src, 0, "Page_3.NPY");
	expect_name(src, 1, "page_2.npy");
	expect_name(src, 2, "page_9.npy");
	expect_name(src, 3, "page_10.npy");
	assert_true(first_value(src, 3, 0, "[1, 2]") == 10);
	assert_true(logged("2 other files ignored"));
	assert_false(data_is_random(src));
	data_close(src);
}

static void unusable_directories_are_named(void **state)
{
	struct data_source *src;
	struct qd_err err;

	(void)state;
	refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, "is empty");
	tdir_put(&dir, "cat.png", "x", 1);
	refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, "only 1 other files (cat.png)");
	assert_int_equal(data_open(tdir_path(&dir, "cat.png"), &x_any, 1, NULL, &src, &err),
			 QD_EINPUT);
	assert_non_null(strstr(err.msg, "is a file, a directory of samples is wanted"));
	assert_int_equal(data_open(tdir_path(&dir, "nowhere"), &x_any, 1, NULL, &src, &err),
			 QD_EINPUT);
	assert_non_null(strstr(err.msg, "No such file"));
	tdir_put(&dir, "input_0.pb", "x", 1);
	refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, "give the directory above it");
	put_x("a.npy", 1, 0);
	tdir_put_zip(&dir, "b.npz", false, &(struct tmember){ "x.npy", "", 0 }, 1);
	refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, "1 .npz files (b.npz) and 1 .npy "
	       "files (a.npy)");
	assert_int_equal(data_open(dir.path, NULL, 0, NULL, &src, &err), QD_EINPUT);
}

static void a_fifo_or_folder_among_the_samples_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(tdir_path(&dir, "a.npy"), 0600), 0);
	refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, "not a regular file");
	unlink(tdir_path(&dir, "a.npy"));
	tdir_mkdir(&dir, "a.npy");
	refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, "is a directory");
}

static void scanning_can_be_interrupted(void **state)
{
	struct cancel c;

	(void)state;
	put_x("a.npy", 1, 0);
	atomic_init(&c.why, SIGINT);
	refuse(&x_any, 1, (struct data_options){ .cancel = &c }, QD_ECANCEL, "interrupted");
}

/* --- samples and rows ------------------------------------------------------ */

static void a_fixed_first_dimension_cuts_files_into_samples(void **state)
{
	struct data_source *src;

	(void)state;
	put_x("a.npy", 2, 0);
	put_x("b.npy", 6, 100);
	put_x("c.npy", 2, 200);
	src = must_open(&x_two, 1, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 5);
	expect_name(src, 0, "a.npy");
	expect_name(src, 1, "b.npy#0");
	expect_name(src, 3, "b.npy#2");
	expect_name(src, 4, "c.npy");
	assert_true(first_value(src, 3, 0, "[2, 2]") == 108);   /* 100 + 2 samples of 2 x 2 */
	assert_true(first_value(src, 4, 0, "[2, 2]") == 200);
	assert_int_equal(data_file_count(src), 3);
	data_close(src);
	put_x("b.npy", 5, 0);
	refuse(&x_two, 1, (struct data_options){ 0 }, QD_EINPUT,
	       "b.npy: input 'x' has 5 rows, a multiple of 2 is wanted");
	put_x("b.npy", 0, 0);
	refuse(&x_two, 1, (struct data_options){ 0 }, QD_EINPUT, "b.npy: input 'x' has no rows");
}

static void a_symbolic_first_dimension_takes_the_file_or_batches(void **state)
{
	struct data_source *src;

	(void)state;
	put_x("a.npy", 7, 0);
	put_x("b.npy", 3, 100);
	src = must_open(&x_any, 1, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 2);
	assert_true(first_value(src, 0, 0, "[7, 2]") == 0);
	data_close(src);
	src = must_open(&x_any, 1, (struct data_options){ .batch = 3 });
	assert_int_equal(data_count(src), 4);                   /* 3 + 3 + 1, 3 */
	assert_true(first_value(src, 1, 0, "[3, 2]") == 6);
	assert_true(first_value(src, 2, 0, "[1, 2]") == 12);    /* what is left */
	assert_true(first_value(src, 3, 0, "[3, 2]") == 100);
	expect_name(src, 2, "a.npy#2");
	expect_name(src, 3, "b.npy");
	data_close(src);
}

static void many_rows_without_batch_are_remarked(void **state)
{
	struct data_source *src;

	(void)state;
	put_x("sixty-five-rows.npy", 65, 0);
	data_close(must_open(&x_any, 1, (struct data_options){ .batch = 8 }));
	assert_false(logged("sixty-five-rows.npy"));
	src = must_open(&x_any, 1, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 1);
	assert_true(logged("sixty-five-rows.npy: input 'x' has 65 rows"));
	data_close(src);
	put_x("sixty-five-rows.npy", 64, 0);
	tdir_put(&dir, "b.txt", "", 0);
	rename(tdir_path(&dir, "sixty-five-rows.npy"), tdir_path(&dir, "sixty-four-rows.npy"));
	data_close(must_open(&x_any, 1, (struct data_options){ 0 }));
	assert_false(logged("sixty-four-rows.npy"));
}

static void batch_against_a_fixed_dimension_is_wrong_usage(void **state)
{
	(void)state;
	put_x("a.npy", 4, 0);
	refuse(&x_two, 1, (struct data_options){ .batch = 4 }, QD_EUSAGE, "fixed to 2; leave "
	       "--batch out");
	data_close(must_open(&x_two, 1, (struct data_options){ .batch = 2 }));
}

static void samples_limits_what_is_read_and_opened(void **state)
{
	struct data_source *src;

	(void)state;
	put_x("a.npy", 3, 0);
	put_x("b.npy", 3, 10);
	tdir_put(&dir, "c.npy", "bad", 3);
	src = must_open(&x_one, 1, (struct data_options){ .samples = 5 });
	assert_int_equal(data_count(src), 5);
	assert_int_equal(data_file_count(src), 2);
	expect_name(src, 4, "b.npy#1");
	data_close(src);
	src = must_open(&x_one, 1, (struct data_options){ .samples = 1 });
	assert_int_equal(data_count(src), 1);
	expect_name(src, 0, "a.npy#0");
	data_close(src);
	refuse(&x_one, 1, (struct data_options){ .samples = 7 }, QD_EINPUT, "c.npy");
}

static void shapes_may_differ_where_they_are_symbolic(void **state)
{
	static const int64_t dims[] = { 1, -1 };
	const struct data_input in = { "x", DT_FLOAT, 2, dims, false };
	static const float v[3] = { 1, 2, 3 };
	struct data_source *src;

	(void)state;
	tdir_put_npy(&dir, "a.npy", "<f4", false, "(1, 3)", v, 12);
	tdir_put_npy(&dir, "b.npy", "<f4", false, "(1, 2)", v, 8);
	tdir_put_npy(&dir, "c.npy", "<f4", false, "(3, 1)", v, 12);
	src = must_open(&in, 1, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 5);
	first_value(src, 0, 0, "[1, 3]");
	first_value(src, 1, 0, "[1, 2]");
	assert_true(first_value(src, 4, 0, "[1, 1]") == 3);
	data_close(src);
}

static void fortran_files_with_several_samples_are_cut_by_rows(void **state)
{
	/* (3, 2) with rows 0 1 / 10 11 / 20 21, column-major */
	static const float f[6] = { 0, 10, 20, 1, 11, 21 };
	struct data_source *src;
	struct data_sample s;

	(void)state;
	tdir_put_npy(&dir, "a.npy", "<f4", true, "(3, 2)", f, sizeof(f));
	src = must_open(&x_one, 1, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 3);
	assert_int_equal(data_read(src, 2, &s, NULL), 0);
	assert_true(tensor_get(&s.tensors[0], 0) == 20 && tensor_get(&s.tensors[0], 1) == 21);
	data_sample_release(&s);
	data_close(src);
}

static void scalar_inputs_and_unknown_shapes_work(void **state)
{
	const struct data_input scalar = { "s", DT_INT64, 0, NULL, false },
		unknown = { "u", DT_INT64, -1, NULL, false };
	static const int64_t v[4] = { 5, 6, 7, 8 };
	struct data_source *src;

	(void)state;
	tdir_put_npy(&dir, "a.npy", "<i8", false, "()", v, 8);
	src = must_open(&scalar, 1, (struct data_options){ 0 });
	assert_true(first_value(src, 0, 0, "[]") == 5);
	data_close(src);
	tdir_put_npy(&dir, "b.npy", "<i8", false, "(2, 2)", v, 32);
	src = must_open(&unknown, 1, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 2);
	first_value(src, 0, 0, "[]");
	first_value(src, 1, 0, "[2, 2]");
	data_close(src);
}

/* --- what does not fit ----------------------------------------------------- */

static void every_misfit_names_file_input_seen_and_wanted(void **state)
{
	static const struct { const char *descr, *shape; size_t n; const char *says; } bad[] = {
		{ "<f8", "(1, 2)", 16, "a.npy: input 'x' is float64, float32 is wanted: save it as "
		  "arr.astype('<f4')" },
		{ "|u1", "(1, 2)", 2, "a.npy: input 'x' is uint8, float32 is wanted" },
		{ ">f4", "(1, 2)", 8, "a.npy: is big-endian (>f4), little-endian is wanted" },
		{ "|O", "(1, 2)", 16, "Python objects" },
		{ "<f4", "(2,)", 8, "a.npy: input 'x' has shape [2], [?, 2] is wanted (arr[None] "
		  "adds" },
		{ "<f4", "(1, 1, 2)", 8, "has shape [1, 1, 2], [?, 2] is wanted" },
		{ "<f4", "(1, 3)", 12, "has shape [1, 3], [?, 2] is wanted" },
		{ "<f4", "()", 4, "has shape [], [?, 2] is wanted" },
		{ "<f4", "(1, 2)", 7, "cut short" },
	};
	static const char zeros[32];
	const struct data_input boolean = { "m", DT_BOOL, 1, any, false },
		half = { "h", DT_BFLOAT16, 1, any, false };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tdir_put_npy(&dir, "a.npy", bad[i].descr, false, bad[i].shape, zeros, bad[i].n);
		refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, bad[i].says);
		refuse(&x_any, 1, (struct data_options){ 0 }, QD_EINPUT, dir.path);
	}
	tdir_put_npy(&dir, "a.npy", "<f4", false, "(2,)", zeros, 8);
	refuse(&boolean, 1, (struct data_options){ 0 }, QD_EINPUT, "bool is wanted: save it as "
	       "arr.astype('|b1')");
	refuse(&half, 1, (struct data_options){ 0 }, QD_EINPUT, "bfloat16 is wanted, which numpy "
	       "cannot hold");
}

static void npy_files_are_for_models_with_one_input(void **state)
{
	const struct data_input two[] = { x_any, { "y", DT_FLOAT, 2, any_rows_2, false } };
	const struct data_input optional[] = { { "o", DT_FLOAT, 2, any_rows_2, true }, x_any };
	struct data_source *src;
	struct data_sample s;

	(void)state;
	put_x("a.npy", 1, 3);
	refuse(two, 2, (struct data_options){ 0 }, QD_EINPUT, "numpy.savez(file, **{'x': …, 'y': "
	       "…})");
	src = must_open(optional, 2, (struct data_options){ 0 });
	assert_int_equal(data_read(src, 0, &s, NULL), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.tensors[0].dtype, DT_UNDEFINED);
	assert_true(tensor_get(&s.tensors[1], 0) == 3);
	data_sample_release(&s);
	data_close(src);
}

static void an_npy_file_cut_at_any_byte_is_refused(void **state)
{
	unsigned char *p;
	size_t size, n;
	struct data_source *src;

	(void)state;
	p = npy_bytes("<f4", false, "(1, 2)", "abcdefgh", 8, &size);
	for (n = 0; n < size; n++) {
		tdir_put(&dir, "a.npy", p, n);
		assert_int_equal(open_with(&x_any, 1, (struct data_options){ 0 }, &src, NULL),
				 QD_EINPUT);
	}
	free(p);
}

/* --- npz ------------------------------------------------------------------- */

/* x float32 (rows, 2) counting from `first`, n int64 (rows,) of 7s, s scalar int32 3; extra key
 * "label". */
static void put_npz(const char *name, int rows, float first, bool deflate, bool with_n)
{
	float x[200];
	int64_t n[100];
	int32_t s = 3;
	char shape[2][40];
	struct tmember m[4];
	int i;

	for (i = 0; i < 2 * rows; i++)
		x[i] = first + (float)i;
	for (i = 0; i < rows; i++)
		n[i] = 7 + i;
	snprintf(shape[0], sizeof(shape[0]), "(%d, 2)", rows);
	snprintf(shape[1], sizeof(shape[1]), "(%d,)", rows);
	m[0].name = "s.npy";
	m[0].data = npy_bytes("<i4", false, "()", &s, 4, &m[0].n);
	m[1].name = "x.npy";
	m[1].data = npy_bytes("<f4", false, shape[0], x, 8 * (size_t)rows, &m[1].n);
	m[2].name = "label.npy";
	m[2].data = npy_bytes("<i4", false, "()", &s, 4, &m[2].n);
	m[3].name = "n.npy";
	m[3].data = npy_bytes("<i8", false, shape[1], n, 8 * (size_t)rows, &m[3].n);
	tdir_put_zip(&dir, name, deflate, m, with_n ? 4 : 3);
	for (i = 0; i < 4; i++)
		free((void *)m[i].data);
}

static const struct data_input xns[] = {
	{ "x", DT_FLOAT, 2, one_row_2, false },
	{ "n", DT_INT64, 1, (const int64_t[]){ 1 }, true },
	{ "s", DT_INT32, 0, NULL, false },
};

static void npz_members_become_inputs_and_scalars_go_to_each_sample(void **state)
{
	struct data_source *src;
	struct data_sample s;
	int deflate;

	(void)state;
	for (deflate = 0; deflate < 2; deflate++) {
		put_npz("a.npz", 3, 0, deflate, true);
		put_npz("b.npz", 1, 50, deflate, false);
		src = must_open(xns, 3, (struct data_options){ 0 });
		assert_int_equal(data_count(src), 4);
		assert_int_equal(data_read(src, 2, &s, NULL), 0);
		assert_true(tensor_get(&s.tensors[0], 1) == 5);
		assert_true(tensor_get(&s.tensors[1], 0) == 9);
		assert_true(tensor_get(&s.tensors[2], 0) == 3);
		data_sample_release(&s);
		assert_true(first_value(src, 0, 1, "[1]") == 7);
		assert_int_equal(data_read(src, 3, &s, NULL), 0);
		assert_true(tensor_get(&s.tensors[0], 0) == 50);
		assert_int_equal(s.tensors[1].dtype, DT_UNDEFINED);     /* optional, not there */
		assert_null(s.tensors[1].data);
		data_sample_release(&s);
		data_close(src);
	}
	assert_true(logged("a.npz: 'label' and others like it are ignored"));
}

static void npz_inputs_that_are_missing_or_disagree_are_named(void **state)
{
	const struct data_input other[] = { { "X0", DT_FLOAT, 2, one_row_2, false } };
	const struct data_input uneven[] = { x_two, { "n", DT_INT64, 1, (const int64_t[]){ 1 },
						      false } };
	const struct data_input rows[] = { x_any, { "y", DT_INT64, 1, any, false } };
	struct tmember m[2];
	static const char zeros[160];

	(void)state;
	put_npz("a.npz", 4, 0, true, true);
	refuse(other, 1, (struct data_options){ 0 }, QD_EINPUT, "a.npz: has no array for input "
	       "'X0', it holds 's', 'x'");
	refuse(uneven, 2, (struct data_options){ 0 }, QD_EINPUT, "input 'x' holds 2 samples and "
	       "'n' 4");
	m[0].name = "x.npy";
	m[0].data = npy_bytes("<f4", false, "(10, 2)", zeros, 80, &m[0].n);
	m[1].name = "y.npy";
	m[1].data = npy_bytes("<i8", false, "(9,)", zeros, 72, &m[1].n);
	tdir_put_zip(&dir, "a.npz", true, m, 2);
	/* by 4 both give 3 samples, but not the same ones */
	refuse(rows, 2, (struct data_options){ .batch = 4 }, QD_EINPUT, "input 'x' holds 10 rows "
	       "and 'y' 9");
	data_close(must_open(rows, 2, (struct data_options){ 0 }));
	free((void *)m[0].data);
	free((void *)m[1].data);
}

static void a_corrupt_archive_stops_the_scan(void **state)
{
	(void)state;
	put_npz("a.npz", 1, 0, true, true);
	tdir_put(&dir, "b.npz", "PK\3\4 and then nothing", 22);
	refuse(xns, 3, (struct data_options){ 0 }, QD_EINPUT, "b.npz: is no .npz");
}

/* --- ONNX test data -------------------------------------------------------- */

/* field 1 dims, field 2 type, field 9 raw_data */
static void put_pb(const char *name, int dtype, int rank, const unsigned char *dims,
		   const void *data, size_t n)
{
	unsigned char p[200];
	size_t k = 0;
	int i;

	for (i = 0; i < rank; i++) {
		p[k++] = 0x08;
		p[k++] = dims[i];
	}
	p[k++] = 0x10;
	p[k++] = (unsigned char)dtype;
	p[k++] = 0x4A;
	p[k++] = (unsigned char)n;
	memcpy(p + k, data, n);
	tdir_put(&dir, name, p, k + n);
}

static void folders_of_onnx_test_data_are_samples(void **state)
{
	static const float v[4] = { 1, 2, 3, 4 };
	static const int64_t seven = 7;
	const struct data_input in[] = { x_one, { "n", DT_INT64, 0, NULL, true } };
	struct data_source *src;
	struct data_sample s;
	struct fs_stamp st;
	char buf[100];

	(void)state;
	tdir_mkdir(&dir, "set_10");
	tdir_mkdir(&dir, "set_2");
	put_pb("set_2/input_0.pb", DT_FLOAT, 2, (const unsigned char *)"\1\2", v, 8);
	put_pb("set_2/input_1.pb", DT_INT64, 0, NULL, &seven, 8);
	put_pb("set_2/output_0.pb", DT_INT64, 0, NULL, &seven, 8);
	put_pb("set_10/input_0.pb", DT_FLOAT, 2, (const unsigned char *)"\2\2", v, 16);
	src = must_open(in, 2, (struct data_options){ 0 });
	assert_int_equal(data_count(src), 3);
	expect_name(src, 0, "set_2");
	expect_name(src, 2, "set_10#1");
	assert_int_equal(data_read(src, 0, &s, NULL), 0);
	assert_true(tensor_get(&s.tensors[1], 0) == 7);
	data_sample_release(&s);
	assert_true(first_value(src, 2, 0, "[1, 2]") == 3);
	assert_int_equal(data_file_count(src), 3);
	assert_string_equal(data_stamp(src, 1, buf, sizeof(buf), &st), "set_2/input_1.pb");
	assert_int_equal(st.size, 2 + 2 + 8);
	data_close(src);
	put_pb("set_2/input_2.pb", DT_INT64, 0, NULL, &seven, 8);
	refuse(in, 2, (struct data_options){ 0 }, QD_EINPUT, "set_2/input_2.pb: the model has 2 "
	       "inputs");
	unlink(tdir_path(&dir, "set_2/input_2.pb"));
	put_pb("set_2/input_0.pb", DT_DOUBLE, 2, (const unsigned char *)"\1\2", v, 16);
	refuse(in, 2, (struct data_options){ 0 }, QD_EINPUT, "set_2: input 'x' is float64, float32 "
	       "is wanted");
	put_pb("set_2/input_0.pb", DT_FLOAT, 2, (const unsigned char *)"\1\2", v, 7);
	refuse(in, 2, (struct data_options){ 0 }, QD_EINPUT, "set_2/input_0.pb: holds 7 bytes");
	unlink(tdir_path(&dir, "set_2/input_0.pb"));
	refuse(in, 2, (struct data_options){ 0 }, QD_EINPUT, "set_2/input_0.pb: cannot open");
}

/* --- values ---------------------------------------------------------------- */

static void nan_and_inf_are_found_with_their_place(void **state)
{
	static const struct {
		int dtype;
		const char *descr;
		uint64_t bad;
		size_t width;
		const char *what;
	} types[] = {
		{ DT_FLOAT, "<f4", 0x7FC00000, 4, "NaN" }, { DT_FLOAT, "<f4", 0xFF800000, 4,
							     "-Inf" },
		{ DT_DOUBLE, "<f8", 0x7FF0000000000000, 8, " "
		  "Inf" }, { DT_FLOAT16, "<f2", 0x7C01, 2, "NaN" },
	};
	static const int64_t one[] = { 1, 3 };
	unsigned char v[6 * 8];
	struct data_sample s;
	struct data_source *src;
	struct qd_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct data_input in = { "x", types[i].dtype, 2, one, false };

		memset(v, 0, sizeof(v));
		memcpy(v + 4 * types[i].width, &types[i].bad, types[i].width);
		tdir_put_npy(&dir, "a.npy", types[i].descr, false, "(2, 3)", v, 6 * types[i].width);
		src = must_open(&in, 1, (struct data_options){ 0 });
		first_value(src, 0, 0, "[1, 3]");
		assert_int_equal(data_read(src, 1, &s, &err), QD_EINPUT);
		assert_null(s.tensors);
		assert_non_null(strstr(err.msg, "a.npy: input 'x' has "));
		assert_non_null(strstr(err.msg, types[i].what));
		assert_non_null(strstr(err.msg, "arr.flat[4]"));
		data_close(src);
		src = must_open(&in, 1, (struct data_options){ .allow_nonfinite = true });
		first_value(src, 1, 0, "[1, 3]");
		data_close(src);
		src = must_open(&in, 1, (struct data_options){ .skip_bad = true });
		err.msg[0] = '\0';
		assert_int_equal(data_read(src, 1, &s, &err), DATA_SKIP);
		assert_non_null(strstr(err.msg, "arr.flat[4]"));
		assert_null(s.tensors);
		data_close(src);
	}
}

static void a_nonfinite_value_is_found_at_any_place_of_a_large_tensor(void **state)
{
	enum { N = 9000 };
	static float v[N];
	static const int64_t dims[] = { -1 };
	static const int places[] = { 0, 1, 4095, 4096, 4097, 8191, 8192, N - 1 };
	const struct data_input in = { "x", DT_FLOAT, 1, dims, false };
	struct data_sample s;
	struct data_source *src;
	struct qd_err err;
	char want[40];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		v[places[i]] = INFINITY;
		tdir_put_npy(&dir, "a.npy", "<f4", false, "(9000,)", v, sizeof(v));
		v[places[i]] = 0;
		src = must_open(&in, 1, (struct data_options){ 0 });
		assert_int_equal(data_read(src, 0, &s, &err), QD_EINPUT);
		snprintf(want, sizeof(want), "arr.flat[%d]", places[i]);
		assert_non_null(strstr(err.msg, want));
		data_close(src);
	}
}

static void contents_damaged_behind_the_header_are_skipped_or_refused(void **state)
{
	struct data_source *src;
	struct data_sample s;
	struct qd_err err;
	unsigned char p[4096];
	size_t n, at;
	FILE *f;

	(void)state;
	put_npz("a.npz", 60, 1, false, true);
	f = fopen(tdir_path(&dir, "a.npz"), "rb");
	assert_non_null(f);
	n = fread(p, 1, sizeof(p), f);
	fclose(f);
	for (at = 0; at + 8 < n && memcmp(p + at, "\0\0\x80\x3f\0\0\0\x40", 8); at++)
		;                       /* where x's values 1, 2 are stored */
	p[at] ^= 1;
	tdir_put(&dir, "a.npz", p, n);
	src = must_open((const struct data_input[]){ x_any, xns[1], xns[2] }, 1,
			(struct data_options){ .skip_bad = true });
	assert_int_equal(data_read(src, 0, &s, &err), DATA_SKIP);
	assert_non_null(strstr(err.msg, "a.npz: x: is damaged"));
	data_close(src);
	src = must_open(&x_any, 1, (struct data_options){ 0 });
	assert_int_equal(data_read(src, 0, &s, &err), QD_EINPUT);
	data_close(src);
}

static void a_file_that_changed_is_an_error_even_when_skipping(void **state)
{
	struct data_source *src;
	struct data_sample s;
	struct qd_err err;
	char hex[SHA_HEX];

	(void)state;
	put_x("a.npy", 1, 0);
	put_x("b.npy", 1, 0);
	src = must_open(&x_any, 1, (struct data_options){ .skip_bad = true });
	put_x("a.npy", 2, 0);
	unlink(tdir_path(&dir, "b.npy"));
	assert_int_equal(data_read(src, 0, &s, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "a.npy: changed since it was checked"));
	assert_int_equal(data_read(src, 1, &s, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "b.npy"));
	assert_int_equal(data_hash(src, hex, &err), QD_EINPUT);
	data_close(src);
}

/* --- hashes ---------------------------------------------------------------- */

static void the_hash_is_over_name_size_and_contents_in_order(void **state)
{
	char file[2][SHA_HEX], want[SHA_HEX], got[SHA_HEX], line[300];
	struct data_source *src;
	struct data_sample s;
	struct sha sha;
	int taken, i;

	(void)state;
	put_x("p_10.npy", 1, 1);
	put_x("p_2.npy", 2, 5);
	assert_int_equal(sha_file(tdir_path(&dir, "p_2.npy"), file[0], NULL), 0);
	assert_int_equal(sha_file(tdir_path(&dir, "p_10.npy"), file[1], NULL), 0);
	sha_init(&sha);
	snprintf(line, sizeof(line), "p_2.npy 144 %s\np_10.npy 136 %s\n", file[0], file[1]);
	sha_add(&sha, line, strlen(line));      /* 128 bytes of header, 8 a row */
	sha_hex(&sha, want);
	for (taken = 0; taken < 2; taken++) {
		src = must_open(&x_one, 1, (struct data_options){ .hash = taken });
		for (i = 0; i < data_count(src) && taken; i++) {
			assert_int_equal(data_read(src, i, &s, NULL), 0);
			data_sample_release(&s);
		}
		if (taken)      /* nothing is read again: an I/O fault would show */
			fault_arm(FAULT_IO, 1, true);
		assert_int_equal(data_hash(src, got, NULL), 0);
		fault_arm(FAULT_IO, 0, false);
		assert_string_equal(got, want);
		data_close(src);
	}
}

/* --- random ---------------------------------------------------------------- */

static const int64_t image[] = { -1, 3, -1, -1 }, four[] = { 2, 4 };
static const struct data_input mixed[] = {
	{ "image", DT_FLOAT, 4, image, false }, { "ids", DT_INT64, 2, four, false },
		{ "b", DT_BOOL, 0, NULL, false },
	{ "o", DT_FLOAT, 0, NULL, true }, { "h", DT_FLOAT16, 2, four, false },
		{ "bf", DT_BFLOAT16, 2, four, false },
	{ "d", DT_DOUBLE, 2, four, false },
};

static void random_samples_are_in_range_and_repeatable(void **state)
{
	struct data_source *a, *b;
	struct data_sample s, again;
	struct qd_err err;
	char ha[SHA_HEX], hb[SHA_HEX], buf[100];
	double low = 1, high = -1;
	int64_t i;
	int k;

	(void)state;
	assert_int_equal(data_open_random(mixed, 7, 3, 42, 0, NULL, &a, &err), 0);
	assert_int_equal(data_open_random(mixed, 7, 3, 42, 0, NULL, &b, &err), 0);
	assert_true(data_is_random(a));
	assert_int_equal(data_count(a), 3);
	expect_name(a, 2, "random#2");
	assert_int_equal(data_read(a, 2, &s, &err), 0);
	assert_int_equal(data_read(b, 2, &again, &err), 0);
	assert_string_equal(tensor_shape_text(s.tensors[0].rank, s.tensors[0].dims, buf,
					      sizeof(buf)), "[1, 3, 64, 64]");
	for (k = 0; k < 7; k++) {
		const struct tensor *t = &s.tensors[k];

		assert_int_equal(t->dtype, k == 3 ? DT_UNDEFINED : mixed[k].dtype);
		if (t->bytes)
			assert_memory_equal(t->data, again.tensors[k].data, t->bytes);
		for (i = 0; i < t->n && t->bytes; i++) {
			double v = tensor_get(t, i);

			if (k == 1 || k == 2)
				assert_true(v == 0 || v == 1);
			assert_true(v >= -1 && v <= (k == 1 || k == 2 ? 1 : 0.999999999999));
			low = v < low ? v : low;
			high = v > high ? v : high;
		}
	}
	assert_true(low < -0.9 && high > 0.9);
	data_sample_release(&again);
	assert_int_equal(data_read(a, 1, &again, &err), 0);
	assert_memory_not_equal(s.tensors[0].data, again.tensors[0].data, s.tensors[0].bytes);
	data_sample_release(&again);
	data_sample_release(&s);
	assert_int_equal(data_hash(a, ha, &err), 0);
	assert_int_equal(data_hash(b, hb, &err), 0);
	assert_string_equal(ha, hb);
	data_close(b);
	assert_int_equal(data_open_random(mixed, 7, 3, 43, 0, NULL, &b, &err), 0);
	assert_int_equal(data_hash(b, hb, &err), 0);
	assert_string_not_equal(ha, hb);
	assert_int_equal(data_file_count(b), 1);
	assert_string_equal(data_stamp(b, 0, buf, sizeof(buf), NULL), "random");
	data_close(b);
	data_close(a);
}

static void random_values_that_cannot_be_made_are_refused(void **state)
{
	const struct data_input text = { "t", DT_STRING, 1, any, false },
		shapeless = { "u", DT_FLOAT, -1, NULL, false };
	struct data_source *src;
	struct qd_err err;

	(void)state;
	assert_int_equal(data_open_random(&text, 1, 1, 0, 0, NULL, &src, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, "input 't' is string [?]"));
	assert_int_equal(data_open_random(&shapeless, 1, 1, 0, 0, NULL, &src, &err), QD_EINPUT);
	assert_int_equal(data_open_random(&x_any, 1, 0, 0, 0, NULL, &src, &err), QD_EUSAGE);
	assert_null(src);
}

/* --- threads and faults ---------------------------------------------------- */

static void *read_many(void *arg)
{
	struct data_source *src = arg;
	struct data_sample s;
	int64_t i, bad = 0;
	int round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < data_count(src); i++) {
			if (data_read(src, i, &s, NULL)) {
				bad++;
				continue;
			}
			bad += tensor_get(&s.tensors[0], 0) != (double)(2 * i);
			data_sample_release(&s);
		}
	}
	return (void *)(intptr_t)bad;
}

static void several_threads_may_read_at_once(void **state)
{
	pthread_t t[4];
	struct data_source *src;
	void *bad;
	int i;

	(void)state;
	put_npz("a.npz", 30, 0, true, true);
	put_npz("b.npz", 20, 60, true, true);
	src = must_open(xns, 3, (struct data_options){ .hash = true });
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, read_many, src), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(t[i], &bad);
		assert_null(bad);
	}
	data_close(src);
}

/* Open, read all, hash; nothing may leak or crash whatever fails. */
static int whole_run(const struct data_input *in, int n)
{
	struct data_options opt = { .skip_bad = true, .hash = true };
	struct data_source *src;
	struct data_sample s;
	struct qd_err err;
	char hex[SHA_HEX];
	int64_t i;
	int rc = data_open(dir.path, in, n, &opt, &src, &err);

	if (rc)
		return rc;
	for (i = 0; i < data_count(src) && rc >= 0; i++) {
		rc = data_read(src, i, &s, &err);
		if (!rc)
			data_sample_release(&s);
	}
	if (rc >= 0)
		rc = data_hash(src, hex, &err);
	data_close(src);
	return rc;
}

static void fault_loop(const struct data_input *in, int n)
{
	static const enum fault_kind kinds[] = { FAULT_ALLOC, FAULT_IO };
	size_t k;
	long nth;
	int rc;

	for (k = 0; k < 2; k++) {
		for (nth = 1;; nth++) {
			fault_arm(kinds[k], nth, false);
			rc = whole_run(in, n);
			if (!fault_fired(kinds[k]))
				break;
			fault_arm(kinds[k], 0, false);
			if (rc >= 0)
				fail_msg("fault %d of kind %d was not reported", (int)nth, (int)k);
			if (kinds[k] == FAULT_ALLOC)
				assert_int_equal(rc, QD_ENOMEM);
			assert_true(nth < 1000);
		}
		fault_arm(kinds[k], 0, false);
		assert_int_equal(rc, 0);
		assert_true(nth > 3);
	}
}

static void every_fault_is_reported_for_npy(void **state)
{
	(void)state;
	put_x("a.npy", 2, 0);
	put_x("b.npy", 1, 0);
	fault_loop(&x_one, 1);
}

static void every_fault_is_reported_for_npz(void **state)
{
	(void)state;
	put_npz("a.npz", 2, 0, true, true);
	put_npz("b.npz", 1, 0, false, false);
	fault_loop(xns, 3);
}

static void every_fault_is_reported_for_test_data(void **state)
{
	static const float v[4] = { 1, 2, 3, 4 };

	(void)state;
	tdir_mkdir(&dir, "set_0");
	put_pb("set_0/input_0.pb", DT_FLOAT, 2, (const unsigned char *)"\2\2", v, 16);
	fault_loop(&x_one, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(samples_come_in_natural_order_and_other_files_are_counted),
		T(unusable_directories_are_named),
		T(a_fifo_or_folder_among_the_samples_is_refused),
		T(scanning_can_be_interrupted),
		T(a_fixed_first_dimension_cuts_files_into_samples),
		T(a_symbolic_first_dimension_takes_the_file_or_batches),
		T(many_rows_without_batch_are_remarked),
		T(batch_against_a_fixed_dimension_is_wrong_usage),
		T(samples_limits_what_is_read_and_opened),
		T(shapes_may_differ_where_they_are_symbolic),
		T(fortran_files_with_several_samples_are_cut_by_rows),
		T(scalar_inputs_and_unknown_shapes_work),
		T(every_misfit_names_file_input_seen_and_wanted),
		T(npy_files_are_for_models_with_one_input),
		T(an_npy_file_cut_at_any_byte_is_refused),
		T(npz_members_become_inputs_and_scalars_go_to_each_sample),
		T(npz_inputs_that_are_missing_or_disagree_are_named),
		T(a_corrupt_archive_stops_the_scan),
		T(folders_of_onnx_test_data_are_samples),
		T(nan_and_inf_are_found_with_their_place),
		T(a_nonfinite_value_is_found_at_any_place_of_a_large_tensor),
		T(contents_damaged_behind_the_header_are_skipped_or_refused),
		T(a_file_that_changed_is_an_error_even_when_skipping),
		T(the_hash_is_over_name_size_and_contents_in_order),
		T(random_samples_are_in_range_and_repeatable),
		T(random_values_that_cannot_be_made_are_refused),
		T(several_threads_may_read_at_once),
		T(every_fault_is_reported_for_npy),
		T(every_fault_is_reported_for_npz),
		T(every_fault_is_reported_for_test_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
