/* Fault injection: one counter a kind. */
#include "base/fault.h"

#include <stdatomic.h>

static struct {
	atomic_long left;       /* hits until the failure; 0 = disarmed */
	atomic_bool persistent;
	atomic_bool fired;
} points[FAULT_KINDS];

void fault_arm(enum fault_kind kind, long nth, bool persistent)
{
	atomic_store(&points[kind].persistent, persistent);
	atomic_store(&points[kind].fired, false);
	atomic_store(&points[kind].left, nth);
}

bool fault_fired(enum fault_kind kind)
{
	return atomic_load(&points[kind].fired);
}

bool fault_hit(enum fault_kind kind)
{
	long before;

	if (atomic_load_explicit(&points[kind].left, memory_order_relaxed) == 0)
		return false;
	before = atomic_fetch_sub(&points[kind].left, 1);
	if (before > 1)
		return false;
	if (before < 1) {       /* already fired, or raced */
		atomic_fetch_add(&points[kind].left, 1);
		return false;
	}
	atomic_store(&points[kind].fired, true);
	if (atomic_load(&points[kind].persistent))
		atomic_store(&points[kind].left, 1);
	return true;
}
