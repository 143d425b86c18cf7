/*
 * utf8.h - strict UTF-8 validation (ABI.md, "Structs"). It judges bytes and never changes, repairs or normalises them.
 */
#ifndef BEXT_UTF8_H
#define BEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * True where the bytes are well-formed UTF-8: no overlong form, no surrogate, nothing above U+10FFFF, nothing cut off. U+0000 and
 * noncharacters pass, and so does the empty text; `bytes` may be NULL where `length` is 0.
 */
bool bext_is_utf8(const uint8_t *bytes, size_t length);

#endif /* BEXT_UTF8_H */
