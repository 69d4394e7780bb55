/* Names of keys.  Knows no terminal and no action. */
#include "vm/keymap.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const struct { const char *name; int key; } names[] = {
	{ "Up", VM_KEY_UP }, { "Down", VM_KEY_DOWN }, { "Left", VM_KEY_LEFT },
		{ "Right", VM_KEY_RIGHT },
	{ "PgUp", VM_KEY_PGUP }, { "PgDn", VM_KEY_PGDN }, { "Home", VM_KEY_HOME },
		{ "End", VM_KEY_END },
	{ "Enter", VM_KEY_ENTER }, { "Esc", VM_KEY_ESC }, { "Backspace", VM_KEY_BACKSPACE },
	{ "Delete", VM_KEY_DELETE }, { "Tab", VM_KEY_TAB }, { "S-Tab", VM_KEY_SHIFT_TAB },
	{ "Insert", VM_KEY_INSERT }, { "Space", ' ' }, { "lt", '<' },
	{ "F1", VM_KEY_F1 }, { "F2", VM_KEY_F2 }, { "F3", VM_KEY_F3 }, { "F4", VM_KEY_F4 },
	{ "F5", VM_KEY_F5 }, { "F6", VM_KEY_F6 }, { "F7", VM_KEY_F7 }, { "F8", VM_KEY_F8 },
	{ "F9", VM_KEY_F9 }, { "F10", VM_KEY_F10 }, { "F11", VM_KEY_F11 }, { "F12", VM_KEY_F12 },
	{ "Resize", VM_KEY_RESIZE },
};

enum { N_NAMES = sizeof(names) / sizeof(names[0]) };

static int named(const char *name, size_t len)
{
	if (len == 3 && name[0] == 'C' && name[1] == '-')
		return VM_CTRL(name[2]);
	for (size_t i = 0; i < N_NAMES; i++) {
		if (strlen(names[i].name) == len && !strncmp(names[i].name, name, len))
			return names[i].key;
	}
	return 0;
}

size_t vm_key_parse(const char *text, int *key)
{
	const char *close = text[0] == '<' ? strchr(text, '>') : NULL;
	uint32_t cp;
	size_t n;

	if (close && close > text + 1 && close - text <= 12) {
		*key = named(text + 1, (size_t)(close - text - 1));
		return (size_t)(close - text + 1);
	}
	if (text[0] == 'C' && text[1] == '-' && text[2] >= 'a' && text[2] <= 'z' &&
	    (text[3] == ' ' || !text[3])) {
		*key = VM_CTRL(text[2]);
		return 3;
	}
	n = utf8_next(text, text + strlen(text), &cp);
	*key = (int)cp;
	return n;
}

size_t vm_key_utf8(int key, char *out)
{
	uint32_t cp = (uint32_t)key;

	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xC0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xE0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
		out[2] = (char)(0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
	out[3] = (char)(0x80 | (cp & 0x3F));
	return 4;
}

char *vm_key_name(int key, char *buf, size_t size)
{
	char utf8[5] = "";

	for (size_t i = 0; i < N_NAMES; i++) {
		if (names[i].key == key) {
			snprintf(buf, size, key == '<' ? "<" : "%s", names[i].name);
			return buf;
		}
	}
	if (key >= 1 && key <= 26)
		snprintf(buf, size, "Ctrl-%c", 'A' + key - 1);
	else if (key < 0x20 || key >= VM_KEY_BASE || (key >= 0x7F && key < 0xA0))
		snprintf(buf, size, "key %d", key);
	else {
		utf8[vm_key_utf8(key, utf8)] = '\0';
		snprintf(buf, size, "%s", utf8);
	}
	return buf;
}
