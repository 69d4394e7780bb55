/* The line one types into: search, filter, command.  Editing, completion, and what Enter and Esc
 * do. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "vm/app.h"
#include "vm/internal.h"
#include "vm/keymap.h"

static void set_input(struct vm_app *app, const char *text)
{
	snprintf(app->input, sizeof(app->input), "%.*s", VM_PROMPT_MAX - 1, text);
	app->input_len = app->input_at = strlen(app->input);
}

void vm_prompt_open(struct vm_app *app, char kind, const char *text)
{
	app->prompt = kind;
	app->message[0] = '\0';
	app->completing = -1;
	app->search_from = vm_app_list(app)->cursor;
	set_input(app, text);
}

void vm_app_search(struct vm_app *app, const char *text, size_t from, bool backwards)
{
	struct qd_err err = { 0 };
	int rc = vm_list_search(vm_app_list(app), text, from, backwards, &err);

	if (rc < 0)
		vm_app_say(app, VM_MSG_ERROR, "%s", err.msg);
	else if (rc == 0)
		vm_app_say(app, VM_MSG_WARN, "not found: %s", text);
	else if (rc == 2)
		vm_app_say(app, VM_MSG_INFO, "search passed the %s: %s", backwards ? "top" : "end",
			   text);
}

/* Search while typing starts from where the prompt was opened. */
static void incremental(struct vm_app *app)
{
	if (app->prompt != '/' && app->prompt != '?')
		return;
	app->message[0] = '\0';
	vm_list_goto(vm_app_list(app), app->search_from);
	if (app->input_len)
		vm_app_search(app, app->input, app->search_from, app->prompt == '?');
}

static size_t previous_char(const struct vm_app *app)
{
	size_t at = app->input_at;

	if (!at)
		return 0;
	do
		at--;
	while (at && ((unsigned char)app->input[at] & 0xC0) == 0x80);
	return at;
}

static size_t next_char(const struct vm_app *app)
{
	uint32_t cp;

	if (app->input_at >= app->input_len)
		return app->input_len;
	return app->input_at + utf8_next(app->input + app->input_at, app->input + app->input_len,
					 &cp);
}

static void erase(struct vm_app *app, size_t from, size_t to)
{
	memmove(app->input + from, app->input + to, app->input_len - to + 1);
	app->input_len -= to - from;
	app->input_at = from;
}

static void insert(struct vm_app *app, int key)
{
	char utf8[4];
	size_t n = vm_key_utf8(key, utf8);

	if (app->input_len + n >= sizeof(app->input))
		return;
	memmove(app->input + app->input_at + n, app->input + app->input_at,
		app->input_len - app->input_at + 1);
	memcpy(app->input + app->input_at, utf8, n);
	app->input_len += n;
	app->input_at += n;
}

/* The nth thing that can stand where the last word is: an action, a view, a column. */
static const char *candidate(const struct vm_app *app, const char *line, const char *word, int nth)
{
	const struct vm_view *v = vm_view(app->active);
	size_t len = strlen(word);

	if (word == line)
		return vm_action_complete(word, nth);
	if (!strncmp(line, "view ", 5)) {
		for (int i = 0; i < VM_V_COUNT; i++) {
			const char *name = vm_view((enum vm_view_id)i)->name;

			if (!strncmp(name, word, len) && nth-- == 0)
				return name;
		}
	} else if (!strncmp(line, "sort ", 5)) {
		for (int i = 0; i < v->n_cols; i++) {
			if (vm_column_sortable(&v->cols[i]) &&
			    !strncmp(v->cols[i].alias, word, len) && nth-- == 0)
				return v->cols[i].alias;
		}
	}
	return NULL;
}

static void complete(struct vm_app *app)
{
	const char *word, *found;
	char line[VM_PROMPT_MAX];

	if (app->prompt != ':')
		return;
	if (app->completing < 0)
		snprintf(app->completed_from, sizeof(app->completed_from), "%s", app->input);
	word = strrchr(app->completed_from, ' ');
	word = word ? word + 1 : app->completed_from;
	found = candidate(app, app->completed_from, word, ++app->completing);
	if (!found) {
		/* past the last one: back to what was typed */
		app->completing = -1;
		set_input(app, app->completed_from);
		return;
	}
	snprintf(line, sizeof(line), "%.*s%s", (int)(word - app->completed_from),
		 app->completed_from, found);
	set_input(app, line);
}

static void leave(struct vm_app *app)
{
	if (app->prompt == '/' || app->prompt == '?')
		vm_list_goto(vm_app_list(app), app->search_from);
	app->prompt = 0;
	app->message[0] = '\0';
}

static void accept(struct vm_app *app, double now)
{
	struct qd_err err = { 0 };
	char kind = app->prompt;

	app->message[0] = '\0';
	if (kind == '&') {
		/* a wrong expression keeps the prompt open, to be mended */
		if (vm_list_filter(vm_app_list(app), app->input, &err))
			vm_app_say(app, VM_MSG_ERROR, "%s", err.msg);
		else
			app->prompt = 0;
		return;
	}
	app->prompt = 0;
	if (kind == ':') {
		if (app->input_len)
			(void)vm_app_command(app, app->input, now);
		return;
	}
	app->search_back = kind == '?';
	if (app->input_len)
		snprintf(app->search, sizeof(app->search), "%s", app->input);
	if (app->search[0])
		vm_app_search(app, app->search, app->search_from, app->search_back);
}

void vm_prompt_key(struct vm_app *app, int key, double now)
{
	if (key == VM_KEY_TAB) {
		complete(app);
		return;
	}
	app->completing = -1;
	switch (key) {
	case VM_KEY_ENTER:
		accept(app, now);
		return;
	case VM_KEY_ESC:
	case VM_CTRL('c'):
		leave(app);
		return;
	case VM_KEY_LEFT:
	case VM_CTRL('b'):
		app->input_at = previous_char(app);
		return;
	case VM_KEY_RIGHT:
	case VM_CTRL('f'):
		app->input_at = next_char(app);
		return;
	case VM_KEY_HOME:
	case VM_CTRL('a'):
		app->input_at = 0;
		return;
	case VM_KEY_END:
	case VM_CTRL('e'):
		app->input_at = app->input_len;
		return;
	case VM_KEY_BACKSPACE:
		if (!app->input_len) {
			leave(app);
			return;
		}
		erase(app, previous_char(app), app->input_at);
		break;
	case VM_KEY_DELETE:
		erase(app, app->input_at, next_char(app));
		break;
	case VM_CTRL('u'):
		erase(app, 0, app->input_at);
		break;
	case VM_CTRL('w'): {
		size_t at = app->input_at;

		while (at && app->input[at - 1] == ' ')
			at--;
		while (at && app->input[at - 1] != ' ')
			at--;
		erase(app, at, app->input_at);
		break;
	}
	default:
		if (key < ' ' || key >= VM_KEY_BASE || (key >= 0x7F && key < 0xA0))
			return;
		insert(app, key);
	}
	incremental(app);
}
