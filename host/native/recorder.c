/* recorder.c - shards of open spans, and the queue of the finished ones. */
#define _POSIX_C_SOURCE 200809L
#include "recorder.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recorder_shards.h"

#define CLOCK_LATELY_NANOS 1000000

/* --- Lifetime ------------------------------------------------------------------------------------------------------------------- */

static void hold_shards(void *self) {
  bext_recorder *recorder = self;
  for (unsigned i = 0; i < BEXT_SHARDS; i++) bext_lock_take(&recorder->shards[i].lock);
}

static void let_go_of_shards(void *self) {
  bext_recorder *recorder = self;
  for (unsigned i = 0; i < BEXT_SHARDS; i++) bext_lock_let_go(&recorder->shards[i].lock);
}

bext_recorder *bext_recorder_new(const bext_limits *limits, bext_sampler sampler) {
  bext_recorder *recorder = aligned_alloc(BEXT_CACHE_LINE, sizeof *recorder);
  if (!recorder) return NULL;
  memset(recorder, 0, sizeof *recorder);
  bext_queue_init(&recorder->queue, limits->queue_spans, limits->queue_bytes);
  atomic_init(&recorder->references, 1);
  atomic_init(&recorder->scopes, 0);
  recorder->limits = *limits;
  recorder->sampler = sampler;
  if (bext_watch_forks(&recorder->forkable, recorder, hold_shards, let_go_of_shards)) return recorder;
  free(recorder);
  return NULL;
}

void bext_recorder_retain(bext_recorder *recorder) { atomic_fetch_add(&recorder->references, 1); }

/* The recorder does not have the span open any more. A scope that holds it still weighs what its guest sets. With the shard's lock held. */
static void forget(bext_open_span *span) {
  bext_span_owners *owners = bext_open_span_owners(span);
  owners->is_open = false;
  if (!owners->is_held) bext_open_span_free(span);
}

static void forget_open(bext_shard *shard) {
  for (size_t i = 0; i < shard->open.capacity; i++) {
    if (shard->open.slots[i].value) forget(shard->open.slots[i].value);
  }
  bext_handle_map_clear(&shard->open);
  shard->found = NULL;
}

void bext_recorder_take(bext_recorder *recorder, bext_waiting *out) {
  bext_lane *lanes[BEXT_SHARDS];
  for (unsigned i = 0; i < BEXT_SHARDS; i++) lanes[i] = &recorder->shards[i].finished;
  hold_shards(recorder);
  bext_queue_take(&recorder->queue, lanes, out);
  let_go_of_shards(recorder);
}

void bext_recorder_forget_spans(bext_recorder *recorder) {
  hold_shards(recorder);
  for (unsigned i = 0; i < BEXT_SHARDS; i++) forget_open(&recorder->shards[i]);
  let_go_of_shards(recorder);
  bext_waiting waiting;
  bext_recorder_take(recorder, &waiting);
  bext_waiting_free(&waiting);
  bext_queue_forget_waiter(&recorder->queue);
}

void bext_recorder_release(bext_recorder *recorder) {
  if (atomic_fetch_sub(&recorder->references, 1) != 1) return;
  bext_forget_forks(&recorder->forkable);
  bext_recorder_forget_spans(recorder);
  bext_queue_destroy(&recorder->queue);
  free(recorder);
}

bext_shard *bext_recorder_give_shard(bext_recorder *recorder) { return bext_shard_of(recorder, atomic_fetch_add(&recorder->scopes, 1)); }

bext_lock *bext_shard_lock(bext_shard *shard) { return &shard->lock; }

/* --- Counting ------------------------------------------------------------------------------------------------------------------- */

static void count_drops(bext_shard *shard, bext_verdict reason, uint64_t count) {
  bext_lock_take(&shard->lock);
  shard->counters.dropped[reason] += count;
  bext_lock_let_go(&shard->lock);
}

void bext_recorder_count_drops(bext_recorder *recorder, bext_verdict reason, uint64_t count) {
  if (reason < BEXT_DROP_REASONS) count_drops(&recorder->shards[0], reason, count);
}

void bext_count_unsampled(bext_shard *shard) {
  bext_lock_take(&shard->lock);
  shard->counters.unsampled++;
  bext_lock_let_go(&shard->lock);
}

void bext_recorder_count_unsampled(bext_recorder *recorder) { bext_count_unsampled(&recorder->shards[0]); }

static void add_counters(bext_recorder_counters *sum, const bext_recorder_counters *counters) {
  sum->started += counters->started;
  sum->ended += counters->ended;
  sum->unsampled += counters->unsampled;
  for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) sum->dropped[i] += counters->dropped[i];
}

void bext_recorder_counters_of(bext_recorder *recorder, bext_recorder_counters *out) {
  memset(out, 0, sizeof *out);
  for (unsigned i = 0; i < BEXT_SHARDS; i++) {
    bext_lock_take(&recorder->shards[i].lock);
    add_counters(out, &recorder->shards[i].counters);
    bext_lock_let_go(&recorder->shards[i].lock);
  }
}

uint64_t bext_recorder_open_spans(bext_recorder *recorder) {
  uint64_t open = 0;
  for (unsigned i = 0; i < BEXT_SHARDS; i++) {
    bext_lock_take(&recorder->shards[i].lock);
    open += recorder->shards[i].open.count;
    bext_lock_let_go(&recorder->shards[i].lock);
  }
  return open;
}

uint64_t bext_recorder_queued_spans(bext_recorder *recorder) {
  uint64_t queued = 0;
  for (unsigned i = 0; i < BEXT_SHARDS; i++) {
    bext_lock_take(&recorder->shards[i].lock);
    queued += recorder->shards[i].finished.count;
    bext_lock_let_go(&recorder->shards[i].lock);
  }
  return queued;
}

bool bext_recorder_wait(bext_recorder *recorder, uint64_t at_least_spans, uint64_t nanos) {
  return bext_queue_wait(&recorder->queue, at_least_spans, nanos);
}

/* --- Open spans -------------------------------------------------------------------------------------------------------------------- */

bext_held_span bext_hold(bext_recorder *recorder, const bext_handle_parts *handle) {
  bext_held_span held = {bext_shard_of(recorder, handle->span_id), NULL};
  bext_lock_take(&held.shard->lock);
  held.span = held.shard->found;
  if (held.span && bext_handle_equal(bext_open_span_handle(held.span), handle)) return held;
  held.span = bext_handle_map_get(&held.shard->open, handle);
  if (held.span) held.shard->found = held.span;
  return held;
}

bool bext_recorder_is_open(bext_recorder *recorder, const bext_handle_parts *handle) { return bext_let_go(bext_hold(recorder, handle), 0); }

/* --- Clocks ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t read_clock(clockid_t clock) {
  struct timespec time = {0, 0};
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

uint64_t bext_monotonic_now(void) { return read_clock(CLOCK_MONOTONIC); }

/* The wall clock as it stood lately, for a trace that starts now. Threads that set it at once set it to the same. */
int64_t bext_new_clock_offset(bext_recorder *recorder, uint64_t monotonic) {
  uint64_t read_at = atomic_load_explicit(&recorder->clock_read_at, memory_order_acquire);
  if (read_at && monotonic - read_at < CLOCK_LATELY_NANOS) return atomic_load_explicit(&recorder->clock_offset, memory_order_relaxed);
  int64_t offset = (int64_t)(read_clock(CLOCK_REALTIME) - monotonic);
  atomic_store_explicit(&recorder->clock_offset, offset, memory_order_relaxed);
  atomic_store_explicit(&recorder->clock_read_at, monotonic, memory_order_release);
  return offset;
}

/* The monotonic clock of the spans of one trace in this process, as a time of day: a step of the wall clock bends none of them. */
static uint64_t now_by(int64_t clock_offset) { return bext_monotonic_now() + (uint64_t)clock_offset; }

uint64_t bext_recorder_now(bext_recorder *recorder, const bext_handle_parts *handle) {
  bext_held_span held = bext_hold(recorder, handle);
  bool is_open = held.span != NULL;
  int64_t offset = is_open ? bext_open_span_clock_offset(held.span) : 0;
  bext_let_go(held, 0);
  return is_open ? now_by(offset) : read_clock(CLOCK_REALTIME);
}

/* --- Recording --------------------------------------------------------------------------------------------------------------------- */

bool bext_recorder_add_link(bext_recorder *recorder, const bext_handle_parts *handle, const bext_kept_link *link) {
  bext_held_span held = bext_hold(recorder, handle);
  bext_verdict verdict = held.span ? bext_open_span_add_link(held.span, link) : 0;
  if (verdict) bext_open_span_add_dropped(held.span, 0, 0, 1);
  return bext_let_go(held, verdict);
}

bool bext_recorder_set_attribute(bext_recorder *recorder, const bext_handle_parts *handle, const bext_attribute_view *attribute) {
  bext_held_span held = bext_hold(recorder, handle);
  return bext_let_go(held, held.span ? bext_open_span_set_attribute(held.span, attribute, &recorder->limits) : 0);
}

bool bext_recorder_set_host_attribute(bext_recorder *recorder, const bext_handle_parts *handle, const bext_attribute_view *attribute) {
  bext_held_span held = bext_hold(recorder, handle);
  return bext_let_go(held, held.span ? bext_open_span_set_host_attribute(held.span, attribute) : 0);
}

bool bext_recorder_set_status(bext_recorder *recorder, const bext_handle_parts *handle, uint32_t code, bext_text message, bool is_verdict) {
  bext_held_span held = bext_hold(recorder, handle);
  return bext_let_go(held, held.span ? bext_open_span_set_status(held.span, code, message, is_verdict, &recorder->limits) : 0);
}

static uint64_t event_time(const bext_open_span *span, const bext_event_call *event) {
  return event->time_unix_nanos ? event->time_unix_nanos : now_by(bext_open_span_clock_offset(span));
}

bool bext_recorder_add_event(bext_recorder *recorder, const bext_handle_parts *handle, const bext_event_call *event) {
  bext_event_call cut = {event->name, bext_cut_attributes(&event->attributes, recorder->limits.event_attributes), event->time_unix_nanos};
  uint64_t payload_bytes = bext_event_bytes(&cut);
  bext_held_span held = bext_hold(recorder, handle);
  if (!held.span) return bext_let_go(held, 0);
  bext_verdict verdict = bext_open_span_add_event(held.span, &cut, event_time(held.span, event), payload_bytes, &recorder->limits);
  if (!verdict) held.shard->counters.dropped[BEXT_DROP_ATTRIBUTE_LIMIT] += event->attributes.count - cut.attributes.count;
  bext_let_go(held, verdict);
  return !verdict;
}

bool bext_recorder_add_host_event(bext_recorder *recorder, const bext_handle_parts *handle, const bext_event_call *event) {
  uint64_t payload_bytes = bext_event_bytes(event);
  bext_held_span held = bext_hold(recorder, handle);
  bext_verdict verdict = 0;
  if (held.span) verdict = bext_open_span_add_host_event(held.span, event, event_time(held.span, event), payload_bytes);
  return bext_let_go(held, verdict);
}

bool bext_recorder_add_dropped(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t attributes, uint64_t events) {
  bext_held_span held = bext_hold(recorder, handle);
  if (held.span) bext_open_span_add_dropped(held.span, attributes, events, 0);
  return bext_let_go(held, 0);
}

/* --- Ending ------------------------------------------------------------------------------------------------------------------------ */

void bext_end_held(bext_recorder *recorder, bext_held_span held, uint64_t end_time_unix_nanos, bext_finished_memory *memory) {
  bext_verdict verdict = 0;
  uint64_t end_time = end_time_unix_nanos ? end_time_unix_nanos : now_by(bext_open_span_clock_offset(held.span));
  bext_finished_place finished = bext_open_span_finish(held.span, end_time, memory);
  if (!finished.span) {
    verdict = BEXT_DROP_MEMORY_LIMIT;
  } else if (!bext_queue_put(&recorder->queue, &held.shard->finished, finished, bext_open_span_weight(held.span))) {
    bext_finished_free(finished);
    verdict = BEXT_DROP_QUEUE_FULL;
  }
  bext_handle_map_remove(&held.shard->open, bext_open_span_handle(held.span));
  bext_open_span_owners(held.span)->is_open = false;
  held.shard->found = NULL;
  held.shard->counters.ended++;
  held.shard->counters.dropped[verdict] += verdict != 0;
}

bool bext_recorder_end(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t end_time_unix_nanos) {
  bext_held_span held = bext_hold(recorder, handle);
  if (held.span) {
    bext_end_held(recorder, held, end_time_unix_nanos, NULL);
    forget(held.span);
  }
  return bext_let_go(held, 0);
}

void bext_let_go_of_held(bext_open_span *span) {
  bext_open_span_owners(span)->is_held = false;
  if (!bext_open_span_owners(span)->is_open) bext_open_span_free(span);
}
