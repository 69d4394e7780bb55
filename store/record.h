/* store/record.h - one plain struct per table of schema.sql; what writer and readers exchange.
 *
 * Writing: text is borrowed for the call; NULL is stored as NULL where the schema allows it
 * (elsewhere it is a QD_EBUG).  Reading: text belongs to the struct store_arena given to the
 * reader. Optional numbers: STORE_NONE (integers) and NAN (reals) are NULL in the file.  Ids are >
 * 0; 0 = none.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_NONE INT64_MIN            /* an absent integer */

enum {
	STORE_BLOCK_SAMPLES = 64,       /* samples of a full pair_block */
	STORE_SAMPLE_BYTES = 36,        /* one record of pair_block.per_sample */
	STORE_CHUNK_BYTES = 1 << 20,    /* largest activation_chunk */
	STORE_CODES_BYTES = 32,         /* pooled 'codes' */
	STORE_HIST_BINS = 2048,         /* most bins of pooled 'hist' */
};

/* Owner of the text of records read from a store.  One thread. */
struct store_arena { struct store_arena_page *pages; };
#define STORE_ARENA_INIT { NULL }
void store_arena_release(struct store_arena *a);

struct store_model {
	int64_t id;
	const char *role;               /* float | quant */
	const char *path, *sha256;
	int64_t size, mtime_ns;         /* bytes; ns since 1970 */
	const char *stamps;             /* "name size mtime_ns\n" of each external file,
		"" without */
	int64_t opset, n_nodes;
	const char *format;             /* qdq | qoperator | dynamic | weight_only | mixed | none */
};

struct store_node { int64_t idx; const char *name, *op, *domain; };

struct store_tensor {
	int64_t pos;
	const char *name, *kind, *dtype, *shape;
	int64_t node_idx;               /* STORE_NONE: no producer */
};

struct store_dataset {
	int64_t id;
	const char *path, *options, *stamp;
	const char *sha256;             /* NULL until known */
	int64_t n;                      /* samples */
};

struct store_sample { int64_t idx; const char *name, *sha256; };

struct store_run {
	int64_t id, parent_id;          /* parent 0: none */
	int64_t float_id, quant_id, dataset_id;
	const char *recipe;             /* JSON or NULL */
	const char *options, *observer, *engine, *cpu;
	const char *status;             /* running | done | failed | interrupted; writer sets it */
	const char *message;            /* or NULL */
	int64_t owner_pid, owner_start; /* STORE_NONE unless running; writer sets them */
	int64_t samples, samples_done, samples_bad;
	const char *started_at;         /* UTC, ISO 8601; NULL when writing = now */
	double seconds;
	int64_t peak_rss;               /* bytes */
};

struct store_pair {
	int64_t id, run_id;
	const char *kind;               /* activation | weight | output | unmatched */
	/* topological position of the float tensor; of the quantizer */
	int64_t pos, qpos;
	const char *tensor, *quant_tensor, *side, *node, *op, *matched_by, *reason, *detail;
	const char *observed, *derived_from, *qtype;
	int64_t axis, block_size;       /* STORE_NONE */
	const char *scale, *zero_point; /* JSON */
	double scale0;                  /* NAN */
	int64_t zero0, qmin, qmax, channel_axis;        /* STORE_NONE */
	const char *shape;
};

/* Columns of pair_block and pair_total (design.md 5).  All sums are over finite element pairs. */
struct store_sums {
	int64_t n_samples, n;           /* samples; elements in the sums */
	double sum_x2, sum_e2, sum_abs_e, sum_y2;
	double max_abs_e;
	int64_t max_at, max_sample;     /* flat index in that sample; 0 when n is 0 */
	double min_x, max_x, min_y, max_y;      /* NAN when n is 0 */
	int64_t bad_x, bad_y;           /* non-finite elements */
	int64_t n_local;                /* 0: no local statistics */
	double sum_round2, sum_clip2;
	int64_t n_clipped;
	int64_t n_pre;                  /* 0: nothing observed before the quantizer */
	double sum_pre2, sum_pre_e2;
	int64_t n_argmax, n_argmax_equal;       /* rows; 0: not an output, or last axis < 2 */
	/* integer outputs: equal elements of n; STORE_NONE elsewhere */
	int64_t n_equal;
	double scale_min, scale_max;    /* NAN: no scale */
	int64_t zero_min, zero_max;     /* STORE_NONE */
	int64_t worst_sample;           /* highest sum_e2 / sum_x2; STORE_NONE */
	double worst_ratio;             /* that ratio, INFINITY for zero signal; NAN: none */
};

/* One record of pair_block.per_sample. */
struct store_sample_rec {
	double sum_x2, sum_e2;
	float max_abs_e, scale;         /* scale 0: none */
	int32_t zero_point;
	uint32_t bad_x, bad_y;          /* saturate at UINT32_MAX */
};

/* What only pair_total has. */
struct store_total_extra {
	int64_t codes_used;             /* STORE_NONE above 8 bits */
	int64_t worst_channel;          /* STORE_NONE */
	double worst_channel_sqnr;      /* dB; NAN */
	char hist16[17];                /* "" = NULL */
};

struct store_activation {
	int64_t id, run_id;
	const char *side;               /* float | quant */
	const char *tensor;
	int64_t sample;
	const char *dtype, *shape;      /* shape: JSON array */
	int64_t bytes;
};

struct store_score { const char *mode, *node, *output; double sum_x2, sum_e2; };

struct store_edit {
	int64_t id, run_id;
	/* 0 in force, 1 undone (redo brings it back), 2 undone for good */
	int64_t undone;
	const char *action, *target, *value;    /* value may be NULL */
	const char *at;                 /* UTC, ISO 8601; NULL when writing = now */
};

#endif
