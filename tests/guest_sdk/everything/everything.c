/* Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most. */
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.h"

static bext_handle start_span(const char *text, size_t length, const bext_handle *other) {
  const bext_attribute attributes[] = {bext_attr_n(text, length, bext_i64(1))};
  const bext_link links[] = {bext_link_to(other, attributes, 1)};
  bext_span_builder span;
  bext_traceparent remote;
  bext_span_init_n(&span, text, length, BEXT_SPAN_KIND_CONSUMER);
  bext_span_parent(&span, other);
  if (bext_traceparent_parse_n(text, length, &remote)) bext_span_remote_parent_n(&span, &remote, text, length);
  bext_span_attributes(&span, attributes, 1);
  bext_span_links(&span, links, 1);
  bext_span_start_time(&span, 5);
  bext_event_with(other, "e", attributes, 1, 7);
  return bext_span_start(&span);
}

static void set_all_types(const bext_handle *span, const char *text, size_t length) {
  const bext_value texts[] = {bext_str_n(text, length)};
  const bext_boolean truths[] = {1};
  const int64_t integers[] = {1};
  const double reals[] = {0.5};
  bext_set_n(span, text, length, texts[0]);
  bext_set_bool(span, "b", 1);
  bext_set_i64(span, "c", bext_dropped());
  bext_set_f64(span, "d", 0.5);
  bext_set(span, "e", bext_str_array(texts, 1));
  bext_set(span, "f", bext_bool_array(truths, 1));
  bext_set(span, "g", bext_i64_array(integers, 1));
  bext_set(span, "h", bext_f64_array(reals, 1));
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle root = bext_start_root("r", BEXT_SPAN_KIND_SERVER);
  const bext_handle span = start_span(event_json, length, &root);
  char traceparent[BEXT_TRACEPARENT_SIZE];
  bext_handle host, child;
  set_all_types(&span, event_json, length);
  if (bext_traceparent_format(&span, 1, traceparent)) bext_set_str(&span, "t", traceparent);
  bext_set_status_n(&span, BEXT_STATUS_ERROR, event_json, length);
  if (bext_current_span(&host)) bext_event(&host, "e");
  child = bext_start_under_current("u", BEXT_SPAN_KIND_INTERNAL);
  bext_end_at(&child, 9);
  bext_end(&span);
  bext_end(&root);
  return 0;
}
