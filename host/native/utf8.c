/*
 * utf8.c - strict UTF-8 validation, eight bytes at a time where text is ASCII, as names and keys mostly are.
 */
#include "utf8.h"

#include <string.h>

#define NOT_ASCII UINT64_C(0x8080808080808080)

static bool is_between(uint8_t byte, uint8_t low, uint8_t high) { return byte >= low && byte <= high; }

static bool is_ascii_8(const uint8_t *at) {
  uint64_t eight;
  memcpy(&eight, at, sizeof eight); /* no alignment is required of text */
  return !(eight & NOT_ASCII);
}

/* How many bytes at `at` are ASCII, counted in eights and so possibly a few too low: the rest is looked at one by one. */
static size_t ascii_eights(const uint8_t *at, size_t left) {
  size_t done = 0;
  while (left - done >= sizeof(uint64_t) && is_ascii_8(at + done)) done += sizeof(uint64_t);
  return done;
}

/* Whether all of a text of at least eight bytes is ASCII; its last eight may be looked at twice. */
static bool is_ascii(const uint8_t *bytes, size_t length) {
  return is_ascii_8(bytes + length - sizeof(uint64_t)) && ascii_eights(bytes, length) + sizeof(uint64_t) > length;
}

/* The second byte's range is what excludes overlong forms (e0, f0), surrogates (ed) and what is above U+10FFFF (f4). */
static bool is_second(uint8_t first, uint8_t second) {
  switch (first) {
    case 0xe0: return is_between(second, 0xa0, 0xbf);
    case 0xed: return is_between(second, 0x80, 0x9f);
    case 0xf0: return is_between(second, 0x90, 0xbf);
    case 0xf4: return is_between(second, 0x80, 0x8f);
    default: return is_between(second, 0x80, 0xbf);
  }
}

/* How many bytes the character with this first byte, no ASCII, has; 0 where none starts so (c0 and c1 start overlong forms only). */
static size_t character_length(uint8_t first) {
  if (is_between(first, 0xc2, 0xdf)) return 2;
  if (is_between(first, 0xe0, 0xef)) return 3;
  return is_between(first, 0xf0, 0xf4) ? 4 : 0;
}

/* The length of the well-formed character at `at`, whose first byte is no ASCII, or 0. `left` is at least 1. */
static size_t well_formed_length(const uint8_t *at, size_t left) {
  size_t length = character_length(at[0]);
  if (length > left) return 0;
  if (length == 0 || !is_second(at[0], at[1])) return 0;
  for (size_t i = 2; i < length; i++) {
    if (!is_between(at[i], 0x80, 0xbf)) return 0;
  }
  return length;
}

bool bext_is_long_utf8(const uint8_t *bytes, size_t length) {
  size_t position = 0;
  if (length >= sizeof(uint64_t) && is_ascii(bytes, length)) return true;
  while (position < length) {
    position += ascii_eights(bytes + position, length - position);
    while (position < length && bytes[position] < 0x80) position++; /* the rest of an ASCII text is shorter than eight */
    if (position == length) break;
    size_t step = well_formed_length(bytes + position, length - position);
    if (step == 0) return false;
    position += step;
  }
  return true;
}
