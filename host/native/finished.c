/* finished.c - chunks of memory, and a chain behind a lock. */
#include "finished.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SMALLEST_CHUNK 1024
#define LARGEST_CHUNK 16384
#define FILLING ((size_t)1 << 32) /* references that a chunk has while it is being filled: more than it ever has spans */

/* --- Memory ---------------------------------------------------------------------------------------------------------------- */

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

/* NULL where the span does not fit into a chunk that is worth beginning. */
static bext_finished *in_chunk(bext_finished_memory *memory, uint64_t size) {
  uint64_t needed = (sizeof(bext_finished) + size + _Alignof(bext_finished) - 1) / _Alignof(bext_finished) * _Alignof(bext_finished);
  if (needed > SMALLEST_CHUNK / 2) return NULL;
  if ((!memory->chunk || memory->room - memory->used < needed) && !begin_chunk(memory)) return NULL;
  bext_finished *span = (void *)(memory->chunk->bytes + memory->used);
  span->chunk = memory->chunk;
  memory->used += (uint32_t)needed;
  memory->spans++;
  return span;
}

bext_finished *bext_finished_new(bext_finished_memory *memory, uint64_t size) {
  bext_finished *span = memory ? in_chunk(memory, size) : NULL;
  if (!span) span = alone(size);
  if (span) span->size = (size_t)size;
  return span;
}

static void free_span(bext_finished *span) {
  if (span->chunk) release_chunk(span->chunk, 1);
  else free(span);
}

/* --- The queue ------------------------------------------------------------------------------------------------------------- */

void bext_queue_init(bext_queue *queue, uint64_t at_most_spans, uint64_t at_most_bytes) {
  *queue = (bext_queue){.at_most_spans = at_most_spans, .at_most_bytes = at_most_bytes};
}

static void append(bext_batch *batch, bext_finished *span) {
  span->next = NULL;
  if (batch->last) batch->last->next = span;
  else batch->first = span;
  batch->last = span;
  batch->count++;
  batch->payload_bytes += span->payload_bytes;
}

static bool fits(uint64_t count, uint64_t bytes, const bext_finished *span, uint64_t at_most_spans, uint64_t at_most_bytes) {
  return count < at_most_spans && bytes + span->payload_bytes <= at_most_bytes;
}

bool bext_queue_put(bext_queue *queue, bext_finished *span) {
  bext_lock_take(&queue->lock);
  bool has_room = fits(queue->count, queue->payload_bytes, span, queue->at_most_spans, queue->at_most_bytes);
  if (has_room) {
    span->next = queue->newest;
    queue->newest = span;
    queue->count++;
    queue->payload_bytes += span->payload_bytes;
  }
  bext_lock_let_go(&queue->lock);
  return has_room;
}

uint64_t bext_queue_count(bext_queue *queue) {
  bext_lock_take(&queue->lock);
  uint64_t count = queue->count;
  bext_lock_let_go(&queue->lock);
  return count;
}

/* The spans in the order in which they came. */
static bext_batch in_order(bext_finished *newest, uint64_t count, uint64_t payload_bytes) {
  bext_batch batch = {NULL, newest, count, payload_bytes};
  while (newest) {
    bext_finished *older = newest->next;
    newest->next = batch.first;
    batch.first = newest;
    newest = older;
  }
  return batch;
}

bext_batch bext_queue_take(bext_queue *queue) {
  bext_lock_take(&queue->lock);
  bext_finished *newest = queue->newest;
  uint64_t count = queue->count, payload_bytes = queue->payload_bytes;
  queue->newest = NULL;
  queue->count = queue->payload_bytes = 0;
  bext_lock_let_go(&queue->lock);
  return in_order(newest, count, payload_bytes);
}

static bext_finished *take_first(bext_batch *batch) {
  bext_finished *first = batch->first;
  batch->first = first->next;
  if (!batch->first) batch->last = NULL;
  batch->count--;
  batch->payload_bytes -= first->payload_bytes;
  return first;
}

bext_batch bext_batch_cut(bext_batch *from, uint64_t at_most_spans, uint64_t at_most_bytes) {
  bext_batch cut = {NULL, NULL, 0, 0};
  while (from->first && (!cut.count || fits(cut.count, cut.payload_bytes, from->first, at_most_spans, at_most_bytes))) {
    append(&cut, take_first(from));
  }
  return cut;
}

void bext_finished_free(bext_finished *first) {
  while (first) {
    bext_finished *next = first->next;
    free_span(first);
    first = next;
  }
}
