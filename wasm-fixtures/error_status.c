/* error_status - one span for each rule of OpenTelemetry's status; each is named by what it ends as, and why. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../guest_sdk/c/bext_tracer.h"

typedef struct step {
  enum bext_status_code code;
  const char *message;
} step;

static void trace_steps(const char *name, const bext_handle *parent, const step *steps, int count) {
  bext_handle span = bext_start(name, BEXT_SPAN_KIND_INTERNAL, parent);
  int i;
  for (i = 0; i < count; i++) bext_set_status(&span, steps[i].code, steps[i].message);
  bext_end(&span);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  static const step final[] = {{BEXT_STATUS_OK, ""}, {BEXT_STATUS_ERROR, "too late"}, {BEXT_STATUS_UNSET, ""}};
  static const step kept[] = {{BEXT_STATUS_ERROR, "disk full"}, {BEXT_STATUS_UNSET, "ignored"}};
  static const step replaced[] = {{BEXT_STATUS_ERROR, "first"}, {BEXT_STATUS_ERROR, "second"}};
  static const step recovered[] = {{BEXT_STATUS_ERROR, "first try"}, {BEXT_STATUS_OK, "no message of an ok"}};
  bext_handle root = bext_start_under_current("statuses", BEXT_SPAN_KIND_INTERNAL);
  (void)event_json;
  (void)length;
  trace_steps("ok: it is final", &root, final, 3);
  trace_steps("error: unset never overwrites", &root, kept, 2);
  trace_steps("error: the last message counts", &root, replaced, 2);
  trace_steps("ok: it overwrites an error", &root, recovered, 2);
  trace_steps("unset: never set", &root, NULL, 0);
  bext_set_error(&root, "one of the steps failed");
  bext_end(&root);
  return 0;
}
