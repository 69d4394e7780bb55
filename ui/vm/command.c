/* Commands after ":" (and in scripts), and writing rows as text. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "vm/app.h"
#include "vm/internal.h"

/* --- rows as text ---------------------------------------------------------------- */

static void add_value(struct str *s, const struct vm_view *v, const struct vm_row *r, int col,
		      size_t pos)
{
	const struct vm_value *x = &r->v[col];

	if (v->cols[col].kind == VM_K_ROWNO)
		str_addf(s, "%zu", pos + 1);
	else if (v->cols[col].kind == VM_K_WHY)
		str_add(s, vm_why(v, r->v));
	else if (x->type == VM_TEXT)
		str_add_escaped(s, x->s);
	else if (x->type == VM_INT)
		str_addf(s, "%lld", (long long)x->i);
	else if (x->type == VM_REAL)
		str_add_double(s, x->d);
}

static void add_row(struct str *s, const struct vm_view *v, const struct vm_row *r, size_t pos)
{
	bool first = true;

	for (int c = 0; c < v->n_cols; c++) {
		if (v->cols[c].kind == VM_K_BAR)
			continue;
		if (!first)
			str_addc(s, '\t');
		first = false;
		add_value(s, v, r, c, pos);
	}
}

char *vm_app_row_text(struct vm_app *app)
{
	const struct vm_row *r = vm_app_row(app);
	struct str s = STR_INIT;

	if (!r)
		return NULL;
	add_row(&s, vm_view(app->active), r, vm_app_list(app)->cursor);
	return str_take(&s);
}

static void add_header(struct str *s, const struct vm_view *v)
{
	bool first = true;

	for (int c = 0; c < v->n_cols; c++) {
		if (v->cols[c].kind == VM_K_BAR)
			continue;
		str_addf(s, "%s%s", first ? "" : "\t", v->cols[c].alias);
		first = false;
	}
	str_addc(s, '\n');
}

int vm_app_write_rows(struct vm_app *app, const char *path, struct qd_err *err)
{
	struct vm_list *l = vm_app_list(app);
	struct str s = STR_INIT;
	struct fs_atomic a;
	int rc;

	rc = fs_atomic_open(&a, path, false, err);
	if (rc)
		return rc;
	add_header(&s, l->view);
	for (size_t i = 0; i < l->n && !s.failed && !ferror(a.f); i++) {
		const struct vm_row *r = vm_list_row(l, i);

		if (r) {
			add_row(&s, l->view, r, i);
			str_addc(&s, '\n');
		}
		if (s.len)
			fwrite(s.p, 1, s.len, a.f);
		str_clear(&s);
	}
	if (s.len)
		fwrite(s.p, 1, s.len, a.f);
	if (s.failed) {
		fs_atomic_abort(&a);
		rc = err_oom(err, "writing rows");
	} else {
		rc = fs_atomic_commit(&a, err);
	}
	str_release(&s);
	return rc;
}

/* --- commands -------------------------------------------------------------------- */

static int cmd_view(struct vm_app *app, const char *arg, double now, struct qd_err *err)
{
	static const int actions[] = {
		[VM_V_RANK] = VM_A_VIEW_RANK, [VM_V_WEIGHTS] = VM_A_VIEW_WEIGHTS,
			[VM_V_LAYERS] = VM_A_VIEW_LAYERS,
		[VM_V_RUNS] = VM_A_VIEW_RUNS, [VM_V_UNMATCHED] = VM_A_VIEW_UNMATCHED,
			[VM_V_LOG] = VM_A_VIEW_LOG,
		[VM_V_HELP] = VM_A_HELP,
	};
	int id = vm_view_by_name(arg);

	if (id < 0)
		return err_set(err, QD_EUSAGE,
			       "no view \"%s\"; there are rank, weights, layers, runs, "
			       "unmatched, log, help", arg);
	vm_app_action(app, actions[id], now);
	return 0;
}

static int cmd_sort(struct vm_app *app, const char *arg, double now, struct qd_err *err)
{
	struct vm_list *l = vm_app_list(app);
	char name[64] = "", order[16] = "";
	const char *near;
	int col;

	(void)now;
	if (sscanf(arg, "%63s %15s", name, order) < 1)
		return err_set(err, QD_EUSAGE, "sort: by which column? as :sort sqnr desc");
	if (*order && strcmp(order, "asc") && strcmp(order, "desc"))
		return err_set(err, QD_EUSAGE, "sort: \"%s\" is no order; expected asc or desc",
			       order);
	col = vm_view_column(l->view, name);
	if (col < 0) {
		near = vm_view_nearest(l->view, name);
		return err_set(err, QD_EUSAGE, "sort: no column \"%s\" here%s%s%s", name, near ?
			       "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	if (l->view->cols[col].priority)
		l->col = col;
	return vm_list_sort(l, col, !strcmp(order, "desc"), err);
}

static int cmd_filter(struct vm_app *app, const char *arg, double now, struct qd_err *err)
{
	(void)now;
	return vm_list_filter(vm_app_list(app), arg, err);
}

static int search(struct vm_app *app, const char *arg, bool back)
{
	snprintf(app->search, sizeof(app->search), "%s", arg);
	app->search_back = back;
	vm_app_search(app, arg, vm_app_list(app)->cursor, back);
	return 0;
}

static int cmd_search(struct vm_app *app, const char *arg, double now, struct qd_err *err)
{
	(void)now;
	(void)err;
	return search(app, arg, false);
}

static int cmd_search_back(struct vm_app *app, const char *arg, double now, struct qd_err *err)
{
	(void)now;
	(void)err;
	return search(app, arg, true);
}

static int cmd_screen(struct vm_app *app, const char *arg, double now, struct qd_err *err)
{
	(void)now;
	free(app->want.screen_path);
	app->want.screen_path = mem_strdup(arg);
	return app->want.screen_path ? 0 : err_oom(err, "remembering a file name");
}

static int cmd_rows(struct vm_app *app, const char *arg, double now, struct qd_err *err)
{
	int rc = vm_app_write_rows(app, arg, err);

	(void)now;
	if (!rc)
		vm_app_say(app, VM_MSG_INFO, "%zu rows written to %s", vm_app_list(app)->n, arg);
	return rc;
}

/* Commands that take an argument; `needs`: cannot go without (else an empty one runs the action).
 * */
static const struct {
	int action;
	bool needs, empty_ok;
	int (*run)(struct vm_app *app, const char *arg, double now, struct qd_err *err);
} commands[] = {
	{ VM_A_VIEW, true, false, cmd_view }, { VM_A_SORT, true, false, cmd_sort },
	{ VM_A_FILTER, false, true, cmd_filter }, { VM_A_SEARCH, false, false, cmd_search },
	{ VM_A_SEARCH_BACK, false, false, cmd_search_back },
		{ VM_A_SCREEN, true, false, cmd_screen },
	{ VM_A_ROWS, true, false, cmd_rows },
};

static int goto_row(struct vm_app *app, const char *text)
{
	long n = strtol(text, NULL, 10);

	vm_list_goto(vm_app_list(app), n > 0 ? (size_t)n - 1 : 0);
	return 0;
}

static int unknown(const char *name, struct qd_err *err)
{
	const char *near = vm_action_complete(name, 0);

	if (near && vm_action_complete(name, 1))
		return err_set(err, QD_EUSAGE,
			       "\"%s\" begins several commands, as \"%s\" and \"%s\"; Tab "
			       "completes", name, near, vm_action_complete(name, 1));
	near = vm_action_nearest(name);
	return err_set(err, QD_EUSAGE, "no command \"%s\"%s%s%s", name, near ?
		       "; did you mean \"" : "; ? lists them", near ? near : "", near ? "\"?" : "");
}

static int run_action(struct vm_app *app, int action, const char *arg, double now,
		      struct qd_err *err)
{
	const struct vm_action_info *info = vm_action_info(action);

	if (info->flags & VM_ACT_LATER)
		return err_set(err, QD_EUSAGE, "\"%s\" is not available yet", info->name);
	if (!(info->ctx & vm_app_ctx(app)))
		return err_set(err, QD_EUSAGE, "\"%s\" does not apply here", info->name);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].action != action)
			continue;
		if (*arg || commands[i].empty_ok)
			return commands[i].run(app, arg, now, err);
		if (commands[i].needs)
			return err_set(err, QD_EUSAGE, "\"%s\" needs an argument: %s", info->name,
				       info->arg);
	}
	if (*arg && !*info->arg)
		return err_set(err, QD_EUSAGE, "\"%s\" takes no argument, \"%s\" was given",
			       info->name, arg);
	vm_app_action(app, action, now);
	return 0;
}

int vm_app_command(struct vm_app *app, const char *text, double now)
{
	char line[VM_PROMPT_MAX], *name, *arg;
	struct qd_err err = { 0 };
	int action, rc;
	size_t n;

	snprintf(line, sizeof(line), "%s", text);
	app->message[0] = '\0';
	name = line + strspn(line, " \t:");
	for (n = strlen(name); n && isspace((unsigned char)name[n - 1]); n--)
		name[n - 1] = '\0';
	if (!*name)
		return 0;
	if (strspn(name, "0123456789") == strlen(name))
		return goto_row(app, name);
	arg = name + strcspn(name, " \t");
	if (*arg)
		*arg++ = '\0';
	arg += strspn(arg, " \t");
	action = vm_action_by_name(name);
	rc = action == VM_A_NONE ? unknown(name, &err) : run_action(app, action, arg, now, &err);
	if (rc)
		vm_app_say(app, VM_MSG_ERROR, "%s", err.msg);
	return rc;
}
