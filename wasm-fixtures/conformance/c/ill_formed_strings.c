/* ill_formed_strings - text that is no UTF-8, in every place: each ill-formed part arrives as U+FFFD. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

static const char *const texts[] = {"ok", "\xf0\x9f\x8c", "\xf0\x9f\x8c\x8d"};

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  uint8_t buffer[256];
  bext_span_builder builder;
  bext_handle span;
  (void)event_json;
  (void)length;
  bext_span_init(&builder, buffer, sizeof buffer, "a\xff" "b", BEXT_SPAN_KIND_INTERNAL);
  bext_span_attr(&builder, "k\xe2\x82", bext_str("\xed\xa0\x80!"));
  span = bext_span_start(&builder);
  bext_set(span, "texts", bext_str_array(texts, 3));
  bext_event(span, "\xc0\x80" "e");
  bext_set_error(span, "\xfe");
  bext_end(span);
  return 0;
}
