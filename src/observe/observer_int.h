/* observe/observer_int.h - private to the observer: its state. */
#ifndef OBSERVE_OBSERVER_INT_H
#define OBSERVE_OBSERVER_INT_H

#include "observe/observer.h"
#include "observe/pass.h"



struct observer {
	struct engine *e;
	const struct models *m;
	struct data_source *data;
	struct cancel *cancel;
	struct compare compare;
	bool *deployed;                 /* by item */
	struct pass main, second;       /* second: what the deployed model does not have; may be empty */
	int workers;                    /* samples in flight */
	int64_t self_check;             /* 0: never */
	char (*plain_sha)[SHA_HEX];     /* by sample / self_check: what the plain session's outputs hash to; "" unknown */
};

/* Hash of the graph outputs, type and shape included; v[order[k]] for k < n (order NULL: as they are). */
void observer_hash(const struct engine_value *v, const int *order, size_t n, char out[SHA_HEX]);

#endif
