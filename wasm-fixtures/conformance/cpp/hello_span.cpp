// hello_span - the smallest trace: one span below the host's, with two attributes, an event and a status.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  const bext::Span hello = bext::start_under_current("hello");
  hello.set("greeting", "hello from a plugin");
  hello.set("answer", 42);
  hello.event("said hello");
  hello.set_ok();
  return 0;
}
