/*
 * recent_handles.h - the last handles of a kind, each once: the oldest is forgotten when there is no room. All zeros, but for the
 * limit, is an empty set.
 */
#ifndef BEXT_RECENT_HANDLES_H
#define BEXT_RECENT_HANDLES_H

#include <stdbool.h>
#include <stdint.h>

#include "handle_map.h"

typedef struct bext_recent_handle bext_recent_handle;

typedef struct bext_recent_handles {
  bext_handle_map map;
  bext_recent_handle *oldest;
  bext_recent_handle *newest;
  uint64_t at_most;
} bext_recent_handles;

void bext_recent_handles_clear(bext_recent_handles *recent);

bool bext_recent_handles_has(const bext_recent_handles *recent, const bext_handle_parts *handle);

/* Makes the handle the newest. Where there is no memory it is not remembered, which only makes an unknown parent of it. */
void bext_recent_handles_add(bext_recent_handles *recent, const bext_handle_parts *handle);

#endif /* BEXT_RECENT_HANDLES_H */
