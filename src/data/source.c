/* Opening a directory, finding a sample in it, reading and hashing. */
#include "data/source.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "data/source_int.h"
#include "tensor/dtype.h"

static bool cancelled(const struct data_source *src)
{
	return cancel_get((struct cancel *)src->opt.cancel) != 0;
}

/* --- opening and closing ------------------------------------------------------- */

static bool copy_inputs(struct data_source *src, const struct data_input *inputs, int n)
{
	int i;

	src->inputs = mem_array((size_t)n, sizeof(*inputs));
	for (i = 0; src->inputs && i < n; i++) {
		size_t bytes = inputs[i].rank > 0 ? (size_t)inputs[i].rank * sizeof(int64_t) : 0;
		int64_t *dims = mem_alloc(bytes);

		src->inputs[i] = inputs[i];
		src->inputs[i].name = mem_strdup(inputs[i].name);
		src->inputs[i].dims = dims;
		src->n_inputs = i + 1;
		if (!dims || !src->inputs[i].name)
			return false;
		if (bytes)
			memcpy(dims, inputs[i].dims, bytes);
		for (int d = 0; d < inputs[i].rank; d++) {
			if (dims[d] <= 0)
				dims[d] = -1;
		}
	}
	return src->inputs != NULL;
}

int data_new(const struct data_input *inputs, int n, const struct data_options *opt,
	     struct data_source **out, struct qd_err *err)
{
	struct data_source *src;

	*out = NULL;
	if (n <= 0)
		return err_set(err, QD_EINPUT, "the model has no inputs, there is nothing to give "
			       "data to");
	src = mem_zalloc(sizeof(*src));
	if (!src)
		return err_oom(err, "opening the data");
	pthread_mutex_init(&src->lock, NULL);
	src->cached_entry = -1;
	if (opt)
		src->opt = *opt;
	if (!copy_inputs(src, inputs, n)) {
		data_close(src);
		return err_oom(err, "opening the data");
	}
	*out = src;
	return 0;
}

static void drop_cache(struct data_source *src)
{
	int i;

	for (i = 0; src->cached && i < src->n_inputs; i++)
		tensor_release(&src->cached[i]);
	free(src->cached);
	src->cached = NULL;
	src->cached_entry = -1;
}

void data_close(struct data_source *src)
{
	int64_t i;

	if (!src)
		return;
	drop_cache(src);
	for (i = 0; i < src->n_inputs; i++) {
		free((char *)src->inputs[i].name);
		free((int64_t *)src->inputs[i].dims);
	}
	for (i = 0; i < src->n_entries; i++)
		free(src->entries[i].name);
	free(src->inputs);
	free(src->entries);
	free(src->files);
	free(src->hashes);
	free(src->dir);
	pthread_mutex_destroy(&src->lock);
	free(src);
}

/* Forget the entries behind the first n. */
static void cut_entries(struct data_source *src, int64_t n)
{
	while (src->n_entries > n)
		free(src->entries[--src->n_entries].name);
	src->entries[n].name = NULL;
}

static int check_entry(struct data_source *src, int64_t e, struct data_head *heads,
		       int64_t *samples, struct qd_err *err)
{
	int i, rc;

	memset(heads, 0, (size_t)src->n_inputs * sizeof(*heads));
	src->entries[e].first_sample = src->count;
	src->entries[e].first_file = (int64_t)src->n_files;
	rc = src->kind->peek(src, e, heads, err);
	if (!rc)
		rc = data_check(src, e, heads, samples, err);
	for (i = 0; i < src->n_inputs && !rc; i++)
		src->entries[e].whole |= heads[i].present && heads[i].whole && *samples > 1;
	return rc;
}

/* Headers of all files that are needed. */
static int check_entries(struct data_source *src, struct qd_err *err)
{
	struct data_head *heads = mem_array((size_t)src->n_inputs, sizeof(*heads));
	int64_t e, k = 0, limit = src->opt.samples;
	int rc = 0;

	if (!heads)
		return err_oom(err, "checking the data");
	for (e = 0; e < src->n_entries && !rc && (!limit || src->count < limit); e++) {
		rc = check_entry(src, e, heads, &k, err);
		if (!rc)
			src->count += k;
		if (!rc && cancelled(src))
			rc = err_set(err, QD_ECANCEL, "%s: interrupted while checking its files",
				     src->dir);
	}
	free(heads);
	if (rc)
		return rc;
	cut_entries(src, e);
	src->entries[e].first_sample = src->count;
	src->entries[e].first_file = (int64_t)src->n_files;
	if (limit && src->count > limit)
		src->count = limit;
	return 0;
}

int data_open(const char *dir, const struct data_input *inputs, int n_inputs,
	      const struct data_options *opt, struct data_source **out, struct qd_err *err)
{
	struct data_source *src = NULL;
	int rc = data_new(inputs, n_inputs, opt, &src, err);

	*out = NULL;
	if (rc)
		return rc;
	src->dir = mem_strdup(dir);
	rc = src->dir ? data_check_batch(src, err) : err_oom(err, dir);
	if (!rc)
		rc = data_scan(src, err);
	if (!rc)
		rc = check_entries(src, err);
	if (rc) {
		data_close(src);
		return rc;
	}
	*out = src;
	return 0;
}

/* --- finding ------------------------------------------------------------------------- */

int64_t data_count(const struct data_source *src)
{
	return src->count;
}

bool data_is_random(const struct data_source *src)
{
	return !src->kind;
}

/* The last entry that begins at or before sample i. */
static int64_t entry_of(const struct data_source *src, int64_t i)
{
	int64_t lo = 0, hi = src->n_entries;

	while (hi - lo > 1) {
		int64_t mid = lo + (hi - lo) / 2;

		if (src->entries[mid].first_sample <= i)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

char *data_name(const struct data_source *src, int64_t i, char *buf, size_t size)
{
	const struct data_entry *e;

	assert(i >= 0 && i < src->count);
	if (!src->kind) {
		snprintf(buf, size, "random#%lld", (long long)i);
		return buf;
	}
	e = &src->entries[entry_of(src, i)];
	if (e[1].first_sample - e->first_sample > 1)
		snprintf(buf, size, "%s#%lld", e->name, (long long)(i - e->first_sample));
	else
		snprintf(buf, size, "%s", e->name);
	return buf;
}

/* --- files ------------------------------------------------------------------------------ */

int64_t data_file_count(const struct data_source *src)
{
	return src->kind ? (int64_t)src->n_files : 1;
}

char *data_stamp(const struct data_source *src, int64_t f, char *buf, size_t size,
		 struct fs_stamp *stamp)
{
	const struct data_file *file;

	assert(f >= 0 && f < data_file_count(src));
	if (!src->kind) {
		snprintf(buf, size, "random");
		if (stamp)
			*stamp = (struct fs_stamp){ src->count, (int64_t)src->seed };
		return buf;
	}
	file = &src->files[f];
	if (src->kind == &data_kind_pb)
		snprintf(buf, size, "%s/input_%d.pb", src->entries[file->entry].name, file->input);
	else
		snprintf(buf, size, "%s", src->entries[file->entry].name);
	if (stamp)
		*stamp = file->stamp;
	return buf;
}

static int changed(const char *path, struct qd_err *err)
{
	return err_set(err, QD_EINPUT, "%s: changed since it was checked; run again", path);
}

static bool same(struct fs_stamp a, struct fs_stamp b)
{
	return a.size == b.size && a.mtime_ns == b.mtime_ns;
}

static int check_unchanged(const struct data_source *src, int64_t entry, struct qd_err *err)
{
	int64_t f, end = src->entries[entry + 1].first_file;
	int rc = 0;

	for (f = src->entries[entry].first_file; f < end && !rc; f++) {
		char *path = data_path(src, entry, src->files[f].input);
		struct fs_stamp now;

		rc = path ? fs_stat(path, &now, err) : err_oom(err, src->dir);
		if (!rc && !same(now, src->files[f].stamp))
			rc = changed(path, err);
		free(path);
	}
	return rc;
}

static int hash_open_file(const struct data_source *src, int fd, const char *path, int64_t size,
			  char hex[SHA_HEX], struct qd_err *err)
{
	enum { BLOCK = 1 << 18 };
	unsigned char *buf = mem_alloc(BLOCK);
	struct sha s;
	int64_t at;
	int rc = buf ? 0 : err_oom(err, path);

	sha_init(&s);
	for (at = 0; at < size && !rc; at += BLOCK) {
		size_t n = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

		rc = fs_read_at(fd, path, (uint64_t)at, buf, n, err);
		if (!rc)
			sha_add(&s, buf, n);
		if (!rc && cancelled(src))
			rc = err_set(err, QD_ECANCEL, "%s: interrupted while hashing it", path);
	}
	if (!rc)
		sha_hex(&s, hex);
	free(buf);
	return rc;
}

static int hash_file(const struct data_source *src, int64_t f, char hex[SHA_HEX],
		     struct qd_err *err)
{
	const struct data_file *file = &src->files[f];
	char *path = data_path(src, file->entry, file->input);
	struct fs_stamp now;
	int fd = -1, rc;

	if (!path)
		return err_oom(err, src->dir);
	rc = fs_open(path, &fd, &now, err);
	if (!rc && !same(now, file->stamp))
		rc = changed(path, err);
	if (!rc)
		rc = hash_open_file(src, fd, path, now.size, hex, err);
	if (!rc)
		rc = fs_stat(path, &now, err);
	if (!rc && !same(now, file->stamp))
		rc = changed(path, err);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

/* The hash of a file, taken now unless it is known. */
static int file_hash(struct data_source *src, int64_t f, char hex[SHA_HEX], struct qd_err *err)
{
	bool room;
	int rc;

	pthread_mutex_lock(&src->lock);
	if (!src->hashes)
		src->hashes = mem_array(src->n_files, sizeof(*src->hashes));
	room = src->hashes != NULL;
	if (room)
		memcpy(hex, src->hashes[f], SHA_HEX);
	pthread_mutex_unlock(&src->lock);
	if (!room)
		return err_oom(err, "hashing the data");
	if (hex[0])
		return 0;
	rc = hash_file(src, f, hex, err);
	if (rc)
		return rc;
	pthread_mutex_lock(&src->lock);
	memcpy(src->hashes[f], hex, SHA_HEX);
	pthread_mutex_unlock(&src->lock);
	return 0;
}

int data_hash(struct data_source *src, char hex[SHA_HEX], struct qd_err *err)
{
	char name[600], file[SHA_HEX], line[800];
	struct fs_stamp st;
	struct sha s;
	int64_t f;
	int rc = 0;

	if (!src->kind)
		return data_random_hash(src, hex, err);
	sha_init(&s);
	for (f = 0; f < (int64_t)src->n_files && !rc; f++) {
		rc = file_hash(src, f, file, err);
		if (rc)
			break;
		data_stamp(src, f, name, sizeof(name), &st);
		snprintf(line, sizeof(line), "%s %lld %s\n", name, (long long)st.size, file);
		sha_add(&s, line, strlen(line));
		if (cancelled(src))
			rc = err_set(err, QD_ECANCEL, "%s: interrupted while hashing it", src->dir);
	}
	if (!rc)
		sha_hex(&s, hex);
	return rc;
}

/* --- reading ---------------------------------------------------------------------------- */

/* Decode an entry whole into the cache. Under the lock: others that want it wait instead of doing
 * the same. */
static int fill_cache(struct data_source *src, int64_t entry, struct data_rows *rows,
		      struct qd_err *err)
{
	int i, rc;

	if (src->cached_entry == entry)
		return 0;
	drop_cache(src);
	src->cached = mem_array((size_t)src->n_inputs, sizeof(*src->cached));
	if (!src->cached)
		return err_oom(err, src->entries[entry].name);
	for (i = 0; i < src->n_inputs; i++)
		rows[i] = (struct data_rows){ 0, -1 };
	rc = src->kind->read(src, entry, rows, src->cached, err);
	if (rc)
		drop_cache(src);
	else
		src->cached_entry = entry;
	return rc;
}

static int copy_cached(const struct data_source *src, int64_t j, struct tensor *tensors,
		       struct qd_err *err)
{
	int i;

	for (i = 0; i < src->n_inputs; i++) {
		const struct tensor *t = &src->cached[i];
		struct data_rows r = data_rows_of(src, i, j);
		int64_t have = t->rank ? t->dims[0] : 1;

		if (t->dtype == DT_UNDEFINED)
			continue;
		if (!t->rank || r.count < 0)
			r = (struct data_rows){ 0, have };
		if (r.first >= have && have)
			return err_set(err, QD_EINPUT, "input '%s' has fewer rows than when it was "
				       "checked; run again", src->inputs[i].name);
		if (r.count > have - r.first)
			r.count = have - r.first;
		if (!tensor_rows(t, r.first, r.count, &tensors[i]))
			return err_oom(err, "reading a sample");
	}
	return 0;
}

static int read_rows(struct data_source *src, int64_t entry, int64_t j, struct tensor *tensors,
		     struct qd_err *err)
{
	struct data_rows *rows = mem_array((size_t)src->n_inputs, sizeof(*rows));
	int i, rc;

	if (!rows)
		return err_oom(err, "reading a sample");
	if (src->entries[entry].whole) {
		pthread_mutex_lock(&src->lock);
		rc = fill_cache(src, entry, rows, err);
		if (!rc)
			rc = copy_cached(src, j, tensors, err);
		pthread_mutex_unlock(&src->lock);
	} else {
		for (i = 0; i < src->n_inputs; i++)
			rows[i] = data_rows_of(src, i, j);
		rc = src->kind->read(src, entry, rows, tensors, err);
	}
	free(rows);
	return rc;
}

/* Are the tensors still what the headers promised? */
static int check_shapes(const struct data_source *src, int64_t entry, const struct tensor *tensors,
			struct qd_err *err)
{
	int i;

	for (i = 0; i < src->n_inputs; i++) {
		if (tensors[i].dtype == DT_UNDEFINED ? !src->inputs[i].optional
						     : !data_fits(&src->inputs[i], &tensors[i]))
			return err_set(err, QD_EINPUT, "%s/%s: input '%s' is not what it was when "
				       "the file was checked; run again", src->dir,
				       src->entries[entry].name, src->inputs[i].name);
	}
	return 0;
}

static const char *kind_of_nonfinite(double v)
{
	return v != v ? "NaN" : v > 0 ? "Inf" : "-Inf";
}

static int check_finite(const struct data_source *src, int64_t entry, int64_t j,
			const struct tensor *tensors, struct qd_err *err)
{
	int i;

	for (i = 0; i < src->n_inputs && !src->opt.allow_nonfinite; i++) {
		const struct tensor *t = &tensors[i];
		int64_t at = t->data ? data_find_nonfinite(t) : -1, before = 0;
		struct data_rows r = data_rows_of(src, i, j);

		if (at < 0)
			continue;
		if (t->rank && t->dims[0] && r.first)
			before = t->n / t->dims[0] * r.first;
		return err_set(err, QD_EINPUT, "%s/%s: input '%s' has %s at arr.flat[%lld], finite "
			       "values are wanted (--skip-bad leaves such samples out, "
			       "--allow-nonfinite runs them)", src->dir, src->entries[entry].name,
			       src->inputs[i].name, kind_of_nonfinite(tensor_get(t, at)),
			       (long long)(before + at));
	}
	return 0;
}

static int hash_entry(struct data_source *src, int64_t entry, struct qd_err *err)
{
	char hex[SHA_HEX];
	int64_t f;
	int rc = 0;

	for (f = src->entries[entry].first_file; f < src->entries[entry + 1].first_file && !rc; f++)
		rc = file_hash(src, f, hex, err);
	return rc;
}

static int read_entry(struct data_source *src, int64_t i, struct tensor *tensors,
		      struct qd_err *err)
{
	int64_t e = entry_of(src, i), j = i - src->entries[e].first_sample;
	struct qd_err why = { 0 };
	int rc = read_rows(src, e, j, tensors, err), moved;

	if (rc && rc != QD_EINPUT)
		return rc;
	moved = check_unchanged(src, e, &why);
	if (!moved && !rc)
		moved = check_shapes(src, e, tensors, &why);
	if (moved) {
		if (err)
			*err = why;
		return moved;
	}
	if (!rc)
		rc = check_finite(src, e, j, tensors, err);
	if (!rc && src->opt.hash)
		return hash_entry(src, e, err);
	return rc == QD_EINPUT && src->opt.skip_bad ? DATA_SKIP : rc;
}

int data_read(struct data_source *src, int64_t i, struct data_sample *out, struct qd_err *err)
{
	int rc;

	assert(i >= 0 && i < src->count);
	*out = (struct data_sample){ 0, mem_array((size_t)src->n_inputs, sizeof(*out->tensors)) };
	if (!out->tensors)
		return err_oom(err, "reading a sample");
	out->n = src->n_inputs;
	rc = src->kind ? read_entry(src, i, out->tensors, err)
		       : data_random_read(src, i, out->tensors, err);
	if (rc)
		data_sample_release(out);
	return rc;
}

void data_sample_release(struct data_sample *s)
{
	int i;

	for (i = 0; i < s->n; i++)
		tensor_release(&s->tensors[i]);
	free(s->tensors);
	*s = (struct data_sample){ 0, NULL };
}
