/* Ranges by name; method names. */
#include "quant/ranges.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

static const char *const method_names[QUANT_METHODS] = {
	[QUANT_MINMAX] = "MinMax", [QUANT_ENTROPY] = "Entropy", [QUANT_PERCENTILE] = "Percentile",
	[QUANT_DISTRIBUTION] = "Distribution", [QUANT_ENTROPY_KL] = "EntropyKL", [QUANT_MSE] = "MSE",
};

const char *quant_method_name(enum quant_method m)
{
	return method_names[m];
}

int quant_method_from_name(const char *name)
{
	for (int m = 0; m < QUANT_METHODS; m++) {
		if (!strcasecmp(name, method_names[m]))
			return m;
	}
	return -1;
}

void quant_bins_free(struct quant_bins *b)
{
	if (!b)
		return;
	free(b->count);
	free(b->edge);
	free(b);
}

void quant_ranges_release(struct quant_ranges *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->v[i].name);
		quant_bins_free(r->v[i].range.bins);
	}
	free(r->v);
	map_release(&r->by_name);
	*r = (struct quant_ranges)QUANT_RANGES_INIT;
}

static bool append(struct quant_ranges *r, const char *name, const struct quant_range *range)
{
	char *copy = mem_strdup(name);

	if (!copy || !mem_grow(&r->v, &r->cap, r->n + 1, sizeof(*r->v)) ||
	    !map_put(&r->by_name, copy, (long)r->n)) {
		free(copy);
		return false;
	}
	r->v[r->n++] = (struct quant_named_range){ copy, *range };
	return true;
}

int quant_ranges_put(struct quant_ranges *r, const char *name, const struct quant_range *range, struct qd_err *err)
{
	long i = map_get(&r->by_name, name);

	if (i != MAP_NONE) {
		quant_bins_free(r->v[i].range.bins);
		r->v[i].range = *range;
		return 0;
	}
	if (append(r, name, range))
		return 0;
	quant_bins_free(range->bins);
	return err_oom(err, "calibrated ranges");
}

const struct quant_range *quant_ranges_get(const struct quant_ranges *r, const char *name)
{
	long i = map_get(&r->by_name, name);

	return i == MAP_NONE ? NULL : &r->v[i].range;
}
