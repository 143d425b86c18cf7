/* guest_start.c - start_span. */
#include "host_call.h"
#include "recording.h"

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
static bext_verdict hand_start(bext_host_call *call, bext_start_call *span, bext_handle_parts *out) {
  bext_guest *guest = call->guest;
  bext_handle_parts handle = {0, 0, 0};
  if (guest->recorder) return bext_recording_start(guest->scope, guest->recorder, span, call->visit.payload_bytes, out);
  if (!bext_is_taken(call, guest->calls->start_span(guest->self, span, &handle))) return 0;
  if (bext_handle_is_invalid(&handle)) {
    bext_scope_count_unsampled(guest->scope);
    return 0;
  }
  bext_verdict verdict = bext_scope_add(guest->scope, &handle, call->visit.payload_bytes, &span->attributes);
  if (verdict) { /* closed while the tracer ran, or no memory: nobody else would end this span */
    bext_is_taken(call, guest->calls->end_span(guest->self, &handle, 0));
    return verdict;
  }
  bext_recorded(call, BEXT_ANSWER_TAKEN, BEXT_OP_START_SPAN);
  *out = handle;
  return 0;
}

/* Step 6: trims. `link`: the one that stands for a remote parent, or NULL. */
BEXT_COLD static bext_verdict trim_and_hand(bext_host_call *call, const bext_span_start_view *view, const bext_kept_link *link,
                                            bext_start_call *span, bext_handle_parts *out) {
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

static bext_verdict start_decoded(bext_host_call *call, const bext_span_start_view *view, bext_handle_parts *out) {
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

static bext_verdict start(bext_host_call *call, uint32_t offset, uint32_t length, bext_handle_parts *out) {
  bext_payload payload;
  bext_span_start_view view;
  bext_verdict verdict = bext_read_payload(call, offset, length, &payload);
  if (verdict) return verdict;
  verdict = bext_decode_span_start(payload.bytes, length, &view) ? BEXT_DROP_MALFORMED : start_decoded(call, &view, out);
  bext_payload_free(&payload);
  return verdict;
}

void *bext_on_start_span(void *env, void *caller, bext_wasm_value *values, size_t count) {
  (void)count;
  uint32_t span_ptr = values[0].i32, span_len = values[1].i32, handle_out = values[2].i32;
  bext_host_call call;
  bext_open_with_memory(&call, env, caller, BEXT_OP_START_SPAN, span_len);
  bext_verdict verdict = bext_enter(&call);
  if (bext_caller_has_range(&call.caller, handle_out, BEXT_HANDLE_SIZE)) {
    bext_handle_parts handle = {0, 0, 0};
    if (!verdict) verdict = start(&call, span_ptr, span_len, &handle);
    bext_caller_write_handle(&call.caller, handle_out, &handle);
  } else {
    verdict = BEXT_DROP_OUT_OF_BOUNDS;
  }
  if (verdict) bext_drop_call(&call, verdict);
  return bext_close_call(&call);
}
