// Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.hpp"

static uint8_t buffer[8192];

static bext::Span start_span(const bext::Text &text, const bext::Handle &other) {
  bext::SpanStart span(buffer, sizeof buffer, "builder", bext::SpanKind::consumer);
  return span.parent(other)
      .parent_current()
      .remote_parent(bext::parse_traceparent(text), text)
      .attr("key", text)
      .link(other, {{"key", 1}})
      .link(other)
      .start_time(5)
      .start();
}

static void set_all_types(const bext::Span &span) {
  span.set("str", "text");
  span.set("bool", true);
  span.set("i64", bext::dropped());
  span.set("f64", 0.5);
  span.set("str_array", bext::str_array({"text"}));
  span.set("bool_array", bext::bool_array({true}));
  span.set("i64_array", bext::i64_array({1}));
  span.set("f64_array", bext::f64_array({0.5}));
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext::Text text(event_json, length);
  const auto root = bext::start_root("root", bext::SpanKind::server);
  const auto span = start_span(text, root);
  set_all_types(span);
  span.set("traceparent", bext::Traceparent(span));
  span.event("event");
  span.event_at(7, "event", {{"key", 1}});
  span.set_status(bext::StatusCode::unset);
  span.set_error(text);
  span.set_ok();
  if (const auto host = bext::current_span()) (void)bext::start("child", bext::SpanKind::client, *host);
  bext::start_under_current("below").end_at(9);
  return 0;
}
