/* base/err.h - fill a struct qd_err.  See qdebug/error.h for the convention. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "qdebug/error.h"

/* Set code and message; returns code, so callers write `return err_set(...)`. */
int err_set(struct qd_err *err, int code, const char *fmt, ...) QD_PRINTF(3, 4);

/* As err_set with QD_ENOMEM; `what` says what was being done. */
int err_oom(struct qd_err *err, const char *what);

/* As err_set with ": <strerror(errno)>" appended. */
int err_errno(struct qd_err *err, int code, const char *fmt, ...) QD_PRINTF(3, 4);

/* Put "prefix: " before an existing message (context grows outwards). */
void err_prefix(struct qd_err *err, const char *fmt, ...) QD_PRINTF(2, 3);

/* Process exit status for a code: 0, 2, 3 or 130. */
int err_exit_status(int code);

#endif
