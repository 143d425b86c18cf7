// ill_formed_strings - text that is no UTF-8, in every place: each ill-formed part arrives as U+FFFD.
#define BEXT_TRACER_IMPLEMENTATION
#include "../../../guest_sdk/cpp/bext_tracer.hpp"

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *, uint32_t) {
  const bext::Span span =
      bext::start_root("a\xff" "b", bext::SpanKind::internal, {{"k\xe2\x82", "\xed\xa0\x80!"}});
  span.set("texts", bext::str_array({"ok", "\xf0\x9f\x8c", "\xf0\x9f\x8c\x8d"}));
  span.event("\xc0\x80" "e");
  span.set_error("\xfe");
  return 0;
}
