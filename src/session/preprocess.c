/* Pre-processing: the engine does the work, this writes down what it knows. */
#include "session/preprocess.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "engine/engine.h"
#include "observe/infer.h"
#include "onnx/edit.h"
#include "requant/write.h"

static const char done_key[] = "onnx.quant.pre_process", done_value[] = "onnxruntime.quant";

/* One protobuf message holds less than 2 GB, and the optimizer writes one message. */
static const size_t MAX_OPTIMIZED = (size_t)1900 << 20;

static size_t model_bytes(const struct onnx_model *m)
{
	size_t n = (size_t)m->stamp.size, i;

	for (i = 0; i < m->n_ext; i++)
		n += m->ext[i].map.size;
	return n;
}

/* The optimized model, or a copy when there is nothing to optimize. */
static int transform(struct engine *e, const struct onnx_model *m, bool optimize, struct onnx_model **out,
		     struct qd_err *err)
{
	struct extern_source source = { m, "" };

	if (!optimize)
		return onnx_copy(m, out, err);
	return observe_optimize(e, m, &source, (struct engine_opts){ .level = ENGINE_BASIC }, out, NULL, err);
}

int session_preprocess(const struct preprocess_opts *o, struct preprocess_report *report, struct qd_err *err)
{
	struct onnx_model *m = NULL, *p = NULL;
	struct engine *e = NULL;
	bool optimize;
	int rc;

	if (fs_same_file(o->input, o->output))
		return err_set(err, QD_EUSAGE, "%s: would overwrite the model it is made from; give another output with -o",
			       o->output);
	rc = engine_open(&e, err);
	if (!rc)
		rc = onnx_load(o->input, &m, err);
	if (rc)
		goto out;
	optimize = !o->skip_optimization && model_bytes(m) < MAX_OPTIMIZED;
	if (!optimize && !o->skip_optimization)
		log_add(LOG_WARN, "%s: %zu bytes with its external data: optimization is left out, since its result would not fit "
			"into one file of 2 GB", o->input, model_bytes(m));
	rc = transform(e, m, optimize, &p, err);
	if (!rc && !edit_begin(p))
		rc = err_oom(err, o->input);
	if (!rc)
		rc = observe_write_shapes(e, p, err);
	if (!rc && !onnx_metadata(p, done_key) && !edit_add_metadata(p, done_key, done_value))
		rc = err_oom(err, o->input);
	if (!rc)
		rc = write_save(p, m, o->output, false, err);
	if (!rc)
		*report = (struct preprocess_report){ m->proto->graph->n_node, p->proto->graph->n_node,
						      p->proto->graph->n_value_info, optimize };
out:
	onnx_free(p);
	onnx_free(m);
	engine_close(e);
	return rc;
}
