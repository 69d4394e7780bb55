/* Byte layouts of the store's BLOBs (qdebug-store(5)): little-endian, packed.  No SQL. */
#include <string.h>

#include "base/mem.h"
#include "store/internal.h"
#include "store/read.h"

static void put32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

static void put64(unsigned char *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const unsigned char *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put_f64(unsigned char *p, double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	put64(p, u);
}

static double get_f64(const unsigned char *p)
{
	uint64_t u = get64(p);
	double v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

static void put_f32(unsigned char *p, float v)
{
	uint32_t u;

	memcpy(&u, &v, sizeof(u));
	put32(p, u);
}

static float get_f32(const unsigned char *p)
{
	uint32_t u = get32(p);
	float v;

	memcpy(&v, &u, sizeof(v));
	return v;
}

/* 0 f64 sum_x2 | 8 f64 sum_e2 | 16 f32 max_abs_e | 20 f32 scale | 24 i32 zero_point | 28 u32 bad_x
 * | 32 u32 bad_y */
void blob_pack_samples(unsigned char *out, const struct store_sample_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++, out += STORE_SAMPLE_BYTES) {
		put_f64(out, recs[i].sum_x2);
		put_f64(out + 8, recs[i].sum_e2);
		put_f32(out + 16, recs[i].max_abs_e);
		put_f32(out + 20, recs[i].scale);
		put32(out + 24, (uint32_t)recs[i].zero_point);
		put32(out + 28, recs[i].bad_x);
		put32(out + 32, recs[i].bad_y);
	}
}

void blob_unpack_samples(const unsigned char *in, struct store_sample_rec *recs, size_t n)
{
	for (size_t i = 0; i < n; i++, in += STORE_SAMPLE_BYTES)
		recs[i] = (struct store_sample_rec){
			get_f64(in), get_f64(in + 8), get_f32(in + 16), get_f32(in + 20),
			(int32_t)get32(in + 24), get32(in + 28), get32(in + 32),
		};
}

/* 0 i32 exponent | 4 i32 first bin | 8 u32 n | 12 u32 0 | 16 n u64 counts */
int store_hist_parse(const void *data, size_t bytes, struct store_hist *out, struct qd_err *err)
{
	const unsigned char *p = data;

	*out = (struct store_hist){ 0 };
	if (bytes < 16 || get32(p + 8) > STORE_HIST_BINS || bytes != 16 + 8 * (size_t)get32(p + 8))
		return err_set(err, QD_EINPUT, "store: a histogram of %zu bytes does not fit its "
			       "header", bytes);
	*out = (struct store_hist){ (int32_t)get32(p), (int32_t)get32(p + 4), get32(p + 8),
				    p + 16 };
	return 0;
}

void *blob_pack_hist(int32_t exponent, int32_t first, const uint64_t *counts, uint32_t n,
		     size_t *bytes)
{
	unsigned char *p;

	*bytes = 16 + 8 * (size_t)n;
	p = mem_zalloc(*bytes);
	if (!p)
		return NULL;
	put32(p, (uint32_t)exponent);
	put32(p + 4, (uint32_t)first);
	put32(p + 8, n);
	for (size_t i = 0; i < n; i++)
		put64(p + 16 + 8 * i, counts[i]);
	return p;
}

uint64_t store_hist_count(const struct store_hist *h, uint32_t i)
{
	return get64(h->counts + 8 * (size_t)i);
}

/* 0 u32 n | 4 u32 0 | 8 n f64 sum_x2 | n f64 sum_e2 */
int store_channels_parse(const void *data, size_t bytes, struct store_channels *out,
			 struct qd_err *err)
{
	const unsigned char *p = data;

	*out = (struct store_channels){ 0 };
	if (bytes < 8 || bytes - 8 != 16 * (size_t)get32(p))
		return err_set(err, QD_EINPUT, "store: channel sums of %zu bytes do not fit their "
			       "header", bytes);
	*out = (struct store_channels){ get32(p), p + 8, p + 8 + 8 * (size_t)get32(p) };
	return 0;
}

void *blob_pack_channels(const double *x2, const double *e2, uint32_t n, size_t *bytes)
{
	unsigned char *p;

	*bytes = 8 + 16 * (size_t)n;
	p = mem_zalloc(*bytes);
	if (!p)
		return NULL;
	put32(p, n);
	for (size_t i = 0; i < n; i++) {
		put_f64(p + 8 + 8 * i, x2[i]);
		put_f64(p + 8 + 8 * (n + i), e2[i]);
	}
	return p;
}

double store_channels_x2(const struct store_channels *c, uint32_t i)
{
	return get_f64(c->x2 + 8 * (size_t)i);
}

double store_channels_e2(const struct store_channels *c, uint32_t i)
{
	return get_f64(c->e2 + 8 * (size_t)i);
}
