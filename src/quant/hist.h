/* quant/hist.h - histograms as np.histogram counts them, fed in pieces and merged as the reference does.
 *
 * Edges are numbers of the tensor's type and their rounding decides where a value falls; see reference.md 0.3 to 0.6
 * and 2.4. Values are given in one or more *windows*, the reference's calls of collect_data(): with each the edges may
 * move outward. All geometry follows from extremes, so it is known before the data are read a second time.
 * A histogram belongs to one thread; several with the same edges are merged afterwards.
 */
#ifndef QUANT_HIST_H
#define QUANT_HIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "quant/numeric.h"

enum {
	QUANT_BINS = 2048,              /* what is stored; other counts that divide it follow from it */
	QUANT_BINS_MAX = 1 << 22,       /* windows whose thresholds differ a lot ask for this many and more */
};

struct quant_hist {
	int dtype;                      /* DT_FLOAT or DT_FLOAT16: type of the edges */
	bool absolute;                  /* of |x| */
	bool narrow;                    /* no bins: the type has too few numbers in the range for the edges to differ */
	bool uniform;                   /* edges are `even`; else those in `edge` */
	int64_t n;
	int64_t *count;                 /* n; one more, private, behind them */
	float *edge;                    /* n + 1 */
	double *exact;                  /* not uniform: edges of this window before they were rounded */
	double t;                       /* signed: edges are [-t, t], unless t is 0 */
	struct np_edges even;
	float inv;                      /* n / (hi - lo); 0 when that is no normal number */
};

#define QUANT_HIST_INIT { 0 }

void quant_hist_release(struct quant_hist *h);

/* The first window. Signed: n bins over [-t, t]. Absolute: over [lo, hi], the extremes of |x|. An empty range becomes
 * half a unit wider on both sides. Values are finite, >= 0 where magnitudes. QD_ENOMEM, QD_EUSAGE (n). */
QD_NODISCARD int quant_hist_signed(struct quant_hist *h, int dtype, int64_t n, double t, struct qd_err *err);
QD_NODISCARD int quant_hist_absolute(struct quant_hist *h, int dtype, int64_t n, double lo, double hi,
				     struct qd_err *err);

/* Before the data of the next window: merge_histogram() with its threshold, or the widening of
 * collect_absolute_value() with its largest |x|. QD_EINPUT when that asks for more than QUANT_BINS_MAX. */
QD_NODISCARD int quant_hist_next(struct quant_hist *h, double t, struct qd_err *err);

/* Count n values of type float32 (or converted from float16); NaN and values outside the edges are dropped. */
void quant_hist_add(struct quant_hist *h, const float *x, int64_t n);

/* Same edges and no counts, for another thread; and back. */
QD_NODISCARD int quant_hist_like(struct quant_hist *h, const struct quant_hist *src, struct qd_err *err);
void quant_hist_merge(struct quant_hist *dst, const struct quant_hist *src);

/* Is the histogram with n bins of the same data contained in this one? Then `out` becomes it. Only before the edges
 * have moved. QD_EUSAGE when it is not: the data must be read again. */
bool quant_hist_nests(const struct quant_hist *h, int64_t n);
QD_NODISCARD int quant_hist_rebin(const struct quant_hist *h, int64_t n, struct quant_hist *out, struct qd_err *err);

int64_t quant_hist_total(const struct quant_hist *h);

/* Private: bins of len values, n where outside. Any thread. */
void quant_hist_index(const struct quant_hist *h, const float *x, int len, int32_t *index);

#endif
