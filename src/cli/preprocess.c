/* qdebug preprocess. */
#include "session/preprocess.h"

#include <stdio.h>

#include "cli/cli.h"
#include "cli/quantize.h"

int cli_preprocess(const struct cli_values *v, struct qd_err *err)
{
	struct preprocess_opts o = { v->operands[0], v->output, v->skip_optimization };
	struct preprocess_report r = { 0 };
	int rc;

	if (!v->output)
		return err_set(err, QD_EUSAGE, "where to? give a file for the model: -o model.pre.onnx");
	rc = quantize_check_output(v->output, v->operands[0], err);
	if (!rc)
		rc = session_preprocess(&o, &r, err);
	if (rc)
		return rc;
	if (!v->quiet)
		printf("%s: %zu nodes, %zu before%s; shapes of %zu tensors\n", v->output, r.nodes_after, r.nodes_before,
		       r.optimized ? "" : " (not optimized)", r.shapes);
	return fflush(stdout) ? err_errno(err, QD_EDISK, "standard output") : 0;
}
