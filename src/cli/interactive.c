/* Screens are bound here. */
#include "cli/interactive.h"

#include "cli/show.h"

int interactive_run(struct session *s, struct cancel *cancel, enum cli_show how, const struct cli_values *v,
		    struct qd_err *err)
{
	struct store *st = NULL;
	int rc = session_is_done(s) ? 0 : session_run(s, NULL, NULL, err);

	(void)cancel;
	(void)how;
	if (!rc)
		rc = store_open_readonly(session_store_path(s), STORE_TRUST, &st, err);
	if (!rc)
		rc = show_report(st, session_run_id(s), v, err);
	store_close(st);
	return rc;
}

int interactive_open(const char *store, int64_t run_id, enum cli_show how, const struct cli_values *v,
		     struct qd_err *err)
{
	struct store *st = NULL;
	int rc = store_open_readonly(store, v->trust_store ? STORE_TRUST : 0, &st, err);

	(void)how;
	if (!rc)
		rc = show_report(st, run_id, v, err);
	store_close(st);
	return rc;
}
