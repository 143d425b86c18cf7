/* events_and_status - events with and without attributes and a time, and the three codes of a status, set again. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

#define T 1700000000000000000u

static const int64_t codes[] = {503, 504};

static void add_second_attempt(bext_handle span) {
  uint8_t buffer[128];
  bext_event_builder event;
  bext_event_init(&event, buffer, sizeof buffer, "attempt");
  bext_event_attr(&event, "n", bext_i64(2));
  bext_event_attr(&event, "codes", bext_i64_array(codes, 2));
  bext_event_attr(&event, "reason", bext_str("busy"));
  bext_event_add(span, &event);
}

static void add_event_at(bext_handle span, const char *name, uint64_t time_unix_nanos) {
  uint8_t buffer[64];
  bext_event_builder event;
  bext_event_init(&event, buffer, sizeof buffer, name);
  bext_event_time(&event, time_unix_nanos);
  bext_event_add(span, &event);
}

static void fail(void) {
  const bext_handle failed = bext_start_root("failed", BEXT_SPAN_KIND_CLIENT);
  bext_event(failed, "attempt");
  add_second_attempt(failed);
  add_event_at(failed, "gave up", T);
  bext_set_error(failed, "no answer");
  bext_end(failed);
}

static void recover(void) {
  const bext_handle ok = bext_start_root("recovered", BEXT_SPAN_KIND_INTERNAL);
  bext_set_error(ok, "first try");
  bext_set_ok(ok);
  bext_set_error(ok, "too late: ok is final");
  bext_end(ok);
}

static void leave_undecided(void) {
  const bext_handle unset = bext_start_root("undecided", BEXT_SPAN_KIND_INTERNAL);
  bext_set_status(unset, BEXT_STATUS_UNSET, "");
  bext_end(unset);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  (void)event_json;
  (void)length;
  fail();
  recover();
  leave_undecided();
  return 0;
}
