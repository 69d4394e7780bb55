/* Sample files for tests. */
#include "tests/lib/data_files.h"

#undef NDEBUG
#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

void tdir_make(struct tdir *d)
{
	const char *base = getenv("TMPDIR");

	snprintf(d->path, sizeof(d->path), "%s/qdebug-test-XXXXXX", base && *base ? base : "/tmp");
	assert(mkdtemp(d->path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void tdir_remove(struct tdir *d)
{
	nftw(d->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *tdir_path(const struct tdir *d, const char *name)
{
	static char path[8][600];
	static int at;

	at = (at + 1) % 8;
	snprintf(path[at], sizeof(path[at]), "%s/%s", d->path, name);
	return path[at];
}

void tdir_put(const struct tdir *d, const char *name, const void *data, size_t n)
{
	FILE *f = fopen(tdir_path(d, name), "wb");

	assert(f && fwrite(data, 1, n, f) == n);
	assert(!fclose(f));
}

void tdir_mkdir(const struct tdir *d, const char *name)
{
	assert(!mkdir(tdir_path(d, name), 0700));
}

unsigned char *npy_text_bytes(int version, const char *dict, const void *data, size_t n,
			      size_t *size)
{
	size_t prefix = version == 1 ? 10 : 12, len = strlen(dict) + 1;
	unsigned char *p;

	len += (64 - (prefix + len) % 64) % 64;
	p = malloc(prefix + len + n);
	assert(p);
	memcpy(p, "\x93NUMPY", 6);
	p[6] = (unsigned char)version;
	p[7] = 0;
	p[8] = (unsigned char)(len & 255);
	p[9] = (unsigned char)(len >> 8 & 255);
	if (version > 1) {
		p[10] = (unsigned char)(len >> 16 & 255);
		p[11] = (unsigned char)(len >> 24 & 255);
	}
	memset(p + prefix, ' ', len);
	memcpy(p + prefix, dict, strlen(dict));
	p[prefix + len - 1] = '\n';
	if (n)
		memcpy(p + prefix + len, data, n);
	*size = prefix + len + n;
	return p;
}

unsigned char *npy_bytes(const char *descr, bool fortran, const char *shape, const void *data,
			 size_t n, size_t *size)
{
	char dict[300];

	snprintf(dict, sizeof(dict), "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr,
		 fortran ? "True" : "False", shape);
	return npy_text_bytes(1, dict, data, n, size);
}

void tdir_put_npy(const struct tdir *d, const char *name, const char *descr, bool fortran,
		  const char *shape, const void *data, size_t n)
{
	size_t size;
	unsigned char *p = npy_bytes(descr, fortran, shape, data, n, &size);

	tdir_put(d, name, p, size);
	free(p);
}

void tdir_put_zip(const struct tdir *d, const char *name, bool deflate, const struct tmember *m,
		  size_t n)
{
	zip_t *z = zip_open(tdir_path(d, name), ZIP_CREATE | ZIP_TRUNCATE, NULL);
	zip_int64_t k;
	size_t i;

	assert(z);
	for (i = 0; i < n; i++) {
		k = zip_file_add(z, m[i].name, zip_source_buffer(z, m[i].data, m[i].n, 0),
				 ZIP_FL_ENC_UTF_8);
		assert(k >= 0);
		assert(!zip_set_file_compression(z, (zip_uint64_t)k, deflate ? ZIP_CM_DEFLATE
						 : ZIP_CM_STORE, 0));
	}
	assert(!zip_close(z));
}
