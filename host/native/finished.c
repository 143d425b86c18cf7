/* finished.c - a chain behind a lock. */
#include "finished.h"

#include <stdlib.h>

void bext_queue_init(bext_queue *queue, uint64_t at_most_spans, uint64_t at_most_bytes) {
  *queue = (bext_queue){.at_most_spans = at_most_spans, .at_most_bytes = at_most_bytes};
  bext_bell_init(&queue->has_enough);
}

void bext_queue_destroy(bext_queue *queue) { bext_bell_destroy(&queue->has_enough); }

void bext_queue_forget_waiter(bext_queue *queue) {
  queue->enough = 0;
  bext_bell_init(&queue->has_enough);
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
  bool is_enough = has_room && queue->count == queue->enough;
  bext_lock_let_go(&queue->lock);
  if (is_enough) bext_bell_ring(&queue->has_enough);
  return has_room;
}

uint64_t bext_queue_count(bext_queue *queue) {
  bext_lock_take(&queue->lock);
  uint64_t count = queue->count;
  bext_lock_let_go(&queue->lock);
  return count;
}

static bool has_enough(void *of) {
  bext_queue *queue = of;
  bext_lock_take(&queue->lock);
  bool is_enough = queue->count >= queue->enough;
  bext_lock_let_go(&queue->lock);
  return is_enough;
}

bool bext_queue_wait(bext_queue *queue, uint64_t at_least, uint64_t nanos) {
  bext_lock_take(&queue->lock);
  queue->enough = at_least;
  bext_lock_let_go(&queue->lock);
  return bext_bell_wait(&queue->has_enough, has_enough, queue, nanos);
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
    free(first);
    first = next;
  }
}
