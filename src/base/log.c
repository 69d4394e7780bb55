/* A ring of log lines under one mutex, and the redirection of descriptor 2 into it. */
#include "base/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

enum { RING = 1024 };

static struct log_line ring[RING];
static long last_seq;
static int echo_level = LOG_ERROR + 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Descriptor 2 while it is redirected into the ring. */
static struct {
	pthread_mutex_t lock;
	int depth, saved_fd, pipe_rd;
	pthread_t reader;
} capture = { PTHREAD_MUTEX_INITIALIZER, 0, -1, -1, 0 };

/* To the real stderr, also while descriptor 2 is redirected: a line must not come back as a captured one. */
static void echo_line(const char *text)
{
	pthread_mutex_lock(&capture.lock);
	dprintf(capture.saved_fd >= 0 ? capture.saved_fd : 2, "qdebug: %s\n", text);
	pthread_mutex_unlock(&capture.lock);
}

static void add_text(enum log_level level, const char *text)
{
	struct log_line *l;
	bool echo;

	pthread_mutex_lock(&lock);
	l = &ring[last_seq++ % RING];
	l->seq = last_seq;
	l->level = level;
	l->at = clock_since_start();
	snprintf(l->text, sizeof(l->text), "%s", text);
	echo = (int)level >= echo_level;
	pthread_mutex_unlock(&lock);
	if (echo) {
		struct str s = STR_INIT;

		str_add_escaped(&s, text);
		echo_line(s.p ? s.p : "");
		str_release(&s);
	}
}

void log_add(enum log_level level, const char *fmt, ...)
{
	char text[sizeof(ring[0].text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_text(level, text);
}

void log_echo(int level)
{
	pthread_mutex_lock(&lock);
	echo_level = level;
	pthread_mutex_unlock(&lock);
}

bool log_get(long seq, struct log_line *out)
{
	bool found;

	pthread_mutex_lock(&lock);
	found = seq > 0 && seq <= last_seq && seq > last_seq - RING;
	if (found)
		*out = ring[(seq - 1) % RING];
	pthread_mutex_unlock(&lock);
	return found;
}

void log_range(long *first, long *last)
{
	pthread_mutex_lock(&lock);
	*last = last_seq;
	*first = last_seq > RING ? last_seq - RING + 1 : 1;
	pthread_mutex_unlock(&lock);
}

/* --- descriptor 2 ------------------------------------------------------- */

/* Straight into the ring: echoing would write to our own pipe. */
static void add_captured(const char *text)
{
	struct log_line *l;

	pthread_mutex_lock(&lock);
	l = &ring[last_seq++ % RING];
	l->seq = last_seq;
	l->level = LOG_DEBUG;
	l->at = clock_since_start();
	snprintf(l->text, sizeof(l->text), "%s", text);
	pthread_mutex_unlock(&lock);
}

static void add_repeats(long n)
{
	char text[60];

	if (n) {
		snprintf(text, sizeof(text), "(%ld more lines like the last)", n);
		add_captured(text);
	}
}

/* A library may say the same thing a thousand times, which would push everything else out of the ring: lines that begin
 * alike are counted. */
static void *read_lines(void *arg)
{
	FILE *f = fdopen((int)(long)arg, "r");
	char line[sizeof(ring[0].text)], last[sizeof(line)] = "";
	long repeats = 0;
	enum { ALIKE = 24 };

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line)
			continue;
		if (*last && strlen(line) >= ALIKE && !strncmp(line, last, ALIKE)) {
			repeats++;
			continue;
		}
		add_repeats(repeats);
		repeats = 0;
		add_captured(line);
		memcpy(last, line, sizeof(last));
	}
	add_repeats(repeats);
	if (f)
		fclose(f);
	return NULL;
}

void log_capture_stderr_begin(void)
{
	int fds[2];

	pthread_mutex_lock(&capture.lock);
	if (capture.depth++ == 0) {
		fflush(stderr);
		capture.saved_fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
		if (capture.saved_fd < 0 || pipe2(fds, O_CLOEXEC) < 0) {
			capture.pipe_rd = -1;
		} else if (pthread_create(&capture.reader, NULL, read_lines, (void *)(long)fds[0])) {
			close(fds[0]);
			close(fds[1]);
			capture.pipe_rd = -1;
		} else {
			capture.pipe_rd = fds[0];
			dup2(fds[1], 2);
			close(fds[1]);
		}
	}
	pthread_mutex_unlock(&capture.lock);
}

void log_capture_stderr_end(void)
{
	pthread_mutex_lock(&capture.lock);
	if (capture.depth > 0 && --capture.depth == 0 && capture.saved_fd >= 0) {
		fflush(stderr);
		dup2(capture.saved_fd, 2);      /* closes the pipe's last writer */
		close(capture.saved_fd);
		capture.saved_fd = -1;
		if (capture.pipe_rd >= 0)
			pthread_join(capture.reader, NULL);
		capture.pipe_rd = -1;
	}
	pthread_mutex_unlock(&capture.lock);
}
