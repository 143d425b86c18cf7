/* span_flood - starts and ends 20,000 spans, then starts 5,000 that it leaves open: what goes beyond the limits is dropped, and counted. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../guest_sdk/c/bext_tracer.h"

#define LEFT_OPEN 5000
#define ENDED 20000

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle current = BEXT_HANDLE_INVALID;
  uint32_t i;
  (void)event_json;
  (void)length;
  (void)bext_current_span(&current);
  for (i = 0; i < ENDED; i++) {
    bext_handle span = bext_start("ended", BEXT_SPAN_KIND_INTERNAL, &current);
    bext_end(&span);
  }
  for (i = 0; i < LEFT_OPEN; i++) {
    (void)bext_start("left open", BEXT_SPAN_KIND_INTERNAL, &current);
  }
  return 0;
}
