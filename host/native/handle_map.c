/* handle_map.c - open addressing with linear probing; a removal moves its followers up, so that there are no marks of the dead. */
#include "handle_map.h"

#include <stdlib.h>

#define BEXT_SMALLEST_MAP 16

static size_t home_of(const bext_handle_map *map, const bext_handle_parts *handle) { return bext_handle_hash(handle) & (map->capacity - 1); }

static bool is_free(const bext_handle_slot *slot) { return slot->value == NULL; }

/* The slot of the handle, or the free one where it would go. The map must have a free slot. */
static size_t find_slot_of(const bext_handle_map *map, const bext_handle_parts *handle) {
  size_t at = home_of(map, handle);
  while (!is_free(&map->slots[at]) && !bext_handle_equal(&map->slots[at].handle, handle)) at = (at + 1) & (map->capacity - 1);
  return at;
}

void bext_handle_map_clear(bext_handle_map *map) {
  free(map->slots);
  *map = (bext_handle_map){NULL, 0, 0};
}

void *bext_handle_map_get(const bext_handle_map *map, const bext_handle_parts *handle) {
  return map->capacity ? map->slots[find_slot_of(map, handle)].value : NULL;
}

static bool grow_map(bext_handle_map *map) {
  bext_handle_map larger = {NULL, map->capacity ? 2 * map->capacity : BEXT_SMALLEST_MAP, map->count};
  larger.slots = calloc(larger.capacity, sizeof *larger.slots);
  if (!larger.slots) return false;
  for (size_t i = 0; i < map->capacity; i++) {
    if (!is_free(&map->slots[i])) larger.slots[find_slot_of(&larger, &map->slots[i].handle)] = map->slots[i];
  }
  free(map->slots);
  *map = larger;
  return true;
}

bool bext_handle_map_put(bext_handle_map *map, const bext_handle_parts *handle, void *value) {
  if (4 * (map->count + 1) > 3 * map->capacity && !grow_map(map)) return false;
  bext_handle_slot *slot = &map->slots[find_slot_of(map, handle)];
  map->count += is_free(slot);
  *slot = (bext_handle_slot){*handle, value};
  return true;
}

/* Fills the hole at `hole` with what stands behind it and could not be at home. */
static void close_hole(bext_handle_map *map, size_t hole) {
  size_t mask = map->capacity - 1;
  for (size_t at = (hole + 1) & mask; !is_free(&map->slots[at]); at = (at + 1) & mask) {
    size_t distance_home = (at - home_of(map, &map->slots[at].handle)) & mask;
    if (distance_home < ((at - hole) & mask)) continue;
    map->slots[hole] = map->slots[at];
    hole = at;
  }
  map->slots[hole] = (bext_handle_slot){{0, 0, 0}, NULL};
}

void *bext_handle_map_remove(bext_handle_map *map, const bext_handle_parts *handle) {
  if (!map->capacity) return NULL;
  size_t at = find_slot_of(map, handle);
  void *value = map->slots[at].value;
  if (!value) return NULL;
  map->count--;
  close_hole(map, at);
  return value;
}
