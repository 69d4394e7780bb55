/* The quantizer for the oracle tests: one job a line on standard input, one answer a line.
 *
 * job:    MODEL <tab> RANGES <tab> RECIPE <tab> OUT      (files; RANGES is the reference's calibration cache)
 * answer: ok <tab> notes joined with " | "      or      error <tab> code <tab> message
 * RANGES "-": only the plan, printed into OUT. RANGES "?": the names whose ranges are wanted, into OUT. RECIPE
 * "python:FILE": the recipe as a Python program, into OUT (model, output, data, cache are OUT's siblings). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "observe/infer.h"
#include "requant/requant.h"

enum { LINE = 8192 };

static int put_text(const char *path, struct str *text, struct qd_err *err)
{
	struct fs_atomic a;
	int rc = fs_atomic_open(&a, path, false, err);

	if (rc)
		return rc;
	fwrite(text->p ? text->p : "", 1, text->len, a.f);
	return fs_atomic_commit(&a, err);
}

static int list_names(const struct graph *g, const struct recipe *r, const char *out, struct qd_err *err)
{
	struct str text = STR_INIT;
	const char **names;
	size_t n, i;
	int rc = plan_range_names(g, r, &names, &n, err);

	for (i = 0; !rc && i < n; i++)
		str_addf(&text, "%s\n", names[i]);
	if (!rc)
		rc = put_text(out, &text, err);
	free(names);
	str_release(&text);
	return rc;
}

static int preview(const struct graph *g, const struct recipe *r, const char *out, struct qd_err *err)
{
	struct str text = STR_INIT;
	struct plan *p;
	int rc = plan_preview(g, r, &p, err);

	if (!rc) {
		plan_print(p, &text);
		rc = put_text(out, &text, err);
		plan_free(p);
	}
	str_release(&text);
	return rc;
}

static int quantize(const struct onnx_model *m, const struct graph *g, const struct recipe *r, const char *ranges_path,
		    const char *path, struct str *notes, struct qd_err *err)
{
	struct quant_ranges ranges = QUANT_RANGES_INIT;
	struct requant_report report = { .text = STR_INIT };
	struct onnx_model *out = NULL;
	char *note;
	int rc = quant_ranges_load(ranges_path, &ranges, err);

	if (!rc)
		rc = requant_static(m, g, r, &ranges, &out, &report, err);
	if (!rc)
		rc = write_save(out, m, path, r->use_external_data_format, err);
	for (note = report.text.p; note && (note = strstr(note, "note: ")); note++) {
		str_addn(notes, note + 6, strcspn(note, "\n") - 6);
		str_add(notes, " | ");
	}
	requant_report_release(&report);
	quant_ranges_release(&ranges);
	onnx_free(out);
	return rc;
}

static int recipe_only(const char *file, const char *out, struct qd_err *err)
{
	struct recipe r;
	struct str text = STR_INIT;
	int rc;

	recipe_init(&r);
	rc = recipe_load(&r, file, err);
	if (!rc) {
		recipe_write_python(&r, "model.onnx", "python.onnx", "data", NULL, &text);
		rc = put_text(out, &text, err);
	}
	if (!rc) {
		char *json = mem_printf("%s.json", out);

		str_clear(&text);
		recipe_write_json(&r, &text);
		rc = json ? put_text(json, &text, err) : err_oom(err, out);
		free(json);
	}
	str_release(&text);
	recipe_release(&r);
	return rc;
}

static int run(struct engine *e, char *const f[4], struct str *notes, struct qd_err *err)
{
	struct onnx_model *m = NULL;
	struct graph g = { 0 };
	struct recipe r;
	int rc;

	if (!strncmp(f[2], "python:", 7))
		return recipe_only(f[2] + 7, f[3], err);
	recipe_init(&r);
	rc = recipe_load(&r, f[2], err);
	if (!rc)
		rc = onnx_load(f[0], &m, err);
	if (!rc)
		rc = graph_open(m, &g, err);
	if (!rc)
		rc = observe_infer(e, &g, err);
	if (!rc && !strcmp(f[1], "?"))
		rc = list_names(&g, &r, f[3], err);
	else if (!rc && !strcmp(f[1], "-"))
		rc = preview(&g, &r, f[3], err);
	else if (!rc)
		rc = quantize(m, &g, &r, f[1], f[3], notes, err);
	graph_close(&g);
	onnx_free(m);
	recipe_release(&r);
	return rc;
}

int main(void)
{
	struct engine *e;
	struct qd_err err;
	char line[LINE];

	if (engine_open(&e, &err)) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		struct str notes = STR_INIT;
		char *f[4], *at = line, none[1] = "";
		int i;

		line[strcspn(line, "\n")] = 0;
		for (i = 0; i < 4; i++) {
			f[i] = at ? strsep(&at, "\t") : none;
		}
		err.msg[0] = 0;
		if (run(e, f, &notes, &err))
			printf("error\t%d\t%s\n", err.code, err.msg);
		else
			printf("ok\t%s\n", notes.p ? notes.p : "");
		fflush(stdout);
		str_release(&notes);
	}
	engine_close(e);
	return 0;
}
