/* Records: one table of fields each, from which SQL, binding and reading follow.  Knows the column
 * names. */
#include "store/record.h"

#include <string.h>

#include "base/mem.h"
#include "store/internal.h"

#define ID(s, f) { #f, FIELD_ID, offsetof(struct store_##s, f) }
#define INT(s, f) { #f, FIELD_INT, offsetof(struct store_##s, f) }
#define REAL(s, f) { #f, FIELD_REAL, offsetof(struct store_##s, f) }
#define TEXT(s, f) { #f, FIELD_TEXT, offsetof(struct store_##s, f) }
#define MAP(name, tab, rec) const struct record_map map_##name = { \
	tab, name##_fields, sizeof(name##_fields) / sizeof(name##_fields[0]), \
	sizeof(struct store_##rec) }

static const struct field model_fields[] = {
	ID(model, id), TEXT(model, role), TEXT(model, path), TEXT(model, sha256), INT(model, size),
	INT(model, mtime_ns), TEXT(model, stamps), INT(model, opset), INT(model, n_nodes),
	TEXT(model, format),
};
MAP(model, "model", model);

static const struct field node_fields[] = {
	INT(node, idx), TEXT(node, name), TEXT(node, op), TEXT(node, domain),
};
MAP(node, "node", node);

static const struct field tensor_fields[] = {
	INT(tensor, pos), TEXT(tensor, name), TEXT(tensor, kind), TEXT(tensor, dtype),
	TEXT(tensor, shape),
	INT(tensor, node_idx),
};
MAP(tensor, "tensor", tensor);

static const struct field dataset_fields[] = {
	ID(dataset, id), TEXT(dataset, path), TEXT(dataset, options), TEXT(dataset, stamp),
	TEXT(dataset, sha256), INT(dataset, n),
};
MAP(dataset, "dataset", dataset);

static const struct field sample_fields[] = { INT(sample, idx), TEXT(sample, name),
					      TEXT(sample, sha256) };
MAP(sample, "sample", sample);

static const struct field run_fields[] = {
	ID(run, id), ID(run, parent_id), ID(run, float_id), ID(run, quant_id), ID(run, dataset_id),
	TEXT(run, recipe), TEXT(run, options), TEXT(run, observer), TEXT(run, engine),
	TEXT(run, cpu),
	TEXT(run, status), TEXT(run, message), INT(run, owner_pid), INT(run, owner_start),
	INT(run, samples),
	INT(run, samples_done), INT(run, samples_bad), TEXT(run, started_at), REAL(run, seconds),
	INT(run, peak_rss),
};
MAP(run, "run", run);

static const struct field pair_fields[] = {
	ID(pair, id), ID(pair, run_id), TEXT(pair, kind), INT(pair, pos), INT(pair, qpos),
	TEXT(pair, tensor),
	TEXT(pair, quant_tensor), TEXT(pair, side), TEXT(pair, node), TEXT(pair, op),
	TEXT(pair, matched_by),
	TEXT(pair, reason), TEXT(pair, detail), TEXT(pair, observed), TEXT(pair, derived_from),
	TEXT(pair, qtype), INT(pair, axis), INT(pair, block_size), TEXT(pair, scale),
	TEXT(pair, zero_point),
	REAL(pair, scale0), INT(pair, zero0), INT(pair, qmin), INT(pair, qmax),
	INT(pair, channel_axis),
	TEXT(pair, shape),
};
MAP(pair, "pair", pair);

/* pair_block and pair_total share these; their keys and extras are bound separately. */
#define SUMS \
	INT(sums, n_samples), INT(sums, n), REAL(sums, sum_x2), REAL(sums, sum_e2), \
	REAL(sums, sum_abs_e), \
	REAL(sums, sum_y2), REAL(sums, max_abs_e), INT(sums, max_at), INT(sums, max_sample), \
	REAL(sums, min_x), REAL(sums, max_x), REAL(sums, min_y), REAL(sums, max_y), \
	INT(sums, bad_x), \
	INT(sums, bad_y), INT(sums, n_local), REAL(sums, sum_round2), REAL(sums, sum_clip2), \
	INT(sums, n_clipped), INT(sums, n_pre), REAL(sums, sum_pre2), REAL(sums, sum_pre_e2), \
	INT(sums, n_argmax), INT(sums, n_argmax_equal), INT(sums, n_equal), REAL(sums, scale_min), \
	REAL(sums, scale_max), INT(sums, zero_min), INT(sums, zero_max), INT(sums, worst_sample), \
	REAL(sums, worst_ratio)

static const struct field block_fields[] = { SUMS };
MAP(block, "pair_block", sums);
static const struct field total_fields[] = { SUMS };
MAP(total, "pair_total", sums);

static const struct field extra_fields[] = {
	INT(total_extra, codes_used), INT(total_extra, worst_channel),
	REAL(total_extra, worst_channel_sqnr),
	{ "hist16", FIELD_HEX16, offsetof(struct store_total_extra, hist16) },
};
MAP(extra, "pair_total", total_extra);

static const struct field activation_fields[] = {
	ID(activation, id), ID(activation, run_id), TEXT(activation, side),
	TEXT(activation, tensor),
	INT(activation, sample), TEXT(activation, dtype), TEXT(activation, shape),
	INT(activation, bytes),
};
MAP(activation, "activation", activation);

static const struct field score_fields[] = {
	TEXT(score, mode), TEXT(score, node), TEXT(score, output), REAL(score, sum_x2),
	REAL(score, sum_e2),
};
MAP(score, "score", score);

static const struct field edit_fields[] = {
	ID(edit, id), ID(edit, run_id), INT(edit, undone), TEXT(edit, action), TEXT(edit, target),
	TEXT(edit, value), TEXT(edit, at),
};
MAP(edit, "edit", edit);

void record_columns(struct str *out, const struct record_map *m, const char *prefix)
{
	for (size_t i = 0; i < m->n; i++)
		str_addf(out, "%s%s%s", i ? ", " : "", prefix, m->fields[i].name);
}

static void make_insert(struct str *out, const void *key, int verb)
{
	const struct record_map *m = key;

	(void)verb;
	str_addf(out, "INSERT INTO %s(", m->table);
	record_columns(out, m, "");
	str_add(out, ") VALUES(");
	for (size_t i = 0; i < m->n; i++)
		str_addf(out, "%s?%zu", i ? "," : "", i + 1);
	str_add(out, ")");
}

sqlite3_stmt *record_insert(struct store *st, const struct record_map *m, struct qd_err *err)
{
	return sql_get_made(st, m, REC_INSERT, make_insert, err);
}

void record_bind(sqlite3_stmt *s, const struct record_map *m, const void *rec, int first)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct field *f = &m->fields[i];
		const void *p = (const char *)rec + f->offset;
		int at = first + (int)i;

		switch (f->type) {
		case FIELD_ID:
			bind_int(s, at, *(const int64_t *)p > 0 ? *(const int64_t *)p : STORE_NONE);
			break;
		case FIELD_INT:
			bind_int(s, at, *(const int64_t *)p);
			break;
		case FIELD_REAL:
			bind_real(s, at, *(const double *)p);
			break;
		case FIELD_TEXT:
			bind_text(s, at, *(const char *const *)p);
			break;
		case FIELD_HEX16:
			bind_text(s, at, *(const char *)p ? p : NULL);
			break;
		}
	}
}

static int read_text(sqlite3_stmt *s, int at, char **out, struct store_arena *a, struct qd_err *err)
{
	const unsigned char *text = sqlite3_column_text(s, at);
	size_t n = (size_t)sqlite3_column_bytes(s, at);

	*out = NULL;
	if (!text && sqlite3_column_type(s, at) == SQLITE_NULL)
		return 0;
	*out = text ? arena_text(a, text, n) : NULL;
	return *out ? 0 : err_oom(err, "reading the store");
}

int record_read(sqlite3_stmt *s, const struct record_map *m, int first, void *rec,
		struct store_arena *a,
		struct qd_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < m->n && !rc; i++) {
		const struct field *f = &m->fields[i];
		void *p = (char *)rec + f->offset;
		const char *hex;
		int at = first + (int)i;

		switch (f->type) {
		case FIELD_ID:
			*(int64_t *)p = sqlite3_column_int64(s, at);
			break;
		case FIELD_INT:
			*(int64_t *)p = column_int(s, at);
			break;
		case FIELD_REAL:
			*(double *)p = column_real(s, at);
			break;
		case FIELD_TEXT:
			rc = read_text(s, at, p, a, err);
			break;
		case FIELD_HEX16:
			hex = (const char *)sqlite3_column_text(s, at);
			memset(p, 0, 17);
			if (hex && strlen(hex) == 16)
				memcpy(p, hex, 16);
			break;
		}
	}
	return rc;
}

struct store_arena_page {
	struct store_arena_page *next;
	size_t used, size;
	char data[];
};

enum { ARENA_PAGE = 32 * 1024 };

char *arena_text(struct store_arena *a, const void *text, size_t n)
{
	struct store_arena_page *page = a->pages;
	size_t size = n + 1 > ARENA_PAGE ? n + 1 : ARENA_PAGE;
	char *at;

	if (!page || page->size - page->used < n + 1) {
		page = mem_alloc(sizeof(*page) + size);
		if (!page)
			return NULL;
		*page = (struct store_arena_page){ a->pages, 0, size };
		a->pages = page;
	}
	at = page->data + page->used;
	memcpy(at, text, n);
	at[n] = '\0';
	page->used += n + 1;
	return at;
}

void store_arena_release(struct store_arena *a)
{
	while (a->pages) {
		struct store_arena_page *next = a->pages->next;

		free(a->pages);
		a->pages = next;
	}
}
