// explicit_times - start, event and end at times of the guest's own; an end before the start counts as the start.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

constexpr uint64_t T = 1'700'000'000'000'000'000;

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  bext::Span span = bext::SpanBuilder("explicit").start_time(T).start();
  span.event_at(T + 1'500'000'000, "between");
  span.end_at(T + 2'000'000'000);
  bext::Span early = bext::SpanBuilder("ends before it starts").start_time(T).start();
  early.end_at(T - 1);
  return 0;
}
