/* tests/lib/data_files.h - temporary directories and sample files written byte by byte, not by
 * the code under test. Failures of the helpers themselves end the test (assert). */
#ifndef TESTS_DATA_FILES_H
#define TESTS_DATA_FILES_H

#include <stdbool.h>
#include <stddef.h>

struct tdir { char path[256]; };

void tdir_make(struct tdir *d);
void tdir_remove(struct tdir *d);

/* "DIR/name" in a rotating set of 8 static buffers. */
const char *tdir_path(const struct tdir *d, const char *name);
void tdir_put(const struct tdir *d, const char *name, const void *data, size_t n);
void tdir_mkdir(const struct tdir *d, const char *name);

/* An npy file in a malloc'd buffer. version 1, 2 or 3; dict is the header's text without padding.
 * */
unsigned char *npy_text_bytes(int version, const char *dict, const void *data, size_t n,
			      size_t *size);
/* The usual dict: descr "<f4", shape "(2, 3)". */
unsigned char *npy_bytes(const char *descr, bool fortran, const char *shape, const void *data,
			 size_t n, size_t *size);
void tdir_put_npy(const struct tdir *d, const char *name, const char *descr, bool fortran,
		  const char *shape, const void *data, size_t n);

/* Members of a zip file, by libzip. */
struct tmember { const char *name; const void *data; size_t n; };
void tdir_put_zip(const struct tdir *d, const char *name, bool deflate, const struct tmember *m,
		  size_t n);

#endif
