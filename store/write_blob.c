/* The writer's blobs: pooled statistics and kept activations. */
#include "store/write.h"

#include <stdlib.h>

#include "store/internal.h"

int store_put_pooled(struct store *st, int64_t pair_id, const char *kind, int64_t samples_done,
		     const void *data,
		     size_t bytes, struct qd_err *err)
{
	static const char sql[] = "INSERT INTO pooled(pair_id, kind, samples_done, data) "
		"VALUES(?1,?2,?3,?4) "
		"ON CONFLICT(pair_id, kind) DO UPDATE SET samples_done=excluded.samples_done, "
			"data=excluded.data";
	int rc = write_allowed(st, err);
	sqlite3_stmt *s = rc ? NULL : sql_get(st, sql, err);

	if (!s)
		return rc ? rc : st->last;
	sqlite3_bind_int64(s, 1, pair_id);
	bind_text(s, 2, kind);
	sqlite3_bind_int64(s, 3, samples_done);
	sqlite3_bind_blob64(s, 4, bytes ? data : "", bytes, SQLITE_STATIC);
	rc = sql_run(st, s, "writing", err);
	sqlite3_clear_bindings(s);
	return rc;
}

/* Store a blob that was just packed, and free it. */
static int put_packed(struct store *st, int64_t pair_id, const char *kind, int64_t samples_done,
		      void *blob,
		      size_t bytes, struct qd_err *err)
{
	int rc = blob ? store_put_pooled(st, pair_id, kind, samples_done, blob, bytes, err)
		: err_oom(err, "writing the store");

	free(blob);
	return rc;
}

int store_put_hist(struct store *st, int64_t pair_id, int64_t samples_done, int32_t exponent,
		   int32_t first,
		   const uint64_t *counts, uint32_t n, struct qd_err *err)
{
	size_t bytes;
	void *blob;

	if (n > STORE_HIST_BINS)
		return err_set(err, QD_EBUG, "store: a histogram of %u bins", n);
	blob = blob_pack_hist(exponent, first, counts, n, &bytes);
	return put_packed(st, pair_id, "hist", samples_done, blob, bytes, err);
}

int store_put_codes(struct store *st, int64_t pair_id, int64_t samples_done,
		    const unsigned char *codes,
		    struct qd_err *err)
{
	return store_put_pooled(st, pair_id, "codes", samples_done, codes, STORE_CODES_BYTES, err);
}

int store_put_channels(struct store *st, int64_t pair_id, int64_t samples_done,
		       const double *sum_x2,
		       const double *sum_e2, uint32_t n, struct qd_err *err)
{
	size_t bytes;
	void *blob = blob_pack_channels(sum_x2, sum_e2, n, &bytes);

	return put_packed(st, pair_id, "channels", samples_done, blob, bytes, err);
}

static int drop_activation(struct store *st, const struct store_activation *a, struct qd_err *err)
{
	static const char find[] = "SELECT id FROM activation WHERE run_id=?1 AND side=?2 AND "
		"tensor=?3 AND sample=?4";
	static const char *const drop[] = {
		"DELETE FROM activation_chunk WHERE activation_id=?1",
			"DELETE FROM activation WHERE id=?1",
	};
	sqlite3_stmt *s = sql_get(st, find, err);
	int64_t id;
	int rc;

	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, a->run_id);
	bind_text(s, 2, a->side);
	bind_text(s, 3, a->tensor);
	sqlite3_bind_int64(s, 4, a->sample);
	rc = write_find_id(st, s, &id, err);
	for (size_t i = 0; i < 2 && !rc && id; i++) {
		s = sql_get(st, drop[i], err);
		if (!s)
			return st->last;
		sqlite3_bind_int64(s, 1, id);
		rc = sql_run(st, s, "writing", err);
	}
	return rc;
}

int store_put_activation(struct store *st, const struct store_activation *a, const void *data,
			 int64_t *id,
			 struct qd_err *err)
{
	struct store_activation row = *a;
	int rc = write_allowed(st, err);

	if (!rc && a->bytes < 0)
		rc = err_set(err, QD_EBUG, "store: an activation of %lld bytes",
			     (long long)a->bytes);
	if (!rc)
		rc = drop_activation(st, a, err);
	row.id = 0;
	if (!rc)
		rc = write_insert(st, &map_activation, &row, id, err);
	for (int64_t at = 0, seq = 0; at < a->bytes && !rc; at += STORE_CHUNK_BYTES, seq++) {
		int64_t left = a->bytes - at;
		sqlite3_stmt *s = sql_get(st, "INSERT INTO activation_chunk(activation_id, seq, "
					  "data) VALUES(?1,?2,?3)",
					  err);

		if (!s)
			return st->last;
		sqlite3_bind_int64(s, 1, *id);
		sqlite3_bind_int64(s, 2, seq);
		sqlite3_bind_blob(s, 3, (const char *)data + at,
				  (int)(left < STORE_CHUNK_BYTES ? left : STORE_CHUNK_BYTES),
					  SQLITE_STATIC);
		rc = sql_run(st, s, "writing", err);
		sqlite3_clear_bindings(s);
	}
	return rc;
}
