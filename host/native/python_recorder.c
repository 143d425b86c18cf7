/* python_recorder.c - from payloads to calls of the recorder. */
#include "python_recorder.h"

#include <stdlib.h>

#include "payload.h"

static bool is_malformed(bext_recorder *recorder, enum bext_rejection rejection) {
  if (rejection) bext_recorder_count_drops(recorder, BEXT_DROP_MALFORMED, 1);
  return rejection != BEXT_ACCEPTED;
}

bext_handle_parts bext_recorder_open_payload(bext_recorder *recorder, uint64_t trace_id_hi, uint64_t trace_id_lo, const uint8_t *payload,
                                             size_t length, const uint8_t *scope_name, uint32_t name_length,
                                             const uint8_t *scope_version, uint32_t version_length, uint64_t dropped_attributes,
                                             uint64_t dropped_links) {
  bext_span_start_view view;
  if (is_malformed(recorder, bext_decode_span_start(payload, length, &view))) return (bext_handle_parts){0, 0, 0};
  bext_start_call span = {
      .name = view.name,
      .kind = (uint32_t)view.kind,
      .has_parent = view.has_parent,
      .parent_is_remote = view.parent_is_remote,
      .parent = view.parent,
      .trace_state = view.trace_state,
      .start_time_unix_nanos = view.start_time_unix_nanos,
  };
  span.attributes.dropped = dropped_attributes;
  span.links.dropped = dropped_links;
  return bext_recorder_open(recorder, &span, (bext_text){scope_name, name_length}, (bext_text){scope_version, version_length}, trace_id_hi,
                            trace_id_lo, length);
}

/* All attributes of a map whose keys differ, the host's among them; or none, where there is no memory. How many were lost. */
static uint32_t collect(bext_attributes attributes, uint64_t dropped, bext_kept_attributes *out) {
  *out = (bext_kept_attributes){NULL, 0, dropped};
  if (!attributes.left) return 0;
  out->items = malloc(attributes.left * sizeof *out->items);
  if (out->items) {
    while (bext_attributes_next(&attributes, &out->items[out->count])) out->count++;
    return 0;
  }
  out->dropped += attributes.left;
  return attributes.left;
}

/* Counts what was lost of an event or a link that was added. */
static bool count_lost(bext_recorder *recorder, bool is_added, uint32_t lost) {
  if (is_added && lost) bext_recorder_count_drops(recorder, BEXT_DROP_MEMORY_LIMIT, lost);
  return is_added;
}

bool bext_recorder_link_payload(bext_recorder *recorder, const bext_handle_parts *handle, const bext_handle_parts *linked, const uint8_t *trace_state,
                                uint32_t trace_state_length, const uint8_t *attributes, size_t length, uint64_t dropped_attributes) {
  bext_span_event_view view;
  if (is_malformed(recorder, bext_decode_span_event(attributes, length, &view))) return false;
  bext_kept_link link = {*linked, {trace_state, trace_state_length}, {NULL, 0, 0}};
  uint32_t lost = collect(view.attributes, dropped_attributes, &link.attributes);
  bool is_added = bext_recorder_add_link(recorder, handle, &link);
  bext_free_attributes(&link.attributes);
  return count_lost(recorder, is_added, lost);
}

bool bext_recorder_attribute_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length, bool is_host) {
  bext_attribute_view view;
  if (is_malformed(recorder, bext_decode_attribute(payload, length, &view))) return false;
  return is_host ? bext_recorder_set_host_attribute(recorder, handle, &view) : bext_recorder_set_attribute(recorder, handle, &view);
}

bool bext_recorder_event_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length,
                                 uint64_t dropped_attributes, bool is_host) {
  bext_span_event_view view;
  bext_event_call event;
  if (is_malformed(recorder, bext_decode_span_event(payload, length, &view))) return false;
  event.name = view.name;
  event.time_unix_nanos = view.time_unix_nanos;
  uint32_t lost = collect(view.attributes, dropped_attributes, &event.attributes);
  bool is_added = is_host ? bext_recorder_add_host_event(recorder, handle, &event) : bext_recorder_add_event(recorder, handle, &event);
  bext_free_attributes(&event.attributes);
  return count_lost(recorder, is_added, lost);
}

bool bext_recorder_status_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length, bool is_verdict) {
  bext_span_status_view view;
  if (is_malformed(recorder, bext_decode_span_status(payload, length, &view))) return false;
  return bext_recorder_set_status(recorder, handle, (uint32_t)view.code, view.message, is_verdict);
}
