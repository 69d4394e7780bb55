/* Headers of .npy files (a small parser for the Python dict in them), element order, writing. */
#include "tensor/npy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "tensor/dtype.h"

static const unsigned char magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };

/* --- prefix --------------------------------------------------------------- */

int npy_header_size(const void *p, size_t n, const char *name, size_t *size, struct qd_err *err)
{
	const unsigned char *b = p;
	size_t prefix, text;

	if (n < sizeof(magic) || memcmp(b, magic, sizeof(magic)))
		return err_set(err, QD_EINPUT, "%s: is no .npy data (it does not start with "
			       "\\x93NUMPY); write it with numpy.save or savez", name);
	prefix = n > 6 && b[6] == 1 ? 10 : 12;
	if (n < prefix)
		return err_set(err, QD_EINPUT, "%s: is cut short: %zu bytes, a .npy header has "
			       "more", name, n);
	if (b[6] < 1 || b[6] > 3)
		return err_set(err, QD_EINPUT, "%s: has .npy version %d.%d, 1.0 to 3.0 are known",
			       name, b[6], b[7]);
	text = b[8] | (size_t)b[9] << 8;
	if (prefix == 12)
		text |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	if (text > NPY_HEADER_MAX - NPY_PREFIX)
		return err_set(err, QD_EINPUT, "%s: has a .npy header of %zu bytes, at most %d are "
			       "taken", name, text, NPY_HEADER_MAX - NPY_PREFIX);
	*size = prefix + text;
	return 0;
}

/* --- the dict -------------------------------------------------------------- */

struct scan { const char *p, *end; };

static void blanks(struct scan *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

static bool eat(struct scan *s, char c)
{
	blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool word(struct scan *s, const char *w)
{
	size_t n = strlen(w);

	blanks(s);
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n))
		return false;
	s->p += n;
	return true;
}

/* A quoted string without escapes, cut to size (a cut one equals nothing we look for). */
static bool quoted(struct scan *s, char *out, size_t size)
{
	size_t n = 0;
	char q;

	blanks(s);
	if (s->p == s->end || (*s->p != '\'' && *s->p != '"'))
		return false;
	q = *s->p++;
	while (s->p < s->end && *s->p != q) {
		if (*s->p == '\\')
			return false;
		if (n + 1 < size)
			out[n++] = *s->p;
		s->p++;
	}
	out[n] = '\0';
	return s->p++ < s->end;
}

static bool number(struct scan *s, int64_t *v)
{
	const char *start;

	blanks(s);
	start = s->p;
	for (*v = 0; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, *s->p - '0', v))
			return false;
	}
	if (s->p == start)
		return false;
	if (s->p < s->end && *s->p == 'L')      /* as Python 2 wrote long integers */
		s->p++;
	return true;
}

struct dict {
	bool has_descr, structured, has_order, fortran, has_shape;
	char descr[40];
	size_t rank;            /* may be more than dims hold */
	int64_t dims[TENSOR_MAX_RANK];
};

static bool shape_tuple(struct scan *s, struct dict *d)
{
	int64_t v;

	if (!eat(s, '('))
		return false;
	for (d->rank = 0; !eat(s, ')'); d->rank++) {
		if (!number(s, &v))
			return false;
		if (d->rank < TENSOR_MAX_RANK)
			d->dims[d->rank] = v;
		if (!eat(s, ',')) {
			d->rank++;
			return d->rank > 1 && eat(s, ')');      /* "(3)" is a number */
		}
	}
	d->has_shape = true;
	return true;
}

static bool dict_value(struct scan *s, const char *key, struct dict *d)
{
	if (!strcmp(key, "shape")) {
		d->has_shape = shape_tuple(s, d);
		return d->has_shape;
	}
	if (!strcmp(key, "fortran_order")) {
		d->fortran = word(s, "True");
		d->has_order = d->fortran || word(s, "False");
		return d->has_order;
	}
	if (strcmp(key, "descr"))
		return false;
	blanks(s);
	d->has_descr = true;
	d->structured = s->p < s->end && (*s->p == '[' || *s->p == '(');
	return d->structured || quoted(s, d->descr, sizeof(d->descr));
}

/* False when the text is no such dict. Stops at a structured type: nothing behind it matters. */
static bool parse_dict(struct scan s, struct dict *d)
{
	char key[20];

	if (!eat(&s, '{'))
		return false;
	while (!eat(&s, '}')) {
		if (!quoted(&s, key, sizeof(key)) || !eat(&s, ':') || !dict_value(&s, key, d))
			return false;
		if (d->structured)
			return true;
		if (!eat(&s, ',')) {
			if (!eat(&s, '}'))
				return false;
			break;
		}
	}
	blanks(&s);
	return s.p == s.end && d->has_descr && d->has_order && d->has_shape;
}

/* What numpy calls the same type in our byte order, as an argument of astype(). */
static int refuse_descr(const char *descr, const char *name, struct qd_err *err)
{
	struct str shown = STR_INIT;
	const char *kind = strchr("<>|=", descr[0]) && descr[0] ? descr + 1 : descr;
	int t = dtype_from_npy(descr), rc;

	str_add_escaped(&shown, descr);
	descr = shown.p ? shown.p : "?";
	if (t != DT_UNDEFINED)
		rc = err_set(err, QD_EINPUT, "%s: is big-endian (%s), little-endian is wanted: "
			     "save it as arr.astype('<%s')", name, descr, dtype_info(t)->npy);
	else if (kind[0] == 'O')
		rc = err_set(err, QD_EINPUT, "%s: holds Python objects (%s), numbers are wanted: "
			     "save it as arr.astype('<f4')", name, descr);
	else if (kind[0] == 'U' || kind[0] == 'S' || kind[0] == 'a')
		rc = err_set(err, QD_EINPUT, "%s: holds text (%s), numbers are wanted: save it as "
			     "arr.astype('<f4')", name, descr);
	else
		rc = err_set(err, QD_EINPUT, "%s: has element type %s, which is not known here: "
			     "save it as arr.astype('<f4')", name, descr);
	str_release(&shown);
	return rc;
}

static int dict_to_header(const struct dict *d, const char *name, struct npy_header *out,
			  struct qd_err *err)
{
	struct tensor t;
	char shape[256];
	int dtype;

	if (d->structured)
		return err_set(err, QD_EINPUT, "%s: is a structured array, one plain array is "
			       "wanted: save its fields one by one, as arr['field'].astype('<f4')",
			       name);
	dtype = dtype_from_npy(d->descr);
	if (dtype == DT_UNDEFINED || (d->descr[0] == '>' && dtype_info(dtype)->bits > 8))
		return refuse_descr(d->descr, name, err);
	if (d->rank > TENSOR_MAX_RANK)
		return err_set(err, QD_EINPUT, "%s: has %zu dimensions, at most %d are possible",
			       name, d->rank, TENSOR_MAX_RANK);
	if (!tensor_shape(&t, dtype, (int)d->rank, d->dims))
		return err_set(err, QD_EINPUT, "%s: has the impossible shape %s", name,
			       tensor_shape_text((int)d->rank, d->dims, shape, sizeof(shape)));
	out->dtype = dtype;
	out->fortran = d->fortran && d->rank > 1;
	out->rank = (int)d->rank;
	memcpy(out->dims, t.dims, sizeof(out->dims));
	out->bytes = t.bytes;
	return 0;
}

int npy_header_parse(const void *p, size_t n, const char *name, struct npy_header *out,
		     struct qd_err *err)
{
	const char *text = p;
	struct dict d = { 0 };
	size_t size, prefix;
	int rc;

	*out = (struct npy_header){ 0 };
	rc = npy_header_size(p, n, name, &size, err);
	if (rc)
		return rc;
	if (n < size)
		return err_set(err, QD_EINPUT, "%s: is cut short: %zu bytes, its .npy header alone "
			       "has %zu", name, n, size);
	prefix = text[6] == 1 ? 10 : 12;
	if (!parse_dict((struct scan){ text + prefix, text + size }, &d))
		return err_set(err, QD_EINPUT, "%s: has a damaged .npy header; write it again with "
			       "numpy.save or savez", name);
	out->offset = size;
	return dict_to_header(&d, name, out, err);
}

static int check_length(const struct npy_header *h, uint64_t size, const char *name,
			struct qd_err *err)
{
	char shape[256];

	if (size >= h->offset && size - h->offset == h->bytes)
		return 0;
	return err_set(err, QD_EINPUT, "%s: has %llu bytes, a header of %zu and %s %s take %llu: "
		       "it is %s", name, (unsigned long long)size, h->offset,
		       dtype_info(h->dtype)->name,
		       tensor_shape_text(h->rank, h->dims, shape, sizeof(shape)),
		       (unsigned long long)h->offset + h->bytes,
		       size < h->offset || size - h->offset < h->bytes ? "cut short" : "too long");
}

int npy_header_read(int fd, uint64_t file_size, const char *name, struct npy_header *out,
		    struct qd_err *err)
{
	unsigned char first[256], *p = first;
	size_t n = file_size < sizeof(first) ? (size_t)file_size : sizeof(first), size = 0;
	int rc;

	*out = (struct npy_header){ 0 };
	rc = fs_read_at(fd, name, 0, first, n, err);
	if (!rc)
		rc = npy_header_size(first, n, name, &size, err);
	if (!rc && size > n && size <= file_size) {
		n = size;
		p = mem_alloc(n);
		rc = p ? fs_read_at(fd, name, 0, p, n, err) : err_oom(err, name);
	}
	if (!rc)
		rc = npy_header_parse(p, n, name, out, err);
	if (!rc)
		rc = check_length(out, file_size, name, err);
	if (p != first)
		free(p);
	return rc;
}

/* --- data ------------------------------------------------------------------ */

void npy_to_c_order(const struct npy_header *h, const void *src, void *dst)
{
	size_t width = dtype_info(h->dtype)->bits / 8, stride[TENSOR_MAX_RANK];
	size_t step = width, at = 0, done;
	int64_t index[TENSOR_MAX_RANK] = { 0 };
	const unsigned char *from = src;
	unsigned char *to = dst;
	int i;

	for (i = 0; i < h->rank; i++) {
		stride[i] = step;
		step *= (size_t)h->dims[i];
	}
	for (done = 0; done < h->bytes; done += width) {
		memcpy(to + done, from + at, width);
		for (i = h->rank - 1; i >= 0; i--) {
			at += stride[i];
			if (++index[i] < h->dims[i])
				break;
			at -= stride[i] * (size_t)h->dims[i];
			index[i] = 0;
		}
	}
}

/* The whole array as read from a file, made C order. */
static int copy_ordered(const struct npy_header *h, const void *p, const char *name,
			struct tensor *out, struct qd_err *err)
{
	if (!tensor_alloc(out, h->dtype, h->rank, h->dims)) {
		*out = (struct tensor){ 0 };
		return err_oom(err, name);
	}
	if (h->fortran)
		npy_to_c_order(h, p, out->owner);
	else if (h->bytes)
		memcpy(out->owner, p, h->bytes);
	return 0;
}

int npy_view(const void *p, size_t n, const char *name, struct tensor *out, struct qd_err *err)
{
	struct npy_header h;
	const unsigned char *data;
	size_t width;
	int rc;

	*out = (struct tensor){ 0 };
	rc = npy_header_parse(p, n, name, &h, err);
	if (!rc)
		rc = check_length(&h, n, name, err);
	if (rc)
		return rc;
	data = (const unsigned char *)p + h.offset;
	width = dtype_info(h.dtype)->bits / 8;
	if (h.fortran || (uintptr_t)data % (width < 8 ? width : 8))
		return copy_ordered(&h, data, name, out, err);
	(void)tensor_shape(out, h.dtype, h.rank, h.dims);       /* the header's own check passed */
	out->data = data;
	return 0;
}

static int read_fortran(int fd, const struct npy_header *h, const char *name, struct tensor *out,
			struct qd_err *err)
{
	void *raw = mem_alloc(h->bytes);
	int rc;

	if (!raw)
		return err_oom(err, name);
	rc = fs_read_at(fd, name, h->offset, raw, h->bytes, err);
	if (!rc)
		rc = copy_ordered(h, raw, name, out, err);
	free(raw);
	return rc;
}

int npy_read_rows(int fd, const struct npy_header *h, int64_t first, int64_t count,
		  const char *name, struct tensor *out, struct qd_err *err)
{
	int64_t rows = h->rank ? h->dims[0] : 1;
	struct tensor whole;
	int rc = 0;

	assert(first >= 0 && count >= 0 && first + count <= rows);
	*out = (struct tensor){ 0 };
	if (h->fortran) {
		rc = read_fortran(fd, h, name, &whole, err);
		if (rc)
			return rc;
		if (count == rows)
			*out = whole;
		else if (!tensor_rows(&whole, first, count, out))
			rc = err_oom(err, name);
		if (out->data != whole.data)
			tensor_release(&whole);
		return rc;
	}
	if (!tensor_alloc_rows(out, h->dtype, h->rank, h->dims, count))
		return err_oom(err, name);
	rc = fs_read_at(fd, name, h->offset + (rows ? h->bytes / (size_t)rows * (size_t)first : 0),
			out->owner, out->bytes, err);
	if (rc)
		tensor_release(out);
	return rc;
}

int npy_read_file(const char *path, struct tensor *out, struct qd_err *err)
{
	struct npy_header h;
	struct fs_stamp st;
	int fd, rc;

	*out = (struct tensor){ 0 };
	rc = fs_open(path, &fd, &st, err);
	if (rc)
		return rc;
	rc = npy_header_read(fd, (uint64_t)st.size, path, &h, err);
	if (!rc)
		rc = npy_read_rows(fd, &h, 0, h.rank ? h.dims[0] : 1, path, out, err);
	close(fd);
	return rc;
}

/* --- writing --------------------------------------------------------------- */

/* numpy leaves room for the first dimension to grow to this many digits. */
enum { GROWTH_DIGITS = 21, ALIGN = 64 };

static bool write_header(FILE *f, int dtype, const struct tensor *t)
{
	const char *npy = dtype_info(dtype)->npy;
	char text[640], lead[24] = "";
	unsigned char prefix[10] = { 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0, 0 };
	int n, i;

	n = snprintf(text, sizeof(text), "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
		     dtype_info(dtype)->bits > 8 ? '<' : '|', npy);
	for (i = 0; i < t->rank; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%lld", i ? ", " : "",
			      (long long)t->dims[i]);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%s), }", t->rank == 1 ? "," : "");
	if (t->rank) {
		snprintf(lead, sizeof(lead), "%lld", (long long)t->dims[0]);
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%*s",
			      GROWTH_DIGITS - (int)strlen(lead), "");
	}
	n += snprintf(text + n, sizeof(text) - (size_t)n, "%*s\n", ALIGN - (10 + n + 1) % ALIGN,
		      "");
	prefix[8] = (unsigned char)(n & 255);
	prefix[9] = (unsigned char)(n >> 8);
	return !fault_hit(FAULT_IO) && fwrite(prefix, 1, sizeof(prefix), f) == sizeof(prefix) &&
	       fwrite(text, 1, (size_t)n, f) == (size_t)n;
}

/* Elements one by one: to float32, or to bytes for the 4-bit types. */
static bool write_widened(FILE *f, int dtype, const struct tensor *t)
{
	enum { CHUNK = 512 };
	float v[CHUNK];
	int8_t b[CHUNK];
	int64_t i, k, n;

	for (i = 0; i < t->n; i += n) {
		n = t->n - i < CHUNK ? t->n - i : CHUNK;
		if (!tensor_to_float(t, i, n, v))
			return false;
		for (k = 0; k < n; k++)
			b[k] = (int8_t)v[k];
		if (dtype == DT_FLOAT ? fwrite(v, 4, (size_t)n, f) != (size_t)n
				      : fwrite(b, 1, (size_t)n, f) != (size_t)n)
			return false;
	}
	return true;
}

int npy_write(FILE *f, const struct tensor *t, const char *name, const char **note,
	      struct qd_err *err)
{
	static const struct { int from, to; const char *note; } widened[] = {
		{ DT_BFLOAT16, DT_FLOAT, "bfloat16 written as float32: numpy lacks it" },
		{ DT_F8E4M3FN, DT_FLOAT, "float8e4m3fn written as float32: numpy lacks it" },
		{ DT_F8E4M3FNUZ, DT_FLOAT, "float8e4m3fnuz written as float32: numpy lacks it" },
		{ DT_F8E5M2, DT_FLOAT, "float8e5m2 written as float32: numpy lacks it" },
		{ DT_F8E5M2FNUZ, DT_FLOAT, "float8e5m2fnuz written as float32: numpy lacks it" },
		{ DT_INT4, DT_INT8, "int4 written as int8: numpy lacks it" },
		{ DT_UINT4, DT_UINT8, "uint4 written as uint8: numpy lacks it" },
	};
	const char *why = NULL;
	int dtype = t->dtype;
	size_t i;
	bool good;

	for (i = 0; i < sizeof(widened) / sizeof(widened[0]); i++) {
		if (widened[i].from == t->dtype) {
			dtype = widened[i].to;
			why = widened[i].note;
		}
	}
	if (note)
		*note = why;
	if (!dtype_info(dtype)->npy)
		return err_set(err, QD_EINPUT, "%s: %s values cannot be written as .npy", name,
			       dtype_info(dtype)->name);
	good = write_header(f, dtype, t);
	if (good && dtype != t->dtype)
		good = write_widened(f, dtype, t);
	else if (good && t->bytes)
		good = fwrite(t->data, 1, t->bytes, f) == t->bytes;
	return good ? 0 : err_errno(err, QD_EDISK, "%s: cannot write", name);
}
