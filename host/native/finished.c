/* finished.c - chunks of memory for spans that end one after the other. */
#include "finished.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SMALLEST_CHUNK 1024
#define LARGEST_CHUNK 16384
#define FILLING ((size_t)1 << 32) /* references that a chunk has while it is being filled: more than it ever has spans */

struct bext_chunk {
  _Alignas(64) atomic_size_t references; /* its spans. A line of its own: spans are freed in other threads than they are made in */
  _Alignas(64) uint8_t bytes[];
};

static void release_chunk(bext_chunk *chunk, size_t references) {
  if (atomic_fetch_sub_explicit(&chunk->references, references, memory_order_acq_rel) == references) free(chunk);
}

void bext_finished_memory_close(bext_finished_memory *memory) {
  if (memory->chunk) release_chunk(memory->chunk, FILLING - memory->spans);
  memory->chunk = NULL;
  memory->spans = memory->used = 0;
}

/* Begins a chunk, larger than the last one as long as the owner goes on. */
static bool begin_chunk(bext_finished_memory *memory) {
  uint32_t room = memory->room < LARGEST_CHUNK ? 2 * memory->room : LARGEST_CHUNK;
  if (room < SMALLEST_CHUNK) room = SMALLEST_CHUNK;
  bext_finished_memory_close(memory);
  memory->chunk = aligned_alloc(_Alignof(bext_chunk), sizeof *memory->chunk + room);
  if (!memory->chunk) return false;
  atomic_init(&memory->chunk->references, FILLING);
  memory->room = room;
  return true;
}

static bext_finished *alone(uint64_t size) {
  bext_finished *span = malloc(sizeof *span + (size_t)size);
  if (span) span->chunk = NULL;
  return span;
}

/* What a span takes in a chunk. */
static uint64_t room_for(uint64_t size) {
  uint64_t unrounded = sizeof(bext_finished) + size + _Alignof(bext_finished) - 1;
  return unrounded - unrounded % _Alignof(bext_finished);
}

/* NULL where the span is too large to share a chunk. */
static bext_finished *in_chunk(bext_finished_memory *memory, uint64_t size) {
  uint64_t needed = room_for(size);
  if (needed > SMALLEST_CHUNK / 2) return NULL;
  if ((!memory->chunk || memory->room - memory->used < needed) && !begin_chunk(memory)) return NULL;
  bext_finished *span = (void *)(memory->chunk->bytes + memory->used);
  span->chunk = memory->chunk;
  memory->last = memory->used;
  memory->used += (uint32_t)needed;
  memory->spans++;
  return span;
}

bext_finished *bext_finished_new(bext_finished_memory *memory, uint64_t size) {
  bext_finished *span = memory ? in_chunk(memory, size) : NULL;
  return span ? span : alone(size);
}

void bext_finished_trim(bext_finished_memory *memory, bext_finished *span, size_t size) {
  span->size = size;
  if (span->chunk) memory->used = memory->last + (uint32_t)room_for(size);
}

void bext_finished_free(bext_finished *span) {
  if (span->chunk) release_chunk(span->chunk, 1);
  else free(span);
}
