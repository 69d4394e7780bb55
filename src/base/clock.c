/* Monotonic time. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

double clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double clock_since_start(void)
{
	static _Atomic double start;
	double zero = 0, now = clock_now();

	if (atomic_compare_exchange_strong(&start, &zero, now))
		return 0;
	return now - zero;
}
