/* events_and_status - events with and without attributes and a time, and the three codes of a status, set again. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

#define T 1700000000000000000u

static const int64_t codes[] = {503, 504};

static void add_second_attempt(const bext_handle *span) {
  const bext_attribute attributes[] = {
      bext_attr("n", bext_i64(2)),
      bext_attr("codes", bext_i64_array(codes, 2)),
      bext_attr("reason", bext_str("busy")),
  };
  bext_event_with(span, "attempt", attributes, 3, 0);
}

static void fail(void) {
  const bext_handle failed = bext_start_root("failed", BEXT_SPAN_KIND_CLIENT);
  bext_event(&failed, "attempt");
  add_second_attempt(&failed);
  bext_event_with(&failed, "gave up", NULL, 0, T);
  bext_set_error(&failed, "no answer");
  bext_end(&failed);
}

static void recover(void) {
  const bext_handle ok = bext_start_root("recovered", BEXT_SPAN_KIND_INTERNAL);
  bext_set_error(&ok, "first try");
  bext_set_ok(&ok);
  bext_set_error(&ok, "too late: ok is final");
  bext_end(&ok);
}

static void leave_undecided(void) {
  const bext_handle unset = bext_start_root("undecided", BEXT_SPAN_KIND_INTERNAL);
  bext_set_status(&unset, BEXT_STATUS_UNSET, "");
  bext_end(&unset);
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
