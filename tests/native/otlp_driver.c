/*
 * otlp_driver.c - the writer of OTLP's bytes, without Python, for the sanitizers: spans of any bytes, while memory is refused.
 *
 *   otlp_driver FILE [guard]    each record of FILE is 4 bytes of length, least significant first, and the bytes of a finished span;
 *                               with `guard` the keys `t` and `l...` are guarded
 *
 * All of them make a batch, which is encoded as a whole, and then again and again with one allocation more that succeeds. The bytes
 * of the whole go to standard output. It ends with a message and 1 where memory is left or a refusal is not told.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counted_allocator.h"
#include "otlp.h"

#define REQUIRE(condition, what) ((condition) ? (void)0 : fail(what))

static _Noreturn void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static long allowed = -1; /* allocations that are granted yet; below 0: all */

static bool is_refused(void) { return allowed >= 0 && allowed-- == 0 ? (allowed = 0, true) : false; }

/* The next record as a span in memory of exactly its size; NULL at the end of the file. */
static bext_finished *read_span(FILE *file) {
  uint8_t length[4];
  if (fread(length, 1, sizeof length, file) != sizeof length) return NULL;
  size_t size = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
  bext_finished *span = malloc(sizeof *span + size);
  REQUIRE(span && fread(span->bytes, 1, size, file) == size, "the file is cut off");
  span->size = size;
  return span;
}

static bext_batch *read_batch(FILE *file) {
  uint64_t room = 16;
  bext_batch *batch = calloc(1, sizeof *batch + room * sizeof batch->spans[0]);
  for (bext_finished *span; batch && (span = read_span(file)); batch->spans[batch->count++] = span) {
    if (batch->count == room) batch = realloc(batch, sizeof *batch + (room *= 2) * sizeof batch->spans[0]);
    REQUIRE(batch, "no memory");
  }
  return batch;
}

static bool is_guarding;

#define TEXT(text) {(const uint8_t *)(text), sizeof(text) - 1}

static int encode(const bext_batch *batch, bext_proto *out, uint64_t *refused) {
  static const uint8_t resource[] = {0x0a, 0x00};
  static const bext_guarded_key keys[] = {{TEXT("t"), false}, {TEXT("l"), true}};
  static const bext_guarded_keys guarded = {keys, 2, TEXT("guest.")};
  return bext_otlp_encode(batch, 0, batch->count, resource, sizeof resource, is_guarding ? &guarded : NULL, out, refused);
}

/* Refuses the first allocation, then the second, and so on, until all are granted. */
static void refuse_each_allocation(const bext_batch *batch, const bext_proto *expected) {
  int error = -1;
  for (long granted = 0; error; granted++) {
    bext_proto out = {NULL, 0, 0, 0};
    uint64_t refused;
    allowed = granted;
    error = encode(batch, &out, &refused);
    int was_refused = allowed == 0;
    allowed = -1;
    REQUIRE(error == 0 || (error == BEXT_PROTO_NO_MEMORY && was_refused), "another error than refused memory");
    REQUIRE(error || (out.used == expected->used && (!out.used || memcmp(out.bytes, expected->bytes, out.used) == 0)), "other bytes");
    bext_proto_free(&out);
    REQUIRE(granted < 1000, "no end of allocations");
  }
}

int main(int count, char **arguments) {
  is_guarding = count == 3 && !strcmp(arguments[2], "guard");
  FILE *file = count == 2 || is_guarding ? fopen(arguments[1], "rb") : NULL;
  REQUIRE(file, "one file is needed");
  bext_batch *batch = read_batch(file);
  REQUIRE(batch, "no memory");
  bext_proto out = {NULL, 0, 0, 0};
  uint64_t refused;
  REQUIRE(encode(batch, &out, &refused) == 0, "it could not be encoded");
  fprintf(stderr, "%llu", (unsigned long long)refused);
  fwrite(out.bytes ? (const void *)out.bytes : "", 1, out.used, stdout);
  refuse_each_allocation(batch, &out);
  bext_proto_free(&out);
  REQUIRE(blocks == 0, "memory is left");
  while (batch->count) free(batch->spans[--batch->count]);
  free(batch);
  return fclose(file);
}
