/* Fixture of session tests. */
#include "tests/lib/session_fixture.h"

#undef NDEBUG
#include <assert.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "tests/lib/model_builder.h"

void sfix_make(struct sfix *x, int flags)
{
	struct mb b;

	tdir_make(&x->dir);
	snprintf(x->f, sizeof(x->f), "%s/f.onnx", x->dir.path);
	snprintf(x->q, sizeof(x->q), "%s/q.onnx", x->dir.path);
	snprintf(x->data, sizeof(x->data), "%s/data", x->dir.path);
	snprintf(x->store, sizeof(x->store), "%s/a.qdb", x->dir.path);
	tdir_mkdir(&x->dir, "data");
	mb_pair_float(&b);
	mb_save(&b, x->f);
	mb_end(&b);
	mb_pair_quant(&b, flags);
	mb_save(&b, x->q);
	mb_end(&b);
}

void sfix_remove(struct sfix *x)
{
	tdir_remove(&x->dir);
}

static void put_sample(struct sfix *x, int i, bool bad)
{
	unsigned r = 12345u + 977u * (unsigned)i;
	float v[32];
	char name[40];
	int k;

	for (k = 0; k < 32; k++) {
		r = r * 1664525u + 1013904223u;
		v[k] = (float)((int)(r >> 16 & 0xFFF) - 2048) / 2048.0f;
	}
	if (bad)
		v[7] = NAN;
	snprintf(name, sizeof(name), "data/s%d.npy", i);
	tdir_put_npy(&x->dir, name, "<f4", false, "(1, 2, 4, 4)", v, sizeof(v));
}

void sfix_samples(struct sfix *x, int n)
{
	int i;

	for (i = 0; i < n; i++)
		put_sample(x, i, false);
}

void sfix_nan(struct sfix *x, int i)
{
	put_sample(x, i, true);
}

void sfix_drop_store(struct sfix *x)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
	char path[320];
	size_t i;

	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", x->store, tails[i]);
		unlink(path);
	}
}

struct session_opts sfix_opts(const struct sfix *x)
{
	struct session_opts o;

	session_opts_init(&o);
	o.float_path = x->f;
	o.quant_path = x->q;
	o.data_dir = x->data;
	o.store_path = x->store;
	o.keep = SESSION_KEEP_NONE;
	o.threads = 1;
	o.self_check = 0;
	return o;
}

/* --- the store, with plain SQL ------------------------------------------------- */

static void add_rows(sqlite3 *db, struct str *out, const char *sql)
{
	sqlite3_stmt *s;
	int c;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	while (sqlite3_step(s) == SQLITE_ROW) {
		for (c = 0; c < sqlite3_column_count(s); c++) {
			const unsigned char *t = sqlite3_column_text(s, c);

			str_addf(out, "%s|", t ? (const char *)t : "NULL");
		}
		str_addc(out, '\n');
	}
	sqlite3_finalize(s);
}

/* "SELECT quote(a), quote(b) …" over every column of a table but ids; quote() keeps all bits of doubles and blobs. */
static void add_table(sqlite3 *db, struct str *out, const char *table, const char *order)
{
	struct str sql = STR_INIT;
	sqlite3_stmt *s;
	char *pragma = sqlite3_mprintf("PRAGMA table_info(%s)", table);
	const char *sep = "";

	assert(sqlite3_prepare_v2(db, pragma, -1, &s, NULL) == SQLITE_OK);
	str_add(&sql, "SELECT ");
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 1);

		if (!strcmp(name, "id") || !strcmp(name, "run_id"))
			continue;
		str_addf(&sql, "%squote(%s)", sep, name);
		sep = ", ";
	}
	str_addf(&sql, " FROM %s ORDER BY %s", table, order);
	sqlite3_finalize(s);
	sqlite3_free(pragma);
	str_addf(out, "== %s\n", table);
	add_rows(db, out, sql.p);
	str_release(&sql);
}

static sqlite3 *open_db(const char *store)
{
	sqlite3 *db;

	assert(sqlite3_open(store, &db) == SQLITE_OK);
	return db;
}

char *sfix_dump(const char *store)
{
	sqlite3 *db = open_db(store);
	struct str s = STR_INIT;

	add_table(db, &s, "pair", "id");
	add_table(db, &s, "pair_block", "pair_id, block");
	add_table(db, &s, "pair_total", "pair_id");
	add_table(db, &s, "pooled", "pair_id, kind");
	sqlite3_close(db);
	return str_take(&s);
}

long long sfix_query(const char *store, const char *sql)
{
	sqlite3 *db = open_db(store);
	sqlite3_stmt *s;
	long long v = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	if (sqlite3_step(s) == SQLITE_ROW)
		v = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return v;
}

void sfix_sql(const char *store, const char *sql)
{
	sqlite3 *db = open_db(store);
	char *msg = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &msg) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, msg);
		abort();
	}
	sqlite3_close(db);
}
