/*
 * recording.c - a scope's spans and their recorder's, in step. What was charged for a key stands in the slot of its attribute; for a key
 * that the recorder did not take, or whose span was ended or forgotten from outside, it stands in `weights`. It is in one of them alone.
 */
#include "recording.h"

#include "recorder_shards.h"
#include "scope_table.h"

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
static bext_verdict charge_known(bext_scope *scope, bext_tracked_span *tracked, bext_packed_slot *slot, bext_text key,
                                 uint64_t payload_bytes, bool *is_new) {
  uint64_t *weight = find_weight(tracked, slot, key);
  *is_new = !weight;
  if (!weight && tracked->attribute_count >= scope->limits.span_attributes) return BEXT_DROP_ATTRIBUTE_LIMIT;
  bext_verdict verdict = bext_scope_charge(scope, tracked, weight ? *weight : 0, payload_bytes);
  if (weight && !verdict) *weight = payload_bytes;
  return verdict;
}

/* Gives an attribute to the recorder, which counts what it drops; where the span is not open any more, nothing. `slot`: the key's. */
static void record_attribute(bext_scope *scope, bext_open_span *span, const bext_attribute_view *attribute, bext_packed_slot **slot) {
  if (!bext_open_span_owners(span)->is_open) return;
  bext_verdict dropped = bext_open_span_set_guest_attribute(span, attribute, &scope->recorder->limits, slot);
  if (dropped) scope->shard->counters.dropped[dropped]++;
}

static bext_verdict set_recorded(bext_scope *scope, bext_tracked_span *tracked, const bext_attribute_view *attribute,
                                 uint64_t payload_bytes) {
  bool is_new;
  bext_packed_slot *slot = bext_open_span_find_attribute(tracked->recorded, attribute->key);
  bext_verdict verdict = charge_known(scope, tracked, slot, attribute->key, payload_bytes, &is_new);
  if (verdict) return verdict;
  record_attribute(scope, tracked->recorded, attribute, &slot);
  if (!is_new || weigh_new(tracked, slot, attribute->key, payload_bytes)) return 0;
  bext_scope_charge(scope, tracked, payload_bytes, 0);
  return BEXT_DROP_MEMORY_LIMIT;
}

/* With the lock held. On the current span, which is not the scope's own, the recorder then sets the attribute by its handle. */
static bext_verdict set_locked(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, const bext_attribute_view *attribute,
                               bool *is_current) {
  bext_tracked_span *tracked;
  bext_verdict verdict = bext_scope_begin_on(scope, visit, handle, &tracked);
  if (verdict) return verdict;
  *is_current = !tracked->recorded;
  verdict = *is_current ? bext_scope_charge_key(scope, tracked, attribute->key, visit->payload_bytes)
                        : set_recorded(scope, tracked, attribute, visit->payload_bytes);
  scope->counters.recorded[BEXT_OP_SET_ATTRIBUTE] += !verdict;
  return verdict;
}

bext_verdict bext_recording_set_attribute(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle,
                                          const bext_attribute_view *attribute) {
  bool is_current = false;
  bext_scope_lock(scope);
  bext_verdict verdict = set_locked(scope, visit, handle, attribute, &is_current);
  bext_scope_unlock(scope);
  if (!verdict && is_current) bext_recorder_set_attribute(scope->recorder, handle, attribute);
  return verdict;
}

/* --- Starting ------------------------------------------------------------------------------------------------------------- */

/* Remembers what was charged for the attributes of a start, as a part of it. False where there is no memory. */
static bool weigh_start(bext_tracked_span *tracked, const bext_kept_attributes *attributes) {
  for (uint32_t i = 0; i < attributes->count; i++) {
    const bext_attribute_view *item = &attributes->items[i];
    bext_packed_slot *slot = bext_open_span_find_attribute(tracked->recorded, item->key);
    if (!weigh_new(tracked, slot, item->key, item->pair_bytes)) return false;
  }
  return true;
}

/* Ends what the recorder has of a span; its memory is then the scope's for another one. */
static void end_recorded(bext_scope *scope, bext_tracked_span *tracked, uint64_t end_time_unix_nanos) {
  bext_held_span held = {scope->shard, tracked->recorded};
  if (bext_open_span_owners(held.span)->is_open) bext_end_held(scope->recorder, held, end_time_unix_nanos, &scope->finished);
  bext_scope_keep_memory(scope, held.span);
  tracked->recorded = NULL;
  bext_scope_free_tracked(scope, tracked);
}

/* With the lock held. */
static bext_verdict start_locked(bext_scope *scope, const bext_start_call *span, const bext_birth *birth, uint64_t payload_bytes,
                                 bool *is_started) {
  if (scope->is_closed) return BEXT_DROP_SCOPE_CLOSED;
  bext_tracked_span *tracked = bext_scope_new_tracked(scope, &birth->origin.handle, payload_bytes);
  if (!tracked) return BEXT_DROP_MEMORY_LIMIT;
  tracked->recorded = bext_open_held(scope->recorder, scope->shard, span, birth, bext_scope_take_memory(scope));
  *is_started = tracked->recorded != NULL;
  if (!*is_started) {
    scope->counters.unsampled++;
    bext_scope_free_tracked(scope, tracked);
    return 0;
  }
  if (weigh_start(tracked, &span->attributes) && bext_scope_insert(scope, tracked)) {
    scope->counters.recorded[BEXT_OP_START_SPAN]++;
    return 0;
  }
  end_recorded(scope, tracked, 0); /* there is no memory for it here: nobody else would end it */
  return BEXT_DROP_MEMORY_LIMIT;
}

bext_verdict bext_recording_start(bext_scope *scope, const bext_recorder_tracer *tracer, const bext_start_call *span,
                                  uint64_t payload_bytes, bext_handle_parts *out) {
  bool is_started = false;
  bext_birth birth; /* not cleared: most of it is room for a trace state */
  birth.origin.scope = bext_recorder_tracer_scope(tracer);
  if (!bext_place_span(scope->recorder, scope->shard, span, &birth)) {
    bext_scope_count_unsampled(scope);
    return 0;
  }
  bext_scope_lock(scope);
  bext_verdict verdict = start_locked(scope, span, &birth, payload_bytes, &is_started);
  bext_scope_unlock(scope);
  if (!verdict && is_started) *out = birth.origin.handle;
  return verdict;
}

/* --- Ending --------------------------------------------------------------------------------------------------------------- */

bext_verdict bext_recording_end(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, uint64_t end_time_unix_nanos) {
  bext_scope_lock(scope);
  bext_verdict verdict = bext_scope_begin(scope, visit);
  bext_tracked_span *tracked = verdict ? NULL : bext_scope_take_ended(scope, handle);
  if (tracked) {
    end_recorded(scope, tracked, end_time_unix_nanos);
    scope->counters.recorded[BEXT_OP_END_SPAN]++;
  }
  bext_scope_unlock(scope);
  return verdict || tracked ? verdict : BEXT_DROP_UNKNOWN_HANDLE;
}
