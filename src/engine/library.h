/* engine/library.h - where the ONNX Runtime library is. */
#ifndef ENGINE_LIBRARY_H
#define ENGINE_LIBRARY_H

#include <stddef.h>

#include "base/err.h"

/* dlopen() the library and return the handle; path (at least 4096 bytes) receives where it was found. */
QD_NODISCARD int library_open(void **handle, char *path, size_t size, struct qd_err *err);

#endif
