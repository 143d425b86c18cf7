// Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.hpp"

static bext::Span start_span(const bext::Text &text, const bext::Handle &other) {
  const bext::Attribute attributes[] = {{text, 1}};
  other.event_at(7, "e", attributes);
  return bext::SpanBuilder(text, bext::SpanKind::consumer)
      .parent(other)
      .remote_parent(bext::parse_traceparent(text), text)
      .attributes(attributes)
      .links({{other, attributes}})
      .start_time(5)
      .start();
}

static void set_all_types(const bext::Handle &span, const bext::Text &text) {
  span.set(text, text);
  span.set("b", true);
  span.set("c", bext::dropped());
  span.set("d", 0.5);
  span.set("e", bext::str_array({text}));
  span.set("f", bext::bool_array({true}));
  span.set("g", bext::i64_array({1}));
  span.set("h", bext::f64_array({0.5}));
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext::Text text(event_json, length);
  const auto root = bext::start_root("r", bext::SpanKind::server);
  const auto span = start_span(text, root);
  set_all_types(span, text);
  span.set("t", bext::Traceparent(span));
  span.set_error(text);
  if (const auto host = bext::current_span()) host->event("e");
  bext::start_under_current("u").end_at(9);
  return 0;
}
