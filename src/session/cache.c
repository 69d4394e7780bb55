/* Identity of a run. */
#include "session/cache.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

int cache_store_path(const struct session_opts *o, char **out, struct qd_err *err)
{
	char *dir = NULL, *stem = NULL, *name = NULL, *path = NULL;

	*out = NULL;
	if (o->store_path) {
		*out = mem_strdup(o->store_path);
		return *out ? 0 : err_oom(err, o->store_path);
	}
	dir = fs_dirname(o->quant_path);
	stem = fs_stem(o->quant_path);
	name = stem ? mem_printf("%s.qdb", stem) : NULL;
	path = dir && name ? fs_join(dir, name) : NULL;
	if (path && !fs_exists(path) && access(dir, W_OK)) {
		log_add(LOG_WARN, "%s is not writable: the store is %s in the working directory", dir, name);
		free(path);
		path = mem_strdup(name);
	}
	free(dir);
	free(stem);
	free(name);
	*out = path;
	return path ? 0 : err_oom(err, o->quant_path);
}

char *cache_options(struct arena *a, const struct session_opts *o)
{
	static const char *const keeps[] = { "none", "worst", "all" };
	struct str s = STR_INIT;
	struct json j;
	char *out;
	size_t i;

	json_init(&j, &s, 0);
	json_open(&j, NULL, '{');
	json_int(&j, "samples", o->samples);
	json_int(&j, "batch", o->batch);
	json_int(&j, "random", o->random);
	json_bool(&j, "allow_nonfinite", o->allow_nonfinite);
	json_bool(&j, "skip_bad", o->skip_bad);
	json_str(&j, "keep_activations", keeps[o->keep]);
	json_int(&j, "activation_budget", o->activation_budget);
	json_open(&j, "map", '[');
	for (i = 0; i < 2 * o->n_map; i++)
		json_str(&j, NULL, o->map[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	if (s.len && s.p[s.len - 1] == '\n')
		s.p[--s.len] = '\0';
	out = s.failed ? NULL : arena_strdup(a, s.p);
	str_release(&s);
	return out;
}

void cache_data_stamp(const struct data_source *d, char hex[SHA_HEX])
{
	struct fs_stamp stamp;
	char name[4096], tail[80];
	struct sha sha;
	int64_t i;

	sha_init(&sha);
	for (i = 0; i < data_file_count(d); i++) {
		data_stamp(d, i, name, sizeof(name), &stamp);
		snprintf(tail, sizeof(tail), " %lld %lld\n", (long long)stamp.size, (long long)stamp.mtime_ns);
		sha_add(&sha, name, strlen(name));
		sha_add(&sha, tail, strlen(tail));
	}
	sha_hex(&sha, hex);
}
