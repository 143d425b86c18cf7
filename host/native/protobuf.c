/* protobuf.c - lengths have their shortest form; the content is moved where the guess of a length's size was wrong. */
#include "protobuf.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PROTO_FIRST_ROOM 4096

enum { PROTO_WIRE_VARINT = 0, PROTO_WIRE_FIXED64 = 1, PROTO_WIRE_BYTES = 2, PROTO_WIRE_FIXED32 = 5, PROTO_LONGEST_VARINT = 10 };

void bext_proto_free(bext_proto *out) {
  free(out->bytes);
  *out = (bext_proto){NULL, 0, 0, 0};
}

static bool fail_proto(bext_proto *out, enum bext_proto_error error) {
  if (!out->error) out->error = (int)error;
  return false;
}

static bool grow_proto(bext_proto *out, size_t more) {
  if (more > BEXT_PROTO_LARGEST - out->used) return fail_proto(out, BEXT_PROTO_TOO_LARGE);
  size_t needed = out->used + more, room = out->room ? 2 * out->room : PROTO_FIRST_ROOM;
  if (room < needed) room = needed;
  uint8_t *larger = realloc(out->bytes, room);
  if (!larger) return fail_proto(out, BEXT_PROTO_NO_MEMORY);
  out->bytes = larger;
  out->room = room;
  return true;
}

/* True where so many bytes more may be written. `used` never passes `room`, nor BEXT_PROTO_LARGEST. */
static inline bool proto_has_room(bext_proto *out, size_t more) {
  if (out->error) return false;
  return (more <= out->room - out->used && out->used + more <= BEXT_PROTO_LARGEST) || grow_proto(out, more);
}

static inline unsigned varint_size(uint64_t number) {
  unsigned size = 1;
  for (; number >= 0x80; number >>= 7) size++;
  return size;
}

static inline uint8_t *write_varint(uint8_t *at, uint64_t number) {
  for (; number >= 0x80; number >>= 7) *at++ = (uint8_t)(number | 0x80);
  *at = (uint8_t)number;
  return at + 1;
}

static inline uint8_t *write_little_endian(uint8_t *at, uint64_t number, unsigned width) {
  for (unsigned i = 0; i < width; i++) at[i] = (uint8_t)(number >> (8 * i));
  return at + width;
}

static inline uint8_t *write_tag(uint8_t *at, uint32_t field, unsigned wire_type) { return write_varint(at, field << 3 | wire_type); }

static inline void wrote_until(bext_proto *out, const uint8_t *end) { out->used = (size_t)(end - out->bytes); }

void bext_proto_uint(bext_proto *out, uint32_t field, uint64_t number) {
  if (!proto_has_room(out, 2 * PROTO_LONGEST_VARINT)) return;
  wrote_until(out, write_varint(write_tag(out->bytes + out->used, field, PROTO_WIRE_VARINT), number));
}

void bext_proto_fixed32(bext_proto *out, uint32_t field, uint32_t number) {
  if (!proto_has_room(out, PROTO_LONGEST_VARINT + sizeof number)) return;
  wrote_until(out, write_little_endian(write_tag(out->bytes + out->used, field, PROTO_WIRE_FIXED32), number, sizeof number));
}

void bext_proto_fixed64(bext_proto *out, uint32_t field, uint64_t number) {
  if (!proto_has_room(out, PROTO_LONGEST_VARINT + sizeof number)) return;
  wrote_until(out, write_little_endian(write_tag(out->bytes + out->used, field, PROTO_WIRE_FIXED64), number, sizeof number));
}

void bext_proto_bytes(bext_proto *out, uint32_t field, const uint8_t *bytes, size_t length) {
  if (length > BEXT_PROTO_LARGEST) {
    fail_proto(out, BEXT_PROTO_TOO_LARGE);
    return;
  }
  if (!proto_has_room(out, 2 * PROTO_LONGEST_VARINT + length)) return;
  uint8_t *at = write_varint(write_tag(out->bytes + out->used, field, PROTO_WIRE_BYTES), length);
  if (length) memcpy(at, bytes, length);
  wrote_until(out, at + length);
}

void bext_proto_text(bext_proto *out, uint32_t field, bext_text text) { bext_proto_bytes(out, field, text.bytes, text.length); }

void bext_proto_joined(bext_proto *out, uint32_t field, bext_text first, bext_text second) {
  bext_proto_message both = bext_proto_open(out, field, 1);
  if (!proto_has_room(out, (size_t)first.length + second.length)) return;
  uint8_t *at = out->bytes + out->used;
  if (first.length) memcpy(at, first.bytes, first.length);
  if (second.length) memcpy(at + first.length, second.bytes, second.length);
  out->used += (size_t)first.length + second.length;
  bext_proto_close(out, both);
}

bext_proto_message bext_proto_open(bext_proto *out, uint32_t field, unsigned width) {
  if (proto_has_room(out, PROTO_LONGEST_VARINT + width)) {
    wrote_until(out, write_tag(out->bytes + out->used, field, PROTO_WIRE_BYTES) + width);
  }
  return (bext_proto_message){out->used, width};
}

void bext_proto_close(bext_proto *out, bext_proto_message message) {
  if (out->error) return;
  size_t length = out->used - message.body;
  unsigned width = varint_size(length);
  if (width > message.width && !proto_has_room(out, width - message.width)) return;
  uint8_t *start = out->bytes + message.body - message.width;
  if (width != message.width) memmove(start + width, start + message.width, length);
  write_varint(start, length);
  wrote_until(out, start + width + length);
}
