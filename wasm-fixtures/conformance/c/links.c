/* links - a consumer of two producers: a link with attributes, one without, and one to INVALID, which is skipped. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

static bext_handle produce(const char *name) {
  bext_handle producer = bext_start_root(name, BEXT_SPAN_KIND_PRODUCER);
  bext_end(&producer);
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
  const bext_handle invalid = BEXT_HANDLE_INVALID;
  const bext_link producers[] = {
      bext_link_to(&first, message, 2),
      bext_link_to(&invalid, NULL, 0),
      bext_link_to(&second, NULL, 0),
  };
  bext_span_builder builder;
  bext_handle batch;
  (void)event_json;
  (void)length;
  bext_span_init(&builder, "consume batch", BEXT_SPAN_KIND_CONSUMER);
  bext_span_links(&builder, producers, 3);
  batch = bext_span_start(&builder);
  bext_end(&batch);
  return 0;
}
