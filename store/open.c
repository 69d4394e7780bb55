/* Opening, creating and guarding a store file.  Knows files, modes and SQLite's switches; no
 * rows. */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fs.h"
#include "base/mem.h"
#include "store/internal.h"
#include "store/write.h"

enum {
	HEADER_BYTES = 100,
	PAGE_BYTES = 8192,              /* three full pair_block rows a page */
	BUSY_MS = 5000,
	MAX_VALUE_BYTES = 256 << 20,
	/* larger stores: the big tables are checked as they are read */
	FULL_CHECK_BYTES = 32 << 20,
};

struct header { int version; };

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* 1 a store, 0 no file, < 0 anything else.  Reads 100 bytes and changes nothing (SQLite's file
 * format: 0 magic, 60 user_version, 68 application_id, big-endian). */
static int read_header(const char *path, struct header *h, struct qd_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char b[HEADER_BYTES];
	struct stat sb;
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_errno(err, QD_EINPUT, "%s: cannot open the store", path);
	if (fstat(fd, &sb) < 0 || !S_ISREG(sb.st_mode)) {
		close(fd);
		return err_set(err, QD_EINPUT, "%s: not a qdebug store: not a regular file; name "
			       "another with --store",
			       path);
	}
	n = pread(fd, b, sizeof(b), 0);
	close(fd);
	if (n < 0)
		return err_errno(err, QD_EDISK, "%s: cannot read the store", path);
	if (n < HEADER_BYTES || memcmp(b, "SQLite format 3", 16))
		return err_set(err, QD_EINPUT, "%s: not a qdebug store (%s) and left alone; name "
			       "another with --store",
			       path, n == 0 ? "an empty file" : "not an SQLite file");
	if (be32(b + 68) != STORE_APPLICATION_ID)
		return err_set(err, QD_EINPUT, "%s: not a qdebug store (application_id 0x%08x, a "
			       "store has 0x%08x) and "
			       "left alone; name another with --store", path, be32(b + 68),
				       STORE_APPLICATION_ID);
	h->version = (int)be32(b + 60);
	return 1;
}

int store_probe(const char *path, struct qd_err *err)
{
	struct header h;

	return read_header(path, &h, err);
}

void store_close(struct store *st)
{
	if (!st)
		return;
	sql_drop_cache(st);
	sqlite3_close(st->db);          /* rolls back */
	free(st->path);
	free(st);
}

const char *store_path(const struct store *st)
{
	return st->path;
}

bool store_is_trusted(const struct store *st)
{
	return st->trusted;
}

/* The path as SQLite takes it for a plain file: never ":memory:", "" or a "file:" URI. */
static char *plain_path(const char *path)
{
	return mem_printf("%s%s", path[0] == '/' ? "" : "./", path);
}

static char *immutable_uri(const char *path)
{
	struct str s = STR_INIT;

	str_add(&s, path[0] == '/' ? "file:" : "file:./");
	for (; *path; path++) {
		if (strchr("%?#", *path))
			str_addf(&s, "%%%02X", (unsigned char)*path);
		else
			str_addc(&s, *path);
	}
	str_add(&s, "?immutable=1");
	return str_take(&s);
}

/* The connection with every switch that keeps a hostile file harmless. */
static int connect_db(struct store *st, const char *name, int flags, struct qd_err *err)
{
	int rc = fault_hit(FAULT_STORE) ? SQLITE_CANTOPEN
		: sqlite3_open_v2(name, &st->db,
				  flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

	if (rc != SQLITE_OK)
		return sql_fail(st, rc, "opening", err);
	sqlite3_busy_timeout(st->db, BUSY_MS);
	sqlite3_limit(st->db, SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
	sqlite3_limit(st->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(st->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	rc = sql_add_functions(st, err);
	if (!rc)
		rc = sql_exec(st, "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA "
			      "temp_store=MEMORY",
			      "opening", err);
	return rc;
}

static int new_store(const char *path, unsigned flags, bool writable, struct store **out,
		     struct qd_err *err)
{
	struct store *st = mem_zalloc(sizeof(*st));

	*out = st;
	if (st) {
		st->path = mem_strdup(path);
		st->writable = writable;
		st->trusted = flags & STORE_TRUST;
	}
	if (st && st->path)
		return 0;
	store_close(st);
	*out = NULL;
	return err_oom(err, "opening the store");
}

/* Fill a new private file with the schema.  No journal: the file is not at its place yet. */
static int fill_new(const char *tmp, const struct schema_plan *plan, struct qd_err *err)
{
	struct store *st = NULL;
	char *name = plain_path(tmp);
	char sql[160];
	int rc = name ? new_store(tmp, 0, true, &st, err) : err_oom(err, "creating the store");

	snprintf(sql, sizeof(sql), "PRAGMA page_size=%d; PRAGMA journal_mode=MEMORY; PRAGMA "
		 "application_id=%d; BEGIN",
		 PAGE_BYTES, STORE_APPLICATION_ID);
	if (!rc)
		rc = connect_db(st, name, SQLITE_OPEN_READWRITE, err);
	if (!rc)
		rc = sql_exec(st, sql, "creating the store", err);
	if (!rc)
		rc = schema_build(st, plan, plan->version, err);
	if (!rc)
		rc = sql_exec(st, "COMMIT", "creating the store", err);
	store_close(st);
	free(name);
	return rc;
}

/* Give the finished file its name unless somebody else took it meanwhile. */
static int place_new(const char *tmp, const char *path, struct qd_err *err)
{
	if (renameat2(AT_FDCWD, tmp, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
		return 0;
	if ((errno == EINVAL || errno == ENOSYS) && link(tmp, path) == 0) {
		unlink(tmp);
		return 0;
	}
	return err_errno(err, QD_EDISK, "%s: cannot create the store", path);
}

/* A -wal or -journal of a store that is gone would be replayed into the new one. */
static int no_leftovers(const char *path, struct qd_err *err)
{
	static const char *const suffixes[] = { "-wal", "-journal" };
	int rc = 0;

	for (size_t i = 0; i < 2 && !rc; i++) {
		char *side = mem_printf("%s%s", path, suffixes[i]);
		struct stat sb;

		if (!side)
			rc = err_oom(err, "creating the store");
		else if (stat(side, &sb) == 0 && sb.st_size > 0)
			rc = err_set(err, QD_EINPUT, "%s: left over from a store that is gone; put "
				     "the store back "
				     "beside it, or remove it", side);
		free(side);
	}
	return rc;
}

/* A store appears whole or not at all: made beside its place (mode 0600), then renamed. */
static int create_file(const char *path, const struct schema_plan *plan, struct qd_err *err)
{
	int fd, rc = no_leftovers(path, err);
	char *tmp;

	if (rc)
		return rc;
	tmp = mem_printf("%s.XXXXXX", path);
	if (!tmp)
		return err_oom(err, "creating the store");
	fd = fault_hit(FAULT_IO) ? (errno = EIO, -1) : mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		rc = err_errno(err, QD_EDISK, "%s: cannot create the store (use --store with "
			       "another folder)", path);
		free(tmp);
		return rc;
	}
	close(fd);
	rc = fill_new(tmp, plan, err);
	if (!rc)
		rc = place_new(tmp, path, err);
	if (rc)
		unlink(tmp);
	free(tmp);
	return rc;
}

static int check_version(const char *path, int have, bool writable, const struct schema_plan *plan,
			 struct qd_err *err)
{
	if (have > plan->version)
		return err_set(err, QD_EINPUT, "%s: written by a newer qdebug (store version %d, "
			       "this program knows up "
			       "to %d); use that version", path, have, plan->version);
	if (have < 1)
		return err_set(err, QD_EINPUT, "%s: store version %d, expected 1 to %d; the file "
			       "is damaged", path, have,
			       plan->version);
	if (have < plan->version && !writable)
		return err_set(err, QD_EINPUT, "%s: an older store (version %d, this program reads "
			       "%d); make the file "
			       "writable so that it can be brought up to date", path, have,
				       plan->version);
	return 0;
}

/* Tables whose damage could mislead a reader; the two with the bulk of the bytes are left out. */
static const char *const small_tables[] = {
	"sqlite_schema", "model", "node", "tensor", "dataset", "sample", "run", "pair",
		"pair_total", "calibration", "score", "edit",
};

static int quick_check(struct store *st, const char *sql, struct qd_err *err)
{
	sqlite3_stmt *s = sql_prepare(st, sql, err);
	struct str safe = STR_INIT;
	const char *text;
	int rc;

	if (!s)
		return st->last;
	rc = sql_step(st, s, "checking", err);
	text = rc == 1 ? (const char *)sqlite3_column_text(s, 0) : NULL;
	if (rc == 1 && (!text || strcmp(text, "ok"))) {
		str_add_escaped(&safe, text ? text : "?");
		rc = err_set(err, QD_EINPUT, "%s: the store is damaged (%.300s); move it away and "
			     "run again", st->path,
			     safe.p ? safe.p : "?");
	}
	str_release(&safe);
	sqlite3_finalize(s);
	return rc < 0 ? rc : 0;
}

/* quick_check reads the file once, so it is bounded: all of a small file, the small tables of a
 * large one. */
static int check_contents(struct store *st, struct qd_err *err)
{
	struct fs_stamp stamp = { 0 };
	char sql[80];
	int rc = fs_stat(st->path, &stamp, err);

	if (!rc && stamp.size <= FULL_CHECK_BYTES)
		return quick_check(st, "PRAGMA quick_check(1)", err);
	for (size_t i = 0; !rc && i < sizeof(small_tables) / sizeof(small_tables[0]); i++) {
		snprintf(sql, sizeof(sql), "PRAGMA quick_check(%s)", small_tables[i]);
		rc = quick_check(st, sql, err);
	}
	return rc;
}

/* The file's own version, after WAL recovery: the header on disk may be older than the WAL. */
static int guard(struct store *st, const struct schema_plan *plan, int *version, struct qd_err *err)
{
	int64_t v = 0, id = 0;
	int rc = sql_int(st, "PRAGMA application_id", 0, &id, err);

	if (!rc)
		rc = sql_int(st, "PRAGMA user_version", 0, &v, err);
	if (!rc && id != STORE_APPLICATION_ID)
		rc = err_set(err, QD_EINPUT, "%s: not a qdebug store (application_id 0x%08x)",
			     st->path, (unsigned)id);
	if (!rc)
		rc = check_version(st->path, (int)v, st->writable, plan, err);
	*version = (int)v;
	if (!rc)
		rc = schema_check(st, plan, (int)v, err);
	return rc ? rc : check_contents(st, err);
}

static int migrate(struct store *st, const struct schema_plan *plan, struct qd_err *err)
{
	int64_t from = 0;
	int rc = store_begin(st, err);

	if (!rc)        /* again, now that nobody else can */
		rc = sql_int(st, "PRAGMA user_version", 0, &from, err);
	if (!rc && from < plan->version)
		rc = schema_migrate(st, plan, (int)from, err);
	if (!rc)
		rc = schema_check(st, plan, plan->version, err);
	if (!rc)
		rc = store_commit(st, err);
	if (rc) {
		store_rollback(st);
		err_prefix(err, "bringing the store up to date");
	}
	return rc;
}

static int prepare_writer(struct store *st, const struct schema_plan *plan, int version,
			  struct qd_err *err)
{
	static const char pragmas[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA "
		"foreign_keys=ON; "
		"PRAGMA journal_size_limit=67108864; PRAGMA recursive_triggers=OFF";
	int rc = sql_exec(st, pragmas, "opening", err);

	if (!rc && version < plan->version)
		rc = migrate(st, plan, err);
	return rc ? rc : store_mark_interrupted(st, NULL, err);
}

/* A store in a folder that cannot be written has no -shm to be read through: take the file as it
 * is, provided nothing waits in a -wal. */
static bool may_read_immutable(const char *path)
{
	char *wal = mem_printf("%s-wal", path);
	struct stat sb;
	bool clean = wal && (stat(wal, &sb) < 0 || sb.st_size == 0);

	free(wal);
	return clean;
}

static bool no_side_files(sqlite3 *db)
{
	int rc = db ? sqlite3_errcode(db) & 0xff : SQLITE_OK;

	return rc == SQLITE_CANTOPEN || rc == SQLITE_READONLY;
}

static int open_reader(struct store *st, struct qd_err *err)
{
	char *name = plain_path(st->path), *uri = immutable_uri(st->path);
	int64_t n;
	int rc = 0;

	if (!name || !uri)
		rc = err_oom(err, "opening the store");
	if (!rc)
		rc = connect_db(st, name, SQLITE_OPEN_READONLY, err);
	if (!rc)
		rc = sql_int(st, "SELECT count(*) FROM sqlite_schema", 0, &n, err);
	if (rc == QD_EDISK && no_side_files(st->db) && may_read_immutable(st->path)) {
		sql_drop_cache(st);
		sqlite3_close(st->db);
		st->db = NULL;
		rc = connect_db(st, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
	}
	free(name);
	free(uri);
	return rc;
}

static int open_writer(struct store *st, struct qd_err *err)
{
	char *name = plain_path(st->path);
	int rc = name ? connect_db(st, name, SQLITE_OPEN_READWRITE, err)
		: err_oom(err, "opening the store");

	if (!rc && sqlite3_db_readonly(st->db, "main") == 1)
		rc = err_set(err, QD_EDISK, "%s: the store cannot be written; change its "
			     "permissions or name another "
			     "with --store", st->path);
	free(name);
	return rc;
}

int store_open_plan(const char *path, unsigned flags, bool writable, const struct schema_plan *plan,
		    struct store **out, struct qd_err *err)
{
	struct store *st = NULL;
	struct header h = { 0 };
	int version = 0, rc;
	bool created = false;

	*out = NULL;
	rc = read_header(path, &h, err);
	if (rc == 0 && writable && flags & STORE_CREATE) {
		rc = create_file(path, plan, err);
		created = rc == 0;
	} else if (rc == 0) {
		return err_set(err, QD_EINPUT, "%s: no such store", path);
	} else if (rc == 1) {
		rc = check_version(path, h.version, writable, plan, err);
	}
	if (rc)
		return rc;
	rc = new_store(path, flags, writable, &st, err);
	if (!rc)
		rc = writable ? open_writer(st, err) : open_reader(st, err);
	if (!rc)
		rc = guard(st, plan, &version, err);
	if (!rc && writable)
		rc = prepare_writer(st, plan, version, err);
	if (rc) {
		store_close(st);
		return rc;
	}
	st->trusted |= created;
	*out = st;
	return 0;
}

int store_create_or_open(const char *path, unsigned flags, struct store **out, struct qd_err *err)
{
	return store_open_plan(path, flags, true, &schema_current, out, err);
}

int store_open_readonly(const char *path, unsigned flags, struct store **out, struct qd_err *err)
{
	return store_open_plan(path, flags, false, &schema_current, out, err);
}

int64_t store_data_version(struct store *st)
{
	int64_t v = -1;

	return sql_int(st, "PRAGMA data_version", -1, &v, NULL) ? -1 : v;
}

void store_set_max_pages(struct store *st, int64_t pages)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%lld",
		 pages ? (long long)pages : 1073741823LL);
	sqlite3_exec(st->db, sql, NULL, NULL, NULL);
}

int store_snapshot_begin(struct store *st, struct qd_err *err)
{
	sqlite3_stmt *s;
	int rc = sql_exec(st, "BEGIN", "reading", err);

	if (rc)
		return rc;
	/* the first read takes the snapshot */
	s = sql_get(st, "SELECT 1 FROM run LIMIT 1", err);
	rc = s ? sql_run(st, s, "reading", err) : st->last;
	if (rc)
		store_snapshot_end(st);
	return rc;
}

void store_snapshot_end(struct store *st)
{
	if (!sqlite3_get_autocommit(st->db))
		sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- owners of running runs ---- */

/* /proc/PID/stat: the name in parentheses may hold anything, so count fields from the last ')';
 * start time is the 22nd field, the 20th after it. */
int64_t process_start(int64_t pid)
{
	char path[64], *text = NULL, *p, *end;
	size_t n = 0;
	int64_t v = STORE_NONE;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
	f = fopen(path, "re");
	if (!f)
		return STORE_NONE;
	if (getdelim(&text, &n, '\0', f) > 0 && (p = strrchr(text, ')'))) {
		p++;
		/* a killed process that nobody has waited for yet does no work */
		if (p[0] == ' ' && (p[1] == 'Z' || p[1] == 'X'))
			v = PROCESS_ENDED;
		for (int i = 0; i < 20 && p; i++)
			p = (p = strchr(p, ' ')) ? p + 1 : NULL;
		if (p && v != PROCESS_ENDED) {
			v = strtoll(p, &end, 10);
			if (end == p)
				v = STORE_NONE;
		}
	}
	free(text);
	fclose(f);
	return v;
}

static bool owner_alive(int64_t pid, int64_t start)
{
	int64_t now;

	if (pid <= 0 || pid > INT32_MAX || (kill((pid_t)pid, 0) < 0 && errno == ESRCH))
		return false;
	now = process_start(pid);
	return now != PROCESS_ENDED && (start == STORE_NONE || now == STORE_NONE || now == start);
}

bool store_owner_alive(const struct store_run *run)
{
	return run->status && !strcmp(run->status, "running") &&
	       owner_alive(run->owner_pid, run->owner_start);
}

static int next_orphan(struct store *st, int64_t after, int64_t *id, struct qd_err *err)
{
	sqlite3_stmt *s = sql_get(st, "SELECT id, owner_pid, owner_start FROM run WHERE "
				  "status='running' AND id>?1 "
				  "ORDER BY id", err);
	int rc;

	if (!s)
		return st->last;
	sqlite3_bind_int64(s, 1, after);
	while ((rc = sql_step(st, s, "reading runs", err)) == 1)
		if (!owner_alive(column_int(s, 1), column_int(s, 2)))
			break;
	*id = rc == 1 ? sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return rc < 0 ? rc : 0;
}

int store_mark_interrupted(struct store *st, int *n, struct qd_err *err)
{
	int64_t id = 0;
	int rc = next_orphan(st, INT64_MIN, &id, err), marked = 0;

	if (n)
		*n = 0;
	if (rc || !id)
		return rc;
	rc = store_begin(st, err);
	while (!rc && id) {
		rc = store_finish_run(st, id, "interrupted", "the process that ran it ended", err);
		marked += !rc;
		if (!rc)
			rc = next_orphan(st, id, &id, err);
	}
	if (!rc)
		rc = store_commit(st, err);
	if (rc)
		store_rollback(st);
	else if (n)
		*n = marked;
	return rc;
}

void utc_now(char out[32])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
