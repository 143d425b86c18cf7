/*
 * unsampled - what was not sampled costs nothing: below an INVALID parent no host function is called. Of two remote
 * parents one says "not sampled", so the host answers INVALID where its policy looks at remote parents at all.
 */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

static bext_handle start_below_remote(const char *name, const char *traceparent) {
  bext_span_builder span;
  bext_traceparent parent;
  bext_span_init(&span, name, BEXT_SPAN_KIND_SERVER);
  if (bext_traceparent_parse(traceparent, &parent)) bext_span_remote_parent(&span, &parent, "vendor=value");
  return bext_span_start(&span);
}

static void trace_work(const bext_handle *parent) {
  const bext_handle work = bext_start("work", BEXT_SPAN_KIND_INTERNAL, parent);
  bext_set_i64(&work, "items", 3);
  bext_event(&work, "half way");
  bext_set_ok(&work);
  bext_end(&work);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle invalid = BEXT_HANDLE_INVALID;
  bext_handle declined, sampled;
  (void)event_json;
  (void)length;
  trace_work(&invalid);
  declined = start_below_remote("not sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
  trace_work(&declined);
  bext_end(&declined);
  sampled = start_below_remote("sampled", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  trace_work(&sampled);
  bext_end(&sampled);
  return 0;
}
