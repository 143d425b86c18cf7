/*
 * host_call.h - the inside of a guest, and one host call from its opening to its close: for guest.c and guest_start.c alone. What every
 * host call does is inline, what few do is not.
 */
#ifndef BEXT_HOST_CALL_H
#define BEXT_HOST_CALL_H

#include <stdatomic.h>

#include "caller.h"
#include "guest.h"
#include "hot.h"

struct bext_guest {
  atomic_size_t references;
  bext_scope *scope;
  const bext_tracer_calls *calls;
  void *self;
  const bext_recorder_tracer *recorder; /* `self`, where it is one: its spans go through recording.h. Else NULL */
  bext_guest_owner owner;
  bool measures_time;
  atomic_bool has_fuel;
  atomic_bool warned_of_store;
  atomic_bool lost_store;   /* the scope's store is gone: whoever calls now is in another one, maybe at the same address */
  atomic_bool knows_memory; /* and then `memory` does not change any more */
  bext_known_memory memory; /* that of the first call */
};

/* One host call, for its own time. */
typedef struct bext_host_call {
  bext_guest *guest;
  bext_caller caller;
  bext_visit visit;
  bool must_stop;
  uint64_t began; /* by the monotonic clock, where time is measured */
} bext_host_call;

/* --- Opening a call --- */

BEXT_COLD void bext_begin_timing(bext_host_call *call);
BEXT_COLD void bext_end_timing(const bext_host_call *call);

BEXT_INLINE void bext_open_call(bext_host_call *call, bext_guest *guest, void *caller, enum bext_operation operation,
                                uint32_t payload_bytes) {
  call->guest = guest;
  call->must_stop = false;
  if (guest->measures_time) bext_begin_timing(call);
  bext_caller_open(&call->caller, caller);
  bool is_lost = atomic_load_explicit(&guest->lost_store, memory_order_relaxed);
  call->visit.operation = operation;
  call->visit.refusal = 0;
  call->visit.store = is_lost ? NULL : call->caller.context;
  call->visit.payload_bytes = payload_bytes;
}

/* The same for a call that brings a payload or gives a handle back. */
BEXT_INLINE void bext_open_with_memory(bext_host_call *call, bext_guest *guest, void *caller, enum bext_operation operation,
                                       uint32_t payload_bytes) {
  bool knows_memory = atomic_load_explicit(&guest->knows_memory, memory_order_acquire);
  bext_open_call(call, guest, caller, operation, payload_bytes);
  bext_caller_find_memory(&call->caller, caller, knows_memory ? &guest->memory : NULL);
}

/* Notes what the first call shows; there is only one. */
BEXT_COLD void bext_begin_guest(bext_guest *guest, const bext_caller *caller);

BEXT_COLD void bext_charge_fuel(const bext_host_call *call);

/* The scope has seen the call. */
BEXT_INLINE void bext_entered(const bext_host_call *call) {
  if (call->visit.is_first) bext_begin_guest(call->guest, &call->caller);
  if (atomic_load_explicit(&call->guest->has_fuel, memory_order_relaxed)) bext_charge_fuel(call);
}

/* Begins a call that is not on a span. */
static inline bext_verdict bext_enter(bext_host_call *call) {
  bext_verdict verdict = bext_scope_enter(call->guest->scope, &call->visit);
  bext_entered(call);
  return verdict;
}

static inline bext_verdict bext_read_payload(const bext_host_call *call, uint32_t offset, uint32_t length, bext_payload *out) {
  return bext_caller_read(&call->caller, offset, length, bext_scope_limits(call->guest->scope)->payload_bytes, out);
}

/* --- Closing it --- */

/* Takes note of a tracer's answer; true where it took what it was given. */
static inline bool bext_is_taken(bext_host_call *call, enum bext_answer answer) {
  if (answer == BEXT_ANSWER_STOP) call->must_stop = true;
  return answer == BEXT_ANSWER_TAKEN;
}

/* The same, and counts what was taken, where the scope has not counted it. */
static inline void bext_recorded(bext_host_call *call, enum bext_answer answer, enum bext_operation operation) {
  if (bext_is_taken(call, answer) && !call->guest->recorder) bext_scope_count_recorded(call->guest->scope, operation);
}

/* Counts why a call is dropped; a store that is not the scope's is told of once. */
BEXT_COLD void bext_drop_call(bext_host_call *call, bext_verdict verdict);

/* What wasmtime is answered: NULL, or a trap. */
static inline void *bext_close_call(const bext_host_call *call) {
  if (call->guest->measures_time) bext_end_timing(call);
  return call->must_stop ? bext_new_trap() : NULL;
}

/* The imports that are not in guest.c. */
bext_host_callback bext_on_start_span;

#endif /* BEXT_HOST_CALL_H */
