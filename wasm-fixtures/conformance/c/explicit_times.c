/* explicit_times - start, event and end at times of the guest's own; an end before the start counts as the start. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

#define T 1700000000000000000u

static bext_handle start_at(const char *name, uint64_t start_time_unix_nanos) {
  uint8_t buffer[128];
  bext_span_builder span;
  bext_span_init(&span, buffer, sizeof buffer, name, BEXT_SPAN_KIND_INTERNAL);
  bext_span_start_time(&span, start_time_unix_nanos);
  return bext_span_start(&span);
}

static void add_event_at(bext_handle span, const char *name, uint64_t time_unix_nanos) {
  uint8_t buffer[64];
  bext_event_builder event;
  bext_event_init(&event, buffer, sizeof buffer, name);
  bext_event_time(&event, time_unix_nanos);
  bext_event_add(span, &event);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle span = start_at("explicit", T);
  bext_handle early;
  (void)event_json;
  (void)length;
  add_event_at(span, "between", T + 1500000000u);
  bext_end_at(span, T + 2000000000u);
  early = start_at("ends before it starts", T);
  bext_end_at(early, T - 1);
  return 0;
}
