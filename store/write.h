/* store/write.h - the writer: rows in, inside explicit transactions.
 *
 * Every function but those of the first group needs an open transaction (QD_EBUG without).  After
 * any failure call store_rollback(): nothing half-written stays.  Ids are returned through *id.
 */
#ifndef STORE_WRITE_H
#define STORE_WRITE_H

#include "store/record.h"
#include "store/store.h"

QD_NODISCARD int store_begin(struct store *st, struct qd_err *err);
/* on failure the transaction is rolled back */
QD_NODISCARD int store_commit(struct store *st, struct qd_err *err);
/* no-op without a transaction */
void store_rollback(struct store *st);
bool store_in_transaction(const struct store *st);
/* Bytes the store takes on disk, -wal included. */
int64_t store_disk_bytes(struct store *st);

/* A model with the same role, path, sha256, size, mtime and stamps is not added again: *id is the
 * old row's and *existed (may be NULL) true; then nodes and tensors need not be added. */
QD_NODISCARD int store_add_model(struct store *st, const struct store_model *m, int64_t *id,
				 bool *existed,
				 struct qd_err *err);
QD_NODISCARD int store_add_nodes(struct store *st, int64_t model_id, const struct store_node *v,
				 size_t n,
				 struct qd_err *err);
QD_NODISCARD int store_add_tensors(struct store *st, int64_t model_id,
				   const struct store_tensor *v, size_t n,
				   struct qd_err *err);

/* Likewise: same path, options, stamp and n = the same row. */
QD_NODISCARD int store_add_dataset(struct store *st, const struct store_dataset *d, int64_t *id,
				   bool *existed,
				   struct qd_err *err);
QD_NODISCARD int store_add_samples(struct store *st, int64_t dataset_id,
				   const struct store_sample *v, size_t n,
				   struct qd_err *err);
/* Fill in hashes that became known while the samples were read; sample_sha may be NULL. */
QD_NODISCARD int store_set_sample_sha(struct store *st, int64_t dataset_id, int64_t idx,
				      const char *sha256,
				      struct qd_err *err);
QD_NODISCARD int store_set_dataset_sha(struct store *st, int64_t dataset_id, const char *sha256,
				       struct qd_err *err);

/* A new run: status running, owned by this process. */
QD_NODISCARD int store_add_run(struct store *st, const struct store_run *r, int64_t *id,
			       struct qd_err *err);
/* Take over an unfinished run (not one whose owner is alive: QD_EINPUT): running, owned by this
 * process. */
QD_NODISCARD int store_resume_run(struct store *st, int64_t run_id, struct qd_err *err);
QD_NODISCARD int store_set_progress(struct store *st, int64_t run_id, int64_t samples_done,
				    int64_t samples_bad,
				    double seconds, int64_t peak_rss, struct qd_err *err);
/* status: done | failed | interrupted; message or NULL. */
QD_NODISCARD int store_finish_run(struct store *st, int64_t run_id, const char *status,
				  const char *message,
				  struct qd_err *err);
/* Remove a run with all its rows (children keep their rows, their parent becomes NULL). */
QD_NODISCARD int store_delete_run(struct store *st, int64_t run_id, struct qd_err *err);

/* v[i].id is set. v[i].run_id is ignored. */
QD_NODISCARD int store_add_pairs(struct store *st, int64_t run_id, struct store_pair *v, size_t n,
				 struct qd_err *err);

/* Insert or replace a block; recs holds s->n_samples records (0 … STORE_BLOCK_SAMPLES; a weight has
 * one block 0 and may have none). Per-block sums are stored as given: folding is the caller's, in
 * sample order. */
QD_NODISCARD int store_put_block(struct store *st, int64_t pair_id, int64_t block,
				 const struct store_sums *s,
				 const struct store_sample_rec *recs, struct qd_err *err);
QD_NODISCARD int store_put_total(struct store *st, int64_t pair_id, const struct store_sums *s,
				 const struct store_total_extra *extra, struct qd_err *err);
/* total += block, in the order given: sums added, extremes kept (the earlier one wins a tie).
 * Bit-exact for equal order. */
void store_sums_init(struct store_sums *s);
void store_sums_fold(struct store_sums *total, const struct store_sums *block);

/* kind: hist | codes | channels; layouts in qdebug-store(5). Insert or replace. */
QD_NODISCARD int store_put_pooled(struct store *st, int64_t pair_id, const char *kind,
				  int64_t samples_done,
				  const void *data, size_t bytes, struct qd_err *err);

/* The three kinds in their layouts.  counts: n bins from `first` of width 2^exponent; codes: bit c
 * - qmin of STORE_CODES_BYTES bytes; channel sums: n of each. */
QD_NODISCARD int store_put_hist(struct store *st, int64_t pair_id, int64_t samples_done,
				int32_t exponent,
				int32_t first, const uint64_t *counts, uint32_t n,
					struct qd_err *err);
QD_NODISCARD int store_put_codes(struct store *st, int64_t pair_id, int64_t samples_done,
				 const unsigned char *codes, struct qd_err *err);
QD_NODISCARD int store_put_channels(struct store *st, int64_t pair_id, int64_t samples_done,
				    const double *sum_x2,
				    const double *sum_e2, uint32_t n, struct qd_err *err);

/* Store a->bytes of data in chunks; replaces an activation of the same run, side, tensor and
 * sample. */
QD_NODISCARD int store_put_activation(struct store *st, const struct store_activation *a,
				      const void *data,
				      int64_t *id, struct qd_err *err);

QD_NODISCARD int store_put_score(struct store *st, int64_t run_id, const struct store_score *s,
				 struct qd_err *err);

/* Journal. Appending makes what was undone before it undone for good (redo ends there). */
QD_NODISCARD int store_add_edit(struct store *st, const struct store_edit *e, int64_t *id,
				struct qd_err *err);
/* The edit that was undone or redone; its id is 0 when there is none. Texts live in a. */
QD_NODISCARD int store_undo(struct store *st, int64_t run_id, struct store_arena *a,
			    struct store_edit *out,
			    struct qd_err *err);
QD_NODISCARD int store_redo(struct store *st, int64_t run_id, struct store_arena *a,
			    struct store_edit *out,
			    struct qd_err *err);

#endif
