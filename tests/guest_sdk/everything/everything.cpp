// Calls everything of the SDK: what it adds to an empty module is what the SDK takes at most.
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.hpp"

// --- the guest ---

static const bool truths_1[] = {true};
static const int64_t integers_1[] = {1};
static const double reals_1[] = {0.5};

static bext::Span start_span_1(const bext::Text &text, const bext::Handle &other) {
  const bext::Attribute attributes[] = {{"a", 1}};
  other.event_at(7, "a", attributes);
  return bext::SpanBuilder(text, bext::SpanKind::consumer)
      .remote_parent(bext::parse_traceparent(text), text)
      .attributes(attributes)
      .links({{other, attributes}})
      .start_time(5)
      .start();
}

static void set_all_types_1(const bext::Handle &span, const bext::Text &text) {
  span.set("a", bext::Traceparent(span));
  span.set(text, bext::str_array({text}));
  span.set("a", true);
  span.set("a", bext::dropped());
  span.set("a", 0.5);
  span.set("a", truths_1);
  span.set("a", integers_1);
  span.set("a", reals_1);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete_1(const char *event_json, uint32_t length) {
  const bext::Text text(event_json, length);
  const bext::Span root = bext::start_root("a", bext::SpanKind::server);
  const bext::Span span = start_span_1(text, root);
  set_all_types_1(span, text);
  span.set_error(text);
  if (const auto host = bext::current_span()) bext::start("a", bext::SpanKind::internal, *host).end_at(9);
  return 0;
}
