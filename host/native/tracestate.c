/*
 * tracestate.c - the grammar of a W3C tracestate. The ranges of bytes leave out everything that is not ASCII.
 */
#include "tracestate.h"

#include <string.h>

#include "bext_tracer_abi.h"

/* A part of the text. */
typedef struct slice {
  const uint8_t *bytes;
  size_t length;
} slice;

/* The keys of the members so far, to find one that comes twice. */
typedef struct key_list {
  slice keys[BEXT_MAX_TRACE_STATE_MEMBERS];
  size_t count;
} key_list;

static slice slice_of(const uint8_t *bytes, size_t length) {
  slice part = {bytes, length};
  return part;
}

/* How many bytes stand before the first `byte`: all of them where there is none. */
static size_t length_before(slice text, uint8_t byte) {
  const uint8_t *found = memchr(text.bytes, byte, text.length);
  return found ? (size_t)(found - text.bytes) : text.length;
}

static slice after(slice text, size_t length) { return slice_of(text.bytes + length, text.length - length); }

static bool is_lower(uint8_t byte) { return byte >= 'a' && byte <= 'z'; }

static bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

static bool is_space(uint8_t byte) { return byte == ' ' || byte == '\t'; }

static bool is_key_byte(uint8_t byte) {
  return is_lower(byte) || is_digit(byte) || byte == '_' || byte == '-' || byte == '*' || byte == '/';
}

static bool is_value_byte(uint8_t byte) { return byte >= 0x20 && byte <= 0x7e && byte != ',' && byte != '='; }

/* A key, or one half of a key with `@`: 1 to `longest` bytes, the first a letter, or a digit where that is allowed. */
static bool is_key_part(slice part, size_t longest, bool digit_first) {
  if (part.length == 0 || part.length > longest) return false;
  if (!is_lower(part.bytes[0]) && !(digit_first && is_digit(part.bytes[0]))) return false;
  for (size_t i = 1; i < part.length; i++) {
    if (!is_key_byte(part.bytes[i])) return false;
  }
  return true;
}

static bool is_trace_state_key(slice key) {
  size_t tenant = length_before(key, '@');
  if (tenant == key.length) return is_key_part(key, 256, false);
  return is_key_part(slice_of(key.bytes, tenant), 241, true) && is_key_part(after(key, tenant + 1), 14, false);
}

static bool is_value(slice value) {
  if (value.length == 0 || value.length > 256 || value.bytes[value.length - 1] == ' ') return false;
  for (size_t i = 0; i < value.length; i++) {
    if (!is_value_byte(value.bytes[i])) return false;
  }
  return true;
}

static slice without_spaces_around(slice text) {
  while (text.length && is_space(text.bytes[0])) text = after(text, 1);
  while (text.length && is_space(text.bytes[text.length - 1])) text.length--;
  return text;
}

/* Takes the key into the list; false where it is there already, or the list is full. */
static bool add_key(key_list *list, slice key) {
  if (list->count == BEXT_MAX_TRACE_STATE_MEMBERS) return false;
  for (size_t i = 0; i < list->count; i++) {
    slice known = list->keys[i];
    if (known.length == key.length && memcmp(known.bytes, key.bytes, key.length) == 0) return false;
  }
  list->keys[list->count++] = key;
  return true;
}

static bool add_member(key_list *list, slice member) {
  size_t key_length = length_before(member, '=');
  if (key_length == member.length) return false;
  slice key = slice_of(member.bytes, key_length);
  return is_trace_state_key(key) && is_value(after(member, key_length + 1)) && add_key(list, key);
}

bool bext_is_trace_state(const uint8_t *bytes, size_t length) {
  if (length > BEXT_MAX_TRACE_STATE_BYTES) return false;
  key_list list;
  list.count = 0;
  slice rest = slice_of(bytes, length);
  while (rest.length) {
    size_t part = length_before(rest, ',');
    slice member = without_spaces_around(slice_of(rest.bytes, part));
    if (member.length && !add_member(&list, member)) return false;
    rest = after(rest, part == rest.length ? part : part + 1);
  }
  return true;
}
