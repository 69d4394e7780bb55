/* tests/lib/session_fixture.h - the pair of models, samples and a store in a temporary folder. */
#ifndef TESTS_SESSION_FIXTURE_H
#define TESTS_SESSION_FIXTURE_H

#include "session/session.h"
#include "tests/lib/data_files.h"

struct sfix { struct tdir dir; char f[300], q[300], data[300], store[300]; };

void sfix_make(struct sfix *x, int flags);      /* MB_PAIR_… of model_builder.h */
void sfix_remove(struct sfix *x);
void sfix_samples(struct sfix *x, int n);       /* s0.npy … */
void sfix_nan(struct sfix *x, int i);           /* sample i gets a NaN */
void sfix_drop_store(struct sfix *x);
/* Options on the fixture: one thread, nothing kept, no self-check. */
struct session_opts sfix_opts(const struct sfix *x);

/* Every number of the newest run as text (pairs, blocks, totals, pooled), without ids and times; malloc'd. */
char *sfix_dump(const char *store);
/* One integer from SQL; -1 when there is none. */
long long sfix_query(const char *store, const char *sql);
void sfix_sql(const char *store, const char *sql);

#endif
