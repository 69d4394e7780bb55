/* Open addressing, FNV-1a, linear probing. */
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct map_slot { const char *key; long value; };

void map_release(struct map *m)
{
	free(m->slots);
	*m = (struct map)MAP_INIT;
}

static uint64_t hash(const char *s)
{
	uint64_t h = 1469598103934665603u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h ^ h >> 29;
}

static struct map_slot *find(struct map_slot *slots, size_t cap, const char *key)
{
	size_t i = hash(key) & (cap - 1);

	while (slots[i].key && strcmp(slots[i].key, key))
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static bool grow(struct map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 64, i;
	struct map_slot *slots = mem_array(cap, sizeof(*slots));

	if (!slots)
		return false;
	for (i = 0; i < m->cap; i++) {
		if (m->slots[i].key)
			*find(slots, cap, m->slots[i].key) = m->slots[i];
	}
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	return true;
}

bool map_put(struct map *m, const char *key, long value)
{
	struct map_slot *s;

	if ((m->n + 1) * 2 > m->cap && !grow(m))
		return false;
	s = find(m->slots, m->cap, key);
	if (!s->key)
		m->n++;
	s->key = key;
	s->value = value;
	return true;
}

long map_get(const struct map *m, const char *key)
{
	const struct map_slot *s;

	if (!m->cap || !key)
		return MAP_NONE;
	s = find(m->slots, m->cap, key);
	return s->key ? s->value : MAP_NONE;
}
