/* recorder.c - shards of open spans, and the queue of the finished ones. */
#define _POSIX_C_SOURCE 200809L
#include "recorder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handle_map.h"
#include "lock.h"
#include "random_ids.h"

#define SHARDS 32 /* a power of two */
#define CACHE_LINE 64
#define CLOCK_LATELY_NANOS 1000000

/* Some of the open spans, and their part of the counters. */
typedef struct recorder_shard {
  _Alignas(CACHE_LINE) bext_lock lock;
  bext_handle_map open;
  bext_open_span *found; /* what `hold` gave last: the calls on one span come together. NULL where it may be gone */
  bext_recorder_counters counters;
} recorder_shard;

struct bext_recorder {
  recorder_shard shards[SHARDS];
  _Alignas(CACHE_LINE) bext_queue finished;
  _Alignas(CACHE_LINE) bext_limits limits; /* from here on what is read often and written seldom */
  atomic_size_t references;
  bext_sampler sampler;
  _Alignas(CACHE_LINE) atomic_int_fast64_t clock_offset; /* see new_clock_offset */
  atomic_uint_fast64_t clock_read_at;
};

/* --- Lifetime ------------------------------------------------------------------------------------------------------------------- */

bext_recorder *bext_recorder_new(const bext_limits *limits, bext_sampler sampler) {
  bext_recorder *recorder = aligned_alloc(CACHE_LINE, sizeof *recorder);
  if (!recorder) return NULL;
  memset(recorder, 0, sizeof *recorder);
  bext_queue_init(&recorder->finished, limits->queue_spans, limits->queue_bytes);
  atomic_init(&recorder->references, 1);
  recorder->limits = *limits;
  recorder->sampler = sampler;
  return recorder;
}

void bext_recorder_retain(bext_recorder *recorder) { atomic_fetch_add(&recorder->references, 1); }

static void forget_open(recorder_shard *shard) {
  for (size_t i = 0; i < shard->open.capacity; i++) {
    if (shard->open.slots[i].value) bext_open_span_free(shard->open.slots[i].value);
  }
  bext_handle_map_clear(&shard->open);
  shard->found = NULL;
}

void bext_recorder_forget_spans(bext_recorder *recorder) {
  for (unsigned i = 0; i < SHARDS; i++) {
    bext_lock_take(&recorder->shards[i].lock);
    forget_open(&recorder->shards[i]);
    bext_lock_let_go(&recorder->shards[i].lock);
  }
  bext_finished_free(bext_queue_take(&recorder->finished).first);
}

void bext_recorder_release(bext_recorder *recorder) {
  if (atomic_fetch_sub(&recorder->references, 1) != 1) return;
  bext_recorder_forget_spans(recorder);
  free(recorder);
}

void bext_recorder_hold_for_fork(bext_recorder *recorder) {
  for (unsigned i = 0; i < SHARDS; i++) bext_lock_take(&recorder->shards[i].lock);
  bext_lock_take(&recorder->finished.lock);
}

void bext_recorder_let_go_after_fork(bext_recorder *recorder) {
  bext_lock_let_go(&recorder->finished.lock);
  for (unsigned i = 0; i < SHARDS; i++) bext_lock_let_go(&recorder->shards[i].lock);
}

/* --- Counting ------------------------------------------------------------------------------------------------------------------- */

static recorder_shard *shard_of(bext_recorder *recorder, uint64_t id) { return &recorder->shards[id & (SHARDS - 1)]; }

static void count_drops(recorder_shard *shard, bext_verdict reason, uint64_t count) {
  bext_lock_take(&shard->lock);
  shard->counters.dropped[reason] += count;
  bext_lock_let_go(&shard->lock);
}

void bext_recorder_count_drops(bext_recorder *recorder, bext_verdict reason, uint64_t count) {
  if (reason < BEXT_DROP_REASONS) count_drops(&recorder->shards[0], reason, count);
}

static void count_unsampled(recorder_shard *shard) {
  bext_lock_take(&shard->lock);
  shard->counters.unsampled++;
  bext_lock_let_go(&shard->lock);
}

void bext_recorder_count_unsampled(bext_recorder *recorder) { count_unsampled(&recorder->shards[0]); }

static void add_counters(bext_recorder_counters *sum, const bext_recorder_counters *counters) {
  sum->started += counters->started;
  sum->ended += counters->ended;
  sum->unsampled += counters->unsampled;
  for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) sum->dropped[i] += counters->dropped[i];
}

void bext_recorder_counters_of(bext_recorder *recorder, bext_recorder_counters *out) {
  memset(out, 0, sizeof *out);
  for (unsigned i = 0; i < SHARDS; i++) {
    bext_lock_take(&recorder->shards[i].lock);
    add_counters(out, &recorder->shards[i].counters);
    bext_lock_let_go(&recorder->shards[i].lock);
  }
}

uint64_t bext_recorder_open_spans(bext_recorder *recorder) {
  uint64_t open = 0;
  for (unsigned i = 0; i < SHARDS; i++) {
    bext_lock_take(&recorder->shards[i].lock);
    open += recorder->shards[i].open.count;
    bext_lock_let_go(&recorder->shards[i].lock);
  }
  return open;
}

uint64_t bext_recorder_queued_spans(bext_recorder *recorder) { return bext_queue_count(&recorder->finished); }

bext_batch bext_recorder_take(bext_recorder *recorder) { return bext_queue_take(&recorder->finished); }

/* --- Open spans -------------------------------------------------------------------------------------------------------------------- */

/* An open span with its shard's lock held, or `span` is NULL. Let go of it with `let_go`. */
typedef struct held_span {
  recorder_shard *shard;
  bext_open_span *span;
} held_span;

static held_span hold(bext_recorder *recorder, const bext_handle_parts *handle) {
  held_span held = {shard_of(recorder, handle->span_id), NULL};
  bext_lock_take(&held.shard->lock);
  held.span = held.shard->found;
  if (held.span && bext_handle_equal(bext_open_span_handle(held.span), handle)) return held;
  held.span = bext_handle_map_get(&held.shard->open, handle);
  if (held.span) held.shard->found = held.span;
  return held;
}

/* Counts why something was dropped, where it was. True where the span was open. */
static bool let_go(held_span held, bext_verdict verdict) {
  if (verdict) held.shard->counters.dropped[verdict]++;
  bext_lock_let_go(&held.shard->lock);
  return held.span != NULL;
}

bool bext_recorder_is_open(bext_recorder *recorder, const bext_handle_parts *handle) { return let_go(hold(recorder, handle), 0); }

/* --- Clocks ------------------------------------------------------------------------------------------------------------------------ */

static uint64_t read_clock(clockid_t clock) {
  struct timespec time = {0, 0};
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

/* The wall clock as it stood lately, for a trace that starts now. Threads that set it at once set it to the same. */
static int64_t new_clock_offset(bext_recorder *recorder, uint64_t monotonic) {
  uint64_t read_at = atomic_load_explicit(&recorder->clock_read_at, memory_order_acquire);
  if (read_at && monotonic - read_at < CLOCK_LATELY_NANOS) return atomic_load_explicit(&recorder->clock_offset, memory_order_relaxed);
  int64_t offset = (int64_t)(read_clock(CLOCK_REALTIME) - monotonic);
  atomic_store_explicit(&recorder->clock_offset, offset, memory_order_relaxed);
  atomic_store_explicit(&recorder->clock_read_at, monotonic, memory_order_release);
  return offset;
}

/* The monotonic clock of the spans of one trace in this process, as a time of day: a step of the wall clock bends none of them. */
static uint64_t now_by(int64_t clock_offset) { return read_clock(CLOCK_MONOTONIC) + (uint64_t)clock_offset; }

uint64_t bext_recorder_now(bext_recorder *recorder, const bext_handle_parts *handle) {
  held_span held = hold(recorder, handle);
  bool is_open = held.span != NULL;
  int64_t offset = is_open ? bext_open_span_clock_offset(held.span) : 0;
  let_go(held, 0);
  return is_open ? now_by(offset) : read_clock(CLOCK_REALTIME);
}

/* --- Starting ---------------------------------------------------------------------------------------------------------------------- */

/* What a span takes over from its parent. */
typedef struct heritage {
  int64_t clock_offset;
  uint8_t trace_state[BEXT_MAX_TRACE_STATE_BYTES];
  uint32_t trace_state_length;
} heritage;

static bool inherit(bext_recorder *recorder, const bext_start_call *span, heritage *out) {
  if (!span->has_parent || span->parent_is_remote) return false;
  held_span held = hold(recorder, &span->parent);
  if (held.span) {
    bext_text trace_state = bext_open_span_trace_state(held.span);
    out->clock_offset = bext_open_span_clock_offset(held.span);
    out->trace_state_length = trace_state.length <= sizeof out->trace_state ? trace_state.length : 0;
    memcpy(out->trace_state, trace_state.bytes, out->trace_state_length);
  }
  return let_go(held, 0);
}

static bool is_sampled(const bext_recorder *recorder, uint64_t trace_id_lo) {
  return recorder->sampler.is_always || trace_id_lo < recorder->sampler.below;
}

/* The trace that a span belongs to. False where it is not sampled; `enough` is false where there are no ids. */
static bool choose_trace(const bext_recorder *recorder, const bext_start_call *span, bext_handle_parts *out, bool *enough) {
  *enough = true;
  if (!span->has_parent) {
    *enough = bext_random_id(&out->trace_id_hi) && bext_random_id(&out->trace_id_lo);
    return *enough && is_sampled(recorder, out->trace_id_lo);
  }
  *out = span->parent;
  if (!span->parent_is_remote) return !bext_handle_is_invalid(&span->parent);
  return (span->parent_flags & BEXT_TRACE_FLAG_SAMPLED) && is_sampled(recorder, out->trace_id_lo);
}

static void add_drop(bext_drops *drops, bext_verdict reason, uint32_t count) { drops->by_reason[reason] += count; }

/* The link as it fits. */
static bext_kept_link cut_link(const bext_kept_link *link, const bext_limits *limits, bext_drops *drops) {
  bext_kept_link cut = *link;
  cut.attributes = bext_cut_attributes(&link->attributes, limits->link_attributes);
  add_drop(drops, BEXT_DROP_ATTRIBUTE_LIMIT, link->attributes.count - cut.attributes.count);
  return cut;
}

static void add_links(bext_open_span *span, const bext_kept_links *links, const bext_limits *limits, bext_drops *drops) {
  for (uint32_t i = 0; i < links->count; i++) {
    bext_verdict verdict = BEXT_DROP_LINK_LIMIT;
    if (i < limits->span_links) {
      bext_kept_link link = cut_link(&links->items[i], limits, drops);
      verdict = bext_open_span_add_link(span, &link);
    }
    if (!verdict) continue;
    add_drop(drops, verdict, 1);
    bext_open_span_add_dropped(span, 0, 0, 1);
  }
}

static void add_attributes(bext_open_span *span, const bext_kept_attributes *attributes, const bext_limits *limits, bext_drops *drops) {
  for (uint32_t i = 0; i < attributes->count; i++) {
    bext_verdict verdict = bext_open_span_set_attribute(span, &attributes->items[i], limits);
    if (verdict) add_drop(drops, verdict, 1);
  }
}

/* Makes a span known. False where there is no memory; the span is then still the caller's. */
static bool publish(bext_recorder *recorder, bext_open_span *span, const bext_drops *drops) {
  const bext_handle_parts *handle = bext_open_span_handle(span);
  recorder_shard *shard = shard_of(recorder, handle->span_id);
  bext_lock_take(&shard->lock);
  bool is_kept = bext_handle_map_put(&shard->open, handle, span);
  if (is_kept) shard->found = span;
  shard->counters.started += is_kept;
  if (is_kept && bext_has_drops(drops)) {
    for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) shard->counters.dropped[i] += drops->by_reason[i];
  }
  bext_lock_let_go(&shard->lock);
  return is_kept;
}

/* A span that is nobody's yet, NULL where it does not fit. */
static bext_open_span *new_span(bext_recorder *recorder, const bext_start_call *span, bext_span_origin *origin) {
  bext_start_call start = *span;
  heritage inherited;
  if (origin->payload_bytes > recorder->limits.span_bytes) return NULL;
  bool has_heritage = inherit(recorder, span, &inherited);
  uint64_t monotonic = read_clock(CLOCK_MONOTONIC);
  origin->clock_offset = has_heritage ? inherited.clock_offset : new_clock_offset(recorder, monotonic);
  origin->trace_state = has_heritage ? (bext_text){inherited.trace_state, inherited.trace_state_length} : span->trace_state;
  if (!start.start_time_unix_nanos) start.start_time_unix_nanos = monotonic + (uint64_t)origin->clock_offset;
  return bext_open_span_new(&start, origin);
}

static bext_handle_parts no_span(bext_recorder *recorder, bext_verdict reason) {
  bext_recorder_count_drops(recorder, reason, 1);
  return (bext_handle_parts){0, 0, 0};
}

/* Opens a span in the trace of the origin's handle. */
static bext_handle_parts open_span(bext_recorder *recorder, const bext_start_call *span, bext_span_origin *origin) {
  bext_drops drops = {{0}};
  if (!bext_random_id(&origin->handle.span_id)) return no_span(recorder, BEXT_DROP_TRACER_ERROR);
  bext_open_span *opened = new_span(recorder, span, origin);
  if (!opened) return no_span(recorder, BEXT_DROP_MEMORY_LIMIT);
  add_links(opened, &span->links, &recorder->limits, &drops);
  add_attributes(opened, &span->attributes, &recorder->limits, &drops);
  if (publish(recorder, opened, &drops)) return origin->handle;
  bext_open_span_free(opened);
  return no_span(recorder, BEXT_DROP_MEMORY_LIMIT);
}

bext_handle_parts bext_recorder_open(bext_recorder *recorder, const bext_start_call *span, bext_text scope_name, bext_text scope_version,
                                     uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t payload_bytes) {
  bext_span_origin origin = {.handle = {trace_id_hi, trace_id_lo, 0}, .scope_name = scope_name, .scope_version = scope_version};
  origin.payload_bytes = payload_bytes;
  return open_span(recorder, span, &origin);
}

bext_handle_parts bext_recorder_start(bext_recorder *recorder, const bext_start_call *span, bext_text scope_name, bext_text scope_version) {
  bext_span_origin origin = {.scope_name = scope_name, .scope_version = scope_version};
  bool has_ids;
  if (!choose_trace(recorder, span, &origin.handle, &has_ids)) {
    if (!has_ids) return no_span(recorder, BEXT_DROP_TRACER_ERROR);
    count_unsampled(shard_of(recorder, origin.handle.trace_id_lo));
    return (bext_handle_parts){0, 0, 0};
  }
  origin.payload_bytes = bext_start_bytes(span, &recorder->limits);
  return open_span(recorder, span, &origin);
}

/* --- Recording --------------------------------------------------------------------------------------------------------------------- */

bool bext_recorder_add_link(bext_recorder *recorder, const bext_handle_parts *handle, const bext_kept_link *link) {
  held_span held = hold(recorder, handle);
  bext_verdict verdict = held.span ? bext_open_span_add_link(held.span, link) : 0;
  if (verdict) bext_open_span_add_dropped(held.span, 0, 0, 1);
  return let_go(held, verdict);
}

bool bext_recorder_set_attribute(bext_recorder *recorder, const bext_handle_parts *handle, const bext_attribute_view *attribute) {
  held_span held = hold(recorder, handle);
  return let_go(held, held.span ? bext_open_span_set_attribute(held.span, attribute, &recorder->limits) : 0);
}

bool bext_recorder_set_host_attribute(bext_recorder *recorder, const bext_handle_parts *handle, const bext_attribute_view *attribute) {
  held_span held = hold(recorder, handle);
  return let_go(held, held.span ? bext_open_span_set_host_attribute(held.span, attribute) : 0);
}

bool bext_recorder_set_status(bext_recorder *recorder, const bext_handle_parts *handle, uint32_t code, bext_text message, bool is_verdict) {
  held_span held = hold(recorder, handle);
  return let_go(held, held.span ? bext_open_span_set_status(held.span, code, message, is_verdict, &recorder->limits) : 0);
}

static uint64_t event_time(const bext_open_span *span, const bext_event_call *event) {
  return event->time_unix_nanos ? event->time_unix_nanos : now_by(bext_open_span_clock_offset(span));
}

bool bext_recorder_add_event(bext_recorder *recorder, const bext_handle_parts *handle, const bext_event_call *event) {
  bext_event_call cut = {event->name, bext_cut_attributes(&event->attributes, recorder->limits.event_attributes), event->time_unix_nanos};
  uint64_t payload_bytes = bext_event_bytes(&cut);
  held_span held = hold(recorder, handle);
  if (!held.span) return let_go(held, 0);
  bext_verdict verdict = bext_open_span_add_event(held.span, &cut, event_time(held.span, event), payload_bytes, &recorder->limits);
  if (!verdict) held.shard->counters.dropped[BEXT_DROP_ATTRIBUTE_LIMIT] += event->attributes.count - cut.attributes.count;
  let_go(held, verdict);
  return !verdict;
}

bool bext_recorder_add_host_event(bext_recorder *recorder, const bext_handle_parts *handle, const bext_event_call *event) {
  uint64_t payload_bytes = bext_event_bytes(event);
  held_span held = hold(recorder, handle);
  bext_verdict verdict = 0;
  if (held.span) verdict = bext_open_span_add_host_event(held.span, event, event_time(held.span, event), payload_bytes);
  return let_go(held, verdict);
}

bool bext_recorder_add_dropped(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t attributes, uint64_t events) {
  held_span held = hold(recorder, handle);
  if (held.span) bext_open_span_add_dropped(held.span, attributes, events, 0);
  return let_go(held, 0);
}

/* --- Ending ------------------------------------------------------------------------------------------------------------------------ */

/* Takes a span out, NULL where it is not open. */
static bext_open_span *take_out(bext_recorder *recorder, const bext_handle_parts *handle) {
  recorder_shard *shard = shard_of(recorder, handle->span_id);
  bext_lock_take(&shard->lock);
  bext_open_span *span = bext_handle_map_remove(&shard->open, handle);
  if (span) {
    shard->found = NULL;
    shard->counters.ended++;
  }
  bext_lock_let_go(&shard->lock);
  return span;
}

bool bext_recorder_end(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t end_time_unix_nanos) {
  bext_open_span *span = take_out(recorder, handle);
  if (!span) return false;
  uint64_t end_time = end_time_unix_nanos ? end_time_unix_nanos : now_by(bext_open_span_clock_offset(span));
  bext_finished *finished = bext_open_span_finish(span, end_time);
  bext_open_span_free(span);
  if (!finished) {
    count_drops(shard_of(recorder, handle->span_id), BEXT_DROP_MEMORY_LIMIT, 1);
  } else if (!bext_queue_put(&recorder->finished, finished)) {
    bext_finished_free(finished);
    count_drops(shard_of(recorder, handle->span_id), BEXT_DROP_QUEUE_FULL, 1);
  }
  return true;
}
