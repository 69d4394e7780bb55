/* vm/detail.h - what is known of one row beyond its columns: histogram, codes, channels, worst
 * samples.
 *
 * Read on demand for the row under the cursor.  One thread.
 */
#ifndef VM_DETAIL_H
#define VM_DETAIL_H

#include "vm/source.h"

enum { VM_WORST_SAMPLES = 8, VM_SAMPLE_NAME = 120 };

struct vm_worst {
	int64_t sample;
	double sqnr_db;                 /* -INFINITY: zero signal */
	double max_abs_err;
	char name[VM_SAMPLE_NAME];      /* as stored (not escaped), cut; "" when unknown */
};

struct vm_detail {
	int64_t pair_id;                /* 0: nothing loaded */
	bool has_hist;
	double bin_width;
	double first_edge;              /* left edge of bin 0 */
	size_t n_bins;
	double *bins;                   /* counts */
	bool has_codes;
	unsigned char codes[32];        /* bit c - qmin */
	size_t n_channels;
	double *channel_db;             /* INFINITY: exact; -INFINITY: zero signal; NAN: empty */
	size_t n_samples;
	struct vm_worst worst[VM_WORST_SAMPLES];        /* lowest SQNR first */
	int n_worst;
};

/* Read everything stored for a pair. What is not stored stays empty; a damaged blob too (with a
 * line in the log). */
QD_NODISCARD int vm_detail_load(struct vm_detail *d, const struct vm_store_ctx *ctx,
				int64_t pair_id, struct qd_err *err);
void vm_detail_release(struct vm_detail *d);

/* The histogram over [lo, hi] in n columns (out[i] >= 0): counts of a bin are spread over the
 * columns it covers. */
void vm_detail_rebin(const struct vm_detail *d, double lo, double hi, double *out, int n);

#endif
