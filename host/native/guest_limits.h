/*
 * guest_limits.h - what a guest can make the host keep, in numbers (ABI.md, "Limits"). The defaults are the ABI header's; Python's class
 * Limits fills this in. It decides nothing.
 */
#ifndef BEXT_GUEST_LIMITS_H
#define BEXT_GUEST_LIMITS_H

#include <stdint.h>

/* Inclusive limits. 64 bits each, so that no sum with them wraps. */
typedef struct bext_limits {
  uint64_t payload_bytes;
  uint64_t span_attributes;
  uint64_t span_events;
  uint64_t span_links;
  uint64_t event_attributes;
  uint64_t link_attributes;
  uint64_t span_bytes;
  uint64_t scope_open_spans;
  uint64_t scope_bytes;
  uint64_t scope_ended_parents;
  uint64_t queue_spans;
  uint64_t queue_bytes;
} bext_limits;

#endif /* BEXT_GUEST_LIMITS_H */
