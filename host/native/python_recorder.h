/*
 * python_recorder.h - the recorder as Python calls it. What Python says comes checked, and in the payloads that a guest would send; each
 * function gives false where the span is not open or did not take it.
 */
#ifndef BEXT_PYTHON_RECORDER_H
#define BEXT_PYTHON_RECORDER_H

#include "recorder.h"

/*
 * Opens a span in a trace that was chosen. The payload is that of its SpanStart without attributes; its links count in its weight, and
 * are added afterwards.
 */
bext_handle_parts bext_recorder_open_payload(bext_recorder *recorder, uint64_t trace_id_hi, uint64_t trace_id_lo, const uint8_t *payload,
                                             size_t length, const uint8_t *scope_name, uint32_t name_length,
                                             const uint8_t *scope_version, uint32_t version_length, uint64_t dropped_attributes,
                                             uint64_t dropped_links);

/* The attributes are those of a SpanEvent's payload. */
bool bext_recorder_link_payload(bext_recorder *recorder, const bext_handle_parts *handle, const bext_handle_parts *linked, const uint8_t *trace_state,
                                uint32_t trace_state_length, const uint8_t *attributes, size_t length, uint64_t dropped_attributes);

/* With `is_host`, outside the limits. */
bool bext_recorder_attribute_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length, bool is_host);
bool bext_recorder_event_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length,
                                 uint64_t dropped_attributes, bool is_host);

bool bext_recorder_status_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length, bool is_verdict);

#endif /* BEXT_PYTHON_RECORDER_H */
