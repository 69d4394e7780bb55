/* match/match.h - every float tensor of the float model: its counterparts in the quantized model, or why it has none.
 *
 * Works on two (or three) graph indexes whose values have element types (the caller asks the engine). The third is the
 * float model as basic graph optimization leaves it: users often hold the raw float model and a quantized model made
 * from a pre-processed one. Names in the result are names of the float file the user gave.
 * The result borrows from the graphs; immutable; one thread while building.
 */
#ifndef MATCH_MATCH_H
#define MATCH_MATCH_H

#include "base/arena.h"
#include "match/skeleton.h"
#include "match/walk.h"

enum match_kind { MATCH_ACTIVATION, MATCH_WEIGHT, MATCH_OUTPUT };

struct match_pair {
	enum match_kind kind;
	int fvalue;             /* in the float graph; -1: a weight that exists only after folding */
	int folded;             /* then its value in the folded graph; else -1 */
	int qvalue;             /* what is compared: DQ output, float value, constant or graph output */
	int quantizer;          /* index into match.q.quants for an activation's quantizer; -1 */
	enum match_by by;
	int clamp;              /* removed Relu/Clip between the quantized operator and this tensor? */
	float lo, hi;           /* its bounds (-inf, +inf without) */
	const char *tensor;     /* name for reports */
	const char *node, *op;  /* producer (activation, output), first consumer (weight); NULL: graph input */
	int pos;                /* position for ordering */
	const char **derived;   /* names of the float constants a folded weight comes from */
	int n_derived;
};

enum match_reason {
	REASON_FUSED, REASON_FOLDED, REASON_CLAMP_REMOVED, REASON_NOT_MATERIALISED, REASON_DEAD,
	REASON_SHAPE_CONSTANT, REASON_DTYPE, REASON_NO_COUNTERPART
};
const char *match_reason_name(enum match_reason r);
const char *match_by_name(enum match_by by);

struct match_unmatched {
	bool quant_side;
	const char *tensor;
	enum match_reason reason;
	const char *detail;     /* a sentence */
	const char *node;       /* responsible; NULL */
	int pos;
};

struct match {
	struct arena arena;
	struct skeleton f, p, q;        /* p is empty when folding was not needed */
	struct walk walk;               /* of p if folded, else of f */
	bool folded;
	struct match_pair *pairs;
	size_t n_pairs, cap_pairs;
	struct match_unmatched *unmatched;
	size_t n_unmatched, cap_unmatched;
};

/* What the quantized model is: "qdq", "qoperator", "dynamic", "weight_only", "mixed" or "none". */
const char *match_format(const struct graph *q);

/* `map` holds pairs of names (float, quantized), n_map of them; `folded` may be NULL.  When the walk over the float
 * graph itself finds every operator, `folded` is not used. */
QD_NODISCARD int match_run(const struct graph *f, const struct graph *folded, const struct graph *q,
			   const char *const *map, size_t n_map, struct match *out, struct qd_err *err);
void match_release(struct match *m);

/* Would match_run() profit from the folded graph: are there float operators without counterpart? */
QD_NODISCARD int match_needs_folding(const struct graph *f, const struct graph *q, bool *needed, struct qd_err *err);

#endif
