/* base/sha.h - SHA-256 (nettle), streaming. */
#ifndef BASE_SHA_H
#define BASE_SHA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sha { uint64_t opaque[32]; };
enum { SHA_HEX = 65 };

void sha_init(struct sha *s);
void sha_add(struct sha *s, const void *data, size_t n);
void sha_hex(struct sha *s, char out[SHA_HEX]);        /* lower case, NUL-terminated */

/* Of a whole file. */
QD_NODISCARD int sha_file(const char *path, char out[SHA_HEX], struct qd_err *err);

#endif
