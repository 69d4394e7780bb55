/* requant/exclude.h - exclusion files: one node name per line.
 *
 * UTF-8; `#` in column 1 begins a comment, `\#` and `\\` at the start of a line escape; the first lines name the float
 * model and its SHA-256. Trailing CR is dropped. Knows nothing about graphs: plan_check_names() does.
 */
#ifndef REQUANT_EXCLUDE_H
#define REQUANT_EXCLUDE_H

#include "requant/recipe.h"

/* Append the file's names to r->nodes_to_exclude (names that are there already are not repeated). sha256, when not
 * NULL, receives the hash the file says it belongs to, or "" (65 bytes). */
QD_NODISCARD int exclude_load(struct recipe *r, const char *path, char sha256[65], struct qd_err *err);
/* `model` is a file name, sha256 its hash; either may be NULL. QD_EINPUT for a name with a line break. */
QD_NODISCARD int exclude_write(const char *const *names, size_t n, const char *model, const char *sha256,
			       struct str *out, struct qd_err *err);

#endif
