/* Calls everything of the SDK: what it adds to an empty module is what the SDK takes at most. */
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.h"

/* --- the guest --- */

static const bext_boolean truths_1[] = {1};
static const int64_t integers_1[] = {1};
static const double reals_1[] = {0.5};

static bext_handle start_span_1(const char *text, size_t length, const bext_handle *other) {
  const bext_attribute attributes[] = {bext_attr("a", bext_i64(1))};
  const bext_link links[] = {bext_link_to(other, attributes, 1)};
  bext_span_builder span;
  bext_traceparent remote;
  bext_event_with(other, "a", attributes, 1, 7);
  bext_span_init_n(&span, text, length, BEXT_SPAN_KIND_CONSUMER);
  if (bext_traceparent_parse_n(text, length, &remote)) bext_span_remote_parent_n(&span, &remote, text, length);
  bext_span_attributes(&span, attributes, 1);
  bext_span_links(&span, links, 1);
  bext_span_start_time(&span, 5);
  return bext_span_start(&span);
}

static void set_all_types_1(const bext_handle *span, const char *text, size_t length) {
  const bext_value texts[] = {bext_str_n(text, length)};
  char traceparent[BEXT_TRACEPARENT_SIZE];
  if (bext_traceparent_format(span, 1, traceparent)) bext_set_str(span, "a", traceparent);
  bext_set_n(span, text, length, bext_str_array(texts, 1));
  bext_set_bool(span, "a", 1);
  bext_set_i64(span, "a", bext_dropped());
  bext_set_f64(span, "a", 0.5);
  bext_set(span, "a", bext_bool_array(truths_1, 1));
  bext_set(span, "a", bext_i64_array(integers_1, 1));
  bext_set(span, "a", bext_f64_array(reals_1, 1));
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete_1(const char *event_json, uint32_t length) {
  const bext_handle root = bext_start_root("a", BEXT_SPAN_KIND_SERVER);
  const bext_handle span = start_span_1(event_json, length, &root);
  bext_handle host;
  set_all_types_1(&span, event_json, length);
  bext_set_status_n(&span, BEXT_STATUS_ERROR, event_json, length);
  if (bext_current_span(&host)) {
    bext_handle child = bext_start("a", BEXT_SPAN_KIND_INTERNAL, &host);
    bext_end_at(&child, 9);
  }
  bext_end(&span);
  bext_end(&root);
  return 0;
}
