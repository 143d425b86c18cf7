/*
 * utf8.h - strict UTF-8 validation (ABI.md, "Structs"). It judges bytes and never changes, repairs or normalises them.
 */
#ifndef BEXT_UTF8_H
#define BEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Whether a text of at most 32 bytes is ASCII, as nearly all keys and names are; false also where it is longer. Each byte is looked at,
 * some of them twice. No alignment is required of text.
 */
static inline bool bext_is_short_ascii(const uint8_t *bytes, size_t length) {
  uint64_t eight[4] = {0, 0, 0, 0};
  if (length > sizeof eight) return false;
  if (length > 16) {
    memcpy(&eight[0], bytes, 16);
    memcpy(&eight[2], bytes + length - 16, 16);
  } else if (length >= 8) {
    memcpy(&eight[0], bytes, 8);
    memcpy(&eight[1], bytes + length - 8, 8);
  } else if (length >= 4) {
    memcpy(&eight[0], bytes, 4);
    memcpy(&eight[1], bytes + length - 4, 4);
  } else {
    for (size_t i = 0; i < length; i++) eight[0] |= bytes[i];
  }
  return !((eight[0] | eight[1] | eight[2] | eight[3]) & UINT64_C(0x8080808080808080));
}

/*
 * True where the bytes are well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF, nothing cut off. U+0000 and
 * noncharacters pass, and so does the empty text; `bytes` may be NULL where `length` is 0.
 */
bool bext_is_long_utf8(const uint8_t *bytes, size_t length);
static inline bool bext_is_utf8(const uint8_t *bytes, size_t length) {
  return bext_is_short_ascii(bytes, length) || bext_is_long_utf8(bytes, length);
}

#endif /* BEXT_UTF8_H */
