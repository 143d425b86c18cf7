/* all_attribute_types - each of the eight types, at the start, afterwards and on an event, with values at the edges. */
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/c/bext_tracer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const bext_boolean booleans[] = {1, 0};
static const int64_t integers[] = {INT64_MIN, -33, -32, -1, 0, 127, 128, INT64_MAX};

static bext_handle start_with_scalars(void) {
  const bext_attribute scalars[] = {
      bext_attr("str", bext_str("text")),
      bext_attr("bool", bext_bool(1)),
      bext_attr("i64", bext_i64(INT64_MIN)),
      bext_attr("f64", bext_f64(-0.0)),
  };
  bext_span_builder span;
  bext_span_init(&span, "all attribute types", BEXT_SPAN_KIND_INTERNAL);
  bext_span_attributes(&span, scalars, COUNT(scalars));
  return bext_span_start(&span);
}

static void set_arrays(const bext_handle *span) {
  const bext_value texts[] = {bext_str(""), bext_str("caf\xc3\xa9"), bext_str("\xf0\x9f\x8c\x8d")};
  const double floats[] = {0.5, -0.0, __builtin_inf(), __builtin_nan("")};
  bext_set(span, "str_array", bext_str_array(texts, COUNT(texts)));
  bext_set(span, "bool_array", bext_bool_array(booleans, COUNT(booleans)));
  bext_set(span, "i64_array", bext_i64_array(integers, COUNT(integers)));
  bext_set(span, "f64_array", bext_f64_array(floats, COUNT(floats)));
  bext_set(span, "empty_array", bext_i64_array(NULL, 0));
}

static void add_event(const bext_handle *span) {
  const bext_attribute attributes[] = {
      bext_attr("i64", bext_i64(-1)),
      bext_attr("bool_array", bext_bool_array(booleans, COUNT(booleans))),
  };
  bext_event_with(span, "measured", attributes, COUNT(attributes), 0);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  const bext_handle span = start_with_scalars();
  (void)event_json;
  (void)length;
  bext_set_str(&span, "str", "overwritten");
  set_arrays(&span);
  add_event(&span);
  bext_end(&span);
  return 0;
}
