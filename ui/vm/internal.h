/* vm/internal.h - between app.c, perform.c, prompt.c and command.c; nobody else includes it. */
#ifndef VM_INTERNAL_H
#define VM_INTERNAL_H

#include "vm/app.h"

/* app.c: a failure as the status message; rows of the view on the screen, when not loaded;
 * everything again. */
void vm_app_report(struct vm_app *app, int rc, const struct qd_err *err);
QD_NODISCARD int vm_app_load_active(struct vm_app *app, struct qd_err *err);
void vm_app_refresh(struct vm_app *app);

/* prompt.c: open the line one types into ('/', '?', '&', ':'); a key for it; search and say how it
 * went. */
void vm_prompt_open(struct vm_app *app, char kind, const char *text);
void vm_prompt_key(struct vm_app *app, int key, double now);
void vm_app_search(struct vm_app *app, const char *text, size_t from, bool backwards);

/* command.c: all rows of the view into a file; the row as text (tab-separated, escaped; malloc'd,
 * NULL: no row). */
QD_NODISCARD int vm_app_write_rows(struct vm_app *app, const char *path, struct qd_err *err);
char *vm_app_row_text(struct vm_app *app);

#endif
