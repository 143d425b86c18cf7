// unsampled - what was not sampled costs nothing: below an INVALID parent no host function is called. Of two remote
// parents one says "not sampled", so the host answers INVALID where its policy looks at remote parents at all.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

static bext::Span start_below_remote(bext::Text name, bext::Text traceparent) {
  return bext::SpanBuilder(name, bext::SpanKind::server)
      .remote_parent(bext::parse_traceparent(traceparent), "vendor=value")
      .start();
}

static void trace_work(const bext::Handle &parent) {
  const bext::Span work = bext::start("work", bext::SpanKind::internal, parent);
  work.set("items", 3);
  work.event("half way");
  work.set_ok();
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  trace_work(bext::Handle());
  trace_work(start_below_remote("not sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
  trace_work(start_below_remote("sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  return 0;
}
