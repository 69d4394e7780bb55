/* SQLite calls in one place: prepare once, step with a fault point, results into our errors.
 * Knows nothing about tables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/mem.h"
#include "store/internal.h"

static int fail(struct store *st, int rc, const char *what, struct qd_err *err)
{
	const char *detail = st->db ? sqlite3_errmsg(st->db) : sqlite3_errstr(rc);
	struct str safe = STR_INIT;
	int code;

	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_oom(err, what);
	case SQLITE_FULL:
		return err_set(err, QD_EDISK, "%s: disk full while %s the store; what was "
			       "committed is kept: make "
			       "room and run again to continue", st->path, st->writable ? "writing"
				       : "reading");
	case SQLITE_IOERR:
		return err_set(err, QD_EDISK, "%s: %s failed: %s; what was committed is kept",
			       st->path, what,
			       sqlite3_errstr(rc));
	case SQLITE_READONLY:
		return err_set(err, QD_EDISK, "%s: %s failed: the file or its folder cannot be "
			       "written; use --store "
			       "with another folder", st->path, what);
	case SQLITE_CANTOPEN:
		return err_set(err, QD_EDISK, "%s: %s failed: the file, its -wal or its -shm "
			       "cannot be opened; check "
			       "the permissions of the folder", st->path, what);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, QD_EDISK, "%s: %s failed: another program keeps the store "
			       "locked; close it and "
			       "run again", st->path, what);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(err, QD_EINPUT, "%s: %s failed: the store is damaged; move it away "
			       "and run again",
			       st->path, what);
	case SQLITE_TOOBIG:
		return err_set(err, QD_EINPUT, "%s: %s failed: a value is larger than a store may "
			       "hold", st->path, what);
	default:
		code = (rc & 0xff) == SQLITE_PERM || (rc & 0xff) == SQLITE_AUTH ? QD_EDISK
			: QD_EBUG;
		str_add_escaped(&safe, detail);
		err_set(err, code, "%s: %s failed: %s (SQLite error %d)", st->path, what, safe.p
			? safe.p : "?", rc);
		str_release(&safe);
		return code;
	}
}

int sql_fail(struct store *st, int rc, const char *what, struct qd_err *err)
{
	return st->last = fail(st, rc, what, err);
}

sqlite3_stmt *sql_prepare(struct store *st, const char *sql, struct qd_err *err)
{
	sqlite3_stmt *s = NULL;
	int rc;

	if (fault_hit(FAULT_STORE))
		rc = SQLITE_IOERR;
	else
		rc = sqlite3_prepare_v3(st->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
	if (rc != SQLITE_OK)
		sql_fail(st, rc, "preparing a statement", err);
	return s;
}

static struct stmt_slot *find_slot(struct store *st, const void *key, int verb)
{
	for (size_t i = 0; i < st->n_stmts; i++)
		if (st->stmts[i].key == key && st->stmts[i].verb == verb)
			return &st->stmts[i];
	return NULL;
}

static sqlite3_stmt *cache_add(struct store *st, const void *key, int verb, const char *sql,
			       struct qd_err *err)
{
	sqlite3_stmt *s;

	if (!mem_grow(&st->stmts, &st->cap_stmts, st->n_stmts + 1, sizeof(*st->stmts))) {
		st->last = err_oom(err, "preparing a statement");
		return NULL;
	}
	s = sql_prepare(st, sql, err);
	if (s)
		st->stmts[st->n_stmts++] = (struct stmt_slot){ key, verb, s };
	return s;
}

static sqlite3_stmt *fresh(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return s;
}

sqlite3_stmt *sql_get(struct store *st, const char *sql, struct qd_err *err)
{
	struct stmt_slot *slot = find_slot(st, sql, -1);

	return slot ? fresh(slot->stmt) : cache_add(st, sql, -1, sql, err);
}

sqlite3_stmt *sql_get_made(struct store *st, const void *key, int verb, sql_maker *make,
			   struct qd_err *err)
{
	struct stmt_slot *slot = find_slot(st, key, verb);
	struct str sql = STR_INIT;
	sqlite3_stmt *s = NULL;

	if (slot)
		return fresh(slot->stmt);
	make(&sql, key, verb);
	if (sql.failed)
		st->last = err_oom(err, "preparing a statement");
	else
		s = cache_add(st, key, verb, sql.p, err);
	str_release(&sql);
	return s;
}

void sql_drop_cache(struct store *st)
{
	for (size_t i = 0; i < st->n_stmts; i++)
		sqlite3_finalize(st->stmts[i].stmt);
	free(st->stmts);
	st->stmts = NULL;
	st->n_stmts = st->cap_stmts = 0;
}

int sql_step(struct store *st, sqlite3_stmt *s, const char *what, struct qd_err *err)
{
	int rc = fault_hit(FAULT_STORE) ? SQLITE_FULL : sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	rc = sql_fail(st, rc, what, err);
	sqlite3_reset(s);
	return rc;
}

int sql_run(struct store *st, sqlite3_stmt *s, const char *what, struct qd_err *err)
{
	int rc = sql_step(st, s, what, err);

	sqlite3_reset(s);
	return rc < 0 ? rc : 0;
}

int sql_exec(struct store *st, const char *sql, const char *what, struct qd_err *err)
{
	int rc = fault_hit(FAULT_STORE) ? SQLITE_FULL : sqlite3_exec(st->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sql_fail(st, rc, what, err);
}

int sql_int(struct store *st, const char *sql, int64_t none, int64_t *out, struct qd_err *err)
{
	sqlite3_stmt *s = sql_prepare(st, sql, err);
	int rc;

	*out = none;
	if (!s)
		return st->last;
	rc = sql_step(st, s, "reading", err);
	if (rc == 1 && sqlite3_column_type(s, 0) != SQLITE_NULL)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rc < 0 ? rc : 0;
}

static void call_double(sqlite3_context *ctx, int argc, sqlite3_value **argv, double (*f)(double),
			bool zero_ok)
{
	double v;

	if (argc != 1 || sqlite3_value_type(argv[0]) == SQLITE_NULL)
		return;
	v = sqlite3_value_double(argv[0]);
	if (v > 0 || (zero_ok && v == 0))
		sqlite3_result_double(ctx, f(v));
}

static void fn_log10(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	call_double(ctx, argc, argv, log10, false);
}

static void fn_sqrt(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	call_double(ctx, argc, argv, sqrt, true);
}

int sql_add_functions(struct store *st, struct qd_err *err)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
	int rc = sqlite3_create_function(st->db, "log10", 1, flags, NULL, fn_log10, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_create_function(st->db, "sqrt", 1, flags, NULL, fn_sqrt, NULL, NULL);
	return rc == SQLITE_OK ? 0 : sql_fail(st, rc, "opening", err);
}

void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(s, at);
}

void bind_int(sqlite3_stmt *s, int at, int64_t v)
{
	if (v == STORE_NONE)
		sqlite3_bind_null(s, at);
	else
		sqlite3_bind_int64(s, at, v);
}

void bind_real(sqlite3_stmt *s, int at, double v)
{
	sqlite3_bind_double(s, at, v);          /* SQLite stores NaN as NULL: our convention too */
}

int64_t column_int(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? STORE_NONE : sqlite3_column_int64(s, at);
}

double column_real(sqlite3_stmt *s, int at)
{
	return sqlite3_column_type(s, at) == SQLITE_NULL ? NAN : sqlite3_column_double(s, at);
}
