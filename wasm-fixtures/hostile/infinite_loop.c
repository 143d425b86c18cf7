/* infinite_loop - opens a span, and loops for ever: its call ends when its fuel or its time is over. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../guest_sdk/c/bext_tracer.h"

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle outer = bext_start_under_current("outer", BEXT_SPAN_KIND_SERVER);
  bext_handle inner = bext_start("inner", BEXT_SPAN_KIND_INTERNAL, &outer);
  volatile uint32_t turns = 0;
  (void)event_json;
  (void)length;
  bext_set_str(&inner, "step", "before the loop");
  for (;;) {
    turns += 1;
  }
}
