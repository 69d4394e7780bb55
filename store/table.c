/* Tables as rows of typed cells: which columns there are, in which order rows come.  All SQL of
 * lists is here and in filter.c. */
#include "store/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "store/filter.h"
#include "store/internal.h"
#include "store/query.h"

/* A column of the view with the key's own name (C_), an expression (X_); the last letter: report or
 * extra. */
#define C_R(key, type, unit) { key, NULL, type, true, unit, "v." key, NULL }
#define C_E(key, type, unit) { key, NULL, type, false, unit, "v." key, NULL }
#define A_R(key, alias, type, unit) { key, alias, type, true, unit, "v." key, NULL }
#define X_R(key, type, unit, sql) { key, NULL, type, true, unit, sql, NULL }
#define X_E(key, type, unit, sql) { key, NULL, type, false, unit, sql, NULL }

/* In force: the journal's last word on the row's node, else the recipe's list.  ?1 is the run, so
 * that the list is read once a query. */
#define SQL_EXCLUDED \
	"coalesce((SELECT e.action = 'exclude' FROM edit e WHERE e.run_id = ?1 AND e.target " \
	"= v.node AND " \
	"e.undone = 0 AND e.action IN ('exclude', 'include') ORDER BY e.id DESC LIMIT 1), " \
	"v.node IN (SELECT j.value FROM run r, json_each(CASE WHEN json_valid(r.recipe) THEN " \
	"r.recipe ELSE '{}' " \
	"END, '$.nodes_to_exclude') j WHERE r.id = ?1), 0)"
#define SQL_TAGGED \
	"coalesce((SELECT e.action = 'tag' FROM edit e WHERE e.run_id = ?1 AND e.target = " \
	"v.tensor AND " \
	"e.undone = 0 AND e.action IN ('tag', 'untag') ORDER BY e.id DESC LIMIT 1), 0)"
/* At the first output (interface.md 4). */
#define SQL_ISOLATED \
	"(SELECT c.sqnr_db FROM v_score c WHERE c.run_id = ?1 AND c.mode = 'isolated' AND " \
	"c.node = v.node AND " \
	"c.output = (SELECT o.tensor FROM pair o WHERE o.run_id = ?1 AND o.kind = 'output' " \
	"ORDER BY o.pos, o.id " \
	"LIMIT 1))"
#define SQL_WORST_NAME \
	"(SELECT s.name FROM run r JOIN sample s ON s.dataset_id = r.dataset_id AND s.idx = " \
	"v.worst_sample " \
	"WHERE r.id = ?1)"

#define SQL_RECIPE(expr) "CASE WHEN json_valid(v.recipe) THEN " expr " END"

#define SCALE_COLUMNS \
	{ "scale", NULL, STORE_JSON, true, "", "v.scale", "v.scale0" }, \
	{ "zero_point", "zp", STORE_JSON, true, "", "v.zero_point", "v.zero0" }

static const struct store_column output_columns[] = {
	X_R("name", STORE_TEXT, "", "v.tensor"),
	A_R("sqnr_db", "sqnr", STORE_REAL, "dB"),
	C_R("exact", STORE_BOOL, ""),
	C_R("zero_signal", STORE_BOOL, ""),
	C_R("cosine", STORE_REAL, ""),
	C_R("mse", STORE_REAL, ""),
	A_R("max_abs_err", "maxerr", STORE_REAL, ""),
	A_R("argmax_agreement", "argmax", STORE_REAL, ""),
	C_R("agreement", STORE_REAL, ""),
	C_R("nonfinite_float", STORE_INT, ""),
	C_R("nonfinite_quant", STORE_INT, ""),
	C_E("id", STORE_INT, ""),
	C_E("pos", STORE_INT, ""),
	C_E("quant_tensor", STORE_TEXT, ""),
	C_E("node", STORE_TEXT, ""),
	C_E("op", STORE_TEXT, ""),
	C_E("observed", STORE_TEXT, ""),
	C_E("shape", STORE_JSON, ""),
	C_E("float_min", STORE_REAL, ""),
	C_E("float_max", STORE_REAL, ""),
	C_E("quant_min", STORE_REAL, ""),
	C_E("quant_max", STORE_REAL, ""),
	C_E("n_samples", STORE_INT, ""),
	C_E("n", STORE_INT, ""),
	C_E("worst_sample", STORE_INT, ""),
	X_E("worst_sample_name", STORE_TEXT, "", SQL_WORST_NAME),
	C_E("hist16", STORE_TEXT, ""),
};

static const struct store_column activation_columns[] = {
	C_R("tensor", STORE_TEXT, ""),
	C_R("quant_tensor", STORE_TEXT, ""),
	C_R("node", STORE_TEXT, ""),
	C_R("op", STORE_TEXT, ""),
	C_R("matched_by", STORE_TEXT, ""),
	C_R("observed", STORE_TEXT, ""),
	A_R("xmodel_sqnr_db", "sqnr", STORE_REAL, "dB"),
	A_R("local_sqnr_db", "local", STORE_REAL, "dB"),
	A_R("qdq_sqnr_db", "qdq", STORE_REAL, "dB"),
	C_R("exact", STORE_BOOL, ""),
	C_R("zero_signal", STORE_BOOL, ""),
	C_R("cosine", STORE_REAL, ""),
	C_R("mse", STORE_REAL, ""),
	A_R("max_abs_err", "maxerr", STORE_REAL, ""),
	A_R("rmse_over_scale", "rmse", STORE_REAL, "scales"),
	A_R("float_min", "min", STORE_REAL, ""),
	A_R("float_max", "max", STORE_REAL, ""),
	SCALE_COLUMNS,
	C_R("scale_min", STORE_REAL, ""),
	C_R("scale_max", STORE_REAL, ""),
	C_R("zero_point_min", STORE_INT, ""),
	C_R("zero_point_max", STORE_INT, ""),
	C_R("qmin", STORE_INT, ""),
	C_R("qmax", STORE_INT, ""),
	A_R("clipped_fraction", "clip", STORE_REAL, ""),
	A_R("codes_used", "codes", STORE_INT, ""),
	C_R("codes_available", STORE_INT, ""),
	{ "isolated_sqnr_db", "isolated", STORE_REAL, true, "dB", SQL_ISOLATED, NULL },
	/* the error split is not measured yet */
	X_R("share_inherited", STORE_REAL, "", "NULL"),
	X_R("share_weight", STORE_REAL, "", "NULL"),
	X_R("share_rounding", STORE_REAL, "", "NULL"),
	X_R("share_clipping", STORE_REAL, "", "NULL"),
	X_R("share_interaction", STORE_REAL, "", "NULL"),
	C_R("worst_sample", STORE_INT, ""),
	C_R("nonfinite_float", STORE_INT, ""),
	C_R("nonfinite_quant", STORE_INT, ""),
	C_E("id", STORE_INT, ""),
	C_E("pos", STORE_INT, ""),
	{ "qtype", "type", STORE_TEXT, false, "", "v.qtype", NULL },
	C_E("axis", STORE_INT, ""),
	C_E("shape", STORE_JSON, ""),
	C_E("quant_min", STORE_REAL, ""),
	C_E("quant_max", STORE_REAL, ""),
	C_E("n_samples", STORE_INT, ""),
	C_E("n", STORE_INT, ""),
	C_E("worst_channel", STORE_INT, ""),
	C_E("worst_channel_sqnr_db", STORE_REAL, "dB"),
	X_E("worst_sample_name", STORE_TEXT, "", SQL_WORST_NAME),
	C_E("hist16", STORE_TEXT, ""),
	X_E("excluded", STORE_BOOL, "", SQL_EXCLUDED),
	X_E("tagged", STORE_BOOL, "", SQL_TAGGED),
};

static const struct store_column weight_columns[] = {
	C_R("tensor", STORE_TEXT, ""),
	C_R("quant_tensor", STORE_TEXT, ""),
	C_R("node", STORE_TEXT, ""),
	C_R("op", STORE_TEXT, ""),
	C_R("axis", STORE_INT, ""),
	C_R("block_size", STORE_INT, ""),
	C_R("derived_from", STORE_JSON, ""),
	A_R("sqnr_db", "sqnr", STORE_REAL, "dB"),
	C_R("exact", STORE_BOOL, ""),
	C_R("zero_signal", STORE_BOOL, ""),
	C_R("mse", STORE_REAL, ""),
	A_R("max_abs_err", "maxerr", STORE_REAL, ""),
	C_R("worst_channel", STORE_INT, ""),
	C_R("worst_channel_sqnr_db", STORE_REAL, "dB"),
	SCALE_COLUMNS,
	C_E("id", STORE_INT, ""),
	C_E("pos", STORE_INT, ""),
	{ "qtype", "type", STORE_TEXT, false, "", "v.qtype", NULL },
	C_E("matched_by", STORE_TEXT, ""),
	C_E("qmin", STORE_INT, ""),
	C_E("qmax", STORE_INT, ""),
	C_E("shape", STORE_JSON, ""),
	{ "float_min", "min", STORE_REAL, false, "", "v.float_min", NULL },
	{ "float_max", "max", STORE_REAL, false, "", "v.float_max", NULL },
	{ "codes_used", "codes", STORE_INT, false, "", "v.codes_used", NULL },
	C_E("codes_available", STORE_INT, ""),
	C_E("nonfinite_float", STORE_INT, ""),
	C_E("nonfinite_quant", STORE_INT, ""),
	C_E("n", STORE_INT, ""),
	C_E("hist16", STORE_TEXT, ""),
	X_E("excluded", STORE_BOOL, "", SQL_EXCLUDED),
	X_E("tagged", STORE_BOOL, "", SQL_TAGGED),
};

static const struct store_column unmatched_columns[] = {
	C_R("tensor", STORE_TEXT, ""),
	C_R("side", STORE_TEXT, ""),
	C_R("reason", STORE_TEXT, ""),
	C_R("detail", STORE_TEXT, ""),
	C_R("node", STORE_TEXT, ""),
	C_E("id", STORE_INT, ""),
	C_E("pos", STORE_INT, ""),
	C_E("op", STORE_TEXT, ""),
	C_E("shape", STORE_JSON, ""),
};

static const struct store_column run_columns[] = {
	C_R("id", STORE_INT, ""),
	{ "parent_id", "parent", STORE_INT, true, "", "v.parent_id", NULL },
	C_R("float_path", STORE_TEXT, ""),
	C_R("quant_path", STORE_TEXT, ""),
	{ "quant_format", "format", STORE_TEXT, true, "", "v.quant_format", NULL },
	C_R("data_path", STORE_TEXT, ""),
	C_R("observer", STORE_TEXT, ""),
	X_R("calibrator", STORE_TEXT, "", SQL_RECIPE("json_extract(v.recipe, "
						     "'$.calibrate_method')")),
	X_R("excluded_nodes", STORE_INT, "", SQL_RECIPE("json_array_length(v.recipe, "
							"'$.nodes_to_exclude')")),
	A_R("sqnr_db", "sqnr", STORE_REAL, "dB"),
	C_R("status", STORE_TEXT, ""),
	C_R("message", STORE_TEXT, ""),
	C_R("samples", STORE_INT, ""),
	{ "samples_done", "done", STORE_INT, true, "", "v.samples_done", NULL },
	C_R("samples_bad", STORE_INT, ""),
	C_R("started_at", STORE_TEXT, ""),
	C_R("seconds", STORE_REAL, "s"),
	{ "peak_rss_bytes", NULL, STORE_INT, true, "bytes", "v.peak_rss", NULL },
	C_R("engine", STORE_TEXT, ""),
	C_R("cpu", STORE_TEXT, ""),
	C_E("recipe", STORE_JSON, ""),
	C_E("options", STORE_JSON, ""),
};

static const struct store_column sample_columns[] = {
	{ "idx", "id", STORE_INT, true, "", "v.idx", NULL },
	C_R("name", STORE_TEXT, ""),
	C_R("sha256", STORE_TEXT, ""),
};

#define COLUMNS(x) x, sizeof(x) / sizeof(x[0])
#define BY_POS "v.pos, v.tensor, v.qpos, v.id"

/* tie breaks a user's sort; order is the default. */
static const struct table {
	const char *name;
	const struct store_column *columns;
	size_t n;
	const char *from, *where, *id, *order, *tie;
} tables[ST_TABLES] = {
	[ST_OUTPUTS] = { "outputs", COLUMNS(output_columns), "v_output v", "v.run_id = ?1", "v.id",
			 BY_POS, BY_POS },
	[ST_ACTIVATIONS] = { "activations", COLUMNS(activation_columns), "v_activation v",
			     "v.run_id = ?1", "v.id",
			     "v.bucket, v.xmodel_sqnr_db, " BY_POS, BY_POS },
	[ST_WEIGHTS] = { "weights", COLUMNS(weight_columns), "v_weight v", "v.run_id = ?1", "v.id",
			 "v.bucket, v.sqnr_db, " BY_POS, BY_POS },
	[ST_UNMATCHED] = { "unmatched", COLUMNS(unmatched_columns), "v_unmatched v",
			   "v.run_id = ?1", "v.id", BY_POS,
			   BY_POS },
	[ST_LAYERS] = { "layers", COLUMNS(activation_columns), "v_activation v", "v.run_id = ?1",
			"v.id", BY_POS,
			BY_POS },
	[ST_RUNS] = { "runs", COLUMNS(run_columns), "v_run v", "?1 IS NOT NULL", "v.id", "v.id",
		      "v.id" },
	[ST_SAMPLES] = { "samples", COLUMNS(sample_columns), "sample v",
			 "v.dataset_id = (SELECT r.dataset_id FROM run r WHERE r.id = ?1)",
				 "v.idx", "v.idx", "v.idx" },
};

const struct store_column *store_columns(enum store_table table, size_t *n)
{
	*n = tables[table].n;
	return tables[table].columns;
}

const char *store_table_name(enum store_table table)
{
	return tables[table].name;
}

int store_column_find(enum store_table table, const char *name)
{
	const struct table *t = &tables[table];

	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->columns[i].key, name))
			return (int)i;
	for (size_t i = 0; i < t->n; i++)
		if (t->columns[i].alias && !strcmp(t->columns[i].alias, name))
			return (int)i;
	return -1;
}

enum { NEAR = 3 };

const char *store_column_nearest(enum store_table table, const char *name)
{
	const struct table *t = &tables[table];
	const char *best = NULL;
	int least = NEAR + 1;

	for (size_t i = 0; i < t->n; i++) {
		const char *names[] = { t->columns[i].key, t->columns[i].alias };

		for (size_t k = 0; k < 2; k++) {
			int d = names[k] ? str_distance(name, names[k], NEAR) : NEAR + 1;

			if (d < least) {
				least = d;
				best = names[k];
			}
		}
	}
	return best;
}

/* ---- lists ---- */

static int add_where(struct str *sql, const struct table *t, const struct store_filter *f,
		     struct qd_err *err)
{
	int rc;

	str_addf(sql, " FROM %s WHERE %s", t->from, t->where);
	if (!f)
		return 0;
	str_add(sql, " AND ");
	rc = filter_render(f, t->columns, t->n, sql, err);
	return rc;
}

static int make_list(struct str *sql, const struct table *t, const struct store_query *q,
		     struct qd_err *err)
{
	const struct store_column *c;
	int rc;

	str_addf(sql, "SELECT %s", t->id);
	rc = add_where(sql, t, q->where, err);
	if (rc)
		return rc;
	if (q->sort >= (int)t->n)
		return err_set(err, QD_EBUG, "store: %s have no column %d", t->name, q->sort);
	if (q->sort < 0) {
		str_addf(sql, " ORDER BY %s", t->order);
	} else {
		c = &t->columns[q->sort];
		str_addf(sql, " ORDER BY %s %s NULLS LAST, %s", c->order ? c->order : c->sql,
			 q->descending ? "DESC" : "ASC", t->tie);
	}
	return sql->failed ? err_oom(err, "listing rows") : 0;
}

int store_list(struct store *st, int64_t run_id, enum store_table table,
	       const struct store_query *q, int64_t **ids,
	       size_t *n, struct qd_err *err)
{
	static const struct store_query all = { .sort = -1 };
	struct str sql = STR_INIT;
	sqlite3_stmt *s = NULL;
	int64_t *v = NULL;
	size_t cap = 0, got = 0;
	int rc;

	*ids = NULL;
	*n = 0;
	q = q ? q : &all;
	rc = make_list(&sql, &tables[table], q, err);
	if (!rc && !(s = sql_prepare(st, sql.p, err)))
		rc = st->last;
	if (!rc) {
		sqlite3_bind_int64(s, 1, run_id);
		filter_bind(q->where, s);
	}
	while (!rc) {
		rc = mem_grow(&v, &cap, got + 1, sizeof(*v)) ? sql_step(st, s, "listing rows", err)
			: err_oom(err, "listing rows");
		if (rc != 1)
			break;
		v[got++] = sqlite3_column_int64(s, 0);
		rc = 0;
	}
	sqlite3_finalize(s);
	str_release(&sql);
	if (rc) {
		free(v);
		return rc;
	}
	*ids = v;
	*n = got;
	return 0;
}

int store_count(struct store *st, int64_t run_id, enum store_table table,
		const struct store_filter *f, size_t *n,
		struct qd_err *err)
{
	struct str sql = STR_INIT;
	sqlite3_stmt *s = NULL;
	int rc;

	*n = 0;
	str_add(&sql, "SELECT count(*)");
	rc = add_where(&sql, &tables[table], f, err);
	if (!rc && sql.failed)
		rc = err_oom(err, "counting rows");
	if (!rc && !(s = sql_prepare(st, sql.p, err)))
		rc = st->last;
	if (!rc) {
		sqlite3_bind_int64(s, 1, run_id);
		filter_bind(f, s);
		rc = sql_step(st, s, "counting rows", err);
	}
	if (rc == 1)
		*n = (size_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	str_release(&sql);
	return rc < 0 ? rc : 0;
}

/* ---- cells ---- */

static void make_cells(struct str *out, const void *key, int verb)
{
	const struct table *t = key;

	(void)verb;
	str_add(out, "SELECT ");
	for (size_t i = 0; i < t->n; i++)
		str_addf(out, "%s%s", i ? ", " : "", t->columns[i].sql);
	str_addf(out, " FROM %s WHERE %s AND %s = ?2", t->from, t->where, t->id);
}

/* Append a text to the row's buffer; offsets stay valid when it moves. */
static bool add_text(struct store_row *row, sqlite3_stmt *s, int at, size_t *offset)
{
	const unsigned char *text = sqlite3_column_text(s, at);
	size_t n = (size_t)sqlite3_column_bytes(s, at);

	if (!text && sqlite3_column_type(s, at) != SQLITE_NULL)
		return false;
	if (!mem_grow(&row->text, &row->text_cap, row->text_len + n + 1, 1))
		return false;
	*offset = row->text_len;
	if (n)
		memcpy(row->text + row->text_len, text, n);
	row->text_len += n;
	row->text[row->text_len++] = '\0';
	return true;
}

static int read_cells(sqlite3_stmt *s, const struct table *t, struct store_row *row,
		      struct qd_err *err)
{
	row->text_len = 0;
	if (!mem_grow(&row->cells, &row->cap, t->n, sizeof(*row->cells)))
		return err_oom(err, "reading a row");
	for (size_t i = 0; i < t->n; i++) {
		struct store_cell *c = &row->cells[i];
		int at = (int)i;
		size_t offset = 0;

		*c = (struct store_cell){ .type = t->columns[i].type, .num = NAN };
		c->null = sqlite3_column_type(s, at) == SQLITE_NULL;
		if (c->type == STORE_TEXT || c->type == STORE_JSON) {
			if (!add_text(row, s, at, &offset))
				return err_oom(err, "reading a row");
			c->i = (int64_t)offset;
		} else if (!c->null) {
			c->num = sqlite3_column_double(s, at);
			c->i = c->type == STORE_REAL ? 0 : sqlite3_column_int64(s, at);
			if (c->type == STORE_BOOL)
				c->num = (double)(c->i = c->i != 0);
		}
	}
	for (size_t i = 0; i < t->n; i++) {
		struct store_cell *c = &row->cells[i];

		if (c->type == STORE_TEXT || c->type == STORE_JSON) {
			c->text = row->text + c->i;
			c->i = 0;
		}
	}
	row->n = t->n;
	return 0;
}

int store_cells(struct store *st, int64_t run_id, enum store_table table, int64_t id,
		struct store_row *row,
		struct qd_err *err)
{
	const struct table *t = &tables[table];
	sqlite3_stmt *s = sql_get_made(st, t, REC_SELECT, make_cells, err);
	int rc;

	row->n = 0;
	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, run_id);
	sqlite3_bind_int64(s, 2, id);
	rc = sql_step(st, s, "reading a row", err);
	if (rc == 1)
		rc = read_cells(s, t, row, err);
	else if (rc == 0)
		rc = err_set(err, QD_EINPUT, "%s: there is no row %lld in %s of run %lld",
			     st->path, (long long)id,
			     t->name, (long long)run_id);
	sqlite3_reset(s);
	return rc;
}

void store_row_release(struct store_row *row)
{
	free(row->cells);
	free(row->text);
	*row = (struct store_row)STORE_ROW_INIT;
}
