/*
 * framing.c - the framing pass. It walks the bytes with a flat stack of counters, so that nothing a guest writes makes it recurse, and
 * compares every length and count in 64 bits with the bytes that are left before it uses it.
 */
#include "framing.h"

/* Rows of formats without length bytes: 16 of growing size, or 32 alike. */
#define SIZES_4(kind, n) {kind, 0, n}, {kind, 0, (n) + 1}, {kind, 0, (n) + 2}, {kind, 0, (n) + 3}
#define SIZES_16(kind, n) SIZES_4(kind, n), SIZES_4(kind, (n) + 4), SIZES_4(kind, (n) + 8), SIZES_4(kind, (n) + 12)
#define SAME_8(kind) {kind, 0, 0}, {kind, 0, 0}, {kind, 0, 0}, {kind, 0, 0}, {kind, 0, 0}, {kind, 0, 0}, {kind, 0, 0}, {kind, 0, 0}
#define SAME_32(kind) SAME_8(kind), SAME_8(kind), SAME_8(kind), SAME_8(kind)

/* All 256 first bytes. The body of an ext starts with its type, which is one byte. */
const bext_format bext_formats[256] = {
    SAME_32(BEXT_KIND_UINT),       /* 00 to 1f */
    SAME_32(BEXT_KIND_UINT),       /* 20 to 3f */
    SAME_32(BEXT_KIND_UINT),       /* 40 to 5f */
    SAME_32(BEXT_KIND_UINT),       /* 60 to 7f */
    SIZES_16(BEXT_KIND_MAP, 0),    /* 80 to 8f */
    SIZES_16(BEXT_KIND_ARRAY, 0),  /* 90 to 9f */
    SIZES_16(BEXT_KIND_STR, 0),    /* a0 to af */
    SIZES_16(BEXT_KIND_STR, 16),   /* b0 to bf */
    {BEXT_KIND_NIL, 0, 0},         /* c0 */
    {BEXT_KIND_RESERVED, 0, 0},    /* c1 */
    {BEXT_KIND_BOOL, 0, 0},        /* c2 false */
    {BEXT_KIND_BOOL, 0, 0},        /* c3 true */
    {BEXT_KIND_BIN, 1, 0},         /* c4 bin 8 */
    {BEXT_KIND_BIN, 2, 0},         /* c5 bin 16 */
    {BEXT_KIND_BIN, 4, 0},         /* c6 bin 32 */
    {BEXT_KIND_EXT, 1, 1},         /* c7 ext 8 */
    {BEXT_KIND_EXT, 2, 1},         /* c8 ext 16 */
    {BEXT_KIND_EXT, 4, 1},         /* c9 ext 32 */
    {BEXT_KIND_FLOAT, 0, 4},       /* ca float 32 */
    {BEXT_KIND_FLOAT, 0, 8},       /* cb float 64 */
    {BEXT_KIND_UINT, 0, 1},        /* cc uint 8 */
    {BEXT_KIND_UINT, 0, 2},        /* cd uint 16 */
    {BEXT_KIND_UINT, 0, 4},        /* ce uint 32 */
    {BEXT_KIND_UINT, 0, 8},        /* cf uint 64 */
    {BEXT_KIND_INT, 0, 1},         /* d0 int 8 */
    {BEXT_KIND_INT, 0, 2},         /* d1 int 16 */
    {BEXT_KIND_INT, 0, 4},         /* d2 int 32 */
    {BEXT_KIND_INT, 0, 8},         /* d3 int 64 */
    {BEXT_KIND_EXT, 0, 2},         /* d4 fixext 1 */
    {BEXT_KIND_EXT, 0, 3},         /* d5 fixext 2 */
    {BEXT_KIND_EXT, 0, 5},         /* d6 fixext 4 */
    {BEXT_KIND_EXT, 0, 9},         /* d7 fixext 8 */
    {BEXT_KIND_EXT, 0, 17},        /* d8 fixext 16 */
    {BEXT_KIND_STR, 1, 0},         /* d9 str 8 */
    {BEXT_KIND_STR, 2, 0},         /* da str 16 */
    {BEXT_KIND_STR, 4, 0},         /* db str 32 */
    {BEXT_KIND_ARRAY, 2, 0},       /* dc array 16 */
    {BEXT_KIND_ARRAY, 4, 0},       /* dd array 32 */
    {BEXT_KIND_MAP, 2, 0},         /* de map 16 */
    {BEXT_KIND_MAP, 4, 0},         /* df map 32 */
    SAME_32(BEXT_KIND_INT),        /* e0 to ff */
};

/* How many items follow as the content: none for a scalar, two for each pair of a map. At most 2^33, so 64 bits are needed. */
static uint64_t item_count(const bext_header *header) {
  if (header->kind < BEXT_KIND_ARRAY) return 0;
  return header->kind == BEXT_KIND_MAP ? 2 * header->size : header->size;
}

static uint64_t scalar_bytes(const bext_header *header) { return header->kind < BEXT_KIND_ARRAY ? header->size : 0; }

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
    if (position == length) return BEXT_REJECT_TRUNCATED;
    const bext_format format = bext_formats[data[position++]];
    uint64_t size = format.size;
    if (format.length_bytes) {
      if (format.length_bytes > length - position) return BEXT_REJECT_TRUNCATED;
      size += bext_load_big_endian(data + position, format.length_bytes);
      position += format.length_bytes;
    }
    if (format.kind < BEXT_KIND_ARRAY) {
      if (size > length - position) return BEXT_REJECT_TRUNCATED;
      position += (size_t)size;
      continue;
    }
    if (format.kind == BEXT_KIND_RESERVED) return BEXT_REJECT_RESERVED_BYTE;
    if (depth == BEXT_MAX_DEPTH) return BEXT_REJECT_TOO_DEEP;
    uint64_t count = format.kind == BEXT_KIND_MAP ? 2 * size : size;
    if (count > length - position) return BEXT_REJECT_COUNT_EXCEEDS_BYTES;
    outer[depth++] = owed;
    owed = count;
  }
  return position == length ? BEXT_ACCEPTED : BEXT_REJECT_TRAILING_BYTES;
}
