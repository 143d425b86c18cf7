/*
 * driver - runs the C guest SDK natively. It reads commands from stdin, words apart by white space, and prints every
 * host call as one line. Texts are hex, `-` for the empty one; a handle is three decimal numbers. driving.py beside it
 * writes the commands and reads the lines. The size of a buffer, which the commands tell, is for other languages' drivers.
 */
#define BEXT_TRACER_IMPLEMENTATION
#include "bext_tracer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

static void fail(const char *why) {
  fprintf(stderr, "driver: %s\n", why);
  exit(3);
}

/* --- The host --------------------------------------------------------------------------------------------------- */

static bext_handle answer = {1, 2, 3}; /* what start_span and current_span answer */
static uint32_t has_current = 1;

static void print_payload(const uint8_t *bytes, size_t length) {
  size_t i;
  if (length > BEXT_TRACER_SCRATCH_SIZE) fail("a payload that is larger than the buffer");
  for (i = 0; i < length; i++) printf("%02x", bytes[i]);
  printf("\n");
}

static void print_call(const char *name, uint64_t hi, uint64_t lo, uint64_t id) {
  printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " ", name, hi, lo, id);
}

static void write_answer(uint8_t *out) {
  const uint64_t parts[3] = {answer.trace_id_hi, answer.trace_id_lo, answer.span_id};
  int i;
  for (i = 0; i < 24; i++) out[i] = (uint8_t)(parts[i / 8] >> (8 * (i % 8)));
}

void bext_abi_start_span(const uint8_t *span_ptr, uint32_t span_len, uint8_t *handle_out) {
  printf("start_span ");
  print_payload(span_ptr, span_len);
  write_answer(handle_out);
}

void bext_abi_set_attribute(uint64_t hi, uint64_t lo, uint64_t id, const uint8_t *attribute_ptr,
                            uint32_t attribute_len) {
  print_call("set_attribute", hi, lo, id);
  print_payload(attribute_ptr, attribute_len);
}

void bext_abi_set_status(uint64_t hi, uint64_t lo, uint64_t id, const uint8_t *status_ptr, uint32_t status_len) {
  print_call("set_status", hi, lo, id);
  print_payload(status_ptr, status_len);
}

void bext_abi_add_event(uint64_t hi, uint64_t lo, uint64_t id, const uint8_t *event_ptr, uint32_t event_len) {
  print_call("add_event", hi, lo, id);
  print_payload(event_ptr, event_len);
}

void bext_abi_end_span(uint64_t hi, uint64_t lo, uint64_t id, uint64_t end_time_unix_nanos) {
  print_call("end_span", hi, lo, id);
  printf("%" PRIu64 "\n", end_time_unix_nanos);
}

uint32_t bext_abi_current_span(uint8_t *handle_out) {
  printf("current_span\n");
  if (has_current) write_answer(handle_out);
  return has_current;
}

/* --- Words ------------------------------------------------------------------------------------------------------ */

typedef struct text {
  const char *bytes;
  size_t length;
} text;

static char *input;

static const char *next_word(void) {
  static char *rest = NULL;
  char *word;
  if (rest == NULL) rest = input;
  rest += strspn(rest, " \n");
  if (*rest == '\0') return NULL;
  word = rest;
  rest += strcspn(rest, " \n");
  if (*rest != '\0') *rest++ = '\0';
  return word;
}

static const char *need_word(void) {
  const char *word = next_word();
  if (word == NULL) fail("the commands end in the middle of one");
  return word;
}

static void *grow(void *memory, size_t size) {
  memory = realloc(memory, size == 0 ? 1 : size);
  if (memory == NULL) fail("no memory");
  return memory;
}

static void *allocate(size_t size) { return grow(NULL, size); }

static uint64_t next_uint(void) { return strtoull(need_word(), NULL, 10); }

static uint64_t next_bits(void) { return strtoull(need_word(), NULL, 16); }

static size_t next_size(void) { return (size_t)next_uint(); }

static bext_handle next_handle(void) {
  const uint64_t hi = next_uint(), lo = next_uint(), id = next_uint();
  return bext_handle_make(hi, lo, id);
}

static unsigned hex_digit(char c) { return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10); }

static int use_nul; /* call the functions that look for a NUL, not those that take a length */

static text read_text(int ends_with_nul) {
  const char *word = need_word();
  text read = {NULL, *word == '-' ? 0 : strlen(word) / 2};
  char *bytes = (char *)allocate(read.length + 1);
  size_t i;
  for (i = 0; i < read.length; i++) bytes[i] = (char)(hex_digit(word[2 * i]) << 4 | hex_digit(word[2 * i + 1]));
  if (ends_with_nul) {
    bytes[read.length] = '\0';
  } else {
    bytes = (char *)grow(bytes, read.length);
  }
  read.bytes = bytes;
  return read;
}

/* Ends with a NUL that is not part of the length. */
static text next_nul_text(void) { return read_text(1); }

/* For a function that looks for a NUL or takes a length, as told: then nothing may be read behind the last byte. */
static text next_text(void) { return read_text(use_nul); }

static double next_float(void) {
  const uint64_t bits = next_bits();
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* --- Values ----------------------------------------------------------------------------------------------------- */

static bext_value next_str(void) {
  const text read = next_text();
  return use_nul ? bext_str(read.bytes) : bext_str_n(read.bytes, read.length);
}

static bext_value next_str_array(size_t count) {
  bext_value *items = (bext_value *)allocate(count * sizeof *items);
  size_t i;
  for (i = 0; i < count; i++) items[i] = next_str();
  return bext_str_array(items, count);
}

static bext_value next_bool_array(size_t count) {
  bext_boolean *items = (bext_boolean *)allocate(count * sizeof *items);
  size_t i;
  for (i = 0; i < count; i++) items[i] = next_uint() != 0;
  return bext_bool_array(items, count);
}

static bext_value next_i64_array(size_t count) {
  int64_t *items = (int64_t *)allocate(count * sizeof *items);
  size_t i;
  for (i = 0; i < count; i++) items[i] = strtoll(need_word(), NULL, 10);
  return bext_i64_array(items, count);
}

static bext_value next_f64_array(size_t count) {
  double *items = (double *)allocate(count * sizeof *items);
  size_t i;
  for (i = 0; i < count; i++) items[i] = next_float();
  return bext_f64_array(items, count);
}

/* A letter for the type, upper case for an array, whose count follows. */
static bext_value next_value(void) {
  const char type = *need_word();
  switch (type) {
    case 's': return next_str();
    case 'b': return bext_bool(next_uint() != 0);
    case 'i': return bext_i64(strtoll(need_word(), NULL, 10));
    case 'f': return bext_f64(next_float());
    case 'S': return next_str_array(next_size());
    case 'B': return next_bool_array(next_size());
    case 'I': return next_i64_array(next_size());
    case 'F': return next_f64_array(next_size());
    default: fail("unknown type of a value"); return bext_bool(0);
  }
}

static bext_attribute next_attribute(void) {
  const text key = next_text();
  const bext_value value = next_value();
  return use_nul ? bext_attr(key.bytes, value) : bext_attr_n(key.bytes, key.length, value);
}

/* --- Builders --------------------------------------------------------------------------------------------------- */

/* Attributes that came one by one. They move when there are more of them: hand them over when all are there. */
typedef struct attribute_list {
  bext_attribute *items;
  size_t count;
} attribute_list;

static void add_attribute(attribute_list *list) {
  list->items = (bext_attribute *)grow(list->items, (list->count + 1) * sizeof *list->items);
  list->items[list->count++] = next_attribute();
}

static bext_span_builder span;
static attribute_list span_attributes;
static bext_link *span_links;
static size_t span_link_count;

static text event_name;
static attribute_list event_attributes;
static uint64_t event_time;

static const bext_handle *next_handle_to_keep(void) {
  bext_handle *kept = (bext_handle *)allocate(sizeof *kept);
  *kept = next_handle();
  return kept;
}

static void do_span(void) {
  text name;
  enum bext_span_kind kind;
  next_size();
  name = next_text();
  kind = (enum bext_span_kind)next_uint();
  if (use_nul) {
    bext_span_init(&span, name.bytes, kind);
  } else {
    bext_span_init_n(&span, name.bytes, name.length, kind);
  }
  span_attributes.count = 0;
  span_link_count = 0;
}

static void do_parent(void) { bext_span_parent(&span, next_handle_to_keep()); }

static void do_no_parent(void) { bext_span_parent(&span, NULL); }

static void do_remote(void) {
  bext_traceparent *parent = (bext_traceparent *)allocate(sizeof *parent);
  text state;
  parent->span = next_handle();
  parent->flags = next_uint();
  state = next_text();
  if (use_nul) {
    bext_span_remote_parent(&span, parent, state.bytes);
  } else {
    bext_span_remote_parent_n(&span, parent, state.bytes, state.length);
  }
}

static void do_attr(void) { add_attribute(&span_attributes); }

static void do_link(void) {
  const bext_handle *other = next_handle_to_keep();
  attribute_list attributes = {NULL, 0};
  size_t count;
  for (count = next_size(); count > 0; count--) add_attribute(&attributes);
  span_links = (bext_link *)grow(span_links, (span_link_count + 1) * sizeof *span_links);
  span_links[span_link_count++] = bext_link_to(other, attributes.items, attributes.count);
}

static void do_time(void) { bext_span_start_time(&span, next_uint()); }

static void print_handle(bext_handle handle) {
  print_call("handle", handle.trace_id_hi, handle.trace_id_lo, handle.span_id);
  printf("\n");
}

static void do_start(void) {
  bext_span_attributes(&span, span_attributes.items, span_attributes.count);
  bext_span_links(&span, span_links, span_link_count);
  print_handle(bext_span_start(&span));
}

static void do_event(void) {
  next_size();
  event_name = next_text();
  event_attributes.count = 0;
  event_time = 0;
}

static void do_event_attr(void) { add_attribute(&event_attributes); }

static void do_event_time(void) { event_time = next_uint(); }

static void do_add(void) {
  const bext_handle handle = next_handle();
  const bext_attribute *attributes = event_attributes.items;
  if (use_nul) {
    bext_event_with(&handle, event_name.bytes, attributes, event_attributes.count, event_time);
  } else {
    bext_event_with_n(&handle, event_name.bytes, event_name.length, attributes, event_attributes.count, event_time);
  }
}

/* --- The short way ---------------------------------------------------------------------------------------------- */

static void do_short_child(void) {
  const text name = next_nul_text();
  const enum bext_span_kind kind = (enum bext_span_kind)next_uint();
  bext_handle handle = next_handle(); /* the parent, and then in its place the child */
  handle = bext_start(name.bytes, kind, &handle);
  print_handle(handle);
}

static void do_short_root(void) {
  const text name = next_nul_text();
  print_handle(bext_start_root(name.bytes, (enum bext_span_kind)next_uint()));
}

static void do_short_under_current(void) {
  const text name = next_nul_text();
  print_handle(bext_start_under_current(name.bytes, (enum bext_span_kind)next_uint()));
}

static void do_short_event(void) {
  const bext_handle handle = next_handle();
  bext_event(&handle, next_nul_text().bytes);
}

static void do_set(void) {
  const bext_handle handle = next_handle();
  const text key = next_text();
  const bext_value value = next_value();
  if (use_nul) {
    bext_set(&handle, key.bytes, value);
  } else {
    bext_set_n(&handle, key.bytes, key.length, value);
  }
}

/* Each of the typed setters, always with the same values. */
static void do_set_typed(void) {
  const bext_handle handle = next_handle();
  bext_set_str(&handle, "str", "text");
  bext_set_bool(&handle, "bool", 1);
  bext_set_i64(&handle, "i64", -1);
  bext_set_f64(&handle, "f64", 0.5);
}

static void do_status(void) {
  const bext_handle handle = next_handle();
  const enum bext_status_code code = (enum bext_status_code)next_uint();
  const text message = next_text();
  if (use_nul) {
    bext_set_status(&handle, code, message.bytes);
  } else {
    bext_set_status_n(&handle, code, message.bytes, message.length);
  }
}

static void do_ok(void) {
  const bext_handle handle = next_handle();
  bext_set_ok(&handle);
}

static void do_error(void) {
  const bext_handle handle = next_handle();
  bext_set_error(&handle, next_nul_text().bytes);
}

static void do_end(void) {
  const bext_handle handle = next_handle();
  bext_end(&handle);
}

static void do_end_at(void) {
  const bext_handle handle = next_handle();
  bext_end_at(&handle, next_uint());
}

/* NULL wherever a text, a list or a parent may stand. */
static void do_nulls(void) {
  const bext_attribute attribute = bext_attr(NULL, bext_str(NULL));
  const bext_link link = bext_link_to(&answer, NULL, 0);
  const bext_traceparent remote = {0, {4, 5, 6}, 1};
  print_handle(bext_start(NULL, BEXT_SPAN_KIND_INTERNAL, NULL));
  bext_set_str(&answer, NULL, NULL);
  bext_set(&answer, "a", bext_str_array(NULL, 0));
  bext_set_n(&answer, NULL, 0, bext_str_n(NULL, 0));
  bext_set_error(&answer, NULL);
  bext_event(&answer, NULL);
  bext_event_with(&answer, NULL, &attribute, 1, 0);
  bext_event_with_n(&answer, NULL, 0, NULL, 0, 0);
  bext_span_init(&span, NULL, BEXT_SPAN_KIND_INTERNAL);
  bext_span_remote_parent(&span, &remote, NULL);
  bext_span_parent(&span, NULL);
  bext_span_attributes(&span, NULL, 0);
  bext_span_links(&span, &link, 1);
  print_handle(bext_span_start(&span));
  bext_span_links(&span, NULL, 0);
  print_handle(bext_span_start(&span));
}

/* --- The host's answers, drops, memory, traceparent ------------------------------------------------------------- */

static void do_use_nul(void) { use_nul = next_uint() != 0; }

static void do_answer(void) { answer = next_handle(); }

static void do_has_current(void) { has_current = (uint32_t)next_uint(); }

static void do_current(void) {
  bext_handle current = {7, 8, 9}; /* is left as it is where there is none */
  printf("%s ", bext_current_span(&current) ? "some" : "none");
  print_handle(current);
}

static void do_dropped(void) { printf("dropped %" PRIu32 "\n", bext_dropped()); }

enum { BLOCKS = 4096 };
static uint8_t *blocks[BLOCKS];
static uint32_t block_lengths[BLOCKS];
static int block_count;

/* Fills each block with a byte of its own, so that two that overlap would show. */
static void do_alloc(void) {
  const uint32_t length = (uint32_t)next_uint();
  uint8_t *block = (uint8_t *)bext_alloc(length);
  if (block_count == BLOCKS) fail("too many blocks");
  if (block != NULL) memset(block, block_count & 0xff, length);
  if ((uintptr_t)block % 8 != 0) fail("a block that is not aligned");
  block_lengths[block_count] = length;
  blocks[block_count++] = block;
  printf("alloc %s\n", block == NULL ? "none" : "some");
}

static void check_block(size_t index) {
  uint32_t i;
  for (i = 0; blocks[index] != NULL && i < block_lengths[index]; i++) {
    if (blocks[index][i] != (index & 0xff)) fail("a block was overwritten");
  }
}

static void do_free(void) {
  const size_t index = next_size();
  check_block(index);
  bext_free(blocks[index], block_lengths[index]);
}

static void do_free_foreign(void) {
  uint8_t foreign[64];
  bext_free(foreign, sizeof foreign);
  bext_free(NULL, 0);
}

static void do_format(void) {
  char out[BEXT_TRACEPARENT_SIZE];
  const bext_handle handle = next_handle();
  const bext_boolean written = bext_traceparent_format(&handle, next_uint() != 0, out);
  printf("format %d %s\n", written, out);
}

static void do_parse(void) {
  bext_traceparent parsed = {77, {7, 8, 9}, 77};
  const text read = next_text();
  const bext_boolean valid =
      use_nul ? bext_traceparent_parse(read.bytes, &parsed) : bext_traceparent_parse_n(read.bytes, read.length, &parsed);
  if (valid == bext_handle_is_invalid(&parsed.span)) fail("a handle that does not say whether the text is valid");
  if (!valid) { /* what a guest has that takes only what is valid */
    parsed.span = bext_handle_make(7, 8, 9);
    parsed.flags = 77;
  }
  printf("parse %d %" PRIu64 " ", valid, parsed.flags);
  print_handle(parsed.span);
}

/* --- Main ------------------------------------------------------------------------------------------------------- */

typedef struct command {
  const char *name;
  void (*run)(void);
} command;

static const command commands[] = {
    {"span", do_span},
    {"parent", do_parent},
    {"no_parent", do_no_parent},
    {"remote", do_remote},
    {"attr", do_attr},
    {"link", do_link},
    {"time", do_time},
    {"start", do_start},
    {"event", do_event},
    {"event_attr", do_event_attr},
    {"event_time", do_event_time},
    {"add", do_add},
    {"short_child", do_short_child},
    {"short_root", do_short_root},
    {"short_under_current", do_short_under_current},
    {"short_event", do_short_event},
    {"set", do_set},
    {"set_typed", do_set_typed},
    {"status", do_status},
    {"ok", do_ok},
    {"error", do_error},
    {"end", do_end},
    {"end_at", do_end_at},
    {"nulls", do_nulls},
    {"use_nul", do_use_nul},
    {"answer", do_answer},
    {"has_current", do_has_current},
    {"current", do_current},
    {"dropped", do_dropped},
    {"alloc", do_alloc},
    {"free", do_free},
    {"free_foreign", do_free_foreign},
    {"format", do_format},
    {"parse", do_parse},
};

static void run_command(const char *name) {
  size_t i;
  for (i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, name) != 0) continue;
    commands[i].run();
    return;
  }
  fail(name);
}

static void read_input(void) {
  size_t size = 1 << 16, length = 0, got;
  input = (char *)allocate(size);
  while ((got = fread(input + length, 1, size - length - 1, stdin)) > 0) {
    length += got;
    if (length + 1 < size) continue;
    size *= 2;
    input = (char *)realloc(input, size);
    if (input == NULL) fail("no memory");
  }
  input[length] = '\0';
}

#ifdef __cplusplus
}
#endif

int main(void) {
  const char *name;
  read_input();
  while ((name = next_word()) != NULL) run_command(name);
  return 0;
}
