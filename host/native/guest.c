/* guest.c - from wasmtime's raw values to a scope and a tracer. */
#include "guest.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "caller.h"
#include "hot.h"
#include "recording.h"

struct bext_guest {
  atomic_size_t references;
  bext_scope *scope;
  const bext_tracer_calls *calls;
  void *self;
  const bext_recorder_tracer *recorder; /* `self`, where it is one: its spans go through recording.h. Else NULL */
  bext_guest_owner owner;
  atomic_bool has_fuel;
  atomic_bool warned_of_store;
  atomic_bool lost_store;   /* the scope's store is gone: whoever calls now is in another one, maybe at the same address */
  atomic_bool knows_memory; /* and then `memory` does not change any more */
  bext_known_memory memory; /* that of the first call */
};

/* One host call, for its own time. */
typedef struct host_call {
  bext_guest *guest;
  bext_caller caller;
  bext_visit visit;
  bool must_stop;
} host_call;

/* --- The tracer's answers ------------------------------------------------------------------------------------------------- */

/* Takes note of an answer; true where the tracer took what it was given. */
static bool is_taken(host_call *call, enum bext_answer answer) {
  if (answer == BEXT_ANSWER_STOP) call->must_stop = true;
  return answer == BEXT_ANSWER_TAKEN;
}

static void recorded(host_call *call, enum bext_answer answer, enum bext_operation operation) {
  if (is_taken(call, answer) && !call->guest->recorder) bext_scope_count_recorded(call->guest->scope, operation);
}

/* --- Opening and closing a call -------------------------------------------------------------------------------------------- */

BEXT_INLINE void open_call(host_call *call, bext_guest *guest, void *caller, enum bext_operation operation, uint32_t payload_bytes) {
  call->guest = guest;
  call->must_stop = false;
  bext_caller_open(&call->caller, caller);
  bool is_lost = atomic_load_explicit(&guest->lost_store, memory_order_relaxed);
  call->visit.operation = operation;
  call->visit.refusal = 0;
  call->visit.store = is_lost ? NULL : call->caller.context;
  call->visit.payload_bytes = payload_bytes;
}

/* The same for a call that brings a payload or gives a handle back. */
BEXT_INLINE void open_with_memory(host_call *call, bext_guest *guest, void *caller, enum bext_operation operation, uint32_t payload_bytes) {
  bool knows_memory = atomic_load_explicit(&guest->knows_memory, memory_order_acquire);
  open_call(call, guest, caller, operation, payload_bytes);
  bext_caller_find_memory(&call->caller, caller, knows_memory ? &guest->memory : NULL);
}

static void lose_store(void *env) {
  bext_guest *guest = env;
  atomic_store(&guest->lost_store, true);
  bext_guest_release(guest);
}

/* Notes what the first call shows; there is only one. */
BEXT_COLD static void begin(bext_guest *guest, const bext_caller *caller) {
  atomic_store(&guest->has_fuel, bext_caller_meters_fuel(caller));
  atomic_fetch_add(&guest->references, 1);
  bext_caller_watch_store(caller, guest, lose_store);
  if (!caller->has_memory) return;
  guest->memory = bext_caller_memory(caller);
  atomic_store_explicit(&guest->knows_memory, true, memory_order_release);
}

BEXT_COLD static void charge_fuel(const host_call *call) {
  bext_caller_charge_fuel(&call->caller, BEXT_FUEL_PER_CALL + call->visit.payload_bytes);
}

/* The scope has seen the call. */
BEXT_INLINE void entered(const host_call *call) {
  if (call->visit.is_first) begin(call->guest, &call->caller);
  if (atomic_load_explicit(&call->guest->has_fuel, memory_order_relaxed)) charge_fuel(call);
}

/* Begins a call that is not on a span. */
static bext_verdict enter(host_call *call) {
  bext_verdict verdict = bext_scope_enter(call->guest->scope, &call->visit);
  entered(call);
  return verdict;
}

BEXT_COLD static void ignore(host_call *call) {
  bext_scope_enter_ignored(call->guest->scope, &call->visit);
  entered(call);
}

static void *close_call(const host_call *call) { return call->must_stop ? bext_new_trap() : NULL; }

static bext_verdict read_payload(const host_call *call, uint32_t offset, uint32_t length, bext_payload *out) {
  return bext_caller_read(&call->caller, offset, length, bext_scope_limits(call->guest->scope)->payload_bytes, out);
}

/* Counts why a call is dropped; a store that is not the scope's is told of once. */
BEXT_COLD static void drop_call(host_call *call, bext_verdict verdict) {
  bext_guest *guest = call->guest;
  bext_scope_count_drop(guest->scope, verdict);
  if (verdict != BEXT_DROP_WRONG_STORE || atomic_exchange(&guest->warned_of_store, true)) return;
  is_taken(call, guest->owner.wrong_store(guest->owner.self));
}

static bext_handle_parts handle_of(const bext_wasm_value *values) {
  return (bext_handle_parts){values[0].i64, values[1].i64, values[2].i64};
}

/* --- start_span ------------------------------------------------------------------------------------------------------------ */

/* A start without parent, attributes and links. */
static void init_start(bext_start_call *span, const bext_span_start_view *view) {
  span->name = view->name;
  span->kind = (uint32_t)view->kind;
  span->has_parent = span->parent_is_remote = false;
  span->parent = (bext_handle_parts){0, 0, 0};
  span->parent_flags = BEXT_PARENT_FLAGS_DEFAULT;
  span->trace_state = (bext_text){NULL, 0};
  span->attributes = (bext_kept_attributes){NULL, 0, 0};
  span->links = (bext_kept_links){NULL, 0, 0};
  span->start_time_unix_nanos = view->start_time_unix_nanos;
}

/* What the parent means (ABI.md, "Parents"). False where it says that the span is not sampled. */
static bool resolve_parent(bext_scope *scope, const bext_span_start_view *view, bext_start_call *span, bext_kept_link *link, bool *has_link) {
  *has_link = false;
  if (!view->has_parent) return true;
  bool is_invalid = bext_handle_is_invalid(&view->parent);
  if (!view->parent_is_remote) {
    span->has_parent = !is_invalid && bext_scope_is_known_parent(scope, &view->parent);
    span->parent = view->parent;
    return !is_invalid;
  }
  if (is_invalid || bext_scope_policy(scope) == BEXT_REMOTE_IGNORE) return true;
  if (!(view->parent_flags & BEXT_TRACE_FLAG_SAMPLED)) return false;
  if (bext_scope_policy(scope) == BEXT_REMOTE_LINK) {
    *link = (bext_kept_link){view->parent, view->trace_state, {NULL, 0, 0}};
    *has_link = true;
    return true;
  }
  span->has_parent = span->parent_is_remote = true;
  span->parent = view->parent;
  span->parent_flags = (uint32_t)(view->parent_flags & 0xff);
  span->trace_state = view->trace_state;
  return true;
}

/* Step 7: asks the tracer, takes the span over. */
static bext_verdict hand_start(host_call *call, bext_start_call *span, bext_handle_parts *out) {
  bext_guest *guest = call->guest;
  bext_handle_parts handle = {0, 0, 0};
  if (guest->recorder) return bext_recording_start(guest->scope, guest->recorder, span, call->visit.payload_bytes, out);
  if (!is_taken(call, guest->calls->start_span(guest->self, span, &handle))) return 0;
  if (bext_handle_is_invalid(&handle)) {
    bext_scope_count_unsampled(guest->scope);
    return 0;
  }
  bext_verdict verdict = bext_scope_add(guest->scope, &handle, call->visit.payload_bytes, &span->attributes);
  if (verdict) { /* closed while the tracer ran, or no memory: nobody else would end this span */
    is_taken(call, guest->calls->end_span(guest->self, &handle, 0));
    return verdict;
  }
  recorded(call, BEXT_ANSWER_TAKEN, BEXT_OP_START_SPAN);
  *out = handle;
  return 0;
}

/* Step 6: trims. `link`: the one that stands for a remote parent, or NULL. */
BEXT_COLD static bext_verdict trim_and_hand(host_call *call, const bext_span_start_view *view, const bext_kept_link *link, bext_start_call *span,
                                  bext_handle_parts *out) {
  bext_scope *scope = call->guest->scope;
  const bext_limits *limits = bext_scope_limits(scope);
  bext_drops drops = {{0}};
  bool enough_memory = bext_keep_attributes(view->attributes, limits->span_attributes, &drops, &span->attributes) &&
                       bext_keep_links(view->links, link, limits, &drops, &span->links);
  if (enough_memory && bext_has_drops(&drops)) bext_scope_count_drops(scope, &drops);
  bext_verdict verdict = enough_memory ? hand_start(call, span, out) : BEXT_DROP_MEMORY_LIMIT;
  bext_free_links(&span->links);
  bext_free_attributes(&span->attributes);
  return verdict;
}

static bext_verdict start_decoded(host_call *call, const bext_span_start_view *view, bext_handle_parts *out) {
  bext_scope *scope = call->guest->scope;
  bext_start_call span;
  bext_kept_link link;
  bool has_link;
  init_start(&span, view);
  if (!resolve_parent(scope, view, &span, &link, &has_link)) {
    bext_scope_count_unsampled(scope);
    return 0;
  }
  if (call->visit.room) return call->visit.room;
  if (!view->attributes.left && !view->links.left && !has_link) return hand_start(call, &span, out);
  return trim_and_hand(call, view, has_link ? &link : NULL, &span, out);
}

static bext_verdict start(host_call *call, uint32_t offset, uint32_t length, bext_handle_parts *out) {
  bext_payload payload;
  bext_span_start_view view;
  bext_verdict verdict = read_payload(call, offset, length, &payload);
  if (verdict) return verdict;
  verdict = bext_decode_span_start(payload.bytes, length, &view) ? BEXT_DROP_MALFORMED : start_decoded(call, &view, out);
  bext_payload_free(&payload);
  return verdict;
}

static void *on_start_span(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  uint32_t span_ptr = values[0].i32, span_len = values[1].i32, handle_out = values[2].i32;
  host_call call;
  open_with_memory(&call, env, caller, BEXT_OP_START_SPAN, span_len);
  bext_verdict verdict = enter(&call);
  if (bext_caller_has_range(&call.caller, handle_out, BEXT_HANDLE_SIZE)) {
    bext_handle_parts handle = {0, 0, 0};
    if (!verdict) verdict = start(&call, span_ptr, span_len, &handle);
    bext_caller_write_handle(&call.caller, handle_out, &handle);
  } else {
    verdict = BEXT_DROP_OUT_OF_BOUNDS;
  }
  if (verdict) drop_call(&call, verdict);
  return close_call(&call);
}

/* --- set_attribute, set_status, add_event ------------------------------------------------------------------------------------ */

/*
 * Each of the three decodes its payload, where that could be read, before it enters the scope, once: decoding changes nothing, and the
 * scope tells what counts more than a bad payload.
 */
typedef bext_verdict record_function(host_call *call, const bext_handle_parts *span, const bext_payload *payload);

static void refuse(host_call *call, bext_verdict why) {
  if (!call->visit.refusal) call->visit.refusal = why;
}

BEXT_COLD static bext_verdict charge_and_set(host_call *call, const bext_handle_parts *span, const bext_attribute_view *view) {
  bext_guest *guest = call->guest;
  bext_verdict verdict = bext_scope_charge_attribute(guest->scope, &call->visit, span, view->key);
  entered(call);
  if (!verdict) recorded(call, guest->calls->set_attribute(guest->self, span, view), BEXT_OP_SET_ATTRIBUTE);
  return verdict;
}

BEXT_INLINE bext_verdict set_attribute(host_call *call, const bext_handle_parts *span, const bext_payload *payload) {
  bext_guest *guest = call->guest;
  bext_attribute_view view;
  view.key = (bext_text){NULL, 0};
  if (bext_decode_attribute(payload->bytes, payload->length, &view)) refuse(call, BEXT_DROP_MALFORMED);
  else if (bext_is_reserved_key(view.key)) refuse(call, BEXT_DROP_RESERVED_KEY);
  if (!guest->recorder) return charge_and_set(call, span, &view);
  bext_verdict verdict = bext_recording_set_attribute(guest->scope, &call->visit, span, &view);
  entered(call);
  return verdict;
}

static bext_verdict set_status(host_call *call, const bext_handle_parts *span, const bext_payload *payload) {
  bext_guest *guest = call->guest;
  bext_span_status_view view;
  if (bext_decode_span_status(payload->bytes, payload->length, &view)) refuse(call, BEXT_DROP_MALFORMED);
  bext_verdict verdict = bext_scope_charge_status(guest->scope, &call->visit, span);
  entered(call);
  if (!verdict) recorded(call, guest->calls->set_status(guest->self, span, (uint32_t)view.code, &view.message), BEXT_OP_SET_STATUS);
  return verdict;
}

/* Picks the attributes that an event keeps, before it is charged, so that what is charged is recorded. */
static bext_event_call pick_event(host_call *call, const bext_payload *payload, bext_drops *drops) {
  bext_span_event_view view;
  bext_event_call event = {.time_unix_nanos = 0};
  if (bext_decode_span_event(payload->bytes, payload->length, &view)) {
    refuse(call, BEXT_DROP_MALFORMED);
    return event;
  }
  event.name = view.name;
  event.time_unix_nanos = view.time_unix_nanos;
  uint64_t at_most = bext_scope_limits(call->guest->scope)->event_attributes;
  if (!bext_keep_attributes(view.attributes, at_most, drops, &event.attributes)) refuse(call, BEXT_DROP_MEMORY_LIMIT);
  return event;
}

static bext_verdict add_event(host_call *call, const bext_handle_parts *span, const bext_payload *payload) {
  bext_guest *guest = call->guest;
  bext_drops drops = {{0}};
  bext_event_call event = pick_event(call, payload, &drops);
  bext_verdict verdict = bext_scope_charge_event(guest->scope, &call->visit, span);
  entered(call);
  if (!verdict) {
    if (bext_has_drops(&drops)) bext_scope_count_drops(guest->scope, &drops);
    recorded(call, guest->calls->add_event(guest->self, span, &event), BEXT_OP_ADD_EVENT);
  }
  bext_free_attributes(&event.attributes);
  return verdict;
}

/* Whether it was the payload that was dropped, of a span that the guest may touch. */
static bool is_of_payload(bext_verdict verdict) {
  return verdict != BEXT_DROP_SCOPE_CLOSED && verdict != BEXT_DROP_WRONG_STORE && verdict != BEXT_DROP_UNKNOWN_HANDLE;
}

/* What is dropped of such a span counts on the span, too, where back-ends have a field for it. */
BEXT_COLD static void note_dropped(host_call *call, const bext_handle_parts *span) {
  if (call->visit.operation == BEXT_OP_SET_STATUS) return;
  bool is_event = call->visit.operation == BEXT_OP_ADD_EVENT;
  is_taken(call, call->guest->calls->add_dropped(call->guest->self, span, !is_event, is_event));
}

BEXT_INLINE void *record(void *env, void *caller, const bext_wasm_value *values, enum bext_operation operation, record_function *function) {
  host_call call;
  bext_payload payload;
  bext_handle_parts span = handle_of(values);
  open_with_memory(&call, env, caller, operation, values[4].i32);
  if (bext_handle_is_invalid(&span)) {
    ignore(&call);
    return close_call(&call);
  }
  call.visit.refusal = read_payload(&call, values[3].i32, values[4].i32, &payload);
  bext_verdict verdict = function(&call, &span, &payload);
  bext_payload_free(&payload);
  if (verdict) {
    drop_call(&call, verdict);
    if (is_of_payload(verdict)) note_dropped(&call, &span);
  }
  return close_call(&call);
}

static void *on_set_attribute(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  return record(env, caller, values, BEXT_OP_SET_ATTRIBUTE, set_attribute);
}

static void *on_set_status(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  return record(env, caller, values, BEXT_OP_SET_STATUS, set_status);
}

static void *on_add_event(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  return record(env, caller, values, BEXT_OP_ADD_EVENT, add_event);
}

/* --- end_span, current_span -------------------------------------------------------------------------------------------------- */

static void *on_end_span(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  host_call call;
  bext_guest *guest = env;
  bext_handle_parts span = handle_of(values);
  open_call(&call, guest, caller, BEXT_OP_END_SPAN, 0);
  if (bext_handle_is_invalid(&span)) {
    ignore(&call);
    return close_call(&call);
  }
  uint64_t time = values[3].i64 <= (uint64_t)BEXT_MAX_TIME_UNIX_NANOS ? values[3].i64 : 0;
  bext_verdict verdict = guest->recorder ? bext_recording_end(guest->scope, &call.visit, &span, time)
                                         : bext_scope_end(guest->scope, &call.visit, &span);
  entered(&call);
  if (verdict) drop_call(&call, verdict);
  else if (!guest->recorder) recorded(&call, guest->calls->end_span(guest->self, &span, time), BEXT_OP_END_SPAN);
  return close_call(&call);
}

static void *on_current_span(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  uint32_t handle_out = values[0].i32;
  host_call call;
  bext_handle_parts current;
  open_with_memory(&call, env, caller, BEXT_OP_CURRENT_SPAN, 0);
  bext_verdict verdict = enter(&call);
  if (!bext_caller_has_range(&call.caller, handle_out, BEXT_HANDLE_SIZE)) verdict = BEXT_DROP_OUT_OF_BOUNDS;
  values[0].i64 = 0;
  if (verdict) {
    drop_call(&call, verdict);
    return close_call(&call);
  }
  bext_scope_count_recorded(call.guest->scope, BEXT_OP_CURRENT_SPAN);
  if (bext_scope_current(call.guest->scope, &current)) {
    bext_caller_write_handle(&call.caller, handle_out, &current);
    values[0].i32 = 1;
  }
  return close_call(&call);
}

/* --- Lifetime ----------------------------------------------------------------------------------------------------------------- */

bext_guest *bext_guest_new(bext_scope *scope, const bext_tracer_calls *calls, void *self, bext_guest_owner owner) {
  bext_guest *guest = calloc(1, sizeof *guest);
  if (!guest) {
    calls->release(self);
    return NULL;
  }
  atomic_init(&guest->references, 1);
  atomic_init(&guest->has_fuel, false);
  atomic_init(&guest->warned_of_store, false);
  atomic_init(&guest->lost_store, false);
  atomic_init(&guest->knows_memory, false);
  bext_scope_retain(scope);
  guest->scope = scope;
  guest->calls = calls;
  guest->self = self;
  guest->owner = owner;
  return guest;
}

bext_guest *bext_guest_recording_new(bext_scope *scope, bext_recorder_tracer *tracer, bext_guest_owner owner) {
  bext_guest *guest = bext_guest_new(scope, bext_recorder_tracer_calls(), tracer, owner);
  if (!guest) return NULL;
  guest->recorder = tracer;
  bext_scope_record_into(scope, bext_recorder_tracer_recorder(tracer));
  return guest;
}

void bext_guest_release(bext_guest *guest) {
  if (atomic_fetch_sub(&guest->references, 1) != 1) return;
  guest->calls->release(guest->self);
  bext_scope_release(guest->scope);
  free(guest);
}

size_t bext_guest_references(bext_guest *guest) { return atomic_load(&guest->references); }

static void finalize(void *env) { bext_guest_release(env); }

void *bext_guest_define(bext_guest *guest, void *linker, enum bext_operation operation, const void *func_type) {
  static const struct {
    const char *name;
    bext_host_callback *callback;
  } imports[BEXT_OPERATIONS] = {
      {"start_span", on_start_span}, {"set_attribute", on_set_attribute}, {"set_status", on_set_status},
      {"add_event", on_add_event},   {"end_span", on_end_span},           {"current_span", on_current_span},
  };
  atomic_fetch_add(&guest->references, 1);
  return bext_linker_define(linker, imports[operation].name, func_type, imports[operation].callback, guest, finalize);
}
