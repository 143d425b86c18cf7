// all_attribute_types - each of the eight types, at the start, afterwards and on an event, with values at the edges.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  const bext::Span span = bext::start_root("all attribute types", bext::SpanKind::internal,
                                           {{"str", "text"}, {"bool", true}, {"i64", INT64_MIN}, {"f64", -0.0}});
  span.set("str", "overwritten");
  span.set("str_array", bext::str_array({"", "caf\xc3\xa9", "\xf0\x9f\x8c\x8d"}));
  span.set("bool_array", bext::bool_array({true, false}));
  span.set("i64_array", bext::i64_array({INT64_MIN, -33, -32, -1, 0, 127, 128, INT64_MAX}));
  span.set("f64_array", bext::f64_array({0.5, -0.0, __builtin_inf(), __builtin_nan("")}));
  span.set("empty_array", bext::empty_array());
  span.event("measured", {{"i64", -1}, {"bool_array", bext::bool_array({true, false})}});
  return 0;
}
