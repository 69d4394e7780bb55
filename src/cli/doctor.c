/* qdebug doctor: what this installation runs on. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "engine/engine.h"
#include "onnx/model.h"

static void line(const char *what, const char *value)
{
	struct str s = STR_INIT;

	str_add_escaped(&s, value && *value ? value : "(not set)");
	printf("%-10s %s\n", what, s.p ? s.p : "");
	str_release(&s);
}

static void terminal(void)
{
	line("TERM", getenv("TERM"));
	line("locale", getenv("LC_ALL") && *getenv("LC_ALL") ? getenv("LC_ALL") : getenv("LANG"));
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		printf("%-10s %d columns\n", "terminal", show_width(STDOUT_FILENO, 80));
	else
		line("terminal", "none: reports are text");
}

int cli_doctor(const struct cli_values *v, struct qd_err *err)
{
	struct engine *e = NULL;
	struct utsname u;
	int rc;

	if (v->n_operands)
		return err_set(err, QD_EUSAGE, "%s: advice on a model is not available in this version; usage: qdebug "
			       "doctor", v->operands[0]);
	line("qdebug", QDEBUG_VERSION);
	if (!uname(&u))
		printf("%-10s %s %s %s, %ld processors\n", "system", u.sysname, u.release, u.machine,
		       sysconf(_SC_NPROCESSORS_ONLN));
	line("cpu", engine_cpu());
	terminal();
	printf("%-10s opset %d and newer\n", "models", ONNX_MIN_OPSET);
	fflush(stdout);
	rc = engine_open(&e, err);
	if (rc)
		return rc;
	line("engine", engine_version(e));
	line("library", engine_library(e));
	line("providers", "cpu");
	engine_close(e);
	return fflush(stdout) ? err_errno(err, QD_EDISK, "standard output") : 0;
}
