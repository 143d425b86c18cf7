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

/* What a span takes in a chunk. */
static uint64_t room_for(uint64_t size) {
  uint64_t unrounded = sizeof(bext_finished) + size + _Alignof(bext_finished) - 1;
  return unrounded - unrounded % _Alignof(bext_finished);
}

/* None where the span is too large to share a chunk. */
static bext_finished_place in_chunk(bext_finished_memory *memory, uint64_t size) {
  const bext_finished_place none = {NULL, NULL};
  uint64_t needed = room_for(size);
  if (needed > SMALLEST_CHUNK / 2) return none;
  if ((!memory->chunk || memory->room - memory->used < needed) && !begin_chunk(memory)) return none;
  bext_finished_place place = {(void *)(memory->chunk->bytes + memory->used), memory->chunk};
  memory->last = memory->used;
  memory->used += (uint32_t)needed;
  memory->spans++;
  return place;
}

bext_finished_place bext_finished_new(bext_finished_memory *memory, uint64_t size) {
  if (memory) {
    bext_finished_place shared = in_chunk(memory, size);
    if (shared.span) return shared;
  }
  return (bext_finished_place){malloc(sizeof(bext_finished) + (size_t)size), NULL};
}

void bext_finished_trim(bext_finished_memory *memory, bext_finished_place place, size_t size) {
  place.span->size = size;
  if (place.chunk) memory->used = memory->last + (uint32_t)room_for(size);
}

void bext_finished_free(bext_finished_place place) {
  if (place.chunk) release_chunk(place.chunk, 1);
  else free(place.span);
}

void bext_chunk_free_spans(bext_chunk *chunk, uint64_t count) { release_chunk(chunk, (size_t)count); }
