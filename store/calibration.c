/* Stored calibrations. */
#include "store/calibration.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/internal.h"

int store_calibration_find(struct store *st, const struct store_calibration_key *key, int64_t *id, struct qd_err *err)
{
	static const char sql[] =
		"SELECT c.id FROM calibration c JOIN model m ON m.id = c.float_id JOIN dataset d ON d.id = c.dataset_id "
		"WHERE m.sha256=?1 AND d.stamp=?2 AND d.options=?3 AND c.engine=?4 AND c.cpu=?5 AND c.complete=1 "
		"ORDER BY c.id DESC LIMIT 1";
	sqlite3_stmt *s = sql_get(st, sql, err);

	if (!s)
		return st->last;
	bind_text(s, 1, key->float_sha256);
	bind_text(s, 2, key->dataset_stamp);
	bind_text(s, 3, key->dataset_options);
	bind_text(s, 4, key->engine);
	bind_text(s, 5, key->cpu);
	return write_find_id(st, s, id, err);
}

/* Run a statement whose one parameter is an id. */
static int run_with_id(struct store *st, const char *sql, int64_t id, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, sql, err);

	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, id);
	return sql_run(st, s, "writing a calibration", err);
}

static int find_same(struct store *st, int64_t float_id, int64_t dataset_id, const char *engine, const char *cpu,
		     int64_t *id, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, "SELECT id FROM calibration WHERE float_id=?1 AND dataset_id=?2 AND engine=?3 "
				  "AND cpu=?4", err);

	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, float_id);
	sqlite3_bind_int64(s, 2, dataset_id);
	bind_text(s, 3, engine);
	bind_text(s, 4, cpu);
	return write_find_id(st, s, id, err);
}

static int drop(struct store *st, int64_t id, struct qd_err *err)
{
	int rc = run_with_id(st, "DELETE FROM tensor_watch WHERE calibration_id=?1", id, err);

	return rc ? rc : run_with_id(st, "DELETE FROM calibration WHERE id=?1", id, err);
}

int store_calibration_add(struct store *st, int64_t float_id, int64_t dataset_id, const char *engine, const char *cpu,
			  int64_t *id, struct qd_err *err)
{
	sqlite3_stmt *s;
	int rc = write_allowed(st, err);

	if (!rc)
		rc = find_same(st, float_id, dataset_id, engine, cpu, id, err);
	if (!rc && *id)
		rc = drop(st, *id, err);
	if (rc)
		return rc;
	s = sql_get(st, "INSERT INTO calibration(float_id, dataset_id, engine, cpu, complete) VALUES(?1,?2,?3,?4,0)", err);
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, float_id);
	sqlite3_bind_int64(s, 2, dataset_id);
	bind_text(s, 3, engine);
	bind_text(s, 4, cpu);
	rc = sql_run(st, s, "writing a calibration", err);
	*id = sqlite3_last_insert_rowid(st->db);
	return rc;
}

int store_watch_put(struct store *st, int64_t id, const char *tensor, const void *data, size_t n, struct qd_err *err)
{
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, "INSERT OR REPLACE INTO tensor_watch(calibration_id, tensor, data) "
					      "VALUES(?1,?2,?3)", err);

	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, id);
	bind_text(s, 2, tensor);
	sqlite3_bind_blob64(s, 3, n ? data : "", n, SQLITE_STATIC);
	rc = sql_run(st, s, "writing a calibration", err);
	sqlite3_clear_bindings(s);
	return rc;
}

int store_calibration_complete(struct store *st, int64_t id, struct qd_err *err)
{
	int rc = write_allowed(st, err);

	return rc ? rc : run_with_id(st, "UPDATE calibration SET complete=1 WHERE id=?1", id, err);
}

int store_watch_get(struct store *st, int64_t id, const char *tensor, void **data, size_t *n, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, "SELECT data FROM tensor_watch WHERE calibration_id=?1 AND tensor=?2", err);
	int rc;

	*data = NULL;
	*n = 0;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, id);
	bind_text(s, 2, tensor);
	rc = sql_step(st, s, "reading a calibration", err);
	if (rc == 1) {
		*n = (size_t)sqlite3_column_bytes(s, 0);
		*data = mem_alloc(*n);
		rc = *data ? 0 : err_oom(err, "reading a calibration");
		if (!rc && *n)
			memcpy(*data, sqlite3_column_blob(s, 0), *n);
	}
	sqlite3_reset(s);
	return rc;
}
