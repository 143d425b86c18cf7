/* trap_with_open_spans - traps with three nested spans open, which the host must end. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../guest_sdk/c/bext_tracer.h"

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle outer = bext_start_under_current("outer", BEXT_SPAN_KIND_SERVER);
  bext_handle middle = bext_start("middle", BEXT_SPAN_KIND_INTERNAL, &outer);
  bext_handle inner = bext_start("inner", BEXT_SPAN_KIND_CLIENT, &middle);
  (void)event_json;
  (void)length;
  bext_set_str(&inner, "step", "before the trap");
  __builtin_trap();
}
