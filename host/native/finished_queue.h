/*
 * finished_queue.h - where finished spans wait for a flush: in lanes, of which each is guarded by a lock of its recorder's, and in turns,
 * which all lanes share. Threads that end spans at once have one line of memory in common.
 */
#ifndef BEXT_FINISHED_QUEUE_H
#define BEXT_FINISHED_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bell.h"
#include "finished.h"

/* A finished span that waits: its turn among all of them, and what it weighs. */
typedef struct bext_waiting_span {
  bext_finished_place place;
  uint64_t payload_bytes;
  uint64_t turn;
} bext_waiting_span;

/*
 * Spans of one lane, in blocks. They are not linked themselves: whoever puts, counts or cuts them touches no span that has left the
 * cache, nor one in another processor's. All zeros is none.
 */
typedef struct bext_lane_block bext_lane_block;
typedef struct bext_lane {
  bext_lane_block *first;
  bext_lane_block *last;
  uint64_t count;
} bext_lane;

#define BEXT_LANES 64

/* What all lanes share. */
typedef struct bext_queue {
  atomic_uint_fast64_t payload_bytes;
  atomic_uint_fast64_t next_turn;
  atomic_uint_fast64_t first_turn; /* of those that wait; it changes under the locks of all lanes */
  uint64_t at_most_spans;
  uint64_t at_most_bytes;
  atomic_uint_fast64_t enough; /* spans that somebody waits for, 0 for nobody */
  bext_bell has_enough;
} bext_queue;

void bext_queue_init(bext_queue *queue, uint64_t at_most_spans, uint64_t at_most_bytes);
void bext_queue_destroy(bext_queue *queue);

/* Waits until so many spans wait, at most so long; whether they do. For one thread at a time, which holds no lock. */
bool bext_queue_wait(bext_queue *queue, uint64_t at_least, uint64_t nanos);
/* In a forked child: nobody waits for spans. */
void bext_queue_forget_waiter(bext_queue *queue);

/* Takes a span over; false where it does not fit, or there is no memory, it is then still the caller's. With the lane's lock held. */
bool bext_queue_put(bext_queue *queue, bext_lane *lane, bext_finished_place span, uint64_t payload_bytes);

/* What was taken out of the lanes, each with its spans in their turns. All zeros is nothing. */
typedef struct bext_waiting {
  bext_lane lanes[BEXT_LANES]; /* those with spans come first */
  unsigned lane_count;
  unsigned next; /* the lane whose turn it is */
  uint64_t count;
} bext_waiting;

/* Takes out all that waits in BEXT_LANES lanes. With the locks of all of them held. */
void bext_queue_take(bext_queue *queue, bext_lane *const *lanes, bext_waiting *out);
void bext_waiting_free(bext_waiting *waiting);

/* Neighbours in a batch that share a chunk. */
typedef struct bext_batch_run {
  bext_chunk *chunk; /* NULL: each has its memory for itself */
  uint64_t count;
} bext_batch_run;

/* Spans that are handed over together, in the order in which they ended. */
typedef struct bext_batch {
  uint64_t count;
  uint64_t payload_bytes;
  uint64_t run_count;
  bext_batch_run *runs; /* of all the spans, in their order; behind them in memory */
  bext_finished *spans[];
} bext_batch;

/* Takes out the first spans: as many as fit, and one at least, where there is one. NULL where there is no memory; none is then lost. */
bext_batch *bext_batch_cut(bext_waiting *from, uint64_t at_most_spans, uint64_t at_most_bytes);
/* Frees a batch with its spans. */
void bext_batch_free(bext_batch *batch);

#endif /* BEXT_FINISHED_QUEUE_H */
