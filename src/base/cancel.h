/* base/cancel.h - a cancel token: set by one thread or a signal handler, polled by others. */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

struct cancel { atomic_int why; };      /* 0, or a signal number (SIGINT when the user asked) */

static inline void cancel_set(struct cancel *c, int why) { atomic_store(&c->why, why); }
static inline int cancel_get(struct cancel *c) { return c ? atomic_load(&c->why) : 0; }

#endif
