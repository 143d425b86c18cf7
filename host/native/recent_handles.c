/* recent_handles.c - a map into a linked list from the oldest to the newest. */
#include "recent_handles.h"

#include <stdlib.h>

struct bext_recent_handle {
  bext_handle_parts handle;
  bext_recent_handle *older;
  bext_recent_handle *newer;
};

static void unlink_handle(bext_recent_handles *recent, bext_recent_handle *item) {
  if (item->older) item->older->newer = item->newer;
  else recent->oldest = item->newer;
  if (item->newer) item->newer->older = item->older;
  else recent->newest = item->older;
}

static void link_newest(bext_recent_handles *recent, bext_recent_handle *item) {
  item->older = recent->newest;
  item->newer = NULL;
  if (recent->newest) recent->newest->newer = item;
  else recent->oldest = item;
  recent->newest = item;
}

static void forget(bext_recent_handles *recent, bext_recent_handle *item) {
  bext_handle_map_remove(&recent->map, &item->handle);
  unlink_handle(recent, item);
  free(item);
}

void bext_recent_handles_clear(bext_recent_handles *recent) {
  while (recent->oldest) forget(recent, recent->oldest);
  bext_handle_map_clear(&recent->map);
}

bool bext_recent_handles_has(const bext_recent_handles *recent, const bext_handle_parts *handle) {
  return bext_handle_map_get(&recent->map, handle) != NULL;
}

void bext_recent_handles_add(bext_recent_handles *recent, const bext_handle_parts *handle) {
  bext_recent_handle *item = bext_handle_map_get(&recent->map, handle);
  if (item) {
    unlink_handle(recent, item);
    link_newest(recent, item);
    return;
  }
  item = malloc(sizeof *item);
  if (!item) return;
  item->handle = *handle;
  if (!bext_handle_map_put(&recent->map, handle, item)) {
    free(item);
    return;
  }
  link_newest(recent, item);
  while (recent->map.count > recent->at_most) forget(recent, recent->oldest);
}
