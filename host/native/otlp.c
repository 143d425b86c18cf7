/* otlp.c - a first pass checks the framing of each span and finds its scope, a second one writes scope by scope. */
#include "otlp.h"

#include <stdbool.h>
#include <string.h>

#include "framing.h"
#include "otlp_fields.h"
#include "span_groups.h"

enum { OTLP_FEW = 1, OTLP_SOME = 2, OTLP_MANY = 3 }; /* guesses of how many bytes a length takes */

/* --- Values ------------------------------------------------------------------------------------------------------------------------- */

static uint64_t bits_of(double number) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

/* The one field of an AnyValue. It is written even where it is empty: which one it is is the value's type. */
static void otlp_scalar(bext_proto *out, bext_reader *in) {
  switch (bext_read_header(in->at).kind) {
    case BEXT_KIND_STR: bext_proto_text(out, OTLP_ANY_STRING, bext_read_text(in)); break;
    case BEXT_KIND_BOOL: bext_proto_uint(out, OTLP_ANY_BOOL, bext_read_bool(in)); break;
    case BEXT_KIND_UINT:
    case BEXT_KIND_INT: bext_proto_uint(out, OTLP_ANY_INT, (uint64_t)bext_read_int64(in)); break;
    case BEXT_KIND_FLOAT: bext_proto_fixed64(out, OTLP_ANY_DOUBLE, bits_of(bext_read_float(in))); break;
    default: bext_reject(in, BEXT_REJECT_WRONG_TYPE);
  }
}

static void otlp_array(bext_proto *out, bext_reader *in) {
  bext_proto_message array = bext_proto_open(out, OTLP_ANY_ARRAY, OTLP_FEW);
  for (uint64_t left = bext_read_kind(in, BEXT_KIND_ARRAY).size; left && !in->rejection; left--) {
    bext_proto_message item = bext_proto_open(out, OTLP_ARRAY_VALUES, OTLP_FEW);
    otlp_scalar(out, in);
    bext_proto_close(out, item);
  }
  bext_proto_close(out, array);
}

static void otlp_value(bext_proto *out, bext_reader *in) {
  if (in->rejection) return;
  bext_proto_message value = bext_proto_open(out, OTLP_KEY_VALUE_VALUE, OTLP_FEW);
  if (bext_read_header(in->at).kind == BEXT_KIND_ARRAY) otlp_array(out, in);
  else otlp_scalar(out, in);
  bext_proto_close(out, value);
}

static void otlp_key(bext_proto *out, bext_text key, const bext_guarded_keys *guarded) {
  if (bext_is_guarded(guarded, key)) bext_proto_joined(out, OTLP_KEY_VALUE_KEY, guarded->put_before, key);
  else bext_proto_text(out, OTLP_KEY_VALUE_KEY, key);
}

static void otlp_attributes(bext_proto *out, uint32_t field, bext_reader *in, const bext_guarded_keys *guarded) {
  for (uint64_t left = bext_read_kind(in, BEXT_KIND_MAP).size; left && !in->rejection; left--) {
    bext_proto_message pair = bext_proto_open(out, field, OTLP_FEW);
    otlp_key(out, bext_read_text(in), guarded);
    otlp_value(out, in);
    bext_proto_close(out, pair);
  }
}

/* --- Fields that are left out where they have their default value -------------------------------------------------------------------- */

static void otlp_text(bext_proto *out, uint32_t field, bext_text text) {
  if (text.length) bext_proto_text(out, field, text);
}

static void otlp_uint(bext_proto *out, uint32_t field, uint64_t number) {
  if (number) bext_proto_uint(out, field, number);
}

/* OTLP's counts have 32 bits. */
static void otlp_count(bext_proto *out, uint32_t field, uint64_t count) { otlp_uint(out, field, count < UINT32_MAX ? count : UINT32_MAX); }

static void otlp_time(bext_proto *out, uint32_t field, uint64_t time) {
  if (time) bext_proto_fixed64(out, field, time);
}

static void otlp_big_endian(uint8_t *at, uint64_t number) {
  for (unsigned i = 0; i < 8; i++) at[i] = (uint8_t)(number >> (56 - 8 * i));
}

static void otlp_trace_id(bext_proto *out, uint32_t field, const bext_handle_parts *handle) {
  uint8_t bytes[16];
  otlp_big_endian(bytes, handle->trace_id_hi);
  otlp_big_endian(bytes + 8, handle->trace_id_lo);
  bext_proto_bytes(out, field, bytes, sizeof bytes);
}

static void otlp_span_id(bext_proto *out, uint32_t field, uint64_t span_id) {
  uint8_t bytes[8];
  otlp_big_endian(bytes, span_id);
  bext_proto_bytes(out, field, bytes, sizeof bytes);
}

/* --- Spans -------------------------------------------------------------------------------------------------------------------------- */

/* An array of exactly so many items. */
static void read_packed_tuple(bext_reader *in, uint64_t size) {
  if (bext_read_kind(in, BEXT_KIND_ARRAY).size != size) bext_reject(in, BEXT_REJECT_WRONG_LENGTH);
}

static void otlp_event(bext_proto *out, bext_reader *in, const bext_guarded_keys *guarded) {
  read_packed_tuple(in, 4);
  bext_text name = bext_read_text(in);
  if (in->rejection) return;
  bext_reader attributes = *in;
  in->at = bext_skip(in->at);
  otlp_time(out, OTLP_EVENT_TIME, bext_read_uint(in));
  otlp_text(out, OTLP_EVENT_NAME, name);
  otlp_attributes(out, OTLP_EVENT_ATTRIBUTES, &attributes, guarded);
  otlp_count(out, OTLP_EVENT_DROPPED_ATTRIBUTES, bext_read_uint(in));
  if (attributes.rejection) bext_reject(in, attributes.rejection);
}

/* Only the host's links to a remote parent have a trace state; of the others nobody knows whether they are remote. */
static void otlp_link(bext_proto *out, bext_reader *in, const bext_guarded_keys *guarded) {
  read_packed_tuple(in, 4);
  bext_handle_parts handle = bext_read_handle(in);
  if (in->rejection) return;
  bext_reader attributes = *in;
  in->at = bext_skip(in->at);
  bext_text trace_state = bext_read_text(in);
  otlp_trace_id(out, OTLP_LINK_TRACE_ID, &handle);
  otlp_span_id(out, OTLP_LINK_SPAN_ID, handle.span_id);
  otlp_text(out, OTLP_LINK_TRACE_STATE, trace_state);
  otlp_attributes(out, OTLP_LINK_ATTRIBUTES, &attributes, guarded);
  otlp_count(out, OTLP_LINK_DROPPED_ATTRIBUTES, bext_read_uint(in));
  if (trace_state.length) bext_proto_fixed32(out, OTLP_LINK_FLAGS, OTLP_FLAG_HAS_IS_REMOTE | OTLP_FLAG_IS_REMOTE);
  if (attributes.rejection) bext_reject(in, attributes.rejection);
}

typedef void otlp_put(bext_proto *out, bext_reader *in, const bext_guarded_keys *guarded);

static void otlp_all(bext_proto *out, uint32_t field, bext_reader *in, otlp_put *put, const bext_guarded_keys *guarded) {
  for (uint64_t left = bext_read_kind(in, BEXT_KIND_ARRAY).size; left && !in->rejection; left--) {
    bext_proto_message message = bext_proto_open(out, field, OTLP_FEW);
    put(out, in, guarded);
    bext_proto_close(out, message);
  }
}

/* A finished span, with readers at what is many. */
typedef struct span_view {
  bext_text name, trace_state, status_message;
  uint64_t kind, start_time, end_time, status_code, dropped_attributes, dropped_events, dropped_links;
  bext_handle_parts handle, parent;
  bool has_parent, is_remote;
  bext_reader links, attributes, events;
} span_view;

/* Steps over an item, and gives a reader that stands at it. */
static bext_reader step_over(bext_reader *in) {
  bext_reader at = *in;
  if (!in->rejection) in->at = bext_skip(in->at);
  return at;
}

/* The fields in the order of finished.h. */
static void read_finished(bext_reader *in, span_view *out) {
  read_packed_tuple(in, BEXT_FINISHED_FIELDS);
  out->name = bext_read_text(in);
  out->kind = bext_read_uint(in);
  out->handle = bext_read_handle(in);
  out->has_parent = !bext_read_nil(in);
  if (out->has_parent) out->parent = bext_read_handle(in);
  out->is_remote = bext_read_bool(in);
  out->start_time = bext_read_uint(in);
  out->trace_state = bext_read_text(in);
  step_over(in); /* the scope's name */
  step_over(in); /* and its version */
  out->links = step_over(in);
  out->attributes = step_over(in);
  out->events = step_over(in);
  out->status_code = bext_read_uint(in);
  out->status_message = bext_read_text(in);
  out->end_time = bext_read_uint(in);
  out->dropped_attributes = bext_read_uint(in);
  out->dropped_events = bext_read_uint(in);
  out->dropped_links = bext_read_uint(in);
}

static void otlp_status(bext_proto *out, const span_view *span) {
  if (!span->status_code && !span->status_message.length) return;
  bext_proto_message status = bext_proto_open(out, OTLP_SPAN_STATUS, OTLP_FEW);
  otlp_text(out, OTLP_STATUS_MESSAGE, span->status_message);
  otlp_uint(out, OTLP_STATUS_CODE, span->status_code); /* numbered as in OTLP */
  bext_proto_close(out, status);
}

static void otlp_identity(bext_proto *out, const span_view *span) {
  otlp_trace_id(out, OTLP_SPAN_TRACE_ID, &span->handle);
  otlp_span_id(out, OTLP_SPAN_SPAN_ID, span->handle.span_id);
  otlp_text(out, OTLP_SPAN_TRACE_STATE, span->trace_state);
  if (span->has_parent) otlp_span_id(out, OTLP_SPAN_PARENT_SPAN_ID, span->parent.span_id);
}

static void otlp_span(bext_proto *out, span_view *span, const bext_guarded_keys *guarded) {
  otlp_identity(out, span);
  otlp_text(out, OTLP_SPAN_NAME, span->name);
  otlp_uint(out, OTLP_SPAN_KIND, span->kind + 1); /* OTLP's 0 is "unspecified" */
  otlp_time(out, OTLP_SPAN_START, span->start_time);
  otlp_time(out, OTLP_SPAN_END, span->end_time);
  otlp_attributes(out, OTLP_SPAN_ATTRIBUTES, &span->attributes, guarded);
  otlp_count(out, OTLP_SPAN_DROPPED_ATTRIBUTES, span->dropped_attributes);
  otlp_all(out, OTLP_SPAN_EVENTS, &span->events, otlp_event, guarded);
  otlp_count(out, OTLP_SPAN_DROPPED_EVENTS, span->dropped_events);
  otlp_all(out, OTLP_SPAN_LINKS, &span->links, otlp_link, guarded);
  otlp_count(out, OTLP_SPAN_DROPPED_LINKS, span->dropped_links);
  otlp_status(out, span);
  /* every span that was recorded was sampled, and whether its parent is remote is known */
  bext_proto_fixed32(out, OTLP_SPAN_FLAGS, OTLP_FLAG_SAMPLED | OTLP_FLAG_HAS_IS_REMOTE | (span->is_remote ? OTLP_FLAG_IS_REMOTE : 0));
}

/* Writes a span of good framing; false where it is none, nothing of it is then left. */
static bool otlp_finished(bext_proto *out, const bext_finished *finished, const bext_guarded_keys *guarded) {
  size_t before = out->used;
  bext_reader in = {finished->bytes, BEXT_ACCEPTED};
  span_view span;
  read_finished(&in, &span);
  if (in.rejection) return false;
  bext_proto_message message = bext_proto_open(out, OTLP_SCOPE_SPANS_SPANS, OTLP_SOME);
  otlp_span(out, &span, guarded);
  bext_proto_close(out, message);
  if (!span.attributes.rejection && !span.events.rejection && !span.links.rejection) return true;
  out->used = before;
  return false;
}

/* --- The request -------------------------------------------------------------------------------------------------------------------- */

static void otlp_scope(bext_proto *out, bext_text packed) {
  bext_reader in = {packed.bytes, BEXT_ACCEPTED};
  bext_proto_message scope = bext_proto_open(out, OTLP_SCOPE_SPANS_SCOPE, OTLP_FEW);
  otlp_text(out, OTLP_SCOPE_NAME, bext_read_text(&in));
  otlp_text(out, OTLP_SCOPE_VERSION, bext_read_text(&in));
  bext_proto_close(out, scope);
}

/* The spans of a scope, nothing where none is left. Returns how many there are. */
static uint64_t otlp_group(bext_proto *out, bext_span_groups *groups, const bext_span_group *group, const bext_guarded_keys *guarded) {
  size_t before = out->used;
  uint64_t written = 0;
  bext_proto_message scope_spans = bext_proto_open(out, OTLP_RESOURCE_SPANS_SCOPE_SPANS, OTLP_MANY);
  otlp_scope(out, group->scope);
  for (uint32_t span = group->first; span != BEXT_NO_SPAN && !out->error; span = groups->next[span]) {
    if (otlp_finished(out, groups->spans[span], guarded)) written++;
    else groups->refused++;
  }
  bext_proto_close(out, scope_spans);
  if (!written) out->used = before;
  return written;
}

static void otlp_request(bext_proto *out, bext_span_groups *groups, const uint8_t *resource, size_t resource_length,
                         const bext_guarded_keys *guarded) {
  uint64_t written = 0;
  bext_proto_message resource_spans = bext_proto_open(out, OTLP_REQUEST_RESOURCE_SPANS, OTLP_MANY);
  bext_proto_bytes(out, OTLP_RESOURCE_SPANS_RESOURCE, resource, resource_length);
  for (uint32_t i = 0; i < groups->count && !out->error; i++) written += otlp_group(out, groups, &groups->groups[i], guarded);
  bext_proto_close(out, resource_spans);
  if (!written) out->used = 0;
}

int bext_otlp_encode(const bext_batch *batch, uint64_t from, uint64_t to, const uint8_t *resource, size_t resource_length,
                     const bext_guarded_keys *guarded, bext_proto *out, uint64_t *refused) {
  out->used = 0;
  out->error = 0;
  *refused = 0;
  if (to > batch->count) to = batch->count;
  if (from >= to) return 0;
  if (to - from > INT32_MAX) return out->error = BEXT_PROTO_TOO_LARGE;
  bext_span_groups groups;
  if (bext_span_groups_init(&groups, batch->spans + from, (uint32_t)(to - from))) {
    otlp_request(out, &groups, resource, resource_length, guarded);
  } else out->error = BEXT_PROTO_NO_MEMORY;
  *refused = groups.refused;
  bext_span_groups_clear(&groups);
  return out->error;
}
