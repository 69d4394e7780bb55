/* qdebug open: a stored run again. */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/interactive.h"
#include "cli/show.h"

int cli_open(const struct cli_values *v, struct cancel *cancel, struct qd_err *err)
{
	enum cli_show how = CLI_SHOW_REPORT;
	struct store *st = NULL;
	int rc = cli_decide_show(v, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), getenv("TERM"), &how, err);

	if (!rc)
		rc = interactive_check(how, v, err);
	if (rc)
		return rc;
	if (how != CLI_SHOW_REPORT)
		return interactive_open(v->operands[0], v->run, cancel, how, v, err);
	rc = store_open_readonly(v->operands[0], v->trust_store ? STORE_TRUST : 0, &st, err);
	if (!rc)
		rc = show_report(st, v->run, v, err);
	store_close(st);
	return rc;
}
