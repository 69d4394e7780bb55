/* src/quant as a filter for the oracle tests: requests on stdin, answers on stdout, until the end of input.
 *
 * A request is a line (a letter and numbers, floats also in hexadecimal) and the arrays it announces, raw. An answer
 * is a line that begins with the status and the arrays it announces; after an error the line holds the message. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/calibrate.h"
#include "quant/params.h"
#include "quant/ranges.h"

static char *cursor;

static double number(void)
{
	return strtod(cursor, &cursor);
}

static long long whole(void)
{
	return (long long)number();
}

static void die(const char *what)
{
	fprintf(stderr, "quant_probe: %s\n", what);
	exit(1);
}

static void *array(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	if (!p || fread(p, size, n, stdin) != n)
		die("request cut short");
	return p;
}

static void put(const void *p, size_t n, size_t size)
{
	if (n && fwrite(p, size, n, stdout) != n)
		die("cannot write");
}

static int failed(int rc, const struct qd_err *err)
{
	if (rc)
		printf("%d %s\n", rc, err->msg);
	return rc;
}

static struct tensor read_tensor(void)
{
	int dtype = (int)whole(), rank = (int)whole();
	int64_t dims[TENSOR_MAX_RANK] = { 0 };
	struct tensor t;

	for (int i = 0; i < rank; i++)
		dims[i] = whole();
	if (!tensor_shape(&t, dtype, rank, dims))
		die("bad shape");
	t.owner = array(t.bytes, 1);
	t.data = t.owner;
	return t;
}

static struct quant_rule read_rule(void)
{
	struct quant_rule r = { 0 };

	r.type = (int)whole();
	r.symmetric = whole() != 0;
	r.reduce_range = whole() != 0;
	r.min_real_range = number();
	return r;
}

/* S rule real lo hi; P rule lo hi; F real std */
static void point(char what)
{
	struct quant_point p = { 0 };
	struct quant_rule rule;
	struct qd_err err;
	double lo, hi;
	int real = 0, rc;

	if (what == 'F') {
		real = (int)whole();
		rc = quant_point_fp8(real, number(), &p, &err);
	} else {
		rule = read_rule();
		real = what == 'S' ? (int)whole() : 0;
		lo = number();
		hi = number();
		rc = what == 'S' ? quant_point_for_range(&rule, real, lo, hi, &p, &err)
				 : quant_point_snapped(&rule, lo, hi, &p, &err);
	}
	if (!failed(rc, &err))
		printf("0 %d %a\n", p.zp, (double)p.scale);
}

static void answer_codes(const struct tensor *w, const struct linear *p)
{
	struct tensor codes;
	struct qd_err err;

	if (failed(quant_weight_codes(w, p, &codes, &err), &err))
		return;
	printf("0 %lld %zu\n", (long long)p->n, codes.bytes);
	put(p->scale, (size_t)p->n, sizeof(*p->scale));
	put(p->zp, (size_t)p->n, sizeof(*p->zp));
	put(codes.data, codes.bytes, 1);
	tensor_release(&codes);
}

/* W rule axis block overrides tensor */
static void weight(void)
{
	struct quant_weight_rule r = { .rule = read_rule() };
	struct quant_override *o;
	struct linear p;
	struct tensor w;
	struct qd_err err;

	r.axis = (int)whole();
	r.block_size = whole();
	r.n_overrides = whole();
	w = read_tensor();
	r.overrides = o = array((size_t)r.n_overrides, sizeof(*o));
	if (!failed(quant_weight_params(&w, &r, &p, &err), &err)) {
		answer_codes(&w, &p);
		linear_release(&p);
	}
	free(o);
	tensor_release(&w);
}

/* Q type scale zp tensor */
static void codes(void)
{
	struct linear p;
	struct tensor w;

	if (!linear_alloc(&p, (int)whole(), 1))
		die("out of memory");
	p.scale[0] = (float)number();
	p.zp[0] = (int32_t)whole();
	w = read_tensor();
	answer_codes(&w, &p);
	linear_release(&p);
	tensor_release(&w);
}

/* B scale real n real beta dedicated bias */
static void bias(void)
{
	struct quant_bias_in in = { 0 };
	struct quant_bias b;
	struct tensor t;
	struct qd_err err;
	float *scale;

	in.input_scale = (float)number();
	in.input_real = (int)whole();
	in.n = whole();
	in.weight_real = (int)whole();
	in.beta = number();
	in.dedicated_f32 = whole() != 0;
	t = read_tensor();
	in.bias = &t;
	in.weight_scale = scale = array((size_t)in.n, sizeof(*scale));
	if (!failed(quant_bias_codes(&in, &b, &err), &err)) {
		printf("0 %d %d %lld\n", b.real, b.widened, (long long)b.clipped);
		put(b.scale, (size_t)b.n, sizeof(*b.scale));
		put(b.codes.data, b.codes.bytes, 1);
		quant_bias_release(&b);
	}
	free(scale);
	tensor_release(&t);
}

/* A scale real per_channel n bias */
static void adjust(void)
{
	float input_scale = (float)number(), *scale;
	int real = (int)whole();
	bool per_channel = whole() != 0;
	int64_t n = whole(), changed = 0;
	struct tensor t = read_tensor();
	struct linear p;
	struct qd_err err;

	if (!linear_alloc(&p, DT_INT8, n))
		die("out of memory");
	scale = array((size_t)n, sizeof(*scale));
	memcpy(p.scale, scale, (size_t)n * sizeof(*scale));
	free(scale);
	if (!failed(quant_adjust_for_bias(&t, input_scale, real, per_channel, &p, &changed, NULL, &err), &err)) {
		printf("0 %lld\n", (long long)changed);
		put(p.scale, (size_t)n, sizeof(*p.scale));
	}
	linear_release(&p);
	tensor_release(&t);
}

static void put_hist(const struct quant_hist *h)
{
	put(h->count, (size_t)h->n, sizeof(*h->count));
	put(h->edge, h->n ? (size_t)h->n + 1 : 0, sizeof(*h->edge));
}

/* Every second sample goes through another thread's state, when `split`. */
static int watch(struct quant_watch *w, const struct quant_watch_bins *bins, const struct tensor *x, int64_t n, bool split,
		 struct qd_err *err)
{
	struct quant_watch other;
	int64_t per = w->stride ? w->stride : n;
	int rc = 0;

	quant_watch_init(&other, w->dtype, w->stride, w->keep_samples);
	for (int64_t i = 0; !rc && i < n; i++) {
		struct quant_watch *to = split && i % 2 == 0 ? &other : w;

		quant_watch_range(to, &x[i]);
		rc = quant_watch_sample(to, i, err);
	}
	if (!rc)
		rc = quant_watch_merge(w, &other, err);
	quant_watch_release(&other);
	quant_watch_finish(w);
	if (!rc)
		rc = quant_watch_bins(w, bins, err);
	for (int64_t k = 0; !rc && k * per < n; k++) {
		rc = quant_watch_window(w, k, err);
		if (!rc)
			rc = quant_watch_split(&other, w, err);
		for (int64_t i = k * per; !rc && i < n && i < (k + 1) * per; i++)
			quant_watch_count(split && i % 2 ? &other : w, &x[i]);
		if (!rc)
			quant_watch_join(w, &other);
		quant_watch_release(&other);
	}
	return rc;
}

static struct quant_options read_options(void)
{
	struct quant_options o = quant_options_default((enum quant_method)whole());

	o.symmetric = whole() != 0;
	o.moving_average = whole() != 0;
	o.averaging_constant = number();
	o.num_bins = whole();
	o.num_quantized_bins = whole();
	o.percentile = number();
	o.scenario = whole() ? QUANT_P3 : QUANT_SAME;
	o.keep_bins = true;
	return o;
}

/* C options stored stride split dtype samples; then each sample's size, then its values. `stored`: bins counted, 0 for
 * those of the method. */
static void calibrate(void)
{
	struct quant_options o = read_options();
	struct quant_watch_bins bins = quant_options_bins(&o);
	int64_t stored = whole(), stride = whole(), n;
	bool split = whole() != 0;
	int dtype = (int)whole(), rc;
	struct quant_watch w;
	struct quant_range r = { 0 };
	struct tensor *x;
	struct qd_err err;

	n = whole();
	if (stored)
		bins = (struct quant_watch_bins){ stored, stored };
	x = calloc((size_t)n + 1, sizeof(*x));
	for (int64_t i = 0; i < n; i++) {
		int64_t size = whole();

		if (!tensor_shape(&x[i], dtype, 1, &size))
			die("bad shape");
	}
	for (int64_t i = 0; i < n; i++)
		x[i].data = x[i].owner = array(x[i].bytes, 1);
	quant_watch_init(&w, dtype, stride, o.moving_average);
	rc = watch(&w, &bins, x, n, split, &err);
	if (!rc)
		rc = quant_calibrate(&o, &w, &r, &err);
	if (!failed(rc, &err)) {
		printf("0 %a %a %a %a %lld %lld\n", r.lo, r.hi, r.avg, r.std, (long long)w.value.n,
		       (long long)w.magnitude.n);
		put_hist(&w.value);
		put_hist(&w.magnitude);
		quant_bins_free(r.bins);
	}
	quant_watch_release(&w);
	for (int64_t i = 0; i < n; i++)
		tensor_release(&x[i]);
	free(x);
}

/* R: the rest of the line is a cache to read and, after a tab, one to write */
static void cache(void)
{
	struct quant_ranges r = QUANT_RANGES_INIT;
	struct qd_err err;
	char *from = cursor + 1, *to = strchr(from, '\t');
	int rc;

	if (!to)
		die("no tab");
	*to++ = 0;
	to[strcspn(to, "\n")] = 0;
	rc = quant_ranges_load(from, &r, &err);
	if (!rc)
		rc = quant_ranges_save(&r, to, &err);
	if (!failed(rc, &err))
		printf("0 %zu\n", r.n);
	quant_ranges_release(&r);
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		cursor = line + 1;
		switch (line[0]) {
		case 'S': case 'P': case 'F': point(line[0]); break;
		case 'W': weight(); break;
		case 'Q': codes(); break;
		case 'B': bias(); break;
		case 'A': adjust(); break;
		case 'C': calibrate(); break;
		case 'R': cache(); break;
		default: die("unknown request");
		}
	}
	free(line);
	return fflush(stdout) != 0;
}
