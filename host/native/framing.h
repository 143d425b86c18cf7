/*
 * framing.h - the first pass over a guest's payload, and steps over single items of one that passed it (ABI.md, "Framing").
 *
 * A payload must be exactly one well-formed msgpack item, nested at most BEXT_MAX_DEPTH deep, with counts that can be true. Only
 * bext_check_framing may be given bytes that nobody checked; everything else here trusts its verdict and knows no end of data.
 * Nothing here judges types or text, allocates, recurses or writes to the payload.
 */
#ifndef BEXT_FRAMING_H
#define BEXT_FRAMING_H

#include <stddef.h>
#include <stdint.h>

#include "bext_tracer_abi.h"

/* What a pass returns where it found nothing wrong; every `enum bext_rejection` with a name is a refusal. */
#define BEXT_ACCEPTED ((enum bext_rejection)0)

/* The msgpack types, without their formats: values are judged by value, not by format. Containers come last. */
enum bext_kind {
  BEXT_KIND_NIL = 0,
  BEXT_KIND_BOOL = 1,
  BEXT_KIND_UINT = 2,
  BEXT_KIND_INT = 3, /* a format with a sign; its value may still be positive */
  BEXT_KIND_FLOAT = 4,
  BEXT_KIND_STR = 5,
  BEXT_KIND_BIN = 6,
  BEXT_KIND_EXT = 7,
  BEXT_KIND_ARRAY = 8,
  BEXT_KIND_MAP = 9,
  BEXT_KIND_RESERVED = 10 /* the first byte 0xc1, which starts no item; none is left once the framing is good */
};

/* What a first byte says. `length_bytes` follow it and add to `size`. */
typedef struct bext_format {
  uint8_t kind;
  uint8_t length_bytes;
  uint8_t size;
} bext_format;

/* The format of each first byte. */
extern const bext_format bext_formats[256];

/* One item's header. `size` is the bytes of a scalar's body, the items of an array, or the pairs of a map. */
typedef struct bext_header {
  const uint8_t *body;
  uint64_t size;
  enum bext_kind kind;
} bext_header;

/* BEXT_ACCEPTED, or the first rejection from left to right. `data` may be NULL where `length` is 0. */
enum bext_rejection bext_check_framing(const uint8_t *data, size_t length);

/* Where the item after the one at `at` stands, or would. `at` must be inside a payload of good framing. */
const uint8_t *bext_skip(const uint8_t *at);

/* The unsigned number of `width` (0 to 8) bytes at `at`, most significant byte first. */
static inline uint64_t bext_load_big_endian(const uint8_t *at, unsigned width) {
  uint64_t value = 0;
  for (unsigned i = 0; i < width; i++) value = value << 8 | at[i];
  return value;
}

/* The header of the item at `at`, which must be inside a payload of good framing. Inline, since everything is read through it. */
static inline bext_header bext_read_header(const uint8_t *at) {
  const bext_format *format = &bext_formats[*at];
  bext_header header = {at + 1 + format->length_bytes, format->size, (enum bext_kind)format->kind};
  if (format->length_bytes) header.size += bext_load_big_endian(at + 1, format->length_bytes);
  return header;
}

#endif /* BEXT_FRAMING_H */
