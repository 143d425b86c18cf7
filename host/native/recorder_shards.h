/*
 * recorder_shards.h - the inside of a recorder, for recorder.c, recorder_start.c and recording.c alone.
 */
#ifndef BEXT_RECORDER_SHARDS_H
#define BEXT_RECORDER_SHARDS_H

#include <stdatomic.h>

#include "finished_queue.h"
#include "forks.h"
#include "handle_map.h"
#include "lock.h"
#include "recorder.h"

#define BEXT_SHARDS BEXT_LANES /* a power of two: each has a lane */
#define BEXT_CACHE_LINE 64

/* Some of the open spans, the finished ones that were among them, and their part of the counters. */
struct bext_shard {
  _Alignas(BEXT_CACHE_LINE) bext_lock lock;
  bext_handle_map open;
  bext_open_span *found; /* what was held last: the calls on one span come together. NULL where it may be gone */
  bext_lane finished;
  bext_recorder_counters counters;
};

struct bext_recorder {
  bext_shard shards[BEXT_SHARDS];
  _Alignas(BEXT_CACHE_LINE) bext_queue queue;
  _Alignas(BEXT_CACHE_LINE) bext_limits limits; /* from here on what is read often and written seldom */
  atomic_size_t references;
  atomic_uint scopes; /* that were given a shard */
  bext_sampler sampler;
  bext_forkable forkable;
  _Alignas(BEXT_CACHE_LINE) atomic_int_fast64_t clock_offset; /* see bext_new_clock_offset */
  atomic_uint_fast64_t clock_read_at;
};

/* A span's shard is the one that the low bits of its id name. */
static inline bext_shard *bext_shard_of(bext_recorder *recorder, uint64_t id) { return &recorder->shards[id & (BEXT_SHARDS - 1)]; }

void bext_count_unsampled(bext_shard *shard);

/* An open span with its shard's lock held; `span` is NULL where there is none. Let go of it with bext_let_go. */
typedef struct bext_held_span {
  bext_shard *shard;
  bext_open_span *span;
} bext_held_span;

bext_held_span bext_hold(bext_recorder *recorder, const bext_handle_parts *handle);

/* Counts why something was dropped, where it was. True where the span was open. */
static inline bool bext_let_go(bext_held_span held, bext_verdict verdict) {
  if (verdict) held.shard->counters.dropped[verdict]++;
  bext_lock_let_go(&held.shard->lock);
  return held.span != NULL;
}

/* The clock of a trace that starts now, by the monotonic clock as it stands: what is to be added to it. */
int64_t bext_new_clock_offset(bext_recorder *recorder, uint64_t monotonic);
uint64_t bext_monotonic_now(void);

/* --- Spans that a scope holds: it finds them without a look-up, and their shard is its own --- */

/* Where a span comes from and what it takes over from its parent, kept together for as long as it takes to make it. */
typedef struct bext_birth {
  bext_span_origin origin;
  uint8_t trace_state[BEXT_MAX_TRACE_STATE_BYTES]; /* of the parent */
} bext_birth;

/*
 * The trace, the ids, the clock and the trace state of a span of this shard. False where there is to be none, which is counted. With no
 * lock held; the texts of the scope are the caller's to set.
 */
bool bext_place_span(bext_recorder *recorder, bext_shard *shard, const bext_start_call *span, bext_birth *out);
/* Opens it, held; NULL where it does not fit, which is counted. `memory`, or NULL: see bext_open_span_new. With the shard's lock held. */
bext_open_span *bext_open_held(bext_recorder *recorder, bext_shard *shard, const bext_start_call *span, const bext_birth *birth,
                               bext_open_span *memory);

/*
 * Takes an open span out and hands it on as it ended, at a time or, with 0, now. With its shard's lock held. The span's memory is then
 * the caller's, or its scope's where it is held.
 */
void bext_end_held(bext_recorder *recorder, bext_held_span held, uint64_t end_time_unix_nanos, bext_finished_memory *memory);

/* A scope lets go of a span that it held; where the span is open it stays so. With the shard's lock held. */
void bext_let_go_of_held(bext_open_span *span);

#endif /* BEXT_RECORDER_SHARDS_H */
