/*
 * framing.c - the framing pass. It walks the bytes with a flat stack of counters, so that nothing a guest writes makes it recurse, and
 * compares every length and count in 64 bits with the bytes that are left before it uses it.
 */
#include "framing.h"

/* What a first byte says. `length_bytes` follow it and add to `size`. */
typedef struct format {
  uint8_t kind;
  uint8_t length_bytes;
  uint8_t size;
} format;

#define RESERVED 0xff /* no kind: the first byte 0xc1 */

/* The first bytes 0xc0 to 0xdf, which carry no number themselves. The body of an ext starts with its type, one byte. */
static const format FORMATS[32] = {
    {BEXT_KIND_NIL, 0, 0},   /* c0 */
    {RESERVED, 0, 0},        /* c1 */
    {BEXT_KIND_BOOL, 0, 0},  /* c2 false */
    {BEXT_KIND_BOOL, 0, 0},  /* c3 true */
    {BEXT_KIND_BIN, 1, 0},   /* c4 bin 8 */
    {BEXT_KIND_BIN, 2, 0},   /* c5 bin 16 */
    {BEXT_KIND_BIN, 4, 0},   /* c6 bin 32 */
    {BEXT_KIND_EXT, 1, 1},   /* c7 ext 8 */
    {BEXT_KIND_EXT, 2, 1},   /* c8 ext 16 */
    {BEXT_KIND_EXT, 4, 1},   /* c9 ext 32 */
    {BEXT_KIND_FLOAT, 0, 4}, /* ca float 32 */
    {BEXT_KIND_FLOAT, 0, 8}, /* cb float 64 */
    {BEXT_KIND_UINT, 0, 1},  /* cc uint 8 */
    {BEXT_KIND_UINT, 0, 2},  /* cd uint 16 */
    {BEXT_KIND_UINT, 0, 4},  /* ce uint 32 */
    {BEXT_KIND_UINT, 0, 8},  /* cf uint 64 */
    {BEXT_KIND_INT, 0, 1},   /* d0 int 8 */
    {BEXT_KIND_INT, 0, 2},   /* d1 int 16 */
    {BEXT_KIND_INT, 0, 4},   /* d2 int 32 */
    {BEXT_KIND_INT, 0, 8},   /* d3 int 64 */
    {BEXT_KIND_EXT, 0, 2},   /* d4 fixext 1 */
    {BEXT_KIND_EXT, 0, 3},   /* d5 fixext 2 */
    {BEXT_KIND_EXT, 0, 5},   /* d6 fixext 4 */
    {BEXT_KIND_EXT, 0, 9},   /* d7 fixext 8 */
    {BEXT_KIND_EXT, 0, 17},  /* d8 fixext 16 */
    {BEXT_KIND_STR, 1, 0},   /* d9 str 8 */
    {BEXT_KIND_STR, 2, 0},   /* da str 16 */
    {BEXT_KIND_STR, 4, 0},   /* db str 32 */
    {BEXT_KIND_ARRAY, 2, 0}, /* dc array 16 */
    {BEXT_KIND_ARRAY, 4, 0}, /* dd array 32 */
    {BEXT_KIND_MAP, 2, 0},   /* de map 16 */
    {BEXT_KIND_MAP, 4, 0},   /* df map 32 */
};

static format fixed(enum bext_kind kind, unsigned size) {
  format fixed_format = {(uint8_t)kind, 0, (uint8_t)size};
  return fixed_format;
}

static format format_of(uint8_t first) {
  if (first < 0x80 || first >= 0xe0) return fixed(first < 0x80 ? BEXT_KIND_UINT : BEXT_KIND_INT, 0);
  if (first >= 0xc0) return FORMATS[first - 0xc0];
  if (first >= 0xa0) return fixed(BEXT_KIND_STR, first & 0x1f);
  return fixed(first >= 0x90 ? BEXT_KIND_ARRAY : BEXT_KIND_MAP, first & 0x0f);
}

uint64_t bext_load_big_endian(const uint8_t *at, unsigned width) {
  uint64_t value = 0;
  for (unsigned i = 0; i < width; i++) value = value << 8 | at[i];
  return value;
}

/* The header that starts with this format; its length bytes must be there. */
static bext_header header_of(const uint8_t *at, format found) {
  bext_header header = {at + 1 + found.length_bytes, found.size, (enum bext_kind)found.kind};
  if (found.length_bytes) header.size += bext_load_big_endian(at + 1, found.length_bytes);
  return header;
}

/* How many items follow as the content: none for a scalar, two for each pair of a map. At most 2^33, so 64 bits are needed. */
static uint64_t item_count(const bext_header *header) {
  if (header->kind < BEXT_KIND_ARRAY) return 0;
  return header->kind == BEXT_KIND_MAP ? 2 * header->size : header->size;
}

static uint64_t scalar_bytes(const bext_header *header) { return header->kind < BEXT_KIND_ARRAY ? header->size : 0; }

bext_header bext_read_header(const uint8_t *at) { return header_of(at, format_of(*at)); }

const uint8_t *bext_skip(const uint8_t *at) {
  uint64_t pending = 1;
  while (pending) {
    bext_header header = bext_read_header(at);
    at = header.body + (size_t)scalar_bytes(&header); /* the framing pass saw that many bytes, so they fit in a size_t */
    pending += item_count(&header);
    pending--;
  }
  return at;
}

/* The header at `at`, with `left` bytes up to the end of the payload. */
static enum bext_rejection check_header(const uint8_t *at, size_t left, bext_header *out) {
  if (left == 0) return BEXT_REJECT_TRUNCATED;
  format found = format_of(*at);
  if (found.kind == RESERVED) return BEXT_REJECT_RESERVED_BYTE;
  if (found.length_bytes > left - 1) return BEXT_REJECT_TRUNCATED;
  *out = header_of(at, found);
  return BEXT_ACCEPTED;
}

enum bext_rejection bext_check_framing(const uint8_t *data, size_t length) {
  uint64_t outer[BEXT_MAX_DEPTH]; /* items that each container round the innermost open one still owes */
  unsigned depth = 0;             /* open containers */
  uint64_t owed = 1;              /* items still to come in the innermost; before the root, the payload itself owes one */
  size_t position = 0;
  while (owed || depth) {
    if (!owed) {
      owed = outer[--depth];
      continue;
    }
    owed--;
    bext_header header;
    enum bext_rejection why = check_header(data + position, length - position, &header);
    if (why) return why;
    position = (size_t)(header.body - data);
    if (header.kind < BEXT_KIND_ARRAY) {
      if (header.size > length - position) return BEXT_REJECT_TRUNCATED;
      position += (size_t)header.size;
      continue;
    }
    if (depth == BEXT_MAX_DEPTH) return BEXT_REJECT_TOO_DEEP;
    uint64_t count = item_count(&header);
    if (count > length - position) return BEXT_REJECT_COUNT_EXCEEDS_BYTES;
    outer[depth++] = owed;
    owed = count;
  }
  return position == length ? BEXT_ACCEPTED : BEXT_REJECT_TRAILING_BYTES;
}
