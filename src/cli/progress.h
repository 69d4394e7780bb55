/* cli/progress.h - the progress of a run on standard error. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "session/session.h"

struct progress {
	struct session *session;
	bool plain;             /* a line each time the phase changes or a tenth is done, instead of one that moves */
	int width;              /* of the terminal */
	/* what was shown last */
	char phase[32];
	int tenths;
	bool open;              /* a moving line stands there */
};

/* Show this state; p->session is not used. */
void progress_draw(struct progress *p, const struct session_progress *now);
/* A session_notify: ctx is a struct progress. */
void progress_show(void *ctx);
/* Take the moving line away. */
void progress_end(struct progress *p);

/* "samples 71/128 - 12.3/s - 0:05 left" into buf; returns buf. */
char *progress_text(const struct session_progress *p, char *buf, size_t size);

#endif
