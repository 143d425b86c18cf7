/*
 * reader.c - typed reads from a payload of good framing. Lengths and counts were compared with the payload's bytes in the framing pass.
 */
#include "reader.h"

#include <string.h>

#include "utf8.h"

/* An int of any format: as two's complement of 64 bits, and whether it is below zero. */
typedef struct integer {
  uint64_t bits;
  bool negative;
} integer;

bext_reader bext_reader_open(const uint8_t *payload, size_t length) {
  bext_reader reader = {payload, bext_check_framing(payload, length)};
  return reader;
}

bool bext_read_nil(bext_reader *reader) {
  if (reader->rejection || bext_read_header(reader->at).kind != BEXT_KIND_NIL) return false;
  reader->at++;
  return true;
}

bext_text bext_read_raw_str(bext_reader *reader) {
  bext_header header = bext_read_kind(reader, BEXT_KIND_STR);
  bext_text text = {header.body, (uint32_t)header.size}; /* a str's length has at most 32 bits on the wire */
  if (text.length) reader->at += text.length;            /* a reader that never opened may stand at NULL */
  return text;
}

bext_text bext_read_text(bext_reader *reader) {
  bext_text text = bext_read_raw_str(reader);
  if (!bext_is_utf8(text.bytes, text.length)) bext_reject(reader, BEXT_REJECT_NOT_UTF8);
  return text;
}

bool bext_read_bool(bext_reader *reader) {
  bext_header header = bext_read_kind(reader, BEXT_KIND_BOOL);
  return !reader->rejection && header.body[-1] == 0xc3; /* a bool is all header */
}

/* The two's complement of `width` (1 to 8) bytes, widened to 64 bits. */
static uint64_t sign_extended(uint64_t bits, unsigned width) {
  uint64_t sign = UINT64_C(1) << (8 * width - 1);
  return (bits ^ sign) - sign;
}

/* The value of an int's header. A fixint is its first byte: 00 to 7f, or e0 to ff for -32 to -1. */
static integer integer_of(const bext_header *header) {
  unsigned width = (unsigned)header->size;
  uint64_t bits = width ? bext_load_big_endian(header->body, width) : header->body[-1];
  if (header->kind == BEXT_KIND_INT) bits = sign_extended(bits, width ? width : 1);
  integer value = {bits, header->kind == BEXT_KIND_INT && bits >> 63};
  return value;
}

static integer read_integer(bext_reader *reader) {
  integer nothing = {0, false};
  if (reader->rejection) return nothing;
  bext_header header = bext_read_header(reader->at);
  if (header.kind != BEXT_KIND_UINT && header.kind != BEXT_KIND_INT) {
    bext_reject(reader, BEXT_REJECT_WRONG_TYPE);
    return nothing;
  }
  reader->at = header.body + (size_t)header.size;
  return integer_of(&header);
}

uint64_t bext_read_uint(bext_reader *reader) {
  integer value = read_integer(reader);
  if (!value.negative) return value.bits;
  bext_reject(reader, BEXT_REJECT_OUT_OF_RANGE);
  return 0;
}

int64_t bext_read_int64(bext_reader *reader) {
  integer value = read_integer(reader);
  if (!value.negative && value.bits > INT64_MAX) {
    bext_reject(reader, BEXT_REJECT_OUT_OF_RANGE);
    return 0;
  }
  int64_t signed_value;
  memcpy(&signed_value, &value.bits, sizeof signed_value); /* int64_t is two's complement; a cast need not be */
  return signed_value;
}

static double float32_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return (double)value;
}

static double float64_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

double bext_read_float(bext_reader *reader) {
  bext_header header = bext_read_kind(reader, BEXT_KIND_FLOAT);
  if (reader->rejection) return 0;
  reader->at = header.body + (size_t)header.size;
  uint64_t bits = bext_load_big_endian(header.body, (unsigned)header.size);
  return header.size == sizeof(float) ? float32_of((uint32_t)bits) : float64_of(bits);
}

uint64_t bext_read_time(bext_reader *reader) {
  if (bext_read_nil(reader)) return 0;
  uint64_t nanos = bext_read_uint(reader);
  if (nanos <= BEXT_MAX_TIME_UNIX_NANOS) return nanos;
  bext_reject(reader, BEXT_REJECT_OUT_OF_RANGE);
  return 0;
}

bext_handle_parts bext_read_handle(bext_reader *reader) {
  bext_header header = bext_read_kind(reader, BEXT_KIND_ARRAY);
  if (header.size != 3) bext_reject(reader, BEXT_REJECT_WRONG_LENGTH);
  bext_handle_parts handle;
  handle.trace_id_hi = bext_read_uint(reader);
  handle.trace_id_lo = bext_read_uint(reader);
  handle.span_id = bext_read_uint(reader);
  return handle;
}

/* The index of the field with this name, or `count` where there is none. */
static size_t index_of(bext_text key, const bext_field *fields, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (fields[i].length == key.length && memcmp(fields[i].name, key.bytes, key.length) == 0) return i;
  }
  return count;
}

void bext_read_fields(bext_reader *reader, const bext_field *fields, size_t count, const uint8_t **positions) {
  for (size_t i = 0; i < count; i++) positions[i] = NULL;
  for (uint64_t pairs = bext_read_kind(reader, BEXT_KIND_MAP).size; pairs; pairs--) {
    bext_text key = bext_read_raw_str(reader);
    if (reader->rejection) return;
    size_t field = index_of(key, fields, count);
    if (field < count) positions[field] = reader->at;
    reader->at = bext_skip(reader->at);
  }
}
