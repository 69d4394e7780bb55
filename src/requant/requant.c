/* Plan, write, report. */
#include "requant/requant.h"

void requant_report_release(struct requant_report *r)
{
	str_release(&r->text);
}

int requant_static(const struct onnx_model *m, const struct graph *g, const struct recipe *r,
		   const struct quant_ranges *ranges, struct onnx_model **out, struct requant_report *report,
		   struct qd_err *err)
{
	struct plan *p;
	int rc;

	*out = NULL;
	if (g->model != m)
		return err_set(err, QD_EBUG, "%s: the graph belongs to another model", m->path);
	rc = plan_make(g, r, ranges, &p, err);
	if (rc)
		return rc;
	rc = write_model(p, out, err);
	if (!rc && report) {
		report->counts = plan_counts(p);
		report->text = (struct str)STR_INIT;
		plan_print(p, &report->text);
	}
	plan_free(p);
	return rc;
}
