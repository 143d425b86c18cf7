/*
 * payload.h - decodes the structs of the ABI from a guest's payload into views (ABI.md, "Structs" and "Decoding").
 *
 * Framing is checked first, over the whole payload, then the fields in the order of ABI.md's tables; unknown keys are ignored. Each
 * bext_decode function returns BEXT_ACCEPTED or the first rejection, and where it rejects, `out` must not be read.
 *
 * A view points into the payload: whoever decodes keeps the payload alive and unchanged until the last view of it was used. The decoder
 * copies, allocates and writes nothing, keeps nothing between calls, and may be called from any thread. It knows the wire and nothing
 * else: limits, ownership, reserved keys and what a parent means are decided by its callers.
 */
#ifndef BEXT_PAYLOAD_H
#define BEXT_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "attributes.h"
#include "bext_tracer_abi.h"
#include "reader.h"

/* A link to a valid handle. */
typedef struct bext_link_view {
  bext_handle_parts handle;
  bext_attributes attributes;
} bext_link_view;

/* The links of a SpanStart: a position among them. `left` counts links to invalid handles too. All zeros is no links. */
typedef struct bext_links {
  const uint8_t *at;
  uint32_t left;
} bext_links;

typedef struct bext_span_start_view {
  bext_text name;
  enum bext_span_kind kind; /* a kind above 4 is already 0 */
  bool has_parent;
  bool parent_is_remote;
  bext_handle_parts parent; /* may be invalid. All zeros where has_parent is false */
  uint64_t parent_flags;    /* the whole number; only bit 0 has a meaning */
  bext_text trace_state;    /* empty where it is not valid */
  bext_attributes attributes;
  bext_links links;
  uint64_t start_time_unix_nanos; /* 0: absent */
} bext_span_start_view;

typedef struct bext_span_status_view {
  enum bext_status_code code;
  bext_text message;
} bext_span_status_view;

typedef struct bext_span_event_view {
  bext_text name;
  bext_attributes attributes;
  uint64_t time_unix_nanos; /* 0: absent */
} bext_span_event_view;

/* Decodes the payload of `start_span`. Every link is judged here, so that walking them cannot fail. */
enum bext_rejection bext_decode_span_start(const uint8_t *payload, size_t length, bext_span_start_view *out);

/* The next link to a valid handle, in payload order, or false after the last. Links to invalid handles are stepped over. */
bool bext_links_next(bext_links *links, bext_link_view *out);

/* Decodes the payload of `set_status`. */
enum bext_rejection bext_decode_span_status(const uint8_t *payload, size_t length, bext_span_status_view *out);

/* Decodes the payload of `add_event`. */
enum bext_rejection bext_decode_span_event(const uint8_t *payload, size_t length, bext_span_event_view *out);

#endif /* BEXT_PAYLOAD_H */
