// large_payload - payloads just below the host's limit, and one above it, which the host drops alone.
#define BEXT_TRACER_ARENA_SIZE 4096
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

static char text[70000];
static uint8_t buffer[sizeof text + 128];
static int64_t numbers[1000];

static bext::Text filled(char letter, size_t count) {
  for (size_t i = 0; i < count; i++) static_cast<volatile char *>(text)[i] = letter;
  return {text, count};
}

static bext::Span start_large() {
  bext::SpanStart span(buffer, sizeof buffer, "large payload");
  return span.attr("blob", filled('x', 60000)).start();
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  const bext::Span span = start_large();
  for (int64_t i = 0; i < 1000; i++) numbers[i] = i;
  bext::EventBuilder<4096>("numbers").attr("n", numbers).add_to(span);
  bext::Event(buffer, sizeof buffer, "too large").attr("blob", filled('y', 70000)).add_to(span);
  span.set("after", true);
  return 0;
}
