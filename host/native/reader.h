/*
 * reader.h - the second pass over a guest's payload: typed reads (ABI.md, "Structs").
 *
 * A reader stands inside a payload that bext_check_framing accepted, so that no read meets an end of data. The first rejection sticks:
 * every read after it does nothing and gives an empty value, so that a caller asks once, at the end, and the rejection it gets is the
 * first in the order of its reads. Reads give views into the payload; nothing is copied, allocated or written.
 */
#ifndef BEXT_READER_H
#define BEXT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bext_tracer_abi.h"
#include "framing.h"

/* Text inside a payload, as long as the payload lives. Not ended by a zero. Where `length` is 0, `bytes` may be NULL. */
typedef struct bext_text {
  const uint8_t *bytes;
  uint32_t length;
} bext_text;

/* A handle by value (ABI.md, "Handle"). */
typedef struct bext_handle_parts {
  uint64_t trace_id_hi;
  uint64_t trace_id_lo;
  uint64_t span_id;
} bext_handle_parts;

/* True where the trace id or the span id is zero: the span was not sampled. */
static inline bool bext_handle_is_invalid(const bext_handle_parts *handle) {
  return (handle->trace_id_hi | handle->trace_id_lo) == 0 || handle->span_id == 0;
}

/* A position in a payload of good framing, and the first rejection met. */
typedef struct bext_reader {
  const uint8_t *at;
  enum bext_rejection rejection;
} bext_reader;

/* A field's name. Structs list their fields in the order of ABI.md's tables. */
typedef struct bext_field {
  const char *name;
  uint32_t length;
} bext_field;

#define BEXT_FIELD(name) {name, sizeof(name) - 1}

/* A reader at the start of the payload, after the framing pass; its verdict is the reader's rejection. */
bext_reader bext_reader_open(const uint8_t *payload, size_t length);

/* Notes a rejection, unless there is one already. */
static inline void bext_reject(bext_reader *reader, enum bext_rejection why) {
  if (!reader->rejection) reader->rejection = why;
}

/* Steps over a header of this kind, any other is `wrong_type`. Where it rejects, the size it returns is 0. */
static inline bext_header bext_read_kind(bext_reader *reader, enum bext_kind kind) {
  bext_header nothing = {reader->at, 0, kind};
  if (reader->rejection) return nothing;
  bext_header header = bext_read_header(reader->at);
  if (header.kind != kind) {
    bext_reject(reader, BEXT_REJECT_WRONG_TYPE);
    return nothing;
  }
  reader->at = header.body;
  return header;
}

/* Steps over a nil, if one comes next, and tells whether. */
bool bext_read_nil(bext_reader *reader);

/* A str whose text is not looked at. */
bext_text bext_read_raw_str(bext_reader *reader);

/* A str that is UTF-8. */
bext_text bext_read_text(bext_reader *reader);

bool bext_read_bool(bext_reader *reader);

/* An int, in any format, that is not negative. */
uint64_t bext_read_uint(bext_reader *reader);

/* An int, in any format, of -2^63 to 2^63-1. */
int64_t bext_read_int64(bext_reader *reader);

/* A float of 32 or 64 bits. Which NaN a NaN becomes is not specified: all NaN are one. */
double bext_read_float(bext_reader *reader);

/* Nanoseconds since the Unix epoch; nil and 0 give 0, which means absent. */
uint64_t bext_read_time(bext_reader *reader);

/* An array of exactly three uints. The handle may be invalid. */
bext_handle_parts bext_read_handle(bext_reader *reader);

/*
 * Steps over a struct's map. `positions`, as long as `fields`, gets where each field's value stands, the last one where a key comes
 * twice, and NULL for a field that is absent.
 */
void bext_read_fields(bext_reader *reader, const bext_field *fields, size_t count, const uint8_t **positions);

#endif /* BEXT_READER_H */
