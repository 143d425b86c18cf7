/* handle_ring.c - an array that is written round and round once it has grown as far as it may. */
#include "handle_ring.h"

#include <stdlib.h>

#include "handle_map.h"

#define SMALLEST_RING 16

void bext_handle_ring_clear(bext_handle_ring *ring) {
  free(ring->items);
  *ring = (bext_handle_ring){.at_most = ring->at_most};
}

/* The newest of these first. */
static bool has_among(const bext_handle_ring *ring, uint32_t from, uint32_t to, const bext_handle_parts *handle) {
  for (uint32_t i = to; i-- > from;) {
    if (ring->items[i].span_id == handle->span_id && bext_handle_equal(&ring->items[i], handle)) return true;
  }
  return false;
}

bool bext_handle_ring_has(const bext_handle_ring *ring, const bext_handle_parts *handle) {
  return has_among(ring, 0, ring->next, handle) || has_among(ring, ring->next, ring->count, handle);
}

bool bext_handle_ring_grow(bext_handle_ring *ring) {
  uint32_t room = ring->room ? 2 * ring->room : SMALLEST_RING;
  if (room > ring->at_most) room = ring->at_most;
  if (room == ring->room) return false;
  bext_handle_parts *items = realloc(ring->items, room * sizeof *items);
  if (!items) return false;
  ring->items = items;
  ring->room = room;
  return true;
}
