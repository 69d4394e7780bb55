/* What is in a data directory: names of one kind of samples, in natural order. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/source_int.h"

enum { NPZ, NPY, PB, KINDS };

static const struct data_kind *const kinds[KINDS] = { &data_kind_npz, &data_kind_npy,
						      &data_kind_pb };

struct names {
	char **names;
	size_t n, cap;
};

struct scan {
	struct names found[KINDS];
	long others;
	char other[256];        /* one of them */
	char loose_pb[256];     /* an input_K.pb beside the samples, not in a folder */
};

int data_pb_index(const char *name)
{
	const char *p = name + 6;
	int k = 0;

	if (strncmp(name, "input_", 6) || *p < '0' || *p > '9' || (*p == '0' && p[1] != '.'))
		return -1;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (k > 1000000)
			return -1;
		k = k * 10 + (*p - '0');
	}
	return strcmp(p, ".pb") ? -1 : k;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), k = strlen(suffix);

	return n > k && !strcasecmp(name + n - k, suffix);
}

static int open_dir(const char *path, DIR **d, struct qd_err *err)
{
	*d = fault_hit(FAULT_IO) ? (errno = EIO, NULL) : opendir(path);
	if (*d)
		return 0;
	if (errno == ENOTDIR)
		return err_set(err, QD_EINPUT, "%s: is a file, a directory of samples is wanted",
			       path);
	return err_errno(err, QD_EINPUT, "%s: cannot open the directory", path);
}

/* The next entry, NULL at the end; reading errors end it with rc set. Hidden names are left out. */
static const struct dirent *next_name(DIR *d, const char *path, int *rc, struct qd_err *err)
{
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(d);
	} while (e && e->d_name[0] == '.');
	if (!e && errno)
		*rc = err_errno(err, QD_EDISK, "%s: cannot read the directory", path);
	return e;
}

/* Does a folder hold ONNX test data? */
static int holds_inputs(const char *path, bool *yes, struct qd_err *err)
{
	const struct dirent *e;
	DIR *d;
	int rc;

	*yes = false;
	rc = open_dir(path, &d, err);
	if (rc)
		return rc;
	while (!*yes && (e = next_name(d, path, &rc, err)))
		*yes = data_pb_index(e->d_name) >= 0;
	closedir(d);
	return rc;
}

static int add_name(struct names *l, const char *name, struct qd_err *err)
{
	char *copy;

	if (!mem_grow(&l->names, &l->cap, l->n + 1, sizeof(*l->names)))
		return err_oom(err, "listing the data directory");
	copy = mem_strdup(name);
	if (!copy)
		return err_oom(err, "listing the data directory");
	l->names[l->n++] = copy;
	return 0;
}

static bool is_folder(const struct dirent *e, const char *path)
{
	return e->d_type == DT_DIR || ((e->d_type == DT_UNKNOWN || e->d_type == DT_LNK) &&
				       fs_is_dir(path));
}

static int add_entry(struct scan *s, const char *dir, const struct dirent *e, struct qd_err *err)
{
	bool folder = false, data = false;
	char *path;
	int rc = 0;

	if (has_suffix(e->d_name, ".npz"))
		return add_name(&s->found[NPZ], e->d_name, err);
	if (has_suffix(e->d_name, ".npy"))
		return add_name(&s->found[NPY], e->d_name, err);
	if (e->d_type == DT_DIR || e->d_type == DT_LNK || e->d_type == DT_UNKNOWN) {
		path = fs_join(dir, e->d_name);
		if (!path)
			return err_oom(err, dir);
		folder = is_folder(e, path);
		if (folder)
			rc = holds_inputs(path, &data, err);
		free(path);
	}
	if (rc)
		return rc;
	if (data)
		return add_name(&s->found[PB], e->d_name, err);
	if (!folder && data_pb_index(e->d_name) >= 0)
		snprintf(s->loose_pb, sizeof(s->loose_pb), "%.255s", e->d_name);
	s->others++;
	snprintf(s->other, sizeof(s->other), "%.255s", e->d_name);
	return 0;
}

static int list(struct scan *s, const struct data_source *src, struct qd_err *err)
{
	const struct dirent *e;
	DIR *d;
	int rc;

	rc = open_dir(src->dir, &d, err);
	if (rc)
		return rc;
	while (!rc && (e = next_name(d, src->dir, &rc, err))) {
		rc = add_entry(s, src->dir, e, err);
		if (!rc && cancel_get((struct cancel *)src->opt.cancel))
			rc = err_set(err, QD_ECANCEL, "%s: interrupted while listing it", src->dir);
	}
	closedir(d);
	return rc;
}

static int no_samples(const struct scan *s, const char *dir, struct qd_err *err)
{
	if (s->loose_pb[0])
		return err_set(err, QD_EINPUT, "%s: holds %s itself; ONNX test data is one folder "
			       "a sample: give the directory above it", dir, s->loose_pb);
	if (s->others)
		return err_set(err, QD_EINPUT, "%s: holds no samples, only %ld other files (%s); "
			       "*.npz, *.npy or FOLDER/input_0.pb are wanted (--random N runs "
			       "without data)", dir, s->others, s->other);
	return err_set(err, QD_EINPUT, "%s: is empty; *.npz, *.npy or FOLDER/input_0.pb are wanted "
		       "(--random N runs without data)", dir);
}

static int choose(const struct scan *s, const char *dir, int *kind, struct qd_err *err)
{
	int k;

	*kind = -1;
	for (k = 0; k < KINDS; k++) {
		if (!s->found[k].n)
			continue;
		if (*kind >= 0)
			return err_set(err, QD_EINPUT, "%s: holds %zu %s (%s) and %zu %s (%s), one "
				       "kind is wanted: move the others to a directory of their "
				       "own", dir, s->found[*kind].n, kinds[*kind]->what,
				       s->found[*kind].names[0], s->found[k].n, kinds[k]->what,
				       s->found[k].names[0]);
		*kind = k;
	}
	return *kind < 0 ? no_samples(s, dir, err) : 0;
}

static int by_name(const void *a, const void *b)
{
	return str_natural_cmp(*(char *const *)a, *(char *const *)b);
}

/* Move sorted names into entries. */
static int take_names(struct data_source *src, struct names *l, struct qd_err *err)
{
	size_t i;

	src->entries = mem_array(l->n + 1, sizeof(*src->entries));
	if (!src->entries)
		return err_oom(err, "listing the data directory");
	qsort(l->names, l->n, sizeof(*l->names), by_name);
	for (i = 0; i < l->n; i++)
		src->entries[i].name = l->names[i];
	src->n_entries = (int64_t)l->n;
	l->n = 0;
	return 0;
}

int data_scan(struct data_source *src, struct qd_err *err)
{
	struct scan s = { 0 };
	int rc, kind = -1, k;

	rc = list(&s, src, err);
	if (!rc)
		rc = choose(&s, src->dir, &kind, err);
	if (!rc)
		rc = take_names(src, &s.found[kind], err);
	if (!rc) {
		src->kind = kinds[kind];
		if (s.others)
			log_add(LOG_INFO, "%s: %ld other files ignored (%s)", src->dir, s.others,
				s.other);
	}
	for (k = 0; k < KINDS; k++) {
		while (s.found[k].n)
			free(s.found[k].names[--s.found[k].n]);
		free(s.found[k].names);
	}
	return rc;
}
