/*
 * key_map.h - a set of attribute keys in the order in which they came, with a number for each. Keys are compared byte by byte.
 *
 * A few short keys need no memory beside the map itself; more are found through a hash. Guests choose the keys, so the hash is seeded:
 * they cannot choose which ones collide. Nothing here knows what the number means.
 */
#ifndef BEXT_KEY_MAP_H
#define BEXT_KEY_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader.h"

#define BEXT_FEW_KEYS 8
#define BEXT_FEW_KEY_BYTES 96

typedef struct bext_key_entry {
  bext_text key;
  uint64_t number;
  uint64_t hash; /* set where there are more than a few keys */
} bext_key_entry;

/* Keys that the map owns and that do not fit into it. */
typedef struct bext_key_chunk bext_key_chunk;

/* The map must not be copied or moved. All zeros is an empty map of keys that live elsewhere; with `owns_keys` set, it copies them. */
typedef struct bext_key_map {
  bext_key_entry *entries; /* NULL while they are few */
  uint32_t *slots;         /* an entry's index plus 1; 0 is free. NULL while they are few */
  bext_key_chunk *chunks;
  uint32_t count;
  uint32_t entry_room;
  uint32_t slot_count; /* a power of two, or 0 */
  uint32_t few_bytes_used;
  bool owns_keys;
  bext_key_entry few[BEXT_FEW_KEYS];
  uint8_t few_bytes[BEXT_FEW_KEY_BYTES];
} bext_key_map;

/* Makes an empty map of memory that holds anything. */
void bext_key_map_init(bext_key_map *map, bool owns_keys);

/* Frees the map's memory; it is empty afterwards and still owns keys or not as before. */
void bext_key_map_clear(bext_key_map *map);

/* The entry of a key, or NULL. It may move when a key is added. */
bext_key_entry *bext_key_map_get(bext_key_map *map, bext_text key);

/* Adds a key that is not in the map. NULL where there is no memory; the map is then as it was. */
bext_key_entry *bext_key_map_add(bext_key_map *map, bext_text key, uint64_t number);

/* The entries in the order in which they came; as many as `count`. */
static inline bext_key_entry *bext_key_map_entries(bext_key_map *map) { return map->entries ? map->entries : map->few; }

#endif /* BEXT_KEY_MAP_H */
