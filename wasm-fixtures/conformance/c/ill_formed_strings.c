/* ill_formed_strings - text that is no UTF-8, in every place: each ill-formed part arrives as U+FFFD. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

static bext_handle start_ill_formed(void) {
  const bext_attribute attribute = bext_attr("k\xe2\x82", bext_str("\xed\xa0\x80!"));
  bext_span_builder span;
  bext_span_init(&span, "a\xff" "b", BEXT_SPAN_KIND_INTERNAL);
  bext_span_attributes(&span, &attribute, 1);
  return bext_span_start(&span);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_value texts[] = {bext_str("ok"), bext_str("\xf0\x9f\x8c"), bext_str("\xf0\x9f\x8c\x8d")};
  const bext_handle span = start_ill_formed();
  (void)event_json;
  (void)length;
  bext_set(&span, "texts", bext_str_array(texts, 3));
  bext_event(&span, "\xc0\x80" "e");
  bext_set_error(&span, "\xfe");
  bext_end(&span);
  return 0;
}
