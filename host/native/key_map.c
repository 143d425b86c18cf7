/* key_map.c - entries in an array, found by comparing them all while they are few, else through open addressing. */
#include "key_map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BEXT_SMALLEST_SLOTS (4 * BEXT_FEW_KEYS)
#define BEXT_SMALLEST_CHUNK 512

struct bext_key_chunk {
  bext_key_chunk *next;
  size_t used;
  size_t room;
  uint8_t bytes[];
};

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

void bext_key_map_init(bext_key_map *map, bool owns_keys) {
  map->entries = NULL;
  map->slots = NULL;
  map->chunks = NULL;
  map->count = map->entry_room = map->slot_count = map->few_bytes_used = 0;
  map->owns_keys = owns_keys;
}

void bext_key_map_clear(bext_key_map *map) {
  while (map->chunks) {
    bext_key_chunk *next = map->chunks->next;
    free(map->chunks);
    map->chunks = next;
  }
  free(map->entries);
  free(map->slots);
  bext_key_map_init(map, map->owns_keys);
}

static bool is_key(const bext_key_entry *entry, bext_text key) {
  return entry->key.length == key.length && (key.length == 0 || memcmp(entry->key.bytes, key.bytes, key.length) == 0);
}

/* --- A few keys ------------------------------------------------------------------------------------------------------------ */

static bext_key_entry *find_in_few(bext_key_map *map, bext_text key) {
  for (uint32_t i = 0; i < map->count; i++) {
    if (is_key(&map->few[i], key)) return &map->few[i];
  }
  return NULL;
}

/* --- Many keys ------------------------------------------------------------------------------------------------------------- */

/* The slot of the key, or the free one where it would go. */
static uint32_t find_slot(const bext_key_map *map, bext_text key, uint64_t hash) {
  uint32_t mask = map->slot_count - 1;
  uint32_t at = (uint32_t)hash & mask;
  for (; map->slots[at]; at = (at + 1) & mask) {
    const bext_key_entry *entry = &map->entries[map->slots[at] - 1];
    if (entry->hash == hash && is_key(entry, key)) break;
  }
  return at;
}

static void fill_slots(bext_key_map *map, uint32_t *slots, uint32_t slot_count) {
  map->slots = slots;
  map->slot_count = slot_count;
  for (uint32_t i = 0; i < map->count; i++) slots[find_slot(map, map->entries[i].key, map->entries[i].hash)] = i + 1;
}

static bool grow_slots(bext_key_map *map) {
  uint32_t *old = map->slots;
  uint32_t *slots = calloc(2 * (size_t)map->slot_count, sizeof *slots);
  if (!slots) return false;
  fill_slots(map, slots, 2 * map->slot_count);
  free(old);
  return true;
}

static bool grow_entries(bext_key_map *map) {
  bext_key_entry *entries = realloc(map->entries, 2 * (size_t)map->entry_room * sizeof *entries);
  if (!entries) return false;
  map->entries = entries;
  map->entry_room *= 2;
  return true;
}

/* Moves the few to where there is room for many; all or nothing. */
static bool leave_few(bext_key_map *map) {
  bext_key_entry *entries = malloc(2 * BEXT_FEW_KEYS * sizeof *entries);
  uint32_t *slots = calloc(BEXT_SMALLEST_SLOTS, sizeof *slots);
  if (!entries || !slots) {
    free(entries);
    free(slots);
    return false;
  }
  pthread_once(&seed_once, make_seed);
  memcpy(entries, map->few, sizeof map->few);
  for (uint32_t i = 0; i < map->count; i++) entries[i].hash = hash_of(entries[i].key);
  map->entries = entries;
  map->entry_room = 2 * BEXT_FEW_KEYS;
  fill_slots(map, slots, BEXT_SMALLEST_SLOTS);
  return true;
}

/* Room for one more key beyond the few. */
static bool make_room(bext_key_map *map) {
  if (!map->entries) return leave_few(map);
  if (map->count == map->entry_room && !grow_entries(map)) return false;
  return 4 * ((uint64_t)map->count + 1) <= 3 * (uint64_t)map->slot_count || grow_slots(map);
}

/* --- Keys that the map owns -------------------------------------------------------------------------------------------------- */

static uint8_t *room_in_chunk(bext_key_map *map, size_t size) {
  bext_key_chunk *chunk = map->chunks;
  if (!chunk || chunk->room - chunk->used < size) {
    size_t room = chunk ? 2 * chunk->room : BEXT_SMALLEST_CHUNK;
    if (room < size) room = size;
    bext_key_chunk *larger = malloc(sizeof *larger + room);
    if (!larger) return NULL;
    *larger = (bext_key_chunk){chunk, 0, room};
    map->chunks = chunk = larger;
  }
  uint8_t *at = chunk->bytes + chunk->used;
  chunk->used += size;
  return at;
}

static bool own_key(bext_key_map *map, bext_text *key) {
  uint8_t *copy;
  if (key->length <= BEXT_FEW_KEY_BYTES - map->few_bytes_used) {
    copy = map->few_bytes + map->few_bytes_used;
    map->few_bytes_used += key->length;
  } else {
    copy = room_in_chunk(map, key->length);
    if (!copy) return false;
  }
  if (key->length) memcpy(copy, key->bytes, key->length);
  key->bytes = copy;
  return true;
}

/* --- Both -------------------------------------------------------------------------------------------------------------------- */

bext_key_entry *bext_key_map_get(bext_key_map *map, bext_text key) {
  if (!map->entries) return find_in_few(map, key);
  uint32_t slot = map->slots[find_slot(map, key, hash_of(key))];
  return slot ? &map->entries[slot - 1] : NULL;
}

bext_key_entry *bext_key_map_add(bext_key_map *map, bext_text key, uint64_t number) {
  bool is_one_of_few = !map->entries && map->count < BEXT_FEW_KEYS;
  if (!is_one_of_few && !make_room(map)) return NULL;
  if (map->owns_keys && !own_key(map, &key)) return NULL;
  uint64_t hash = is_one_of_few ? 0 : hash_of(key);
  bext_key_entry *entry = &bext_key_map_entries(map)[map->count++];
  *entry = (bext_key_entry){key, number, hash};
  if (!is_one_of_few) map->slots[find_slot(map, key, hash)] = map->count;
  return entry;
}
