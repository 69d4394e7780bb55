/* onnx/tensor_proto: every type from raw_data and from its typed field; counts; serialized forms.
 * */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fault.h"
#include "onnx/tensor_proto.h"
#include "tensor/dtype.h"

static Onnx__TensorProto make(int dtype, size_t rank, int64_t *dims)
{
	Onnx__TensorProto tp = ONNX__TENSOR_PROTO__INIT;

	tp.has_data_type = 1;
	tp.data_type = dtype;
	tp.n_dims = rank;
	tp.dims = dims;
	return tp;
}

static void set_raw(Onnx__TensorProto *tp, const void *p, size_t n)
{
	tp->has_raw_data = 1;
	tp->raw_data.data = (uint8_t *)p;
	tp->raw_data.len = n;
}

static void expect(const Onnx__TensorProto *tp, const double *want, size_t n, bool borrowed)
{
	struct tensor t;
	struct qd_err err;
	size_t i;

	assert_int_equal(onnx_tensor_view(tp, "w", &t, &err), 0);
	assert_int_equal(t.n, n);
	assert_int_equal(t.owner == NULL, borrowed);
	for (i = 0; i < n; i++)
		assert_true(tensor_get(&t, (int64_t)i) == want[i]);
	tensor_release(&t);
}

/* 1.0 is 0x3C00 in float16, 0x3F80 in bfloat16, 0x38 in e4m3fn, 0x40 in e4m3fnuz, 0x3C in e5m2,
 * 0x40 in e5m2fnuz; the sign is the top bit. */
static void int32_data_holds_narrow_types_and_bit_patterns(void **state)
{
	static const struct {
		int dtype;
		int32_t v[3];
		size_t n;
		double want[4];
		int64_t elements;
	} cases[] = {
		{ DT_INT32, { 1, -2, 2147483647 }, 3, { 1, -2, 2147483647 }, 3 },
		{ DT_INT8, { -128, 127, 0 }, 3, { -128, 127, 0 }, 3 },
		{ DT_UINT8, { 255, 1, 0 }, 3, { 255, 1, 0 }, 3 },
		{ DT_INT16, { -32768, 32767, 1 }, 3, { -32768, 32767, 1 }, 3 },
		{ DT_UINT16, { 65535, 0, 1 }, 3, { 65535, 0, 1 }, 3 },
		{ DT_BOOL, { 1, 0, 1 }, 3, { 1, 0, 1 }, 3 },
		{ DT_FLOAT16, { 0x3C00, 0xBC00, 0 }, 3, { 1, -1, 0 }, 3 },
		{ DT_BFLOAT16, { 0x3F80, 0xBF80, 0 }, 3, { 1, -1, 0 }, 3 },
		{ DT_F8E4M3FN, { 0x38, 0xB8, 0 }, 3, { 1, -1, 0 }, 3 },
		{ DT_F8E4M3FNUZ, { 0x40, 0xC0, 0 }, 3, { 1, -1, 0 }, 3 },
		{ DT_F8E5M2, { 0x3C, 0xBC, 0 }, 3, { 1, -1, 0 }, 3 },
		{ DT_F8E5M2FNUZ, { 0x40, 0xC0, 0 }, 3, { 1, -1, 0 }, 3 },
		/* two elements a value, low nibble first: 0x87 = 7, -8; 0x0F = -1 (or 15), 0 */
		{ DT_INT4, { 0x87, 0x0F }, 2, { 7, -8, -1, 0 }, 4 },
		{ DT_INT4, { 0x87, 0x0F }, 2, { 7, -8, -1 }, 3 },
		{ DT_UINT4, { 0x87, 0x0F }, 2, { 7, 8, 15, 0 }, 4 },
		/* the byte 0x87 written as a signed number */
		{ DT_UINT4, { -121 }, 1, { 7, 8 }, 2 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t dims[1] = { cases[i].elements };
		Onnx__TensorProto tp = make(cases[i].dtype, 1, dims);

		tp.int32_data = (int32_t *)cases[i].v;
		tp.n_int32_data = cases[i].n;
		expect(&tp, cases[i].want, (size_t)cases[i].elements, cases[i].dtype == DT_INT32);
	}
}

static void the_other_typed_fields_hold_their_types(void **state)
{
	static float f[2] = { 0.5f, -3 };
	static double d[2] = { 0.1, -3 };
	static int64_t i64[2] = { INT64_MIN, 5 };
	static uint64_t u64[2] = { UINT64_MAX, 4294967295u };
	int64_t dims[1] = { 2 };
	Onnx__TensorProto tp;

	(void)state;
	tp = make(DT_FLOAT, 1, dims);
	tp.float_data = f;
	tp.n_float_data = 2;
	expect(&tp, (double[]){ 0.5, -3 }, 2, true);
	tp = make(DT_DOUBLE, 1, dims);
	tp.double_data = d;
	tp.n_double_data = 2;
	expect(&tp, d, 2, true);
	tp = make(DT_INT64, 1, dims);
	tp.int64_data = i64;
	tp.n_int64_data = 2;
	expect(&tp, (double[]){ -9223372036854775808.0, 5 }, 2, true);
	tp = make(DT_UINT64, 1, dims);
	tp.uint64_data = u64;
	tp.n_uint64_data = 2;
	expect(&tp, (double[]){ 18446744073709551615.0, 4294967295.0 }, 2, true);
	tp = make(DT_UINT32, 1, dims);
	tp.uint64_data = u64 + 1;
	tp.n_uint64_data = 1;
	dims[0] = 1;
	expect(&tp, (double[]){ 4294967295.0 }, 1, false);
	tp = make(DT_COMPLEX64, 1, dims);
	tp.float_data = f;
	tp.n_float_data = 2;
	{
		struct tensor t;

		assert_int_equal(onnx_tensor_view(&tp, "w", &t, NULL), 0);
		assert_int_equal(t.bytes, 8);
		assert_ptr_equal(t.data, f);
	}
}

static void raw_data_is_borrowed_when_aligned_and_copied_otherwise(void **state)
{
	static const float v[2] = { 1, 2 };
	unsigned char room[sizeof(v) + 8];
	int64_t dims[1] = { 2 };
	Onnx__TensorProto tp = make(DT_FLOAT, 1, dims);
	unsigned char *odd = room + 1 + (4 - (uintptr_t)room % 4) % 4;

	(void)state;
	set_raw(&tp, v, sizeof(v));
	expect(&tp, (double[]){ 1, 2 }, 2, true);
	memcpy(odd, v, sizeof(v));
	set_raw(&tp, odd, sizeof(v));
	expect(&tp, (double[]){ 1, 2 }, 2, false);
	tp.data_type = DT_INT8;         /* bytes need no alignment */
	dims[0] = 8;
	set_raw(&tp, odd, 8);
	expect(&tp, (double[]){ 0, 0, -128, 63, 0, 0, 0, 64 }, 8, true);
}

static void packed_nibbles_in_raw_data_keep_their_order(void **state)
{
	int64_t dims[1] = { 3 };
	Onnx__TensorProto tp = make(DT_INT4, 1, dims);

	(void)state;
	set_raw(&tp, "\x87\x03", 2);
	expect(&tp, (double[]){ 7, -8, 3 }, 3, true);
}

static void scalars_and_empty_tensors_work(void **state)
{
	static float one[1] = { 42 };
	int64_t dims[2] = { 0, 4 };
	Onnx__TensorProto tp = make(DT_FLOAT, 0, NULL);
	struct tensor t;

	(void)state;
	tp.float_data = one;
	tp.n_float_data = 1;
	expect(&tp, (double[]){ 42 }, 1, true);
	tp = make(DT_FLOAT, 2, dims);
	assert_int_equal(onnx_tensor_view(&tp, "w", &t, NULL), 0);
	assert_int_equal(t.n, 0);
	assert_non_null(t.data);
	set_raw(&tp, NULL, 0);
	assert_int_equal(onnx_tensor_view(&tp, "w", &t, NULL), 0);
	assert_non_null(t.data);
	tp = make(DT_FLOAT, 0, NULL);           /* an empty raw_data beside the values */
	set_raw(&tp, NULL, 0);
	tp.float_data = one;
	tp.n_float_data = 1;
	expect(&tp, (double[]){ 42 }, 1, true);
}

static void bad(const Onnx__TensorProto *tp, const char *says)
{
	struct tensor t;
	struct qd_err err;

	assert_int_equal(onnx_tensor_view(tp, NULL, &t, &err), QD_EINPUT);
	assert_non_null(strstr(err.msg, says));
	assert_null(t.data);
}

static void what_does_not_add_up_is_refused(void **state)
{
	static float v[3] = { 1, 2, 3 };
	int64_t dims[17] = { 2, 1 };
	Onnx__TensorProto tp = make(DT_FLOAT, 1, dims);
	Onnx__TensorProto__Segment seg = ONNX__TENSOR_PROTO__SEGMENT__INIT;

	(void)state;
	tp.name = (char *)"conv.w";
	bad(&tp, "conv.w: holds 0 values in float_data, float32 [2] takes 2");
	tp.float_data = v;
	tp.n_float_data = 3;
	bad(&tp, "holds 3 values");
	set_raw(&tp, v, 7);
	bad(&tp, "holds 7 bytes of raw data, float32 [2] takes 8");
	set_raw(&tp, v, 8);
	tp.segment = &seg;
	bad(&tp, "segment");
	tp.segment = NULL;
	tp.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	bad(&tp, "another file");
	tp.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT;
	tp.data_type = DT_STRING;
	bad(&tp, "strings");
	tp.data_type = 99;
	bad(&tp, "element type 99");
	tp.data_type = -1;
	bad(&tp, "element type -1");
	tp.has_data_type = 0;
	bad(&tp, "element type 0");
	tp = make(DT_FLOAT, 17, dims);
	bad(&tp, "17 dimensions");
	tp = make(DT_FLOAT, 1, dims);
	dims[0] = -1;
	bad(&tp, "impossible shape");
	dims[0] = dims[1] = INT64_C(1) << 40;
	tp.n_dims = 2;
	bad(&tp, "impossible shape");
	/* far more than is there: nothing is allocated for it */
	dims[0] = INT64_MAX / 8;
	tp = make(DT_INT8, 1, dims);
	bad(&tp, "holds 0 values");
}

/* dims 2, 3 (field 1), data_type float (field 2), raw_data of 24 bytes (field 9) */
static size_t serialized(unsigned char *p)
{
	static const unsigned char head[] = { 0x08, 2, 0x08, 3, 0x10, DT_FLOAT, 0x4A, 24 };
	static const float v[6] = { 0, 1, 2, 3, 4, 5 };

	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), v, sizeof(v));
	return sizeof(head) + sizeof(v);
}

static void serialized_tensors_are_peeked_and_decoded(void **state)
{
	/* packed dims; and a name (field 8) behind the data */
	static const unsigned char packed[] = { 0x0A, 2, 2, 1, 0x10, DT_INT8, 0x4A, 2, 9, 8, 0x42,
						1, 'n' };
	unsigned char p[64];
	size_t n = serialized(p);
	struct tensor t;
	struct qd_err err;

	(void)state;
	assert_int_equal(onnx_tensor_peek(p, n, "a.pb", &t, &err), 0);
	assert_int_equal(t.dtype, DT_FLOAT);
	assert_int_equal(t.rank, 2);
	assert_int_equal(t.dims[1], 3);
	assert_null(t.data);
	assert_int_equal(onnx_tensor_decode(p, n, "a.pb", &t, &err), 0);
	assert_non_null(t.owner);
	assert_true(tensor_get(&t, 5) == 5);
	tensor_release(&t);
	assert_int_equal(onnx_tensor_peek(packed, sizeof(packed), "a.pb", &t, &err), 0);
	assert_int_equal(t.rank, 2);
	assert_int_equal(onnx_tensor_decode(packed, sizeof(packed), "a.pb", &t, &err), 0);
	assert_true(tensor_get(&t, 0) == 9);
	tensor_release(&t);
}

/* A cut message either is one of a smaller tensor that does not add up, or no message at all;
 * never a crash. */
static void a_serialized_tensor_cut_at_any_byte_is_refused(void **state)
{
	unsigned char p[64];
	size_t n = serialized(p), i;
	struct tensor t;

	(void)state;
	for (i = 0; i < n; i++) {
		unsigned char *cut = malloc(i ? i : 1);

		assert_non_null(cut);
		memcpy(cut, p, i);
		if (i != 6)     /* between fields: a shape without data, which decoding refuses */
			assert_int_equal(onnx_tensor_peek(cut, i, "a.pb", &t, NULL), QD_EINPUT);
		assert_int_equal(onnx_tensor_decode(cut, i, "a.pb", &t, NULL), QD_EINPUT);
		assert_null(t.data);
		free(cut);
	}
}

static void hostile_wire_bytes_are_refused(void **state)
{
	static const struct { const char *bytes; size_t n; } cases[] = {
		/* 2^64 - 1 bytes of raw data */
		{ "\x4A\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
		/* a number without end */
		{ "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11 },
		/* a group; field 0 */
		{ "\x0B", 1 }, { "\x00\x00", 2 },
		/* packed dims cut inside */
		{ "\x10\x01\x0A\x02\x80\x80", 6 },
	};
	struct tensor t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(onnx_tensor_peek(cases[i].bytes, cases[i].n, "a.pb", &t, NULL),
				 QD_EINPUT);
		assert_int_equal(onnx_tensor_decode(cases[i].bytes, cases[i].n, "a.pb", &t, NULL),
				 QD_EINPUT);
	}
}

static void running_out_of_memory_is_told_from_bad_bytes(void **state)
{
	unsigned char p[64];
	size_t n = serialized(p);
	struct tensor t;
	struct qd_err err;
	long nth;
	int rc;

	(void)state;
	for (nth = 1;; nth++) {
		fault_arm(FAULT_ALLOC, nth, false);
		rc = onnx_tensor_decode(p, n, "a.pb", &t, &err);
		if (!fault_fired(FAULT_ALLOC))
			break;
		assert_int_equal(rc, QD_ENOMEM);
		assert_null(t.data);
	}
	fault_arm(FAULT_ALLOC, 0, false);
	assert_int_equal(rc, 0);
	assert_true(nth > 2);
	tensor_release(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(int32_data_holds_narrow_types_and_bit_patterns),
		cmocka_unit_test(the_other_typed_fields_hold_their_types),
		cmocka_unit_test(raw_data_is_borrowed_when_aligned_and_copied_otherwise),
		cmocka_unit_test(packed_nibbles_in_raw_data_keep_their_order),
		cmocka_unit_test(scalars_and_empty_tensors_work),
		cmocka_unit_test(what_does_not_add_up_is_refused),
		cmocka_unit_test(serialized_tensors_are_peeked_and_decoded),
		cmocka_unit_test(a_serialized_tensor_cut_at_any_byte_is_refused),
		cmocka_unit_test(hostile_wire_bytes_are_refused),
		cmocka_unit_test(running_out_of_memory_is_told_from_bad_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
