/* match/weight.h - values that are constant in the quantized model: read, dequantized, compared by content. */
#ifndef MATCH_WEIGHT_H
#define MATCH_WEIGHT_H

#include "match/skeleton.h"

/* The value as the model computes it: initializers and Constants, DQ of constant codes, Q/DQ kept on float weights
 * (quantized here as the operator would), through Identity, Reshape, Transpose, Cast. *p (may be NULL) receives the
 * parameters of the last quantizer passed, n 0 when there is none. Release both. QD_EINPUT when not constant. */
QD_NODISCARD int weight_read(const struct graph *g, int value, struct tensor *out, struct linear *p, struct qd_err *err);

/* ‖a − b‖ / ‖a‖ of two constants; 0 for equal, +inf when element counts differ or one cannot be read.
 * Integer constants: 0 or +inf. *oom is set when memory ran out, and else left alone. */
double weight_distance(const struct graph *fg, int fv, const struct graph *qg, int qv, bool *oom);

#endif
