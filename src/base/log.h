/* base/log.h - the log: a bounded ring in memory that views read, optionally echoed to stderr.
 *
 * Engine messages and our own remarks arrive here from any thread; nothing else in the
 * library prints. Thread use: any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_line {
	long seq;               /* 1, 2, 3 … */
	enum log_level level;
	double at;              /* seconds since the program started */
	char text[480];
};

void log_add(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Echo lines of at least `level` to stderr as "qdebug: text"; LOG_ERROR + 1 = none (default). */
void log_echo(int level);

/* Copy the line with number seq; false if it is not there (too old or not yet written). */
bool log_get(long seq, struct log_line *out);

/* First and last number held (first > last when empty). */
void log_range(long *first, long *last);

/* Send whatever any library writes to file descriptor 2 into the log instead (a screen is up, or a
 * library is being loaded). begin/end nest; end restores stderr. */
void log_capture_stderr_begin(void);
void log_capture_stderr_end(void);

#endif
