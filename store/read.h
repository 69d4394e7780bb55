/* store/read.h - typed readers for reports, views and resuming.
 *
 * Texts of records live in the arena given (release it once, after the records).  "Not there" is
 * QD_EINPUT unless a comment says otherwise.  Arrays are malloc'd; free with free().
 */
#ifndef STORE_READ_H
#define STORE_READ_H

#include "store/record.h"
#include "store/store.h"

QD_NODISCARD int store_run_get(struct store *st, int64_t run_id, struct store_arena *a,
			       struct store_run *out,
			       struct qd_err *err);
/* The newest run (done_only: of those finished); out->id is 0 when there is none. */
QD_NODISCARD int store_run_latest(struct store *st, bool done_only, struct store_arena *a,
				  struct store_run *out,
				  struct qd_err *err);
/* All runs by id. */
QD_NODISCARD int store_runs(struct store *st, struct store_arena *a, struct store_run **out,
			    size_t *n,
			    struct qd_err *err);
QD_NODISCARD int store_model_get(struct store *st, int64_t id, struct store_arena *a,
				 struct store_model *out,
				 struct qd_err *err);
QD_NODISCARD int store_dataset_get(struct store *st, int64_t id, struct store_arena *a,
				   struct store_dataset *out,
				   struct qd_err *err);
QD_NODISCARD int store_nodes(struct store *st, int64_t model_id, struct store_arena *a,
			     struct store_node **out,
			     size_t *n, struct qd_err *err);
QD_NODISCARD int store_tensors(struct store *st, int64_t model_id, struct store_arena *a,
			       struct store_tensor **out,
			       size_t *n, struct qd_err *err);
QD_NODISCARD int store_samples(struct store *st, int64_t dataset_id, struct store_arena *a,
			       struct store_sample **out,
			       size_t *n, struct qd_err *err);

/* What must be equal for a stored run to stand for a new one.  A model is compared by sha256 when
 * given, else by path, size, mtime_ns and stamps; the data by stamp (and sha256 when given and
 * stored). NULL recipe = any. */
struct store_key {
	const struct store_model *float_model, *quant_model;
	const char *dataset_stamp, *dataset_sha256;
	const char *options, *observer, *engine, *cpu, *recipe;
};
/* The newest finished run with that key, else the newest unfinished one (running ones included: see
 * store_owner_alive()); out->id is 0 when there is none. */
QD_NODISCARD int store_run_find(struct store *st, const struct store_key *key,
				struct store_arena *a,
				struct store_run *out, struct qd_err *err);

/* Pairs of a run in the order they were added; kind NULL = all. */
QD_NODISCARD int store_pairs(struct store *st, int64_t run_id, const char *kind,
			     struct store_arena *a,
			     struct store_pair **out, size_t *n, struct qd_err *err);
QD_NODISCARD int store_pair_get(struct store *st, int64_t pair_id, struct store_arena *a,
				struct store_pair *out,
				struct qd_err *err);

/* *found false: no such row. */
QD_NODISCARD int store_total_get(struct store *st, int64_t pair_id, struct store_sums *s,
				 struct store_total_extra *extra, bool *found, struct qd_err *err);
/* recs (may be NULL) has room for STORE_BLOCK_SAMPLES; the first s->n_samples are filled. */
QD_NODISCARD int store_block_get(struct store *st, int64_t pair_id, int64_t block,
				 struct store_sums *s,
				 struct store_sample_rec *recs, bool *found, struct qd_err *err);
/* Number of the last block of a pair, -1 when it has none. */
QD_NODISCARD int store_block_last(struct store *st, int64_t pair_id, int64_t *block,
				  struct qd_err *err);
/* Records of all samples of a pair in order (all blocks). */
QD_NODISCARD int store_pair_samples(struct store *st, int64_t pair_id,
				    struct store_sample_rec **recs, size_t *n,
				    struct qd_err *err);

/* *data malloc'd, NULL and *bytes 0 when there is none. Sizes and counts inside are checked against
 * the layout. */
QD_NODISCARD int store_pooled_get(struct store *st, int64_t pair_id, const char *kind,
				  int64_t *samples_done,
				  void **data, size_t *bytes, struct qd_err *err);

/* Views of a pooled blob, checked; pointers go into the blob (little-endian hosts; unaligned-safe
 * getters). */
struct store_hist { int32_t exponent, first; uint32_t n; const unsigned char *counts; };
QD_NODISCARD int store_hist_parse(const void *data, size_t bytes, struct store_hist *out,
				  struct qd_err *err);
uint64_t store_hist_count(const struct store_hist *h, uint32_t i);
struct store_channels { uint32_t n; const unsigned char *x2, *e2; };
QD_NODISCARD int store_channels_parse(const void *data, size_t bytes, struct store_channels *out,
				      struct qd_err *err);
double store_channels_x2(const struct store_channels *c, uint32_t i);
double store_channels_e2(const struct store_channels *c, uint32_t i);

/* Stored activations of a run; tensor NULL = all, else of that float-side or quant-side name. */
QD_NODISCARD int store_activations(struct store *st, int64_t run_id, const char *tensor,
				   struct store_arena *a,
				   struct store_activation **out, size_t *n, struct qd_err *err);
/* Whole activation: *data malloc'd, *bytes as its row says (chunks that do not add up are
 * QD_EINPUT). */
QD_NODISCARD int store_activation_read(struct store *st, int64_t id, size_t max_bytes, void **data,
				       size_t *bytes,
				       struct qd_err *err);
/* One chunk (seq 0, 1, …) into buf of STORE_CHUNK_BYTES; *bytes 0 after the last. */
QD_NODISCARD int store_activation_chunk(struct store *st, int64_t id, int64_t seq, void *buf,
					size_t *bytes,
					struct qd_err *err);

/* Journal of a run by id (undone entries marked); scores of a mode. */
QD_NODISCARD int store_edits(struct store *st, int64_t run_id, struct store_arena *a,
			     struct store_edit **out,
			     size_t *n, struct qd_err *err);
QD_NODISCARD int store_scores(struct store *st, int64_t run_id, const char *mode,
			      struct store_arena *a,
			      struct store_score **out, size_t *n, struct qd_err *err);

#endif
