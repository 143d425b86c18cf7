/* host_call.c - what few host calls do. */
#define _POSIX_C_SOURCE 200809L
#include "host_call.h"

#include <time.h>

static void lose_store(void *env) {
  bext_guest *guest = env;
  atomic_store(&guest->lost_store, true);
  bext_guest_release(guest);
}

void bext_begin_guest(bext_guest *guest, const bext_caller *caller) {
  atomic_store(&guest->has_fuel, bext_caller_meters_fuel(caller));
  atomic_fetch_add(&guest->references, 1);
  bext_caller_watch_store(caller, guest, lose_store);
  if (!caller->has_memory) return;
  guest->memory = bext_caller_memory(caller);
  atomic_store_explicit(&guest->knows_memory, true, memory_order_release);
}

void bext_charge_fuel(const bext_host_call *call) {
  bext_caller_charge_fuel(&call->caller, BEXT_FUEL_PER_CALL + call->visit.payload_bytes);
}

static uint64_t monotonic_nanos(void) {
  struct timespec time = {0, 0};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

void bext_begin_timing(bext_host_call *call) { call->began = monotonic_nanos(); }

void bext_end_timing(const bext_host_call *call) { bext_scope_count_nanos(call->guest->scope, monotonic_nanos() - call->began); }

void bext_drop_call(bext_host_call *call, bext_verdict verdict) {
  bext_guest *guest = call->guest;
  bext_scope_count_drop(guest->scope, verdict);
  if (verdict != BEXT_DROP_WRONG_STORE || atomic_exchange(&guest->warned_of_store, true)) return;
  bext_is_taken(call, guest->owner.wrong_store(guest->owner.self));
}
