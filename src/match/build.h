/* match/build.h - private to src/match: the state shared while a result is assembled. */
#ifndef MATCH_BUILD_H
#define MATCH_BUILD_H

#include "match/match.h"

struct build {
	struct match *m;
	const struct graph *f, *q;
	const struct skeleton *s;       /* the graph that was walked: f's or the folded one's */
	bool *done;                     /* by float value: in a row or accounted for */
	bool *covered;                  /* by quantized value */
	bool *oom;                      /* memory ran out where a look-up cannot say so */
};

/* The float value's place in the walked graph; -1 when folding removed it. */
int build_walked(const struct build *b, int fvalue);
/* "dB of this" text in the result's arena. */
const char *build_node_name(struct build *b, const struct graph *g, int node);
struct match_pair *build_add_pair(struct build *b);             /* NULL: out of memory */
bool build_add_unmatched(struct build *b, bool quant_side, const char *tensor, int pos, enum match_reason reason,
			 const char *node, const char *detail);
bool build_is_float(const struct graph *g, int value);

/* Each returns false when out of memory. */
bool build_activations(struct build *b);
bool build_weights(struct build *b);
bool build_outputs(struct build *b);
bool build_account_float(struct build *b);      /* reasons for float values without a row */
bool build_account_quant(struct build *b);      /* and for the quantized model's */
bool build_account_bodies(struct build *b);     /* values inside If/Loop/Scan bodies */

#endif
