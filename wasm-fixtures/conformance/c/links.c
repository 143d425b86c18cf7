/* links - a consumer of two producers: a link with attributes, one without, and one to INVALID, which is skipped. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

static bext_handle produce(const char *name) {
  bext_handle producer = bext_start_root(name, BEXT_SPAN_KIND_PRODUCER);
  bext_end(producer);
  return producer;
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_attribute message[] = {
      bext_attr("messaging.message.id", bext_str("m-1")),
      bext_attr("retries", bext_i64(2)),
  };
  const bext_handle first = produce("publish m-1");
  const bext_handle second = produce("publish m-2");
  uint8_t buffer[512];
  bext_span_builder batch;
  (void)event_json;
  (void)length;
  bext_span_init(&batch, buffer, sizeof buffer, "consume batch", BEXT_SPAN_KIND_CONSUMER);
  bext_span_link(&batch, first, message, 2);
  bext_span_link(&batch, BEXT_HANDLE_INVALID, NULL, 0);
  bext_span_link(&batch, second, NULL, 0);
  bext_end(bext_span_start(&batch));
  return 0;
}
