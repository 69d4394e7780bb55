/* tensor/npz.h - numpy's .npz archives: a zip file of .npy members.
 *
 * Members are named as numpy names arrays: the file name in the archive without ".npy"; other
 * members are left out. Stored and deflated members are read. Sizes in the archive are hostile: a
 * member must be exactly as long as its header says, and no longer than deflate could make it
 * from its compressed bytes. Thread use: one thread an archive; any number of archives (also of
 * the same file) at once.
 */
#ifndef TENSOR_NPZ_H
#define TENSOR_NPZ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/fs.h"
#include "tensor/npy.h"
#include "tensor/tensor.h"

struct npz;

/* Open an archive; only its directory is read. QD_EINPUT when it is no zip file or a damaged one.
 * */
QD_NODISCARD int npz_open(const char *path, struct npz **out, struct qd_err *err);
void npz_close(struct npz *z);                          /* NULL is fine */

struct fs_stamp npz_stamp(const struct npz *z);         /* of the file that is open */
long npz_count(const struct npz *z);                    /* members that are arrays */
const char *npz_name(const struct npz *z, long i);      /* borrowed, lives as long as z */
/* -1 when there is none; of two with one name, the last */
long npz_find(const struct npz *z, const char *name);
/* not compressed: rows can be read without what is before them */
bool npz_is_stored(const struct npz *z, long i);

/* Type and shape of member i; no more than its header is inflated. */
QD_NODISCARD int npz_header(struct npz *z, long i, struct npy_header *out, struct qd_err *err);

/* Member i, whole, as an owned tensor in C order; its checksum is verified. */
QD_NODISCARD int npz_read(struct npz *z, long i, struct tensor *out, struct qd_err *err);

/* As npy_read_rows. What comes before the rows is skipped when the member is stored, else
 * inflated and thrown away. The checksum is verified only when the rows reach the end of the
 * member. */
QD_NODISCARD int npz_read_rows(struct npz *z, long i, int64_t first, int64_t count,
			       struct tensor *out, struct qd_err *err);

#endif
