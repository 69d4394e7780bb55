/* Watches as bytes. */
#include "quant/watch_blob.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tensor/dtype.h"

static const char magic[4] = { 'Q', 'W', '0', '1' };

enum { MAX_STEPS = 1 << 26 };

/* --- writing --------------------------------------------------------------------- */

static void put(struct str *s, const void *p, size_t n)
{
	str_addn(s, p, n);
}

static void put_i64(struct str *s, int64_t v)
{
	put(s, &v, sizeof(v));
}

static void put_f64(struct str *s, double v)
{
	put(s, &v, sizeof(v));
}

static void put_extremes(struct str *s, const struct quant_extremes *e)
{
	put_f64(s, e->lo);
	put_f64(s, e->hi);
	put_f64(s, e->near);
	put_i64(s, e->n);
	put_i64(s, e->nan);
	put_i64(s, e->inf);
}

static void put_steps(struct str *s, const struct quant_steps *v)
{
	size_t i;

	put_i64(s, (int64_t)v->n);
	for (i = 0; i < v->n; i++) {
		put_i64(s, v->v[i].empty ? -1 - v->v[i].index : v->v[i].index);
		put(s, &v->v[i].lo, sizeof(float));
		put(s, &v->v[i].hi, sizeof(float));
		put(s, &v->v[i].near, sizeof(float));
	}
}

static void put_hist(struct str *s, const struct quant_hist *h)
{
	int64_t first = 0, last = h->narrow || !h->count ? -1 : h->n - 1;

	put_i64(s, h->n);
	if (!h->n)
		return;
	while (first <= last && !h->count[first])
		first++;
	while (last >= first && !h->count[last])
		last--;
	put_i64(s, first);
	put_i64(s, last - first + 1);
	if (last >= first)
		put(s, h->count + first, (size_t)(last - first + 1) * sizeof(h->count[0]));
}

bool quant_watch_save(const struct quant_watch *w, struct str *out)
{
	if (w->stride || w->windows.n > 1)
		return false;
	put(out, magic, sizeof(magic));
	put_i64(out, w->dtype);
	put_i64(out, w->keep_samples);
	put_extremes(out, &w->all);
	put_steps(out, &w->windows);
	put_steps(out, &w->samples);
	put_hist(out, &w->value);
	put_hist(out, &w->magnitude);
	return true;
}

/* --- reading ----------------------------------------------------------------------- */

struct reader { const unsigned char *p, *end; bool bad; };

static void get(struct reader *r, void *out, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		memset(out, 0, n);
		return;
	}
	memcpy(out, r->p, n);
	r->p += n;
}

static int64_t get_i64(struct reader *r)
{
	int64_t v;

	get(r, &v, sizeof(v));
	return v;
}

static float get_limit(struct reader *r)
{
	double v;

	get(r, &v, sizeof(v));
	return (float)v;
}

static void get_extremes(struct reader *r, struct quant_extremes *e)
{
	e->lo = get_limit(r);
	e->hi = get_limit(r);
	e->near = get_limit(r);
	e->n = get_i64(r);
	e->nan = get_i64(r);
	e->inf = get_i64(r);
}

static bool get_steps(struct reader *r, struct quant_steps *v)
{
	int64_t n = get_i64(r), i;

	if (r->bad || n < 0 || n > MAX_STEPS || n > (r->end - r->p) / 20)
		return false;
	v->v = mem_array((size_t)n, sizeof(*v->v));
	if (!v->v)
		return false;
	v->cap = (size_t)n;
	for (i = 0; i < n; i++) {
		struct quant_step *s = &v->v[v->n++];

		s->index = get_i64(r);
		s->empty = s->index < 0;
		if (s->empty)
			s->index = -1 - s->index;
		get(r, &s->lo, sizeof(float));
		get(r, &s->hi, sizeof(float));
		get(r, &s->near, sizeof(float));
	}
	return !r->bad;
}

/* Bins as they were announced; the edges follow from the extremes, as in quant_watch_window(). */
static bool get_counts(struct reader *r, struct quant_hist *h, int64_t n)
{
	int64_t first, len;

	if (!n)
		return true;
	first = get_i64(r);
	len = get_i64(r);
	if (r->bad || h->n != n || first < 0 || len < 0 || first > n - len)
		return false;
	if (len)
		get(r, h->count + first, (size_t)len * sizeof(h->count[0]));
	return !r->bad;
}

int quant_watch_load(const void *data, size_t n, struct quant_watch *w, struct qd_err *err)
{
	struct reader r = { data, (const unsigned char *)data + n, false };
	struct quant_watch_bins bins;
	struct reader ahead;
	char head[sizeof(magic)];
	int64_t dtype, keep, len;
	int rc;

	quant_watch_init(w, DT_FLOAT, 0, false);
	get(&r, head, sizeof(head));
	dtype = get_i64(&r);
	keep = get_i64(&r);
	if (r.bad || memcmp(head, magic, sizeof(magic)) || (dtype != DT_FLOAT && dtype != DT_FLOAT16))
		goto bad;
	quant_watch_init(w, (int)dtype, 0, keep != 0);
	get_extremes(&r, &w->all);
	if (!get_steps(&r, &w->windows) || !get_steps(&r, &w->samples))
		goto bad;
	/* the second histogram's size stands behind the first one's counts */
	ahead = r;
	bins.value = get_i64(&ahead);
	if (bins.value) {
		get_i64(&ahead);
		len = get_i64(&ahead);
		if (ahead.bad || len < 0 || len > (ahead.end - ahead.p) / 8)
			goto bad;
		ahead.p += len * 8;
	}
	bins.magnitude = get_i64(&ahead);
	if (ahead.bad || bins.value < 0 || bins.magnitude < 0 || bins.value > QUANT_BINS_MAX ||
	    bins.magnitude > QUANT_BINS_MAX)
		goto bad;
	if (!bins.value && !bins.magnitude)
		return 0;
	rc = quant_watch_bins(w, &bins, err);
	if (!rc)
		rc = quant_watch_window(w, 0, err);
	if (rc)
		return rc;
	if (!get_counts(&r, &w->value, get_i64(&r)) || !get_counts(&r, &w->magnitude, get_i64(&r)))
		goto bad;
	return 0;
bad:
	return err_set(err, QD_EINPUT, "stored calibration data are damaged; calibrate again");
}
