/* Choosing the sub-command, reporting errors, exit statuses. */
#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/show.h"
#include "cli/signals.h"
#include "vm/action.h"

static void print_error(const struct qd_err *err)
{
	struct str s = STR_INIT;

	str_add_escaped(&s, err->msg);
	fprintf(stderr, "qdebug: %s\n", s.failed || !s.p ? "out of memory" : s.p);
	str_release(&s);
}

int cli_decide_show(const struct cli_values *v, bool tty, const char *term, enum cli_show *out, struct qd_err *err)
{
	*out = CLI_SHOW_REPORT;
	if (v->script) {
		*out = CLI_SHOW_SCRIPT;
		return 0;
	}
	if (v->report != CLI_REPORT_NONE || v->output || v->plain || !isnan(v->fail_under) || !tty)
		return 0;
	if (!term || !*term || !strcmp(term, "dumb") || !strcmp(term, "unknown"))
		return err_set(err, QD_EUSAGE, "the terminal type TERM=\"%s\" cannot show a screen; set TERM, or use "
			       "--plain or --report text", term ? term : "");
	*out = CLI_SHOW_SCREEN;
	return 0;
}

/* Standard output for --help and the like: a full disk must not look like success. */
static int flush_stdout(struct qd_err *err)
{
	if (fflush(stdout) || ferror(stdout))
		return err_errno(err, QD_EDISK, "standard output");
	return 0;
}

static int run_command(const struct cli_values *v, struct cancel *cancel, struct qd_err *err)
{
	if (v->version) {
		printf("qdebug %s\n", QDEBUG_VERSION);
		return flush_stdout(err);
	}
	if (v->help) {
		cli_print_help(stdout, v->command);
		return flush_stdout(err);
	}
	if (v->print_man) {
		cli_print_man(stdout, v->command);
		return flush_stdout(err);
	}
	if (v->print_keys) {
		int rc = vm_action_print_man(stdout);

		return rc ? err_set(err, rc, "standard output") : flush_stdout(err);
	}
	switch (v->command) {
	case CLI_OPEN:
		return cli_open(v, cancel, err);
	case CLI_EXPORT:
		return cli_export(v, cancel, err);
	case CLI_DOCTOR:
		return cli_doctor(v, err);
	case CLI_QUANTIZE:
		return cli_quantize(v, cancel, err);
	case CLI_CALIBRATE:
		return cli_calibrate(v, cancel, err);
	case CLI_PREPROCESS:
		return cli_preprocess(v, err);
	default:
		return cli_debug(v, cancel, err);
	}
}

static int exit_status(int rc, struct cancel *cancel)
{
	int why = cancel_get(cancel);

	if (rc == CLI_MISSED)
		return 1;
	return rc == QD_ECANCEL && why ? 128 + why : err_exit_status(rc);
}

int cli_main(int argc, char **argv)
{
	static struct cancel cancel;
	struct qd_err err = { 0 };
	struct cli_values v;
	int rc;

	clock_since_start();
	signals_install(&cancel);
	rc = cli_parse(argc, argv, &v, &err);
	if (!rc) {
		log_echo(v.verbose ? LOG_DEBUG : v.quiet ? LOG_ERROR : LOG_WARN);
		rc = run_command(&v, &cancel, &err);
	}
	if (rc < 0)
		print_error(&err);
	cli_release(&v);
	return exit_status(rc, &cancel);
}
