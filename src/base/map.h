/* base/map.h - hash map from text to an integer. One thread. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

/* Keys are borrowed: they must outlive the map. */
struct map {
	struct map_slot *slots;
	size_t n, cap;
};

#define MAP_INIT { NULL, 0, 0 }
#define MAP_NONE (-1L)

void map_release(struct map *m);
bool map_put(struct map *m, const char *key, long value);     /* overwrites; false when out of memory */
long map_get(const struct map *m, const char *key);           /* MAP_NONE when absent */

#endif
