/* tests/screen/sample_store.h - a small store of invented results, always the same, for tests of
 * the interface.
 *
 * Values are formulas of the row number, so that tests can derive what they expect:
 * activation i (0-based, n of them): SQNR = 6 + 1.5 i dB for i < n - 2; row n - 2 is exact; row n
 * - 1 has zero signal.
 * Position in the model is (7 i) mod n for n not divisible by 7, so that rank and model order
 * differ.
 */
#ifndef TESTS_SCREEN_SAMPLE_STORE_H
#define TESTS_SCREEN_SAMPLE_STORE_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/write.h"

enum { SAMPLE_SAMPLES = 8, SAMPLE_ACTIVATIONS = 32, SAMPLE_WEIGHTS = 12 };

static const char *const sample_odd_names[] = {
	"conv4/out",
	"backbone/stage2/unit_0/bottleneck/conv_very_long_name_that_fills_the_line/out_3",
	"\xe5\xb1\xa4/\xe5\x87\xba\xe5\x8a\x9b",                        /* wide characters */
	"cafe\xcc\x81/out",                                             /* a combining accent */
	/* control bytes, bad UTF-8 */
	"evil\x1b[2J\nname\t\xff",
	"\xe2\x80\xaertl",                                              /* a direction override */
};

static inline void sample_must(int rc, const struct qd_err *err)
{
	if (rc) {
		fprintf(stderr, "sample store: %s\n", err->msg);
		abort();
	}
}

static inline double sample_db(int i, int n)
{
	return i < n - 2 ? 6 + 1.5 * i * (32.0 / (n > 32 ? n : 32)) : 0;
}

/* Sums of 1000 elements a sample with a given SQNR; local error is `local` dB. */
static inline void sample_sums(struct store_sums *s, double db, double local, int samples)
{
	double x2 = 1000.0 * samples;

	store_sums_init(s);
	s->n_samples = samples;
	s->n = 1000 * samples;
	s->sum_x2 = s->sum_y2 = x2;
	s->sum_e2 = x2 / pow(10, db / 10);
	s->sum_abs_e = sqrt(s->sum_e2 * (double)s->n) * 0.8;
	s->max_abs_e = 4 * sqrt(s->sum_e2 / (double)s->n);
	s->min_x = -5.1;
	s->max_x = 11.2;
	s->min_y = -5.34;
	s->max_y = 5.29;
	s->n_local = s->n;
	s->sum_round2 = x2 / pow(10, local / 10);
	s->scale_min = s->scale_max = 0.0417;
	s->zero_min = s->zero_max = 0;
}

static inline void sample_hist(struct store *st, int64_t pair, struct qd_err *err)
{
	enum { BINS = 130 };
	unsigned char blob[16 + 8 * BINS];
	int32_t head[4] = { -3, -41, BINS, 0 };         /* bins of 1/8 from -5.125 on */

	memcpy(blob, head, sizeof(head));
	for (int b = 0; b < BINS; b++) {
		double x = (b - 41) / 8.0;
		uint64_t count = (uint64_t)(5000 * exp(-x * x / 4) + 200 * exp(-(x - 9) * (x - 9)));

		memcpy(blob + 16 + 8 * b, &count, 8);
	}
	sample_must(store_put_pooled(st, pair, "hist", SAMPLE_SAMPLES, blob, sizeof(blob), err),
		    err);
}

static inline void sample_channels(struct store *st, int64_t pair, struct qd_err *err)
{
	enum { CHANNELS = 24 };
	unsigned char blob[8 + 16 * CHANNELS];
	uint32_t head[2] = { CHANNELS, 0 };

	memcpy(blob, head, sizeof(head));
	for (int c = 0; c < CHANNELS; c++) {
		double x2 = 100, e2 = 100 / pow(10, (4 + 2.2 * (c * 5 % CHANNELS)) / 10);

		memcpy(blob + 8 + 8 * c, &x2, 8);
		memcpy(blob + 8 + 8 * CHANNELS + 8 * c, &e2, 8);
	}
	sample_must(store_put_pooled(st, pair, "channels", SAMPLE_SAMPLES, blob, sizeof(blob),
				     err), err);
}

static inline void sample_codes(struct store *st, int64_t pair, struct qd_err *err)
{
	unsigned char codes[STORE_CODES_BYTES];

	for (int i = 0; i < STORE_CODES_BYTES; i++)
		codes[i] = i < 6 || i > 28 ? 0x11 : 0xff;
	sample_must(store_put_pooled(st, pair, "codes", SAMPLE_SAMPLES, codes, sizeof(codes), err),
		    err);
}

static inline void sample_block(struct store *st, int64_t pair, const struct store_sums *s,
				struct qd_err *err)
{
	struct store_sample_rec recs[SAMPLE_SAMPLES];

	memset(recs, 0, sizeof(recs));
	for (int k = 0; k < SAMPLE_SAMPLES; k++) {
		recs[k].sum_x2 = 1000;
		recs[k].sum_e2 = s->sum_e2 / SAMPLE_SAMPLES * (0.5 + k * 3 % 8 / 7.0);
		recs[k].max_abs_e = 0.25f * (float)(k + 1);
		recs[k].scale = 0.0417f;
	}
	sample_must(store_put_block(st, pair, 0, s, recs, err), err);
}

static inline int64_t sample_run(struct store *st, const struct store_model *f,
				 const struct store_model *q, int64_t data, int64_t parent,
					 struct qd_err *err)
{
	struct store_run run = {
		.float_id = f->id, .quant_id = q->id, .dataset_id = data, .parent_id = parent,
		.options = "{}", .observer = "deployed", .engine = "1.32.0", .cpu = "avx2",
		.samples = SAMPLE_SAMPLES, .started_at = "2026-01-02T03:04:05Z",
	};
	int64_t id;

	sample_must(store_add_run(st, &run, &id, err), err);
	sample_must(store_set_progress(st, id, SAMPLE_SAMPLES, 0, 12.5, 123456789, err), err);
	return id;
}

static inline void sample_activations(struct store *st, int64_t run, int n, struct qd_err *err)
{
	static const char *const ops[] = { "Conv", "Mul", "Add", "HardSigmoid", "Resize" };
	enum { N_ODD = sizeof(sample_odd_names) / sizeof(sample_odd_names[0]) };

	for (int i = 0; i < n; i++) {
		struct store_total_extra extra = { 40 + i % 200, 3, 4.0, "138cfea731000121" };
		struct store_pair p = {
			.kind = "activation", .pos = (int64_t)i * 7 % n, .matched_by = "structure",
			.observed = "deployed", .op = ops[i % 5], .qtype = "int8",
				.scale = "0.0417", .zero_point = "0",
			.axis = STORE_NONE, .block_size = STORE_NONE, .scale0 = 0.0417, .zero0 = 0,
				.qmin = -128,
			.qmax = 127, .channel_axis = 1, .shape = "[1, 24, 40, 40]",
		};
		char name[64], node[64], quant[80];
		struct store_sums s;

		snprintf(name, sizeof(name), "tensor_%d", i);
		snprintf(node, sizeof(node), "%s_%d", ops[i % 5], i);
		snprintf(quant, sizeof(quant), "tensor_%d_QuantizeLinear_Output", i);
		p.tensor = i < N_ODD ? sample_odd_names[i] : name;
		p.node = node;
		p.quant_tensor = quant;
		sample_must(store_add_pairs(st, run, &p, 1, err), err);
		sample_sums(&s, sample_db(i, n), sample_db(i, n) + (i % 3 == 0 ? 20 : 0.2),
			    SAMPLE_SAMPLES);
		if (i % 4 == 1) {       /* 2.1 % clipped, most of the local error */
			s.n_clipped = s.n * 21 / 1000;
			s.sum_clip2 = s.sum_round2 * 0.9;
			s.sum_round2 *= 0.1;
		}
		if (i == n - 2)
			s.sum_e2 = s.sum_round2 = s.sum_clip2 = s.max_abs_e = 0;
		if (i == n - 1)
			s.sum_x2 = s.sum_y2 = 0;
		sample_must(store_put_total(st, p.id, &s, &extra, err), err);
		if (i >= 64)
			continue;
		sample_block(st, p.id, &s, err);
		sample_hist(st, p.id, err);
		sample_channels(st, p.id, err);
		sample_codes(st, p.id, err);
	}
}

static inline void sample_weights(struct store *st, int64_t run, struct qd_err *err)
{
	for (int i = 0; i < SAMPLE_WEIGHTS; i++) {
		struct store_total_extra extra = { STORE_NONE, i, 10.0 + i, "0123456789abcdef" };
		struct store_pair p = {
			.kind = "weight", .pos = i, .matched_by = "structure", .op = "Conv",
				.qtype = "int8",
			.axis = i % 2 ? 0 : STORE_NONE, .block_size = STORE_NONE, .scale = "0.01",
				.zero_point = "0",
			.scale0 = 0.01, .zero0 = 0, .qmin = -128, .qmax = 127, .channel_axis = 0,
				.shape = "[24, 3, 3, 3]",
		};
		char name[64], node[64];
		struct store_sums s;

		snprintf(name, sizeof(name), "conv%d.weight", i);
		snprintf(node, sizeof(node), "Conv_%d", i);
		p.tensor = p.quant_tensor = name;
		p.node = node;
		sample_must(store_add_pairs(st, run, &p, 1, err), err);
		sample_sums(&s, 20 + 2 * i, 20, 1);
		sample_must(store_put_total(st, p.id, &s, &extra, err), err);
		sample_channels(st, p.id, err);
		sample_hist(st, p.id, err);
	}
}

static inline void sample_rest(struct store *st, int64_t run, double output_db, struct qd_err *err)
{
	struct store_pair v[] = {
		{ .kind = "output", .tensor = "logits", .quant_tensor = "logits" },
		{ .kind = "unmatched", .pos = 1, .tensor = "relu_1", .side = "float",
			.reason = "clamp_removed",
		  .node = "Relu_1", .op = "Relu",
			  .detail = "the quantizer's range does the clamping" },
		{ .kind = "unmatched", .pos = 2, .tensor = "shape_3", .side = "float",
			.reason = "shape_constant",
		  .node = "Shape_3", .op = "Shape", .detail = "integer shape arithmetic" },
		{ .kind = "unmatched", .pos = 3, .quant_tensor = "conv9_DequantizeLinear_Output",
			.side = "quant",
		  .reason = "no_counterpart", .node = "DequantizeLinear_9",
			  .op = "DequantizeLinear" },
	};
	struct store_total_extra extra = { STORE_NONE, STORE_NONE, NAN, "" };
	struct store_sums s;

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		v[i].axis = v[i].block_size = v[i].zero0 = v[i].qmin = v[i].qmax = v[i].channel_axis = STORE_NONE;
		v[i].scale0 = NAN;
	}
	sample_must(store_add_pairs(st, run, v, sizeof(v) / sizeof(v[0]), err), err);
	sample_sums(&s, output_db, output_db, SAMPLE_SAMPLES);
	s.n_local = 0;
	sample_must(store_put_total(st, v[0].id, &s, &extra, err), err);
}

/* Write the store to `path` (which must not exist): run 1 with `n` activations, run 2 with 8. */
static inline void sample_store_write(const char *path, int n)
{
	struct store_model f = { .role = "float", .path = "/models/det.onnx", .sha256 = "f",
				.size = 1, .stamps = "",
				 .opset = 13, .n_nodes = 100, .format = "none" };
	struct store_model q = { .role = "quant", .path = "/models/det.int8.onnx", .sha256 = "q",
				.size = 1,
				 .stamps = "", .opset = 13, .n_nodes = 300, .format = "qdq" };
	struct store_dataset d = { .path = "/data/pages", .options = "{}", .stamp = "s",
				  .n = SAMPLE_SAMPLES };
	struct store_sample samples[SAMPLE_SAMPLES];
	char names[SAMPLE_SAMPLES][32];
	struct qd_err err = { 0 };
	struct store *st;
	int64_t run, other;

	for (int i = 0; i < SAMPLE_SAMPLES; i++) {
		snprintf(names[i], sizeof(names[i]), "page_%02d.npy", i);
		samples[i] = (struct store_sample){ i, names[i], NULL };
	}
	sample_must(store_create_or_open(path, STORE_CREATE, &st, &err), &err);
	sample_must(store_begin(st, &err), &err);
	sample_must(store_add_model(st, &f, &f.id, NULL, &err), &err);
	sample_must(store_add_model(st, &q, &q.id, NULL, &err), &err);
	sample_must(store_add_dataset(st, &d, &d.id, NULL, &err), &err);
	sample_must(store_add_samples(st, d.id, samples, SAMPLE_SAMPLES, &err), &err);
	other = sample_run(st, &f, &q, d.id, 0, &err);
	sample_activations(st, other, 8, &err);
	sample_rest(st, other, 31.4, &err);
	sample_must(store_finish_run(st, other, "done", NULL, &err), &err);
	run = sample_run(st, &f, &q, d.id, other, &err);
	sample_activations(st, run, n, &err);
	sample_weights(st, run, &err);
	sample_rest(st, run, 7.53, &err);
	sample_must(store_finish_run(st, run, "done", NULL, &err), &err);
	sample_must(store_commit(st, &err), &err);
	store_close(st);
}

#endif
