/*
 * handle_ring.h - the last handles of a kind, of which none comes twice: spans of a recorder, whose ids are random. Ending a span adds to
 * it, which takes a few instructions and a line of memory; looking for one takes a look at them all, newest first, so a ring is for a few
 * thousand at most. All zeros, but for the limit, is an empty ring.
 */
#ifndef BEXT_HANDLE_RING_H
#define BEXT_HANDLE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

#define BEXT_LARGEST_RING 4096

typedef struct bext_handle_ring {
  bext_handle_parts *items;
  uint32_t room;
  uint32_t count;
  uint32_t next; /* where the next one goes: in place of the oldest, where there may be no more */
  uint32_t at_most;
} bext_handle_ring;

void bext_handle_ring_clear(bext_handle_ring *ring);

bool bext_handle_ring_has(const bext_handle_ring *ring, const bext_handle_parts *handle);

/* Makes room for more; false where there may be no more, or there is no memory. */
bool bext_handle_ring_grow(bext_handle_ring *ring);

/* Makes the handle the newest. Where there is no memory for more of them the oldest goes, which only makes an unknown parent of it. */
static inline void bext_handle_ring_add(bext_handle_ring *ring, const bext_handle_parts *handle) {
  if (ring->next == ring->room && !bext_handle_ring_grow(ring)) ring->next = 0;
  if (ring->next == ring->room) return;
  ring->items[ring->next++] = *handle;
  if (ring->count < ring->next) ring->count = ring->next;
}

#endif /* BEXT_HANDLE_RING_H */
