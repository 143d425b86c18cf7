/* all_attribute_types - each of the eight types, at the start, afterwards and on an event, with values at the edges. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const texts[] = {"", "caf\xc3\xa9", "\xf0\x9f\x8c\x8d"};
static const bext_boolean booleans[] = {1, 0};
static const int64_t integers[] = {INT64_MIN, -33, -32, -1, 0, 127, 128, INT64_MAX};

static void add_scalars(bext_span_builder *span) {
  bext_span_attr(span, "str", bext_str("text"));
  bext_span_attr(span, "bool", bext_bool(1));
  bext_span_attr(span, "i64", bext_i64(INT64_MIN));
  bext_span_attr(span, "f64", bext_f64(-0.0));
}

static void set_arrays(bext_handle span) {
  const double floats[] = {0.5, -0.0, __builtin_inf(), __builtin_nan("")};
  bext_set(span, "str_array", bext_str_array(texts, COUNT(texts)));
  bext_set(span, "bool_array", bext_bool_array(booleans, COUNT(booleans)));
  bext_set(span, "i64_array", bext_i64_array(integers, COUNT(integers)));
  bext_set(span, "f64_array", bext_f64_array(floats, COUNT(floats)));
  bext_set(span, "empty_array", bext_i64_array(NULL, 0));
}

static void add_event(bext_handle span) {
  uint8_t buffer[128];
  bext_event_builder event;
  bext_event_init(&event, buffer, sizeof buffer, "measured");
  bext_event_attr(&event, "i64", bext_i64(-1));
  bext_event_attr(&event, "bool_array", bext_bool_array(booleans, COUNT(booleans)));
  bext_event_add(span, &event);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  uint8_t buffer[256];
  bext_span_builder builder;
  bext_handle span;
  (void)event_json;
  (void)length;
  bext_span_init(&builder, buffer, sizeof buffer, "all attribute types", BEXT_SPAN_KIND_INTERNAL);
  add_scalars(&builder);
  span = bext_span_start(&builder);
  bext_set_str(span, "str", "overwritten");
  set_arrays(span);
  add_event(span);
  bext_end(span);
  return 0;
}
