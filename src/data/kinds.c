/* The kinds of files: how their headers and rows are read. Knows no rules about shapes. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "data/source_int.h"
#include "onnx/tensor_proto.h"
#include "tensor/npy.h"
#include "tensor/npz.h"

char *data_path(const struct data_source *src, int64_t entry, int input)
{
	const char *name = src->entries[entry].name;
	size_t n = strlen(src->dir);
	const char *slash = n && src->dir[n - 1] == '/' ? "" : "/";

	if (src->kind == &data_kind_pb)
		return mem_printf("%s%s%s/input_%d.pb", src->dir, slash, name, input);
	return mem_printf("%s%s%s", src->dir, slash, name);
}

int data_add_file(struct data_source *src, int64_t entry, int input, struct fs_stamp stamp,
		  struct qd_err *err)
{
	if (!mem_grow(&src->files, &src->files_cap, src->n_files + 1, sizeof(*src->files)))
		return err_oom(err, "listing the data files");
	src->files[src->n_files++] = (struct data_file){ entry, input, stamp };
	return 0;
}

static void head_of(struct data_head *head, const struct npy_header *h, bool whole)
{
	head->present = true;
	head->dtype = h->dtype;
	head->rank = h->rank;
	memcpy(head->dims, h->dims, sizeof(head->dims));
	head->whole = whole || h->fortran;
}

/* Clip a sample's rows to what there is; false when it begins behind the end. */
static bool clip(struct data_rows *r, int rank, const int64_t *dims)
{
	int64_t rows = rank ? dims[0] : 1;

	if (r->first > rows || (r->first == rows && r->first > 0))
		return false;
	if (r->count < 0 || r->count > rows - r->first)
		r->count = rows - r->first;
	return true;
}

static int fewer_rows(const char *path, struct qd_err *err)
{
	return err_set(err, QD_EINPUT, "%s: has fewer rows than when it was checked; run again",
		       path);
}

/* --- .npy ------------------------------------------------------------------ */

/* The one input that .npy files are for: the only one, or the only required one. -1: there is
 * none. */
static int npy_input(const struct data_source *src)
{
	int i, found = -1, required = 0;

	for (i = 0; i < src->n_inputs; i++) {
		if (!src->inputs[i].optional) {
			found = i;
			required++;
		}
	}
	if (src->n_inputs == 1)
		return 0;
	return required == 1 ? found : -1;
}

static int npy_several(const struct data_source *src, struct qd_err *err)
{
	struct str call = STR_INIT;
	int i, rc;

	for (i = 0; i < src->n_inputs && i < 8; i++)
		str_addf(&call, "%s'%s': …", i ? ", " : "", src->inputs[i].name);
	rc = err_set(err, QD_EINPUT, "%s: holds .npy files, which are for models with one input; "
		     "this one has %d: save each sample as numpy.savez(file, **{%s%s})", src->dir,
		     src->n_inputs, call.p ? call.p : "", src->n_inputs > 8 ? ", …" : "");
	str_release(&call);
	return rc;
}

static int npy_peek(struct data_source *src, int64_t entry, struct data_head *heads,
		    struct qd_err *err)
{
	int input = npy_input(src), fd = -1, rc;
	struct npy_header h;
	struct fs_stamp st;
	char *path;

	if (input < 0)
		return npy_several(src, err);
	path = data_path(src, entry, 0);
	if (!path)
		return err_oom(err, src->dir);
	rc = fs_open(path, &fd, &st, err);
	if (!rc)
		rc = npy_header_read(fd, (uint64_t)st.size, path, &h, err);
	if (!rc)
		rc = data_add_file(src, entry, 0, st, err);
	if (!rc)
		head_of(&heads[input], &h, false);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

static int npy_read(const struct data_source *src, int64_t entry, const struct data_rows *rows,
		    struct tensor *tensors, struct qd_err *err)
{
	int input = npy_input(src), fd = -1, rc;
	char *path = data_path(src, entry, 0);
	struct data_rows r = rows[input];
	struct npy_header h;
	struct fs_stamp st;

	if (!path)
		return err_oom(err, src->dir);
	rc = fs_open(path, &fd, &st, err);
	if (!rc)
		rc = npy_header_read(fd, (uint64_t)st.size, path, &h, err);
	if (!rc && !clip(&r, h.rank, h.dims))
		rc = fewer_rows(path, err);
	if (!rc)
		rc = npy_read_rows(fd, &h, r.first, r.count, path, &tensors[input], err);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

const struct data_kind data_kind_npy = { ".npy files", true, npy_peek, npy_read };

/* --- .npz ------------------------------------------------------------------ */

static int npz_missing(const struct npz *z, const char *path, const char *name, struct qd_err *err)
{
	struct str keys = STR_INIT;
	const char *near = NULL;
	int best = 4, rc;
	long i;

	for (i = 0; i < npz_count(z); i++) {
		int d = str_distance(name, npz_name(z, i), 3);

		if (d < best) {
			best = d;
			near = npz_name(z, i);
		}
		if (i < 8)
			str_addf(&keys, "%s'%s'", i ? ", " : "", npz_name(z, i));
	}
	rc = err_set(err, QD_EINPUT, "%s: has no array for input '%s', it holds %s%s%s%s%s: save "
		     "it as numpy.savez(file, **{'%s': …})", path, name,
		     keys.len ? keys.p : "none", npz_count(z) > 8 ? ", …" : "",
		     near ? " ('" : "", near ? near : "", near ? "' is the nearest)" : "", name);
	str_release(&keys);
	return rc;
}

static void npz_other_keys(struct data_source *src, const struct npz *z, const char *path)
{
	long i;
	int k;

	for (i = 0; i < npz_count(z) && !src->told_keys; i++) {
		for (k = 0; k < src->n_inputs && strcmp(src->inputs[k].name, npz_name(z, i)); k++)
			;
		if (k == src->n_inputs) {
			log_add(LOG_INFO, "%s: '%s' and others like it are ignored: no inputs of "
				"the model", path, npz_name(z, i));
			src->told_keys = true;
		}
	}
}

static int npz_peek(struct data_source *src, int64_t entry, struct data_head *heads,
		    struct qd_err *err)
{
	char *path = data_path(src, entry, 0);
	struct npz *z = NULL;
	struct npy_header h;
	int i, rc;

	if (!path)
		return err_oom(err, src->dir);
	rc = npz_open(path, &z, err);
	if (!rc)
		rc = data_add_file(src, entry, 0, npz_stamp(z), err);
	for (i = 0; i < src->n_inputs && !rc; i++) {
		long m = npz_find(z, src->inputs[i].name);

		if (m < 0 && !src->inputs[i].optional)
			rc = npz_missing(z, path, src->inputs[i].name, err);
		if (m < 0)
			continue;
		rc = npz_header(z, m, &h, err);
		if (!rc)
			head_of(&heads[i], &h, !npz_is_stored(z, m));
	}
	if (!rc)
		npz_other_keys(src, z, path);
	npz_close(z);
	free(path);
	return rc;
}

static int npz_read_input(struct npz *z, long member, const char *path, struct data_rows r,
			  struct tensor *out, struct qd_err *err)
{
	struct npy_header h;
	int rc = npz_header(z, member, &h, err);

	if (!rc && !clip(&r, h.rank, h.dims))
		rc = fewer_rows(path, err);
	return rc ? rc : npz_read_rows(z, member, r.first, r.count, out, err);
}

static int npz_read_entry(const struct data_source *src, int64_t entry,
			  const struct data_rows *rows, struct tensor *tensors, struct qd_err *err)
{
	char *path = data_path(src, entry, 0);
	struct npz *z = NULL;
	int i, rc;

	if (!path)
		return err_oom(err, src->dir);
	rc = npz_open(path, &z, err);
	for (i = 0; i < src->n_inputs && !rc; i++) {
		long m = npz_find(z, src->inputs[i].name);

		if (m >= 0)
			rc = npz_read_input(z, m, path, rows[i], &tensors[i], err);
		else if (!src->inputs[i].optional)
			rc = npz_missing(z, path, src->inputs[i].name, err);
	}
	npz_close(z);
	free(path);
	return rc;
}

const struct data_kind data_kind_npz = { ".npz files", true, npz_peek, npz_read_entry };

/* --- FOLDER/input_K.pb ------------------------------------------------------ */

/* Refuse a folder with more inputs than the model has: the two do not belong together. */
static int pb_count(const struct data_source *src, int64_t entry, struct qd_err *err)
{
	char *path = fs_join(src->dir, src->entries[entry].name);
	const struct dirent *e;
	int rc = 0;
	DIR *d;

	if (!path)
		return err_oom(err, src->dir);
	d = opendir(path);
	if (!d)
		rc = err_errno(err, QD_EINPUT, "%s: cannot open the directory", path);
	while (!rc && (e = readdir(d))) {
		if (data_pb_index(e->d_name) >= src->n_inputs)
			rc = err_set(err, QD_EINPUT, "%s/%s: the model has %d inputs, input_0.pb "
				     "to input_%d.pb are wanted", path, e->d_name, src->n_inputs,
				     src->n_inputs - 1);
	}
	if (d)
		closedir(d);
	free(path);
	return rc;
}

static int pb_peek_input(struct data_source *src, int64_t entry, int input, const char *path,
			 struct data_head *head, struct qd_err *err)
{
	struct fs_map map;
	struct tensor t;
	int rc = fs_map_open(path, &map, err);

	if (rc)
		return rc;
	rc = onnx_tensor_peek(map.data, map.size, path, &t, err);
	if (!rc)
		rc = data_add_file(src, entry, input, map.stamp, err);
	if (!rc) {
		*head = (struct data_head){ true, t.dtype, t.rank, { 0 }, true };
		memcpy(head->dims, t.dims, sizeof(head->dims));
	}
	fs_map_close(&map);
	return rc;
}

static int pb_peek(struct data_source *src, int64_t entry, struct data_head *heads,
		   struct qd_err *err)
{
	int i, rc = pb_count(src, entry, err);

	for (i = 0; i < src->n_inputs && !rc; i++) {
		char *path = data_path(src, entry, i);

		if (!path)
			return err_oom(err, src->dir);
		if (!src->inputs[i].optional || fs_exists(path))
			rc = pb_peek_input(src, entry, i, path, &heads[i], err);
		free(path);
	}
	return rc;
}

/* Whole tensors, or their rows when asked. */
static int pb_read_input(const char *path, struct data_rows r, struct tensor *out,
			 struct qd_err *err)
{
	struct tensor t, part;
	struct fs_map map;
	int rc = fs_map_open(path, &map, err);

	if (rc)
		return rc;
	rc = onnx_tensor_decode(map.data, map.size, path, &t, err);
	fs_map_close(&map);
	if (rc)
		return rc;
	if (!clip(&r, t.rank, t.dims)) {
		tensor_release(&t);
		return fewer_rows(path, err);
	}
	if (t.rank && r.count != t.dims[0]) {
		if (!tensor_rows(&t, r.first, r.count, &part))
			rc = err_oom(err, path);
		tensor_release(&t);
		t = part;
	}
	*out = t;
	return rc;
}

static int pb_read(const struct data_source *src, int64_t entry, const struct data_rows *rows,
		   struct tensor *tensors, struct qd_err *err)
{
	int64_t f, end = src->entries[entry + 1].first_file;
	int rc = 0;

	for (f = src->entries[entry].first_file; f < end && !rc; f++) {
		int i = src->files[f].input;
		char *path = data_path(src, entry, i);

		rc = path ? pb_read_input(path, rows[i], &tensors[i], err) : err_oom(err, src->dir);
		free(path);
	}
	return rc;
}

const struct data_kind data_kind_pb = { "folders of ONNX test data", false, pb_peek, pb_read };
