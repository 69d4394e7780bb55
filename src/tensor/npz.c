/* .npz archives by libzip: a directory of members, and rows of one of them. */
#include "tensor/npz.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zip.h>

#include "base/fault.h"
#include "base/mem.h"

/* No deflate stream grows to more than this times its size (RFC 1951: 258 bytes for 2 bits, and
 * rounding). */
enum { DEFLATE_MAX_RATIO = 1040 };

struct member {
	char *name;             /* the array's, without ".npy" */
	char *label;            /* "file.npz: name", for messages */
	zip_uint64_t index;
	uint64_t size;
	bool stored;
};

struct npz {
	zip_t *zip;
	struct fs_stamp stamp;
	struct member *members;
	size_t n, cap;
};

static int zip_failed(struct qd_err *err, const char *name, const char *what, zip_error_t *e)
{
	if (zip_error_code_zip(e) == ZIP_ER_MEMORY)
		return err_oom(err, name);
	return err_set(err, QD_EINPUT, "%s: %s: %s", name, what, zip_error_strerror(e));
}

/* --- the directory --------------------------------------------------------- */

static int check_member(const zip_stat_t *st, const char *label, struct qd_err *err)
{
	const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;

	if ((st->valid & wanted) != wanted)
		return err_set(err, QD_EINPUT, "%s: has no size in the archive's directory", label);
	if ((st->valid & ZIP_STAT_ENCRYPTION_METHOD) && st->encryption_method != ZIP_EM_NONE)
		return err_set(err, QD_EINPUT, "%s: is encrypted; write it with numpy.savez",
			       label);
	if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
		return err_set(err, QD_EINPUT, "%s: is compressed by method %d, stored or deflated "
			       "is wanted: write it with numpy.savez or savez_compressed", label,
			       st->comp_method);
	if (st->comp_method == ZIP_CM_STORE ? st->size != st->comp_size
					    : st->size / DEFLATE_MAX_RATIO > st->comp_size)
		return err_set(err, QD_EINPUT, "%s: claims %llu bytes out of %llu in the archive: "
			       "it is damaged", label, (unsigned long long)st->size,
			       (unsigned long long)st->comp_size);
	return 0;
}

static int add_member(struct npz *z, const char *path, zip_uint64_t i, struct qd_err *err)
{
	struct member *m;
	zip_stat_t st;
	size_t n;
	int rc;

	zip_stat_init(&st);
	if (zip_stat_index(z->zip, i, 0, &st) < 0)
		return zip_failed(err, path, "the directory of the archive is damaged",
				  zip_get_error(z->zip));
	if (!(st.valid & ZIP_STAT_NAME))
		return 0;
	n = strlen(st.name);
	if (n < 4 || strcmp(st.name + n - 4, ".npy"))
		return 0;
	if (!mem_grow(&z->members, &z->cap, z->n + 1, sizeof(*m)))
		return err_oom(err, path);
	m = &z->members[z->n++];
	*m = (struct member){ mem_strndup(st.name, n - 4), NULL, i, st.size,
			      st.comp_method == ZIP_CM_STORE };
	if (m->name)
		m->label = mem_printf("%s: %s", path, m->name);
	if (!m->label)
		return err_oom(err, path);
	rc = check_member(&st, m->label, err);
	return rc;
}

static int open_zip(struct npz *z, const char *path, struct qd_err *err)
{
	zip_error_t e;
	int fd, rc, code = 0;

	rc = fs_open(path, &fd, &z->stamp, err);
	if (rc)
		return rc;
	z->zip = zip_fdopen(fd, ZIP_CHECKCONS, &code);
	if (z->zip)
		return 0;
	close(fd);
	zip_error_init_with_code(&e, code);
	rc = zip_failed(err, path, "is no .npz (zip) archive, or a damaged one; write it with "
			"numpy.savez", &e);
	zip_error_fini(&e);
	return rc;
}

int npz_open(const char *path, struct npz **out, struct qd_err *err)
{
	struct npz *z = mem_zalloc(sizeof(*z));
	zip_int64_t n, i;
	int rc;

	*out = NULL;
	if (!z)
		return err_oom(err, path);
	rc = open_zip(z, path, err);
	n = rc ? 0 : zip_get_num_entries(z->zip, 0);
	for (i = 0; i < n && !rc; i++)
		rc = add_member(z, path, (zip_uint64_t)i, err);
	if (rc) {
		npz_close(z);
		return rc;
	}
	*out = z;
	return 0;
}

void npz_close(struct npz *z)
{
	size_t i;

	if (!z)
		return;
	for (i = 0; i < z->n; i++) {
		free(z->members[i].name);
		free(z->members[i].label);
	}
	free(z->members);
	if (z->zip)
		zip_discard(z->zip);
	free(z);
}

struct fs_stamp npz_stamp(const struct npz *z)
{
	return z->stamp;
}

long npz_count(const struct npz *z)
{
	return (long)z->n;
}

const char *npz_name(const struct npz *z, long i)
{
	return z->members[i].name;
}

bool npz_is_stored(const struct npz *z, long i)
{
	return z->members[i].stored;
}

long npz_find(const struct npz *z, const char *name)
{
	long i;

	for (i = (long)z->n - 1; i >= 0; i--) {
		if (!strcmp(z->members[i].name, name))
			return i;
	}
	return -1;
}

/* --- one member ------------------------------------------------------------ */

static int member_failed(struct qd_err *err, const struct member *m, zip_file_t *f)
{
	zip_error_t *e = zip_file_get_error(f);

	if (zip_error_code_zip(e) == ZIP_ER_READ || zip_error_code_zip(e) == ZIP_ER_SEEK)
		return err_set(err, QD_EDISK, "%s: cannot read: %s", m->label,
			       zip_error_strerror(e));
	return zip_failed(err, m->label, "is damaged in the archive", e);
}

/* Exactly n bytes; p NULL throws them away. */
static int take(zip_file_t *f, const struct member *m, void *p, uint64_t n, struct qd_err *err)
{
	unsigned char waste[16384];

	while (n > 0) {
		uint64_t most = p ? 1u << 30 : sizeof(waste);
		zip_int64_t got;

		if (fault_hit(FAULT_IO))
			return err_set(err, QD_EDISK, "%s: cannot read", m->label);
		got = zip_fread(f, p ? p : waste, n < most ? n : most);
		if (got < 0)
			return member_failed(err, m, f);
		if (got == 0)
			return err_set(err, QD_EINPUT, "%s: ends %llu bytes early in the archive",
				       m->label, (unsigned long long)n);
		if (p)
			p = (char *)p + got;
		n -= (uint64_t)got;
	}
	return 0;
}

static int skip(zip_file_t *f, const struct member *m, uint64_t from, uint64_t n,
		struct qd_err *err)
{
	if (m->stored && n && zip_fseek(f, (zip_int64_t)(from + n), SEEK_SET) == 0)
		return 0;
	return take(f, m, NULL, n, err);
}

/* libzip compares checksums when it is asked for what is behind the last byte. */
static int finish(zip_file_t *f, const struct member *m, struct qd_err *err)
{
	char beyond;
	zip_int64_t got = zip_fread(f, &beyond, 1);

	if (got < 0)
		return member_failed(err, m, f);
	if (got > 0)
		return err_set(err, QD_EINPUT, "%s: is longer than the archive's directory says",
			       m->label);
	return 0;
}

/* Open a member and read its header; f is behind it. */
static int open_member(struct npz *z, const struct member *m, zip_file_t **f, struct npy_header *h,
		       struct qd_err *err)
{
	unsigned char prefix[NPY_PREFIX], *text = NULL;
	size_t n = m->size < sizeof(prefix) ? (size_t)m->size : sizeof(prefix), size = 0;
	int rc;

	*f = zip_fopen_index(z->zip, m->index, 0);
	if (!*f)
		return zip_failed(err, m->label, "cannot be opened in the archive",
				  zip_get_error(z->zip));
	rc = take(*f, m, prefix, n, err);
	if (!rc)
		rc = npy_header_size(prefix, n, m->label, &size, err);
	if (!rc && size > m->size)
		rc = err_set(err, QD_EINPUT, "%s: is cut short: %llu bytes, its .npy header alone "
			     "has %zu", m->label, (unsigned long long)m->size, size);
	if (!rc && size < n)
		rc = err_set(err, QD_EINPUT, "%s: has a damaged .npy header", m->label);
	if (!rc) {
		text = mem_alloc(size);
		rc = text ? 0 : err_oom(err, m->label);
	}
	if (!rc) {
		memcpy(text, prefix, n);
		rc = take(*f, m, text + n, size - n, err);
	}
	if (!rc)
		rc = npy_header_parse(text, size, m->label, h, err);
	if (!rc && m->size - h->offset != h->bytes)
		rc = err_set(err, QD_EINPUT, "%s: has %llu bytes behind its header, its type and "
			     "shape take %zu", m->label, (unsigned long long)(m->size - h->offset),
			     h->bytes);
	free(text);
	return rc;
}

int npz_header(struct npz *z, long i, struct npy_header *out, struct qd_err *err)
{
	zip_file_t *f = NULL;
	int rc = open_member(z, &z->members[i], &f, out, err);

	if (f)
		zip_fclose(f);
	return rc;
}

static int read_fortran(zip_file_t *f, const struct member *m, const struct npy_header *h,
			struct tensor *out, struct qd_err *err)
{
	void *raw = mem_alloc(h->bytes);
	int rc = raw ? take(f, m, raw, h->bytes, err) : err_oom(err, m->label);

	if (!rc && !tensor_alloc_rows(out, h->dtype, h->rank, h->dims, h->dims[0]))
		rc = err_oom(err, m->label);
	if (!rc)
		npy_to_c_order(h, raw, out->owner);
	free(raw);
	return rc;
}

static int read_plain(zip_file_t *f, const struct member *m, const struct npy_header *h,
		      int64_t first, int64_t count, struct tensor *out, struct qd_err *err)
{
	uint64_t row = h->rank && h->dims[0] ? h->bytes / (uint64_t)h->dims[0] : 0;
	int rc;

	if (!tensor_alloc_rows(out, h->dtype, h->rank, h->dims, count))
		return err_oom(err, m->label);
	rc = skip(f, m, h->offset, row * (uint64_t)first, err);
	return rc ? rc : take(f, m, out->owner, out->bytes, err);
}

int npz_read_rows(struct npz *z, long i, int64_t first, int64_t count, struct tensor *out,
		  struct qd_err *err)
{
	const struct member *m = &z->members[i];
	struct tensor whole = { 0 };
	struct npy_header h;
	zip_file_t *f = NULL;
	int64_t rows;
	int rc;

	*out = (struct tensor){ 0 };
	rc = open_member(z, m, &f, &h, err);
	rows = !rc && h.rank ? h.dims[0] : 1;
	if (!rc && (first < 0 || count < 0 || first > rows || count > rows - first))
		rc = err_set(err, QD_EINPUT, "%s: has %lld rows, row %lld is wanted", m->label,
			     (long long)rows, (long long)(first + count));
	if (!rc)
		rc = h.fortran ? read_fortran(f, m, &h, &whole, err)
			       : read_plain(f, m, &h, first, count, out, err);
	if (!rc && (h.fortran || first + count == rows))
		rc = finish(f, m, err);
	if (!rc && h.fortran && count != rows && !tensor_rows(&whole, first, count, out))
		rc = err_oom(err, m->label);
	if (!rc && h.fortran && count == rows) {
		*out = whole;
		whole = (struct tensor){ 0 };
	}
	tensor_release(&whole);
	if (rc)
		tensor_release(out);
	if (f)
		zip_fclose(f);
	return rc;
}

int npz_read(struct npz *z, long i, struct tensor *out, struct qd_err *err)
{
	struct npy_header h;
	int rc;

	*out = (struct tensor){ 0 };
	rc = npz_header(z, i, &h, err);
	return rc ? rc : npz_read_rows(z, i, 0, h.rank ? h.dims[0] : 1, out, err);
}
