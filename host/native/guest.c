/* guest.c - from wasmtime's raw values to a scope and a tracer. */
#include "guest.h"

#include <stdlib.h>

#include "host_call.h"
#include "recording.h"

/* A call on an invalid handle. */
BEXT_COLD static void ignore(bext_host_call *call) {
  bext_scope_enter_ignored(call->guest->scope, &call->visit);
  bext_entered(call);
}

static bext_handle_parts handle_of(const bext_wasm_value *values) {
  return (bext_handle_parts){values[0].i64, values[1].i64, values[2].i64};
}

/* --- set_attribute, set_status, add_event ------------------------------------------------------------------------------------ */

/*
 * Each of the three decodes its payload, where that could be read, before it enters the scope, once: decoding changes nothing, and the
 * scope tells what counts more than a bad payload.
 */
typedef bext_verdict record_function(bext_host_call *call, const bext_handle_parts *span, const bext_payload *payload);

static void refuse(bext_host_call *call, bext_verdict why) {
  if (!call->visit.refusal) call->visit.refusal = why;
}

BEXT_COLD static bext_verdict charge_and_set(bext_host_call *call, const bext_handle_parts *span, const bext_attribute_view *view) {
  bext_guest *guest = call->guest;
  bext_verdict verdict = bext_scope_charge_attribute(guest->scope, &call->visit, span, view->key);
  bext_entered(call);
  if (!verdict) bext_recorded(call, guest->calls->set_attribute(guest->self, span, view), BEXT_OP_SET_ATTRIBUTE);
  return verdict;
}

BEXT_INLINE bext_verdict set_attribute(bext_host_call *call, const bext_handle_parts *span, const bext_payload *payload) {
  bext_guest *guest = call->guest;
  bext_attribute_view view;
  view.key = (bext_text){NULL, 0};
  if (bext_decode_attribute(payload->bytes, payload->length, &view)) refuse(call, BEXT_DROP_MALFORMED);
  else if (bext_is_reserved_key(view.key)) refuse(call, BEXT_DROP_RESERVED_KEY);
  if (!guest->recorder) return charge_and_set(call, span, &view);
  bext_verdict verdict = bext_recording_set_attribute(guest->scope, &call->visit, span, &view);
  bext_entered(call);
  return verdict;
}

static bext_verdict set_status(bext_host_call *call, const bext_handle_parts *span, const bext_payload *payload) {
  bext_guest *guest = call->guest;
  bext_span_status_view view;
  if (bext_decode_span_status(payload->bytes, payload->length, &view)) refuse(call, BEXT_DROP_MALFORMED);
  bext_verdict verdict = bext_scope_charge_status(guest->scope, &call->visit, span);
  bext_entered(call);
  if (!verdict) bext_recorded(call, guest->calls->set_status(guest->self, span, (uint32_t)view.code, &view.message), BEXT_OP_SET_STATUS);
  return verdict;
}

/* Picks the attributes that an event keeps, before it is charged, so that what is charged is recorded. */
static bext_event_call pick_event(bext_host_call *call, const bext_payload *payload, bext_drops *drops) {
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

static bext_verdict add_event(bext_host_call *call, const bext_handle_parts *span, const bext_payload *payload) {
  bext_guest *guest = call->guest;
  bext_drops drops = {{0}};
  bext_event_call event = pick_event(call, payload, &drops);
  bext_verdict verdict = bext_scope_charge_event(guest->scope, &call->visit, span);
  bext_entered(call);
  if (!verdict) {
    if (bext_has_drops(&drops)) bext_scope_count_drops(guest->scope, &drops);
    bext_recorded(call, guest->calls->add_event(guest->self, span, &event), BEXT_OP_ADD_EVENT);
  }
  bext_free_attributes(&event.attributes);
  return verdict;
}

/* Whether it was the payload that was dropped, of a span that the guest may touch. */
static bool is_of_payload(bext_verdict verdict) {
  return verdict != BEXT_DROP_SCOPE_CLOSED && verdict != BEXT_DROP_WRONG_STORE && verdict != BEXT_DROP_UNKNOWN_HANDLE;
}

/* What is dropped of such a span counts on the span, too, where back-ends have a field for it. */
BEXT_COLD static void note_dropped(bext_host_call *call, const bext_handle_parts *span) {
  if (call->visit.operation == BEXT_OP_SET_STATUS) return;
  bool is_event = call->visit.operation == BEXT_OP_ADD_EVENT;
  bext_is_taken(call, call->guest->calls->add_dropped(call->guest->self, span, !is_event, is_event));
}

BEXT_INLINE void *record(void *env, void *caller, const bext_wasm_value *values, enum bext_operation operation, record_function *function) {
  bext_host_call call;
  bext_payload payload;
  bext_handle_parts span = handle_of(values);
  bext_open_with_memory(&call, env, caller, operation, values[4].i32);
  if (bext_handle_is_invalid(&span)) {
    ignore(&call);
    return bext_close_call(&call);
  }
  call.visit.refusal = bext_read_payload(&call, values[3].i32, values[4].i32, &payload);
  bext_verdict verdict = function(&call, &span, &payload);
  bext_payload_free(&payload);
  if (verdict) {
    bext_drop_call(&call, verdict);
    if (is_of_payload(verdict)) note_dropped(&call, &span);
  }
  return bext_close_call(&call);
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
  bext_host_call call;
  bext_guest *guest = env;
  bext_handle_parts span = handle_of(values);
  bext_open_call(&call, guest, caller, BEXT_OP_END_SPAN, 0);
  if (bext_handle_is_invalid(&span)) {
    ignore(&call);
    return bext_close_call(&call);
  }
  uint64_t time = values[3].i64 <= (uint64_t)BEXT_MAX_TIME_UNIX_NANOS ? values[3].i64 : 0;
  bext_verdict verdict = guest->recorder ? bext_recording_end(guest->scope, &call.visit, &span, time)
                                         : bext_scope_end(guest->scope, &call.visit, &span);
  bext_entered(&call);
  if (verdict) bext_drop_call(&call, verdict);
  else if (!guest->recorder) bext_recorded(&call, guest->calls->end_span(guest->self, &span, time), BEXT_OP_END_SPAN);
  return bext_close_call(&call);
}

static void *on_current_span(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  uint32_t handle_out = values[0].i32;
  bext_host_call call;
  bext_handle_parts current;
  bext_open_with_memory(&call, env, caller, BEXT_OP_CURRENT_SPAN, 0);
  bext_verdict verdict = bext_enter(&call);
  if (!bext_caller_has_range(&call.caller, handle_out, BEXT_HANDLE_SIZE)) verdict = BEXT_DROP_OUT_OF_BOUNDS;
  values[0].i64 = 0;
  if (verdict) {
    bext_drop_call(&call, verdict);
    return bext_close_call(&call);
  }
  bext_scope_count_recorded(call.guest->scope, BEXT_OP_CURRENT_SPAN);
  if (bext_scope_current(call.guest->scope, &current)) {
    bext_caller_write_handle(&call.caller, handle_out, &current);
    values[0].i32 = 1;
  }
  return bext_close_call(&call);
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

void bext_guest_measure_time(bext_guest *guest) { guest->measures_time = true; }

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
      {"start_span", bext_on_start_span}, {"set_attribute", on_set_attribute}, {"set_status", on_set_status},
      {"add_event", on_add_event},   {"end_span", on_end_span},           {"current_span", on_current_span},
  };
  atomic_fetch_add(&guest->references, 1);
  return bext_linker_define(linker, imports[operation].name, func_type, imports[operation].callback, guest, finalize);
}
