/* base/fault.h - fault injection points for the tests.
 *
 * A test arms "fail the k-th hit of this kind"; code at the point asks whether
 * this is the hit.  Unarmed points cost one relaxed atomic load.
 * Thread use: any thread.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

enum fault_kind { FAULT_ALLOC, FAULT_IO, FAULT_ENGINE, FAULT_STORE, FAULT_KINDS };

/* Fail hit number `nth` (1 = the next one); once, or that one and all later ones. 0 disarms. */
void fault_arm(enum fault_kind kind, long nth, bool persistent);

/* Has an armed fault fired since fault_arm()? Lets a test loop end. */
bool fault_fired(enum fault_kind kind);

/* Asked by the code under test. */
bool fault_hit(enum fault_kind kind);

#endif
