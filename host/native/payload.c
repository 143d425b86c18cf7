/*
 * payload.c - the structs of the ABI. A struct's keys are all looked at first; then its fields are read from where they stand, in the
 * order of ABI.md's tables. The reader's rejection sticks, so each function reads on to its end and the first bad field is what it tells.
 */
#include "payload.h"

#include <string.h>

#include "tracestate.h"
#include "utf8.h"

enum {
  START_NAME,
  START_KIND,
  START_PARENT,
  START_PARENT_IS_REMOTE,
  START_PARENT_FLAGS,
  START_TRACE_STATE,
  START_ATTRIBUTES,
  START_LINKS,
  START_TIME,
  START_FIELDS
};

static const bext_field START[START_FIELDS] = {
    [START_NAME] = BEXT_FIELD("name"),
    [START_KIND] = BEXT_FIELD("kind"),
    [START_PARENT] = BEXT_FIELD("parent"),
    [START_PARENT_IS_REMOTE] = BEXT_FIELD("parent_is_remote"),
    [START_PARENT_FLAGS] = BEXT_FIELD("parent_flags"),
    [START_TRACE_STATE] = BEXT_FIELD("trace_state"),
    [START_ATTRIBUTES] = BEXT_FIELD("attributes"),
    [START_LINKS] = BEXT_FIELD("links"),
    [START_TIME] = BEXT_FIELD("start_time_unix_nanos"),
};

enum { LINK_HANDLE, LINK_ATTRIBUTES, LINK_FIELDS };

static const bext_field LINK[LINK_FIELDS] = {
    [LINK_HANDLE] = BEXT_FIELD("handle"),
    [LINK_ATTRIBUTES] = BEXT_FIELD("attributes"),
};

enum { STATUS_CODE, STATUS_MESSAGE, STATUS_FIELDS };

static const bext_field STATUS[STATUS_FIELDS] = {
    [STATUS_CODE] = BEXT_FIELD("code"),
    [STATUS_MESSAGE] = BEXT_FIELD("message"),
};

enum { EVENT_NAME, EVENT_ATTRIBUTES, EVENT_TIME, EVENT_FIELDS };

static const bext_field EVENT[EVENT_FIELDS] = {
    [EVENT_NAME] = BEXT_FIELD("name"),
    [EVENT_ATTRIBUTES] = BEXT_FIELD("attributes"),
    [EVENT_TIME] = BEXT_FIELD("time_unix_nanos"),
};

/* --- Fields by position, NULL for one that is absent ----------------------------------------------------------------- */

/* Moves to a field that may be absent; tells whether there is something to read. */
static bool at_optional(bext_reader *reader, const uint8_t *position) {
  if (!position || reader->rejection) return false;
  reader->at = position;
  return true;
}

static void at_required(bext_reader *reader, const uint8_t *position) {
  if (!at_optional(reader, position)) bext_reject(reader, BEXT_REJECT_MISSING_FIELD);
}

static bext_text text_or_empty(bext_reader *reader, const uint8_t *position) {
  bext_text empty = {NULL, 0};
  return at_optional(reader, position) ? bext_read_text(reader) : empty;
}

static uint64_t uint_or(bext_reader *reader, const uint8_t *position, uint64_t absent) {
  return at_optional(reader, position) ? bext_read_uint(reader) : absent;
}

static uint64_t time_or_zero(bext_reader *reader, const uint8_t *position) {
  return at_optional(reader, position) ? bext_read_time(reader) : 0;
}

static bext_attributes attributes_or_none(bext_reader *reader, const uint8_t *position) {
  bext_attributes none = {NULL, 0, 0};
  return at_optional(reader, position) ? bext_read_attributes(reader) : none;
}

/* --- SpanLink -------------------------------------------------------------------------------------------------------- */

/* Reads a link whole and leaves the reader behind it, whatever is read of its fields. */
static void read_link(bext_reader *reader, bext_link_view *out) {
  const uint8_t *at[LINK_FIELDS];
  bext_read_fields(reader, LINK, LINK_FIELDS, at);
  const uint8_t *end = reader->at;
  at_required(reader, at[LINK_HANDLE]);
  out->handle = bext_read_handle(reader);
  out->attributes = attributes_or_none(reader, at[LINK_ATTRIBUTES]);
  reader->at = end;
}

static bext_links links_or_none(bext_reader *reader, const uint8_t *position) {
  bext_links links = {NULL, 0};
  if (!at_optional(reader, position)) return links;
  links.left = (uint32_t)bext_read_kind(reader, BEXT_KIND_ARRAY).size; /* a count has at most 32 bits on the wire */
  links.at = reader->at;
  bext_link_view link;
  for (uint32_t left = links.left; left && !reader->rejection; left--) read_link(reader, &link);
  return links;
}

bool bext_links_next(bext_links *links, bext_link_view *out) {
  while (links->left) {
    bext_reader reader = {links->at, BEXT_ACCEPTED};
    read_link(&reader, out);
    links->at = reader.at;
    links->left--;
    if (!bext_handle_is_invalid(&out->handle)) return true;
  }
  return false;
}

/* --- SpanStart ------------------------------------------------------------------------------------------------------- */

static enum bext_span_kind kind_or_internal(bext_reader *reader, const uint8_t *position) {
  uint64_t kind = uint_or(reader, position, BEXT_SPAN_KIND_INTERNAL);
  return kind <= BEXT_SPAN_KIND_CONSUMER ? (enum bext_span_kind)kind : BEXT_SPAN_KIND_INTERNAL;
}

static void read_parent(bext_reader *reader, const uint8_t *position, bext_span_start_view *out) {
  bext_handle_parts nothing = {0, 0, 0};
  out->has_parent = at_optional(reader, position) && !bext_read_nil(reader);
  out->parent = out->has_parent ? bext_read_handle(reader) : nothing;
}

static bext_text valid_trace_state(bext_reader *reader, const uint8_t *position) {
  bext_text empty = {NULL, 0};
  bext_text text = text_or_empty(reader, position);
  return bext_is_trace_state(text.bytes, text.length) ? text : empty;
}

/* --- The usual SpanStart ---------------------------------------------------------------------------------------------- */

/* Steps over this key, as it is written where it is shorter than 32 bytes. */
static bool at_key(const uint8_t **at, const uint8_t *end, const bext_field *field) {
  if ((size_t)(end - *at) < 2 + field->length || **at != (0xa0 | field->length)) return false;
  if (memcmp(*at + 1, field->name, field->length) != 0) return false;
  *at += 1 + field->length; /* and a byte of the value is left */
  return true;
}

static bool read_usual_name(const uint8_t **at, const uint8_t *end, bext_text *out) {
  if (!at_key(at, end, &START[START_NAME])) return false;
  size_t header = **at == 0xd9 ? 2 : 1;
  if ((header == 1 && (**at & 0xe0) != 0xa0) || (size_t)(end - *at) < header) return false;
  *out = (bext_text){*at + header, header == 2 ? (*at)[1] : **at & 0x1fU};
  *at += header;
  if ((size_t)(end - *at) < out->length || !bext_is_utf8(*at, out->length)) return false;
  *at += out->length;
  return true;
}

static bool read_usual_kind(const uint8_t **at, const uint8_t *end, enum bext_span_kind *out) {
  if (!at_key(at, end, &START[START_KIND]) || **at > BEXT_SPAN_KIND_CONSUMER) return false;
  *out = (enum bext_span_kind)*(*at)++;
  return true;
}

/*
 * Decodes a SpanStart as many are, a short name, maybe with a kind, in one look at its bytes. False for any other, good or bad: the
 * general way below judges that.
 */
static bool decode_usual_start(const uint8_t *payload, size_t length, bext_span_start_view *out) {
  if (length < 1 || (payload[0] != 0x81 && payload[0] != 0x82)) return false;
  const uint8_t *at = payload + 1, *end = payload + length;
  *out = (bext_span_start_view){.kind = BEXT_SPAN_KIND_INTERNAL, .parent_flags = BEXT_PARENT_FLAGS_DEFAULT};
  if (!read_usual_name(&at, end, &out->name)) return false;
  return (payload[0] == 0x81 || read_usual_kind(&at, end, &out->kind)) && at == end;
}

/* --- Any SpanStart ---------------------------------------------------------------------------------------------------- */

enum bext_rejection bext_decode_span_start(const uint8_t *payload, size_t length, bext_span_start_view *out) {
  const uint8_t *at[START_FIELDS];
  if (decode_usual_start(payload, length, out)) return BEXT_ACCEPTED;
  bext_reader reader = bext_reader_open(payload, length);
  bext_read_fields(&reader, START, START_FIELDS, at);
  at_required(&reader, at[START_NAME]);
  out->name = bext_read_text(&reader);
  out->kind = kind_or_internal(&reader, at[START_KIND]);
  read_parent(&reader, at[START_PARENT], out);
  out->parent_is_remote = at_optional(&reader, at[START_PARENT_IS_REMOTE]) && bext_read_bool(&reader);
  out->parent_flags = uint_or(&reader, at[START_PARENT_FLAGS], BEXT_PARENT_FLAGS_DEFAULT);
  out->trace_state = valid_trace_state(&reader, at[START_TRACE_STATE]);
  out->attributes = attributes_or_none(&reader, at[START_ATTRIBUTES]);
  out->links = links_or_none(&reader, at[START_LINKS]);
  out->start_time_unix_nanos = time_or_zero(&reader, at[START_TIME]);
  return reader.rejection;
}

/* --- SpanStatus and SpanEvent ---------------------------------------------------------------------------------------- */

static enum bext_status_code read_code(bext_reader *reader) {
  uint64_t code = bext_read_uint(reader);
  if (code <= BEXT_STATUS_ERROR) return (enum bext_status_code)code;
  bext_reject(reader, BEXT_REJECT_OUT_OF_RANGE);
  return BEXT_STATUS_UNSET;
}

enum bext_rejection bext_decode_span_status(const uint8_t *payload, size_t length, bext_span_status_view *out) {
  const uint8_t *at[STATUS_FIELDS];
  bext_reader reader = bext_reader_open(payload, length);
  bext_read_fields(&reader, STATUS, STATUS_FIELDS, at);
  at_required(&reader, at[STATUS_CODE]);
  out->code = read_code(&reader);
  out->message = text_or_empty(&reader, at[STATUS_MESSAGE]);
  return reader.rejection;
}

enum bext_rejection bext_decode_span_event(const uint8_t *payload, size_t length, bext_span_event_view *out) {
  const uint8_t *at[EVENT_FIELDS];
  bext_reader reader = bext_reader_open(payload, length);
  bext_read_fields(&reader, EVENT, EVENT_FIELDS, at);
  at_required(&reader, at[EVENT_NAME]);
  out->name = bext_read_text(&reader);
  out->attributes = attributes_or_none(&reader, at[EVENT_ATTRIBUTES]);
  out->time_unix_nanos = time_or_zero(&reader, at[EVENT_TIME]);
  return reader.rejection;
}
