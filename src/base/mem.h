/* base/mem.h - allocation that reports failure and checks its products.
 *
 * All return NULL on failure (and when a fault test says so); nothing aborts.
 * Memory is released with free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t bytes);
void *mem_zalloc(size_t bytes);

/* n * size zeroed bytes; NULL when the product overflows. Never NULL for n == 0. */
void *mem_array(size_t n, size_t size);

/* Room for `need` elements in a growing array (*cap elements of `size` at *p); doubles.
 * New space is not zeroed. Returns false and leaves everything alone on failure. */
bool mem_grow(void *p, size_t *cap, size_t need, size_t size);

char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* a * b into *out; false on overflow. */
bool mem_mul(size_t a, size_t b, size_t *out);

#endif
