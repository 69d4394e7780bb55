/* vm/keymap.h - keys as numbers, and their names.
 *
 * A key is a Unicode code point, 1..26 for Ctrl-A..Ctrl-Z, or one of enum vm_key.
 * Names: "j", "C-f", "<Enter>", "<F1>", "<lt>" for "<".  Immutable; any thread.
 */
#ifndef VM_KEYMAP_H
#define VM_KEYMAP_H

#include <stddef.h>

enum vm_key {
	VM_KEY_BASE = 0x200000,         /* above every code point */
	VM_KEY_UP, VM_KEY_DOWN, VM_KEY_LEFT, VM_KEY_RIGHT,
	VM_KEY_PGUP, VM_KEY_PGDN, VM_KEY_HOME, VM_KEY_END,
	VM_KEY_ENTER, VM_KEY_ESC, VM_KEY_BACKSPACE, VM_KEY_DELETE,
	VM_KEY_TAB, VM_KEY_SHIFT_TAB, VM_KEY_INSERT,
	VM_KEY_F1, VM_KEY_F2, VM_KEY_F3, VM_KEY_F4, VM_KEY_F5, VM_KEY_F6,
	VM_KEY_F7, VM_KEY_F8, VM_KEY_F9, VM_KEY_F10, VM_KEY_F11, VM_KEY_F12,
	VM_KEY_RESIZE,                  /* the terminal has a new size */
};

#define VM_CTRL(c) ((c) & 0x1f)

/* Read one key name at the start of `text` (not empty); *key is 0 for an unknown <Name>. Returns
 * the bytes used (>= 1). "C-x" counts as one key only when `text` is that whole word; write <C-x>
 * inside a sequence. */
size_t vm_key_parse(const char *text, int *key);

/* Name of a key into buf (always terminated; 16 bytes are enough). Returns buf. */
char *vm_key_name(int key, char *buf, size_t size);

/* A printable key (a code point) as UTF-8 into out[4]; returns the bytes. */
size_t vm_key_utf8(int key, char *out);

#endif
