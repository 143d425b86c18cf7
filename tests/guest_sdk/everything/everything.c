/* Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most. */
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.h"

static uint8_t buffer[8192];

static bext_handle start_span(const char *text, size_t length, bext_handle other) {
  const bext_attribute why[] = {bext_attr("key", bext_i64(1))};
  bext_span_builder span;
  bext_handle remote;
  uint8_t flags;
  bext_span_init(&span, buffer, sizeof buffer, "builder", BEXT_SPAN_KIND_CONSUMER);
  bext_span_parent(&span, other);
  if (bext_traceparent_parse_n(text, length, &remote, &flags)) {
    bext_span_remote_parent_n(&span, remote, flags, text, length);
  }
  bext_span_attr(&span, "key", bext_str_n(text, length));
  bext_span_link(&span, other, why, 1);
  bext_span_link(&span, other, NULL, 0);
  bext_span_start_time(&span, 5);
  return bext_span_start(&span);
}

static void set_all_types(bext_handle span) {
  const char *const texts[] = {"text"};
  const bext_boolean truths[] = {1};
  const int64_t integers[] = {1};
  const double reals[] = {0.5};
  bext_set_str(span, "str", "text");
  bext_set_bool(span, "bool", 1);
  bext_set_i64(span, "i64", bext_dropped());
  bext_set_f64(span, "f64", 0.5);
  bext_set(span, "str_array", bext_str_array(texts, 1));
  bext_set(span, "bool_array", bext_bool_array(truths, 1));
  bext_set(span, "i64_array", bext_i64_array(integers, 1));
  bext_set(span, "f64_array", bext_f64_array(reals, 1));
}

static void add_events(bext_handle span) {
  bext_event_builder event;
  bext_event(span, "event");
  bext_event_init(&event, buffer, sizeof buffer, "event");
  bext_event_attr(&event, "key", bext_i64(1));
  bext_event_time(&event, 7);
  bext_event_add(span, &event);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle root = bext_start_root("root", BEXT_SPAN_KIND_SERVER);
  const bext_handle span = start_span(event_json, length, root);
  char traceparent[BEXT_TRACEPARENT_SIZE];
  bext_handle host;
  set_all_types(span);
  if (bext_traceparent_format(span, 1, traceparent)) bext_set_str(span, "traceparent", traceparent);
  add_events(span);
  bext_set_status(span, BEXT_STATUS_UNSET, "");
  bext_set_status_n(span, BEXT_STATUS_ERROR, event_json, length);
  bext_set_ok(span);
  if (bext_current_span(&host)) bext_end(bext_start("child", BEXT_SPAN_KIND_CLIENT, host));
  bext_end_at(bext_start_under_current("below", BEXT_SPAN_KIND_INTERNAL), 9);
  bext_end(span);
  bext_end(root);
  return 0;
}
