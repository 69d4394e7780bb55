/* store/filter.h - row filters: a small tree that can only name columns of a table and bind values.
 *
 * Two-valued: a comparison with NULL is false (so `!` of it is true); `column = null` asks for
 * NULL. A tree is immutable once built and may be used by any number of queries, one thread at a
 * time.
 */
#ifndef STORE_FILTER_H
#define STORE_FILTER_H

#include "store/table.h"

enum filter_op { FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE, FILTER_HAS };

struct filter_value {
	enum { FILTER_NULL, FILTER_NUM, FILTER_TEXT, FILTER_BOOL } type;
	double num;
	bool truth;
	const char *text;               /* copied */
};

struct store_filter;

/* column: a key or alias of the table (store_column_find()). Text columns: = != exact, ~
 * (FILTER_HAS) substring, ASCII case ignored, < > by bytes. Number columns take numbers, bool
 * columns take bool (= and != only). An unknown column or a wrong type is QD_EUSAGE, naming the
 * nearest column. */
QD_NODISCARD int filter_cmp(enum store_table table, const char *column, enum filter_op op,
			    const struct filter_value *v, struct store_filter **out,
				    struct qd_err *err);
/* Substring in any text column of the table (what `/` searches). */
QD_NODISCARD int filter_any_text(enum store_table table, const char *text,
				 struct store_filter **out,
				 struct qd_err *err);

/* These take ownership of their arguments, also when they fail; NULL in or out = out of memory. */
struct store_filter *filter_and(struct store_filter *a, struct store_filter *b);
struct store_filter *filter_or(struct store_filter *a, struct store_filter *b);
struct store_filter *filter_not(struct store_filter *a);
void filter_free(struct store_filter *f);

#endif
