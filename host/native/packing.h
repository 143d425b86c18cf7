/*
 * packing.h - writes msgpack in the canonical form of ABI.md, "Canonical encoding", from what was accepted before.
 *
 * For each bext_put there is a bext_size that says how many bytes it writes; whoever calls has made that room. A put returns where the
 * next item goes.
 */
#ifndef BEXT_PACKING_H
#define BEXT_PACKING_H

#include <stdint.h>

#include "attributes.h"
#include "reader.h"
#include "trimming.h"

/* 64 bits throughout, so that no sum of sizes wraps. */
static inline uint64_t bext_size_uint(uint64_t number) {
  if (number < 0x80) return 1;
  return number <= UINT8_MAX ? 2 : number <= UINT16_MAX ? 3 : number <= UINT32_MAX ? 5 : 9;
}
static inline uint64_t bext_size_text(uint64_t length) {
  return length + (length < 32 ? 1 : length <= UINT8_MAX ? 2 : length <= UINT16_MAX ? 3 : 5);
}
uint64_t bext_size_array(uint64_t count); /* the header alone */
uint64_t bext_size_map(uint64_t count);   /* the header alone */
uint64_t bext_size_handle(const bext_handle_parts *handle);
uint64_t bext_size_value(const bext_value_view *value);
/* The first `count` of the attributes, with the map's header. */
uint64_t bext_size_attributes(const bext_attribute_view *items, uint32_t count);

uint8_t *bext_put_nil(uint8_t *at);
uint8_t *bext_put_bool(uint8_t *at, bool boolean);
uint8_t *bext_put_large_uint(uint8_t *at, uint64_t number); /* not below 128 */
static inline uint8_t *bext_put_uint(uint8_t *at, uint64_t number) {
  if (number >= 0x80) return bext_put_large_uint(at, number);
  *at = (uint8_t)number;
  return at + 1;
}
uint8_t *bext_put_text(uint8_t *at, bext_text text);
uint8_t *bext_put_array(uint8_t *at, uint64_t count);
uint8_t *bext_put_map(uint8_t *at, uint64_t count);
uint8_t *bext_put_handle(uint8_t *at, const bext_handle_parts *handle);
uint8_t *bext_put_value(uint8_t *at, const bext_value_view *value);
uint8_t *bext_put_attributes(uint8_t *at, const bext_attribute_view *items, uint32_t count);
/* Bytes that are msgpack already. */
uint8_t *bext_put_raw(uint8_t *at, const uint8_t *bytes, uint64_t size);

#endif /* BEXT_PACKING_H */
