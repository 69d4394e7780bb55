/* Plain inference of both models over the samples, what the comparison pass is measured against.
 *   plain FLOAT QUANT DIR SAMPLES THREADS LEVEL HOW      LEVEL: all, disable; HOW: inside, flight
 * The same engine layer, session options and sample source as the program. `inside`: one sample after
 * the other with THREADS engine threads, as the engine is used by default. `flight`: THREADS samples
 * at once, each run by one engine thread, as the program does it. Prints "open SECONDS pass SECONDS": loading both sessions, and running all samples. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "data/source.h"
#include "engine/engine.h"

enum { MAX_INPUTS = 64, MAX_OUTPUTS = 64, MAX_THREADS = 64 };

struct plain {
	struct engine *engine;
	struct engine_session *session[2];
	struct data_source *data;
	atomic_llong next;
	int wanted[MAX_OUTPUTS];
};

static void die(const struct qd_err *err)
{
	fprintf(stderr, "plain: %s\n", err->msg);
	exit(1);
}

static struct engine_session *open_session(struct engine *e, const char *path, const char *level,
					    int threads)
{
	struct engine_opts opts = {
		.level = !strcmp(level, "all") ? ENGINE_ALL : ENGINE_DISABLE_ALL, .threads = threads
	};
	struct engine_session *s;
	struct fs_map map;
	struct qd_err err;

	if (fs_map_open(path, &map, &err) ||
	    engine_session_open(e, path, map.data, map.size, &opts, &s, &err))
		die(&err);
	fs_map_close(&map);
	if (engine_n_outputs(s) > MAX_OUTPUTS || engine_n_inputs(s) > MAX_INPUTS) {
		fprintf(stderr, "plain: %s: too many inputs or outputs\n", path);
		exit(1);
	}
	return s;
}

static void run_model(struct plain *p, struct engine_run *run, int which,
		      const struct data_sample *sample)
{
	struct engine_value out[MAX_OUTPUTS];
	size_t n = engine_n_outputs(p->session[which]);
	struct qd_err err;

	if (engine_run(run, p->session[which], sample->tensors, p->wanted, n, out, &err))
		die(&err);
	while (n-- > 0)
		engine_value_release(p->engine, &out[n]);
}

static void *worker(void *arg)
{
	struct plain *p = arg;
	struct engine_run *run;
	struct data_sample sample;
	struct qd_err err;
	long long i;

	if (engine_run_new(p->engine, &run, &err))
		die(&err);
	while ((i = atomic_fetch_add(&p->next, 1)) < data_count(p->data)) {
		if (data_read(p->data, i, &sample, &err))
			die(&err);
		run_model(p, run, 0, &sample);
		run_model(p, run, 1, &sample);
		data_sample_release(&sample);
	}
	engine_run_free(run);
	return NULL;
}

static struct data_source *open_data(const struct engine_session *s, const char *dir,
				     long samples)
{
	struct data_input in[MAX_INPUTS];
	struct data_options opt = { .samples = samples };
	struct data_source *src;
	struct qd_err err;
	size_t i;

	for (i = 0; i < engine_n_inputs(s); i++) {
		const struct engine_io *io = engine_input(s, i);

		in[i] = (struct data_input){ io->name, io->dtype, io->rank, io->dims, false };
	}
	if (data_open(dir, in, (int)engine_n_inputs(s), &opt, &src, &err))
		die(&err);
	return src;
}

static void run_all(struct plain *p, int threads)
{
	pthread_t id[MAX_THREADS];
	int i;

	for (i = 1; i < threads; i++) {
		if (pthread_create(&id[i], NULL, worker, p))
			exit(1);
	}
	worker(p);
	for (i = 1; i < threads; i++)
		pthread_join(id[i], NULL);
}

int main(int argc, char **argv)
{
	struct plain p = { 0 };
	struct qd_err err;
	double t0 = clock_now(), t1;
	int threads = argc == 8 ? (int)strtol(argv[5], NULL, 10) : 0, i;
	bool inside;

	if (threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: plain FLOAT QUANT DIR SAMPLES THREADS all|disable inside|flight\n");
		return 2;
	}
	inside = !strcmp(argv[7], "inside");
	if (engine_open(&p.engine, &err))
		die(&err);
	for (i = 0; i < MAX_OUTPUTS; i++)
		p.wanted[i] = i;
	for (i = 0; i < 2; i++)
		p.session[i] = open_session(p.engine, argv[1 + i], argv[6], inside ? threads : 1);
	p.data = open_data(p.session[0], argv[3], strtol(argv[4], NULL, 10));
	t1 = clock_now();
	run_all(&p, inside ? 1 : threads);
	printf("open %.6f pass %.6f\n", t1 - t0, clock_now() - t1);
	data_close(p.data);
	engine_session_close(p.session[1]);
	engine_session_close(p.session[0]);
	engine_close(p.engine);
	return 0;
}
