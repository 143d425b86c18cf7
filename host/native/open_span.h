/*
 * open_span.h - a span that has started and not ended, with OpenTelemetry's limits and status rules. Not locked: its recorder guards it.
 *
 * What a call brings is packed at once, so that nothing points into a payload afterwards. A span weighs what the calls that it keeps
 * take in canonical msgpack; an overwritten attribute gives its own back. What the host itself records stands outside the limits.
 */
#ifndef BEXT_OPEN_SPAN_H
#define BEXT_OPEN_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "finished.h"
#include "guest_limits.h"
#include "packed_attributes.h"
#include "tracer_calls.h"

typedef struct bext_open_span bext_open_span;

/* What a span has beside its SpanStart. */
typedef struct bext_span_origin {
  bext_handle_parts handle;
  bext_text scope; /* the name and the version of the instrumentation scope, packed: see bext_pack_scope */
  bext_text trace_state;
  uint64_t start_time;  /* that of the SpanStart, or of the clock where it has none */
  int64_t clock_offset; /* what its trace's clock adds to the monotonic one, in nanoseconds */
  uint64_t payload_bytes; /* what the SpanStart weighs without its attributes */
} bext_span_origin;

/* Packs the fields of a span that its instrumentation scope gives. NULL where there is no memory; `bytes` is the caller's to free. */
bext_text bext_pack_scope(bext_text name, bext_text version);

/* What a SpanStart weighs without its attributes, and with the links that fit. */
uint64_t bext_start_bytes(const bext_start_call *span, const bext_limits *limits);

/* The same with as many attributes as fit; the others are counted as dropped. */
bext_kept_attributes bext_cut_attributes(const bext_kept_attributes *attributes, uint64_t at_most);

/* A span without its attributes and links, NULL where there is no memory. `memory`: that of a span to make it of, or NULL; taken over. */
bext_open_span *bext_open_span_new(const bext_start_call *span, const bext_span_origin *origin, bext_open_span *memory);
/* Frees all that the span has, but for its own memory, which is good for another one or to be freed. */
void bext_open_span_empty(bext_open_span *span);
/* Whether its own memory is worth keeping for another one. */
bool bext_open_span_is_small(const bext_open_span *span);
/* Frees it. */
void bext_open_span_free(bext_open_span *span);

/* Who has the span. For its recorder; whoever lets go of it last frees it. */
typedef struct bext_span_owners {
  bool is_open; /* the recorder finds it by its handle */
  bool is_held; /* a scope has it among those of its guest */
} bext_span_owners;

bext_span_owners *bext_open_span_owners(bext_open_span *span);

/* What the guest and the host recorded weighs. */
uint64_t bext_open_span_weight(const bext_open_span *span);
const bext_handle_parts *bext_open_span_handle(const bext_open_span *span);
int64_t bext_open_span_clock_offset(const bext_open_span *span);
bext_text bext_open_span_trace_state(const bext_open_span *span);

/* The next of these return 0, or the reason where they drop what they were given; dropped attributes and events are then counted. */
bext_verdict bext_open_span_set_attribute(bext_open_span *span, const bext_attribute_view *attribute, const bext_limits *limits);
/* The same for a key that is not reserved; `slot`: that of the key, NULL where it has none; it is then the new one, or still NULL. */
bext_verdict bext_open_span_set_guest_attribute(bext_open_span *span, const bext_attribute_view *attribute, const bext_limits *limits,
                                                bext_packed_slot **slot);
bext_packed_slot *bext_open_span_find_attribute(bext_open_span *span, bext_text key);
/* `event` comes with as many attributes as it may have; its time is used as it is. `payload_bytes`: what it weighs. */
bext_verdict bext_open_span_add_event(bext_open_span *span, const bext_event_call *event, uint64_t time, uint64_t payload_bytes,
                                      const bext_limits *limits);
/* A link with as many attributes as it may have. Its weight is part of the start's. */
bext_verdict bext_open_span_add_link(bext_open_span *span, const bext_kept_link *link);
void bext_open_span_add_dropped(bext_open_span *span, uint64_t attributes, uint64_t events, uint64_t links);
/*
 * `ok` is final, `unset` never overwrites, a message counts only with an error; a verdict is final beside other verdicts, and stands
 * outside the limits.
 */
bext_verdict bext_open_span_set_status(bext_open_span *span, uint32_t code, bext_text message, bool is_verdict, const bext_limits *limits);

/* The host's own, outside the limits. */
bext_verdict bext_open_span_set_host_attribute(bext_open_span *span, const bext_attribute_view *attribute);
bext_verdict bext_open_span_add_host_event(bext_open_span *span, const bext_event_call *event, uint64_t time, uint64_t payload_bytes);

/* What an event weighs. */
uint64_t bext_event_bytes(const bext_event_call *event);

/* The span as it ended, never before its start; none where there is no memory. The open span stays the caller's; `memory` may be NULL. */
bext_finished_place bext_open_span_finish(bext_open_span *span, uint64_t end_time_unix_nanos, bext_finished_memory *memory);

#endif /* BEXT_OPEN_SPAN_H */
