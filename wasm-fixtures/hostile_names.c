/*
 * hostile_names - texts that try to take over the terminal or the page that shows them: every one of them as span name,
 * key, value, event name and status message. A host shows them escaped.
 */
#define BEXT_TRACER_IMPLEMENTATION
#include "../guest_sdk/c/bext_tracer.h"

typedef struct hostile_text {
  const char *bytes;
  size_t length;
} hostile_text;

#define TEXT(literal) {literal, sizeof(literal) - 1}

static const hostile_text hostile_texts[] = {
    TEXT("\x1b[31mred\x1b[0m"),
    TEXT("\x1b[2J\x1b[Hcleared"),
    TEXT("\x1b]0;title\x07"),
    TEXT("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\"),
    TEXT("[bold red]markup[/] [link=https://example.com]x[/link]"),
    TEXT("bidi \xe2\x80\xae override \xe2\x81\xa6 isolate"),
    TEXT("C1 \xc2\x9b" "31m and \xc2\x85 next line"),
    TEXT("separators \xe2\x80\xa8 and \xe2\x80\xa9"),
    TEXT("line\nfeed, carriage\rreturn, tab\t, bell\x07"),
    TEXT("DEL \x7f and backspace \b\b\b"),
    TEXT("NUL \0 inside"),
    TEXT("ill-formed \xff \xc3( \xed\xa0\x80 bytes"),
    TEXT("<script>alert(1)</script>&amp;\"'"),
};

static void trace_text(const hostile_text *text, const bext_handle *parent) {
  const bext_attribute attribute = bext_attr_n(text->bytes, text->length, bext_str_n(text->bytes, text->length));
  bext_span_builder builder;
  bext_handle span;
  bext_span_init_n(&builder, text->bytes, text->length, BEXT_SPAN_KIND_INTERNAL);
  bext_span_parent(&builder, parent);
  bext_span_attributes(&builder, &attribute, 1);
  span = bext_span_start(&builder);
  bext_event_with_n(&span, text->bytes, text->length, &attribute, 1, 0);
  bext_set_status_n(&span, BEXT_STATUS_ERROR, text->bytes, text->length);
  bext_end(&span);
}

BEXT_EXPORT("on_request_complete")
int32_t on_request_complete(const char *event_json, uint32_t length) {
  bext_handle root = bext_start_under_current("hostile names", BEXT_SPAN_KIND_INTERNAL);
  size_t i;
  (void)event_json;
  (void)length;
  for (i = 0; i < sizeof hostile_texts / sizeof *hostile_texts; i++) trace_text(&hostile_texts[i], &root);
  bext_end(&root);
  return 0;
}
