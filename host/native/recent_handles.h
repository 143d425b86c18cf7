/*
 * recent_handles.h - the last handles of a kind, each once: the oldest is forgotten when there is no room. All zeros, but for the
 * limit, is an empty set. Ending a span adds to such a set, so it is kept small and near together: 48 bytes for a handle.
 */
#ifndef BEXT_RECENT_HANDLES_H
#define BEXT_RECENT_HANDLES_H

#include <stdbool.h>
#include <stdint.h>

#include "reader.h"

typedef struct bext_recent_handle bext_recent_handle;
typedef struct bext_recent_slot bext_recent_slot;

typedef struct bext_recent_handles {
  bext_recent_handle *items; /* from 1 on: number 0 is none */
  bext_recent_slot *slots;
  uint32_t room; /* of items: a power of two; of slots there are twice as many */
  uint32_t count;
  uint32_t oldest;
  uint32_t newest;
  uint64_t at_most;
} bext_recent_handles;

void bext_recent_handles_clear(bext_recent_handles *recent);

bool bext_recent_handles_has(const bext_recent_handles *recent, const bext_handle_parts *handle);

/* Makes the handle the newest. Where there is no memory it is not remembered, which only makes an unknown parent of it. */
void bext_recent_handles_add(bext_recent_handles *recent, const bext_handle_parts *handle);

#endif /* BEXT_RECENT_HANDLES_H */
