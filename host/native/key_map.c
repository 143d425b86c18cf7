/* key_map.c - entries in an array, found through open addressing. Entries are never taken out one by one. */
#include "key_map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <pthread.h>

#define BEXT_SMALLEST_KEY_MAP 8

static uint64_t seed;
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

/* Without a seed the map is as correct, only open to keys that were chosen to collide. */
static void make_seed(void) {
  if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) seed = UINT64_C(0x51ed270b9f2c5d11);
}

static uint64_t hash_of(bext_text key) {
  uint64_t hash = seed ^ key.length;
  for (uint32_t i = 0; i < key.length; i++) {
    hash = (hash ^ key.bytes[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
  }
  return hash;
}

void bext_key_map_clear(bext_key_map *map) {
  if (map->owns_keys) {
    for (uint32_t i = 0; i < map->count; i++) free((void *)(uintptr_t)map->entries[i].key.bytes);
  }
  free(map->entries);
  free(map->slots);
  *map = (bext_key_map){NULL, NULL, 0, 0, 0, map->owns_keys};
}

static bool is_key(const bext_key_entry *entry, bext_text key, uint64_t hash) {
  return entry->hash == hash && entry->key.length == key.length &&
         (key.length == 0 || memcmp(entry->key.bytes, key.bytes, key.length) == 0);
}

/* The slot of the key, or the free one where it would go. */
static uint32_t find(const bext_key_map *map, bext_text key, uint64_t hash) {
  uint32_t mask = map->slot_count - 1;
  uint32_t at = (uint32_t)hash & mask;
  while (map->slots[at] && !is_key(&map->entries[map->slots[at] - 1], key, hash)) at = (at + 1) & mask;
  return at;
}

bext_key_entry *bext_key_map_get(const bext_key_map *map, bext_text key) {
  if (!map->slot_count) return NULL;
  uint32_t slot = map->slots[find(map, key, hash_of(key))];
  return slot ? &map->entries[slot - 1] : NULL;
}

static bool grow_slots(bext_key_map *map) {
  uint32_t slot_count = map->slot_count ? 2 * map->slot_count : BEXT_SMALLEST_KEY_MAP;
  uint32_t *slots = calloc(slot_count, sizeof *slots);
  if (!slots) return false;
  free(map->slots);
  map->slots = slots;
  map->slot_count = slot_count;
  for (uint32_t i = 0; i < map->count; i++) slots[find(map, map->entries[i].key, map->entries[i].hash)] = i + 1;
  return true;
}

static bool grow_entries(bext_key_map *map) {
  uint32_t room = map->entry_room ? 2 * map->entry_room : BEXT_SMALLEST_KEY_MAP;
  bext_key_entry *entries = realloc(map->entries, room * sizeof *entries);
  if (!entries) return false;
  map->entries = entries;
  map->entry_room = room;
  return true;
}

static bool copy_key(bext_text *key) {
  uint8_t *copy = malloc(key->length ? key->length : 1);
  if (!copy) return false;
  if (key->length) memcpy(copy, key->bytes, key->length);
  key->bytes = copy;
  return true;
}

bext_key_entry *bext_key_map_add(bext_key_map *map, bext_text key, uint64_t number) {
  pthread_once(&seed_once, make_seed);
  if (map->count == map->entry_room && !grow_entries(map)) return NULL;
  if (4 * ((uint64_t)map->count + 1) > 3 * (uint64_t)map->slot_count && !grow_slots(map)) return NULL;
  if (map->owns_keys && !copy_key(&key)) return NULL;
  uint64_t hash = hash_of(key);
  bext_key_entry *entry = &map->entries[map->count++];
  *entry = (bext_key_entry){key, number, hash};
  map->slots[find(map, key, hash)] = map->count;
  return entry;
}
