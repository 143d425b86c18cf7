/* explicit_times - start, event and end at times of the guest's own; an end before the start counts as the start. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

#define T 1700000000000000000u

static bext_handle start_at(const char *name, uint64_t start_time_unix_nanos) {
  bext_span_builder span;
  bext_span_init(&span, name, BEXT_SPAN_KIND_INTERNAL);
  bext_span_start_time(&span, start_time_unix_nanos);
  return bext_span_start(&span);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle span = start_at("explicit", T);
  bext_handle early;
  (void)event_json;
  (void)length;
  bext_event_with(&span, "between", NULL, 0, T + 1500000000u);
  bext_end_at(&span, T + 2000000000u);
  early = start_at("ends before it starts", T);
  bext_end_at(&early, T - 1);
  return 0;
}
