/* qdebug export: kept activations as .npy files, or a report. */
#include "cli/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/sha.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "cli/show.h"
#include "tensor/dtype.h"
#include "tensor/npy.h"

enum { NAME_MAX_BYTES = 150, HASH_DIGITS = 16 };

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '.' || c == '@';
}

static void add_encoded(struct str *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (is_plain(c))
			str_addc(out, (char)c);
		else
			str_addf(out, "%%%02X", c);
	}
}

void export_file_name(struct str *out, const char *side, const char *tensor, int64_t sample)
{
	struct str name = STR_INIT;
	char hex[SHA_HEX];
	struct sha sha;

	add_encoded(&name, tensor);
	str_addf(out, "%s.", side);
	if (name.len <= NAME_MAX_BYTES) {
		str_add(out, name.p ? name.p : "");
	} else {
		/* "~" is never plain, so a cut name equals no whole one */
		sha_init(&sha);
		sha_add(&sha, tensor, strlen(tensor));
		sha_hex(&sha, hex);
		str_addf(out, "%.*s~%.*s", NAME_MAX_BYTES, name.p, HASH_DIGITS, hex);
	}
	if (sample < 0)
		str_add(out, ".const.npy");
	else
		str_addf(out, ".%" PRId64 ".npy", sample);
	out->failed = out->failed || name.failed;
	str_release(&name);
}

static int dtype_by_name(const char *name)
{
	for (int d = DT_UNDEFINED + 1; d < DT_COUNT; d++)
		if (!strcmp(dtype_info(d)->name, name))
			return d;
	return DT_UNDEFINED;
}

static bool parse_shape(const char *p, int *rank, int64_t *dims)
{
	*rank = 0;
	p += strspn(p, " ");
	if (*p++ != '[')
		return false;
	p += strspn(p, " ");
	if (*p == ']')
		return !p[1];
	for (;;) {
		char *end;

		errno = 0;
		if (*rank == TENSOR_MAX_RANK)
			return false;
		dims[*rank] = strtoll(p, &end, 10);
		if (errno || end == p || dims[*rank] < 0)
			return false;
		++*rank;
		p = end + strspn(end, " ");
		if (*p == ']')
			return !p[1];
		if (*p++ != ',')
			return false;
	}
}

bool export_tensor(const char *dtype, const char *shape, struct tensor *t)
{
	int64_t dims[TENSOR_MAX_RANK];
	int type = dtype_by_name(dtype), rank;

	return type != DT_UNDEFINED && parse_shape(shape, &rank, dims) && tensor_shape(t, type, rank, dims);
}

struct job {
	struct store *st;
	const char *dir;
	struct str index;
};

static int write_npy(const char *path, const struct tensor *t, struct qd_err *err)
{
	const char *note = NULL;
	struct fs_atomic a;
	int rc = fs_atomic_open(&a, path, false, err);

	if (rc)
		return rc;
	rc = npy_write(a.f, t, path, &note, err);
	if (rc) {
		fs_atomic_abort(&a);
		return rc;
	}
	if (note)
		log_add(LOG_INFO, "%s: %s", path, note);
	return fs_atomic_commit(&a, err);
}

static void add_index(struct str *s, const struct store_activation *a, const char *file)
{
	str_addf(s, "%s\t", a->side);
	str_add_escaped(s, a->tensor);
	str_addf(s, "\t%" PRId64 "\t%s\t%s\t%s\n", a->sample, a->dtype, a->shape, file);
}

/* The store is not trusted: side, type, shape and size are checked before anything is read or written. */
static int export_one(struct job *j, const struct store_activation *a, struct qd_err *err)
{
	struct str file = STR_INIT;
	char *path = NULL;
	struct tensor t = { 0 };
	void *data = NULL;
	size_t bytes = 0;
	int rc;

	if ((strcmp(a->side, "float") && strcmp(a->side, "quant")) || a->sample < -1 || !*a->tensor ||
	    !export_tensor(a->dtype, a->shape, &t) || a->bytes < 0 || t.bytes != (uint64_t)a->bytes)
		return err_set(err, QD_EINPUT, "%s: activation %" PRId64 " (\"%s\", %s %s, %" PRId64 " bytes) makes no "
			       "tensor", store_path(j->st), a->id, a->tensor, a->dtype, a->shape, a->bytes);
	export_file_name(&file, a->side, a->tensor, a->sample);
	path = file.failed ? NULL : fs_join(j->dir, file.p);
	rc = path ? 0 : err_oom(err, "export");
	if (!rc)
		rc = store_activation_read(j->st, a->id, t.bytes, &data, &bytes, err);
	if (!rc && bytes != t.bytes)
		rc = err_set(err, QD_EINPUT, "%s: activation %" PRId64 " holds %zu bytes, %s %s has %zu",
			     store_path(j->st), a->id, bytes, a->dtype, a->shape, t.bytes);
	if (!rc) {
		t.data = data;
		rc = write_npy(path, &t, err);
	}
	if (!rc)
		add_index(&j->index, a, file.p);
	free(data);
	free(path);
	str_release(&file);
	return rc;
}

static int write_index(struct job *j, struct qd_err *err)
{
	char *path = fs_join(j->dir, "index.tsv");
	int rc;

	if (!path || j->index.failed)
		rc = err_oom(err, "export");
	else
		rc = show_write(path, j->index.p, j->index.len, err);
	free(path);
	return rc;
}

static int make_folder(const char *dir, struct qd_err *err)
{
	if (mkdir(dir, 0777) == 0 || (errno == EEXIST && fs_is_dir(dir)))
		return 0;
	return err_errno(err, QD_EINPUT, "%s: cannot be the folder for the activations", dir);
}

static int export_activations(struct store *st, const struct cli_values *v, struct cancel *cancel,
			      struct qd_err *err)
{
	struct job j = { .st = st, .dir = v->output, .index = STR_INIT };
	struct store_activation *rows = NULL;
	struct report r;
	size_t n = 0;
	int rc = report_load(st, v->run, &r, err);

	if (!rc)
		rc = store_activations(st, r.run.id, NULL, &r.arena, &rows, &n, err);
	if (!rc && !n)
		rc = err_set(err, QD_EINPUT, "%s: run %" PRId64 " kept no activations; measure with --keep-activations "
			     "all (or worst) first", store_path(st), r.run.id);
	if (!rc)
		rc = make_folder(v->output, err);
	str_add(&j.index, "side\ttensor\tsample\tdtype\tshape\tfile\n");
	for (size_t i = 0; !rc && i < n; i++) {
		rc = export_one(&j, &rows[i], err);
		if (!rc && cancel_get(cancel))
			rc = err_set(err, QD_ECANCEL, "interrupted after %zu of %zu activations", i + 1, n);
	}
	if (!rc)
		rc = write_index(&j, err);
	if (!rc && !v->quiet)
		printf("%zu activations of run %" PRId64 " in %s\n", n, r.run.id, v->output);
	if (!rc && fflush(stdout))
		rc = err_errno(err, QD_EDISK, "standard output");
	str_release(&j.index);
	free(rows);
	report_release(&r);
	return rc;
}

int cli_export(const struct cli_values *v, struct cancel *cancel, struct qd_err *err)
{
	struct store *st = NULL;
	int rc;

	if (v->what == CLI_WHAT_NONE)
		return err_set(err, QD_EUSAGE, "what is to be exported? --what activations or --what report");
	if (v->what == CLI_WHAT_ACTIVATIONS && (!v->output || !strcmp(v->output, "-")))
		return err_set(err, QD_EUSAGE, "activations need a folder: -o DIR");
	rc = store_open_readonly(v->operands[0], 0, &st, err);
	if (!rc && v->what == CLI_WHAT_ACTIVATIONS)
		rc = export_activations(st, v, cancel, err);
	else if (!rc)
		rc = show_report(st, v->run, v, err);
	store_close(st);
	return rc;
}
