/*
 * trimming.h - what a guest sent, cut to what it may send: reserved keys, keys that come twice, counts beyond the limits (ABI.md, "Order
 * of checks"). The results point into the payload and are freed with it.
 */
#ifndef BEXT_TRIMMING_H
#define BEXT_TRIMMING_H

#include <stdbool.h>
#include <stdint.h>

#include "attributes.h"
#include "guest_limits.h"
#include "payload.h"

#define BEXT_DROP_REASONS (BEXT_DROP_EXPORT_FAILED + 1)

/* What is 0 is fine, what is not is an `enum bext_drop_reason`. */
typedef unsigned bext_verdict;

/* How much of one payload was dropped, by `enum bext_drop_reason`: never more than it has bytes. Small, since every start has one. */
typedef struct bext_drops {
  uint32_t by_reason[BEXT_DROP_REASONS];
} bext_drops;

static inline bool bext_has_drops(const bext_drops *drops) {
  uint32_t any = 0;
  for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) any |= drops->by_reason[i];
  return any != 0;
}

/* The attributes that stay, each key once, in the order of their first occurrence; and how many did not. */
typedef struct bext_kept_attributes {
  bext_attribute_view *items;
  uint32_t count;
  uint64_t dropped;
} bext_kept_attributes;

typedef struct bext_kept_link {
  bext_handle_parts handle;
  bext_text trace_state; /* of a remote parent that became a link; else empty */
  bext_kept_attributes attributes;
} bext_kept_link;

typedef struct bext_kept_links {
  bext_kept_link *items;
  uint32_t count;
  uint64_t dropped;
} bext_kept_links;

/* Picks the attributes that stay. False where there is no memory. Freed with bext_free_attributes either way. */
bool bext_keep_attributes(bext_attributes attributes, uint64_t at_most, bext_drops *drops, bext_kept_attributes *out);

void bext_free_attributes(bext_kept_attributes *kept);

/*
 * Picks the links that stay; `first`, where not NULL, stands before the guest's own and counts as one. False where there is no
 * memory. Freed with bext_free_links either way.
 */
bool bext_keep_links(bext_links links, const bext_kept_link *first, const bext_limits *limits, bext_drops *drops,
                     bext_kept_links *out);

void bext_free_links(bext_kept_links *kept);

bool bext_is_reserved_key(bext_text key);

#endif /* BEXT_TRIMMING_H */
