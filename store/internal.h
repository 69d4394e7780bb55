/* store/internal.h - what the files of store/ and its tests share: the connection, cached
 * statements, record maps. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <sqlite3.h>

#include "base/str.h"
#include "store/record.h"
#include "store/store.h"

enum { STORE_APPLICATION_ID = 0x51444247 };     /* "QDBG" */

struct stmt_slot { const void *key; int verb; sqlite3_stmt *stmt; };

struct store {
	sqlite3 *db;
	char *path;
	bool writable, trusted;
	/* code of the last failure: what a NULL statement stands for */
	int last;
	struct stmt_slot *stmts;
	size_t n_stmts, cap_stmts;
};

/* ---- sql.c: the only callers of sqlite3_step, _prepare and _exec ---- */

/* Turn an SQLite result into our code and message; `what` is "reading pairs". */
int sql_fail(struct store *st, int rc, const char *what, struct qd_err *err);
/* Cached by the address of sql (a literal or static array); reset and unbound. NULL + err on
 * failure. */
sqlite3_stmt *sql_get(struct store *st, const char *sql, struct qd_err *err);
/* Cached by (key, verb) with text made by make(key, verb) when it is not there yet. */
typedef void sql_maker(struct str *out, const void *key, int verb);
sqlite3_stmt *sql_get_made(struct store *st, const void *key, int verb, sql_maker *make,
			   struct qd_err *err);
/* not cached: finalize */
sqlite3_stmt *sql_prepare(struct store *st, const char *sql, struct qd_err *err);
/* 1 a row, 0 done, else an error with the statement reset. A fault point. */
int sql_step(struct store *st, sqlite3_stmt *s, const char *what, struct qd_err *err);
/* Step a statement that returns no rows (or one of no interest), then reset it. */
int sql_run(struct store *st, sqlite3_stmt *s, const char *what, struct qd_err *err);
int sql_exec(struct store *st, const char *sql, const char *what, struct qd_err *err);
/* First column of the first row; `none` when there is no row or it is NULL. */
int sql_int(struct store *st, const char *sql, int64_t none, int64_t *out, struct qd_err *err);
void sql_drop_cache(struct store *st);
/* log10 and sqrt as C computes them, whatever SQLite was built with. */
int sql_add_functions(struct store *st, struct qd_err *err);

/* Binding with our conventions for absent values. */
void bind_text(sqlite3_stmt *s, int at, const char *text);
void bind_int(sqlite3_stmt *s, int at, int64_t v);
void bind_real(sqlite3_stmt *s, int at, double v);
int64_t column_int(sqlite3_stmt *s, int at);
double column_real(sqlite3_stmt *s, int at);

/* ---- open.c, schema.c ---- */

struct schema_step { int to; int (*run)(struct store *st, struct qd_err *err); };
struct schema_plan {
	const char *first;                      /* SQL of version 1 */
	int version;                            /* what this program writes */
	const struct schema_step *steps;        /* to 2, 3, … version */
};
extern const struct schema_plan schema_current;

/* As store_create_or_open() with another plan (tests of migration). */
int store_open_plan(const char *path, unsigned flags, bool writable, const struct schema_plan *plan,
		    struct store **out, struct qd_err *err);
/* Make an empty database one of `version`, inside a transaction of the caller. */
int schema_build(struct store *st, const struct schema_plan *plan, int version, struct qd_err *err);
/* Is the schema exactly that of `version`?  QD_EINPUT naming the first difference. */
int schema_check(struct store *st, const struct schema_plan *plan, int version, struct qd_err *err);
int schema_migrate(struct store *st, const struct schema_plan *plan, int from, struct qd_err *err);

/* Most pages the file may have (tests of a full disk); 0 = no limit. */
void store_set_max_pages(struct store *st, int64_t pages);
enum { PROCESS_ENDED = -1 };
/* kernel start ticks, PROCESS_ENDED of a zombie, STORE_NONE unknown or gone */
int64_t process_start(int64_t pid);
void utc_now(char out[32]);                     /* 2026-01-31T12:00:00Z */

/* ---- record.c: one table of fields a record yields its SQL, binding and reading ---- */

enum field_type { FIELD_ID, FIELD_INT, FIELD_REAL, FIELD_TEXT, FIELD_HEX16 };
struct field { const char *name; enum field_type type; size_t offset; };
struct record_map {
	const char *table;
	const struct field *fields;
	size_t n, size;                 /* fields; bytes of a record */
};

extern const struct record_map map_model, map_node, map_tensor, map_dataset, map_sample, map_run,
	map_pair,
	map_block, map_total, map_extra, map_activation, map_score, map_edit;

enum record_verb { REC_INSERT, REC_REPLACE, REC_SELECT };
/* INSERT with one parameter a field: ?1, ?2, … in the order of the map. */
sqlite3_stmt *record_insert(struct store *st, const struct record_map *m, struct qd_err *err);
void record_bind(sqlite3_stmt *s, const struct record_map *m, const void *rec, int first);
/* Reads columns first … into rec, texts into a (a may be NULL for maps without text). */
int record_read(sqlite3_stmt *s, const struct record_map *m, int first, void *rec,
		struct store_arena *a,
		struct qd_err *err);
/* Text "a, b, c" of the map's columns. */
void record_columns(struct str *out, const struct record_map *m, const char *prefix);
/* NULL when out of memory */
char *arena_text(struct store_arena *a, const void *text, size_t n);

/* ---- write.c, shared with write_blob.c ---- */

/* QD_EBUG unless a transaction of the writer is open. */
int write_allowed(struct store *st, struct qd_err *err);
/* INSERT of rec through its map; *id (may be NULL) receives the row's id. */
int write_insert(struct store *st, const struct record_map *m, const void *rec, int64_t *id,
		 struct qd_err *err);
/* The id a bound query gives, 0 without a row. */
int write_find_id(struct store *st, sqlite3_stmt *s, int64_t *id, struct qd_err *err);

/* ---- blob.c: byte layouts ---- */

void blob_pack_samples(unsigned char *out, const struct store_sample_rec *recs, size_t n);
/* Bytes of a hist or channels blob; malloc'd, NULL when out of memory. */
void *blob_pack_hist(int32_t exponent, int32_t first, const uint64_t *counts, uint32_t n,
		     size_t *bytes);
void *blob_pack_channels(const double *x2, const double *e2, uint32_t n, size_t *bytes);
void blob_unpack_samples(const unsigned char *in, struct store_sample_rec *recs, size_t n);

#endif
