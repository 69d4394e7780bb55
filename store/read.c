/* Typed readers: rows out, into records whose text an arena owns. */
#include "store/read.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/internal.h"

struct select { const struct record_map *map; const char *tail; };

static void make_select(struct str *out, const void *key, int verb)
{
	const struct select *q = key;

	(void)verb;
	str_add(out, "SELECT ");
	record_columns(out, q->map, "");
	str_addf(out, " FROM %s %s", q->map->table, q->tail);
}

static sqlite3_stmt *select_get(struct store *st, const struct select *q, struct qd_err *err)
{
	return sql_get_made(st, q, REC_SELECT, make_select, err);
}

/* All rows of a bound statement; *out malloc'd, never NULL on success. */
static int read_rows(struct store *st, sqlite3_stmt *s, const struct record_map *m,
		     struct store_arena *a,
		     void *out, size_t *n, struct qd_err *err)
{
	char *rows = NULL;
	size_t cap = 0;
	int rc;

	*n = 0;
	*(void **)out = NULL;
	if (!s)
		return st->last;
	do {
		rc = mem_grow(&rows, &cap, *n + 1, m->size) ? sql_step(st, s, "reading", err)
			: err_oom(err, "reading the store");
		if (rc != 1)
			break;
		memset(rows + *n * m->size, 0, m->size);
		rc = record_read(s, m, 0, rows + *n * m->size, a, err);
		++*n;
	} while (!rc);
	sqlite3_reset(s);
	if (rc < 0) {
		free(rows);
		*n = 0;
		return rc;
	}
	*(void **)out = rows;
	return 0;
}

static int read_rows_of(struct store *st, const struct select *q, int64_t id,
			struct store_arena *a, void *out,
			size_t *n, struct qd_err *err)
{
	sqlite3_stmt *s = select_get(st, q, err);

	if (s)
		sqlite3_bind_int64(s, 1, id);
	return read_rows(st, s, q->map, a, out, n, err);
}

/* At most one row; rec is zeroed (id 0) when there is none.  1 found, 0 not. */
static int read_one(struct store *st, sqlite3_stmt *s, const struct record_map *m,
		    struct store_arena *a, void *rec,
		    struct qd_err *err)
{
	int rc;

	memset(rec, 0, m->size);
	if (!s)
		return st->last;
	rc = sql_step(st, s, "reading", err);
	if (rc == 1) {
		rc = record_read(s, m, 0, rec, a, err);
		rc = rc ? rc : 1;
	}
	sqlite3_reset(s);
	return rc;
}

static int read_by_id(struct store *st, const struct select *q, int64_t id, struct store_arena *a,
		      void *rec,
		      struct qd_err *err)
{
	sqlite3_stmt *s = select_get(st, q, err);
	int rc;

	if (s)
		sqlite3_bind_int64(s, 1, id);
	rc = read_one(st, s, q->map, a, rec, err);
	if (rc == 0)
		return err_set(err, QD_EINPUT, "%s: there is no %s %lld", st->path, q->map->table,
			       (long long)id);
	return rc < 0 ? rc : 0;
}

/* ---- runs, models, data ---- */

int store_run_get(struct store *st, int64_t run_id, struct store_arena *a, struct store_run *out,
		  struct qd_err *err)
{
	static const struct select q = { &map_run, "WHERE id=?1" };

	return read_by_id(st, &q, run_id, a, out, err);
}

int store_run_latest(struct store *st, bool done_only, struct store_arena *a, struct store_run *out,
		     struct qd_err *err)
{
	static const struct select any = { &map_run, "ORDER BY id DESC LIMIT 1" };
	static const struct select done = { &map_run, "WHERE status='done' ORDER BY id DESC LIMIT "
					    "1" };
	int rc = read_one(st, select_get(st, done_only ? &done : &any, err), &map_run, a, out, err);

	return rc < 0 ? rc : 0;
}

int store_runs(struct store *st, struct store_arena *a, struct store_run **out, size_t *n,
	       struct qd_err *err)
{
	static const struct select q = { &map_run, "ORDER BY id" };

	return read_rows(st, select_get(st, &q, err), &map_run, a, out, n, err);
}

int store_model_get(struct store *st, int64_t id, struct store_arena *a, struct store_model *out,
		    struct qd_err *err)
{
	static const struct select q = { &map_model, "WHERE id=?1" };

	return read_by_id(st, &q, id, a, out, err);
}

int store_dataset_get(struct store *st, int64_t id, struct store_arena *a,
		      struct store_dataset *out,
		      struct qd_err *err)
{
	static const struct select q = { &map_dataset, "WHERE id=?1" };

	return read_by_id(st, &q, id, a, out, err);
}

int store_nodes(struct store *st, int64_t model_id, struct store_arena *a, struct store_node **out,
		size_t *n,
		struct qd_err *err)
{
	static const struct select q = { &map_node, "WHERE model_id=?1 ORDER BY idx, id" };

	return read_rows_of(st, &q, model_id, a, out, n, err);
}

int store_tensors(struct store *st, int64_t model_id, struct store_arena *a,
		  struct store_tensor **out, size_t *n,
		  struct qd_err *err)
{
	static const struct select q = { &map_tensor, "WHERE model_id=?1 ORDER BY pos, id" };

	return read_rows_of(st, &q, model_id, a, out, n, err);
}

int store_samples(struct store *st, int64_t dataset_id, struct store_arena *a,
		  struct store_sample **out, size_t *n,
		  struct qd_err *err)
{
	static const struct select q = { &map_sample, "WHERE dataset_id=?1 ORDER BY idx" };

	return read_rows_of(st, &q, dataset_id, a, out, n, err);
}

/* Five parameters from `at`: sha256 decides when given, else the file's stamps. */
static void bind_model_key(sqlite3_stmt *s, int at, const struct store_model *m)
{
	bind_text(s, at, m->sha256);
	bind_text(s, at + 1, m->path);
	sqlite3_bind_int64(s, at + 2, m->size);
	sqlite3_bind_int64(s, at + 3, m->mtime_ns);
	bind_text(s, at + 4, m->stamps ? m->stamps : "");
}

int store_run_find(struct store *st, const struct store_key *key, struct store_arena *a,
		   struct store_run *out,
		   struct qd_err *err)
{
	static const struct select q = { &map_run,
		"WHERE float_id IN (SELECT id FROM model WHERE role='float' AND (sha256=?1 OR (?1 "
			"IS NULL AND path=?2 "
		"AND size=?3 AND mtime_ns=?4 AND stamps=?5))) "
		"AND quant_id IN (SELECT id FROM model WHERE role='quant' AND (sha256=?6 OR (?6 IS "
			"NULL AND path=?7 "
		"AND size=?8 AND mtime_ns=?9 AND stamps=?10))) "
		"AND dataset_id IN (SELECT id FROM dataset WHERE stamp=?11 AND (?12 IS NULL OR "
			"sha256 IS NULL OR "
		"sha256=?12)) "
		"AND options=?13 AND observer=?14 AND engine=?15 AND cpu=?16 AND (?17 IS NULL OR "
			"recipe=?17) "
		"ORDER BY status='done' DESC, id DESC LIMIT 1" };
	sqlite3_stmt *s = select_get(st, &q, err);
	int rc;

	if (s) {
		bind_model_key(s, 1, key->float_model);
		bind_model_key(s, 6, key->quant_model);
		bind_text(s, 11, key->dataset_stamp);
		bind_text(s, 12, key->dataset_sha256);
		bind_text(s, 13, key->options);
		bind_text(s, 14, key->observer);
		bind_text(s, 15, key->engine);
		bind_text(s, 16, key->cpu);
		bind_text(s, 17, key->recipe);
	}
	rc = read_one(st, s, &map_run, a, out, err);
	return rc < 0 ? rc : 0;
}

/* ---- pairs and their sums ---- */

int store_pairs(struct store *st, int64_t run_id, const char *kind, struct store_arena *a,
		struct store_pair **out,
		size_t *n, struct qd_err *err)
{
	static const struct select q = { &map_pair, "WHERE run_id=?1 AND (?2 IS NULL OR kind=?2) "
					 "ORDER BY id" };
	sqlite3_stmt *s = select_get(st, &q, err);

	if (s) {
		sqlite3_bind_int64(s, 1, run_id);
		bind_text(s, 2, kind);
	}
	return read_rows(st, s, &map_pair, a, out, n, err);
}

int store_pair_get(struct store *st, int64_t pair_id, struct store_arena *a, struct store_pair *out,
		   struct qd_err *err)
{
	static const struct select q = { &map_pair, "WHERE id=?1" };

	return read_by_id(st, &q, pair_id, a, out, err);
}

static void make_total_select(struct str *out, const void *key, int verb)
{
	(void)key;
	(void)verb;
	str_add(out, "SELECT ");
	record_columns(out, &map_total, "");
	str_add(out, ", ");
	record_columns(out, &map_extra, "");
	str_add(out, " FROM pair_total WHERE pair_id=?1");
}

int store_total_get(struct store *st, int64_t pair_id, struct store_sums *sums,
		    struct store_total_extra *extra,
		    bool *found, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get_made(st, &map_total, REC_SELECT, make_total_select, err);
	int rc;

	*found = false;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, pair_id);
	rc = sql_step(st, s, "reading sums", err);
	if (rc == 1) {
		*found = true;
		rc = record_read(s, &map_total, 0, sums, NULL, err);
		if (!rc && extra)
			rc = record_read(s, &map_extra, (int)map_total.n, extra, NULL, err);
	}
	sqlite3_reset(s);
	return rc;
}

static void make_block_select(struct str *out, const void *key, int verb)
{
	(void)key;
	(void)verb;
	str_add(out, "SELECT per_sample, ");
	record_columns(out, &map_block, "");
	str_add(out, " FROM pair_block WHERE pair_id=?1 AND block=?2");
}

/* The records of the current row (column 0 its blob, 1 n_samples), counted against both.  A weight
 * has none. */
static int read_recs(struct store *st, sqlite3_stmt *s, struct store_sample_rec *recs, size_t *n,
		     struct qd_err *err)
{
	int64_t claimed = sqlite3_column_int64(s, 1);
	const void *blob = sqlite3_column_blob(s, 0);
	int bytes = sqlite3_column_bytes(s, 0);

	*n = bytes ? (size_t)claimed : 0;
	if (claimed < 0 || claimed > STORE_BLOCK_SAMPLES ||
	    (bytes && bytes != claimed * STORE_SAMPLE_BYTES))
		return err_set(err, QD_EINPUT, "%s: a block of %lld samples holds %d bytes of "
			       "records, %lld are expected",
			       st->path, (long long)claimed, bytes,
				       (long long)claimed * STORE_SAMPLE_BYTES);
	if (bytes && !blob)
		return err_oom(err, "reading a block");
	if (recs)
		blob_unpack_samples(blob, recs, *n);
	return 0;
}

int store_block_get(struct store *st, int64_t pair_id, int64_t block, struct store_sums *sums,
		    struct store_sample_rec *recs, bool *found, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get_made(st, &map_block, REC_SELECT, make_block_select, err);
	size_t n = 0;
	int rc;

	*found = false;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, pair_id);
	sqlite3_bind_int64(s, 2, block);
	rc = sql_step(st, s, "reading a block", err);
	if (rc == 1) {
		*found = true;
		rc = record_read(s, &map_block, 1, sums, NULL, err);
		if (!rc)
			rc = read_recs(st, s, recs, &n, err);
		if (!rc && recs && n == 0)
			memset(recs, 0, (size_t)sums->n_samples * sizeof(*recs));
	}
	sqlite3_reset(s);
	return rc;
}

int store_block_last(struct store *st, int64_t pair_id, int64_t *block, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, "SELECT max(block) FROM pair_block WHERE pair_id=?1", err);
	int rc;

	*block = -1;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, pair_id);
	rc = sql_step(st, s, "reading blocks", err);
	if (rc == 1 && sqlite3_column_type(s, 0) != SQLITE_NULL)
		*block = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	return rc < 0 ? rc : 0;
}

int store_pair_samples(struct store *st, int64_t pair_id, struct store_sample_rec **recs, size_t *n,
		       struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, "SELECT per_sample, n_samples FROM pair_block WHERE "
				  "pair_id=?1 ORDER BY block", err);
	struct store_sample_rec *v = NULL;
	size_t cap = 0, got = 0, more;
	int rc;

	*recs = NULL;
	*n = 0;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, pair_id);
	do {
		rc = mem_grow(&v, &cap, got + STORE_BLOCK_SAMPLES, sizeof(*v)) ?
			sql_step(st, s, "reading samples", err) : err_oom(err, "reading samples");
		if (rc != 1)
			break;
		rc = read_recs(st, s, v + got, &more, err);
		got += rc ? 0 : more;
	} while (!rc);
	sqlite3_reset(s);
	if (rc) {
		free(v);
		return rc;
	}
	*recs = v;
	*n = got;
	return 0;
}

/* ---- blobs ---- */

/* Copy of the blob in a column; one spare byte, so that an empty blob is not NULL. */
static int copy_blob(sqlite3_stmt *s, int at, void **data, size_t *bytes, struct qd_err *err)
{
	const void *blob = sqlite3_column_blob(s, at);
	size_t n = (size_t)sqlite3_column_bytes(s, at);
	char *copy = n && !blob ? NULL : mem_alloc(n + 1);

	if (!copy)
		return err_oom(err, "reading a blob");
	if (n)
		memcpy(copy, blob, n);
	*data = copy;
	*bytes = n;
	return 0;
}

int store_pooled_get(struct store *st, int64_t pair_id, const char *kind, int64_t *samples_done,
		     void **data,
		     size_t *bytes, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, "SELECT data, samples_done FROM pooled WHERE pair_id=?1 AND "
				  "kind=?2", err);
	int rc;

	*data = NULL;
	*bytes = 0;
	*samples_done = 0;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, pair_id);
	bind_text(s, 2, kind);
	rc = sql_step(st, s, "reading a blob", err);
	if (rc == 1) {
		*samples_done = sqlite3_column_int64(s, 1);
		rc = copy_blob(s, 0, data, bytes, err);
	}
	sqlite3_reset(s);
	return rc;
}

int store_activations(struct store *st, int64_t run_id, const char *tensor, struct store_arena *a,
		      struct store_activation **out, size_t *n, struct qd_err *err)
{
	static const struct select q = { &map_activation,
		"WHERE run_id=?1 AND (?2 IS NULL OR tensor=?2) ORDER BY id" };
	sqlite3_stmt *s = select_get(st, &q, err);

	if (s) {
		sqlite3_bind_int64(s, 1, run_id);
		bind_text(s, 2, tensor);
	}
	return read_rows(st, s, &map_activation, a, out, n, err);
}

int store_activation_chunk(struct store *st, int64_t id, int64_t seq, void *buf, size_t *bytes,
			   struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, "SELECT data FROM activation_chunk WHERE activation_id=?1 "
				  "AND seq=?2", err);
	const void *blob;
	int rc;

	*bytes = 0;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, seq);
	rc = sql_step(st, s, "reading an activation", err);
	if (rc == 1) {
		rc = 0;
		blob = sqlite3_column_blob(s, 0);
		*bytes = (size_t)sqlite3_column_bytes(s, 0);
		if (*bytes == 0 || *bytes > STORE_CHUNK_BYTES)
			rc = err_set(err, QD_EINPUT, "%s: chunk %lld of activation %lld has %zu "
				     "bytes, 1 to %d are "
				     "expected", st->path, (long long)seq, (long long)id, *bytes,
					     STORE_CHUNK_BYTES);
		else if (!blob)
			rc = err_oom(err, "reading an activation");
		else
			memcpy(buf, blob, *bytes);
	}
	if (rc)
		*bytes = 0;
	sqlite3_reset(s);
	return rc;
}

static int wrong_size(struct store *st, int64_t id, int64_t seen, int64_t wanted,
		      struct qd_err *err)
{
	return err_set(err, QD_EINPUT, "%s: activation %lld is stored as %lld bytes, its row says "
		       "%lld", st->path,
		       (long long)id, (long long)seen, (long long)wanted);
}

int store_activation_read(struct store *st, int64_t id, size_t max_bytes, void **data,
			  size_t *bytes,
			  struct qd_err *err)
{
	static const char sum[] = "SELECT a.bytes, (SELECT total(length(data)) FROM "
		"activation_chunk WHERE "
		"activation_id=?1) FROM activation a WHERE a.id=?1";
	sqlite3_stmt *s = sql_get(st, sum, err);
	int64_t claimed = -1, stored = 0;
	char *buf = NULL, *chunk = NULL;
	size_t at = 0, got;
	int rc;

	*data = NULL;
	*bytes = 0;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, id);
	rc = sql_step(st, s, "reading an activation", err);
	if (rc == 1) {
		claimed = sqlite3_column_int64(s, 0);
		stored = sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	if (rc == 0)
		return err_set(err, QD_EINPUT, "%s: there is no activation %lld", st->path,
			       (long long)id);
	if (rc < 0)
		return rc;
	if (claimed < 0 || claimed != stored)
		return wrong_size(st, id, stored, claimed, err);
	if ((uint64_t)claimed > max_bytes)
		return err_set(err, QD_EINPUT, "%s: activation %lld has %lld bytes, at most %zu "
			       "are taken", st->path,
			       (long long)id, (long long)claimed, max_bytes);
	rc = 0;
	buf = mem_alloc((size_t)claimed + 1);
	chunk = mem_alloc(STORE_CHUNK_BYTES);
	if (!buf || !chunk)
		rc = err_oom(err, "reading an activation");
	for (int64_t seq = 0; !rc && at < (size_t)claimed; seq++) {
		rc = store_activation_chunk(st, id, seq, chunk, &got, err);
		if (!rc && (got == 0 || got > (size_t)claimed - at))
			rc = wrong_size(st, id, (int64_t)(at + got), claimed, err);
		if (!rc)
			memcpy(buf + at, chunk, got);
		at += got;
	}
	free(chunk);
	if (rc) {
		free(buf);
		return rc;
	}
	*data = buf;
	*bytes = at;
	return 0;
}

/* ---- journal, scores ---- */

int store_edits(struct store *st, int64_t run_id, struct store_arena *a, struct store_edit **out,
		size_t *n,
		struct qd_err *err)
{
	static const struct select q = { &map_edit, "WHERE run_id=?1 ORDER BY id" };

	return read_rows_of(st, &q, run_id, a, out, n, err);
}

int store_scores(struct store *st, int64_t run_id, const char *mode, struct store_arena *a,
		 struct store_score **out,
		 size_t *n, struct qd_err *err)
{
	static const struct select q = { &map_score, "WHERE run_id=?1 AND mode=?2 ORDER BY node, "
					 "output" };
	sqlite3_stmt *s = select_get(st, &q, err);

	if (s) {
		sqlite3_bind_int64(s, 1, run_id);
		bind_text(s, 2, mode);
	}
	return read_rows(st, s, &map_score, a, out, n, err);
}
