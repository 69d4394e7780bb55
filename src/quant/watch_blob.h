/* quant/watch_blob.h - a quant_watch as bytes, so that calibrators can be switched later without data.
 *
 * Little-endian: magic "QW01", dtype, flags, stride; extremes; windows and samples as steps; the two histograms as their
 * limits, bin count and the counts between the first and last that are not 0. Only what one window saw (stride 0) is
 * kept whole: edges that moved cannot be made again from limits.
 */
#ifndef QUANT_WATCH_BLOB_H
#define QUANT_WATCH_BLOB_H

#include "base/str.h"
#include "quant/collect.h"

/* Append to `out` (check out->failed). False for a watch of several windows. */
bool quant_watch_save(const struct quant_watch *w, struct str *out);

/* The inverse; release with quant_watch_release(), also on failure. QD_EINPUT for bytes that are not one. */
QD_NODISCARD int quant_watch_load(const void *data, size_t n, struct quant_watch *w, struct qd_err *err);

#endif
