/*
 * recording.c - a scope's spans and their recorder's, in step. What was charged for a key stands in the slot of its attribute; for a key
 * that the recorder did not take, or whose span was ended or forgotten from outside, it stands in `weights`. It is in one of them alone.
 */
#include "recording.h"

#include "recorder_shards.h"
#include "scope_table.h"

/* Locks the shard of a span that the scope holds, which may be open no more. */
static bext_held_span hold_recorded(bext_recorder *recorder, bext_open_span *span) {
  bext_held_span held = {bext_shard_of(recorder, bext_open_span_handle(span)->span_id), span};
  bext_lock_take(&held.shard->lock);
  return held;
}

/* --- Attributes ------------------------------------------------------------------------------------------------------------ */

/* What was charged for a key, or NULL. `slot`: the key's, or NULL. */
static uint64_t *find_weight(const bext_tracked_span *tracked, bext_packed_slot *slot, bext_text key) {
  return slot && slot->scope_bytes ? &slot->scope_bytes : bext_tracked_weight(tracked, key);
}

/* Remembers the first charge for a key. */
static bool weigh_new(bext_tracked_span *tracked, bext_packed_slot *slot, bext_text key, uint64_t payload_bytes) {
  if (!slot) return bext_tracked_weigh(tracked, key, payload_bytes);
  slot->scope_bytes = payload_bytes;
  tracked->attribute_count++;
  return true;
}

/* Charges for an attribute, and remembers it where there is something to remember it by: the key had a slot, or a charge. */
static bext_verdict charge_known(bext_scope *scope, bext_tracked_span *tracked, bext_packed_slot *slot, bext_text key, uint64_t payload_bytes,
                                 bool *is_new) {
  uint64_t *weight = find_weight(tracked, slot, key);
  *is_new = !weight;
  if (!weight && tracked->attribute_count >= scope->limits.span_attributes) return BEXT_DROP_ATTRIBUTE_LIMIT;
  bext_verdict verdict = bext_scope_charge(scope, tracked, weight ? *weight : 0, payload_bytes);
  if (weight && !verdict) *weight = payload_bytes;
  return verdict;
}

/* What the recorder says of an attribute; where the span is not open any more, nothing. `slot` is the key's afterwards, or NULL. */
static bext_verdict record_attribute(const bext_held_span *held, const bext_attribute_view *attribute, const bext_limits *limits,
                                     bext_packed_slot **slot) {
  if (!bext_open_span_owners(held->span)->is_open) return 0;
  return bext_open_span_set_guest_attribute(held->span, attribute, limits, slot);
}

/* With the locks held. */
static bext_verdict set_locked(bext_scope *scope, bext_tracked_span *tracked, const bext_held_span *held, const bext_attribute_view *attribute,
                               uint64_t payload_bytes) {
  bool is_new;
  bext_packed_slot *slot = bext_open_span_find_attribute(held->span, attribute->key);
  bext_verdict verdict = charge_known(scope, tracked, slot, attribute->key, payload_bytes, &is_new);
  if (verdict) return verdict;
  bext_verdict dropped = record_attribute(held, attribute, &scope->recorder->limits, &slot);
  held->shard->counters.dropped[dropped] += dropped != 0;
  if (!is_new || weigh_new(tracked, slot, attribute->key, payload_bytes)) return 0;
  bext_scope_charge(scope, tracked, payload_bytes, 0);
  return BEXT_DROP_MEMORY_LIMIT;
}

static bext_verdict set_recorded(bext_scope *scope, bext_tracked_span *tracked, const bext_attribute_view *attribute, uint64_t payload_bytes) {
  bext_held_span held = hold_recorded(scope->recorder, tracked->recorded);
  bext_verdict verdict = set_locked(scope, tracked, &held, attribute, payload_bytes);
  bext_let_go(held, 0);
  return verdict;
}

/* On the current span, which is not the scope's own. */
static bext_verdict set_current(bext_scope *scope, bext_tracked_span *tracked, const bext_handle_parts *handle,
                                const bext_attribute_view *attribute, uint64_t payload_bytes) {
  bext_verdict verdict = bext_scope_charge_key(scope, tracked, attribute->key, payload_bytes);
  if (!verdict) bext_recorder_set_attribute(scope->recorder, handle, attribute);
  return verdict;
}

bext_verdict bext_recording_set_attribute(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle,
                                          const bext_attribute_view *attribute) {
  bext_tracked_span *tracked;
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin_on(scope, visit, handle, &tracked);
  if (!verdict) {
    verdict = tracked->recorded ? set_recorded(scope, tracked, attribute, visit->payload_bytes)
                                : set_current(scope, tracked, handle, attribute, visit->payload_bytes);
    scope->counters.recorded[BEXT_OP_SET_ATTRIBUTE] += !verdict;
  }
  bext_scope_unlock(scope);
  return verdict;
}

/* --- Starting ------------------------------------------------------------------------------------------------------------- */

/* Remembers what was charged for the attributes of a start, as a part of it. False where there is no memory. */
static bool weigh_start(bext_scope *scope, bext_tracked_span *tracked, const bext_kept_attributes *attributes) {
  bool enough_memory = true;
  bext_held_span held = hold_recorded(scope->recorder, tracked->recorded);
  for (uint32_t i = 0; enough_memory && i < attributes->count; i++) {
    const bext_attribute_view *item = &attributes->items[i];
    enough_memory = weigh_new(tracked, bext_open_span_find_attribute(held.span, item->key), item->key, item->pair_bytes);
  }
  bext_let_go(held, 0);
  return enough_memory;
}

/* A span that has started, but for which there is no memory here, ends at once: nobody else would end it. */
static void give_up(bext_scope *scope, bext_tracked_span *tracked) {
  bext_recorder_end(scope->recorder, &tracked->handle, 0);
  bext_recorder_let_go_of(scope->recorder, tracked->recorded);
  tracked->recorded = NULL;
  bext_scope_free_tracked(scope, tracked);
}

/* With the lock held. */
static bext_verdict start_locked(bext_scope *scope, const bext_start_call *span, bext_span_origin *origin, uint64_t payload_bytes,
                                 bool *is_started) {
  if (scope->is_closed) return BEXT_DROP_SCOPE_CLOSED;
  bext_tracked_span *tracked = bext_scope_new_tracked(scope, &origin->handle, payload_bytes);
  if (!tracked) return BEXT_DROP_MEMORY_LIMIT;
  tracked->recorded = bext_open_held(scope->recorder, span, origin, bext_scope_take_memory(scope));
  *is_started = tracked->recorded != NULL;
  if (!*is_started) {
    scope->counters.unsampled++;
    bext_scope_free_tracked(scope, tracked);
    return 0;
  }
  bool enough_memory = !span->attributes.count || weigh_start(scope, tracked, &span->attributes);
  if (enough_memory && bext_scope_insert(scope, tracked)) {
    scope->counters.recorded[BEXT_OP_START_SPAN]++;
    return 0;
  }
  give_up(scope, tracked);
  return BEXT_DROP_MEMORY_LIMIT;
}

bext_verdict bext_recording_start(bext_scope *scope, const bext_recorder_tracer *tracer, const bext_start_call *span, uint64_t payload_bytes,
                                  bext_handle_parts *out) {
  bool is_started = false;
  bext_span_origin origin;
  origin.scope_name = bext_recorder_tracer_scope_name(tracer);
  origin.scope_version = bext_recorder_tracer_scope_version(tracer);
  if (!bext_place_span(scope->recorder, span, &origin)) {
    bext_scope_count_unsampled(scope);
    return 0;
  }
  bext_scope_lock(scope);
  bext_verdict verdict = start_locked(scope, span, &origin, payload_bytes, &is_started);
  bext_scope_unlock(scope);
  if (!verdict && is_started) *out = origin.handle;
  return verdict;
}

/* --- Ending --------------------------------------------------------------------------------------------------------------- */

/* Ends what the recorder has of the span; its memory is then the scope's for another one. */
static void end_recorded(bext_scope *scope, bext_open_span *span, uint64_t end_time_unix_nanos) {
  bext_held_span held = hold_recorded(scope->recorder, span);
  if (bext_open_span_owners(span)->is_open) bext_end_held(scope->recorder, held, end_time_unix_nanos, &scope->finished);
  bext_let_go(held, 0);
  bext_scope_keep_memory(scope, span);
}

static void end_locked(bext_scope *scope, bext_tracked_span *tracked, uint64_t end_time_unix_nanos) {
  end_recorded(scope, tracked->recorded, end_time_unix_nanos);
  tracked->recorded = NULL;
  bext_scope_free_tracked(scope, tracked);
  scope->counters.recorded[BEXT_OP_END_SPAN]++;
}

bext_verdict bext_recording_end(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, uint64_t end_time_unix_nanos) {
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin(scope, visit);
  bext_tracked_span *tracked = verdict ? NULL : bext_scope_take_ended(scope, handle);
  if (tracked) end_locked(scope, tracked, end_time_unix_nanos);
  bext_scope_unlock(scope);
  return verdict || tracked ? verdict : BEXT_DROP_UNKNOWN_HANDLE;
}
