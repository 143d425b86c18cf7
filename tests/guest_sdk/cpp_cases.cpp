/*
 * Runs one case of the C++ SDK, natively, and prints each host call as a line: its name, the handle where one is passed,
 * and the payload in hex or the time. The host answers handles (1, 1, n), n from 1, and `current_span` as told.
 *
 *     cpp_cases CASE
 */
#define BEXT_TRACER_SCRATCH_SIZE 2048
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.hpp"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

using bext::SpanKind;

/* Something with data() and size(), as every standard container; cpp_types.cpp takes the real ones. */
template <class T>
struct View {
  const T *items;
  size_t count;
  const T *data() const { return items; }
  size_t size() const { return count; }
};

template <class T>
static T &&move(T &value) { return static_cast<T &&>(value); }

static uint64_t started = 0;
static bool has_current = true;

static void put_handle(uint8_t *out, uint64_t span) {
  const uint64_t parts[] = {1, 1, span};
  memcpy(out, parts, sizeof parts);
}

static void print_hex(const uint8_t *bytes, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) printf("%02x", bytes[i]);
  printf("\n");
}

extern "C" {
void bext_abi_start_span(const uint8_t *span, uint32_t length, uint8_t *handle_out) {
  printf("start_span ");
  print_hex(span, length);
  put_handle(handle_out, ++started);
}
void bext_abi_set_attribute(uint64_t, uint64_t, uint64_t span, const uint8_t *attribute, uint32_t length) {
  printf("set_attribute %" PRIu64 " ", span);
  print_hex(attribute, length);
}
void bext_abi_set_status(uint64_t, uint64_t, uint64_t span, const uint8_t *status, uint32_t length) {
  printf("set_status %" PRIu64 " ", span);
  print_hex(status, length);
}
void bext_abi_add_event(uint64_t, uint64_t, uint64_t span, const uint8_t *event, uint32_t length) {
  printf("add_event %" PRIu64 " ", span);
  print_hex(event, length);
}
void bext_abi_end_span(uint64_t, uint64_t, uint64_t span, uint64_t time) {
  printf("end_span %" PRIu64 " %" PRIu64 "\n", span, time);
}
uint32_t bext_abi_current_span(uint8_t *handle_out) {
  printf("current_span\n");
  if (has_current) put_handle(handle_out, 999);
  return has_current;
}
}

static const bext::Handle open(bext_handle{1, 1, 7});

/* --- Ownership -------------------------------------------------------------------------------------------------- */

static void ends_in_reverse() {
  const bext::Span outer = bext::start_root("outer");
  const bext::Span inner = bext::start("inner", SpanKind::client, outer);
}

static bext::Span made_elsewhere() { return bext::start_root("made"); }

static void moves() {
  bext::Span first = made_elsewhere();
  bext::Span second = move(first);
  first.set("nothing", 1);
  second.set("here", 1);
  bext::Span third;
  third = move(second);
  third = bext::start_root("replaces");
  bext::Span &itself = third;
  third = move(itself);
}

static void ends_once() {
  bext::Span now = bext::start_root("now");
  now.end();
  now.end();
  now.set("late", true);
  bext::Span then = bext::start_root("then");
  then.end_at(5);
}

static void releases() {
  bext::Handle kept;
  {
    bext::Span span = bext::start_root("kept");
    kept = span.release();
  }
  bext::Span again(kept);
  again.set("again", kept == again);
}

static void compares() {
  bext::Span ended = bext::start_root("ended");
  ended.end();
  printf("open == open: %d\n", open == bext::Handle(open));
  printf("open == another: %d\n", open == bext::Handle(bext_handle{1, 1, 8}));
  printf("open != ended: %d\n", open != ended);
  printf("ended == INVALID: %d\n", ended == bext::Handle());
}

static void unsampled() {
  const bext::Handle invalid;
  const bext::Span child = bext::start("child", SpanKind::server, invalid, {{"k", 1}});
  child.set("k", "v");
  child.event("e");
  child.event_at(5, "e", {{"k", 1}});
  child.set_error("m");
  child.event_at(5, "e", nullptr, 0);
  bext::Span built = bext::SpanBuilder("built").parent(invalid).links({open}).start();
  printf("invalid %d %d\n", child.is_invalid(), built.is_invalid());
  built.end();
}

/* --- Starts ----------------------------------------------------------------------------------------------------- */

static void current() {
  (void)bext::start_under_current("under", SpanKind::server);
  (void)bext::start_under_current("under with", SpanKind::server, {{"k", "v"}});
  (void)bext::SpanBuilder("built").parent(bext::current_span()).start();
  if (const bext::OptionalHandle host = bext::current_span()) host->set("added", 1);
  has_current = false;
  (void)bext::start_under_current("root");
  (void)bext::SpanBuilder("built root").parent(bext::current_span()).start();
  bext::current_span()->set("not added", 1);
}

static void everything() {
  const bext::Attribute attributes[] = {{"b", 2}, {View<char>{"cd", 1}, "3"}};
  const bext::Handle invalid;
  const bext::Link links[] = {{open, attributes}, invalid, {open, attributes, 1}};
  bext::Span span = bext::SpanBuilder("all", SpanKind::consumer)
                        .start_time(9)
                        .links({open})
                        .links(links)
                        .remote_parent(bext::parse_traceparent("00-0000000000000002000000000000000300000-00"), "not=seen")
                        .remote_parent(bext::parse_traceparent("00-00000000000000020000000000000003-0000000000000004-00"), "a=b")
                        .attributes({{"a", 1}})
                        .attributes(attributes, 2)
                        .start();
  span.end();
  (void)bext::SpanBuilder("braces").links({{open, {{"why", 1}}}, {span, {{"no", 1}}}, span, open}).start();
}

static void parents() {
  const bext::RemoteParent none;
  const bext::RemoteParent remote = bext::parse_traceparent("00-00000000000000020000000000000003-0000000000000004-01");
  printf("none %d, remote %d, flags %d, handle %d\n", !none, !remote, remote.flags(), remote.handle() == bext_handle{2, 3, 4});
  (void)bext::SpanBuilder("last is local").remote_parent(remote, "a=b").parent(open).start();
  (void)bext::SpanBuilder("last is remote").parent(open).remote_parent(bext::RemoteParent(open, 0)).start();
  (void)bext::SpanBuilder("last is none").parent(open).remote_parent(none, "a=b").start();
  (void)bext::SpanBuilder("half a handle").remote_parent(bext::RemoteParent(bext_handle{0, 0, 4}, 1)).start();
}

/* --- Values ----------------------------------------------------------------------------------------------------- */

static void numbers() {
  const signed char tiny = -1;
  const unsigned short small = 65535;
  open.set("v", tiny);
  open.set("v", small);
  open.set("v", 4000000000u);
  open.set("v", -5L);
  open.set("v", INT64_MIN);
  open.set("v", UINT64_MAX);
  open.set("v", sizeof(int32_t));
  open.set("v", 0.5f);
  open.set("v", 2.0);
  open.set("v", true);
}

static void texts() {
  char buffer[16] = "buffer";
  char *pointer = buffer;
  const View<char> view = {"view\0nul", 8};
  open.set("v", "literal");
  open.set("v", buffer);
  open.set("v", pointer);
  open.set("v", view);
  open.set("v", View<char>{"temporary", 4});
  open.set("v", nullptr);
  open.set("v", bext::Text("text", 2));
  open.set(view, bext::Traceparent(open, false));
  open.set("v", bext::Traceparent(bext::Handle()));
}

static void arrays() {
  const int64_t integers[] = {1, -1};
  const double floats[] = {0.5, 2};
  const bool booleans[] = {true, false};
  const bext::Text words[] = {"a", nullptr, View<char>{"cut off", 3}};
  open.set("v", integers);
  open.set("v", floats);
  open.set("v", booleans);
  open.set("v", words);
  open.set("v", View<int64_t>{integers, 1});
  open.set("v", View<double>{floats, 2});
  open.set("v", View<bool>{booleans, 2});
  open.set("v", View<bext::Text>{words, 2});
  open.set("v", View<bext::Text>{nullptr, 0});
  open.set("v", bext::i64_array({503, 504}));
  open.set("v", bext::f64_array({1, 2.5}));
  open.set("v", bext::bool_array({false}));
  open.set("v", bext::str_array({"x", View<char>{"yz!", 2}}));
  open.set("v", bext::empty_array());
}

static void events() {
  open.event("plain");
  open.event(View<char>{"without", 4}, {{"k", 1}, {View<char>{"long", 1}, bext::i64_array({2})}});
  open.event_at(5, "then");
  open.event_at(6, "both", {{"k", "v"}});
  const bext::Attribute attributes[] = {{"k", 1}, {"l", 2}};
  open.event_at(7, "some", attributes, 1);
  open.event("all", attributes);
}

static void statuses() {
  open.set_ok();
  open.set_error(View<char>{"why not", 3});
  open.set_status(bext::StatusCode::unset);
}

/* --- What does not fit ------------------------------------------------------------------------------------------ */

static void drops() {
  static char text[5000];
  memset(text, 'n', sizeof text);
  const View<char> view = {text, sizeof text};
  open.event(view);
  open.set_error(view);
  open.set("long", view);
  (void)bext::start_root(view, SpanKind::internal, {{"long", view}, {"k", 1}});
  (void)bext::SpanBuilder("links").links({{open, {{"long", view}}}, open}).start_time(UINT64_MAX).start();
  open.event_at(UINT64_MAX, "too late");
  printf("dropped %" PRIu32 "\n", bext::dropped());
}

struct Case {
  const char *name;
  void (*run)();
};

static const Case cases[] = {
    {"ends_in_reverse", ends_in_reverse},
    {"moves", moves},
    {"ends_once", ends_once},
    {"releases", releases},
    {"compares", compares},
    {"unsampled", unsampled},
    {"current", current},
    {"everything", everything},
    {"parents", parents},
    {"numbers", numbers},
    {"texts", texts},
    {"arrays", arrays},
    {"events", events},
    {"statuses", statuses},
    {"drops", drops},
};

int main(int, char **arguments) {
  for (const Case &known : cases) {
    if (strcmp(known.name, arguments[1]) == 0) return known.run(), 0;
  }
  return 2;
}
