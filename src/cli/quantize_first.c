/* A debugging run without a quantized model makes one. */
#include "cli/quantize.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "onnx/edit.h"
#include "requant/write.h"

/* Models made here carry it: they may be made again. */
static const char mark_key[] = "qdebug.made_from";

/* A file that is there must be ours, or it stays. */
static int check_ours(const char *path, const struct cli_values *v, struct qd_err *err)
{
	struct onnx_model *m = NULL;
	bool ours;

	if (!fs_exists(path))
		return 0;
	ours = !onnx_load(path, &m, NULL) && onnx_metadata(m, mark_key);
	onnx_free(m);
	if (ours)
		return 0;
	return err_set(err, QD_EUSAGE, "%s: exists and was not made by this command, so it is left alone; to debug it: qdebug "
		       "%s %s %s%s; or quantize under another name first: qdebug quantize %s -o OUT.onnx", path,
		       v->operands[0], path, v->data ? "--data " : "--random 16", v->data ? v->data : "", v->operands[0]);
}

static int mark(const struct quantize_job *job, struct qd_err *err)
{
	struct onnx_model *m = NULL;
	int rc = onnx_load(job->output, &m, err);

	if (!rc && (!edit_begin(m) || !edit_add_metadata(m, mark_key, fs_basename(job->v->operands[0]))))
		rc = err_oom(err, job->output);
	if (!rc)
		rc = write_save(m, m, job->output, job->recipe.use_external_data_format, err);
	onnx_free(m);
	return rc;
}

static int print(const struct quantize_job *job, struct qd_err *err)
{
	struct str out = STR_INIT;
	int rc = 0;

	if (job->v->quiet)
		return 0;
	quantize_text(job, &out);
	if (out.failed)
		rc = err_oom(err, "report");
	else
		fprintf(stderr, "%s\n", out.p);
	str_release(&out);
	return rc;
}

int quantize_first(const struct cli_values *v, struct cancel *cancel, char **path, struct qd_err *err)
{
	struct quantize_job job;
	int rc = quantize_begin(&job, v, cancel, err);

	*path = NULL;
	if (!rc && !(job.output = quantize_default_output(v->operands[0], &job.recipe)))
		rc = err_oom(err, v->operands[0]);
	if (!rc)
		rc = check_ours(job.output, v, err);
	if (!rc)
		rc = quantize_check_output(job.output, v->operands[0], err);
	if (!rc)
		rc = quantize_run(&job, err);
	if (!rc)
		rc = mark(&job, err);
	if (!rc)
		rc = print(&job, err);
	if (!rc) {
		*path = job.output;
		job.output = NULL;
	}
	quantize_release(&job);
	return rc;
}
