// nested_spans - five levels, and beside each level but the first a sibling that ends before it starts.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

static const char *const level_names[] = {"level 1", "level 2", "level 3", "level 4", "level 5"};
static const char *const sibling_names[] = {"sibling 1", "sibling 2", "sibling 3", "sibling 4", "sibling 5"};

static void descend(const bext::Span &above, int level) {
  if (level == 5) return;
  (void)bext::start(sibling_names[level], bext::SpanKind::internal, above);
  const bext::Span span = bext::start(level_names[level], bext::SpanKind::internal, above);
  descend(span, level + 1);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  descend(bext::start_under_current(level_names[0], bext::SpanKind::server), 1);
  return 0;
}
