/* large_payload - payloads just below the host's limit, and one above it, which the host drops alone. */
#define BEXT_TRACER_IMPLEMENTATION
#define BEXT_TRACER_ARENA_SIZE 4096
#include "../../../guest_sdk/c/bext_tracer.h"

static char text[70000];
static uint8_t buffer[sizeof text + 128];
static int64_t numbers[1000];

static bext_value filled(char letter, uint32_t count) {
  uint32_t i;
  for (i = 0; i < count; i++) ((volatile char *)text)[i] = letter;
  return bext_str_n(text, count);
}

static bext_value counted(void) {
  int64_t i;
  for (i = 0; i < 1000; i++) numbers[i] = i;
  return bext_i64_array(numbers, 1000);
}

static bext_handle start_large(void) {
  bext_span_builder span;
  bext_span_init(&span, buffer, sizeof buffer, "large payload", BEXT_SPAN_KIND_INTERNAL);
  bext_span_attr(&span, "blob", filled('x', 60000));
  return bext_span_start(&span);
}

static void add_event(bext_handle span, const char *name, const char *key, bext_value value) {
  bext_event_builder event;
  bext_event_init(&event, buffer, sizeof buffer, name);
  bext_event_attr(&event, key, value);
  bext_event_add(span, &event);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle span = start_large();
  (void)event_json;
  (void)length;
  add_event(span, "numbers", "n", counted());
  add_event(span, "too large", "blob", filled('y', 70000));
  bext_set_bool(span, "after", 1);
  bext_end(span);
  return 0;
}
