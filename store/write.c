/* The writer: rows in.  Transactions and the SQL of each table. */
#include "store/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/internal.h"
#include "store/read.h"

/* ---- transactions ---- */

bool store_in_transaction(const struct store *st)
{
	return !sqlite3_get_autocommit(st->db);
}

int store_begin(struct store *st, struct qd_err *err)
{
	if (!st->writable || store_in_transaction(st))
		return err_set(err, QD_EBUG, "%s: a transaction cannot begin here", st->path);
	return sql_exec(st, "BEGIN IMMEDIATE", "writing", err);
}

void store_rollback(struct store *st)
{
	for (size_t i = 0; i < st->n_stmts; i++)
		sqlite3_reset(st->stmts[i].stmt);
	if (store_in_transaction(st))
		sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
}

/* SQLite rolls back by itself on some failures (disk full); going on would commit row by row. */
int write_allowed(struct store *st, struct qd_err *err)
{
	if (st->writable && store_in_transaction(st))
		return 0;
	return err_set(err, QD_EBUG, "%s: written outside a transaction", st->path);
}

int store_commit(struct store *st, struct qd_err *err)
{
	int rc = write_allowed(st, err);

	if (!rc)
		rc = sql_exec(st, "COMMIT", "writing", err);
	if (rc)
		store_rollback(st);
	return rc;
}

int64_t store_disk_bytes(struct store *st)
{
	char *wal = mem_printf("%s-wal", st->path);
	struct stat sb;
	int64_t n = 0;

	if (stat(st->path, &sb) == 0)
		n += sb.st_size;
	if (wal && stat(wal, &sb) == 0)
		n += sb.st_size;
	free(wal);
	return n;
}

/* ---- helpers ---- */

/* INSERT of rec through its map with its own id left to SQLite; *id (may be NULL) receives it. */
int write_insert(struct store *st, const struct record_map *m, const void *rec, int64_t *id,
		  struct qd_err *err)
{
	sqlite3_stmt *s = record_insert(st, m, err);
	int rc;

	if (!s)
		return st->last;
	record_bind(s, m, rec, 1);
	rc = sql_run(st, s, "writing", err);
	if (!rc && id)
		*id = sqlite3_last_insert_rowid(st->db);
	return rc;
}

/* "INSERT INTO table(owner, fields) VALUES(…)" for rows that belong to another row. */
static void make_child_insert(struct str *out, const void *key, int verb)
{
	const struct record_map *m = key;
	const char *owner = m == &map_sample ? "dataset_id" : m == &map_score ? "run_id"
		: "model_id";

	(void)verb;
	str_addf(out, "INSERT%s INTO %s(%s, ", m == &map_score ? " OR REPLACE" : "", m->table,
		 owner);
	record_columns(out, m, "");
	str_add(out, ") VALUES(?1");
	for (size_t i = 0; i < m->n; i++)
		str_addf(out, ",?%zu", i + 2);
	str_add(out, ")");
}

static int insert_children(struct store *st, const struct record_map *m, int64_t owner,
			   const void *v, size_t n,
			   struct qd_err *err)
{
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get_made(st, m, REC_REPLACE, make_child_insert, err);

	if (rc || !s)
		return rc ? rc : st->last;
	for (size_t i = 0; i < n && !rc; i++) {
		sqlite3_bind_int64(s, 1, owner);
		record_bind(s, m, (const char *)v + i * m->size, 2);
		rc = sql_run(st, s, "writing", err);
	}
	return rc;
}

/* The id a query gives, 0 without a row; parameters are bound already. */
int write_find_id(struct store *st, sqlite3_stmt *s, int64_t *id, struct qd_err *err)
{
	int rc = sql_step(st, s, "reading", err);

	*id = rc == 1 ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return rc < 0 ? rc : 0;
}

/* ---- models, data ---- */

int store_add_model(struct store *st, const struct store_model *m, int64_t *id, bool *existed,
		    struct qd_err *err)
{
	static const char sql[] = "SELECT id FROM model WHERE role=?1 AND path=?2 AND sha256=?3 "
		"AND size=?4 AND "
		"mtime_ns=?5 AND stamps=?6";
	struct store_model row = *m;
	sqlite3_stmt *s;
	int rc = write_allowed(st, err);

	if (existed)
		*existed = false;
	if (rc)
		return rc;
	s = sql_get(st, sql, err);
	if (!s)
		return st->last;
	row.id = 0;
	row.stamps = m->stamps ? m->stamps : "";
	bind_text(s, 1, row.role);
	bind_text(s, 2, row.path);
	bind_text(s, 3, row.sha256);
	sqlite3_bind_int64(s, 4, row.size);
	sqlite3_bind_int64(s, 5, row.mtime_ns);
	bind_text(s, 6, row.stamps);
	rc = write_find_id(st, s, id, err);
	if (!rc && *id && existed)
		*existed = true;
	return rc || *id ? rc : write_insert(st, &map_model, &row, id, err);
}

int store_add_nodes(struct store *st, int64_t model_id, const struct store_node *v, size_t n,
		    struct qd_err *err)
{
	return insert_children(st, &map_node, model_id, v, n, err);
}

int store_add_tensors(struct store *st, int64_t model_id, const struct store_tensor *v, size_t n,
		      struct qd_err *err)
{
	return insert_children(st, &map_tensor, model_id, v, n, err);
}

int store_add_dataset(struct store *st, const struct store_dataset *d, int64_t *id, bool *existed,
		      struct qd_err *err)
{
	static const char sql[] = "SELECT id FROM dataset WHERE path=?1 AND options=?2 AND "
		"stamp=?3 AND n=?4";
	struct store_dataset row = *d;
	sqlite3_stmt *s;
	int rc = write_allowed(st, err);

	if (existed)
		*existed = false;
	if (rc)
		return rc;
	s = sql_get(st, sql, err);
	if (!s)
		return st->last;
	row.id = 0;
	bind_text(s, 1, d->path);
	bind_text(s, 2, d->options);
	bind_text(s, 3, d->stamp);
	sqlite3_bind_int64(s, 4, d->n);
	rc = write_find_id(st, s, id, err);
	if (!rc && *id && existed)
		*existed = true;
	return rc || *id ? rc : write_insert(st, &map_dataset, &row, id, err);
}

int store_add_samples(struct store *st, int64_t dataset_id, const struct store_sample *v, size_t n,
		      struct qd_err *err)
{
	return insert_children(st, &map_sample, dataset_id, v, n, err);
}

int store_set_sample_sha(struct store *st, int64_t dataset_id, int64_t idx, const char *sha256,
			 struct qd_err *err)
{
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, "UPDATE sample SET sha256=?3 WHERE dataset_id=?1 "
					      "AND idx=?2", err);

	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, dataset_id);
	sqlite3_bind_int64(s, 2, idx);
	bind_text(s, 3, sha256);
	return sql_run(st, s, "writing", err);
}

int store_set_dataset_sha(struct store *st, int64_t dataset_id, const char *sha256,
			  struct qd_err *err)
{
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, "UPDATE dataset SET sha256=?2 WHERE id=?1", err);

	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, dataset_id);
	bind_text(s, 2, sha256);
	return sql_run(st, s, "writing", err);
}

/* ---- runs ---- */

int store_add_run(struct store *st, const struct store_run *r, int64_t *id, struct qd_err *err)
{
	struct store_run row = *r;
	char now[32];
	int rc = write_allowed(st, err);

	if (rc)
		return rc;
	utc_now(now);
	row.id = 0;
	row.status = "running";
	row.message = NULL;
	row.owner_pid = getpid();
	row.owner_start = process_start(getpid());
	row.started_at = r->started_at ? r->started_at : now;
	return write_insert(st, &map_run, &row, id, err);
}

int store_resume_run(struct store *st, int64_t run_id, struct qd_err *err)
{
	static const char sql[] = "UPDATE run SET status='running', message=NULL, owner_pid=?2, "
		"owner_start=?3 "
		"WHERE id=?1";
	struct store_arena a = STORE_ARENA_INIT;
	struct store_run run = { 0 };
	sqlite3_stmt *s;
	int rc = write_allowed(st, err);

	if (!rc)
		rc = store_run_get(st, run_id, &a, &run, err);
	if (!rc && store_owner_alive(&run) && run.owner_pid != getpid())
		rc = err_set(err, QD_EINPUT, "%s: run %lld is being written by process %lld; wait "
			     "for it or stop it",
			     st->path, (long long)run_id, (long long)run.owner_pid);
	store_arena_release(&a);
	s = rc ? NULL : sql_get(st, sql, err);
	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, run_id);
	sqlite3_bind_int64(s, 2, getpid());
	bind_int(s, 3, process_start(getpid()));
	return sql_run(st, s, "writing", err);
}

int store_set_progress(struct store *st, int64_t run_id, int64_t samples_done, int64_t samples_bad,
		       double seconds,
		       int64_t peak_rss, struct qd_err *err)
{
	static const char sql[] = "UPDATE run SET samples_done=?2, samples_bad=?3, seconds=?4, "
		"peak_rss=?5 WHERE id=?1";
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, sql, err);

	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, run_id);
	sqlite3_bind_int64(s, 2, samples_done);
	sqlite3_bind_int64(s, 3, samples_bad);
	sqlite3_bind_double(s, 4, seconds);
	sqlite3_bind_int64(s, 5, peak_rss);
	return sql_run(st, s, "writing", err);
}

int store_finish_run(struct store *st, int64_t run_id, const char *status, const char *message,
		     struct qd_err *err)
{
	static const char sql[] = "UPDATE run SET status=?2, message=?3, owner_pid=NULL, "
		"owner_start=NULL WHERE id=?1";
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, sql, err);

	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, run_id);
	bind_text(s, 2, status);
	bind_text(s, 3, message);
	return sql_run(st, s, "writing", err);
}

int store_delete_run(struct store *st, int64_t run_id, struct qd_err *err)
{
	static const char *const sql[] = {
		"DELETE FROM activation_chunk WHERE activation_id IN (SELECT id FROM activation "
			"WHERE run_id=?1)",
		"DELETE FROM activation WHERE run_id=?1",
		"DELETE FROM pooled WHERE pair_id IN (SELECT id FROM pair WHERE run_id=?1)",
		"DELETE FROM pair_total WHERE pair_id IN (SELECT id FROM pair WHERE run_id=?1)",
		"DELETE FROM pair_block WHERE pair_id IN (SELECT id FROM pair WHERE run_id=?1)",
		"DELETE FROM pair WHERE run_id=?1",
		"DELETE FROM score WHERE run_id=?1",
		"DELETE FROM edit WHERE run_id=?1",
		"UPDATE run SET parent_id=NULL WHERE parent_id=?1",
		"DELETE FROM run WHERE id=?1",
	};
	int rc = write_allowed(st, err);

	for (size_t i = 0; i < sizeof(sql) / sizeof(sql[0]) && !rc; i++) {
		sqlite3_stmt *s = sql_get(st, sql[i], err);

		if (!s)
			return st->last;
		sqlite3_bind_int64(s, 1, run_id);
		rc = sql_run(st, s, "writing", err);
	}
	return rc;
}

/* ---- pairs and their sums ---- */

int store_add_pairs(struct store *st, int64_t run_id, struct store_pair *v, size_t n,
		    struct qd_err *err)
{
	int rc = write_allowed(st, err);

	for (size_t i = 0; i < n && !rc; i++) {
		struct store_pair row = v[i];

		row.id = 0;
		row.run_id = run_id;
		rc = write_insert(st, &map_pair, &row, &v[i].id, err);
	}
	return rc;
}

static void make_put_block(struct str *out, const void *key, int verb)
{
	const struct record_map *m = key;

	(void)verb;
	str_add(out, "INSERT INTO pair_block(pair_id, block, per_sample, ");
	record_columns(out, m, "");
	str_add(out, ") VALUES(?1,?2,?3");
	for (size_t i = 0; i < m->n; i++)
		str_addf(out, ",?%zu", i + 4);
	str_add(out, ") ON CONFLICT(pair_id, block) DO UPDATE SET per_sample=excluded.per_sample");
	for (size_t i = 0; i < m->n; i++)
		str_addf(out, ", %s=excluded.%s", m->fields[i].name, m->fields[i].name);
}

int store_put_block(struct store *st, int64_t pair_id, int64_t block, const struct store_sums *s,
		    const struct store_sample_rec *recs, struct qd_err *err)
{
	unsigned char blob[STORE_BLOCK_SAMPLES * STORE_SAMPLE_BYTES];
	size_t n = recs ? (size_t)s->n_samples : 0;
	sqlite3_stmt *q;
	int rc = write_allowed(st, err);

	if (!rc && (s->n_samples < 0 || s->n_samples > STORE_BLOCK_SAMPLES || block < 0))
		rc = err_set(err, QD_EBUG, "store: block %lld of %lld samples", (long long)block,
			     (long long)s->n_samples);
	if (rc)
		return rc;
	q = sql_get_made(st, &map_block, REC_REPLACE, make_put_block, err);
	if (!q)
		return st->last;
	if (n)
		blob_pack_samples(blob, recs, n);
	sqlite3_bind_int64(q, 1, pair_id);
	sqlite3_bind_int64(q, 2, block);
	sqlite3_bind_blob(q, 3, blob, (int)(n * STORE_SAMPLE_BYTES), SQLITE_STATIC);
	record_bind(q, &map_block, s, 4);
	rc = sql_run(st, q, "writing", err);
	sqlite3_clear_bindings(q);      /* blob dies with this frame */
	return rc;
}

static void make_put_total(struct str *out, const void *key, int verb)
{
	(void)key;
	(void)verb;
	str_add(out, "INSERT OR REPLACE INTO pair_total(pair_id, ");
	record_columns(out, &map_extra, "");
	str_add(out, ", ");
	record_columns(out, &map_total, "");
	str_add(out, ") VALUES(?1");
	for (size_t i = 0; i < map_extra.n + map_total.n; i++)
		str_addf(out, ",?%zu", i + 2);
	str_add(out, ")");
}

int store_put_total(struct store *st, int64_t pair_id, const struct store_sums *s,
		    const struct store_total_extra *extra, struct qd_err *err)
{
	static const struct store_total_extra none = { STORE_NONE, STORE_NONE, NAN, "" };
	int rc = write_allowed(st, err);
	sqlite3_stmt *q = rc ? NULL : sql_get_made(st, &map_total, REC_REPLACE, make_put_total,
						   err);

	if (!q)
		return rc ? rc : st->last;
	sqlite3_bind_int64(q, 1, pair_id);
	record_bind(q, &map_extra, extra ? extra : &none, 2);
	record_bind(q, &map_total, s, 2 + (int)map_extra.n);
	return sql_run(st, q, "writing", err);
}

/* ---- scores, journal ---- */

int store_put_score(struct store *st, int64_t run_id, const struct store_score *s,
		    struct qd_err *err)
{
	return insert_children(st, &map_score, run_id, s, 1, err);
}

int store_add_edit(struct store *st, const struct store_edit *e, int64_t *id, struct qd_err *err)
{
	struct store_edit row = *e;
	char now[32];
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, "UPDATE edit SET undone=2 WHERE run_id=?1 AND "
					      "undone=1", err);

	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, e->run_id);
	rc = sql_run(st, s, "writing", err);
	if (rc)
		return rc;
	utc_now(now);
	row.id = 0;
	row.undone = 0;
	row.at = e->at ? e->at : now;
	return write_insert(st, &map_edit, &row, id, err);
}

/* Flip the edit that `find` names and return it as it is now. */
static int flip_edit(struct store *st, const char *find, int64_t run_id, int undone,
		     struct store_arena *a,
		     struct store_edit *out, struct qd_err *err)
{
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, find, err);

	*out = (struct store_edit){ 0 };
	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, run_id);
	rc = sql_step(st, s, "reading the journal", err);
	if (rc == 1)
		rc = record_read(s, &map_edit, 0, out, a, err);
	sqlite3_reset(s);
	if (rc || !out->id)
		return rc;
	s = sql_get(st, "UPDATE edit SET undone=?2 WHERE id=?1", err);
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, out->id);
	sqlite3_bind_int(s, 2, undone);
	out->undone = undone;
	return sql_run(st, s, "writing", err);
}

/* Columns in the order of map_edit. */
#define EDIT_COLUMNS \
	"SELECT id, run_id, undone, action, target, value, at FROM edit " \
	"WHERE run_id=?1 AND undone="

int store_undo(struct store *st, int64_t run_id, struct store_arena *a, struct store_edit *out,
	       struct qd_err *err)
{
	return flip_edit(st, EDIT_COLUMNS "0 ORDER BY id DESC LIMIT 1", run_id, 1, a, out, err);
}

int store_redo(struct store *st, int64_t run_id, struct store_arena *a, struct store_edit *out,
	       struct qd_err *err)
{
	return flip_edit(st, EDIT_COLUMNS "1 ORDER BY id LIMIT 1", run_id, 0, a, out, err);
}
