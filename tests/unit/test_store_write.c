/* Rows in and out again, faults, full disks, the journal: store/write.c, store/read.c,
 * store/blob.c. */
#include "test_store_fixture.h"

static struct store *st;
static int64_t run_id;
static struct store_arena arena;

static int with_run(void **state)
{
	setup(state);
	arena = (struct store_arena)STORE_ARENA_INIT;
	st = open_new();
	OK(store_begin(st, err));
	OK(add_run(st, &run_id, err));
	OK(store_commit(st, err));
	return 0;
}

static int without_run(void **state)
{
	store_arena_release(&arena);
	store_close(st);
	st = NULL;
	return teardown(state);
}

static void models_and_data_come_back_and_are_not_doubled(void **state)
{
	static const struct store_node nodes[] = { { 0, "a", "Conv", "" }, { 1, "Relu_1", "Relu",
		"com.x" } };
	static const struct store_tensor tensors[] = {
		{ 0, "x", "input", "FLOAT", "[1, ?]", STORE_NONE }, { 1, "y\x1b\"'", "output",
								      "INT8", "[]", 0 },
	};
	struct store_model m = { 0, "float", "/m/f.onnx", "aa", 10, 20, "", 17, 3, "none" }, got;
	struct store_dataset d = { 0, "/d", "{}", "stamp", NULL, 3 }, gd;
	struct store_node *gn;
	struct store_tensor *gt;
	struct store_sample *gs;
	int64_t id, did;
	bool existed;
	size_t n;

	(void)state;
	OK(store_begin(st, err));
	OK(store_add_model(st, &m, &id, &existed, err));
	assert_true(existed);
	m.mtime_ns++;
	OK(store_add_model(st, &m, &id, &existed, err));
	assert_false(existed);
	OK(store_add_nodes(st, id, nodes, 2, err));
	OK(store_add_tensors(st, id, tensors, 2, err));
	OK(store_add_dataset(st, &d, &did, &existed, err));
	assert_true(existed);
	OK(store_set_sample_sha(st, did, 1, "cafe", err));
	OK(store_set_dataset_sha(st, did, "feed", err));
	OK(store_commit(st, err));
	OK(store_model_get(st, id, &arena, &got, err));
	assert_string_equal(got.path, "/m/f.onnx");
	assert_int_equal(got.mtime_ns, 21);
	OK(store_nodes(st, id, &arena, &gn, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(gn[1].domain, "com.x");
	OK(store_tensors(st, id, &arena, &gt, &n, err));
	assert_int_equal(n, 2);
	assert_string_equal(gt[1].name, "y\x1b\"'");
	assert_int_equal(gt[0].node_idx, STORE_NONE);
	OK(store_dataset_get(st, did, &arena, &gd, err));
	assert_string_equal(gd.sha256, "feed");
	OK(store_samples(st, did, &arena, &gs, &n, err));
	assert_int_equal(n, 3);
	assert_null(gs[0].sha256);
	assert_string_equal(gs[1].sha256, "cafe");
	free(gn);
	free(gt);
	free(gs);
}

static void a_run_is_found_by_what_it_depends_on(void **state)
{
	struct store_model f = { .sha256 = "aa" }, q = { .path = "/m/q.onnx", .size = 11,
							 .mtime_ns = 21 };
	struct store_key key = { &f, &q, "stamp", NULL, "{}", "deployed", "1.32.0", "avx2", NULL };
	struct store_run run;
	int64_t second;

	(void)state;
	OK(store_run_find(st, &key, &arena, &run, err));
	assert_int_equal(run.id, run_id);
	OK(store_begin(st, err));
	OK(store_finish_run(st, run_id, "done", NULL, err));
	OK(add_run(st, &second, err));
	OK(store_commit(st, err));
	OK(store_run_find(st, &key, &arena, &run, err));
	/* the finished one, though the other is newer */
	assert_int_equal(run.id, run_id);
	OK(store_run_latest(st, false, &arena, &run, err));
	assert_int_equal(run.id, second);
	OK(store_run_latest(st, true, &arena, &run, err));
	assert_int_equal(run.id, run_id);
	q.mtime_ns = 22;
	OK(store_run_find(st, &key, &arena, &run, err));
	assert_int_equal(run.id, 0);
	q.mtime_ns = 21;
	key.cpu = "avx512";
	OK(store_run_find(st, &key, &arena, &run, err));
	assert_int_equal(run.id, 0);
}

static void blocks_and_totals_round_trip_to_the_bit(void **state)
{
	struct store_pair p[2] = { plain_pair("activation", 4, "t"), plain_pair("weight", 5,
		"w") }, got, *all;
	struct store_sample_rec recs[64], back[64], *list;
	struct store_sums s = plain_sums(0.1, 1e-310), r;
	struct store_total_extra x = { 41, 7, 12.25, "0123456789abcdef" }, y;
	bool found;
	int64_t block;
	size_t n;

	(void)state;
	for (int i = 0; i < 64; i++)
		recs[i] = (struct store_sample_rec){ i * 0.1, 1e-300 * i, 0.1f * (float)i, 0.5f,
						     -i, (uint32_t)i, UINT32_MAX };
	s.n_samples = 64;
	s.worst_ratio = INFINITY;
	s.worst_sample = 3;
	s.zero_min = -128;
	OK(store_begin(st, err));
	OK(store_add_pairs(st, run_id, p, 2, err));
	OK(store_put_block(st, p[0].id, 0, &s, recs, err));
	s.n_samples = 5;
	OK(store_put_block(st, p[0].id, 1, &s, recs, err));
	s.n_samples = 6;
	OK(store_put_block(st, p[0].id, 1, &s, recs, err));     /* the unfinished block grows */
	OK(store_put_block(st, p[1].id, 0, &s, NULL, err));
	OK(store_put_total(st, p[0].id, &s, &x, err));
	OK(store_commit(st, err));

	OK(store_block_last(st, p[0].id, &block, err));
	assert_int_equal(block, 1);
	OK(store_block_get(st, p[0].id, 1, &r, back, &found, err));
	assert_true(found);
	assert_memory_equal(&r, &s, offsetof(struct store_sums, min_x));
	assert_int_equal(r.n_equal, STORE_NONE);
	assert_true(isnan(r.scale_min));
	assert_true(isinf(r.worst_ratio));
	assert_int_equal(r.zero_min, -128);
	assert_int_equal(r.zero_max, STORE_NONE);
	for (int i = 0; i < 6; i++)
		/* without padding */
		assert_memory_equal(&back[i], &recs[i], STORE_SAMPLE_BYTES);
	OK(store_block_get(st, p[0].id, 2, &r, NULL, &found, err));
	assert_false(found);
	OK(store_pair_samples(st, p[0].id, &list, &n, err));
	assert_int_equal(n, 70);
	assert_memory_equal(&list[64], &recs[0], STORE_SAMPLE_BYTES);
	free(list);
	OK(store_pair_samples(st, p[1].id, &list, &n, err));
	assert_int_equal(n, 0);
	free(list);
	OK(store_total_get(st, p[0].id, &r, &y, &found, err));
	assert_true(found);
	assert_memory_equal(&x, &y, offsetof(struct store_total_extra, hist16) + 17);
	OK(store_total_get(st, p[1].id, &r, &y, &found, err));
	assert_false(found);
	OK(store_pair_get(st, p[0].id, &arena, &got, err));
	assert_string_equal(got.tensor, "t");
	assert_int_equal(got.axis, STORE_NONE);
	assert_int_equal(got.qmax, 255);
	OK(store_pairs(st, run_id, "weight", &arena, &all, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(all[0].id, p[1].id);
	free(all);
}

/* 64 records of 36 bytes, in the order and at the offsets that qdebug-store(5) states. */
static void sample_records_have_the_documented_bytes(void **state)
{
	static const unsigned char want[STORE_SAMPLE_BYTES] = {
		0, 0, 0, 0, 0, 0, 0xf0, 0x3f,           /* 1.0 */
		0, 0, 0, 0, 0, 0, 0, 0x40,              /* 2.0 */
		0, 0, 0x40, 0x40,                       /* 3.0f */
		0, 0, 0, 0x3f,                          /* 0.5f */
		0xfe, 0xff, 0xff, 0xff,                 /* -2 */
		1, 0, 0, 0,
		0, 1, 0, 0,                             /* 256 */
	};
	struct store_sample_rec rec = { 1, 2, 3, 0.5f, -2, 1, 256 };
	unsigned char got[STORE_SAMPLE_BYTES];

	(void)state;
	blob_pack_samples(got, &rec, 1);
	assert_memory_equal(got, want, sizeof(want));
}

static void folding_blocks_adds_sums_and_keeps_the_first_extreme(void **state)
{
	struct store_sums t, a = plain_sums(8, 2), b = plain_sums(2, 2), none;

	(void)state;
	a.worst_sample = 1;
	a.worst_ratio = 0.25;
	b.worst_sample = 70;
	b.worst_ratio = 1;
	b.max_sample = 70;
	b.min_x = -3;
	b.scale_min = b.scale_max = 0.5;
	b.zero_min = b.zero_max = 3;
	b.n_equal = 7;
	store_sums_init(&none);
	store_sums_init(&t);
	store_sums_fold(&t, &none);
	store_sums_fold(&t, &a);
	store_sums_fold(&t, &b);
	store_sums_fold(&t, &none);
	assert_int_equal(t.n, 200);
	assert_true(t.sum_x2 == 10 && t.sum_e2 == 4);
	assert_int_equal(t.max_sample, 1);              /* both have max_abs_e 1 */
	assert_int_equal(t.worst_sample, 70);
	assert_true(t.min_x == -3 && t.max_x == 2);
	assert_true(t.scale_min == 0.5 && t.scale_max == 0.5);
	assert_int_equal(t.zero_min, 3);
	assert_int_equal(t.n_equal, 7);
}

static void pooled_blobs_round_trip_and_are_checked(void **state)
{
	static const uint64_t counts[] = { 1, UINT64_MAX, 3 };
	static const double x2[] = { 1.5, 2.5 }, e2[] = { 0.1, 0.2 };
	unsigned char codes[STORE_CODES_BYTES] = { 0x81 };
	struct store_pair p = plain_pair("activation", 4, "t");
	struct store_hist h;
	struct store_channels c;
	struct qd_err bad;
	void *data;
	size_t bytes;
	int64_t done;

	(void)state;
	OK(store_begin(st, err));
	OK(store_add_pairs(st, run_id, &p, 1, err));
	OK(store_put_hist(st, p.id, 5, -3, -1, counts, 2, err));
	OK(store_put_hist(st, p.id, 6, -3, -1, counts, 3, err));
	OK(store_put_channels(st, p.id, 6, x2, e2, 2, err));
	OK(store_put_codes(st, p.id, 6, codes, err));
	assert_int_equal(store_put_hist(st, p.id, 6, 0, 0, counts, STORE_HIST_BINS + 1, &bad),
			 QD_EBUG);
	OK(store_commit(st, err));
	OK(store_pooled_get(st, p.id, "hist", &done, &data, &bytes, err));
	assert_int_equal(done, 6);
	assert_int_equal(bytes, 16 + 3 * 8);
	OK(store_hist_parse(data, bytes, &h, err));
	assert_int_equal(h.exponent, -3);
	assert_int_equal(h.first, -1);
	assert_true(store_hist_count(&h, 1) == UINT64_MAX);
	assert_int_equal(store_hist_parse(data, bytes - 1, &h, &bad), QD_EINPUT);
	assert_int_equal(store_hist_parse(data, 3, &h, &bad), QD_EINPUT);
	((unsigned char *)data)[11] = 0xff;             /* four billion bins */
	assert_int_equal(store_hist_parse(data, bytes, &h, &bad), QD_EINPUT);
	free(data);
	OK(store_pooled_get(st, p.id, "channels", &done, &data, &bytes, err));
	OK(store_channels_parse(data, bytes, &c, err));
	assert_int_equal(c.n, 2);
	assert_true(store_channels_x2(&c, 1) == 2.5 && store_channels_e2(&c, 0) == 0.1);
	assert_int_equal(store_channels_parse(data, bytes - 8, &c, &bad), QD_EINPUT);
	free(data);
	OK(store_pooled_get(st, p.id, "codes", &done, &data, &bytes, err));
	assert_int_equal(bytes, STORE_CODES_BYTES);
	assert_memory_equal(data, codes, bytes);
	free(data);
	OK(store_pooled_get(st, p.id, "nothing", &done, &data, &bytes, err));
	assert_null(data);
}

static void hostile_blocks_are_errors_not_overruns(void **state)
{
	struct store_pair p = plain_pair("activation", 4, "t");
	struct store_sums s = plain_sums(4, 1);
	struct store_sample_rec recs[64] = { 0 }, *list;
	struct qd_err bad;
	bool found;
	size_t n;

	(void)state;
	OK(store_begin(st, err));
	OK(store_add_pairs(st, run_id, &p, 1, err));
	OK(store_put_block(st, p.id, 0, &s, recs, err));
	s.n_samples = 65;
	assert_int_equal(store_put_block(st, p.id, 1, &s, recs, &bad), QD_EBUG);
	OK(store_commit(st, err));
	for (int i = 0; i < 3; i++) {
		static const char *const sql[] = {
			"UPDATE pair_block SET n_samples=1000000",
				"UPDATE pair_block SET n_samples=-1",
			"UPDATE pair_block SET n_samples=2, per_sample=zeroblob(100000)",
		};

		shell(sql[i]);
		assert_int_equal(store_block_get(st, p.id, 0, &s, recs, &found, &bad), QD_EINPUT);
		assert_int_equal(store_pair_samples(st, p.id, &list, &n, &bad), QD_EINPUT);
		assert_null(list);
	}
	shell("UPDATE pair_block SET n_samples=2, per_sample='text of no use'");
	assert_int_equal(store_block_get(st, p.id, 0, &s, recs, &found, &bad), QD_EINPUT);
}

static void activations_of_any_size_round_trip(void **state)
{
	static const int64_t sizes[] = { 0, 1, STORE_CHUNK_BYTES, STORE_CHUNK_BYTES + 1,
					 3 * STORE_CHUNK_BYTES - 5 };
	unsigned char *data = malloc(3 * STORE_CHUNK_BYTES), *chunk = malloc(STORE_CHUNK_BYTES);
	struct store_activation a = { 0, run_id, "float", "t", 0, "FLOAT", "[1]", 0 }, *list;
	struct qd_err bad;
	size_t n, bytes;
	void *back;
	int64_t id = 0;

	(void)state;
	for (size_t i = 0; i < 3 * STORE_CHUNK_BYTES; i++)
		data[i] = (unsigned char)(i * 2654435761u >> 13);
	for (size_t i = 0; i < 5; i++) {
		a.bytes = sizes[i];
		OK(store_begin(st, err));
		/* replaces the one before */
		OK(store_put_activation(st, &a, data, &id, err));
		OK(store_commit(st, err));
		OK(store_activation_read(st, id, 1 << 30, &back, &bytes, err));
		assert_int_equal(bytes, sizes[i]);
		assert_memory_equal(back, data, bytes);
		free(back);
	}
	assert_int_equal(query(st, "SELECT count(*) FROM activation"), 1);
	assert_int_equal(query(st, "SELECT count(*) FROM activation_chunk"), 3);
	assert_int_equal(query(st, "SELECT max(length(data)) FROM activation_chunk"),
			 STORE_CHUNK_BYTES);
	OK(store_activations(st, run_id, "t", &arena, &list, &n, err));
	assert_int_equal(n, 1);
	assert_int_equal(list[0].bytes, sizes[4]);
	free(list);
	OK(store_activation_chunk(st, id, 2, chunk, &bytes, err));
	assert_int_equal(bytes, STORE_CHUNK_BYTES - 5);
	OK(store_activation_chunk(st, id, 3, chunk, &bytes, err));
	assert_int_equal(bytes, 0);
	assert_int_equal(store_activation_read(st, id, 1000, &back, &bytes, &bad), QD_EINPUT);
	assert_int_equal(store_activation_read(st, id + 1, 1 << 30, &back, &bytes, &bad),
			 QD_EINPUT);
	shell("UPDATE activation_chunk SET data=zeroblob(1048570) WHERE seq=1");
	assert_int_equal(store_activation_read(st, id, 1 << 30, &back, &bytes, &bad), QD_EINPUT);
	shell("UPDATE activation SET bytes=9000000000000000000");
	assert_int_equal(store_activation_read(st, id, SIZE_MAX, &back, &bytes, &bad), QD_EINPUT);
	shell("UPDATE activation_chunk SET data=zeroblob(2000000), seq=9 WHERE seq=1");
	assert_int_equal(store_activation_chunk(st, id, 9, chunk, &bytes, &bad), QD_EINPUT);
	free(data);
	free(chunk);
}

static int64_t edit(const char *action, const char *target)
{
	struct store_edit e = { .run_id = run_id, .action = action, .target = target };
	int64_t id = 0;

	OK(store_begin(st, err));
	OK(store_add_edit(st, &e, &id, err));
	OK(store_commit(st, err));
	return id;
}

static int64_t undo_or_redo(bool undo)
{
	struct store_edit e;

	OK(store_begin(st, err));
	if (undo)
		OK(store_undo(st, run_id, &arena, &e, err));
	else
		OK(store_redo(st, run_id, &arena, &e, err));
	OK(store_commit(st, err));
	return e.id;
}

static void the_journal_undoes_and_redoes_in_order(void **state)
{
	struct store_edit *list;
	int64_t a = edit("exclude", "n1"), b = edit("tag", "t"), c;
	size_t n;

	(void)state;
	assert_int_equal(undo_or_redo(false), 0);
	assert_int_equal(undo_or_redo(true), b);
	assert_int_equal(undo_or_redo(true), a);
	assert_int_equal(undo_or_redo(true), 0);
	assert_int_equal(undo_or_redo(false), a);
	assert_int_equal(undo_or_redo(false), b);
	assert_int_equal(undo_or_redo(true), b);
	c = edit("tag", "u");                           /* b can no longer be redone */
	assert_int_equal(undo_or_redo(false), 0);
	OK(store_edits(st, run_id, &arena, &list, &n, err));
	assert_int_equal(n, 3);
	assert_int_equal(list[0].undone, 0);
	assert_int_equal(list[1].undone, 2);
	assert_int_equal(list[2].id, c);
	assert_int_equal(strlen(list[2].at), strlen("2026-01-31T12:00:00Z"));
	free(list);
}

static void scores_round_trip_and_replace(void **state)
{
	struct store_score s = { "isolated", "n1", "out", 100, 1 }, *list;
	size_t n;

	(void)state;
	OK(store_begin(st, err));
	OK(store_put_score(st, run_id, &s, err));
	s.sum_e2 = 10;
	OK(store_put_score(st, run_id, &s, err));
	OK(store_commit(st, err));
	OK(store_scores(st, run_id, "isolated", &arena, &list, &n, err));
	assert_int_equal(n, 1);
	assert_true(list[0].sum_e2 == 10);
	free(list);
}

static void writing_outside_a_transaction_is_refused(void **state)
{
	struct store_pair p = plain_pair("activation", 1, "t");
	struct store_sums s = plain_sums(1, 1);
	struct qd_err bad;

	(void)state;
	assert_int_equal(store_add_pairs(st, run_id, &p, 1, &bad), QD_EBUG);
	assert_int_equal(store_put_block(st, 1, 0, &s, NULL, &bad), QD_EBUG);
	assert_int_equal(store_commit(st, &bad), QD_EBUG);
	store_rollback(st);
	OK(store_begin(st, err));
	assert_int_equal(store_begin(st, &bad), QD_EBUG);
	store_rollback(st);
}

/* Everything a run writes, once. */
static int write_all(struct store *w, struct qd_err *err)
{
	static const uint64_t counts[] = { 1, 2 };
	struct store_pair p[2] = { plain_pair("activation", 1, "t"), plain_pair("output", 2, "o") };
	struct store_sums s = plain_sums(4, 1);
	struct store_sample_rec recs[2] = { { 0 } };
	struct store_activation a = { 0, 0, "float", "t", 0, "FLOAT", "[1]", 4 };
	struct store_edit e = { .action = "tag", .target = "t" };
	int64_t run, id;
	int rc = store_begin(w, err);

	if (!rc)
		rc = add_run(w, &run, err);
	if (!rc)
		rc = store_add_pairs(w, run, p, 2, err);
	for (int i = 0; i < 2 && !rc; i++) {
		rc = store_put_block(w, p[i].id, 0, &s, recs, err);
		if (!rc)
			rc = store_put_total(w, p[i].id, &s, NULL, err);
		if (!rc)
			rc = store_put_hist(w, p[i].id, 2, 0, 0, counts, 2, err);
	}
	a.run_id = e.run_id = run;
	if (!rc)
		rc = store_put_activation(w, &a, "abcd", &id, err);
	if (!rc)
		rc = store_add_edit(w, &e, &id, err);
	if (!rc)
		rc = store_finish_run(w, run, "done", NULL, err);
	if (!rc)
		rc = store_commit(w, err);
	if (rc)
		store_rollback(w);
	return rc;
}

static int64_t integrity(void)
{
	return query(st, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'");
}

static void every_fault_leaves_all_or_nothing(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_STORE, FAULT_ALLOC };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		for (long nth = 1;; nth++) {
			int64_t pairs, blocks;
			struct qd_err bad = { 0 };
			int rc;

			store_close(st);
			/* an empty statement cache each time */
			OK(store_create_or_open(path, 0, &st, err));
			pairs = query(st, "SELECT count(*) FROM pair");
			blocks = query(st, "SELECT count(*) FROM pair_block");
			fault_arm(kinds[k], nth, false);
			rc = write_all(st, &bad);
			if (!fault_fired(kinds[k])) {
				assert_int_equal(rc, 0);
				fault_arm(kinds[k], 0, false);
				break;
			}
			fault_arm(kinds[k], 0, false);
			assert_true(rc < 0);
			assert_int_equal(rc, bad.code);
			assert_false(store_in_transaction(st));
			assert_int_equal(query(st, "SELECT count(*) FROM pair"), pairs);
			assert_int_equal(query(st, "SELECT count(*) FROM pair_block"), blocks);
			assert_int_equal(integrity(), 1);
			OK(write_all(st, err));                         /* and it goes on */
			assert_true(nth < 10000);
		}
	}
}

static int read_all(struct qd_err *err)
{
	struct store_arena a = STORE_ARENA_INIT;
	struct store_row row = STORE_ROW_INIT;
	struct store_pair *pairs = NULL;
	struct store_sample_rec *recs = NULL;
	struct store_run run;
	struct store_sums s;
	void *data = NULL;
	int64_t *ids = NULL, done;
	size_t n = 0, k, bytes;
	bool found;
	int rc = store_run_latest(st, true, &a, &run, err);

	if (!rc)
		rc = store_pairs(st, run.id, NULL, &a, &pairs, &n, err);
	if (!rc)
		rc = store_block_get(st, pairs[0].id, 0, &s, NULL, &found, err);
	if (!rc)
		rc = store_pair_samples(st, pairs[0].id, &recs, &k, err);
	if (!rc)
		rc = store_pooled_get(st, pairs[0].id, "hist", &done, &data, &bytes, err);
	if (!rc)
		rc = store_list(st, run.id, ST_ACTIVATIONS, NULL, &ids, &k, err);
	if (!rc)
		rc = store_cells(st, run.id, ST_ACTIVATIONS, ids[0], &row, err);
	free(pairs);
	free(recs);
	free(data);
	free(ids);
	store_row_release(&row);
	store_arena_release(&a);
	return rc;
}

static void reading_survives_every_fault(void **state)
{
	static const enum fault_kind kinds[] = { FAULT_STORE, FAULT_ALLOC };

	(void)state;
	OK(write_all(st, err));
	for (size_t k = 0; k < 2; k++) {
		for (long nth = 1;; nth++) {
			struct qd_err bad = { 0 };
			int rc;

			sql_drop_cache(st);
			fault_arm(kinds[k], nth, false);
			rc = read_all(&bad);
			if (!fault_fired(kinds[k])) {
				assert_int_equal(rc, 0);
				fault_arm(kinds[k], 0, false);
				break;
			}
			assert_true(rc < 0 && bad.msg[0]);
			assert_int_equal(rc, bad.code);
			assert_true(nth < 10000);
		}
	}
}

static void a_full_disk_keeps_what_was_committed(void **state)
{
	struct qd_err bad = { 0 };
	int64_t before;
	int rc = 0, rounds = 0;

	(void)state;
	OK(write_all(st, err));
	store_set_max_pages(st, query(st, "PRAGMA page_count") + 3);
	do {
		before = query(st, "SELECT count(*) FROM pair_block");
		rc = write_all(st, &bad);
	} while (!rc && ++rounds < 1000);
	assert_int_equal(rc, QD_EDISK);
	assert_non_null(strstr(bad.msg, "disk full while writing the store"));
	assert_non_null(strstr(bad.msg, path));
	assert_int_equal(query(st, "SELECT count(*) FROM pair_block"), before);
	assert_int_equal(integrity(), 1);
	store_set_max_pages(st, 0);
	OK(write_all(st, err));                 /* room was made: the same connection goes on */
	assert_true(store_disk_bytes(st) > 0);
}

static void a_deleted_run_leaves_no_rows(void **state)
{
	struct store_run child = { .parent_id = run_id, .float_id = 1, .quant_id = 2,
				   .dataset_id = 1,
		.options = "{}", .observer = "deployed", .engine = "e", .cpu = "c" };
	int64_t id;

	(void)state;
	OK(write_all(st, err));
	OK(store_begin(st, err));
	OK(store_add_run(st, &child, &id, err));
	for (int64_t r = 1; r < id; r++)
		OK(store_delete_run(st, r, err));
	OK(store_commit(st, err));
	assert_int_equal(query(st, "SELECT count(*) FROM run WHERE parent_id IS NULL"), 1);
	assert_int_equal(query(st, "SELECT (SELECT count(*) FROM pair) + (SELECT count(*) FROM "
			       "pair_block) + "
			       "(SELECT count(*) FROM pair_total) + (SELECT count(*) FROM pooled) "
				       "+ "
			       "(SELECT count(*) FROM activation_chunk) + (SELECT count(*) FROM "
				       "edit)"), 0);
}

/* design.md 6: 10,000 samples of 350 pairs below 200 MB; here a fiftieth of the samples, committed
 * as a run would: blocks grow through several commits. */
static void the_size_budget_holds(void **state)
{
	enum { PAIRS = 350, BLOCKS = 4, STEP = 16 };
	struct store_pair *p = calloc(PAIRS, sizeof(*p));
	struct store_sample_rec recs[64] = { 0 };
	struct store_sums s = plain_sums(1.0 / 3, 1.0 / 7);
	double per_sample_pair;
	int64_t before, after;

	(void)state;
	s.sum_abs_e = s.sum_y2 = s.max_abs_e = s.min_x = s.max_x = s.min_y = s.max_y =
		s.sum_round2 = s.sum_clip2 =
		s.scale_min = s.scale_max = s.worst_ratio = 1.0 / 3;
	s.n = s.max_at = s.n_local = s.n_clipped = 123456789;
	s.zero_min = s.zero_max = s.worst_sample = 100;
	for (int i = 0; i < PAIRS; i++)
		p[i] = plain_pair("activation", i, "t");
	OK(store_begin(st, err));
	OK(store_add_pairs(st, run_id, p, PAIRS, err));
	OK(store_commit(st, err));
	before = query(st, "SELECT page_count * 8192 FROM pragma_page_count");
	for (int b = 0; b < BLOCKS; b++) {
		for (int done = STEP; done <= 64; done += STEP) {
			OK(store_begin(st, err));
			for (int i = 0; i < PAIRS; i++) {
				s.n_samples = done;
				OK(store_put_block(st, p[i].id, b, &s, recs, err));
			}
			OK(store_commit(st, err));
		}
	}
	after = query(st, "SELECT page_count * 8192 FROM pragma_page_count");
	per_sample_pair = (double)(after - before) / (PAIRS * BLOCKS * 64.0);
	print_message("%.1f bytes a sample and pair\n", per_sample_pair);
	assert_true(per_sample_pair * 10000 * 350 < 200e6);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, with_run, without_run)
		T(models_and_data_come_back_and_are_not_doubled),
		T(a_run_is_found_by_what_it_depends_on),
		T(blocks_and_totals_round_trip_to_the_bit),
		T(sample_records_have_the_documented_bytes),
		T(folding_blocks_adds_sums_and_keeps_the_first_extreme),
		T(pooled_blobs_round_trip_and_are_checked),
		T(hostile_blocks_are_errors_not_overruns),
		T(activations_of_any_size_round_trip),
		T(the_journal_undoes_and_redoes_in_order),
		T(scores_round_trip_and_replace),
		T(writing_outside_a_transaction_is_refused),
		T(every_fault_leaves_all_or_nothing),
		T(reading_survives_every_fault),
		T(a_full_disk_keeps_what_was_committed),
		T(a_deleted_run_leaves_no_rows),
		T(the_size_budget_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
