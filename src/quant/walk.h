/* quant/walk.h - private to src/quant: a float tensor's elements in order, each with its quantizer's index.
 *
 * The quotients and remainders of linear_index() for one element after the other, without the divisions; float16
 * is converted a chunk at a time. */
#ifndef QUANT_WALK_H
#define QUANT_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/dtype.h"
#include "tensor/tensor.h"

enum { WALK_CHUNK = 1024 };

struct walk {
	const struct tensor *t;
	int64_t next;                   /* first element of the next chunk */
	int64_t inner, size, block;     /* elements behind the axis, along it, per quantizer along it */
	int64_t j, a, b;                /* where we are: behind, along the axis, in the block */
	int64_t base;                   /* index of the quantizer for j == 0 */
	bool single;                    /* one quantizer */
	float buf[WALK_CHUNK];
};

/* axis < 0: one quantizer; block 0: one per index of the axis */
static inline void walk_init(struct walk *w, const struct tensor *t, int axis, int64_t block)
{
	w->t = t;
	w->next = w->j = w->a = w->b = w->base = 0;
	w->inner = w->size = 1;
	w->block = block;
	w->single = axis < 0;
	if (w->single)
		return;
	w->size = t->dims[axis];
	for (int d = axis + 1; d < t->rank; d++)
		w->inner *= t->dims[d];
}

/* The next elements, NULL after the last. `n` is at most WALK_CHUNK. */
static inline const float *walk_chunk(struct walk *w, int64_t *n)
{
	int64_t first = w->next;

	*n = w->t->n - first < WALK_CHUNK ? w->t->n - first : WALK_CHUNK;
	if (*n <= 0)
		return NULL;
	w->next += *n;
	if (w->t->dtype == DT_FLOAT)
		return (const float *)w->t->data + first;
	return tensor_to_float(w->t, first, *n, w->buf) ? w->buf : NULL;
}

/* The quantizer of the current element; moves on. Channels do not depend on what is in front of the axis, blocks do. */
static inline int64_t walk_index(struct walk *w)
{
	int64_t index = w->block ? w->base + w->j : w->a;

	if (w->single)
		return 0;
	if (++w->j < w->inner)
		return index;
	w->j = 0;
	w->a++;
	if (w->block && (++w->b == w->block || w->a == w->size)) {
		w->b = 0;
		w->base += w->inner;
	}
	if (w->a == w->size)
		w->a = 0;
	return index;
}

#endif
