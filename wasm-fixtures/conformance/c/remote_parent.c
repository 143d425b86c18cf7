/* remote_parent - continues the trace of a traceparent, and hands one on; what is no traceparent is no parent. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

static bext_handle start_inbound(const char *name, const char *traceparent, const char *trace_state) {
  bext_span_builder span;
  bext_traceparent parent;
  bext_span_init(&span, name, BEXT_SPAN_KIND_SERVER);
  if (bext_traceparent_parse(traceparent, &parent)) bext_span_remote_parent(&span, &parent, trace_state);
  return bext_span_start(&span);
}

static void call_out(const bext_handle *parent) {
  const bext_handle call = bext_start("call out", BEXT_SPAN_KIND_CLIENT, parent);
  char traceparent[BEXT_TRACEPARENT_SIZE];
  if (bext_traceparent_format(&call, 1, traceparent)) {
    bext_set_str(&call, "http.request.header.traceparent", traceparent);
  }
  bext_end(&call);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle inbound, other;
  (void)event_json;
  (void)length;
  inbound = start_inbound("inbound", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=value,other=1");
  call_out(&inbound);
  bext_end(&inbound);
  other = start_inbound("no parent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0", "");
  bext_end(&other);
  return 0;
}
