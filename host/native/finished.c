/* finished.c - chunks of memory, and blocks of pointers behind a lock. */
#include "finished.h"

#include <stdatomic.h>
#include <stdlib.h>

#define BLOCK_ITEMS 512
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

/* --- The queue ------------------------------------------------------------------------------------------------------------- */

typedef struct block_item {
  bext_finished *span;
  uint64_t payload_bytes;
} block_item;

struct bext_block {
  bext_block *next;
  uint32_t begin; /* the items from here on are left */
  uint32_t end;
  block_item items[BLOCK_ITEMS];
};

void bext_queue_init(bext_queue *queue, uint64_t at_most_spans, uint64_t at_most_bytes) {
  *queue = (bext_queue){.at_most_spans = at_most_spans, .at_most_bytes = at_most_bytes};
}

static bool add_block(bext_waiting *waiting) {
  bext_block *block = malloc(sizeof *block);
  if (!block) return false;
  block->next = NULL;
  block->begin = block->end = 0;
  if (waiting->last) waiting->last->next = block;
  else waiting->first = block;
  waiting->last = block;
  return true;
}

static bool append(bext_waiting *waiting, bext_finished *span, uint64_t payload_bytes) {
  if ((!waiting->last || waiting->last->end == BLOCK_ITEMS) && !add_block(waiting)) return false;
  waiting->last->items[waiting->last->end++] = (block_item){span, payload_bytes};
  waiting->count++;
  waiting->payload_bytes += payload_bytes;
  return true;
}

static bool fits(uint64_t count, uint64_t bytes, uint64_t more_bytes, uint64_t at_most_spans, uint64_t at_most_bytes) {
  return count < at_most_spans && bytes + more_bytes <= at_most_bytes;
}

bool bext_queue_put(bext_queue *queue, bext_finished *span, uint64_t payload_bytes) {
  bext_lock_take(&queue->lock);
  bext_waiting *waiting = &queue->waiting;
  bool has_room = fits(waiting->count, waiting->payload_bytes, payload_bytes, queue->at_most_spans, queue->at_most_bytes);
  bool is_put = has_room && append(waiting, span, payload_bytes);
  bext_lock_let_go(&queue->lock);
  return is_put;
}

uint64_t bext_queue_count(bext_queue *queue) {
  bext_lock_take(&queue->lock);
  uint64_t count = queue->waiting.count;
  bext_lock_let_go(&queue->lock);
  return count;
}

bext_waiting bext_queue_take(bext_queue *queue) {
  bext_lock_take(&queue->lock);
  bext_waiting waiting = queue->waiting;
  queue->waiting = (bext_waiting){NULL, NULL, 0, 0};
  bext_lock_let_go(&queue->lock);
  return waiting;
}

/* Frees the first block, whose items are nobody's any more. */
static void drop_block(bext_waiting *waiting) {
  bext_block *block = waiting->first;
  waiting->first = block->next;
  if (!waiting->first) waiting->last = NULL;
  free(block);
}

/* The first span; there is one. */
static block_item take_first(bext_waiting *waiting) {
  block_item item = waiting->first->items[waiting->first->begin++];
  waiting->count--;
  waiting->payload_bytes -= item.payload_bytes;
  if (waiting->first->begin == waiting->first->end) drop_block(waiting);
  return item;
}

void bext_waiting_free(bext_waiting *waiting) {
  while (waiting->count) bext_finished_free(take_first(waiting).span);
}

/* --- Batches --------------------------------------------------------------------------------------------------------------- */

/* How many of the first spans fit into a batch, one at least. */
static uint64_t count_fitting(const bext_waiting *waiting, uint64_t at_most_spans, uint64_t at_most_bytes) {
  uint64_t count = 0, bytes = 0;
  for (const bext_block *block = waiting->first; block; block = block->next) {
    for (uint32_t i = block->begin; i < block->end; i++) {
      if (count && !fits(count, bytes, block->items[i].payload_bytes, at_most_spans, at_most_bytes)) return count;
      bytes += block->items[i].payload_bytes;
      count++;
    }
  }
  return count;
}

bext_batch *bext_batch_cut(bext_waiting *from, uint64_t at_most_spans, uint64_t at_most_bytes) {
  uint64_t count = count_fitting(from, at_most_spans, at_most_bytes);
  bext_batch *batch = malloc(sizeof *batch + (size_t)count * sizeof batch->spans[0]);
  if (!batch) return NULL;
  batch->count = count;
  batch->payload_bytes = from->payload_bytes;
  for (uint64_t i = 0; i < count; i++) batch->spans[i] = take_first(from).span;
  batch->payload_bytes -= from->payload_bytes;
  return batch;
}

void bext_batch_free(bext_batch *batch) {
  for (uint64_t i = 0; i < batch->count; i++) bext_finished_free(batch->spans[i]);
  free(batch);
}
