/* The schema: building it, comparing a file's with ours, migrating.  Knows nothing of files or
 * modes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/internal.h"

static const char schema_sql[] =
#include "store/schema.inc"
;

/* Steps to later versions go here: { 2, to_2 }, …; each runs inside the migration's transaction. */
static const struct schema_step steps[] = { { 0, NULL } };

const struct schema_plan schema_current = { schema_sql, STORE_VERSION, steps };

static int run_steps(struct store *st, const struct schema_plan *plan, int from, int to,
		     struct qd_err *err)
{
	int rc = 0;

	for (int v = from + 1; v <= to && !rc; v++) {
		const struct schema_step *step = &plan->steps[v - 2];

		if (step->to != v)
			return err_set(err, QD_EBUG, "store: no step to schema version %d", v);
		rc = step->run(st, err);
	}
	return rc;
}

static int set_version(struct store *st, int version, struct qd_err *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", version);
	return sql_exec(st, sql, "setting the version", err);
}

int schema_build(struct store *st, const struct schema_plan *plan, int version, struct qd_err *err)
{
	int rc = sql_exec(st, plan->first, "creating the tables", err);

	if (!rc)
		rc = run_steps(st, plan, 1, version, err);
	return rc ? rc : set_version(st, version, err);
}

int schema_migrate(struct store *st, const struct schema_plan *plan, int from, struct qd_err *err)
{
	int rc = run_steps(st, plan, from, plan->version, err);

	return rc ? rc : set_version(st, plan->version, err);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* SQL without comments and with single spaces, so that only a change of meaning is a difference. */
static void add_plain_sql(struct str *out, const char *p)
{
	bool gap = false;

	while (*p) {
		const char *end;

		if (is_space(*p)) {
			gap = true;
			p++;
			continue;
		}
		if (p[0] == '-' && p[1] == '-') {
			p += strcspn(p, "\n");
			gap = true;
			continue;
		}
		if (gap && out->len)
			str_addc(out, ' ');
		gap = false;
		end = *p == '\'' || *p == '"' ? strchr(p + 1, *p) : NULL;
		str_addn(out, p, end ? (size_t)(end - p) + 1 : 1);
		p = end ? end + 1 : p + 1;
	}
}

struct object { char *type, *name, *table, *sql; };
struct objects { struct object *v; size_t n, cap; };

static void objects_release(struct objects *o)
{
	for (size_t i = 0; i < o->n; i++) {
		free(o->v[i].type);
		free(o->v[i].name);
		free(o->v[i].table);
		free(o->v[i].sql);
	}
	free(o->v);
	*o = (struct objects){ 0 };
}

static char *column_copy(sqlite3_stmt *s, int at)
{
	const char *text = (const char *)sqlite3_column_text(s, at);

	return mem_strdup(text ? text : "");
}

static bool add_object(struct objects *o, sqlite3_stmt *s)
{
	const char *sql = (const char *)sqlite3_column_text(s, 3);
	struct str plain = STR_INIT;
	struct object *x;

	if (!mem_grow(&o->v, &o->cap, o->n + 1, sizeof(*o->v)))
		return false;
	x = &o->v[o->n++];
	add_plain_sql(&plain, sql ? sql : "");
	*x = (struct object){ column_copy(s, 0), column_copy(s, 1), column_copy(s, 2),
			      str_take(&plain) };
	return x->type && x->name && x->table && x->sql;
}

enum { MAX_OBJECTS = 1000, MAX_SQL = 100000 };

static int read_objects(struct store *st, struct objects *o, struct qd_err *err)
{
	static const char sql[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY "
		"name, type";
	sqlite3_stmt *s = sql_prepare(st, sql, err);
	int rc;

	if (!s)
		return st->last;
	while ((rc = sql_step(st, s, "reading the schema", err)) == 1) {
		if (o->n >= MAX_OBJECTS || sqlite3_column_bytes(s, 3) > MAX_SQL)
			rc = err_set(err, QD_EINPUT, "%s: not a qdebug store: its schema is far "
				     "too large", st->path);
		else if (!add_object(o, s))
			rc = err_oom(err, "reading the schema");
		if (rc < 0)
			break;
	}
	sqlite3_finalize(s);
	return rc;
}

/* What a store of this version holds, from a database in memory built the way files are. */
static int expected_objects(const struct schema_plan *plan, int version, struct objects *o,
			    struct qd_err *err)
{
	char name[] = "(memory)";
	struct store mem = { .path = name, .writable = true };
	int rc;

	rc = sqlite3_open_v2(":memory:", &mem.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (rc != SQLITE_OK)
		rc = sql_fail(&mem, rc, "opening", err);
	if (!rc)
		rc = sql_add_functions(&mem, err);
	if (!rc)
		rc = schema_build(&mem, plan, version, err);
	if (!rc)
		rc = read_objects(&mem, o, err);
	sql_drop_cache(&mem);
	sqlite3_close(mem.db);
	return rc;
}

static int refuse(struct store *st, const char *what, const struct object *x, struct qd_err *err)
{
	struct str safe = STR_INIT;
	int rc;

	str_addf(&safe, "%s: not safe to open: it %s ", st->path, what);
	str_add_escaped(&safe, x->type);
	str_add(&safe, " \"");
	str_add_escaped(&safe, x->name);
	str_add(&safe, "\"");
	rc = safe.failed ? err_oom(err, "reading the schema")
		: err_set(err, QD_EINPUT, "%.900s; a store holds exactly qdebug's own tables and "
			  "views: use one that "
			  "qdebug wrote", safe.p);
	str_release(&safe);
	return rc;
}

static int cmp_object(const struct object *a, const struct object *b)
{
	int c = strcmp(a->name, b->name);

	return c ? c : strcmp(a->type, b->type);
}

static int compare(struct store *st, const struct objects *have, const struct objects *want,
		   struct qd_err *err)
{
	for (size_t i = 0; i < have->n || i < want->n; i++) {
		const struct object *h = i < have->n ? &have->v[i] : NULL, *w = i < want->n
			? &want->v[i] : NULL;
		int c = !h ? 1 : !w ? -1 : cmp_object(h, w);

		if (c < 0)
			return refuse(st, "has an added", h, err);
		if (c > 0)
			return refuse(st, "lacks the", w, err);
		if (strcmp(h->table, w->table) || strcmp(h->sql, w->sql))
			return refuse(st, "has a changed", h, err);
	}
	return 0;
}

int schema_check(struct store *st, const struct schema_plan *plan, int version, struct qd_err *err)
{
	struct objects have = { 0 }, want = { 0 };
	int rc = expected_objects(plan, version, &want, err);

	if (!rc)
		rc = read_objects(st, &have, err);
	if (!rc)
		rc = compare(st, &have, &want, err);
	objects_release(&have);
	objects_release(&want);
	return rc;
}
