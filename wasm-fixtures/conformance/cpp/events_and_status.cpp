// events_and_status - events with and without attributes and a time, and the three codes of a status, set again.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

constexpr uint64_t T = 1'700'000'000'000'000'000;

static void fail() {
  const bext::Span failed = bext::start_root("failed", bext::SpanKind::client);
  failed.event("attempt");
  failed.event("attempt", {{"n", 2}, {"codes", bext::i64_array({503, 504})}, {"reason", "busy"}});
  failed.event_at(T, "gave up");
  failed.set_error("no answer");
}

static void recover() {
  const bext::Span ok = bext::start_root("recovered");
  ok.set_error("first try");
  ok.set_ok();
  ok.set_error("too late: ok is final");
}

static void leave_undecided() {
  const bext::Span unset = bext::start_root("undecided");
  unset.set_status(bext::StatusCode::unset);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  fail();
  recover();
  leave_undecided();
  return 0;
}
