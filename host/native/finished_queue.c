/* finished_queue.c - each lane has its spans in their turns; they come together when they are cut into batches. */
#include "finished_queue.h"

#include <stdlib.h>

#define BLOCK_SPANS 128

struct bext_lane_block {
  bext_lane_block *next;
  uint32_t begin; /* the first that is left */
  uint32_t end;
  bext_waiting_span spans[BLOCK_SPANS];
};

/* --- Lanes ---------------------------------------------------------------------------------------------------------------- */

static bool add_block(bext_lane *lane) {
  bext_lane_block *block = malloc(sizeof *block);
  if (!block) return false;
  block->next = NULL;
  block->begin = block->end = 0;
  if (lane->last) lane->last->next = block;
  else lane->first = block;
  lane->last = block;
  return true;
}

static bool append(bext_lane *lane, bext_waiting_span span) {
  if ((!lane->last || lane->last->end == BLOCK_SPANS) && !add_block(lane)) return false;
  lane->last->spans[lane->last->end++] = span;
  lane->count++;
  return true;
}

/* The first span of a lane that has one. */
static const bext_waiting_span *first_of(const bext_lane *lane) { return &lane->first->spans[lane->first->begin]; }

static void drop_first(bext_lane *lane) {
  lane->count--;
  if (++lane->first->begin < lane->first->end) return;
  bext_lane_block *next = lane->first->next;
  free(lane->first);
  lane->first = next;
}

/* --- Turns ---------------------------------------------------------------------------------------------------------------- */

void bext_queue_init(bext_queue *queue, uint64_t at_most_spans, uint64_t at_most_bytes) {
  atomic_init(&queue->payload_bytes, 0);
  atomic_init(&queue->next_turn, 0);
  atomic_init(&queue->first_turn, 0);
  atomic_init(&queue->enough, 0);
  queue->at_most_spans = at_most_spans;
  queue->at_most_bytes = at_most_bytes;
  bext_bell_init(&queue->has_enough);
}

void bext_queue_destroy(bext_queue *queue) { bext_bell_destroy(&queue->has_enough); }

void bext_queue_forget_waiter(bext_queue *queue) {
  atomic_store(&queue->enough, 0);
  bext_bell_init(&queue->has_enough);
}

static uint64_t read_number(atomic_uint_fast64_t *number) { return atomic_load_explicit(number, memory_order_relaxed); }

static uint64_t add_to(atomic_uint_fast64_t *number, uint64_t more) {
  return atomic_fetch_add_explicit(number, more, memory_order_relaxed);
}

/* A turn is given out even where there is no place: there is none for those after it either, until all are taken out. */
static bool take_turn(bext_queue *queue, uint64_t payload_bytes, uint64_t *turn) {
  if (add_to(&queue->payload_bytes, payload_bytes) + payload_bytes <= queue->at_most_bytes) {
    *turn = add_to(&queue->next_turn, 1);
    uint64_t before = *turn - read_number(&queue->first_turn);
    if (before + 1 == read_number(&queue->enough)) bext_bell_ring(&queue->has_enough); /* who is woken takes no lock with the bell's held */
    if (before < queue->at_most_spans) return true;
  }
  atomic_fetch_sub_explicit(&queue->payload_bytes, payload_bytes, memory_order_relaxed);
  return false;
}

bool bext_queue_put(bext_queue *queue, bext_lane *lane, bext_finished_place span, uint64_t payload_bytes) {
  uint64_t turn;
  return take_turn(queue, payload_bytes, &turn) && append(lane, (bext_waiting_span){span, payload_bytes, turn});
}

/* Takes no lock. */
static bool has_enough(void *of) {
  bext_queue *queue = of;
  return atomic_load(&queue->next_turn) - atomic_load(&queue->first_turn) >= atomic_load(&queue->enough);
}

bool bext_queue_wait(bext_queue *queue, uint64_t at_least, uint64_t nanos) {
  atomic_store(&queue->enough, at_least);
  return bext_bell_wait(&queue->has_enough, has_enough, queue, nanos);
}

/* --- Taking out ------------------------------------------------------------------------------------------------------------ */

/* Finds the lane whose turn it is, of those that have spans left. */
static void choose_next(bext_waiting *waiting) {
  waiting->next = 0;
  for (unsigned i = 1; i < waiting->lane_count; i++) {
    if (first_of(&waiting->lanes[i])->turn < first_of(&waiting->lanes[waiting->next])->turn) waiting->next = i;
  }
}

void bext_queue_take(bext_queue *queue, bext_lane *const *lanes, bext_waiting *out) {
  out->lane_count = 0;
  out->count = 0;
  for (unsigned i = 0; i < BEXT_LANES; i++) {
    if (!lanes[i]->count) continue;
    out->lanes[out->lane_count++] = *lanes[i];
    out->count += lanes[i]->count;
    *lanes[i] = (bext_lane){NULL, NULL, 0};
  }
  choose_next(out);
  atomic_store_explicit(&queue->first_turn, read_number(&queue->next_turn), memory_order_relaxed);
  atomic_store_explicit(&queue->payload_bytes, 0, memory_order_relaxed);
}

/* The span whose turn it is; there is one. */
static const bext_waiting_span *peek(const bext_waiting *waiting) { return first_of(&waiting->lanes[waiting->next]); }

/* Steps to the next one; mostly it is of the same lane. */
static void step(bext_waiting *waiting) {
  bext_lane *lane = &waiting->lanes[waiting->next];
  uint64_t next_turn = first_of(lane)->turn + 1;
  waiting->count--;
  drop_first(lane);
  if (lane->count && first_of(lane)->turn == next_turn) return;
  if (!lane->count) *lane = waiting->lanes[--waiting->lane_count];
  choose_next(waiting);
}

void bext_waiting_free(bext_waiting *waiting) {
  for (; waiting->count; step(waiting)) bext_finished_free(peek(waiting)->place);
}

/* --- Batches --------------------------------------------------------------------------------------------------------------- */

static bool fits_batch(const bext_batch *batch, uint64_t payload_bytes, uint64_t at_most_spans, uint64_t at_most_bytes) {
  return !batch->count || (batch->count < at_most_spans && batch->payload_bytes + payload_bytes <= at_most_bytes);
}

/* An empty batch with room for so many spans; for the case that no two neighbours share a chunk, for as many runs. */
static bext_batch *new_batch(uint64_t room) {
  bext_batch *batch = malloc(sizeof *batch + (size_t)room * (sizeof batch->spans[0] + sizeof batch->runs[0]));
  if (!batch) return NULL;
  batch->count = batch->payload_bytes = batch->run_count = 0;
  batch->runs = (void *)(batch->spans + room);
  return batch;
}

static void add_to_batch(bext_batch *batch, const bext_waiting_span *waiting) {
  bext_chunk *chunk = waiting->place.chunk;
  bool is_of_run = batch->run_count && batch->runs[batch->run_count - 1].chunk == chunk;
  if (!is_of_run) batch->runs[batch->run_count++] = (bext_batch_run){chunk, 0};
  batch->runs[batch->run_count - 1].count++;
  batch->spans[batch->count++] = waiting->place.span;
  batch->payload_bytes += waiting->payload_bytes;
}

bext_batch *bext_batch_cut(bext_waiting *from, uint64_t at_most_spans, uint64_t at_most_bytes) {
  bext_batch *batch = new_batch(from->count < at_most_spans ? from->count : at_most_spans ? at_most_spans : 1);
  if (!batch) return NULL;
  for (; from->count && fits_batch(batch, peek(from)->payload_bytes, at_most_spans, at_most_bytes); step(from)) {
    add_to_batch(batch, peek(from));
  }
  return batch;
}

static void free_run(bext_finished *const *spans, const bext_batch_run *run) {
  if (run->chunk) bext_chunk_free_spans(run->chunk, run->count);
  for (uint64_t i = 0; !run->chunk && i < run->count; i++) bext_finished_free((bext_finished_place){spans[i], NULL});
}

void bext_batch_free(bext_batch *batch) {
  uint64_t first = 0;
  for (uint64_t i = 0; i < batch->run_count; first += batch->runs[i++].count) free_run(batch->spans + first, &batch->runs[i]);
  free(batch);
}
