/* session/cache.h - what identifies a run, where its store is, and whether it is there already. */
#ifndef SESSION_CACHE_H
#define SESSION_CACHE_H

#include "base/arena.h"
#include "data/source.h"
#include "session/session.h"
#include "store/read.h"

/* The store's path: the one given, else <quant-stem>.qdb beside the quantized model, else in the working directory
 * (logged). malloc'd. */
QD_NODISCARD int cache_store_path(const struct session_opts *o, char **out, struct qd_err *err);

/* JSON of every option that can change a number or what is stored; NULL when out of memory. */
char *cache_options(struct arena *a, const struct session_opts *o);

/* Hash over name, size and mtime of the data's files. */
void cache_data_stamp(const struct data_source *d, char hex[SHA_HEX]);

#endif
