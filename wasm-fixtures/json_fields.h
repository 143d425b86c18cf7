/*
 * json_fields.h - reads single fields of a JSON object, for the fixtures. It is no validator: on text that is not JSON
 * it finds nothing, or something odd, but it never reads outside the text, never recurses and always ends.
 */
#ifndef JSON_FIELDS_H
#define JSON_FIELDS_H

#include <stdint.h>

/* A piece of the text, with nothing copied. `length` 0 means that there is no such thing. */
typedef struct json_slice {
  const char *bytes;
  uint32_t length;
} json_slice;

static inline json_slice json_slice_of(const char *bytes, uint32_t length) {
  json_slice slice = {bytes, length};
  return slice;
}

static inline json_slice json_from(json_slice text, uint32_t at) {
  return at < text.length ? json_slice_of(text.bytes + at, text.length - at) : json_slice_of(text.bytes, 0);
}

static inline int json_starts_with(json_slice text, char first) { return text.length > 0 && text.bytes[0] == first; }

static inline int json_is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static inline json_slice json_trim(json_slice text) {
  while (text.length > 0 && json_is_space(text.bytes[0])) text = json_from(text, 1);
  while (text.length > 0 && json_is_space(text.bytes[text.length - 1])) text.length--;
  return text;
}

/* The length of the string at the start of `text`, with its quotes; the whole text where the string does not end. */
static inline uint32_t json_string_length(json_slice text) {
  uint32_t i;
  for (i = 1; i < text.length; i++) {
    if (text.bytes[i] == '\\') {
      i++;
    } else if (text.bytes[i] == '"') {
      return i + 1;
    }
  }
  return text.length;
}

/* The length of the value at the start of `text`: up to a comma or a closing bracket that is not inside of it. */
static inline uint32_t json_value_length(json_slice text) {
  uint32_t depth = 0;
  uint32_t i = 0;
  while (i < text.length) {
    const char c = text.bytes[i];
    const int closes = c == '}' || c == ']';
    if (depth == 0 && (closes || c == ',')) return i;
    if (c == '{' || c == '[') depth++;
    if (closes) depth--;
    i += c == '"' ? json_string_length(json_from(text, i)) : 1;
  }
  return text.length;
}

static inline int json_quotes(json_slice quoted, const char *name) {
  uint32_t i = 1;
  while (*name != '\0' && i < quoted.length && quoted.bytes[i] == *name) {
    i++;
    name++;
  }
  return *name == '\0' && i + 1 == quoted.length;
}

/* The value of `name` in an object; empty where there is none. */
static inline json_slice json_field(json_slice text, const char *name) {
  text = json_trim(text);
  if (!json_starts_with(text, '{')) return json_slice_of(text.bytes, 0);
  do {
    json_slice key, value;
    text = json_trim(json_from(text, 1));
    if (!json_starts_with(text, '"')) break;
    key = json_slice_of(text.bytes, json_string_length(text));
    text = json_trim(json_from(text, key.length));
    if (!json_starts_with(text, ':')) break;
    text = json_trim(json_from(text, 1));
    value = json_slice_of(text.bytes, json_value_length(text));
    if (json_quotes(key, name)) return json_trim(value);
    text = json_from(text, value.length);
  } while (json_starts_with(text, ','));
  return json_slice_of(text.bytes, 0);
}

/* Takes the next item out of an array, which `rest` moves behind; empty at the end. Begin with `rest` as the array. */
static inline json_slice json_next_item(json_slice *rest) {
  json_slice item;
  *rest = json_trim(*rest);
  if (!json_starts_with(*rest, '[') && !json_starts_with(*rest, ',')) return json_slice_of(rest->bytes, 0);
  *rest = json_trim(json_from(*rest, 1));
  item = json_slice_of(rest->bytes, json_value_length(*rest));
  *rest = json_from(*rest, item.length);
  return json_trim(item);
}

/* True: `value` is an integer of up to 18 digits, and `*out` has it. */
static inline int json_integer(json_slice value, int64_t *out) {
  const int negative = json_starts_with(value, '-');
  int64_t number = 0;
  uint32_t i;
  if (negative) value = json_from(value, 1);
  if (value.length == 0 || value.length > 18) return 0;
  for (i = 0; i < value.length; i++) {
    if (value.bytes[i] < '0' || value.bytes[i] > '9') return 0;
    number = 10 * number + (value.bytes[i] - '0');
  }
  *out = negative ? -number : number;
  return 1;
}

/* True: `value` is `true` or `false`, and `*out` says which. */
static inline int json_boolean(json_slice value, int *out) {
  *out = json_starts_with(value, 't');
  return *out || json_starts_with(value, 'f');
}

/* --- Strings ------------------------------------------------------------------------------------------------------ */

/* A text under construction in a caller's array. Once something did not fit, nothing more is taken. */
typedef struct json_text {
  char *bytes;
  uint32_t capacity;
  uint32_t length;
} json_text;

static inline void json_put_bytes(json_text *out, const char *bytes, uint32_t length) {
  uint32_t i;
  if (length > out->capacity - out->length) {
    out->capacity = out->length;
    return;
  }
  for (i = 0; i < length; i++) out->bytes[out->length++] = bytes[i];
}

/* One code point as UTF-8; a lone surrogate becomes U+FFFD. */
static inline void json_put_code_point(json_text *out, uint32_t code) {
  char bytes[4];
  uint32_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  uint32_t i;
  if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
  for (i = length - 1; i > 0; i--, code >>= 6) bytes[i] = (char)(0x80 | (code & 0x3f));
  bytes[0] = (char)(length == 1 ? code : (0xf00u >> length & 0xff) | code);
  json_put_bytes(out, bytes, length);
}

/* The value of four hexadecimal digits, or -1. */
static inline int32_t json_hex4(json_slice text) {
  int32_t value = 0;
  uint32_t i;
  if (text.length < 4) return -1;
  for (i = 0; i < 4; i++) {
    const char c = text.bytes[i];
    const char lower = (char)(c | 0x20);
    if (c >= '0' && c <= '9') {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

/* Decodes the escape \uXXXX at the start of `text`, or a pair of them; returns how many bytes it took. */
static inline uint32_t json_put_unicode_escape(json_text *out, json_slice text) {
  const int32_t first = json_hex4(json_from(text, 2));
  const json_slice next = json_from(text, 6);
  int32_t second = -1;
  if (first < 0) return 2;
  if (json_starts_with(next, '\\') && json_starts_with(json_from(next, 1), 'u')) second = json_hex4(json_from(next, 2));
  if (first >= 0xd800 && first <= 0xdbff && second >= 0xdc00 && second <= 0xdfff) {
    json_put_code_point(out, 0x10000 + (((uint32_t)first - 0xd800) << 10) + ((uint32_t)second - 0xdc00));
    return 12;
  }
  json_put_code_point(out, (uint32_t)first);
  return 6;
}

/* Decodes the escape at the start of `text`; returns how many bytes it took. An unknown one stands for its letter. */
static inline uint32_t json_put_escape(json_text *out, json_slice text) {
  const char c = text.length > 1 ? text.bytes[1] : '\\';
  char plain = c;
  if (c == 'u') return json_put_unicode_escape(out, text);
  if (c == 'b') plain = '\b';
  if (c == 'f') plain = '\f';
  if (c == 'n') plain = '\n';
  if (c == 'r') plain = '\r';
  if (c == 't') plain = '\t';
  json_put_bytes(out, &plain, 1);
  return 2;
}

/* Decodes a string into `out` and returns what was appended; a value that is no string appends nothing. */
static inline json_slice json_string(json_slice value, json_text *out) {
  const uint32_t start = out->length;
  uint32_t i = 1;
  if (!json_starts_with(value, '"')) return json_slice_of(out->bytes, 0);
  while (i + 1 < value.length) {
    if (value.bytes[i] == '\\') {
      i += json_put_escape(out, json_from(value, i));
    } else {
      json_put_bytes(out, &value.bytes[i], 1);
      i++;
    }
  }
  return json_slice_of(out->bytes + start, out->length - start);
}

#endif /* JSON_FIELDS_H */
