/* CPU features that decide which integer and float kernels ONNX Runtime picks. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "engine/engine.h"

static char features[256];

static void add(const char *name, int have)
{
	size_t n = strlen(features);

	if (have)
		snprintf(features + n, sizeof(features) - n, "%s%s", n ? " " : "", name);
}

static void detect(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	add("x86_64", 1);
	add("avx", __builtin_cpu_supports("avx"));
	add("avx2", __builtin_cpu_supports("avx2"));
	add("fma", __builtin_cpu_supports("fma"));
	add("avx512f", __builtin_cpu_supports("avx512f"));
	add("avx512bw", __builtin_cpu_supports("avx512bw"));
	add("avx512_vnni", __builtin_cpu_supports("avx512vnni"));
#elif defined(__aarch64__)
	add("aarch64", 1);
#else
	add("other", 1);
#endif
}

const char *engine_cpu(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, detect);
	return features;
}
