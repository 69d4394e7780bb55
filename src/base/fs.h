/* base/fs.h - files: mapped reading, bounded reading, atomic writing, paths.
 *
 * Regular files only: a FIFO or device in a user's folder is refused, never waited on.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* Identity of a file's contents as the file system sees it. */
struct fs_stamp { int64_t size; int64_t mtime_ns; };

/* A file mapped read-only. data is NULL for an empty file. */
struct fs_map {
	const unsigned char *data;
	size_t size;
	struct fs_stamp stamp;
};

QD_NODISCARD int fs_map_open(const char *path, struct fs_map *out, struct qd_err *err);
void fs_map_close(struct fs_map *m);
/* Fails (QD_EINPUT) when the file on disk is no longer the one that was mapped. */
QD_NODISCARD int fs_map_unchanged(const char *path, const struct fs_map *m, struct qd_err *err);

/* Open a regular file for reading (close-on-exec; close() it); `stamp` may be NULL.
 * QD_EINPUT when it is missing, unreadable or no file; QD_EDISK when the system cannot (EIO, no descriptors). */
QD_NODISCARD int fs_open(const char *path, int *fd, struct fs_stamp *stamp, struct qd_err *err);
/* Exactly n bytes at an offset: QD_EINPUT when the file ends before them, QD_EDISK when reading
 * fails. `name` is for messages. Several threads may share fd. */
QD_NODISCARD int fs_read_at(int fd, const char *name, uint64_t offset, void *buf, size_t n,
			    struct qd_err *err);

/* Whole file into memory (NUL added after *size bytes); larger than max is an error. Free with
 * free(). */
QD_NODISCARD int fs_read_all(const char *path, size_t max, char **data, size_t *size, struct qd_err *err);

QD_NODISCARD int fs_stat(const char *path, struct fs_stamp *out, struct qd_err *err);
bool fs_exists(const char *path);
bool fs_is_dir(const char *path);
/* Do both exist and lead to one file, also through links? */
bool fs_same_file(const char *a, const char *b);

/* Write beside `path`, then rename over it: readers see the old file or the whole new one.
 * fs_atomic_commit() flushes, syncs and renames; fs_atomic_abort() (or a failure) removes the
 * temporary. Mode 0600 for private files, else the umask's. */
struct fs_atomic { FILE *f; char *path, *tmp; };
QD_NODISCARD int fs_atomic_open(struct fs_atomic *a, const char *path, bool private_file, struct qd_err *err);
QD_NODISCARD int fs_atomic_commit(struct fs_atomic *a, struct qd_err *err);
void fs_atomic_abort(struct fs_atomic *a);

/* Paths; results are malloc'd, NULL when out of memory. */
char *fs_join(const char *dir, const char *name);
char *fs_dirname(const char *path);               /* "." when there is none */
char *fs_stem(const char *path);                  /* last component without its last suffix */
const char *fs_basename(const char *path);        /* borrowed */

/* A private temporary directory (0700) that fs_tmp_cleanup() removes, also at exit and on fatal
 * signals' orderly path. One a process; made on first use; NULL + err on failure. Borrowed. */
const char *fs_tmp_dir(struct qd_err *err);
void fs_tmp_cleanup(void);

#endif
