/* large_payload - payloads just below the host's limit, and one above it, which the host drops alone. */
#define BEXT_TRACER_IMPLEMENTATION
#define BEXT_TRACER_SCRATCH_SIZE 131072 /* more than the host takes */
#define BEXT_TRACER_ARENA_SIZE 4096
#include "../../../guest_sdk/c/bext_tracer.h"

static char text[70000];
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
  const bext_attribute blob = bext_attr("blob", filled('x', 60000));
  bext_span_builder span;
  bext_span_init(&span, "large payload", BEXT_SPAN_KIND_INTERNAL);
  bext_span_attributes(&span, &blob, 1);
  return bext_span_start(&span);
}

static void add_event(const bext_handle *span, const char *name, const char *key, bext_value value) {
  const bext_attribute attribute = bext_attr(key, value);
  bext_event_with(span, name, &attribute, 1, 0);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle span = start_large();
  (void)event_json;
  (void)length;
  add_event(&span, "numbers", "n", counted());
  add_event(&span, "too large", "blob", filled('y', 70000));
  bext_set_bool(&span, "after", 1);
  bext_end(&span);
  return 0;
}
