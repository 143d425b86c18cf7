// remote_parent - continues the trace of a traceparent, and hands one on; what is no traceparent is no parent.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

static bext::Span start_inbound(bext::Text name, bext::Text traceparent, bext::Text trace_state) {
  return bext::SpanBuilder(name, bext::SpanKind::server)
      .remote_parent(bext::parse_traceparent(traceparent), trace_state)
      .start();
}

static void call_out(const bext::Span &parent) {
  const bext::Span call = bext::start("call out", bext::SpanKind::client, parent);
  call.set("http.request.header.traceparent", bext::Traceparent(call));
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  bext::Span inbound = start_inbound("inbound", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                     "vendor=value,other=1");
  call_out(inbound);
  inbound.end();
  (void)start_inbound("no parent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "");
  return 0;
}
