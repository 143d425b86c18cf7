/* recorder_start.c - how a span begins: its trace, its ids, its clock, and what it takes over from its parent. */
#include <string.h>

#include "random_ids.h"
#include "recorder_shards.h"

/* What a span takes over from its parent. */
typedef struct heritage {
  int64_t clock_offset;
  uint8_t trace_state[BEXT_MAX_TRACE_STATE_BYTES];
  uint32_t trace_state_length;
} heritage;

static bool inherit(bext_recorder *recorder, const bext_start_call *span, heritage *out) {
  if (!span->has_parent || span->parent_is_remote) return false;
  bext_held_span held = bext_hold(recorder, &span->parent);
  if (held.span) {
    bext_text trace_state = bext_open_span_trace_state(held.span);
    out->clock_offset = bext_open_span_clock_offset(held.span);
    out->trace_state_length = trace_state.length <= sizeof out->trace_state ? trace_state.length : 0;
    memcpy(out->trace_state, trace_state.bytes, out->trace_state_length);
  }
  return bext_let_go(held, 0);
}

static bool is_sampled(const bext_recorder *recorder, uint64_t trace_id_lo) {
  return recorder->sampler.is_always || trace_id_lo < recorder->sampler.below;
}

/* The trace that a span belongs to, and its own id. False where it is not sampled; `enough` is false where there are no ids. */
static bool choose_handle(const bext_recorder *recorder, const bext_start_call *span, bext_handle_parts *out, bool *enough) {
  *enough = true;
  if (!span->has_parent) {
    *enough = bext_random_handle(out);
    return *enough && is_sampled(recorder, out->trace_id_lo);
  }
  *out = span->parent;
  if (span->parent_is_remote && !(span->parent_flags & BEXT_TRACE_FLAG_SAMPLED)) return false;
  if (span->parent_is_remote ? !is_sampled(recorder, out->trace_id_lo) : bext_handle_is_invalid(&span->parent)) return false;
  return *enough = bext_random_id(&out->span_id);
}

static void add_drop(bext_drops *drops, bext_verdict reason, uint32_t count) { drops->by_reason[reason] += count; }

/* The link as it fits. */
static bext_kept_link cut_link(const bext_kept_link *link, const bext_limits *limits, bext_drops *drops) {
  bext_kept_link cut = *link;
  cut.attributes = bext_cut_attributes(&link->attributes, limits->link_attributes);
  add_drop(drops, BEXT_DROP_ATTRIBUTE_LIMIT, link->attributes.count - cut.attributes.count);
  return cut;
}

static void add_links(bext_open_span *span, const bext_kept_links *links, const bext_limits *limits, bext_drops *drops) {
  for (uint32_t i = 0; i < links->count; i++) {
    bext_verdict verdict = BEXT_DROP_LINK_LIMIT;
    if (i < limits->span_links) {
      bext_kept_link link = cut_link(&links->items[i], limits, drops);
      verdict = bext_open_span_add_link(span, &link);
    }
    if (!verdict) continue;
    add_drop(drops, verdict, 1);
    bext_open_span_add_dropped(span, 0, 0, 1);
  }
}

static void add_attributes(bext_open_span *span, const bext_kept_attributes *attributes, const bext_limits *limits, bext_drops *drops) {
  for (uint32_t i = 0; i < attributes->count; i++) {
    bext_verdict verdict = bext_open_span_set_attribute(span, &attributes->items[i], limits);
    if (verdict) add_drop(drops, verdict, 1);
  }
}

/* Makes a span known. False where there is no memory; the span is then still the caller's. */
static bool publish(bext_recorder *recorder, bext_open_span *span, bool is_held, const bext_drops *drops) {
  *bext_open_span_owners(span) = (bext_span_owners){.is_open = true, .is_held = is_held};
  const bext_handle_parts *handle = bext_open_span_handle(span);
  bext_shard *shard = bext_shard_of(recorder, handle->span_id);
  bext_lock_take(&shard->lock);
  bool is_kept = bext_handle_map_put(&shard->open, handle, span);
  if (is_kept) shard->found = span;
  shard->counters.started += is_kept;
  if (is_kept && bext_has_drops(drops)) {
    for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) shard->counters.dropped[i] += drops->by_reason[i];
  }
  bext_lock_let_go(&shard->lock);
  return is_kept;
}

/* A span that is nobody's yet, NULL where it does not fit. */
static bext_open_span *new_span(bext_recorder *recorder, const bext_start_call *span, bext_span_origin *origin, bext_open_span *memory) {
  bext_start_call start = *span;
  heritage inherited;
  bool has_heritage = inherit(recorder, span, &inherited);
  uint64_t monotonic = bext_monotonic_now();
  origin->clock_offset = has_heritage ? inherited.clock_offset : bext_new_clock_offset(recorder, monotonic);
  origin->trace_state = has_heritage ? (bext_text){inherited.trace_state, inherited.trace_state_length} : span->trace_state;
  if (!start.start_time_unix_nanos) start.start_time_unix_nanos = monotonic + (uint64_t)origin->clock_offset;
  return bext_open_span_new(&start, origin, memory);
}

/* Opens a span under the origin's handle, NULL where it does not fit; that is counted. */
static bext_open_span *open_span(bext_recorder *recorder, const bext_start_call *span, bext_span_origin *origin, bool is_held,
                                 bext_open_span *memory) {
  bext_drops drops = {{0}};
  bext_open_span *opened = new_span(recorder, span, origin, memory);
  if (opened) {
    if (span->links.count) add_links(opened, &span->links, &recorder->limits, &drops);
    if (span->attributes.count) add_attributes(opened, &span->attributes, &recorder->limits, &drops);
    if (publish(recorder, opened, is_held, &drops)) return opened;
    bext_open_span_free(opened);
  }
  bext_recorder_count_drops(recorder, BEXT_DROP_MEMORY_LIMIT, 1);
  return NULL;
}

static bool start_fits(bext_recorder *recorder, const bext_span_origin *origin) {
  if (origin->payload_bytes <= recorder->limits.span_bytes) return true;
  bext_recorder_count_drops(recorder, BEXT_DROP_MEMORY_LIMIT, 1);
  return false;
}

bext_handle_parts bext_recorder_open(bext_recorder *recorder, const bext_start_call *span, bext_text scope_name, bext_text scope_version,
                                     uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t payload_bytes) {
  const bext_handle_parts none = {0, 0, 0};
  bext_span_origin origin = {.handle = {trace_id_hi, trace_id_lo, 0}, .scope_name = scope_name, .scope_version = scope_version};
  origin.payload_bytes = payload_bytes;
  if (!bext_random_id(&origin.handle.span_id)) {
    bext_recorder_count_drops(recorder, BEXT_DROP_TRACER_ERROR, 1);
    return none;
  }
  return start_fits(recorder, &origin) && open_span(recorder, span, &origin, false, NULL) ? origin.handle : none;
}

bool bext_place_span(bext_recorder *recorder, const bext_start_call *span, bext_span_origin *origin) {
  bool has_ids;
  if (choose_handle(recorder, span, &origin->handle, &has_ids)) {
    origin->payload_bytes = bext_start_bytes(span, &recorder->limits);
    return start_fits(recorder, origin);
  }
  if (has_ids) bext_count_unsampled(bext_shard_of(recorder, origin->handle.trace_id_lo));
  else bext_recorder_count_drops(recorder, BEXT_DROP_TRACER_ERROR, 1);
  return false;
}

bext_open_span *bext_open_held(bext_recorder *recorder, const bext_start_call *span, bext_span_origin *origin, bext_open_span *memory) {
  return open_span(recorder, span, origin, true, memory);
}
