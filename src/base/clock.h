/* base/clock.h - monotonic time. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

double clock_now(void);           /* seconds, monotonic */
double clock_since_start(void);   /* seconds since the first call in this process */

#endif
