/*
 * handle_map.h - a hash map from handles to pointers, which it does not own. NULL is no value: it marks a free slot.
 */
#ifndef BEXT_HANDLE_MAP_H
#define BEXT_HANDLE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader.h"

typedef struct bext_handle_slot {
  bext_handle_parts handle;
  void *value;
} bext_handle_slot;

/* All zeros is an empty map. */
typedef struct bext_handle_map {
  bext_handle_slot *slots;
  size_t capacity; /* a power of two, or 0 */
  size_t count;
} bext_handle_map;

static inline bool bext_handle_equal(const bext_handle_parts *a, const bext_handle_parts *b) {
  return a->span_id == b->span_id && a->trace_id_lo == b->trace_id_lo && a->trace_id_hi == b->trace_id_hi;
}

/* Span ids are random where the tracer is sound; the mixing serves those that count. */
static inline uint32_t bext_handle_hash(const bext_handle_parts *handle) {
  uint64_t mixed = (handle->span_id ^ handle->trace_id_lo) * UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ handle->trace_id_hi ^ mixed >> 32) * UINT64_C(0x9e3779b97f4a7c15);
  return (uint32_t)(mixed >> 20);
}

/* Frees the map's own memory; the map is empty afterwards. */
void bext_handle_map_clear(bext_handle_map *map);

/* The value, or NULL where the handle is not in the map. */
void *bext_handle_map_get(const bext_handle_map *map, const bext_handle_parts *handle);

/* Puts in a value that is not NULL, in place of the one there. False where there is no memory; the map is then as it was. */
bool bext_handle_map_put(bext_handle_map *map, const bext_handle_parts *handle, void *value);

/* Takes out and returns the value, NULL where there was none. */
void *bext_handle_map_remove(bext_handle_map *map, const bext_handle_parts *handle);

#endif /* BEXT_HANDLE_MAP_H */
