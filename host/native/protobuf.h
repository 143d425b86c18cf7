/*
 * protobuf.h - writes protobuf into one piece of memory that grows.
 *
 * The first failure sticks: every put after it does nothing, so that a caller asks once, at the end. Fields come in the order in which they
 * are put; whoever puts them in the order of their numbers gets the bytes that other writers give. Fields that have their default value
 * are the caller's to leave out.
 */
#ifndef BEXT_PROTOBUF_H
#define BEXT_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include "reader.h"

#define BEXT_PROTO_LARGEST INT32_MAX /* bytes of one message, by protobuf's own rule */

enum bext_proto_error {
  BEXT_PROTO_NO_MEMORY = 1,
  BEXT_PROTO_TOO_LARGE = 2
};

/* What was written. All zeros is an empty one; it may be used again after `used` was set to 0. */
typedef struct bext_proto {
  uint8_t *bytes; /* owned; NULL where there is no room yet */
  size_t used;
  size_t room;
  int error; /* 0, or an enum bext_proto_error */
} bext_proto;

/* A message inside of another that was begun: where its content starts, and how many bytes are left before it for its length. */
typedef struct bext_proto_message {
  size_t body;
  unsigned width;
} bext_proto_message;

/* Frees the memory; it is empty afterwards. */
void bext_proto_free(bext_proto *out);

/* Each with the field's number, which is below 2^28. */
void bext_proto_uint(bext_proto *out, uint32_t field, uint64_t number); /* also enum, bool, and int64 in two's complement */
void bext_proto_fixed32(bext_proto *out, uint32_t field, uint32_t number);
void bext_proto_fixed64(bext_proto *out, uint32_t field, uint64_t number);
void bext_proto_bytes(bext_proto *out, uint32_t field, const uint8_t *bytes, size_t length);
void bext_proto_text(bext_proto *out, uint32_t field, bext_text text);
void bext_proto_joined(bext_proto *out, uint32_t field, bext_text first, bext_text second); /* one text of both */

/* Begins a message. `width`, from 1 to 5, is a guess of how many bytes its length takes; a wrong one costs moving the content. */
bext_proto_message bext_proto_open(bext_proto *out, uint32_t field, unsigned width);
/* Ends the message that was begun last. */
void bext_proto_close(bext_proto *out, bext_proto_message message);

#endif /* BEXT_PROTOBUF_H */
