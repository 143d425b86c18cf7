/*
 * recent_handles.c - items in one array, linked from the oldest to the newest, and found through a table of their numbers (open
 * addressing, linear probing, a removal moves its followers up). A slot keeps its item's hash, so that probing seldom leaves the table.
 */
#include "recent_handles.h"

#include <stdlib.h>

#include "handle_map.h"

#define SMALLEST_ROOM 8

struct bext_recent_handle {
  bext_handle_parts handle;
  uint32_t older;
  uint32_t newer;
};

struct bext_recent_slot {
  uint32_t number; /* of the item; 0 is a free slot */
  uint32_t hash;
};

void bext_recent_handles_clear(bext_recent_handles *recent) {
  free(recent->items);
  free(recent->slots);
  *recent = (bext_recent_handles){.at_most = recent->at_most};
}

/* --- The table ------------------------------------------------------------------------------------------------------------- */

static uint32_t mask_of(const bext_recent_handles *recent) { return 2 * recent->room - 1; }

/* The slot of the handle, or the free one where it would go. */
static uint32_t find_recent(const bext_recent_handles *recent, const bext_handle_parts *handle, uint32_t hash) {
  uint32_t at = hash & mask_of(recent);
  for (; recent->slots[at].number; at = (at + 1) & mask_of(recent)) {
    const bext_recent_slot *slot = &recent->slots[at];
    if (slot->hash == hash && bext_handle_equal(&recent->items[slot->number].handle, handle)) break;
  }
  return at;
}

static void free_slot(bext_recent_handles *recent, uint32_t hole) {
  uint32_t mask = mask_of(recent);
  for (uint32_t at = (hole + 1) & mask; recent->slots[at].number; at = (at + 1) & mask) {
    uint32_t distance_home = (at - recent->slots[at].hash) & mask;
    if (distance_home < ((at - hole) & mask)) continue;
    recent->slots[hole] = recent->slots[at];
    hole = at;
  }
  recent->slots[hole].number = 0;
}

/* --- The chain ------------------------------------------------------------------------------------------------------------- */

static void unlink_item(bext_recent_handles *recent, const bext_recent_handle *item) {
  if (item->older) recent->items[item->older].newer = item->newer;
  else recent->oldest = item->newer;
  if (item->newer) recent->items[item->newer].older = item->older;
  else recent->newest = item->older;
}

static void link_newest(bext_recent_handles *recent, uint32_t number) {
  recent->items[number].older = recent->newest;
  recent->items[number].newer = 0;
  if (recent->newest) recent->items[recent->newest].newer = number;
  else recent->oldest = number;
  recent->newest = number;
}

/* --- Room ------------------------------------------------------------------------------------------------------------------ */

static bool grow_recent(bext_recent_handles *recent) {
  uint32_t room = recent->room ? 2 * recent->room : SMALLEST_ROOM;
  if (room > UINT32_MAX / 4) return false;
  bext_recent_slot *slots = calloc(2 * (size_t)room, sizeof *slots);
  bext_recent_handle *items = slots ? realloc(recent->items, ((size_t)room + 1) * sizeof *items) : NULL;
  if (!items) {
    free(slots);
    return false;
  }
  bext_recent_slot *old = recent->slots;
  recent->items = items;
  recent->slots = slots;
  recent->room = room;
  for (uint32_t i = 0; old && i < room; i++) {
    if (old[i].number) slots[find_recent(recent, &items[old[i].number].handle, old[i].hash)] = old[i];
  }
  free(old);
  return true;
}

/* The number of an item for a new handle: that of the oldest, where there may be no more. 0 where there is no memory. */
static uint32_t new_item(bext_recent_handles *recent) {
  if (recent->count < recent->at_most) return recent->count < recent->room || grow_recent(recent) ? ++recent->count : 0;
  uint32_t number = recent->oldest;
  if (!number) return 0;
  const bext_recent_handle *item = &recent->items[number];
  free_slot(recent, find_recent(recent, &item->handle, bext_handle_hash(&item->handle)));
  unlink_item(recent, item);
  return number;
}

/* --- The set --------------------------------------------------------------------------------------------------------------- */

bool bext_recent_handles_has(const bext_recent_handles *recent, const bext_handle_parts *handle) {
  return recent->room && recent->slots[find_recent(recent, handle, bext_handle_hash(handle))].number;
}

void bext_recent_handles_add(bext_recent_handles *recent, const bext_handle_parts *handle) {
  uint32_t hash = bext_handle_hash(handle);
  uint32_t number = recent->room ? recent->slots[find_recent(recent, handle, hash)].number : 0;
  if (number) {
    unlink_item(recent, &recent->items[number]);
  } else {
    number = new_item(recent);
    if (!number) return;
    recent->items[number].handle = *handle;
    recent->slots[find_recent(recent, handle, hash)] = (bext_recent_slot){number, hash};
  }
  link_newest(recent, number);
}
