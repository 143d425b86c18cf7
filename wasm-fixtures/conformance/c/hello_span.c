/* hello_span - the smallest trace: one span below the host's, with two attributes, an event and a status. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle hello = bext_start_under_current("hello", BEXT_SPAN_KIND_INTERNAL);
  (void)event_json;
  (void)length;
  bext_set_str(&hello, "greeting", "hello from a plugin");
  bext_set_i64(&hello, "answer", 42);
  bext_event(&hello, "said hello");
  bext_set_ok(&hello);
  bext_end(&hello);
  return 0;
}
