/* recorder_start.c - how a span begins: its trace, its ids, its clock, and what it takes over from its parent. */
#include <stdlib.h>
#include <string.h>

#include "random_ids.h"
#include "recorder_shards.h"

/* Takes over what the parent has, where it is open here. */
static bool inherit(bext_recorder *recorder, const bext_start_call *span, bext_birth *out) {
  if (!span->has_parent || span->parent_is_remote) return false;
  bext_held_span held = bext_hold(recorder, &span->parent);
  if (held.span) {
    bext_text trace_state = bext_open_span_trace_state(held.span);
    uint32_t length = trace_state.length <= sizeof out->trace_state ? trace_state.length : 0;
    memcpy(out->trace_state, trace_state.bytes, length);
    out->origin.trace_state = (bext_text){out->trace_state, length};
    out->origin.clock_offset = bext_open_span_clock_offset(held.span);
  }
  return bext_let_go(held, 0);
}

static void choose_clock(bext_recorder *recorder, const bext_start_call *span, bext_birth *out) {
  bool has_heritage = inherit(recorder, span, out);
  uint64_t monotonic = bext_monotonic_now();
  if (!has_heritage) {
    out->origin.clock_offset = bext_new_clock_offset(recorder, monotonic);
    out->origin.trace_state = span->trace_state;
  }
  out->origin.start_time = span->start_time_unix_nanos ? span->start_time_unix_nanos : monotonic + (uint64_t)out->origin.clock_offset;
}

static bool is_sampled(const bext_recorder *recorder, uint64_t trace_id_lo) {
  return recorder->sampler.is_always || trace_id_lo < recorder->sampler.below;
}

/* The trace that a span belongs to, and an id that is not its own yet. False where it is not sampled; `enough`: where there are ids. */
static bool choose_trace(const bext_recorder *recorder, const bext_start_call *span, bext_handle_parts *out, bool *enough) {
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

/* Makes the id one of a shard: its low bits, out of 64 that are random. */
static bool choose_shard(bext_recorder *recorder, const bext_shard *shard, uint64_t *span_id) {
  uint64_t number = (uint64_t)(shard - recorder->shards);
  while (*span_id < BEXT_SHARDS) { /* zero is no id */
    if (!bext_random_id(span_id)) return false;
  }
  *span_id = (*span_id & ~(uint64_t)(BEXT_SHARDS - 1)) | number;
  return true;
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

/* Makes a span known. False where there is no memory; the span is then still the caller's. With the shard's lock held. */
static bool publish(bext_shard *shard, bext_open_span *span, bool is_held, const bext_drops *drops) {
  *bext_open_span_owners(span) = (bext_span_owners){.is_open = true, .is_held = is_held};
  if (!bext_handle_map_put(&shard->open, bext_open_span_handle(span), span)) return false;
  shard->found = span;
  shard->counters.started++;
  if (bext_has_drops(drops)) {
    for (unsigned i = 0; i < BEXT_DROP_REASONS; i++) shard->counters.dropped[i] += drops->by_reason[i];
  }
  return true;
}

/* Opens a span, NULL where it does not fit; that is counted. With the shard's lock held. */
static bext_open_span *open_span(bext_recorder *recorder, bext_shard *shard, const bext_start_call *span, const bext_span_origin *origin,
                                 bool is_held, bext_open_span *memory) {
  bext_drops drops = {{0}};
  bext_open_span *opened = bext_open_span_new(span, origin, memory);
  if (opened) {
    if (span->links.count) add_links(opened, &span->links, &recorder->limits, &drops);
    if (span->attributes.count) add_attributes(opened, &span->attributes, &recorder->limits, &drops);
    if (publish(shard, opened, is_held, &drops)) return opened;
    bext_open_span_free(opened);
  }
  shard->counters.dropped[BEXT_DROP_MEMORY_LIMIT]++;
  return NULL;
}

static bool start_fits(bext_recorder *recorder, const bext_span_origin *origin) {
  if (origin->payload_bytes <= recorder->limits.span_bytes) return true;
  bext_recorder_count_drops(recorder, BEXT_DROP_MEMORY_LIMIT, 1);
  return false;
}

/* Opens a span in the shard of its id. */
static bool open_in_shard(bext_recorder *recorder, const bext_start_call *span, const bext_span_origin *origin) {
  bext_shard *shard = bext_shard_of(recorder, origin->handle.span_id);
  bext_lock_take(&shard->lock);
  bool is_open = open_span(recorder, shard, span, origin, false, NULL) != NULL;
  bext_lock_let_go(&shard->lock);
  return is_open;
}

bext_handle_parts bext_recorder_open(bext_recorder *recorder, const bext_start_call *span, bext_text scope_name, bext_text scope_version,
                                     uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t payload_bytes) {
  bext_birth birth;
  birth.origin = (bext_span_origin){.handle = {trace_id_hi, trace_id_lo, 0}, .payload_bytes = payload_bytes};
  birth.origin.scope = bext_pack_scope(scope_name, scope_version);
  bool has_id = bext_random_id(&birth.origin.handle.span_id), is_open = false;
  if (!has_id || !birth.origin.scope.bytes) {
    bext_recorder_count_drops(recorder, has_id ? BEXT_DROP_MEMORY_LIMIT : BEXT_DROP_TRACER_ERROR, 1);
  } else if (start_fits(recorder, &birth.origin)) {
    choose_clock(recorder, span, &birth);
    is_open = open_in_shard(recorder, span, &birth.origin);
  }
  free((void *)(uintptr_t)birth.origin.scope.bytes);
  return is_open ? birth.origin.handle : (bext_handle_parts){0, 0, 0};
}

bool bext_place_span(bext_recorder *recorder, bext_shard *shard, const bext_start_call *span, bext_birth *out) {
  bool has_ids;
  bool is_wanted = choose_trace(recorder, span, &out->origin.handle, &has_ids);
  if (has_ids && !is_wanted) {
    bext_count_unsampled(shard);
    return false;
  }
  if (!has_ids || !choose_shard(recorder, shard, &out->origin.handle.span_id)) {
    bext_recorder_count_drops(recorder, BEXT_DROP_TRACER_ERROR, 1);
    return false;
  }
  out->origin.payload_bytes = bext_start_bytes(span, &recorder->limits);
  if (!start_fits(recorder, &out->origin)) return false;
  choose_clock(recorder, span, out);
  return true;
}

bext_open_span *bext_open_held(bext_recorder *recorder, bext_shard *shard, const bext_start_call *span, const bext_birth *birth,
                               bext_open_span *memory) {
  return open_span(recorder, shard, span, &birth->origin, true, memory);
}
