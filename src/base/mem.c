/* Allocation with overflow checks and fault points. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

void *mem_alloc(size_t bytes)
{
	return fault_hit(FAULT_ALLOC) ? NULL : malloc(bytes ? bytes : 1);
}

void *mem_zalloc(size_t bytes)
{
	return fault_hit(FAULT_ALLOC) ? NULL : calloc(1, bytes ? bytes : 1);
}

bool mem_mul(size_t a, size_t b, size_t *out)
{
	return !__builtin_mul_overflow(a, b, out);
}

void *mem_array(size_t n, size_t size)
{
	size_t bytes;

	return mem_mul(n, size, &bytes) ? mem_zalloc(bytes) : NULL;
}

bool mem_grow(void *p, size_t *cap, size_t need, size_t size)
{
	void **slot = p, *grown;
	size_t n = *cap ? *cap : 8, bytes;

	if (need <= *cap)
		return true;
	while (n < need) {
		if (n > SIZE_MAX / 2)
			return false;
		n *= 2;
	}
	if (!mem_mul(n, size, &bytes) || fault_hit(FAULT_ALLOC))
		return false;
	grown = realloc(*slot, bytes);
	if (!grown)
		return false;
	*slot = grown;
	*cap = n;
	return true;
}

char *mem_strndup(const char *s, size_t n)
{
	char *copy = mem_alloc(n + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	s = mem_alloc((size_t)n + 1);
	if (!s)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}
