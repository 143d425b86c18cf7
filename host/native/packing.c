/* packing.c - the shortest form of everything, floats always in 64 bits, one NaN. */
#include "packing.h"

#include <string.h>

/* --- Numbers ------------------------------------------------------------------------------------------------------------------ */

static uint8_t *put_big_endian(uint8_t *at, uint64_t number, unsigned width) {
  for (unsigned i = 0; i < width; i++) at[i] = (uint8_t)(number >> (8 * (width - 1 - i)));
  return at + width;
}

/* How many bytes follow the first one of an unsigned int. */
static unsigned uint_width(uint64_t number) {
  if (number < 0x80) return 0;
  return number <= UINT8_MAX ? 1 : number <= UINT16_MAX ? 2 : number <= UINT32_MAX ? 4 : 8;
}

uint8_t *bext_put_large_uint(uint8_t *at, uint64_t number) {
  if (number > UINT32_MAX) {
    *at = 0xcf;
    return put_big_endian(at + 1, number, 8);
  }
  switch (uint_width(number)) {
    case 1: *at = 0xcc; return put_big_endian(at + 1, number, 1);
    case 2: *at = 0xcd; return put_big_endian(at + 1, number, 2);
    default: *at = 0xce; return put_big_endian(at + 1, number, 4);
  }
}

static unsigned negative_width(int64_t number) {
  if (number >= -32) return 0;
  return number >= INT8_MIN ? 1 : number >= INT16_MIN ? 2 : number >= INT32_MIN ? 4 : 8;
}

static uint64_t size_int(int64_t number) { return 1 + (number < 0 ? negative_width(number) : uint_width((uint64_t)number)); }

static uint8_t *put_int(uint8_t *at, int64_t number) {
  if (number >= 0) return bext_put_uint(at, (uint64_t)number);
  switch (negative_width(number)) {
    case 0: *at = (uint8_t)number; return at + 1;
    case 1: *at = 0xd0; return put_big_endian(at + 1, (uint64_t)number, 1);
    case 2: *at = 0xd1; return put_big_endian(at + 1, (uint64_t)number, 2);
    case 4: *at = 0xd2; return put_big_endian(at + 1, (uint64_t)number, 4);
    default: *at = 0xd3; return put_big_endian(at + 1, (uint64_t)number, 8);
  }
}

static uint8_t *put_float(uint8_t *at, double number) {
  uint64_t bits = UINT64_C(0x7ff8000000000000);
  if (number == number) memcpy(&bits, &number, sizeof bits);
  *at = 0xcb;
  return put_big_endian(at + 1, bits, 8);
}

uint8_t *bext_put_nil(uint8_t *at) {
  *at = 0xc0;
  return at + 1;
}

uint8_t *bext_put_bool(uint8_t *at, bool boolean) {
  *at = boolean ? 0xc3 : 0xc2;
  return at + 1;
}

/* --- Texts and headers ---------------------------------------------------------------------------------------------------------- */

uint8_t *bext_put_raw(uint8_t *at, const uint8_t *bytes, uint64_t size) {
  if (size) memcpy(at, bytes, (size_t)size);
  return at + size;
}

uint8_t *bext_put_text(uint8_t *at, bext_text text) {
  uint32_t length = text.length;
  if (length < 32) {
    *at++ = (uint8_t)(0xa0 | length);
  } else if (length <= UINT8_MAX) {
    *at = 0xd9;
    at = put_big_endian(at + 1, length, 1);
  } else if (length <= UINT16_MAX) {
    *at = 0xda;
    at = put_big_endian(at + 1, length, 2);
  } else {
    *at = 0xdb;
    at = put_big_endian(at + 1, length, 4);
  }
  return bext_put_raw(at, text.bytes, length);
}

static uint64_t size_header(uint64_t count) { return count < 16 ? 1 : count <= UINT16_MAX ? 3 : 5; }

uint64_t bext_size_array(uint64_t count) { return size_header(count); }

uint64_t bext_size_map(uint64_t count) { return size_header(count); }

/* `few`, `medium`, `many`: the first bytes of the three forms. */
static uint8_t *put_header(uint8_t *at, uint64_t count, uint8_t few, uint8_t medium, uint8_t many) {
  if (count < 16) {
    *at = (uint8_t)(few | count);
    return at + 1;
  }
  *at = count <= UINT16_MAX ? medium : many;
  return put_big_endian(at + 1, count, count <= UINT16_MAX ? 2 : 4);
}

uint8_t *bext_put_array(uint8_t *at, uint64_t count) { return put_header(at, count, 0x90, 0xdc, 0xdd); }

uint8_t *bext_put_map(uint8_t *at, uint64_t count) { return put_header(at, count, 0x80, 0xde, 0xdf); }

uint64_t bext_size_handle(const bext_handle_parts *handle) {
  return 1 + bext_size_uint(handle->trace_id_hi) + bext_size_uint(handle->trace_id_lo) + bext_size_uint(handle->span_id);
}

uint8_t *bext_put_handle(uint8_t *at, const bext_handle_parts *handle) {
  at = bext_put_array(at, 3);
  at = bext_put_uint(at, handle->trace_id_hi);
  at = bext_put_uint(at, handle->trace_id_lo);
  return bext_put_uint(at, handle->span_id);
}

/* --- Attributes ------------------------------------------------------------------------------------------------------------------ */

static uint64_t size_scalar(const bext_value_view *value) {
  switch (value->type) {
    case BEXT_VALUE_STR: return bext_size_text(value->scalar.text.length);
    case BEXT_VALUE_INT: return size_int(value->scalar.integer);
    case BEXT_VALUE_FLOAT: return 9;
    default: return 1;
  }
}

static uint8_t *put_scalar(uint8_t *at, const bext_value_view *value) {
  switch (value->type) {
    case BEXT_VALUE_STR: return bext_put_text(at, value->scalar.text);
    case BEXT_VALUE_INT: return put_int(at, value->scalar.integer);
    case BEXT_VALUE_FLOAT: return put_float(at, value->scalar.number);
    default: return bext_put_bool(at, value->scalar.boolean);
  }
}

uint64_t bext_size_value(const bext_value_view *value) {
  if (value->type < BEXT_VALUE_STR_ARRAY) return size_scalar(value);
  uint64_t size = bext_size_array(value->count);
  bext_value_items items = bext_value_items_of(value);
  bext_value_view item;
  while (bext_value_items_next(&items, &item)) size += size_scalar(&item);
  return size;
}

uint8_t *bext_put_value(uint8_t *at, const bext_value_view *value) {
  if (value->type < BEXT_VALUE_STR_ARRAY) return put_scalar(at, value);
  at = bext_put_array(at, value->count);
  bext_value_items items = bext_value_items_of(value);
  bext_value_view item;
  while (bext_value_items_next(&items, &item)) at = put_scalar(at, &item);
  return at;
}

uint64_t bext_size_attributes(const bext_attribute_view *items, uint32_t count) {
  uint64_t size = bext_size_map(count);
  for (uint32_t i = 0; i < count; i++) size += bext_size_text(items[i].key.length) + bext_size_value(&items[i].value);
  return size;
}

uint8_t *bext_put_attributes(uint8_t *at, const bext_attribute_view *items, uint32_t count) {
  at = bext_put_map(at, count);
  for (uint32_t i = 0; i < count; i++) at = bext_put_value(bext_put_text(at, items[i].key), &items[i].value);
  return at;
}
