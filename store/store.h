/* store/store.h - open, create and guard a qdebug store: one SQLite file, documented in
 * qdebug-store(5).
 *
 * A struct store is one connection: use it from one thread at a time.  The worker has the one
 * writer, the UI a read-only one of its own; readers see the last commit and never block the
 * writer.
 *
 * A store is hostile input.  Before anything is read: defensive mode, no trusted schema, no
 * extensions, a quick check, and its schema must be ours to the letter (no triggers, no other
 * views).  Text read from a store is still hostile: draw it through str_add_escaped().
 *
 * Errors everywhere in store/: QD_EINPUT the file is not usable (not ours, damaged, newer),
 * QD_EDISK disk full or unwritable or busy (what was committed is kept), QD_ENOMEM, QD_EUSAGE a bad
 * filter or column, QD_EBUG wrong use.  A failed call changes nothing beyond the open transaction,
 * which the caller rolls back.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { STORE_VERSION = 1 };             /* PRAGMA user_version of this program */

struct store;

enum store_flags {
	STORE_CREATE = 1 << 0,          /* make the file when it is not there */
	STORE_TRUST = 1 << 1,           /* --trust-store: remembered for store_is_trusted() */
};

/* Open for writing.  Older versions are migrated, newer ones refused; an existing file that is not
 * a qdebug store (an empty one too) is an error and never touched.  Without STORE_CREATE a missing
 * file is an error. Created 0600, with its -wal and -shm.  Close with store_close(); *out is NULL
 * on failure. */
QD_NODISCARD int store_create_or_open(const char *path, unsigned flags, struct store **out,
				      struct qd_err *err);

/* Open for reading only (flags: STORE_TRUST).  A store of an older version, which reading cannot
 * migrate, is an error that says so. */
QD_NODISCARD int store_open_readonly(const char *path, unsigned flags, struct store **out,
				     struct qd_err *err);

/* Rolls back an open transaction.  NULL is fine. */
void store_close(struct store *st);

const char *store_path(const struct store *st);         /* as given to open; borrowed */

/* May paths and commands found in the store be used without asking: created by this connection, or
 * STORE_TRUST. */
bool store_is_trusted(const struct store *st);

/* Is there a qdebug store at path (by its header only; nothing is opened as SQLite)?
 * 1 yes, 0 no file, else QD_EINPUT with the message store_create_or_open() would give. */
QD_NODISCARD int store_probe(const char *path, struct qd_err *err);

/* PRAGMA data_version: changes when another connection committed.  -1 on error. */
int64_t store_data_version(struct store *st);

/* Runs left `running` by a process that is gone become `interrupted`; *n (may be NULL) counts them.
 *  Writer only, outside a transaction; called by store_create_or_open() itself. */
QD_NODISCARD int store_mark_interrupted(struct store *st, int *n, struct qd_err *err);

/* Is the process that owns a `running` run still there (pid and start time)?  For readers; false
 * for other runs. */
struct store_run;
bool store_owner_alive(const struct store_run *run);

/* Read transaction: between begin and end all reads see one commit.  Keep it short (it holds the
 * WAL back). */
QD_NODISCARD int store_snapshot_begin(struct store *st, struct qd_err *err);
void store_snapshot_end(struct store *st);

#endif
