/* scope.c - the tables and counters of one instance, behind one lock. */
#include "scope.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "forks.h"
#include "handle_map.h"
#include "key_map.h"
#include "lock.h"
#include "recent_handles.h"

/* A span that the guest may change: an open one of its own, or a current one. */
typedef struct tracked_span tracked_span;
struct tracked_span {
  bext_handle_parts handle;
  uint64_t payload_bytes;
  uint64_t event_count;
  uint64_t status_bytes;
  bext_key_map attribute_bytes;
  tracked_span *older; /* open spans: the one that started before. Current ones: the one that surrounds it */
  tracked_span *newer;
};

struct bext_scope {
  bext_lock lock;
  atomic_size_t references;
  bext_limits limits;
  enum bext_remote_parents policy;
  const void *store;
  bool is_bound;
  bool is_closed;
  bool trusts_tracer;
  uint64_t payload_bytes;
  bext_handle_map open;
  tracked_span *newest;
  tracked_span *current;
  tracked_span *found; /* what `find` gave last: the calls on one span come together. NULL where it may be gone */
  bext_recent_handles ended;
  bext_recent_handles granted;
  bext_counters counters;
  bext_forkable forkable;
};

/* --- Lifetime ---------------------------------------------------------------------------------------------------------- */

static void lock(bext_scope *scope) { bext_lock_take(&scope->lock); }

static void unlock(bext_scope *scope) { bext_lock_let_go(&scope->lock); }

static void hold_scope(void *scope) { lock(scope); }

static void let_go_of_scope(void *scope) { unlock(scope); }

bext_scope *bext_scope_new(const bext_limits *limits, enum bext_remote_parents policy) {
  bext_scope *scope = calloc(1, sizeof *scope);
  if (!scope) return NULL;
  atomic_init(&scope->references, 1);
  scope->limits = *limits;
  scope->policy = policy;
  scope->ended.at_most = limits->scope_ended_parents;
  scope->granted.at_most = limits->scope_ended_parents;
  if (bext_watch_forks(&scope->forkable, scope, hold_scope, let_go_of_scope)) return scope;
  free(scope);
  return NULL;
}

void bext_scope_retain(bext_scope *scope) { atomic_fetch_add(&scope->references, 1); }

static void free_tracked(tracked_span *tracked) {
  bext_key_map_clear(&tracked->attribute_bytes);
  free(tracked);
}

static void free_chain(tracked_span *newest) {
  while (newest) {
    tracked_span *older = newest->older;
    free_tracked(newest);
    newest = older;
  }
}

void bext_scope_release(bext_scope *scope) {
  if (atomic_fetch_sub(&scope->references, 1) != 1) return;
  bext_forget_forks(&scope->forkable);
  free_chain(scope->newest);
  free_chain(scope->current);
  bext_handle_map_clear(&scope->open);
  bext_recent_handles_clear(&scope->ended);
  bext_recent_handles_clear(&scope->granted);
  free(scope);
}

size_t bext_scope_references(bext_scope *scope) { return atomic_load(&scope->references); }

const bext_limits *bext_scope_limits(const bext_scope *scope) { return &scope->limits; }

enum bext_remote_parents bext_scope_policy(const bext_scope *scope) { return scope->policy; }

/* --- Counting ---------------------------------------------------------------------------------------------------------- */

static void count(bext_scope *scope, uint64_t *counter, uint64_t number) {
  lock(scope);
  *counter += number;
  unlock(scope);
}

void bext_scope_trust_tracer(bext_scope *scope) { scope->trusts_tracer = true; }

void bext_scope_count_recorded(bext_scope *scope, enum bext_operation operation) {
  count(scope, &scope->counters.recorded[operation], 1);
}

void bext_scope_count_drop(bext_scope *scope, bext_verdict reason) { count(scope, &scope->counters.dropped[reason], 1); }

void bext_scope_count_drops(bext_scope *scope, const bext_drops *drops) {
  lock(scope);
  for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) scope->counters.dropped[i] += drops->by_reason[i];
  unlock(scope);
}

void bext_scope_count_unsampled(bext_scope *scope) { count(scope, &scope->counters.unsampled, 1); }

void bext_scope_counters(bext_scope *scope, bext_counters *out) {
  lock(scope);
  *out = scope->counters;
  unlock(scope);
}

/* --- Store and state ---------------------------------------------------------------------------------------------------- */

/* With the lock held. */
static bext_verdict enter_locked(bext_scope *scope, bext_visit *visit) {
  visit->is_first = !scope->is_bound;
  if (visit->is_first) scope->store = visit->store;
  scope->is_bound = true;
  scope->counters.calls[visit->operation]++;
  return scope->is_closed ? BEXT_DROP_SCOPE_CLOSED : scope->store == visit->store ? 0 : BEXT_DROP_WRONG_STORE;
}

static bext_verdict check_room(const bext_scope *scope, uint64_t payload_bytes) {
  bool fits = payload_bytes <= scope->limits.span_bytes && scope->payload_bytes + payload_bytes <= scope->limits.scope_bytes;
  return scope->open.count >= scope->limits.scope_open_spans ? BEXT_DROP_OPEN_SPAN_LIMIT : fits ? 0 : BEXT_DROP_MEMORY_LIMIT;
}

bext_verdict bext_scope_enter(bext_scope *scope, bext_visit *visit) {
  lock(scope);
  bext_verdict verdict = enter_locked(scope, visit);
  visit->room = check_room(scope, visit->payload_bytes);
  unlock(scope);
  return verdict;
}

void bext_scope_enter_ignored(bext_scope *scope, bext_visit *visit) {
  lock(scope);
  enter_locked(scope, visit);
  scope->counters.ignored++;
  unlock(scope);
}

bool bext_scope_is_closed(bext_scope *scope) {
  lock(scope);
  bool is_closed = scope->is_closed;
  unlock(scope);
  return is_closed;
}

size_t bext_scope_open_spans(bext_scope *scope) {
  lock(scope);
  size_t open = scope->open.count;
  unlock(scope);
  return open;
}

/* --- Whose spans -------------------------------------------------------------------------------------------------------- */

static bool is_current(const bext_scope *scope, const bext_handle_parts *handle) {
  return scope->current && bext_handle_equal(&scope->current->handle, handle);
}

bool bext_scope_is_known_parent(bext_scope *scope, const bext_handle_parts *handle) {
  lock(scope);
  bool is_known = bext_handle_map_get(&scope->open, handle) || bext_recent_handles_has(&scope->ended, handle) ||
                  bext_recent_handles_has(&scope->granted, handle) || is_current(scope, handle);
  unlock(scope);
  return is_known;
}

bool bext_scope_current(bext_scope *scope, bext_handle_parts *out) {
  lock(scope);
  bool is_there = scope->current != NULL;
  if (is_there) *out = scope->current->handle;
  unlock(scope);
  return is_there;
}

/* The span that the guest may change, or NULL. With the lock held. */
static tracked_span *find_tracked(bext_scope *scope, const bext_handle_parts *handle) {
  if (scope->found && bext_handle_equal(&scope->found->handle, handle)) return scope->found;
  tracked_span *tracked = bext_handle_map_get(&scope->open, handle);
  if (!tracked && is_current(scope, handle)) tracked = scope->current;
  if (tracked) scope->found = tracked;
  return tracked;
}

/* Begins a call on a span that the guest may change, which it gives. With the lock held. */
static bext_verdict enter_span_locked(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, tracked_span **out) {
  bext_verdict verdict = enter_locked(scope, visit);
  if (verdict) return verdict;
  *out = find_tracked(scope, handle);
  return *out ? visit->refusal : BEXT_DROP_UNKNOWN_HANDLE;
}

/* Counts what the tracer will take. With the lock held. */
static void foresee(bext_scope *scope, enum bext_operation operation, bext_verdict verdict) {
  scope->counters.recorded[operation] += !verdict && scope->trusts_tracer;
}

/* --- Starting and ending -------------------------------------------------------------------------------------------------- */

static tracked_span *new_tracked(const bext_handle_parts *handle, uint64_t payload_bytes) {
  tracked_span *tracked = malloc(sizeof *tracked);
  if (!tracked) return NULL;
  tracked->handle = *handle;
  tracked->payload_bytes = payload_bytes;
  tracked->event_count = tracked->status_bytes = 0;
  tracked->older = tracked->newer = NULL;
  bext_key_map_init(&tracked->attribute_bytes, true);
  return tracked;
}

static bool remember_attributes(tracked_span *tracked, const bext_kept_attributes *attributes) {
  for (uint32_t i = 0; i < attributes->count; i++) {
    const bext_attribute_view *item = &attributes->items[i];
    if (!bext_key_map_add(&tracked->attribute_bytes, item->key, item->pair_bytes)) return false;
  }
  return true;
}

static bext_verdict insert(bext_scope *scope, tracked_span *tracked) {
  if (scope->is_closed) return BEXT_DROP_SCOPE_CLOSED;
  if (!bext_handle_map_put(&scope->open, &tracked->handle, tracked)) return BEXT_DROP_MEMORY_LIMIT;
  tracked->older = scope->newest;
  if (scope->newest) scope->newest->newer = tracked;
  scope->newest = scope->found = tracked;
  scope->payload_bytes += tracked->payload_bytes;
  return 0;
}

bext_verdict bext_scope_add(bext_scope *scope, const bext_handle_parts *handle, uint64_t payload_bytes, const bext_kept_attributes *attributes) {
  tracked_span *tracked = new_tracked(handle, payload_bytes);
  if (!tracked) return BEXT_DROP_MEMORY_LIMIT;
  bext_verdict verdict = BEXT_DROP_MEMORY_LIMIT;
  if (remember_attributes(tracked, attributes)) {
    lock(scope);
    verdict = insert(scope, tracked);
    foresee(scope, BEXT_OP_START_SPAN, verdict);
    unlock(scope);
  }
  if (verdict) free_tracked(tracked);
  return verdict;
}

/* Takes an open span that is out of the table out of the chain, too. With the lock held. */
static void unchain(bext_scope *scope, tracked_span *tracked) {
  scope->found = NULL;
  if (tracked->older) tracked->older->newer = tracked->newer;
  if (tracked->newer) tracked->newer->older = tracked->older;
  else scope->newest = tracked->older;
  scope->payload_bytes -= tracked->payload_bytes;
}

static tracked_span *end_locked(bext_scope *scope, const bext_handle_parts *handle) {
  tracked_span *tracked = bext_handle_map_remove(&scope->open, handle);
  if (!tracked) return NULL;
  unchain(scope, tracked);
  bext_recent_handles_add(&scope->ended, handle);
  foresee(scope, BEXT_OP_END_SPAN, 0);
  return tracked;
}

bext_verdict bext_scope_end(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle) {
  lock(scope);
  bext_verdict verdict = enter_locked(scope, visit);
  tracked_span *tracked = verdict ? NULL : end_locked(scope, handle);
  unlock(scope);
  if (verdict) return verdict;
  if (!tracked) return BEXT_DROP_UNKNOWN_HANDLE;
  free_tracked(tracked);
  return 0;
}

/* --- Weighing ----------------------------------------------------------------------------------------------------------- */

/* Exchanges the bytes that are given back for those that come. A charge that is no larger than what it gives back always fits. */
static bext_verdict charge(bext_scope *scope, tracked_span *tracked, uint64_t given_back, uint64_t payload_bytes) {
  uint64_t span_bytes = tracked->payload_bytes - given_back + payload_bytes;
  uint64_t scope_bytes = scope->payload_bytes - given_back + payload_bytes;
  bool fits = span_bytes <= scope->limits.span_bytes && scope_bytes <= scope->limits.scope_bytes;
  if (payload_bytes > given_back && !fits) return BEXT_DROP_MEMORY_LIMIT;
  tracked->payload_bytes = span_bytes;
  scope->payload_bytes = scope_bytes;
  return 0;
}

static bext_verdict charge_new_key(bext_scope *scope, tracked_span *tracked, bext_text key, uint64_t payload_bytes) {
  if (tracked->attribute_bytes.count >= scope->limits.span_attributes) return BEXT_DROP_ATTRIBUTE_LIMIT;
  bext_verdict verdict = charge(scope, tracked, 0, payload_bytes);
  if (verdict) return verdict;
  if (bext_key_map_add(&tracked->attribute_bytes, key, payload_bytes)) return 0;
  charge(scope, tracked, payload_bytes, 0);
  return BEXT_DROP_MEMORY_LIMIT;
}

static bext_verdict charge_key(bext_scope *scope, tracked_span *tracked, bext_text key, uint64_t payload_bytes) {
  bext_key_entry *entry = bext_key_map_get(&tracked->attribute_bytes, key);
  if (!entry) return charge_new_key(scope, tracked, key, payload_bytes);
  bext_verdict verdict = charge(scope, tracked, entry->number, payload_bytes);
  if (!verdict) entry->number = payload_bytes;
  return verdict;
}

bext_verdict bext_scope_charge_attribute(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, bext_text key) {
  tracked_span *tracked;
  lock(scope);
  bext_verdict verdict = enter_span_locked(scope, visit, handle, &tracked);
  if (!verdict) verdict = charge_key(scope, tracked, key, visit->payload_bytes);
  foresee(scope, BEXT_OP_SET_ATTRIBUTE, verdict);
  unlock(scope);
  return verdict;
}

bext_verdict bext_scope_charge_event(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle) {
  tracked_span *tracked;
  lock(scope);
  bext_verdict verdict = enter_span_locked(scope, visit, handle, &tracked);
  if (!verdict && tracked->event_count >= scope->limits.span_events) verdict = BEXT_DROP_EVENT_LIMIT;
  if (!verdict) verdict = charge(scope, tracked, 0, visit->payload_bytes);
  if (!verdict) tracked->event_count++;
  foresee(scope, BEXT_OP_ADD_EVENT, verdict);
  unlock(scope);
  return verdict;
}

bext_verdict bext_scope_charge_status(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle) {
  tracked_span *tracked;
  lock(scope);
  bext_verdict verdict = enter_span_locked(scope, visit, handle, &tracked);
  if (!verdict) verdict = charge(scope, tracked, tracked->status_bytes, visit->payload_bytes);
  if (!verdict) tracked->status_bytes = visit->payload_bytes;
  foresee(scope, BEXT_OP_SET_STATUS, verdict);
  unlock(scope);
  return verdict;
}

/* --- The host's side ----------------------------------------------------------------------------------------------------- */

bool bext_scope_push_current(bext_scope *scope, const bext_handle_parts *handle) {
  tracked_span *tracked = new_tracked(handle, 0);
  if (!tracked) return false;
  lock(scope);
  tracked->older = scope->current;
  scope->current = tracked;
  scope->found = NULL; /* the same span may be current twice, with what each call recorded */
  unlock(scope);
  return true;
}

void bext_scope_pop_current(bext_scope *scope) {
  lock(scope);
  tracked_span *tracked = scope->current;
  if (tracked) {
    scope->current = tracked->older;
    scope->found = NULL;
    scope->payload_bytes -= tracked->payload_bytes;
  }
  unlock(scope);
  if (tracked) free_tracked(tracked);
}

void bext_scope_grant(bext_scope *scope, const bext_handle_parts *handle) {
  lock(scope);
  bext_recent_handles_add(&scope->granted, handle);
  unlock(scope);
}

void bext_scope_close(bext_scope *scope) {
  lock(scope);
  scope->is_closed = true;
  bext_recent_handles_clear(&scope->ended);
  bext_recent_handles_clear(&scope->granted);
  unlock(scope);
}

bool bext_scope_take_last(bext_scope *scope, bext_handle_parts *out) {
  lock(scope);
  tracked_span *tracked = scope->newest;
  if (tracked) {
    bext_handle_map_remove(&scope->open, &tracked->handle);
    unchain(scope, tracked);
  }
  unlock(scope);
  if (!tracked) return false;
  *out = tracked->handle;
  free_tracked(tracked);
  return true;
}
