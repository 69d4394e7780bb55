/* What all reports share: the run, rows of its tables, the threshold. */
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

int report_load(struct store *st, int64_t run_id, struct report *r, struct qd_err *err)
{
	struct store_run any;
	int rc;

	*r = (struct report){ .st = st, .arena = STORE_ARENA_INIT, .width = 100 };
	if (run_id) {
		rc = store_run_get(st, run_id, &r->arena, &r->run, err);
		if (rc == QD_EINPUT)
			err_prefix(err, "run %lld", (long long)run_id);
	} else {
		rc = store_run_latest(st, true, &r->arena, &r->run, err);
		if (!rc && !r->run.id) {
			rc = store_run_latest(st, false, &r->arena, &any, err);
			if (!rc)
				r->run = any;
		}
		if (!rc && !r->run.id)
			rc = err_set(err, QD_EINPUT, "%s: no run is stored here yet", store_path(st));
	}
	if (!rc)
		rc = store_model_get(st, r->run.float_id, &r->arena, &r->f, err);
	if (!rc)
		rc = store_model_get(st, r->run.quant_id, &r->arena, &r->q, err);
	if (!rc)
		rc = store_dataset_get(st, r->run.dataset_id, &r->arena, &r->data, err);
	return rc;
}

void report_release(struct report *r)
{
	store_arena_release(&r->arena);
}

int report_each(struct report *r, enum store_table table, report_row_fn *fn, void *ctx, struct qd_err *err)
{
	struct store_row row = STORE_ROW_INIT;
	int64_t *ids = NULL;
	size_t n = 0, i;
	int rc = store_list(r->st, r->run.id, table, NULL, &ids, &n, err);

	for (i = 0; !rc && i < n; i++) {
		rc = store_cells(r->st, r->run.id, table, ids[i], &row, err);
		if (!rc)
			rc = fn(ctx, &row, err);
	}
	store_row_release(&row);
	free(ids);
	return rc;
}

const struct store_cell *report_cell(enum store_table table, const struct store_row *row, const char *key)
{
	static const struct store_cell none = { .null = true, .text = "" };
	int i = store_column_find(table, key);

	return i < 0 || (size_t)i >= row->n ? &none : &row->cells[i];
}

/* ---- --fail-under ---- */

struct check { double db; int seen, missed; struct str *why; };

static const char *why_missed(const struct store_row *row, double db)
{
	const struct store_cell *sqnr = report_cell(ST_OUTPUTS, row, "sqnr_db");

	if (report_cell(ST_OUTPUTS, row, "nonfinite_float")->num > 0)
		return "the float model gives NaN or Inf";
	if (report_cell(ST_OUTPUTS, row, "nonfinite_quant")->num > 0)
		return "the quantized model gives NaN or Inf";
	if (report_cell(ST_OUTPUTS, row, "zero_signal")->num > 0)
		return "an error where the float model gives zeros only";
	if (report_cell(ST_OUTPUTS, row, "exact")->num > 0)
		return NULL;
	if (sqnr->null)
		return "not measured";
	return sqnr->num < db ? "" : NULL;
}

static int check_row(void *ctx, const struct store_row *row, struct qd_err *err)
{
	struct check *c = ctx;
	const char *why = why_missed(row, c->db);

	(void)err;
	c->seen++;
	if (!why)
		return 0;
	c->missed++;
	str_add(c->why, "qdebug: output ");
	str_add_escaped(c->why, report_cell(ST_OUTPUTS, row, "name")->text);
	if (*why)
		str_addf(c->why, ": %s\n", why);
	else
		str_addf(c->why, ": SQNR %.4g dB is below %.4g dB\n", report_cell(ST_OUTPUTS, row, "sqnr_db")->num,
			 c->db);
	return 0;
}

int report_check(struct report *r, double db, int *missed, struct str *why, struct qd_err *err)
{
	struct check c = { .db = db, .why = why };
	int rc = report_each(r, ST_OUTPUTS, check_row, &c, err);

	if (!rc && !c.seen) {
		str_add(why, "qdebug: no output was compared\n");
		c.missed = 1;
	}
	*missed = c.missed;
	return rc;
}
