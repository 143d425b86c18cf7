/*
 * driver - runs the C guest SDK natively. It reads commands from stdin, words apart by white space, and prints every
 * host call as one line. Texts are hex, `-` for the empty one; a handle is three decimal numbers. driving.py beside it
 * writes the commands and reads the lines.
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

static void print_hex(const uint8_t *bytes, size_t length) {
  size_t i;
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
  print_hex(span_ptr, span_len);
  write_answer(handle_out);
}

void bext_abi_set_attribute(uint64_t hi, uint64_t lo, uint64_t id, const uint8_t *attribute_ptr,
                            uint32_t attribute_len) {
  print_call("set_attribute", hi, lo, id);
  print_hex(attribute_ptr, attribute_len);
}

void bext_abi_set_status(uint64_t hi, uint64_t lo, uint64_t id, const uint8_t *status_ptr, uint32_t status_len) {
  print_call("set_status", hi, lo, id);
  print_hex(status_ptr, status_len);
}

void bext_abi_add_event(uint64_t hi, uint64_t lo, uint64_t id, const uint8_t *event_ptr, uint32_t event_len) {
  print_call("add_event", hi, lo, id);
  print_hex(event_ptr, event_len);
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

static void *allocate(size_t size) {
  void *memory = malloc(size == 0 ? 1 : size);
  if (memory == NULL) fail("no memory");
  return memory;
}

static uint64_t next_uint(void) { return strtoull(need_word(), NULL, 10); }

static uint64_t next_bits(void) { return strtoull(need_word(), NULL, 16); }

static size_t next_size(void) { return (size_t)next_uint(); }

static bext_handle next_handle(void) {
  const uint64_t hi = next_uint(), lo = next_uint(), id = next_uint();
  return bext_handle_make(hi, lo, id);
}

static unsigned hex_digit(char c) { return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10); }

/* Ends with a NUL that is not part of the length, for the functions that look for one. */
static text next_text(void) {
  const char *word = need_word();
  text read = {NULL, *word == '-' ? 0 : strlen(word) / 2};
  char *bytes = (char *)allocate(read.length + 1);
  size_t i;
  for (i = 0; i < read.length; i++) bytes[i] = (char)(hex_digit(word[2 * i]) << 4 | hex_digit(word[2 * i + 1]));
  bytes[read.length] = '\0';
  read.bytes = bytes;
  return read;
}

static double next_float(void) {
  const uint64_t bits = next_bits();
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* --- Values ----------------------------------------------------------------------------------------------------- */

static int use_nul; /* call the functions that look for a NUL, not those that take a length */

static bext_value next_str_array(size_t count) {
  const char **items = (const char **)allocate(count * sizeof *items);
  size_t *lengths = (size_t *)allocate(count * sizeof *lengths);
  size_t i;
  for (i = 0; i < count; i++) {
    const text item = next_text();
    items[i] = item.bytes;
    lengths[i] = item.length;
  }
  return use_nul ? bext_str_array(items, count) : bext_str_array_n(items, lengths, count);
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

static bext_value next_str(void) {
  const text read = next_text();
  return use_nul ? bext_str(read.bytes) : bext_str_n(read.bytes, read.length);
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

/* --- Builders, in a buffer between guards ----------------------------------------------------------------------- */

enum { GUARD = 32, GUARD_BYTE = 0xa5 };

static uint8_t *guarded;
static size_t guarded_capacity;
static bext_span_builder span;
static bext_event_builder event;

/* One builder at a time: a new buffer takes the place of the last one. */
static uint8_t *next_buffer(void) {
  free(guarded);
  guarded_capacity = next_size();
  guarded = (uint8_t *)allocate(guarded_capacity + 2 * GUARD);
  memset(guarded, GUARD_BYTE, guarded_capacity + 2 * GUARD);
  return guarded + GUARD;
}

static void check_guards(void) {
  size_t i;
  if (guarded == NULL) return;
  for (i = 0; i < GUARD; i++) {
    if (guarded[i] != GUARD_BYTE) fail("a write below the buffer");
    if (guarded[GUARD + guarded_capacity + i] != GUARD_BYTE) fail("a write above the buffer");
  }
}

static void do_span(void) {
  uint8_t *buffer = next_buffer();
  const text name = next_text();
  const enum bext_span_kind kind = (enum bext_span_kind)next_uint();
  if (use_nul) {
    bext_span_init(&span, buffer, guarded_capacity, name.bytes, kind);
  } else {
    bext_span_init_n(&span, buffer, guarded_capacity, name.bytes, name.length, kind);
  }
}

static void do_parent(void) { bext_span_parent(&span, next_handle()); }

static void do_remote(void) {
  const bext_handle parent = next_handle();
  const uint8_t flags = (uint8_t)next_uint();
  const text state = next_text();
  if (use_nul) {
    bext_span_remote_parent(&span, parent, flags, state.bytes);
  } else {
    bext_span_remote_parent_n(&span, parent, flags, state.bytes, state.length);
  }
}

static void do_attr(void) {
  const text key = next_text();
  const bext_value value = next_value();
  if (use_nul) {
    bext_span_attr(&span, key.bytes, value);
  } else {
    bext_span_attr_n(&span, key.bytes, key.length, value);
  }
}

static void do_link(void) {
  const bext_handle other = next_handle();
  const size_t count = next_size();
  bext_attribute *attributes = (bext_attribute *)allocate(count * sizeof *attributes);
  size_t i;
  for (i = 0; i < count; i++) attributes[i] = next_attribute();
  bext_span_link(&span, other, attributes, count);
}

static void do_time(void) { bext_span_start_time(&span, next_uint()); }

static void print_handle(bext_handle handle) {
  print_call("handle", handle.trace_id_hi, handle.trace_id_lo, handle.span_id);
  printf("\n");
}

static void do_start(void) { print_handle(bext_span_start(&span)); }

static void do_event(void) {
  uint8_t *buffer = next_buffer();
  const text name = next_text();
  if (use_nul) {
    bext_event_init(&event, buffer, guarded_capacity, name.bytes);
  } else {
    bext_event_init_n(&event, buffer, guarded_capacity, name.bytes, name.length);
  }
}

static void do_event_attr(void) {
  const text key = next_text();
  const bext_value value = next_value();
  if (use_nul) {
    bext_event_attr(&event, key.bytes, value);
  } else {
    bext_event_attr_n(&event, key.bytes, key.length, value);
  }
}

static void do_event_time(void) { bext_event_time(&event, next_uint()); }

static void do_add(void) { bext_event_add(next_handle(), &event); }

/* --- The short way ---------------------------------------------------------------------------------------------- */

static void do_short_child(void) {
  const text name = next_text();
  const enum bext_span_kind kind = (enum bext_span_kind)next_uint();
  print_handle(bext_start(name.bytes, kind, next_handle()));
}

static void do_short_root(void) {
  const text name = next_text();
  print_handle(bext_start_root(name.bytes, (enum bext_span_kind)next_uint()));
}

static void do_short_under_current(void) {
  const text name = next_text();
  print_handle(bext_start_under_current(name.bytes, (enum bext_span_kind)next_uint()));
}

static void do_short_event(void) {
  const bext_handle handle = next_handle();
  bext_event(handle, next_text().bytes);
}

static void do_set(void) {
  const bext_handle handle = next_handle();
  const text key = next_text();
  const bext_value value = next_value();
  if (use_nul) {
    bext_set(handle, key.bytes, value);
  } else {
    bext_set_n(handle, key.bytes, key.length, value);
  }
}

/* Each of the typed setters, always with the same values. */
static void do_set_typed(void) {
  const bext_handle handle = next_handle();
  bext_set_str(handle, "str", "text");
  bext_set_bool(handle, "bool", 1);
  bext_set_i64(handle, "i64", -1);
  bext_set_f64(handle, "f64", 0.5);
}

static void do_status(void) {
  const bext_handle handle = next_handle();
  const enum bext_status_code code = (enum bext_status_code)next_uint();
  const text message = next_text();
  if (use_nul) {
    bext_set_status(handle, code, message.bytes);
  } else {
    bext_set_status_n(handle, code, message.bytes, message.length);
  }
}

static void do_ok(void) { bext_set_ok(next_handle()); }

static void do_error(void) {
  const bext_handle handle = next_handle();
  bext_set_error(handle, next_text().bytes);
}

static void do_end(void) { bext_end(next_handle()); }

static void do_end_at(void) {
  const bext_handle handle = next_handle();
  bext_end_at(handle, next_uint());
}

/* NULL wherever a text or an array may stand. */
static void do_nulls(void) {
  print_handle(bext_start_root(NULL, BEXT_SPAN_KIND_INTERNAL));
  bext_set_str(answer, NULL, NULL);
  bext_set(answer, "a", bext_str_array(NULL, 3));
  bext_set_error(answer, NULL);
  bext_event(answer, NULL);
  bext_event_init(&event, NULL, 4096, "dropped");
  bext_event_add(answer, &event);
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

static void do_free_again(void) {
  const size_t index = next_size();
  bext_free(blocks[index], block_lengths[index]);
}

static void do_free_foreign(void) {
  uint8_t foreign[64];
  bext_free(foreign, sizeof foreign);
  bext_free(NULL, 0);
  if (block_count > 0) bext_free(blocks[0] + 8, 8);
}

static void do_format(void) {
  char out[BEXT_TRACEPARENT_SIZE];
  const bext_handle handle = next_handle();
  const bext_boolean written = bext_traceparent_format(handle, next_uint() != 0, out);
  printf("format %d %s\n", written, out);
}

static void do_parse(void) {
  bext_handle handle = {7, 8, 9}; /* is left as it is where the text is not valid */
  uint8_t flags = 77;
  const text read = next_text();
  const bext_boolean valid = use_nul ? bext_traceparent_parse(read.bytes, &handle, &flags)
                                     : bext_traceparent_parse_n(read.bytes, read.length, &handle, &flags);
  printf("parse %d %u ", valid, flags);
  print_handle(handle);
}

/* --- Main ------------------------------------------------------------------------------------------------------- */

typedef struct command {
  const char *name;
  void (*run)(void);
} command;

static const command commands[] = {
    {"span", do_span},
    {"parent", do_parent},
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
    {"free_again", do_free_again},
    {"free_foreign", do_free_foreign},
    {"format", do_format},
    {"parse", do_parse},
};

static void run_command(const char *name) {
  size_t i;
  for (i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, name) != 0) continue;
    commands[i].run();
    check_guards();
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
