/* scope_table.c - a scope's spans and what they weigh. */
#include "scope_table.h"

#include <stdlib.h>

/* --- Finding -------------------------------------------------------------------------------------------------------------- */

/* The span that the guest may change, or NULL. */
static bext_tracked_span *find_tracked(bext_scope *scope, const bext_handle_parts *handle) {
  if (scope->found && bext_handle_equal(&scope->found->handle, handle)) return scope->found;
  bext_tracked_span *tracked = bext_handle_map_get(&scope->open, handle);
  if (!tracked && bext_scope_is_current(scope, handle)) tracked = scope->current;
  if (tracked) scope->found = tracked;
  return tracked;
}

bext_verdict bext_scope_begin_on(bext_scope *scope, bext_visit *visit, const bext_handle_parts *handle, bext_tracked_span **out) {
  bext_verdict verdict = bext_scope_begin(scope, visit);
  if (verdict) return verdict;
  *out = find_tracked(scope, handle);
  return *out ? visit->refusal : BEXT_DROP_UNKNOWN_HANDLE;
}

/* --- Weighing -------------------------------------------------------------------------------------------------------------- */

bext_verdict bext_scope_charge(bext_scope *scope, bext_tracked_span *tracked, uint64_t given_back, uint64_t payload_bytes) {
  uint64_t span_bytes = tracked->payload_bytes - given_back + payload_bytes;
  uint64_t scope_bytes = scope->payload_bytes - given_back + payload_bytes;
  bool fits = span_bytes <= scope->limits.span_bytes && scope_bytes <= scope->limits.scope_bytes;
  if (payload_bytes > given_back && !fits) return BEXT_DROP_MEMORY_LIMIT;
  tracked->payload_bytes = span_bytes;
  scope->payload_bytes = scope_bytes;
  return 0;
}

static bext_verdict charge_new_key(bext_scope *scope, bext_tracked_span *tracked, bext_text key, uint64_t payload_bytes) {
  if (tracked->attribute_count >= scope->limits.span_attributes) return BEXT_DROP_ATTRIBUTE_LIMIT;
  bext_verdict verdict = bext_scope_charge(scope, tracked, 0, payload_bytes);
  if (verdict) return verdict;
  if (bext_tracked_weigh(tracked, key, payload_bytes)) return 0;
  bext_scope_charge(scope, tracked, payload_bytes, 0);
  return BEXT_DROP_MEMORY_LIMIT;
}

bext_verdict bext_scope_charge_key(bext_scope *scope, bext_tracked_span *tracked, bext_text key, uint64_t payload_bytes) {
  uint64_t *weight = bext_tracked_weight(tracked, key);
  if (!weight) return charge_new_key(scope, tracked, key, payload_bytes);
  bext_verdict verdict = bext_scope_charge(scope, tracked, *weight, payload_bytes);
  if (!verdict) *weight = payload_bytes;
  return verdict;
}

static bext_key_map *weights_of(bext_tracked_span *tracked) {
  if (tracked->weights) return tracked->weights;
  tracked->weights = malloc(sizeof *tracked->weights);
  if (tracked->weights) bext_key_map_init(tracked->weights, true);
  return tracked->weights;
}

bool bext_tracked_weigh(bext_tracked_span *tracked, bext_text key, uint64_t payload_bytes) {
  bext_key_map *weights = weights_of(tracked);
  if (!weights || !bext_key_map_add(weights, key, payload_bytes)) return false;
  tracked->attribute_count++;
  return true;
}

uint64_t *bext_tracked_weight(const bext_tracked_span *tracked, bext_text key) {
  bext_key_entry *entry = tracked->weights ? bext_key_map_get(tracked->weights, key) : NULL;
  return entry ? &entry->number : NULL;
}

/* --- Memory ---------------------------------------------------------------------------------------------------------------- */

static bext_tracked_span *take_spare(bext_scope *scope) {
  bext_tracked_span *spare = scope->spares;
  scope->spares = spare->older;
  scope->spare_count--;
  return spare;
}

static bext_tracked_span *allocate(void) {
  bext_tracked_span *tracked = malloc(sizeof *tracked);
  if (!tracked) return NULL;
  tracked->weights = NULL;
  tracked->recorded = NULL;
  return tracked;
}

bext_tracked_span *bext_scope_new_tracked(bext_scope *scope, const bext_handle_parts *handle, uint64_t payload_bytes) {
  bext_tracked_span *tracked = scope->spares ? take_spare(scope) : allocate();
  if (!tracked) return NULL;
  tracked->handle = *handle;
  tracked->payload_bytes = payload_bytes;
  tracked->event_count = tracked->status_bytes = tracked->attribute_count = 0;
  tracked->older = tracked->newer = NULL;
  return tracked;
}

static void free_tracked(bext_tracked_span *tracked) {
  free(tracked->weights);
  free(tracked);
}

void bext_scope_free_tracked(bext_scope *scope, bext_tracked_span *tracked) {
  if (tracked->weights) bext_key_map_clear(tracked->weights);
  if (scope->is_closed || scope->spare_count == BEXT_SPARE_SPANS) {
    free_tracked(tracked);
    return;
  }
  tracked->older = scope->spares;
  scope->spares = tracked;
  scope->spare_count++;
}

bext_open_span *bext_scope_take_memory(bext_scope *scope) {
  return scope->spare_memory_count ? scope->spare_memory[--scope->spare_memory_count] : NULL;
}

void bext_scope_keep_memory(bext_scope *scope, bext_open_span *ended) {
  if (scope->is_closed || scope->spare_memory_count == BEXT_SPARE_SPANS || !bext_open_span_is_small(ended)) {
    bext_open_span_free(ended);
  } else {
    bext_open_span_empty(ended);
    scope->spare_memory[scope->spare_memory_count++] = ended;
  }
}

void bext_scope_free_spares(bext_scope *scope) {
  while (scope->spare_memory_count) bext_open_span_free(bext_scope_take_memory(scope));
  while (scope->spares) free_tracked(take_spare(scope));
}

/* --- Open spans -------------------------------------------------------------------------------------------------------------- */

bool bext_scope_insert(bext_scope *scope, bext_tracked_span *tracked) {
  if (!bext_handle_map_put(&scope->open, &tracked->handle, tracked)) return false;
  tracked->started_millis = scope->now_millis;
  tracked->older = scope->newest;
  if (scope->newest) scope->newest->newer = tracked;
  else scope->oldest = tracked;
  scope->newest = scope->found = tracked;
  scope->payload_bytes += tracked->payload_bytes;
  return true;
}

bext_tracked_span *bext_scope_take(bext_scope *scope, const bext_handle_parts *handle) {
  bext_tracked_span *tracked = bext_handle_map_remove(&scope->open, handle);
  if (!tracked) return NULL;
  scope->found = NULL;
  if (tracked->older) tracked->older->newer = tracked->newer;
  else scope->oldest = tracked->newer;
  if (tracked->newer) tracked->newer->older = tracked->older;
  else scope->newest = tracked->older;
  scope->payload_bytes -= tracked->payload_bytes;
  return tracked;
}

bext_tracked_span *bext_scope_take_ended(bext_scope *scope, const bext_handle_parts *handle) {
  bext_tracked_span *tracked = bext_scope_take(scope, handle);
  if (!tracked) return NULL;
  if (scope->ended_in_recorder.at_most) bext_handle_ring_add(&scope->ended_in_recorder, handle);
  else bext_recent_handles_add(&scope->ended, handle);
  return tracked;
}
