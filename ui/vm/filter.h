/* vm/filter.h - the filter language: op=Conv & sqnr<20 & name~conv & !exact
 *
 *   filter    = condition { "&" condition }
 *   condition = [ "!" ] column                 has a value; for yes/no columns: is yes
 *             | [ "!" ] column operator value  = != < <= > >= for numbers, = != ~ !~ for text (~
 * contains)
 *   value     = word | "quoted text"           numbers as the screen shows them (percent, dB)
 * Text is compared without case. "name" is any column of names, "tagged" the tags.
 * Knows the columns of a view, no SQL.  One thread.
 */
#ifndef VM_FILTER_H
#define VM_FILTER_H

#include <stdbool.h>

#include "base/err.h"
#include "vm/views.h"

enum vm_op { VM_OP_EQ, VM_OP_NE, VM_OP_LT, VM_OP_LE, VM_OP_GT, VM_OP_GE, VM_OP_HAS, VM_OP_HAS_NOT,
	    VM_OP_IS };

enum { VM_MAX_CONDS = 16, VM_COL_TAGGED = -2 };

struct vm_cond {
	int col;                /* column of the view, or VM_COL_TAGGED */
	enum vm_op op;
	bool negate;
	bool numeric;
	double number;          /* as stored: a percent is a fraction again */
	char text[160];
};

struct vm_filter {
	struct vm_cond cond[VM_MAX_CONDS];
	int n;                  /* 0: everything passes */
};

/* Parse into *out. Empty or blank text is the empty filter. Returns 0 or QD_EUSAGE with a message
 * that names the position (from 1), what was found and what is expected; *out is the empty filter
 * then. */
int vm_filter_parse(const struct vm_view *v, const char *text, struct vm_filter *out,
		    struct qd_err *err);

/* Does a row pass? For rows that are not in the store (runs, log, help). Absent values pass only
 * "!" conditions. */
bool vm_filter_match(const struct vm_filter *f, const struct vm_value *row, bool tagged);

#endif
