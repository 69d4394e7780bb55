/* One line that is rewritten in place, or plain lines. */
#include "cli/progress.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add(char *buf, size_t size, const char *text)
{
	size_t n = strlen(buf);

	snprintf(buf + n, size - n, "%s", text);
}

char *progress_text(const struct session_progress *p, char *buf, size_t size)
{
	char part[80];

	snprintf(buf, size, "%s", p->phase ? p->phase : "");
	if (p->total > 0) {
		snprintf(part, sizeof(part), " %lld/%lld", (long long)p->done, (long long)p->total);
		add(buf, size, part);
	}
	if (p->rate > 0) {
		snprintf(part, sizeof(part), p->rate < 10 ? " - %.2g/s" : " - %.0f/s", p->rate);
		add(buf, size, part);
	}
	if (p->left >= 0 && p->left < 1e7) {
		long s = (long)ceil(p->left);

		if (s >= 3600)
			snprintf(part, sizeof(part), " - %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
		else
			snprintf(part, sizeof(part), " - %ld:%02ld left", s / 60, s % 60);
		add(buf, size, part);
	}
	return buf;
}

static void show_plain(struct progress *p, const struct session_progress *now, const char *text)
{
	int tenths = now->total > 0 ? (int)(10.0 * (double)now->done / (double)now->total) : 0;

	if (now->phase && !strcmp(p->phase, now->phase) && tenths == p->tenths)
		return;
	snprintf(p->phase, sizeof(p->phase), "%s", now->phase ? now->phase : "");
	p->tenths = tenths;
	fprintf(stderr, "%s\n", text);
}

void progress_draw(struct progress *p, const struct session_progress *now)
{
	char text[200];

	progress_text(now, text, sizeof(text));
	if (p->plain) {
		show_plain(p, now, text);
		return;
	}
	/* a line as long as the terminal would wrap and stay */
	fprintf(stderr, "\r\033[K%.*s", p->width > 1 ? p->width - 1 : 79, text);
	fflush(stderr);
	p->open = true;
}

void progress_show(void *ctx)
{
	struct progress *p = ctx;
	struct session_progress now;

	session_get_progress(p->session, &now);
	progress_draw(p, &now);
}

void progress_end(struct progress *p)
{
	if (p->open)
		fputs("\r\033[K", stderr);
	p->open = false;
}
