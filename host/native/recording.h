/*
 * recording.h - the host calls of a guest whose tracer is a recorder in C: each charges the scope and records in one step, and finds the
 * span, and the key of an attribute, once for both. The scope weighs payloads and the recorder weighs what it keeps, each by its own
 * limits, exactly as they would apart.
 *
 * One lock guards the scope and the recorder's part of its spans.
 */
#ifndef BEXT_RECORDING_H
#define BEXT_RECORDING_H

#include "recorder_tracer.h"
#include "scope.h"

/* Starts a span and takes it into the scope. The handle is INVALID where the span is not sampled, or the recorder has no room for it. */
bext_verdict bext_recording_start(bext_scope *scope, const bext_recorder_tracer *tracer, const bext_start_call *span,
                                  uint64_t payload_bytes, bext_handle_parts *out);

/* A whole host call, as bext_scope_charge_attribute; the attribute is then recorded. */
bext_verdict bext_recording_set_attribute(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle,
                                          const bext_attribute_view *attribute);

/* A whole host call, as bext_scope_end; the span is then handed on as it ended, at a time or, with 0, now. */
bext_verdict bext_recording_end(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, uint64_t end_time_unix_nanos);

#endif /* BEXT_RECORDING_H */
