// links - a consumer of two producers: a link with attributes, one without, and one to INVALID, which is skipped.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

static bext::Handle produce(const char *name) { return bext::start_root(name, bext::SpanKind::producer); }

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  const bext::Handle first = produce("publish m-1");
  const bext::Handle second = produce("publish m-2");
  const bext::Handle invalid;
  (void)bext::SpanBuilder("consume batch", bext::SpanKind::consumer)
      .links({{first, {{"messaging.message.id", "m-1"}, {"retries", 2}}}, invalid, second})
      .start();
  return 0;
}
