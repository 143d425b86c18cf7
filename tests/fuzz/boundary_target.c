/*
 * boundary_target.c - a target for libFuzzer: an input is a list of host calls that two guests make into one recorder, with any bytes,
 * pointers, lengths and handles, and of what their host does meanwhile. The engine runs in C alone, on the stand-in for wasmtime.
 *
 * Beside what the sanitizers see, it aborts where a call traps, changes memory but at `handle_out`, or is counted in no way or in two,
 * where a span ends never or twice, where a finished span is not msgpack or has no form in OTLP, and where memory is left.
 */
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "counted_allocator.h"
#include "guest.h"
#include "otlp.h"
#include "recorder_tracer.h"
#include "stand_in_wasmtime.h"

#define GUESTS 2
#define HANDLES 8
#define HANDLE_OUT 64
#define NOWHERE UINT32_MAX

#define REQUIRE(condition, what) ((condition) ? (void)0 : fail(what, __LINE__))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static _Noreturn void fail(const char *what, int line) {
  fprintf(stderr, "line %d: %s\n", line, what);
  abort();
}

/* --- The input, which reads as zeros behind its end ------------------------------------------------------------------------- */

static const uint8_t *at, *end;

static uint32_t next(unsigned bytes) {
  uint32_t value = 0;
  while (bytes--) value = value << 8 | (at < end ? *at++ : 0);
  return value;
}

/* --- Memory that is refused: the one allocation that the input names ---------------------------------------------------------- */

static unsigned granted_first;

static bool is_refused(void) { return granted_first && --granted_first == 0; }

/* --- A guest ------------------------------------------------------------------------------------------------------------------ */

typedef struct plugin {
  bext_scope *scope;
  bext_guest *guest;
  stand_in_linker linked;
  stand_in_store store;
  uint64_t calls;
  unsigned surrounding; /* host spans round its calls */
} plugin;

static const bext_limits roomy = {65536, 128, 128, 128, 128, 128, 1048576, 1024, 16777216, 1024, 16384, 67108864};
static const bext_limits tight = {300, 3, 2, 2, 2, 1, 400, 3, 900, 2, 4, 3000};

static bext_recorder *recorder;
static plugin guests[GUESTS];
static stand_in_store elsewhere; /* a store that is no scope's own, unless it calls first */
static bext_handle_parts handles[HANDLES];
static bool is_wrong_store;

static enum bext_answer no_other_store(void *self) {
  (void)self;
  return BEXT_ANSWER_FAILED;
}

static bool open_guest(plugin *opened, const bext_limits *limits, enum bext_remote_parents policy) {
  opened->scope = bext_scope_new(limits, policy);
  if (!opened->scope) return false;
  bext_recorder_tracer *tracer = bext_recorder_tracer_new(recorder, (bext_text){(const uint8_t *)"plugin", 6}, (bext_text){NULL, 0});
  bext_guest_owner owner = {no_other_store, NULL};
  opened->guest = tracer ? bext_guest_recording_new(opened->scope, tracer, owner) : NULL;
  if (!opened->guest) return false;
  for (int i = 0; i < BEXT_OPERATIONS; i++) bext_guest_define(opened->guest, &opened->linked, (enum bext_operation)i, NULL);
  return true;
}

static void end_what_is_open(plugin *closed) {
  bext_handle_parts handle;
  bext_scope_close(closed->scope);
  while (bext_scope_take_last(closed->scope, &handle)) bext_recorder_end(recorder, &handle, 0);
}

static void free_guest(plugin *freed) {
  if (!freed->scope) return;
  while (freed->surrounding--) bext_scope_pop_current(freed->scope);
  end_what_is_open(freed);
  for (unsigned i = 0; i < freed->linked.count; i++) freed->linked.finalizers[i](freed->linked.env);
  if (freed->store.gone) freed->store.gone(freed->store.watcher);
  if (freed->guest) bext_guest_release(freed->guest);
  bext_scope_release(freed->scope);
}

/* --- Host calls --------------------------------------------------------------------------------------------------------------- */

static bool is_in_memory(uint32_t offset) { return (uint64_t)offset + BEXT_HANDLE_SIZE <= STAND_IN_MEMORY_BYTES; }

/* Makes a call, which may change 24 bytes at `handle_out` and nothing else. */
static void call(plugin *caller, enum bext_operation operation, bext_wasm_value *values, uint32_t handle_out) {
  static uint8_t before[STAND_IN_MEMORY_BYTES];
  stand_in_store *store = is_wrong_store ? &elsewhere : &caller->store;
  memcpy(before, store->memory, sizeof before);
  caller->calls++;
  REQUIRE(!caller->linked.callbacks[operation](caller->linked.env, store, values, 5), "a trap");
  if (is_in_memory(handle_out)) memcpy(before + handle_out, store->memory + handle_out, BEXT_HANDLE_SIZE);
  REQUIRE(memcmp(before, store->memory, sizeof before) == 0, "memory was changed");
}

/* The next bytes of the input as a payload at the very end of memory, where a byte too far is seen. */
static void put_payload(plugin *caller, bext_wasm_value *range) {
  stand_in_store *store = is_wrong_store ? &elsewhere : &caller->store;
  uint32_t length = next(1);
  if (length == 255) length = next(2);
  if (length > end - at) length = (uint32_t)(end - at);
  range[0].i32 = STAND_IN_MEMORY_BYTES - length;
  range[1].i32 = length;
  memcpy(store->memory + range[0].i32, at, length);
  at += length;
}

static void put_range(bext_wasm_value *range) {
  range[0].i32 = next(4);
  range[1].i32 = next(4);
}

static bext_handle_parts *next_handle(void) { return &handles[next(1) % HANDLES]; }

static void start_span(plugin *caller, bool is_wild) {
  bext_handle_parts *handle = next_handle();
  bext_wasm_value values[5] = {{.i32 = 0}};
  if (is_wild) put_range(values);
  else put_payload(caller, values);
  uint32_t handle_out = values[2].i32 = is_wild ? next(4) : HANDLE_OUT;
  call(caller, BEXT_OP_START_SPAN, values, handle_out);
  if (!is_wild && !is_wrong_store) memcpy(handle, caller->store.memory + HANDLE_OUT, sizeof *handle);
}

static void record(plugin *caller, enum bext_operation operation, bool is_wild) {
  const bext_handle_parts *span = next_handle();
  bext_wasm_value values[5] = {{.i64 = span->trace_id_hi}, {.i64 = span->trace_id_lo}, {.i64 = span->span_id}};
  if (is_wild) put_range(values + 3);
  else put_payload(caller, values + 3);
  call(caller, operation, values, NOWHERE);
}

static void end_span(plugin *caller) {
  const bext_handle_parts *span = next_handle();
  bext_wasm_value values[5] = {{.i64 = span->trace_id_hi}, {.i64 = span->trace_id_lo}, {.i64 = span->span_id}};
  values[3].i64 = (uint64_t)next(1) << 56 | next(1);
  call(caller, BEXT_OP_END_SPAN, values, NOWHERE);
}

static void current_span(plugin *caller) {
  uint32_t handle_out = next(1) ? HANDLE_OUT : next(4);
  bext_wasm_value values[5] = {{.i32 = handle_out}};
  call(caller, BEXT_OP_CURRENT_SPAN, values, handle_out);
}

/* --- What the host does ------------------------------------------------------------------------------------------------------- */

static void push_current(plugin *surrounded) {
  if (bext_scope_push_current(surrounded->scope, next_handle())) surrounded->surrounding++;
}

static void pop_current(plugin *surrounded) {
  if (!surrounded->surrounding) return;
  surrounded->surrounding--;
  bext_scope_pop_current(surrounded->scope);
}

static void expire(plugin *old) {
  bext_handle_parts handle;
  uint32_t before = next(1);
  while (bext_scope_take_last_before(old->scope, before, &handle)) bext_recorder_end(recorder, &handle, 0);
}

static uint64_t sum_of(const uint64_t *numbers, unsigned count) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < count; i++) sum += numbers[i];
  return sum;
}

/* Each call was recorded, ignored, not sampled, or dropped; parts that were dropped alone come on top. */
static void check_counters(const plugin *checked) {
  bext_counters counters;
  bext_scope_counters(checked->scope, &counters);
  uint64_t good = sum_of(counters.recorded, BEXT_OPERATIONS) + counters.unsampled + counters.ignored;
  REQUIRE(sum_of(counters.calls, BEXT_OPERATIONS) == checked->calls, "calls");
  REQUIRE(good <= checked->calls, "a call was counted twice");
  REQUIRE(good + sum_of(counters.dropped, BEXT_DROP_REASONS) >= checked->calls, "a call was not counted");
}

#define TEXT(text) {(const uint8_t *)(text), sizeof(text) - 1}

/* Every finished span has a form in OTLP, with guests' keys renamed or not. */
static void encode(const bext_batch *batch, const bext_guarded_keys *guarded) {
  bext_proto out = {NULL, 0, 0, 0};
  uint64_t refused = 0;
  bool may_lack_memory = granted_first != 0;
  int error = bext_otlp_encode(batch, 0, batch->count, NULL, 0, guarded, &out, &refused);
  REQUIRE(error ? error == BEXT_PROTO_NO_MEMORY && may_lack_memory : refused == 0, "a finished span could not be encoded");
  bext_proto_free(&out);
}

static void check_batch(const bext_batch *batch) {
  static const bext_guarded_key keys[] = {{TEXT("a"), false}, {TEXT("k"), true}};
  static const bext_guarded_keys guarded = {keys, 2, TEXT("guest.")};
  for (uint64_t i = 0; i < batch->count; i++) {
    REQUIRE(bext_check_framing(batch->spans[i]->bytes, batch->spans[i]->size) == BEXT_ACCEPTED, "a finished span is not msgpack");
  }
  encode(batch, NULL);
  encode(batch, &guarded);
}

/* Takes the finished spans. How many there were. */
static uint64_t take_finished(void) {
  bext_waiting waiting;
  bext_recorder_take(recorder, &waiting);
  uint64_t count = waiting.count;
  for (bext_batch *batch; waiting.count && (batch = bext_batch_cut(&waiting, 3, 1000)); bext_batch_free(batch)) {
    check_batch(batch);
  }
  bext_waiting_free(&waiting);
  return count;
}

static uint64_t taken;

static void step(plugin *caller) {
  switch (next(1) % 18) {
    case 0: start_span(caller, false); break;
    case 1: record(caller, BEXT_OP_SET_ATTRIBUTE, false); break;
    case 2: record(caller, BEXT_OP_SET_STATUS, false); break;
    case 3: record(caller, BEXT_OP_ADD_EVENT, false); break;
    case 4: end_span(caller); break;
    case 5: current_span(caller); break;
    case 6: start_span(caller, true); break;
    case 7: record(caller, BEXT_OP_SET_ATTRIBUTE, true); break;
    case 8: record(caller, BEXT_OP_SET_STATUS, true); break;
    case 9: record(caller, BEXT_OP_ADD_EVENT, true); break;
    case 10: push_current(caller); break;
    case 11: pop_current(caller); break;
    case 12: bext_scope_grant(caller->scope, next_handle()); break;
    case 13: bext_scope_mark_time(caller->scope, next(1)); break;
    case 14: expire(caller); break;
    case 15: end_what_is_open(caller); break;
    case 16: granted_first = next(1); break;
    default: taken += take_finished(); break;
  }
  check_counters(caller);
}

/* --- One input ---------------------------------------------------------------------------------------------------------------- */

static void begin_store(stand_in_store *store, uint64_t id, uint64_t fuel) {
  memset(store, 0, sizeof *store);
  store->id = id;
  store->fuel = fuel;
  __asan_poison_memory_region(store->behind, sizeof store->behind);
}

static bool open_all(uint32_t how) {
  bool is_open = true;
  for (unsigned i = 0; i < GUESTS; i++) {
    memset(&guests[i], 0, sizeof guests[i]);
    begin_store(&guests[i].store, i + 1, how & 8 ? UINT64_MAX : 1000);
  }
  begin_store(&elsewhere, GUESTS + 1, 0);
  for (unsigned i = 0; i < HANDLES; i++) handles[i] = (bext_handle_parts){0, i % 3, i % 3};
  for (unsigned i = 0; i < GUESTS; i++) {
    is_open = is_open && open_guest(&guests[i], how & 1 ? &roomy : &tight, (enum bext_remote_parents)((how >> 4) + i) % 3);
  }
  return is_open;
}

static void close_all(void) {
  for (unsigned i = 0; i < GUESTS; i++) {
    free_guest(&guests[i]);
    __asan_unpoison_memory_region(guests[i].store.behind, STAND_IN_GUARD_BYTES);
  }
  __asan_unpoison_memory_region(elsewhere.behind, STAND_IN_GUARD_BYTES);
  if (elsewhere.gone) elsewhere.gone(elsewhere.watcher);
  taken += take_finished();
  bext_recorder_counters counters;
  bext_recorder_counters_of(recorder, &counters);
  REQUIRE(counters.started == counters.ended, "a span was left open");
  REQUIRE(counters.ended >= taken, "a span came out twice");
  bext_recorder_release(recorder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length) {
  at = data, end = data + length;
  bext_set_wasmtime_api(&stand_in_wasmtime);
  uint32_t how = next(1);
  granted_first = how >> 4;
  taken = 0;
  bext_sampler sampler = {!(how & 2), UINT64_MAX / 2};
  recorder = bext_recorder_new(how & 4 ? &roomy : &tight, sampler);
  bool is_open = recorder && open_all(how);
  if (is_open) {
    while (at < end) {
      uint32_t who = next(1);
      is_wrong_store = who % 16 == 15;
      step(&guests[who % GUESTS]);
    }
  }
  granted_first = 0;
  if (recorder) close_all();
  REQUIRE(blocks == 0, "memory is left");
  return 0;
}
