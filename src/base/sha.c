/* SHA-256 by nettle. */
#include "base/sha.h"

#include <assert.h>
#include <nettle/sha2.h>
#include <nettle/version.h>
#include <stdio.h>

#include "base/fs.h"

static_assert(sizeof(struct sha256_ctx) <= sizeof(struct sha), "struct sha too small");

void sha_init(struct sha *s)
{
	sha256_init((struct sha256_ctx *)s);
}

void sha_add(struct sha *s, const void *data, size_t n)
{
	sha256_update((struct sha256_ctx *)s, n, data);
}

void sha_hex(struct sha *s, char out[SHA_HEX])
{
	uint8_t d[SHA256_DIGEST_SIZE];
	int i;

#if NETTLE_VERSION_MAJOR >= 4
	sha256_digest((struct sha256_ctx *)s, d);
#else
	sha256_digest((struct sha256_ctx *)s, sizeof(d), d);
#endif
	for (i = 0; i < SHA256_DIGEST_SIZE; i++)
		snprintf(out + 2 * i, 3, "%02x", d[i]);
}

int sha_file(const char *path, char out[SHA_HEX], struct qd_err *err)
{
	struct fs_map m;
	struct sha s;
	int rc = fs_map_open(path, &m, err);

	if (rc)
		return rc;
	sha_init(&s);
	sha_add(&s, m.data, m.size);
	sha_hex(&s, out);
	fs_map_close(&m);
	return 0;
}
