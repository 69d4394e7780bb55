/* Finding the library. Never looks in the working directory: a model folder is not a place for code. */
#include "engine/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

static const char *const names[] = {
	"libonnxruntime.so.1", "libonnxruntime.so", "libonnxruntime.so.1.32.0", "libonnxruntime.so.1.21",
};
enum { N_NAMES = sizeof(names) / sizeof(names[0]) };

static void *try_open(const char *path)
{
	void *h;

	/* some builds print registration notices to stderr while they are loaded */
	log_capture_stderr_begin();
	h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	log_capture_stderr_end();
	if (!h)
		log_add(LOG_DEBUG, "%s", dlerror());
	return h;
}

static void *try_dir(const char *dir, char *path, size_t size)
{
	size_t i;

	for (i = 0; i < N_NAMES; i++) {
		void *h;

		snprintf(path, size, "%s/%s", dir, names[i]);
		if (fs_exists(path) && (h = try_open(path)))
			return h;
	}
	return NULL;
}

static void *try_env(char *path, size_t size)
{
	const char *env = getenv("ONNXRUNTIME_DIR");
	char dir[4096];
	void *h;

	if (!env || env[0] != '/')
		return NULL;
	snprintf(dir, sizeof(dir), "%s/lib", env);
	h = try_dir(dir, path, size);
	return h ? h : try_dir(env, path, size);
}

/* Beside the program: PREFIX/bin/../lib/qdebug when installed, build/deps from anywhere in a build tree. */
static void *try_beside(char *path, size_t size)
{
	char self[4096], dir[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int up;
	void *h;

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	for (up = 0; up < 5; up++) {
		char *slash = strrchr(self, '/');

		if (!slash || slash == self)
			return NULL;
		*slash = '\0';
		if (up == 0) {
			snprintf(dir, sizeof(dir), "%s/../lib/qdebug", self);
			if ((h = try_dir(dir, path, size)))
				return h;
		}
		if (strcmp(fs_basename(self), "build"))
			continue;
		snprintf(dir, sizeof(dir), "%s/deps/onnxruntime/lib", self);
		if ((h = try_dir(dir, path, size)))
			return h;
	}
	return NULL;
}

static void *try_system(char *path, size_t size)
{
	size_t i;
	void *h;

	for (i = 0; i < N_NAMES; i++) {
		snprintf(path, size, "%s", names[i]);
		if ((h = try_open(path)))
			return h;
	}
	return NULL;
}

int library_open(void **handle, char *path, size_t size, struct qd_err *err)
{
#ifdef QDEBUG_SYSTEM_ORT        /* built against the pkg-config package */
	void *(*const order[])(char *, size_t) = { try_env, try_system, try_beside };
#else
	void *(*const order[])(char *, size_t) = { try_env, try_beside, try_system };
#endif
	size_t i;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if ((*handle = order[i](path, size)))
			return 0;
	}
	return err_set(err, QD_EENGINE, "libonnxruntime.so.1 was not found beside the program, in $ONNXRUNTIME_DIR/lib "
		       "or on the system path; run `make deps`, or set ONNXRUNTIME_DIR to an unpacked release");
}
