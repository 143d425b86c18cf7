/* scope.c - the tables and counters of one instance, behind one lock. */
#include "scope.h"

#include <stdlib.h>

#include "recorder_shards.h"
#include "scope_table.h"

/* --- Lifetime ---------------------------------------------------------------------------------------------------------- */

/* A recorder holds its own locks round a fork. */
static void hold_scope(void *self) {
  bext_scope *scope = self;
  bext_lock_take(&scope->own_lock);
}

static void let_go_of_scope(void *self) {
  bext_scope *scope = self;
  bext_lock_let_go(&scope->own_lock);
}

bext_scope *bext_scope_new(const bext_limits *limits, enum bext_remote_parents policy) {
  bext_scope *scope = calloc(1, sizeof *scope);
  if (!scope) return NULL;
  atomic_init(&scope->references, 1);
  scope->lock = &scope->own_lock;
  scope->limits = *limits;
  scope->policy = policy;
  scope->ended.at_most = limits->scope_ended_parents;
  scope->granted.at_most = limits->scope_ended_parents;
  if (bext_watch_forks(&scope->forkable, scope, hold_scope, let_go_of_scope)) return scope;
  free(scope);
  return NULL;
}

void bext_scope_retain(bext_scope *scope) { atomic_fetch_add(&scope->references, 1); }

/* Lets go of a span that is in no table any more; where the recorder has it open, it stays so. With the lock held. */
static void discard(bext_scope *scope, bext_tracked_span *tracked) {
  if (tracked->recorded) bext_let_go_of_held(tracked->recorded);
  tracked->recorded = NULL;
  bext_scope_free_tracked(scope, tracked);
}

static void discard_chain(bext_scope *scope, bext_tracked_span *newest) {
  while (newest) {
    bext_tracked_span *older = newest->older;
    discard(scope, newest);
    newest = older;
  }
}

void bext_scope_release(bext_scope *scope) {
  if (atomic_fetch_sub(&scope->references, 1) != 1) return;
  bext_forget_forks(&scope->forkable);
  bext_scope_lock(scope);
  discard_chain(scope, scope->newest);
  discard_chain(scope, scope->current);
  bext_scope_unlock(scope);
  bext_scope_free_spares(scope);
  bext_finished_memory_close(&scope->finished);
  bext_handle_map_clear(&scope->open);
  bext_handle_ring_clear(&scope->ended_in_recorder);
  bext_recent_handles_clear(&scope->ended);
  bext_recent_handles_clear(&scope->granted);
  if (scope->recorder) bext_recorder_release(scope->recorder);
  free(scope);
}

const bext_limits *bext_scope_limits(const bext_scope *scope) { return &scope->limits; }

enum bext_remote_parents bext_scope_policy(const bext_scope *scope) { return scope->policy; }

/* --- Counting ---------------------------------------------------------------------------------------------------------- */

static void count(bext_scope *scope, uint64_t *counter, uint64_t number) {
  bext_scope_lock(scope);
  *counter += number;
  bext_scope_unlock(scope);
}

void bext_scope_record_into(bext_scope *scope, bext_recorder *recorder) {
  bext_recorder_retain(recorder);
  scope->recorder = recorder;
  scope->shard = bext_recorder_give_shard(recorder);
  scope->lock = bext_shard_lock(scope->shard);
  uint64_t at_most = scope->limits.scope_ended_parents;
  if (at_most <= BEXT_LARGEST_RING) scope->ended_in_recorder.at_most = (uint32_t)at_most;
}

void bext_scope_count_recorded(bext_scope *scope, enum bext_operation operation) {
  count(scope, &scope->counters.recorded[operation], 1);
}

void bext_scope_count_drop(bext_scope *scope, bext_verdict reason) { count(scope, &scope->counters.dropped[reason], 1); }

void bext_scope_count_drops(bext_scope *scope, const bext_drops *drops) {
  bext_scope_lock(scope);
  for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) scope->counters.dropped[i] += drops->by_reason[i];
  bext_scope_unlock(scope);
}

void bext_scope_count_unsampled(bext_scope *scope) { count(scope, &scope->counters.unsampled, 1); }

void bext_scope_counters(bext_scope *scope, bext_counters *out) {
  bext_scope_lock(scope);
  *out = scope->counters;
  bext_scope_unlock(scope);
}

void bext_scope_traffic(bext_scope *scope, bext_traffic *out) {
  bext_scope_lock(scope);
  *out = (bext_traffic){0, scope->named_bytes, scope->nanos};
  for (unsigned i = 0; i < BEXT_OPERATIONS; i++) out->calls += scope->counters.calls[i];
  bext_scope_unlock(scope);
}

void bext_scope_count_nanos(bext_scope *scope, uint64_t nanos) { count(scope, &scope->nanos, nanos); }

/* --- Store and state ---------------------------------------------------------------------------------------------------- */

static bext_verdict check_room(const bext_scope *scope, uint64_t payload_bytes) {
  bool fits = payload_bytes <= scope->limits.span_bytes && scope->payload_bytes + payload_bytes <= scope->limits.scope_bytes;
  return scope->open.count >= scope->limits.scope_open_spans ? BEXT_DROP_OPEN_SPAN_LIMIT : fits ? 0 : BEXT_DROP_MEMORY_LIMIT;
}

bext_verdict bext_scope_enter(bext_scope *scope, bext_visit *visit) {
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin(scope, visit);
  visit->room = check_room(scope, visit->payload_bytes);
  bext_scope_unlock(scope);
  return verdict;
}

void bext_scope_enter_ignored(bext_scope *scope, bext_visit *visit) {
  bext_scope_lock(scope);
  bext_scope_begin(scope, visit);
  scope->counters.ignored++;
  bext_scope_unlock(scope);
}

bool bext_scope_is_closed(bext_scope *scope) {
  bext_scope_lock(scope);
  bool is_closed = scope->is_closed;
  bext_scope_unlock(scope);
  return is_closed;
}

size_t bext_scope_open_spans(bext_scope *scope) {
  bext_scope_lock(scope);
  size_t open = scope->open.count;
  bext_scope_unlock(scope);
  return open;
}

/* --- Whose spans -------------------------------------------------------------------------------------------------------- */

bool bext_scope_is_known_parent(bext_scope *scope, const bext_handle_parts *handle) {
  bext_scope_lock(scope);
  bool is_known = bext_handle_map_get(&scope->open, handle) || bext_handle_ring_has(&scope->ended_in_recorder, handle) ||
                  bext_recent_handles_has(&scope->ended, handle) ||
                  bext_recent_handles_has(&scope->granted, handle) || bext_scope_is_current(scope, handle);
  bext_scope_unlock(scope);
  return is_known;
}

bool bext_scope_current(bext_scope *scope, bext_handle_parts *out) {
  bext_scope_lock(scope);
  bool is_there = scope->current != NULL;
  if (is_there) *out = scope->current->handle;
  bext_scope_unlock(scope);
  return is_there;
}

/* Counts what a recorder will take: it takes whatever it is given. With the lock held. */
static void foresee(bext_scope *scope, enum bext_operation operation, bext_verdict verdict) {
  scope->counters.recorded[operation] += !verdict && scope->recorder;
}

/* --- Starting and ending -------------------------------------------------------------------------------------------------- */

static bool weigh_attributes(bext_tracked_span *tracked, const bext_kept_attributes *attributes) {
  for (uint32_t i = 0; i < attributes->count; i++) {
    if (!bext_tracked_weigh(tracked, attributes->items[i].key, attributes->items[i].pair_bytes)) return false;
  }
  return true;
}

/* With the lock held. */
static bext_verdict add(bext_scope *scope, const bext_handle_parts *handle, uint64_t payload_bytes, const bext_kept_attributes *attributes) {
  if (scope->is_closed) return BEXT_DROP_SCOPE_CLOSED;
  bext_tracked_span *tracked = bext_scope_new_tracked(scope, handle, payload_bytes);
  if (!tracked) return BEXT_DROP_MEMORY_LIMIT;
  if (weigh_attributes(tracked, attributes) && bext_scope_insert(scope, tracked)) return 0;
  bext_scope_free_tracked(scope, tracked);
  return BEXT_DROP_MEMORY_LIMIT;
}

bext_verdict bext_scope_add(bext_scope *scope, const bext_handle_parts *handle, uint64_t payload_bytes, const bext_kept_attributes *attributes) {
  bext_scope_lock(scope);
  bext_verdict verdict = add(scope, handle, payload_bytes, attributes);
  bext_scope_unlock(scope);
  return verdict;
}

bext_verdict bext_scope_end(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle) {
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin(scope, visit);
  bext_tracked_span *tracked = verdict ? NULL : bext_scope_take_ended(scope, handle);
  if (tracked) bext_scope_free_tracked(scope, tracked);
  bext_scope_unlock(scope);
  return verdict || tracked ? verdict : BEXT_DROP_UNKNOWN_HANDLE;
}

/* --- Weighing ----------------------------------------------------------------------------------------------------------- */

bext_verdict bext_scope_charge_attribute(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, bext_text key) {
  bext_tracked_span *tracked;
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin_on(scope, visit, handle, &tracked);
  if (!verdict) verdict = bext_scope_charge_key(scope, tracked, key, visit->payload_bytes);
  bext_scope_unlock(scope);
  return verdict;
}

bext_verdict bext_scope_charge_event(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle) {
  bext_tracked_span *tracked;
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin_on(scope, visit, handle, &tracked);
  if (!verdict && tracked->event_count >= scope->limits.span_events) verdict = BEXT_DROP_EVENT_LIMIT;
  if (!verdict) verdict = bext_scope_charge(scope, tracked, 0, visit->payload_bytes);
  if (!verdict) tracked->event_count++;
  foresee(scope, BEXT_OP_ADD_EVENT, verdict);
  bext_scope_unlock(scope);
  return verdict;
}

bext_verdict bext_scope_charge_status(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle) {
  bext_tracked_span *tracked;
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin_on(scope, visit, handle, &tracked);
  if (!verdict) verdict = bext_scope_charge(scope, tracked, tracked->status_bytes, visit->payload_bytes);
  if (!verdict) tracked->status_bytes = visit->payload_bytes;
  foresee(scope, BEXT_OP_SET_STATUS, verdict);
  bext_scope_unlock(scope);
  return verdict;
}

/* --- The host's side ----------------------------------------------------------------------------------------------------- */

bool bext_scope_push_current(bext_scope *scope, const bext_handle_parts *handle) {
  bext_scope_lock(scope);
  bext_tracked_span *tracked = bext_scope_new_tracked(scope, handle, 0);
  if (tracked) {
    tracked->older = scope->current;
    scope->current = tracked;
    scope->found = NULL; /* the same span may be current twice, with what each call recorded */
  }
  bext_scope_unlock(scope);
  return tracked != NULL;
}

void bext_scope_pop_current(bext_scope *scope) {
  bext_scope_lock(scope);
  bext_tracked_span *tracked = scope->current;
  if (tracked) {
    scope->current = tracked->older;
    scope->found = NULL;
    scope->payload_bytes -= tracked->payload_bytes;
    discard(scope, tracked);
  }
  bext_scope_unlock(scope);
}

void bext_scope_grant(bext_scope *scope, const bext_handle_parts *handle) {
  bext_scope_lock(scope);
  bext_recent_handles_add(&scope->granted, handle);
  bext_scope_unlock(scope);
}

void bext_scope_mark_time(bext_scope *scope, uint64_t millis) {
  bext_scope_lock(scope);
  scope->now_millis = millis;
  bext_scope_unlock(scope);
}

bool bext_scope_take_last_before(bext_scope *scope, uint64_t before_millis, bext_handle_parts *out) {
  bext_scope_lock(scope);
  bext_tracked_span *tracked = scope->newest;
  while (tracked && tracked->started_millis >= before_millis) tracked = tracked->older;
  if (tracked) {
    *out = tracked->handle;
    discard(scope, bext_scope_take_ended(scope, out));
  }
  bext_scope_unlock(scope);
  return tracked != NULL;
}

void bext_scope_close(bext_scope *scope) {
  bext_scope_lock(scope);
  scope->is_closed = true;
  bext_handle_ring_clear(&scope->ended_in_recorder);
  bext_recent_handles_clear(&scope->ended);
  bext_recent_handles_clear(&scope->granted);
  bext_scope_free_spares(scope);
  bext_finished_memory_close(&scope->finished);
  bext_scope_unlock(scope);
}

bool bext_scope_take_last(bext_scope *scope, bext_handle_parts *out) {
  bext_scope_lock(scope);
  bext_tracked_span *tracked = scope->newest;
  if (tracked) {
    *out = tracked->handle;
    discard(scope, bext_scope_take(scope, out));
  }
  bext_scope_unlock(scope);
  return tracked != NULL;
}
