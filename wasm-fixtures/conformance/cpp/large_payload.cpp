// large_payload - payloads just below the host's limit, and one above it, which the host drops alone.
#define BEXT_TRACER_ARENA_SIZE 4096
#define BEXT_TRACER_SCRATCH_SIZE 71000
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

static char text[70000];
static int64_t numbers[1000];

static bext::Text filled(char letter, size_t count) {
  for (size_t i = 0; i < count; i++) static_cast<volatile char *>(text)[i] = letter;
  return {text, count};
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  const bext::Span span =
      bext::start_root("large payload", bext::SpanKind::internal, {{"blob", filled('x', 60000)}});
  for (int64_t i = 0; i < 1000; i++) numbers[i] = i;
  span.event("numbers", {{"n", numbers}});
  span.event("too large", {{"blob", filled('y', 70000)}});
  span.set("after", true);
  return 0;
}
