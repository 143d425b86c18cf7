/*
 * engine_driver.c - the engine in C, without Python and wasmtime: guests that make random host calls to one recorder, for the sanitizers.
 *
 *   engine_driver memory ROUNDS    one guest after the other, while memory is refused now and then
 *   engine_driver threads CALLS    guests in threads of their own, whose scopes others read, close and push spans to
 *
 * It ends with a message and 1 where a counter is not exact, a finished span is not msgpack, or memory is left.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "counted_allocator.h"
#include "guest.h"
#include "python_recorder.h"
#include "recorder_tracer.h"
#include "stand_in_wasmtime.h"

#define HANDLE_OUT 64
#define PAYLOAD 1024
#define HANDLES 8
#define THREADS 4

#define REQUIRE(condition, what) ((condition) ? (void)0 : fail(what, __LINE__))

static _Noreturn void fail(const char *what, int line) {
  fprintf(stderr, "line %d: %s\n", line, what);
  exit(1);
}

/* --- Chance and memory ------------------------------------------------------------------------------------------------------ */

static _Thread_local uint64_t chance_state = 1;
static _Thread_local unsigned refused_one_of; /* 0: none */

/* A number below `limit`. */
static unsigned chance(unsigned limit) {
  chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(chance_state >> 33) % limit;
}

static bool is_refused(void) { return refused_one_of && chance(refused_one_of) == 0; }

/* --- A plugin ------------------------------------------------------------------------------------------------------------------ */

typedef struct plugin {
  bext_recorder *recorder;
  bext_scope *scope;
  bext_guest *guest;
  stand_in_linker linked;
  stand_in_store store;
  bext_handle_parts handles[HANDLES];
  uint64_t calls;
} plugin;

static const bext_limits roomy = {65536, 128, 128, 128, 128, 128, 1048576, 1024, 16777216, 1024, 16384, 67108864};
static const bext_limits tight = {300, 12, 5, 3, 16, 16, 900, 6, 3000, 5, 20, 3000};

static enum bext_answer no_other_store(void *self) {
  (void)self;
  return BEXT_ANSWER_FAILED;
}

static bool open_plugin(plugin *opened, bext_recorder *recorder, const bext_limits *limits) {
  static atomic_uint_fast64_t stores;
  *opened = (plugin){.recorder = recorder, .store = {.id = ++stores, .fuel = UINT64_MAX}};
  opened->scope = bext_scope_new(limits, BEXT_REMOTE_LINK);
  if (!opened->scope) return false;
  bext_recorder_tracer *tracer = bext_recorder_tracer_new(recorder, (bext_text){(const uint8_t *)"plugin", 6}, (bext_text){NULL, 0});
  bext_guest_owner owner = {no_other_store, NULL};
  opened->guest = tracer ? bext_guest_recording_new(opened->scope, tracer, owner) : NULL;
  if (!opened->guest) {
    bext_scope_release(opened->scope);
    return false;
  }
  for (int i = 0; i < BEXT_OPERATIONS; i++) bext_guest_define(opened->guest, &opened->linked, (enum bext_operation)i, NULL);
  return true;
}

static void end_what_is_open(plugin *closed) {
  bext_handle_parts handle;
  bext_scope_close(closed->scope);
  while (bext_scope_take_last(closed->scope, &handle)) bext_recorder_end(closed->recorder, &handle, 0);
}

/* The scope's object, the linker and the store go in any order. */
static void free_plugin(plugin *freed) {
  unsigned scope_goes = chance(3);
  end_what_is_open(freed);
  if (scope_goes == 0) bext_guest_release(freed->guest);
  for (int i = 0; i < BEXT_OPERATIONS; i++) freed->linked.finalizers[i](freed->linked.env);
  if (scope_goes == 1) bext_guest_release(freed->guest);
  if (freed->store.gone) freed->store.gone(freed->store.watcher);
  if (scope_goes == 2) bext_guest_release(freed->guest);
  bext_scope_release(freed->scope);
}

/* --- Payloads: well-formed but for a byte now and then, with nothing that is dropped in part ------------------------------------ */

static uint8_t *put(uint8_t *at, const char *bytes, size_t length) {
  memcpy(at, bytes, length);
  return at + length;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static uint8_t *put_random_text(uint8_t *at, unsigned longest) {
  unsigned length = chance(longest + 1);
  *at++ = 0xd9;
  *at++ = (uint8_t)length;
  memset(at, 'x', length);
  return at + length;
}

static uint8_t *put_pair(uint8_t *at) {
  static const char long_key[] = "a.key.that.is.long.enough.to.fill.a.map.";
  bool is_long = chance(2);
  *at++ = is_long ? 0xd9 : 0xa2;
  if (is_long) at = put(PUT(at, "\x2a"), long_key, sizeof long_key - 1);
  *at++ = (uint8_t)('a' + chance(4));
  *at++ = (uint8_t)('a' + chance(5));
  switch (chance(4)) {
    case 0: return PUT(at, "\xca\x3f\x80\x00\x00");
    case 1: return PUT(at, "\x93\x01\xcd\x12\x34\xff");
    case 2: return put_random_text(at, 250);
    default: return PUT(at, "\xc3");
  }
}

static uint8_t *put_attributes(uint8_t *at) {
  unsigned pairs = chance(12);
  at = PUT(at, "\xaa" "attributes");
  *at++ = (uint8_t)(0x80 | pairs);
  while (pairs--) at = put_pair(at);
  return at;
}

static uint32_t put_payload(uint8_t *start, enum bext_operation operation) {
  uint8_t *at = start;
  switch (operation) {
    case BEXT_OP_START_SPAN: at = put_attributes(put_random_text(PUT(at, "\x82\xa4name"), 40)); break;
    case BEXT_OP_SET_ATTRIBUTE: at = put_pair(PUT(at, "\x92")); break;
    case BEXT_OP_SET_STATUS: at = put_random_text(PUT(at, "\x82\xa4" "code\x02\xa7message"), 200); break;
    default: at = put_attributes(PUT(at, "\x82\xa4name\xa1" "e")); break;
  }
  if (chance(20) == 0) *start = 0xc1;
  return (uint32_t)(at - start);
}

/* --- Host calls ------------------------------------------------------------------------------------------------------------------ */

static void call(plugin *caller, enum bext_operation operation, bext_wasm_value *values) {
  caller->calls++;
  REQUIRE(!caller->linked.callbacks[operation](caller->linked.env, &caller->store, values, 5), "a trap");
}

static void start_span(plugin *caller, bext_handle_parts *out) {
  uint32_t length = put_payload(caller->store.memory + PAYLOAD, BEXT_OP_START_SPAN);
  bext_wasm_value values[5] = {{.i32 = PAYLOAD}, {.i32 = length}, {.i32 = HANDLE_OUT}};
  call(caller, BEXT_OP_START_SPAN, values);
  memcpy(out, caller->store.memory + HANDLE_OUT, sizeof *out);
}

static void on_span(plugin *caller, enum bext_operation operation, const bext_handle_parts *span) {
  bext_wasm_value values[5] = {{.i64 = span->trace_id_hi}, {.i64 = span->trace_id_lo}, {.i64 = span->span_id}};
  if (operation != BEXT_OP_END_SPAN) {
    values[3].i32 = PAYLOAD;
    values[4].i32 = put_payload(caller->store.memory + PAYLOAD, operation);
  }
  call(caller, operation, values);
}

static void step(plugin *caller) {
  bext_handle_parts *handle = &caller->handles[chance(HANDLES)];
  bext_wasm_value out[5] = {{.i32 = HANDLE_OUT}};
  if (bext_handle_is_invalid(handle) && chance(8)) start_span(caller, handle);
  else if (chance(30) == 0) call(caller, BEXT_OP_CURRENT_SPAN, out);
  else if (chance(12) == 0) on_span(caller, BEXT_OP_END_SPAN, handle);
  else if (chance(30) == 0) *handle = (bext_handle_parts){0, 0, 0};
  else on_span(caller, (enum bext_operation)(BEXT_OP_SET_ATTRIBUTE + chance(3)), handle);
}

/* --- What must be true ------------------------------------------------------------------------------------------------------------ */

static uint64_t sum_of(const uint64_t *numbers, unsigned count) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < count; i++) sum += numbers[i];
  return sum;
}

/* Each call was recorded, or dropped, or not sampled, or ignored. */
static void check_counters(const plugin *checked) {
  bext_counters counters;
  bext_scope_counters(checked->scope, &counters);
  uint64_t recorded = sum_of(counters.recorded, BEXT_OPERATIONS);
  uint64_t other = sum_of(counters.dropped, BEXT_DROP_REASONS) + counters.unsampled + counters.ignored;
  REQUIRE(sum_of(counters.calls, BEXT_OPERATIONS) == checked->calls, "calls");
  REQUIRE(recorded + other == checked->calls, "each call ends in one way");
}

/* Frees a batch, whose spans are well-framed. How many there were. */
static uint64_t check_batch(bext_batch *batch) {
  uint64_t count = batch->count;
  for (uint64_t i = 0; i < count; i++) {
    REQUIRE(bext_check_framing(batch->spans[i]->bytes, batch->spans[i]->size) == BEXT_ACCEPTED, "a finished span is not msgpack");
  }
  bext_batch_free(batch);
  return count;
}

/* Takes the finished spans, each of which is well-framed. How many there were. */
static uint64_t take_finished(bext_recorder *recorder) {
  bext_waiting waiting;
  bext_recorder_take(recorder, &waiting);
  uint64_t count = waiting.count, cut = 0;
  while (waiting.count) {
    bext_batch *batch = bext_batch_cut(&waiting, 1 + chance(30), 1 + chance(5000));
    if (!batch) break; /* what was not cut is let go of below */
    cut += check_batch(batch);
  }
  REQUIRE(cut + waiting.count == count, "each waiting span is cut once");
  bext_waiting_free(&waiting);
  return count;
}

/* An event of the host's language on an open span: where it is not taken, that is counted. */
static void add_event_payload(bext_recorder *recorder, const bext_handle_parts *span) {
  uint8_t payload[4096];
  bext_recorder_counters before, after;
  uint32_t length = put_payload(payload, BEXT_OP_ADD_EVENT);
  if (!bext_recorder_is_open(recorder, span)) return;
  bext_recorder_counters_of(recorder, &before);
  bool is_taken = bext_recorder_event_payload(recorder, span, payload, length, 0, false);
  bext_recorder_counters_of(recorder, &after);
  uint64_t dropped = sum_of(after.dropped, BEXT_DROP_REASONS) - sum_of(before.dropped, BEXT_DROP_REASONS);
  REQUIRE(is_taken || dropped == 1, "an event that was not taken is counted");
}

/* --- Memory ------------------------------------------------------------------------------------------------------------------------ */

/* A span of the host's surrounds the calls for a while, and the guest knows it. */
static void surround(plugin *worker, bool *is_surrounded) {
  if (*is_surrounded) bext_scope_pop_current(worker->scope);
  worker->handles[1] = (bext_handle_parts){1, 2, 3};
  *is_surrounded = !*is_surrounded && bext_scope_push_current(worker->scope, &worker->handles[1]);
}

static void work_alone(plugin *worker) {
  uint64_t taken = 0;
  bool is_surrounded = false;
  for (unsigned i = 0; i < 600; i++) {
    step(worker);
    if (chance(40) == 0) surround(worker, &is_surrounded);
    if (chance(20) == 0) add_event_payload(worker->recorder, &worker->handles[0]);
    if (chance(200) == 0) taken += take_finished(worker->recorder);
  }
  check_counters(worker);
  bext_recorder *recorder = worker->recorder;
  free_plugin(worker);
  taken += take_finished(recorder);
  bext_recorder_counters counters;
  bext_recorder_counters_of(recorder, &counters);
  REQUIRE(counters.started == counters.ended, "a span was left open");
  REQUIRE(refused_one_of || counters.ended == taken + counters.dropped[BEXT_DROP_QUEUE_FULL], "a span was lost");
}

static void refuse_memory(unsigned rounds) {
  static const unsigned rates[] = {0, 3, 20, 150};
  for (unsigned round = 0; round < rounds; round++) {
    plugin worker;
    chance_state = round + 1;
    refused_one_of = rates[round % 4];
    bext_recorder *recorder = bext_recorder_new(round % 3 ? &roomy : &tight, (bext_sampler){round % 5 != 0, UINT64_MAX / 2});
    if (recorder && open_plugin(&worker, recorder, round % 2 ? &roomy : &tight)) work_alone(&worker);
    if (recorder) bext_recorder_release(recorder);
    REQUIRE(blocks == 0, "memory is left");
  }
}

/* --- Threads ----------------------------------------------------------------------------------------------------------------------- */

static plugin shared[THREADS];
static atomic_bool is_done;
static unsigned calls_of_each;

static void *run_guest(void *guest) {
  plugin *caller = guest;
  chance_state = (uintptr_t)(caller - shared) + 1;
  for (unsigned i = 0; i < calls_of_each; i++) step(caller);
  return NULL;
}

static void meddle_with(plugin *other) {
  bext_counters counters;
  bext_recorder_counters sums;
  bext_handle_parts handle = {1, 2, 1 + chance(1000)};
  switch (chance(5)) {
    case 0: bext_scope_counters(other->scope, &counters); break;
    case 1: bext_scope_grant(other->scope, &handle); break;
    case 2: if (bext_scope_push_current(other->scope, &handle)) bext_scope_pop_current(other->scope); break;
    case 3: take_finished(other->recorder); break;
    default: bext_recorder_counters_of(other->recorder, &sums); break;
  }
  if (chance(5000) == 0) end_what_is_open(other);
}

static void *meddle(void *unused) {
  chance_state = 99;
  while (!is_done) meddle_with(&shared[chance(THREADS)]);
  return unused;
}

static void run_threads(unsigned calls) {
  pthread_t guests[THREADS], meddler;
  bext_recorder *recorder = bext_recorder_new(&roomy, (bext_sampler){true, 0});
  calls_of_each = calls / THREADS;
  for (unsigned i = 0; i < THREADS; i++) REQUIRE(open_plugin(&shared[i], recorder, i % 2 ? &roomy : &tight), "no plugin");
  pthread_create(&meddler, NULL, meddle, NULL);
  for (unsigned i = 0; i < THREADS; i++) pthread_create(&guests[i], NULL, run_guest, &shared[i]);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(guests[i], NULL);
  is_done = true;
  pthread_join(meddler, NULL);
  for (unsigned i = 0; i < THREADS; i++) check_counters(&shared[i]);
  for (unsigned i = 0; i < THREADS; i++) free_plugin(&shared[i]);
  REQUIRE(bext_recorder_open_spans(recorder) == 0, "a span was left open");
  bext_recorder_release(recorder);
  REQUIRE(blocks == 0, "memory is left");
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  bext_set_wasmtime_api(&stand_in_wasmtime);
  unsigned number = (unsigned)strtoul(argv[2], NULL, 10);
  if (strcmp(argv[1], "memory") == 0) refuse_memory(number);
  else if (strcmp(argv[1], "threads") == 0) run_threads(number);
  else return 2;
  puts("done");
  return 0;
}
