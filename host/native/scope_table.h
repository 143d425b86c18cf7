/*
 * scope_table.h - the inside of a scope, for what works on it with its lock held: scope.c, and recording.c, which charges a scope and
 * records in one step. Nobody else looks in.
 *
 * Where the tracer is a recorder in C, the lock is that of the recorder's shard, so that it guards the recorder's part of the spans, too.
 */
#ifndef BEXT_SCOPE_TABLE_H
#define BEXT_SCOPE_TABLE_H

#include <stdatomic.h>

#include "forks.h"
#include "handle_map.h"
#include "handle_ring.h"
#include "key_map.h"
#include "lock.h"
#include "open_span.h"
#include "recent_handles.h"
#include "recorder.h"
#include "scope.h"

/* A scope keeps so many pieces of memory of each kind for its next spans: most guests have but a few open. */
#define BEXT_SPARE_SPANS 4

/* A span that the guest may change: an open one of its own, or a current one. */
typedef struct bext_tracked_span bext_tracked_span;
struct bext_tracked_span {
  bext_handle_parts handle;
  uint64_t payload_bytes;
  uint64_t event_count;
  uint64_t status_bytes;
  uint64_t attribute_count; /* keys that were charged */
  uint64_t started_millis;  /* see bext_scope_mark_time */
  bext_key_map *weights;    /* what was charged for each key that is not in `recorded`; NULL where there is none yet */
  /* The guest's own span in the scope's recorder, held; what was charged for a key stands beside its attribute. Else NULL. */
  bext_open_span *recorded;
  bext_tracked_span *older; /* open spans: the one that started before. Current ones: the one that surrounds it */
  bext_tracked_span *newer;
};

struct bext_scope {
  bext_lock *lock; /* its own, or its shard's */
  bext_lock own_lock;
  atomic_size_t references;
  bext_limits limits;
  enum bext_remote_parents policy;
  const void *store;
  bool is_bound;
  bool is_closed;
  bext_recorder *recorder; /* the tracer, where it is one in C: shared. Else NULL */
  bext_shard *shard;       /* the recorder's, of all spans that the guest starts */
  uint64_t payload_bytes;
  bext_handle_map open;
  bext_tracked_span *newest;
  bext_tracked_span *oldest;
  uint64_t now_millis;
  bext_tracked_span *current;
  bext_tracked_span *found;  /* what was found last: the calls on one span come together. NULL where it may be gone */
  bext_tracked_span *spares; /* that the next spans use; linked through `older` */
  unsigned spare_count;
  bext_open_span *spare_memory[BEXT_SPARE_SPANS]; /* of spans that have ended, for those that the recorder makes next */
  unsigned spare_memory_count;
  bext_finished_memory finished; /* of the spans that end here */
  bext_handle_ring ended_in_recorder; /* of a scope with a recorder and an ordinary limit */
  bext_recent_handles ended;          /* of any other: a tracer may give a handle again that has ended */
  bext_recent_handles granted;
  bext_counters counters;
  uint64_t named_bytes; /* of payloads that are not too large */
  uint64_t nanos;
  bext_forkable forkable;
};

static inline void bext_scope_lock(bext_scope *scope) { bext_lock_take(scope->lock); }

static inline void bext_scope_unlock(bext_scope *scope) { bext_lock_let_go(scope->lock); }

/* --- All of these with the lock held --- */

/* Counts a call, and binds the scope to its first store. 0, `scope_closed` or `wrong_store`. */
static inline bext_verdict bext_scope_begin(bext_scope *scope, bext_visit *visit) {
  visit->is_first = !scope->is_bound;
  if (visit->is_first) scope->store = visit->store;
  scope->is_bound = true;
  scope->counters.calls[visit->operation]++;
  if (visit->payload_bytes <= scope->limits.payload_bytes) scope->named_bytes += visit->payload_bytes;
  return scope->is_closed ? BEXT_DROP_SCOPE_CLOSED : scope->store == visit->store ? 0 : BEXT_DROP_WRONG_STORE;
}

/* Whether the span is the current one. */
static inline bool bext_scope_is_current(const bext_scope *scope, const bext_handle_parts *handle) {
  return scope->current && bext_handle_equal(&scope->current->handle, handle);
}

/* Begins a call on a span that the guest may change, which it gives. */
bext_verdict bext_scope_begin_on(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, bext_tracked_span **out);

/* Exchanges the bytes that are given back for those that come. A charge that is no larger than what it gives back always fits. */
bext_verdict bext_scope_charge(bext_scope *scope, bext_tracked_span *tracked, uint64_t given_back, uint64_t payload_bytes);

/* Charges for a key of a span that is not recorded here, and remembers it. */
bext_verdict bext_scope_charge_key(bext_scope *scope, bext_tracked_span *tracked, bext_text key, uint64_t payload_bytes);

/* Remembers the first charge for a key, in `weights`. False where there is no memory. */
bool bext_tracked_weigh(bext_tracked_span *tracked, bext_text key, uint64_t payload_bytes);
/* What was charged for a key, as `weights` have it, or NULL. */
uint64_t *bext_tracked_weight(const bext_tracked_span *tracked, bext_text key);

/* A span that is in no table, with nothing recorded. NULL where there is no memory. */
bext_tracked_span *bext_scope_new_tracked(bext_scope *scope, const bext_handle_parts *handle, uint64_t payload_bytes);
/* Frees it, or keeps its memory for the next one. */
void bext_scope_free_tracked(bext_scope *scope, bext_tracked_span *tracked);

/* The memory of a span that has ended, NULL where none is kept; and the other way round: keeps that of one, or frees it. */
bext_open_span *bext_scope_take_memory(bext_scope *scope);
void bext_scope_keep_memory(bext_scope *scope, bext_open_span *ended);
/* Frees what is kept for the next ones. */
void bext_scope_free_spares(bext_scope *scope);

/* Puts a span among the open ones. False where there is no memory. */
bool bext_scope_insert(bext_scope *scope, bext_tracked_span *tracked);
/* Takes one out, NULL where the guest has none such open. */
bext_tracked_span *bext_scope_take(bext_scope *scope, const bext_handle_parts *handle);
/* The same for a span that ends: it stays known as a parent. */
bext_tracked_span *bext_scope_take_ended(bext_scope *scope, const bext_handle_parts *handle);

#endif /* BEXT_SCOPE_TABLE_H */
