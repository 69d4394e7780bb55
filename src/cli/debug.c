/* The main job: measure a pair of models into a store, then show it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/interactive.h"
#include "cli/mapfile.h"
#include "cli/progress.h"
#include "cli/quantize.h"
#include "cli/settings.h"
#include "cli/show.h"
#include "session/session.h"

/* A word that is no file may be a mistyped sub-command. */
static int check_word(const struct cli_values *v, struct qd_err *err)
{
	const char *word = v->operands[0], *near;

	if (strpbrk(word, "./") || fs_exists(word) || !(near = cli_command_nearest(word)))
		return 0;
	return err_set(err, QD_EUSAGE, "%s: no such file; did you mean the sub-command \"%s\"?", word, near);
}

static int check_usage(const struct cli_values *v, struct qd_err *err)
{
	const char *first = v->operands[0];
	size_t n = strlen(first);
	int rc = check_word(v, err);

	if (rc)
		return rc;
	if (v->n_operands == 1 && n > 4 && !strcmp(first + n - 4, ".qdb"))
		return err_set(err, QD_EUSAGE, "%s: to see a store again use: qdebug open %s", first, first);
	if (!v->data && !v->random)
		return err_set(err, QD_EUSAGE, "no data: give a folder of samples, for example: qdebug %s%s%s --data "
			       "samples/, or --random 16 to try without any", first, v->n_operands > 1 ? " " : "",
			       v->n_operands > 1 ? v->operands[1] : "");
	if (v->n_operands > 1 && *settings_given(v))
		return err_set(err, QD_EUSAGE, "%s says how to quantize, but %s is a quantized model already; leave out one "
			       "of them", settings_given(v), v->operands[1]);
	if (v->data && v->random)
		return err_set(err, QD_EUSAGE, "--data and --random exclude each other");
	return 0;
}

static void fill(const struct cli_values *v, const char *quant, const struct mapfile *map, struct session_opts *o)
{
	session_opts_init(o);
	o->float_path = v->operands[0];
	o->quant_path = quant;
	o->data_dir = v->data;
	o->random = v->random;
	o->store_path = v->store;
	o->samples = v->samples;
	o->batch = v->batch;
	o->reference = v->observe == CLI_REFERENCE;
	o->keep = v->keep == CLI_KEEP_ALL ? SESSION_KEEP_ALL :
		  v->keep == CLI_KEEP_WORST ? SESSION_KEEP_WORST : SESSION_KEEP_NONE;
	o->activation_budget = v->activation_budget;
	o->threads = (int)v->threads;
	o->self_check = v->self_check;
	o->map = map->names;
	o->n_map = map->n;
	o->allow_nonfinite = v->allow_nonfinite;
	o->skip_bad = v->skip_bad;
	o->verify_data = v->verify_data;
}

/* Measure what is missing, with progress on standard error when someone is looking. */
static int measure(struct session *s, const struct cli_values *v, struct qd_err *err)
{
	const char *term = getenv("TERM");
	bool moving = term && *term && strcmp(term, "dumb") != 0;
	struct progress p = { .session = s, .plain = v->plain || !moving, .width = show_width(STDERR_FILENO, 80) };
	bool shown = !v->quiet && isatty(STDERR_FILENO);
	int rc;

	if (session_is_done(s))
		return 0;
	if (session_resumed(s) > 0 && !v->quiet)
		log_add(LOG_INFO, "resuming run %lld: %lld samples are done", (long long)session_run_id(s),
			(long long)session_resumed(s));
	rc = session_run(s, shown ? progress_show : NULL, &p, err);
	progress_end(&p);
	return rc;
}

static int measure_and_report(struct session *s, const struct cli_values *v, struct qd_err *err)
{
	struct store *st = NULL;
	int rc = measure(s, v, err);

	if (!rc)
		rc = store_open_readonly(session_store_path(s), STORE_TRUST, &st, err);
	if (!rc)
		rc = show_report(st, session_run_id(s), v, err);
	store_close(st);
	return rc;
}

int cli_debug(const struct cli_values *v, struct cancel *cancel, struct qd_err *err)
{
	enum cli_show how = CLI_SHOW_REPORT;
	struct mapfile map = { 0 };
	struct session *s = NULL;
	struct session_opts opts;
	char *made = NULL;
	int rc = check_usage(v, err);

	if (!rc)
		rc = cli_decide_show(v, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), getenv("TERM"), &how, err);
	if (!rc)
		rc = interactive_check(how, v, err);
	if (!rc && v->map)
		rc = mapfile_read(v->map, &map, err);
	if (!rc && v->n_operands == 1)
		rc = quantize_first(v, cancel, &made, err);
	if (!rc) {
		fill(v, made ? made : v->operands[1], &map, &opts);
		rc = session_open(&opts, cancel, &s, err);
	}
	if (!rc && how == CLI_SHOW_REPORT)
		rc = measure_and_report(s, v, err);
	else if (!rc)
		rc = interactive_run(s, cancel, how, v, err);
	session_close(s);
	mapfile_release(&map);
	free(made);
	return rc;
}
