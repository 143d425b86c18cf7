/*
 * key_map.h - a set of attribute keys in the order in which they came, with a number for each. Keys are compared byte by byte.
 *
 * Guests choose the keys, so the hash is seeded: they cannot choose which ones collide. Nothing here knows what the number means.
 */
#ifndef BEXT_KEY_MAP_H
#define BEXT_KEY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader.h"

typedef struct bext_key_entry {
  bext_text key;
  uint64_t number;
  uint64_t hash;
} bext_key_entry;

/* All zeros is an empty map of keys that live elsewhere; with `owns_keys` set beforehand it copies them. */
typedef struct bext_key_map {
  bext_key_entry *entries;
  uint32_t *slots; /* an entry's index plus 1; 0 is free */
  uint32_t count;
  uint32_t entry_room;
  uint32_t slot_count; /* a power of two, or 0 */
  bool owns_keys;
} bext_key_map;

/* Frees the map's memory; it is empty afterwards and still owns keys or not as before. */
void bext_key_map_clear(bext_key_map *map);

/* The entry of a key, or NULL. It may move when a key is added. */
bext_key_entry *bext_key_map_get(const bext_key_map *map, bext_text key);

/* Adds a key that is not in the map. NULL where there is no memory; the map is then as it was. */
bext_key_entry *bext_key_map_add(bext_key_map *map, bext_text key, uint64_t number);

#endif /* BEXT_KEY_MAP_H */
