/* Calibrations in the store. */
#include "session/watched.h"

#include <stdlib.h>

#include "engine/engine.h"
#include "quant/watch_blob.h"
#include "session/cache.h"
#include "session/record.h"
#include "store/calibration.h"
#include "store/write.h"

static int load_all(struct store *st, int64_t id, const struct watched_key *key, const int *values, size_t n,
		    struct quant_watch *watch, size_t *loaded, struct qd_err *err)
{
	int rc = 0;

	for (*loaded = 0; !rc && *loaded < n; ++*loaded) {
		size_t bytes;
		void *data;

		rc = store_watch_get(st, id, key->g->values[values[*loaded]].name, &data, &bytes, err);
		if (!rc && !data)
			return 0;
		if (!rc)
			rc = quant_watch_load(data, bytes, &watch[*loaded], err);
		free(data);
		if (rc)
			quant_watch_release(&watch[*loaded]);
		if (rc)
			break;
	}
	return rc;
}

int watched_load(struct store *st, const struct watched_key *key, const int *values, size_t n, struct quant_watch *watch,
		 bool *found, struct qd_err *err)
{
	char stamp[SHA_HEX];
	struct store_calibration_key k = { key->m->sha256, stamp, key->options, key->engine, engine_cpu() };
	size_t loaded = 0, i;
	int64_t id;
	int rc;

	*found = false;
	cache_data_stamp(key->data, stamp);
	rc = store_calibration_find(st, &k, &id, err);
	if (!rc && id)
		rc = load_all(st, id, key, values, n, watch, &loaded, err);
	*found = !rc && id && loaded == n;
	for (i = 0; !*found && i < loaded; i++)
		quant_watch_release(&watch[i]);
	return rc;
}

static int add_rows(struct store *st, const struct watched_key *key, int64_t *id, struct qd_err *err)
{
	struct arena a = ARENA_INIT;
	struct store_model model;
	struct store_dataset dataset = { .options = key->options, .n = data_count(key->data) };
	int64_t model_id = 0, dataset_id = 0;
	char stamp[SHA_HEX];
	char *full = key->data_path ? realpath(key->data_path, NULL) : NULL;
	int rc = record_model(&a, key->m, key->g, "float", "none", &model, err);

	cache_data_stamp(key->data, stamp);
	dataset.stamp = stamp;
	dataset.path = full ? full : key->data_path ? key->data_path : "random";
	if (!rc)
		rc = record_add_model(st, &model, key->g, &model_id, err);
	if (!rc)
		rc = store_add_dataset(st, &dataset, &dataset_id, NULL, err);
	if (!rc)
		rc = store_calibration_add(st, model_id, dataset_id, key->engine, engine_cpu(), id, err);
	arena_release(&a);
	free(full);
	return rc;
}

int watched_save(struct store *st, const struct watched_key *key, const int *values, size_t n,
		 const struct quant_watch *watch, struct qd_err *err)
{
	struct str blob = STR_INIT;
	int64_t id;
	size_t i;
	int rc = store_begin(st, err);

	if (!rc)
		rc = add_rows(st, key, &id, err);
	for (i = 0; !rc && i < n; i++) {
		str_clear(&blob);
		if (!quant_watch_save(&watch[i], &blob))
			break;          /* several windows: not kept, which is no error */
		rc = blob.failed ? err_oom(err, "keeping a calibration")
				 : store_watch_put(st, id, key->g->values[values[i]].name, blob.p, blob.len, err);
	}
	if (!rc && i == n)
		rc = store_calibration_complete(st, id, err);
	if (!rc)
		rc = store_commit(st, err);
	if (rc)
		store_rollback(st);
	str_release(&blob);
	return rc;
}
