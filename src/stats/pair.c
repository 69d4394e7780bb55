/* One pass over a pair of tensors, block by block. Knows which statistics exist and in which order
 * they are added; the inner loops are the kernels'. A block with a NaN or an infinity, and tensors
 * of type double, take the element-wise path below, which is the same sums written plainly. */
#include "stats/pair.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "stats/binner.h"
#include "stats/kernel.h"
#include "stats/pair_run.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

/* ---- shapes and arguments ---- */

static bool axis_of(const struct pair_input *in, int64_t n, int axis, int64_t count, struct axis *a)
{
	int i;

	*a = (struct axis){ n, 1 };
	if (count == 1)
		return true;
	if (axis < 0 || axis >= in->rank || in->dims[axis] != count)
		return false;
	if (n == 0)
		return true;    /* the other dimensions may be anything */
	a->count = count;
	a->inner = 1;
	for (i = axis + 1; i < in->rank; i++)
		a->inner *= in->dims[i];
	return true;
}

static bool prepare(struct run *r, const struct pair_spec *spec, const struct pair_input *in)
{
	r->spec = spec;
	r->has_y = spec->kind != PAIR_X_ONLY;
	r->has_pre = r->has_y && in->pre;
	if (!tensor_shape(&r->x, in->x_dtype, in->rank, in->dims) ||
	    !dtype_is_float_tensor(in->x_dtype))
		return false;
	r->x.data = in->x;
	r->y = r->pre = r->x;
	if (r->has_y) {
		r->y.dtype = in->y_dtype;
		r->y.data = in->y;
		if (spec->kind == PAIR_FLOAT && !dtype_is_float_tensor(in->y_dtype))
			return false;
		if (spec->kind == PAIR_CODES &&
		    (!dtype_info(in->y_dtype)->is_quant || !spec->code.scale ||
		     !axis_of(in, r->x.n, spec->code.axis, spec->code.count, &r->code)))
			return false;
	}
	if (r->has_pre) {
		r->pre.dtype = in->pre_dtype;
		r->pre.data = in->pre;
		if (!dtype_is_float_tensor(in->pre_dtype))
			return false;
	}
	r->wide = in->x_dtype == DT_DOUBLE || (r->has_y && in->y_dtype == DT_DOUBLE);
	r->local_on = spec->local.scale != NULL;
	if (r->local_on && !axis_of(in, r->x.n, spec->local.axis, spec->local.count, &r->local))
		return false;
	if (r->chan_x2 && (spec->channel_axis < 0 || spec->channel_axis >= in->rank || !r->has_y ||
			   !axis_of(in, r->x.n, spec->channel_axis, in->dims[spec->channel_axis],
				    &r->chan)))
		return false;
	return true;
}

/* ---- operands of a block ---- */

/* Any code type, any axis: exact difference in double, then one rounding to float. */
static __attribute__((noinline)) void dequant_any(const struct run *r, int64_t start, int len,
						  float *y)
{
	const struct pair_quant *q = &r->spec->code;
	double code[PAIR_BLOCK];
	struct piece p;
	int i;

	tensor_to_double(&r->y, start, len, code);
	for (piece_start(&r->code, start, &p); piece_next(&r->code, len, &p); ) {
		float scale = q->scale[p.channel];
		double zp = zero_point(q, p.channel);

		for (i = p.first; i < p.first + p.n; i++)
			y[i] = (float)(code[i] - zp) * scale;
	}
}

static dequant_fn *dequant_for(const struct run *r)
{
	if (r->code.inner < PAIR_LANES && r->code.count > 1)
		return NULL;
	switch (r->y.dtype) {
	case DT_UINT8: return r->k->dequant_u8;
	case DT_INT8: return r->k->dequant_s8;
	case DT_UINT16: return r->k->dequant_u16;
	case DT_INT16: return r->k->dequant_s16;
	default: return NULL;
	}
}

static void dequant(const struct run *r, int64_t start, int len, float *y)
{
	const struct pair_quant *q = &r->spec->code;
	size_t size = dtype_info(r->y.dtype)->bits / 8;
	dequant_fn *fn = dequant_for(r);
	struct piece p;

	if (!fn) {
		dequant_any(r, start, len, y);
		return;
	}
	for (piece_start(&r->code, start, &p); piece_next(&r->code, len, &p); ) {
		int32_t zp = zero_point(q, p.channel);

		if (zp < -EXACT_INT || zp > EXACT_INT) {
			dequant_any(r, start, len, y);
			return;
		}
		fn((const char *)r->y.data + (size_t)(start + p.first) * size, p.n, zp,
		   q->scale[p.channel], y + p.first);
	}
}

/* The block as floats: in place when it is float32, else in buf. */
static const float *floats(const struct tensor *t, int64_t start, int len, float *buf)
{
	if (t->dtype == DT_FLOAT)
		return (const float *)t->data + start;
	tensor_to_float(t, start, len, buf);
	return buf;
}

static const float *operand_y(const struct run *r, int64_t start, int len, float *buf)
{
	if (r->spec->kind == PAIR_FLOAT)
		return floats(&r->y, start, len, buf);
	dequant(r, start, len, buf);
	return buf;
}

/* ---- the statistics of a block ---- */

/* + 0 turns -0 into 0: which of the two a minimum finds depends on the order. */
static void widen_range(double *low, double *high, float min, float max)
{
	*low = (min < *low ? min : *low) + 0.0;
	*high = (max > *high ? max : *high) + 0.0;
}

static void merge_range(struct pair_sums *s, const struct run_sums *b, bool has_y)
{
	widen_range(&s->min_x, &s->max_x, b->min_x, b->max_x);
	if (has_y)
		widen_range(&s->min_y, &s->max_y, b->min_y, b->max_y);
}

/* Where the block's largest error is; only called when it is a new maximum. */
static void locate(struct run *r, int64_t start, const float *x, const float *y, int len,
		   double max)
{
	r->out->max_abs_e = max;
	r->out->max_index = start + r->k->find(x, y, len, max);
}

/* Are all codes from one to another marked? Given as counted from qmin. */
static bool all_seen(const uint64_t *seen, unsigned first, unsigned last)
{
	unsigned i;

	for (i = first >> 6; i <= last >> 6; i++) {
		uint64_t want = ~0ull;

		if (i == first >> 6)
			want &= ~0ull << (first & 63);
		if (i == last >> 6)
			want &= ~0ull >> (63 - (last & 63));
		if (want & ~seen[i])
			return false;
	}
	return true;
}

/* Bitmap for the kernel, or NULL when values from min to max give no code that is new: after a few
 * blocks that is nearly always so, and the kernel skips the look-up. */
static uint64_t *unseen(const struct run *r, const struct local_quant *q, float min, float max)
{
	float t, first, last;

	if (!r->count_codes)
		return NULL;
	first = local_code(q, min, &t) - q->lo;         /* the code grows with the value */
	last = local_code(q, max, &t) - q->lo;
	return all_seen(r->codes->seen, (unsigned)first, (unsigned)last) ? NULL : r->codes->seen;
}

static void block_local(struct run *r, int64_t start, const float *x, int len, float min,
			float max)
{
	struct piece p;

	for (piece_start(&r->local, start, &p); piece_next(&r->local, len, &p); ) {
		struct run_local sums;
		struct local_quant q;

		if (!local_quant(&r->spec->local, p.channel, &q))
			continue;
		r->k->local(x + p.first, p.n, &q, unseen(r, &q, min, max), &sums);
		r->out->n_local += p.n;
		add_local(r->out, &sums, &q);
	}
}

/* total: of the block, which is also the channel's run when the block lies inside one. */
static void block_chan(struct run *r, int64_t start, const float *x, const float *y, int len,
		       const struct run_sums *total)
{
	int64_t c, count = r->chan.count;
	struct piece p;
	int i, n;

	if (r->chan.inner == 1) {
		for (i = 0, c = start % count; i < len; i += n, c = 0) {
			n = count - c < len - i ? (int)(count - c) : len - i;
			r->k->chan_last(x + i, y + i, n, r->chan_x2 + c, r->chan_e2 + c);
		}
		return;
	}
	piece_start(&r->chan, start, &p);
	if (p.left >= len) {
		r->chan_x2[p.channel] += total->x2;
		r->chan_e2[p.channel] += total->e2;
		return;
	}
	while (piece_next(&r->chan, len, &p))
		r->k->chan(x + p.first, y + p.first, p.n, r->chan_x2 + p.channel,
			   r->chan_e2 + p.channel);
}

/* p against y is a pair like x against y. */
static __attribute__((noinline)) void block_pre_floats(struct run *r, int64_t start, int len,
						       const float *y)
{
	struct run_sums sums;
	double wide[PAIR_BLOCK];
	float pre[PAIR_BLOCK];
	int i;

	if (r->pre.dtype != DT_DOUBLE) {
		const float *p = floats(&r->pre, start, len, pre);

		r->k->clamp(p, len, r->spec->lo, r->spec->hi, pre);
		if (r->k->sums(pre, y, len, &sums)) {
			r->out->sum_p2 += sums.x2;
			r->out->sum_pe2 += sums.e2;
			r->out->n_pre += len;
			return;
		}
	}
	for (i = 0; i < len; i++)
		wide[i] = y[i];
	pair_block_pre(r, start, len, wide, NULL);
}

/* ---- the fused loop ---- */

static void prepare_fused(struct run *r)
{
	const struct pair_spec *spec = r->spec;
	struct local_quant *q = &r->fused_quant;

	if (spec->kind != PAIR_CODES || r->x.dtype != DT_FLOAT || r->code.count > 1 ||
	    (r->y.dtype != DT_UINT8 && r->y.dtype != DT_INT8) ||
	    (r->chan_x2 && r->chan.count > 1 && r->chan.inner < FUSED_INNER))
		return;
	r->fused.zp = zero_point(&spec->code, 0);
	r->fused.scale = spec->code.scale[0];
	r->fuse = r->fused.zp >= -FUSED_ZERO && r->fused.zp <= FUSED_ZERO &&
		  isfinite(r->fused.scale);
	if (!r->local_on || r->local.count > 1 || !local_quant(&spec->local, 0, q))
		return;
	r->fuse_local = q->lo >= -FUSED_CODE && q->hi <= FUSED_CODE &&
			q->scale >= FUSED_SCALE_MIN && q->scale <= FUSED_SCALE_MAX;
	r->fused.step = q->scale;
	r->fused.inv = 1 / q->scale;
}

/* Sums of the runs between boundaries, to their channels and to the block. */
static void fused_runs(struct run *r, int64_t channel, struct fused_out *f)
{
	int i;

	f->sums.x2 = f->sums.e2 = 0;
	for (i = 0; i < f->pieces; i++) {
		f->sums.x2 += f->x2[i];
		f->sums.e2 += f->e2[i];
	}
	if (!r->chan_x2 || !isfinite(f->sums.e2))
		return;
	for (i = 0; i < f->pieces; i++) {
		r->chan_x2[channel] += f->x2[i];
		r->chan_e2[channel] += f->e2[i];
		channel = channel + 1 == r->chan.count ? 0 : channel + 1;
	}
}

/* Guessing serves when no code is clipped and none is new. */
static bool may_guess(const struct run *r, float min, float max)
{
	const struct local_quant *q = &r->fused_quant;
	float a, b, first, last;

	if (!r->fuse_local || !isfinite(min) || !isfinite(max))
		return false;
	first = local_code(q, min, &a);
	last = local_code(q, max, &b);
	return first == a && last == b &&
	       (!r->count_codes || all_seen(r->codes->seen, (unsigned)(first - q->lo),
					    (unsigned)(last - q->lo)));
}

static bool fused_sums(struct run *r, int64_t start, const float *x, int len, struct fused_out *f)
{
	struct fused_in *in = &r->fused;
	struct piece p = { 0 };
	float min, max;

	r->k->range(x, len, &min, &max);
	in->x = x;
	in->codes = (const char *)r->y.data + start;
	in->n = in->left = in->inner = len;
	in->local = may_guess(r, min, max);
	if (r->chan_x2) {
		piece_start(&r->chan, start, &p);
		if (p.left < len) {
			in->left = (int)p.left;
			in->inner = r->chan.inner < len ? (int)r->chan.inner : len;
		}
	}
	(r->y.dtype == DT_INT8 ? r->k->fused_s8 : r->k->fused_u8)(in, f);
	f->sums.min_x = min;
	f->sums.max_x = max;
	fused_runs(r, p.channel, f);
	return isfinite(f->sums.e2);
}

static void fused_local(struct run *r, int64_t start, const float *x, int len,
			const struct fused_out *f)
{
	struct run_local sums = { .round = f->round };

	if (!r->fused.local || !(f->off <= FUSED_NEAR * r->fused.step)) {
		block_local(r, start, x, len, f->sums.min_x, f->sums.max_x);
		return;
	}
	r->out->n_local += len;
	add_local(r->out, &sums, &r->fused_quant);
}

static void fused_locate(struct run *r, int64_t start, const float *x, int len, double max)
{
	float y[128];
	int i = 0, n, k;

	do {
		n = len - i < 128 ? len - i : 128;
		dequant(r, start + i, n, y);
		k = r->k->find(x + i, y, n, max);
		i += k;
	} while (k == n && i < len);
	r->out->max_abs_e = max;
	r->out->max_index = start + i;
}

static __attribute__((noinline)) void fused_pre(struct run *r, int64_t start, int len)
{
	float y[PAIR_BLOCK];

	dequant(r, start, len, y);
	block_pre_floats(r, start, len, y);
}

static __attribute__((noinline)) void fused_exact(struct run *r, int64_t start, int len)
{
	float y[PAIR_BLOCK];

	dequant(r, start, len, y);
	pair_block_exact(r, start, len, y);
}

static void block_fused(struct run *r, int64_t start, int len)
{
	const float *x = (const float *)r->x.data + start;
	struct fused_out f;

	if (!fused_sums(r, start, x, len, &f)) {
		fused_exact(r, start, len);
		return;
	}
	r->out->n += len;
	add_sums(r->out, &f.sums);
	merge_range(r->out, &f.sums, true);
	if (f.sums.max_e > r->out->max_abs_e)
		fused_locate(r, start, x, len, f.sums.max_e);
	if (r->local_on)
		fused_local(r, start, x, len, &f);
	if (hist_wanted(r, start))
		binner_block(&r->bin, x, len, f.sums.min_x, f.sums.max_x);
	if (r->has_pre)
		fused_pre(r, start, len);
}

/* ---- the pass ---- */

static void block(struct run *r, int64_t start, int len)
{
	float xbuf[PAIR_BLOCK], ybuf[PAIR_BLOCK];
	const float *x, *y = NULL;
	struct run_sums sums;
	bool finite;

	if (r->has_y && r->y.dtype != DT_DOUBLE)
		y = operand_y(r, start, len, ybuf);
	if (r->wide) {
		pair_block_exact(r, start, len, y);
		return;
	}
	x = floats(&r->x, start, len, xbuf);
	finite = y ? r->k->sums(x, y, len, &sums)
		   : r->k->sums_x(x, len, &sums);
	if (!finite) {
		pair_block_exact(r, start, len, y);
		return;
	}
	r->out->n += len;
	add_sums(r->out, &sums);
	merge_range(r->out, &sums, r->has_y);
	if (y && sums.max_e > r->out->max_abs_e)
		locate(r, start, x, y, len, sums.max_e);
	if (r->local_on)
		block_local(r, start, x, len, sums.min_x, sums.max_x);
	if (hist_wanted(r, start))
		binner_block(&r->bin, x, len, sums.min_x, sums.max_x);
	if (r->chan_x2)
		block_chan(r, start, x, y, len, &sums);
	if (r->has_pre)
		block_pre_floats(r, start, len, y);
}

static void note_quantizers(const struct run *r)
{
	const struct pair_quant *q = &r->spec->local;
	struct pair_sums *s = r->out;
	struct local_quant l;
	int64_t c;

	for (c = 0; c < q->count; c++) {
		int32_t zp = zero_point(q, c);

		if (!local_quant(q, c, &l))
			continue;
		s->scale_min = fmin(s->scale_min, l.scale);
		s->scale_max = fmax(s->scale_max, l.scale);
		s->zp_min = zp < s->zp_min ? zp : s->zp_min;
		s->zp_max = zp > s->zp_max ? zp : s->zp_max;
	}
}

bool pair_accumulate(const struct pair_spec *spec, const struct pair_input *in,
		     struct pair_sums *sums, struct hist *hist, struct pair_codes *codes,
		     double *chan_x2, double *chan_e2)
{
	int64_t start, range = (int64_t)spec->local.qmax - spec->local.qmin + 1;
	struct run r;

	memset(&r, 0, offsetof(struct run, bin));
	r.out = sums;
	r.k = kernels_for(spec->level);
	r.chan_x2 = chan_x2;
	r.chan_e2 = chan_e2;
	r.codes = codes;
	if (!chan_x2 != !chan_e2 || !prepare(&r, spec, in))
		return false;
	if (r.x.n == 0)
		return true;
	if (r.local_on)
		note_quantizers(&r);
	r.count_codes = codes && range > 0 && range <= 256;
	prepare_fused(&r);
	binner_init(&r.bin, hist, r.k, r.x.n);
	for (start = 0; start < r.x.n; start += PAIR_BLOCK) {
		int len = r.x.n - start < PAIR_BLOCK ? (int)(r.x.n - start) : PAIR_BLOCK;

		if (r.fuse)
			block_fused(&r, start, len);
		else
			block(&r, start, len);
	}
	binner_finish(&r.bin);
	return true;
}
