/* Nanoseconds per element of pair_accumulate, by feature and instruction set.
 *   stats_bench [elements [data]]     data: normal (default), relu, zero
 * Prints the best of many short rounds: the machine is shared. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stats/moments.h"
#include "stats/pair.h"
#include "tensor/dtype.h"

enum {
	F_Y = 1, F_LOCAL = 2, F_CODES = 4, F_HIST = 8, F_CHAN = 16, F_PRE = 32, F_FLOAT = 64,
	F_EVERY4 = 128
};

static const struct {
	const char *name;
	unsigned on;
} features[] = {
	{ "x only", 0 },
	{ "x, y float", F_FLOAT },
	{ "x, y u8", F_Y },
	{ "+ local", F_Y | F_LOCAL },
	{ "+ local codes", F_Y | F_LOCAL | F_CODES },
	{ "+ hist", F_Y | F_HIST },
	{ "+ channels", F_Y | F_CHAN },
	{ "+ pre", F_Y | F_PRE },
	{ "all but hist", F_Y | F_LOCAL | F_CODES | F_CHAN },
	{ "all but pre", F_Y | F_LOCAL | F_CODES | F_CHAN | F_HIST },
	{ "  hist_every 4", F_Y | F_LOCAL | F_CODES | F_CHAN | F_HIST | F_EVERY4 },
};

struct state {
	float *x, *yf;
	uint8_t *y;
	struct hist hist;
	struct pair_codes codes;
	double x2[512], e2[512];
	int64_t dims[4], n;
	float scale;
	int32_t zp;
};

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double normal(void)
{
	double u = (rand() + 1.0) / (RAND_MAX + 2.0), v = rand() / (RAND_MAX + 1.0);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static void fill(struct state *s, const char *data)
{
	int64_t i;

	s->scale = 0.05f;
	s->zp = 100;
	for (i = 0; i < s->n; i++) {
		double v = normal(), c;

		if (!strcmp(data, "relu") && v < 0)
			v = 0;
		if (!strcmp(data, "zero"))
			v = 0;
		s->x[i] = (float)v;
		c = rint(v / s->scale) + s->zp + (rand() & 1);
		s->y[i] = (uint8_t)(c < 0 ? 0 : c > 255 ? 255 : c);
		s->yf[i] = (float)(s->y[i] - s->zp) * s->scale;
	}
}

static void once(struct state *s, unsigned on, enum pair_level level)
{
	struct pair_spec spec = {
		.kind = on & F_FLOAT ? PAIR_FLOAT : on & F_Y ? PAIR_CODES : PAIR_X_ONLY,
		.code = { &s->scale, &s->zp, 1, 0, 0, 255 },
		.local = { on & F_LOCAL ? &s->scale : NULL, &s->zp, 1, 0, 0, 255 },
		.lo = 0, .hi = INFINITY, .channel_axis = 1, .level = level,
		.hist_every = on & F_EVERY4 ? 4 : 1,
	};
	struct pair_input in = {
		.x = s->x, .y = on & F_FLOAT ? (void *)s->yf : s->y,
		.pre = on & F_PRE ? s->x : NULL,
		.x_dtype = DT_FLOAT, .y_dtype = on & F_FLOAT ? DT_FLOAT : DT_UINT8,
		.pre_dtype = DT_FLOAT, .rank = 4, .dims = s->dims,
	};
	struct pair_sums sums;

	pair_sums_init(&sums);
	if (!pair_accumulate(&spec, &in, &sums, on & F_HIST ? &s->hist : NULL,
			     on & F_CODES ? &s->codes : NULL, on & F_CHAN ? s->x2 : NULL,
			     on & F_CHAN ? s->e2 : NULL))
		abort();
}

static double best(struct state *s, int feature, enum pair_level level)
{
	double t, min = INFINITY, end = now_ns() + 80e6;
	struct moments m;

	do {
		t = now_ns();
		if (feature < 0) {
			moments_init(&m);
			moments_accumulate(&m, NULL, s->x, DT_FLOAT, s->n, level);
		} else {
			once(s, features[feature].on, level);
		}
		t = now_ns() - t;
		min = t < min ? t : min;
	} while (now_ns() < end);
	return min / (double)s->n;
}

/* As the engine allocates: operands that straddle cache lines cost a third more. */
static void *aligned(int64_t bytes)
{
	return aligned_alloc(64, ((size_t)bytes + 63) / 64 * 64);
}

int main(int argc, char **argv)
{
	int count = (int)(sizeof(features) / sizeof(features[0])), i, level;
	struct state *s = calloc(1, sizeof(*s));
	int64_t want = argc > 1 ? strtoll(argv[1], NULL, 10) : 132 * 1024;

	if (!s || want < 64)
		return 1;
	s->dims[0] = 1;
	s->dims[1] = want >= 4096 ? 32 : 4;
	s->dims[2] = 4;
	s->dims[3] = want / (4 * s->dims[1]);
	s->n = s->dims[1] * s->dims[2] * s->dims[3];
	s->x = aligned(s->n * (int64_t)sizeof(float));
	s->yf = aligned(s->n * (int64_t)sizeof(float));
	s->y = aligned(s->n);
	if (!s->x || !s->yf || !s->y)
		return 1;
	fill(s, argc > 2 ? argv[2] : "normal");
	hist_init(&s->hist);
	printf("%lld elements, %lld channels; ns per element\n%-16s", (long long)s->n,
	       (long long)s->dims[1], "");
	for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++)
		printf("%10s", pair_level_name(level));
	for (i = -1; i < count; i++) {
		printf("\n%-16s", i < 0 ? "moments" : features[i].name);
		for (level = PAIR_LEVEL_C; level < PAIR_LEVELS; level++) {
			if (pair_level_supported(level))
				printf("%10.3f", best(s, i, level));
			else
				printf("%10s", "-");
		}
	}
	printf("\n");
	free(s->x);
	free(s->yf);
	free(s->y);
	free(s);
	return 0;
}
