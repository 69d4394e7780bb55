/* match/walk.h - which operator of the quantized model is which operator of the float model.
 *
 * Structure first (same operator on corresponding inputs), content next (nearest constants among several candidates),
 * attributes, then names as the last tie-breaker; renaming every tensor changes nothing but ties between identical
 * operators. Names serve as anchors only where structure finds nothing. Pure.
 */
#ifndef MATCH_WALK_H
#define MATCH_WALK_H

#include "match/skeleton.h"

enum match_by { MATCH_STRUCTURE, MATCH_CONTENT, MATCH_NAME, MATCH_MAP };

struct walk {
	int *value;             /* by float value: root in the quantized graph, -1 none */
	enum match_by *by;      /* by float value */
	int *node;              /* by float node: node of the quantized graph, -1 none, WALK_CLAMP */
	int *taken;             /* by quantized node: float node, -1 */
	int *clamp;             /* by float value: the removed Relu/Clip that produced it in the float model, -1 */
	int unmatched;          /* float operators without a counterpart */
};

enum { WALK_CLAMP = -2 };

/* User-given correspondences (float value index, quantized value index). */
struct walk_anchor { int fv, qv; };

QD_NODISCARD int walk_run(const struct skeleton *f, const struct skeleton *q, const struct walk_anchor *anchors,
			  size_t n_anchors, struct walk *out, struct qd_err *err);
void walk_release(struct walk *w);

/* Bounds of a Relu or constant Clip; false when they are not constant or it is neither. */
bool walk_clamp_bounds(const struct graph *g, int node, float *lo, float *hi);

#endif
