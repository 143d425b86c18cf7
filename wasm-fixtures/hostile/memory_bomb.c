/* memory_bomb - takes memory, a page at a time with a span for each 64, until there is none, and traps with the last span open. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../guest_sdk/c/bext_tracer.h"

#define PAGES_A_SPAN 64

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle outer = bext_start_under_current("outer", BEXT_SPAN_KIND_SERVER);
  (void)event_json;
  (void)length;
  for (;;) {
    bext_handle step = bext_start("take", BEXT_SPAN_KIND_INTERNAL, &outer);
    int page;
    for (page = 0; page < PAGES_A_SPAN; page++) {
      if (__builtin_wasm_memory_grow(0, 1) == (__SIZE_TYPE__)-1) {
        __builtin_trap();
      }
    }
    bext_end(&step);
  }
}
