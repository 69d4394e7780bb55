/* store/query.h - between table.c and filter.c: a filter as SQL with parameters. */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include <sqlite3.h>

#include "base/str.h"
#include "store/table.h"

/* Append the condition over the table's columns; parameters are ?10, ?11, … in the order
 * filter_bind() uses. */
int filter_render(const struct store_filter *f, const struct store_column *columns, size_t n,
		  struct str *sql,
		  struct qd_err *err);
/* NULL is fine; f outlives the query */
void filter_bind(const struct store_filter *f, sqlite3_stmt *s);

#endif
