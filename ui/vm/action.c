/* The action table and look-ups in it.  Knows names and keys; not what an action does. */
#include "vm/action.h"

#include <string.h>

#include "base/str.h"
#include "qdebug/error.h"
#include "vm/keymap.h"

static const struct vm_action_info table[] = {
#define VM_ACTION_ROW(id, name, keys, ctx, flags, hint, arg, help) \
	{ name, keys, (unsigned)(ctx), flags, hint, arg, help },
	VM_ACTIONS(VM_ACTION_ROW)
#undef VM_ACTION_ROW
};

_Static_assert(sizeof(table) / sizeof(table[0]) == VM_A_COUNT, "one row for each action");

const struct vm_action_info *vm_action_info(int a)
{
	return &table[a];
}

int vm_action_by_name(const char *name)
{
	size_t len = strlen(name);
	int found = VM_A_NONE;

	for (int a = 0; a < VM_A_COUNT && len; a++) {
		if (!strcmp(table[a].name, name))
			return a;
		if (!strncmp(table[a].name, name, len))
			found = found == VM_A_NONE ? a : VM_A_COUNT;
	}
	return found == VM_A_COUNT ? VM_A_NONE : found;
}

static bool has_key(const char *keys, int key)
{
	while (*keys) {
		int k;

		keys += strspn(keys, " ");
		if (!*keys)
			break;
		keys += vm_key_parse(keys, &k);
		if (k == key)
			return true;
	}
	return false;
}

int vm_action_by_key(int key, unsigned ctx, bool searching)
{
	int found = VM_A_NONE;

	for (int a = 0; a < VM_A_COUNT; a++) {
		bool search_only = table[a].flags & VM_ACT_AFTER_SEARCH;

		if (!(table[a].ctx & ctx) || !has_key(table[a].keys, key))
			continue;
		if (search_only && searching)
			return a;
		if (!search_only && found == VM_A_NONE)
			found = a;
	}
	return found;
}

const char *vm_action_nearest(const char *name)
{
	const char *best = NULL;
	int best_d = 4;

	for (int a = 0; a < VM_A_COUNT; a++) {
		int d = str_distance(table[a].name, name, 3);

		if (d < best_d) {
			best_d = d;
			best = table[a].name;
		}
	}
	return best;
}

const char *vm_action_complete(const char *prefix, int nth)
{
	size_t len = strlen(prefix);

	for (int a = 0; a < VM_A_COUNT; a++) {
		if (!strncmp(table[a].name, prefix, len) && nth-- == 0)
			return table[a].name;
	}
	return NULL;
}

/* roff: a leading dot or quote, and backslashes, have a meaning of their own; "-" is a hyphen */
static void put_roff(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", f);
		else if (*text == '-')
			fputs("\\-", f);
		else if (*text == '.' || *text == '\'')
			fprintf(f, "\\&%c", *text);
		else
			fputc(*text, f);
	}
}

int vm_action_print_man(FILE *f)
{
	for (int a = 0; a < VM_A_COUNT; a++) {
		const struct vm_action_info *t = &table[a];

		fputs(".TP\n", f);
		if (*t->keys) {
			fputs("\\fB", f);
			put_roff(f, t->keys);
			fputs("\\fR, ", f);
		}
		fputs("\\fB:", f);
		put_roff(f, t->name);
		fputs("\\fR", f);
		if (*t->arg) {
			fputs(" \\fI", f);
			put_roff(f, t->arg);
			fputs("\\fR", f);
		}
		fputc('\n', f);
		put_roff(f, t->help);
		fputs(t->flags & VM_ACT_LATER ? " (not available yet)\n" : "\n", f);
	}
	return ferror(f) ? QD_EDISK : 0;
}

static void put_cell(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			fputc('\\', f);
		fputc(*text, f);
	}
}

int vm_action_print_markdown(FILE *f)
{
	fputs("| keys | command | what it does |\n|---|---|---|\n", f);
	for (int a = 0; a < VM_A_COUNT; a++) {
		const struct vm_action_info *t = &table[a];

		fputs("| ", f);
		if (*t->keys) {
			fputc('`', f);
			put_cell(f, t->keys);
			fputc('`', f);
		}
		fputs(" | `:", f);
		put_cell(f, t->name);
		if (*t->arg) {
			fputc(' ', f);
			put_cell(f, t->arg);
		}
		fputs("` | ", f);
		put_cell(f, t->help);
		fputs(t->flags & VM_ACT_LATER ? " (not available yet) |\n" : " |\n", f);
	}
	return ferror(f) ? QD_EDISK : 0;
}
