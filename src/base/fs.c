/* Files: mapped and bounded reads, atomic writes, a private temporary folder. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"

static struct fs_stamp stamp_of(const struct stat *st)
{
	return (struct fs_stamp){ st->st_size, st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec };
}

/* The file's fault, or the machine's? */
static int open_code(int why)
{
	return why == EIO || why == EMFILE || why == ENFILE || why == ENOMEM ? QD_EDISK : QD_EINPUT;
}

/* Open a regular file for reading; O_NONBLOCK so that a FIFO cannot hang us. */
static int open_regular(const char *path, int *fd, struct stat *st, struct qd_err *err)
{
	*fd = fault_hit(FAULT_IO) ? (errno = EIO, -1) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0)
		return err_errno(err, open_code(errno), "%s: cannot open", path);
	if (fstat(*fd, st) < 0) {
		close(*fd);
		return err_errno(err, QD_EINPUT, "%s: cannot stat", path);
	}
	if (!S_ISREG(st->st_mode)) {
		close(*fd);
		return err_set(err, QD_EINPUT, "%s: is %s, a regular file is needed", path,
			       S_ISDIR(st->st_mode) ? "a directory" : "not a regular file");
	}
	return 0;
}

int fs_open(const char *path, int *fd, struct fs_stamp *stamp, struct qd_err *err)
{
	struct stat st;
	int rc = open_regular(path, fd, &st, err);

	if (!rc && stamp)
		*stamp = stamp_of(&st);
	return rc;
}

int fs_read_at(int fd, const char *name, uint64_t offset, void *buf, size_t n, struct qd_err *err)
{
	size_t got = 0;

	while (got < n) {
		size_t ask = n - got < (1u << 30) ? n - got : 1u << 30;
		ssize_t r = fault_hit(FAULT_IO) ? (errno = EIO, -1)
						: pread(fd, (char *)buf + got, ask, (off_t)(offset + got));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(err, QD_EDISK, "%s: cannot read", name);
		if (r == 0)
			return err_set(err, QD_EINPUT, "%s: ends at byte %llu, %llu are expected", name,
				       (unsigned long long)(offset + got), (unsigned long long)(offset + n));
		got += (size_t)r;
	}
	return 0;
}

int fs_map_open(const char *path, struct fs_map *out, struct qd_err *err)
{
	struct stat st;
	void *p;
	int fd, rc;

	*out = (struct fs_map){ 0 };
	rc = open_regular(path, &fd, &st, err);
	if (rc)
		return rc;
	out->stamp = stamp_of(&st);
	if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			close(fd);
			return err_errno(err, QD_EINPUT, "%s: cannot map", path);
		}
		out->data = p;
		out->size = (size_t)st.st_size;
	}
	close(fd);
	return 0;
}

void fs_map_close(struct fs_map *m)
{
	if (m->data)
		munmap((void *)m->data, m->size);
	*m = (struct fs_map){ 0 };
}

int fs_map_unchanged(const char *path, const struct fs_map *m, struct qd_err *err)
{
	struct fs_stamp now;
	int rc = fs_stat(path, &now, err);

	if (rc)
		return rc;
	if (now.size != m->stamp.size || now.mtime_ns != m->stamp.mtime_ns)
		return err_set(err, QD_EINPUT, "%s: changed while it was in use; run again", path);
	return 0;
}

int fs_read_all(const char *path, size_t max, char **data, size_t *size, struct qd_err *err)
{
	struct stat st;
	size_t got = 0;
	char *buf;
	int fd, rc;

	*data = NULL;
	rc = open_regular(path, &fd, &st, err);
	if (rc)
		return rc;
	if ((uint64_t)st.st_size > max) {
		close(fd);
		return err_set(err, QD_EINPUT, "%s: %lld bytes, at most %zu are expected", path,
			       (long long)st.st_size, max);
	}
	buf = mem_alloc((size_t)st.st_size + 1);
	if (!buf) {
		close(fd);
		return err_oom(err, path);
	}
	while (got < (size_t)st.st_size) {
		ssize_t n = read(fd, buf + got, (size_t)st.st_size - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = err_errno(err, QD_EINPUT, "%s: cannot read", path);
			close(fd);
			free(buf);
			return rc;
		}
		if (n == 0)
			break;
		got += (size_t)n;
	}
	close(fd);
	buf[got] = '\0';
	*data = buf;
	*size = got;
	return 0;
}

int fs_stat(const char *path, struct fs_stamp *out, struct qd_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, QD_EINPUT, "%s", path);
	*out = stamp_of(&st);
	return 0;
}

bool fs_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

bool fs_is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int fs_atomic_open(struct fs_atomic *a, const char *path, bool private_file, struct qd_err *err)
{
	mode_t mask;
	int fd, rc;

	*a = (struct fs_atomic){ NULL, mem_strdup(path), mem_printf("%s.XXXXXX", path) };
	if (!a->path || !a->tmp) {
		fs_atomic_abort(a);
		return err_oom(err, path);
	}
	fd = fault_hit(FAULT_IO) ? (errno = EIO, -1) : mkostemp(a->tmp, O_CLOEXEC);
	if (fd < 0) {
		rc = err_errno(err, QD_EDISK, "%s: cannot create a file beside it", path);
		free(a->tmp);
		a->tmp = NULL;
		fs_atomic_abort(a);
		return rc;
	}
	if (!private_file) {
		mask = umask(0);
		umask(mask);
		if (fchmod(fd, 0666 & ~mask) < 0)
			errno = 0;      /* the stricter 0600 stays: no harm */
	}
	a->f = fdopen(fd, "wb");
	if (!a->f) {
		close(fd);
		fs_atomic_abort(a);
		return err_oom(err, path);
	}
	return 0;
}

int fs_atomic_commit(struct fs_atomic *a, struct qd_err *err)
{
	bool bad = ferror(a->f) || fflush(a->f) || (fault_hit(FAULT_IO) && (errno = EIO, true)) ||
		   fsync(fileno(a->f));
	int rc = 0;

	if (bad)
		rc = err_errno(err, QD_EDISK, "%s: cannot write", a->path);
	if (fclose(a->f) && !rc)
		rc = err_errno(err, QD_EDISK, "%s: cannot write", a->path);
	a->f = NULL;
	if (!rc && rename(a->tmp, a->path) < 0)
		rc = err_errno(err, QD_EDISK, "%s: cannot replace", a->path);
	if (!rc) {
		free(a->tmp);
		a->tmp = NULL;
	}
	fs_atomic_abort(a);
	return rc;
}

void fs_atomic_abort(struct fs_atomic *a)
{
	if (a->f)
		fclose(a->f);
	if (a->tmp)
		unlink(a->tmp);
	free(a->tmp);
	free(a->path);
	*a = (struct fs_atomic){ NULL, NULL, NULL };
}

const char *fs_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *fs_dirname(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return mem_strdup(".");
	return slash == path ? mem_strdup("/") : mem_strndup(path, (size_t)(slash - path));
}

char *fs_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	if (name[0] == '/')
		return mem_strdup(name);
	return mem_printf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

char *fs_stem(const char *path)
{
	const char *base = fs_basename(path), *dot = strrchr(base, '.');

	return dot && dot != base ? mem_strndup(base, (size_t)(dot - base)) : mem_strdup(base);
}

static char tmp_dir[4096];
static pid_t tmp_owner;
static pthread_mutex_t tmp_lock = PTHREAD_MUTEX_INITIALIZER;

const char *fs_tmp_dir(struct qd_err *err)
{
	const char *base = getenv("TMPDIR"), *result = NULL;

	pthread_mutex_lock(&tmp_lock);
	if (!tmp_dir[0]) {
		snprintf(tmp_dir, sizeof(tmp_dir), "%s/qdebug-XXXXXX", base && *base ? base : "/tmp");
		if (!mkdtemp(tmp_dir)) {
			err_errno(err, QD_EDISK, "%s: cannot create a temporary folder (set TMPDIR)", tmp_dir);
			tmp_dir[0] = '\0';
		} else {
			tmp_owner = getpid();
			atexit(fs_tmp_cleanup);
		}
	}
	if (tmp_dir[0])
		result = tmp_dir;
	pthread_mutex_unlock(&tmp_lock);
	return result;
}

void fs_tmp_cleanup(void)
{
	char path[sizeof(tmp_dir) + 260];
	struct dirent *e;
	DIR *d;

	if (!tmp_dir[0] || tmp_owner != getpid())
		return;
	d = opendir(tmp_dir);
	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", tmp_dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(tmp_dir);
	tmp_dir[0] = '\0';
}
