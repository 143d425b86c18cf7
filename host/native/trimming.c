/* trimming.c - one walk over each map and over the links; memory in proportion to the payload, never to a number in it. */
#include "trimming.h"

#include <stdlib.h>
#include <string.h>

#include "key_map.h"

/* What the number of a key says that is not the index of a kept attribute. */
#define BEXT_KEY_DROPPED UINT64_MAX

bool bext_is_reserved_key(bext_text key) {
  static const char prefix[] = BEXT_RESERVED_KEY_PREFIX;
  return key.length >= sizeof prefix - 1 && memcmp(key.bytes, prefix, sizeof prefix - 1) == 0;
}

/* Why a new key cannot stay, 0 where it can. */
static unsigned refusal(bext_text key, uint32_t kept, uint64_t at_most) {
  if (bext_is_reserved_key(key)) return BEXT_DROP_RESERVED_KEY;
  return kept >= at_most ? BEXT_DROP_ATTRIBUTE_LIMIT : 0;
}

/* Room for one more, doubling. */
static bool reserve_item(void **items, uint32_t count, size_t size) {
  if (count & (count - 1)) return true; /* room is made at each power of two, and at 0 */
  void *larger = realloc(*items, (count ? 2 * (size_t)count : 1) * size);
  if (!larger) return false;
  *items = larger;
  return true;
}

static bool keep_new(const bext_attribute_view *view, uint64_t at_most, bext_drops *drops, bext_kept_attributes *out, bext_key_map *seen) {
  unsigned why = refusal(view->key, out->count, at_most);
  if (!bext_key_map_add(seen, view->key, why ? BEXT_KEY_DROPPED : out->count)) return false;
  if (why) {
    drops->by_reason[why]++;
    out->dropped++;
    return true;
  }
  if (!reserve_item((void **)&out->items, out->count, sizeof *out->items)) return false;
  out->items[out->count++] = *view;
  return true;
}

bool bext_keep_attributes(bext_attributes attributes, uint64_t at_most, bext_drops *drops, bext_kept_attributes *out) {
  bext_key_map seen;
  bext_attribute_view view;
  bool enough_memory = true;
  bext_key_map_init(&seen, false);
  *out = (bext_kept_attributes){NULL, 0, 0};
  while (enough_memory && bext_attributes_next(&attributes, &view)) {
    const bext_key_entry *entry = bext_key_map_get(&seen, view.key);
    if (!entry) enough_memory = keep_new(&view, at_most, drops, out, &seen);
    else if (entry->number != BEXT_KEY_DROPPED) out->items[entry->number] = view;
  }
  drops->by_reason[BEXT_DROP_MALFORMED] += attributes.malformed;
  out->dropped += attributes.malformed;
  bext_key_map_clear(&seen);
  return enough_memory;
}

void bext_free_attributes(bext_kept_attributes *kept) {
  free(kept->items);
  *kept = (bext_kept_attributes){NULL, 0, 0};
}

/* Takes the link over, its attributes too, or drops it where there are enough. False where there is no memory. */
static bool keep_link(const bext_kept_link *link, const bext_limits *limits, bext_drops *drops, bext_kept_links *out) {
  if (out->count >= limits->span_links) {
    drops->by_reason[BEXT_DROP_LINK_LIMIT]++;
    out->dropped++;
    return true;
  }
  if (!reserve_item((void **)&out->items, out->count, sizeof *out->items)) return false;
  out->items[out->count++] = *link;
  return true;
}

bool bext_keep_links(bext_links links, const bext_kept_link *first, const bext_limits *limits, bext_drops *drops,
                     bext_kept_links *out) {
  bext_link_view view;
  *out = (bext_kept_links){NULL, 0, 0};
  if (first && !keep_link(first, limits, drops, out)) return false;
  while (bext_links_next(&links, &view)) {
    bext_kept_link link = {view.handle, {NULL, 0}, {NULL, 0, 0}};
    uint32_t before = out->count;
    if (!keep_link(&link, limits, drops, out)) return false;
    if (out->count == before) continue; /* dropped: its attributes are nobody's */
    if (!bext_keep_attributes(view.attributes, limits->link_attributes, drops, &out->items[before].attributes)) return false;
  }
  return true;
}

void bext_free_links(bext_kept_links *kept) {
  for (uint32_t i = 0; i < kept->count; i++) bext_free_attributes(&kept->items[i].attributes);
  free(kept->items);
  *kept = (bext_kept_links){NULL, 0, 0};
}
