/* Feeding pairs of tensors to the statistics. */
#include "observe/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

enum { MAX_CHANNELS = 1 << 16 };

/* Histograms are for looking at, and counting every element would take as long as all other statistics together: of a
 * large tensor every 8th block of 1024 elements is counted, and after the first samples every 8th one. Sums use
 * every element of every sample. */
enum { HIST_WHOLE = 1 << 12, HIST_EVERY = 8, HIST_FIRST_SAMPLES = 16 };

/* Per-channel sums: the quantizer's own axis, else axis 1 where that holds channels. In a tensor of rank 3 it does only
 * behind operators that say so; elsewhere it usually counts positions of a sequence. */
static int channel_axis(const struct compare_item *it, int rank)
{
	const char *op = it->pair->op;

	if (it->local && it->local->n > 1)
		return it->local->axis;
	if (rank == 3 && op && (strstr(op, "Conv") || strstr(op, "Norm") || strstr(op, "Pool")))
		return 1;
	return rank >= 4 || rank == 2 ? 1 : -1;
}

static void choose_channels(struct compare_item *it, const struct graph_value *v)
{
	int axis = channel_axis(it, v->rank);

	it->spec.channel_axis = -1;
	if (axis < 0 || axis >= v->rank || v->dims[axis] < 2 || v->dims[axis] > MAX_CHANNELS)
		return;
	it->spec.channel_axis = axis;
	it->channels = (int)v->dims[axis];
}

static void set_local(struct compare_item *it)
{
	const struct linear *p = it->local;

	if (!p || !p->n || p->block_size || p->qmin == p->qmax || p->qmin < INT32_MIN || p->qmax > INT32_MAX)
		return;
	it->spec.local = (struct pair_quant){ p->scale, p->zp, p->n, p->axis, (int32_t)p->qmin, (int32_t)p->qmax };
}

static void make_items(const struct models *m, struct compare *c)
{
	size_t i;

	for (i = 0; i < m->match.n_pairs; i++) {
		const struct match_pair *p = &m->match.pairs[i];
		struct compare_item *it;

		if (p->kind == MATCH_WEIGHT)
			continue;
		it = &c->items[c->n_items++];
		*it = (struct compare_item){ .pair = p };
		it->spec.kind = PAIR_FLOAT;
		it->spec.lo = p->lo;
		it->spec.hi = p->hi;
		it->spec.channel_axis = -1;
		if (p->quantizer >= 0)
			it->local = &m->match.q.quants[p->quantizer].p;
		set_local(it);
		if (p->kind == MATCH_ACTIVATION)
			choose_channels(it, &m->fg.values[p->fvalue]);
		it->chan_at = c->n_chan;
		c->n_chan += 2 * it->channels;
	}
}

int compare_open(const struct models *m, struct compare *out, struct qd_err *err)
{
	memset(out, 0, sizeof(*out));
	out->items = mem_array(m->match.n_pairs, sizeof(*out->items));
	if (!out->items)
		return err_oom(err, "preparing the comparison");
	make_items(m, out);
	return 0;
}

int compare_add_slots(struct compare *c, int n, struct qd_err *err)
{
	int i;

	c->slots = mem_array((size_t)n, sizeof(*c->slots));
	for (i = 0; c->slots && i < n; i++) {
		struct compare_slot *slot = &c->slots[i];

		c->n_slots++;
		slot->r = mem_array((size_t)c->n_items, sizeof(*slot->r));
		slot->hist = mem_array((size_t)c->n_items, sizeof(*slot->hist));
		slot->chan = mem_array((size_t)c->n_chan, sizeof(*slot->chan));
		if (!slot->r || !slot->hist || !slot->chan)
			return err_oom(err, "preparing the comparison");
	}
	return c->slots ? 0 : err_oom(err, "preparing the comparison");
}

void compare_close(struct compare *c)
{
	int i;

	for (i = 0; i < c->n_items; i++)
		linear_release(&c->items[i].code);
	for (i = 0; i < c->n_slots; i++) {
		free(c->slots[i].r);
		free(c->slots[i].hist);
		free(c->slots[i].chan);
	}
	free(c->items);
	free(c->slots);
	memset(c, 0, sizeof(*c));
}

void compare_reset(struct compare *c, int slot, int64_t sample)
{
	struct compare_slot *s = &c->slots[slot];
	int i;

	for (i = 0; i < c->n_items; i++) {
		/* Codes seen stay: a slot's samples are delivered one after the other, a set does not mind being added
		 * twice, and the kernel need not look for codes it has seen. */
		s->r[i] = (struct compare_result){ .codes = s->r[i].codes };
		pair_sums_init(&s->r[i].sums);
		hist_reset(&s->hist[i]);
	}
	memset(s->chan, 0, (size_t)c->n_chan * sizeof(*s->chan));
	s->sample = sample;
	s->problem[0] = '\0';
}

static int shapes_differ(struct compare_slot *s, const char *name, const struct tensor *x, const struct tensor *y)
{
	char a[160], b[160];

	if (x->rank == y->rank && !memcmp(x->dims, y->dims, (size_t)x->rank * sizeof(x->dims[0])))
		return 0;
	snprintf(s->problem, sizeof(s->problem), "tensor %.80s: shape %s in the float model, %s in the quantized one", name,
		 tensor_shape_text(x->rank, x->dims, a, sizeof(a)), tensor_shape_text(y->rank, y->dims, b, sizeof(b)));
	return -1;
}

int compare_feed(struct compare *c, int slot, int item, const struct tensor *x, const struct tensor *y,
		 const struct tensor *pre)
{
	const struct compare_item *it = &c->items[item];
	struct compare_slot *s = &c->slots[slot];
	struct pair_input in = { x->data, y->data, pre ? pre->data : NULL, x->dtype, y->dtype,
				 pre ? pre->dtype : 0, x->rank, x->dims };
	struct pair_spec spec = it->spec;
	double *chan = it->channels ? s->chan + it->chan_at : NULL;
	bool counted = s->sample < HIST_FIRST_SAMPLES || s->sample % HIST_EVERY == 0;

	if (shapes_differ(s, it->pair->tensor, x, y) || (pre && shapes_differ(s, it->pair->tensor, x, pre)))
		return -1;
	/* a dimension that was fixed in the file may still differ from what runs: then no channel sums */
	if (chan && (spec.channel_axis >= x->rank || x->dims[spec.channel_axis] != it->channels))
		chan = NULL;
	if (!chan)
		spec.channel_axis = -1;
	spec.hist_every = x->n > HIST_WHOLE ? HIST_EVERY : 1;
	if (pair_accumulate(&spec, &in, &s->r[item].sums, counted ? &s->hist[item] : NULL,
			    spec.local.scale ? &s->r[item].codes : NULL, chan, chan ? chan + it->channels : NULL))
		return 0;
	snprintf(s->problem, sizeof(s->problem), "tensor %.120s: %s against %s cannot be compared", it->pair->tensor,
		 dtype_info(x->dtype)->name, dtype_info(y->dtype)->name);
	return -1;
}

int compare_callback(void *ctx, int64_t slot, int64_t id, const struct tensor *x, const struct tensor *y,
		     const struct tensor *pre)
{
	struct compare *c = ctx;

	if (slot < 0 || slot >= c->n_slots || id < 0 || id >= c->n_items)
		return -1;
	return compare_feed(c, (int)slot, (int)id, x, y, pre);
}

/* Integer outputs are compared as numbers too, through doubles. */
static int feed_integers(struct compare *c, int slot, int item, const struct tensor *x, const struct tensor *y)
{
	struct tensor a, b;
	int rc = -1;

	if (!tensor_alloc(&a, DT_DOUBLE, x->rank, x->dims))
		return -1;
	if (tensor_alloc(&b, DT_DOUBLE, y->rank, y->dims)) {
		if (tensor_to_double(x, 0, x->n, a.owner) && tensor_to_double(y, 0, y->n, b.owner))
			rc = compare_feed(c, slot, item, &a, &b, NULL);
		tensor_release(&b);
	}
	tensor_release(&a);
	return rc;
}

int compare_output(struct compare *c, int slot, int item, const struct tensor *x, const struct tensor *y)
{
	struct compare_slot *s = &c->slots[slot];
	struct compare_result *r = &s->r[item];

	if (shapes_differ(s, c->items[item].pair->tensor, x, y))
		return -1;
	if (dtype_is_float_tensor(x->dtype) && dtype_is_float_tensor(y->dtype)) {
		agreement_argmax(&r->argmax, x, y);
		return compare_feed(c, slot, item, x, y, NULL);
	}
	if (x->dtype == DT_STRING || y->dtype == DT_STRING)
		return 0;
	agreement_equal(&r->equal, x, y);
	return feed_integers(c, slot, item, x, y);
}
