/* deep_recursion - calls itself without end with twenty nested spans open, until the stack that guests have is used up. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../guest_sdk/c/bext_tracer.h"

#define LEVELS_WITH_A_SPAN 20

/* Two calls, since a compiler makes a loop of one; the end is further away than any stack reaches. */
static __attribute__((noinline)) uint32_t fall(uint32_t level) {
  if (level >= 0x7fffffff) {
    return level;
  }
  return fall(level + 1) ^ (fall(level + 2) >> 1);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle span = bext_start_under_current("level", BEXT_SPAN_KIND_INTERNAL);
  uint32_t level;
  (void)event_json;
  (void)length;
  for (level = 1; level < LEVELS_WITH_A_SPAN; level++) {
    span = bext_start("level", BEXT_SPAN_KIND_INTERNAL, &span);
  }
  return (int32_t)fall(length);
}
