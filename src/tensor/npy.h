/* tensor/npy.h - numpy's .npy format: headers, views, reading, writing.
 *
 *   bytes 0-5   "\x93NUMPY"
 *   byte  6, 7  version 1.0, 2.0 or 3.0
 *   bytes 8-    length of the text, little-endian: 2 bytes in version 1, else 4
 *   text        a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *               padded with blanks, ended by a newline (version 3: UTF-8)
 *   data        the elements, in C or Fortran order
 *
 * Everything read is taken as hostile: lengths are bounded before anything is allocated, and a
 * file cut anywhere is an error. `name` is what messages begin with (file, or file and member).
 * Thread use: any thread.
 */
#ifndef TENSOR_NPY_H
#define TENSOR_NPY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "tensor/tensor.h"

enum {
	/* bytes npy_header_size() needs, fewer only at the end of a file */
	NPY_PREFIX = 12,
	/* longer headers (large structured types) are refused */
	NPY_HEADER_MAX = NPY_PREFIX + 65535,
};

struct npy_header {
	int dtype;              /* enum dtype; may be complex, never DT_UNDEFINED */
	/* data is column-major (never set below rank 2: there is no difference) */
	bool fortran;
	int rank;
	int64_t dims[TENSOR_MAX_RANK];
	size_t offset;          /* of the data, from the start of the file */
	size_t bytes;           /* of the data, from type and shape */
};

/* Bytes of the whole header (prefix and text) from the first `n` bytes of a file into *size.
 * QD_EINPUT: no npy data, unknown version, cut short, longer than NPY_HEADER_MAX. */
QD_NODISCARD int npy_header_size(const void *p, size_t n, const char *name, size_t *size,
				 struct qd_err *err);

/* Parse a header, of which at least npy_header_size() bytes are at p. Big-endian, object, text
 * and structured types are QD_EINPUT with the numpy call that converts them. Does not look at the
 * data. */
QD_NODISCARD int npy_header_parse(const void *p, size_t n, const char *name, struct npy_header *out,
				  struct qd_err *err);

/* Header of an open file of `file_size` bytes, which must be exactly header + data long; reads
 * the header only. */
QD_NODISCARD int npy_header_read(int fd, uint64_t file_size, const char *name,
				 struct npy_header *out, struct qd_err *err);

/* An array in memory as a tensor: a view of p (which must outlive it) when the data is in C order
 * and aligned for its type, else an owned copy in C order. tensor_release() in either case. */
QD_NODISCARD int npy_view(const void *p, size_t n, const char *name, struct tensor *out,
			  struct qd_err *err);

/* Rows [first, first + count) of an open file along the first dimension, as an owned tensor in C
 * order; a scalar counts as one row and keeps rank 0. `h` is the file's header. A Fortran-ordered
 * array is read whole. */
QD_NODISCARD int npy_read_rows(int fd, const struct npy_header *h, int64_t first, int64_t count,
			       const char *name, struct tensor *out, struct qd_err *err);

/* A whole file as an owned tensor in C order. */
QD_NODISCARD int npy_read_file(const char *path, struct tensor *out, struct qd_err *err);

/* Reorder column-major elements (src) to row-major (dst); both hold the whole array. */
void npy_to_c_order(const struct npy_header *h, const void *src, void *dst);

/* Write t as version 1.0, byte for byte what numpy.save() makes of the same array. Types that npy
 * does not have are widened without loss: bfloat16 and float8 to float32, (u)int4 to (u)int8;
 * *note then says so, else it is NULL (static text; note may be NULL). QD_EINPUT for strings,
 * QD_EDISK when f cannot be written; f is not flushed. */
QD_NODISCARD int npy_write(FILE *f, const struct tensor *t, const char *name, const char **note,
			   struct qd_err *err);

#endif
