/*
 * scope.h - one plugin instance: the spans that it may touch, the parents that it may name, what its open spans weigh, and its
 * counters (ABI.md, "Limits", "Ownership", "Drop reasons").
 *
 * Every function locks the scope for its own time and calls nobody, so that none can wait for another. Nothing that a function
 * returns points into the scope.
 */
#ifndef BEXT_SCOPE_H
#define BEXT_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest_limits.h"
#include "trimming.h"

/* The six imports, as indexes of counters. */
enum bext_operation {
  BEXT_OP_START_SPAN = 0,
  BEXT_OP_SET_ATTRIBUTE = 1,
  BEXT_OP_SET_STATUS = 2,
  BEXT_OP_ADD_EVENT = 3,
  BEXT_OP_END_SPAN = 4,
  BEXT_OP_CURRENT_SPAN = 5
};
#define BEXT_OPERATIONS 6

/* What a remote parent does that a guest names. */
enum bext_remote_parents { BEXT_REMOTE_LINK = 0, BEXT_REMOTE_CONTINUE = 1, BEXT_REMOTE_IGNORE = 2 };

typedef struct bext_counters {
  uint64_t calls[BEXT_OPERATIONS];
  uint64_t recorded[BEXT_OPERATIONS];
  uint64_t dropped[BEXT_DROP_REASONS];
  uint64_t unsampled;
  uint64_t ignored;
} bext_counters;

/* How much crossed the boundary: host calls, the bytes of payload that they named, and, where it is measured, the time in them. */
typedef struct bext_traffic {
  uint64_t calls;
  uint64_t payload_bytes;
  uint64_t nanos;
} bext_traffic;

/* A host call as the scope sees it. */
typedef struct bext_visit {
  enum bext_operation operation;
  bext_verdict refusal; /* why its payload is no good, 0 where it is; it counts only where the call itself is good */
  const void *store; /* unique among the stores that live */
  uint64_t payload_bytes;
  bool is_first;     /* set by the scope: it is the scope's first call */
  bext_verdict room; /* set by the scope: 0, `open_span_limit` or `memory_limit` */
} bext_visit;

typedef struct bext_scope bext_scope;
typedef struct bext_recorder bext_recorder;

/* A scope with one reference, NULL where there is no memory. */
bext_scope *bext_scope_new(const bext_limits *limits, enum bext_remote_parents policy);
void bext_scope_retain(bext_scope *scope);
/* Frees the scope with the last reference. It must be closed, or nobody wants to know what was open. */
void bext_scope_release(bext_scope *scope);

const bext_limits *bext_scope_limits(const bext_scope *scope);
enum bext_remote_parents bext_scope_policy(const bext_scope *scope);

/*
 * The tracer is this recorder, which the scope shares from now on. It takes whatever it is given: what it will be given counts as
 * recorded at once. The calls that start, end and set attributes then go through recording.h. Before the first call.
 */
void bext_scope_record_into(bext_scope *scope, bext_recorder *recorder);

/* Counting. */
void bext_scope_count_recorded(bext_scope *scope, enum bext_operation operation);
void bext_scope_count_drop(bext_scope *scope, bext_verdict reason);
void bext_scope_count_drops(bext_scope *scope, const bext_drops *drops);
void bext_scope_count_unsampled(bext_scope *scope);
void bext_scope_counters(bext_scope *scope, bext_counters *out);
void bext_scope_traffic(bext_scope *scope, bext_traffic *out);
void bext_scope_count_nanos(bext_scope *scope, uint64_t nanos);

/*
 * Begins a host call that is not on a span: counts it, and binds the scope to its first store. 0, or `scope_closed` or `wrong_store`.
 * Sets `is_first`, and `room`: whether one more span of this payload may start.
 */
bext_verdict bext_scope_enter(bext_scope *scope, bext_visit *visit);

/* Begins a call on an invalid handle, which is ignored, and counted as such. */
void bext_scope_enter_ignored(bext_scope *scope, bext_visit *visit);

/*
 * Host calls on a span, whole. Each begins as above; then the span must be one that the guest may change, its own and open or the
 * current one, else `unknown_handle`; then the payload must be good, else what the visit says of it; then there must be room for it.
 */
bext_verdict bext_scope_charge_attribute(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, bext_text key);
bext_verdict bext_scope_charge_event(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle);
bext_verdict bext_scope_charge_status(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle);
/* Lets go of an open span of the guest's own; it stays known as a parent. */
bext_verdict bext_scope_end(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle);

bool bext_scope_is_closed(bext_scope *scope);
size_t bext_scope_open_spans(bext_scope *scope);
bool bext_scope_is_known_parent(bext_scope *scope, const bext_handle_parts *handle);
/* Whether a host span surrounds the running call, and which. */
bool bext_scope_current(bext_scope *scope, bext_handle_parts *out);
/* Takes over a span that has started, with what its attributes weigh. `scope_closed` where it is too late for it. */
bext_verdict bext_scope_add(bext_scope *scope, const bext_handle_parts *handle, uint64_t payload_bytes, const bext_kept_attributes *attributes);

/* What `current_span` tells from now on; false where there is no memory. */
bool bext_scope_push_current(bext_scope *scope, const bext_handle_parts *handle);
/* Undoes the last push, and gives back what the guest recorded on that span. */
void bext_scope_pop_current(bext_scope *scope);
void bext_scope_grant(bext_scope *scope, const bext_handle_parts *handle);

/* The time from now on at which spans start, by a clock of the caller's. Before the first mark it is 0. */
void bext_scope_mark_time(bext_scope *scope, uint64_t millis);
/* Takes the open span that started last before this time; it stays known as a parent. False where none is left. */
bool bext_scope_take_last_before(bext_scope *scope, uint64_t before_millis, bext_handle_parts *out);

/* Closes the scope to host calls. What is open stays until it is taken. */
void bext_scope_close(bext_scope *scope);
/* Takes the open span that started last; false where none is left. */
bool bext_scope_take_last(bext_scope *scope, bext_handle_parts *out);

#endif /* BEXT_SCOPE_H */
