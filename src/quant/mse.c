/* The threshold with the least expected squared error. */
#include "quant/search.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

enum { CANDIDATES = 512 };

/* A bin with counts. */
struct mass {
	double x, count;        /* middle */
};

struct grid {
	double scale, zp, qmin, qmax;
	double lo, hi;          /* smallest and largest value there is */
};

/* rint() for |v| < 2^51, without a call. */
static double nearest(double v)
{
	return (v + 0x1.8p52) - 0x1.8p52;
}

static struct grid grid_of(const struct quant_point *p, int type)
{
	const struct dtype_info *info = dtype_info(type);
	struct grid g = { p->scale, p->zp, (double)info->qmin, (double)info->qmax, 0, 0 };

	g.lo = (g.qmin - g.zp) * g.scale;
	g.hi = (g.qmax - g.zp) * g.scale;
	return g;
}

/* Inside, codes finer than a bin err by a twelfth of their step squared; others as the middle of the bin does, and by
 * the spread of the bin around it. */
static double error_of(const struct grid *g, const struct mass *m, int64_t n, double width, double limit)
{
	double sum = 0, fine = g->scale * g->scale / 12, spread = width * width / 12, e;

	for (int64_t i = 0; i < n && sum <= limit; i++) {
		double x = m[i].x;

		if (x < g->lo || x > g->hi)
			e = x < g->lo ? g->lo - x : x - g->hi;
		else
			e = g->scale <= width ? 0 : x - nearest(x / g->scale) * g->scale;
		sum += m[i].count * (e * e + (g->scale <= width ? fine : spread));
	}
	return sum;
}

/* The bin above the middle edge holds the zeros, which cost nothing. */
static int64_t collect(const struct quant_hist *h, struct mass *m)
{
	int64_t n = 0;

	for (int64_t i = 0; i < h->n; i++) {
		if (h->count[i] && i != h->n / 2)
			m[n++] = (struct mass){ ((double)h->edge[i] + h->edge[i + 1]) / 2, (double)h->count[i] };
	}
	return n;
}

int search_mse(const struct quant_hist *h, const struct quant_rule *rule, double lo, double hi,
	       struct search_result *out, struct qd_err *err)
{
	int64_t mid = h->n / 2, step = mid > CANDIDATES ? mid / CANDIDATES : 1, n;
	struct mass *m = mem_array((size_t)h->n, sizeof(*m));
	double best = INFINITY, e, t;
	struct quant_point point;
	struct grid g;
	int rc = 0;

	if (!m)
		return err_oom(err, "the search for a threshold");
	*out = (struct search_result){ 0, h->n };
	n = collect(h, m);
	for (int64_t i = mid; i >= 1 && !rc; i -= step) {
		t = h->edge[mid + i];
		rc = quant_point_for_range(rule, h->dtype, fmax(lo, -t), fmin(hi, t), &point, err);
		if (rc)
			break;
		g = grid_of(&point, rule->type);
		e = error_of(&g, m, n, (double)h->edge[1] - h->edge[0], best);
		if (e < best) {
			best = e;
			*out = (struct search_result){ mid - i, mid + i };
		}
	}
	free(m);
	return rc;
}
