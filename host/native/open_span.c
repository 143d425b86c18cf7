/* open_span.c - one piece of memory for a usual span; more only for what does not fit into it. */
#include "open_span.h"

#include <stdlib.h>
#include <string.h>

#include "packing.h"

/* Bytes that grow at their end. */
typedef struct buffer {
  uint8_t *bytes;
  uint32_t used;
  uint32_t room;
} buffer;

#define USUAL_FIXED_BYTES 192

struct bext_open_span {
  bext_handle_parts handle;
  int64_t clock_offset;
  uint64_t start_time;
  uint64_t payload_bytes;
  uint64_t host_bytes;
  uint64_t guest_attributes;
  uint64_t guest_events;
  uint64_t event_count;
  uint64_t link_count;
  uint64_t dropped_attributes;
  uint64_t dropped_events;
  uint64_t dropped_links;
  uint64_t status_bytes;    /* the part of payload_bytes that the status weighs; 0 where it is the host's */
  bext_text status_message; /* owned */
  uint32_t status_code;
  bool status_is_verdict;
  bext_span_owners owners;
  uint32_t trace_state_length;
  size_t trace_state_at; /* in the fixed fields */
  size_t fixed_room;
  size_t fixed_size; /* a name alone may take all that 32 bits can say */
  buffer events;
  buffer links;
  bext_packed_attributes attributes;
  uint8_t fixed[]; /* the fields that are known at the start, packed */
};

/* Makes room at the end. */
static bool reserve_bytes(buffer *to, uint64_t more) {
  uint64_t needed = to->used + more;
  if (needed <= to->room) return true;
  uint64_t room = needed > 2 * (uint64_t)to->room ? needed : 2 * (uint64_t)to->room;
  if (room > UINT32_MAX) return false;
  uint8_t *larger = realloc(to->bytes, (size_t)room);
  if (!larger) return false;
  to->bytes = larger;
  to->room = (uint32_t)room;
  return true;
}

/* --- Starting ------------------------------------------------------------------------------------------------------------------ */

/* The bytes of a field's name in msgpack: all are shorter than 32. */
#define KEY_BYTES(name) sizeof(name)

bext_text bext_pack_scope(bext_text name, bext_text version) {
  uint64_t size = bext_size_text(name.length) + bext_size_text(version.length);
  uint8_t *bytes = size <= UINT32_MAX ? malloc((size_t)size) : NULL;
  if (!bytes) return (bext_text){NULL, 0};
  bext_put_text(bext_put_text(bytes, name), version);
  return (bext_text){bytes, (uint32_t)size};
}

bext_kept_attributes bext_cut_attributes(const bext_kept_attributes *attributes, uint64_t at_most) {
  bext_kept_attributes cut = *attributes;
  if (cut.count > at_most) {
    cut.dropped += cut.count - at_most;
    cut.count = (uint32_t)at_most;
  }
  return cut;
}

static uint64_t size_attributes_field(const bext_kept_attributes *attributes) {
  return attributes->count ? KEY_BYTES("attributes") + bext_size_attributes(attributes->items, attributes->count) : 0;
}

static uint64_t size_links_field(const bext_kept_links *links, const bext_limits *limits) {
  uint32_t count = links->count < limits->span_links ? links->count : (uint32_t)limits->span_links;
  uint64_t size = count ? KEY_BYTES("links") + bext_size_array(count) : 0;
  for (uint32_t i = 0; i < count; i++) {
    bext_kept_attributes attributes = bext_cut_attributes(&links->items[i].attributes, limits->link_attributes);
    size += 1 + KEY_BYTES("handle") + bext_size_handle(&links->items[i].handle) + size_attributes_field(&attributes);
  }
  return size;
}

static uint64_t size_time_field(uint64_t key_bytes, uint64_t time) { return time ? key_bytes + bext_size_uint(time) : 0; }

uint64_t bext_start_bytes(const bext_start_call *span, const bext_limits *limits) {
  uint64_t size = 1 + KEY_BYTES("name") + bext_size_text(span->name.length);
  if (span->kind) size += KEY_BYTES("kind") + bext_size_uint(span->kind);
  if (span->has_parent) size += KEY_BYTES("parent") + bext_size_handle(&span->parent);
  if (span->parent_is_remote) size += KEY_BYTES("parent_is_remote") + 1;
  if (span->parent_flags != BEXT_PARENT_FLAGS_DEFAULT) size += KEY_BYTES("parent_flags") + bext_size_uint(span->parent_flags);
  if (span->trace_state.length) size += KEY_BYTES("trace_state") + bext_size_text(span->trace_state.length);
  size += size_links_field(&span->links, limits);
  return size + size_time_field(KEY_BYTES("start_time_unix_nanos"), span->start_time_unix_nanos);
}

/* What the fixed fields take at most: all forms are taken for their longest, which is cheaper than to measure them. */
static uint64_t size_fixed(const bext_start_call *span, const bext_span_origin *origin) {
  enum { HEADERS = 5 + 2 * 5, NUMBERS = 9 * (1 + 3 + 3 + 1), OTHERS = 2 + 1 };
  return HEADERS + NUMBERS + OTHERS + (uint64_t)span->name.length + origin->trace_state.length + origin->scope.length;
}

/* Packs the fields that are known now. */
static void put_fixed(bext_open_span *span, const bext_start_call *start, const bext_span_origin *origin) {
  uint8_t *at = bext_put_array(span->fixed, BEXT_FINISHED_FIELDS);
  at = bext_put_text(at, start->name);
  at = bext_put_uint(at, start->kind);
  at = bext_put_handle(at, &origin->handle);
  at = start->has_parent ? bext_put_handle(at, &start->parent) : bext_put_nil(at);
  at = bext_put_bool(at, start->parent_is_remote);
  at = bext_put_uint(at, origin->start_time);
  at = bext_put_text(at, origin->trace_state);
  span->trace_state_at = (size_t)(at - span->fixed) - origin->trace_state.length;
  at = bext_put_raw(at, origin->scope.bytes, origin->scope.length);
  span->fixed_size = (size_t)(at - span->fixed);
}

/* One by one: compilers clear a piece of this size by an instruction that takes longer than all the rest. */
static void init(bext_open_span *span) {
  span->host_bytes = span->status_bytes = span->guest_attributes = span->guest_events = span->event_count = span->link_count = 0;
  span->dropped_events = 0;
  span->status_message = (bext_text){NULL, 0};
  span->status_code = BEXT_STATUS_UNSET;
  span->status_is_verdict = false;
  span->events = span->links = (buffer){NULL, 0, 0};
  bext_packed_attributes_init(&span->attributes);
}

/* Memory for a span whose fixed fields take so much: that of an earlier one, where it is large enough. */
static bext_open_span *make_memory(bext_open_span *memory, uint64_t fixed_size) {
  if (memory && memory->fixed_room >= fixed_size) return memory;
  free(memory);
  uint64_t room = fixed_size < USUAL_FIXED_BYTES ? USUAL_FIXED_BYTES : fixed_size;
  memory = malloc(sizeof *memory + (size_t)room);
  if (!memory) return NULL;
  memory->fixed_room = (size_t)room;
  init(memory);
  return memory;
}

bext_open_span *bext_open_span_new(const bext_start_call *start, const bext_span_origin *origin, bext_open_span *memory) {
  bext_open_span *span = make_memory(memory, size_fixed(start, origin));
  if (!span) return NULL;
  span->handle = origin->handle;
  span->clock_offset = origin->clock_offset;
  span->start_time = origin->start_time;
  span->payload_bytes = origin->payload_bytes;
  span->dropped_attributes = start->attributes.dropped;
  span->dropped_links = start->links.dropped;
  span->trace_state_length = origin->trace_state.length;
  put_fixed(span, start, origin);
  return span;
}

static void free_text(bext_text text) { free((void *)(uintptr_t)text.bytes); }

void bext_open_span_empty(bext_open_span *span) {
  bext_packed_attributes_clear(&span->attributes);
  if (span->events.bytes) free(span->events.bytes);
  if (span->links.bytes) free(span->links.bytes);
  if (span->status_message.bytes) free_text(span->status_message);
  init(span);
}

void bext_open_span_free(bext_open_span *span) {
  bext_open_span_empty(span);
  free(span);
}

uint64_t bext_open_span_weight(const bext_open_span *span) { return span->payload_bytes + span->host_bytes; }

bool bext_open_span_is_small(const bext_open_span *span) { return span->fixed_room <= 4 * USUAL_FIXED_BYTES; }

bext_span_owners *bext_open_span_owners(bext_open_span *span) { return &span->owners; }

const bext_handle_parts *bext_open_span_handle(const bext_open_span *span) { return &span->handle; }

int64_t bext_open_span_clock_offset(const bext_open_span *span) { return span->clock_offset; }

bext_text bext_open_span_trace_state(const bext_open_span *span) {
  return (bext_text){span->fixed + span->trace_state_at, span->trace_state_length};
}

/* --- Attributes ------------------------------------------------------------------------------------------------------------------- */

static bool span_fits(const bext_open_span *span, uint64_t given_back, uint64_t payload_bytes, const bext_limits *limits) {
  return payload_bytes <= given_back || span->payload_bytes - given_back + payload_bytes <= limits->span_bytes;
}

bext_packed_slot *bext_open_span_find_attribute(bext_open_span *span, bext_text key) {
  return bext_packed_attributes_get(&span->attributes, key);
}

static bext_verdict set_guest_attribute(bext_open_span *span, const bext_attribute_view *attribute, const bext_limits *limits,
                                        bext_packed_slot **slot) {
  uint64_t payload_bytes = bext_packed_pair_size(attribute);
  uint64_t given_back = *slot ? (*slot)->guest_bytes : 0;
  if (!given_back && span->guest_attributes >= limits->span_attributes) return BEXT_DROP_ATTRIBUTE_LIMIT;
  if (!span_fits(span, given_back, payload_bytes, limits)) return BEXT_DROP_MEMORY_LIMIT;
  bext_packed_slot *set = bext_packed_attributes_set(&span->attributes, *slot, attribute, payload_bytes);
  if (!set) return BEXT_DROP_MEMORY_LIMIT;
  set->guest_bytes = payload_bytes;
  span->payload_bytes += payload_bytes - given_back;
  span->guest_attributes += !given_back;
  *slot = set;
  return 0;
}

bext_verdict bext_open_span_set_guest_attribute(bext_open_span *span, const bext_attribute_view *attribute, const bext_limits *limits,
                                                bext_packed_slot **slot) {
  bext_verdict verdict = set_guest_attribute(span, attribute, limits, slot);
  span->dropped_attributes += verdict != 0;
  return verdict;
}

static bext_verdict set_host_attribute(bext_open_span *span, const bext_attribute_view *attribute) {
  bext_verdict verdict = bext_open_span_set_host_attribute(span, attribute);
  span->dropped_attributes += verdict != 0;
  return verdict;
}

bext_verdict bext_open_span_set_attribute(bext_open_span *span, const bext_attribute_view *attribute, const bext_limits *limits) {
  if (bext_is_reserved_key(attribute->key)) return set_host_attribute(span, attribute);
  bext_packed_slot *slot = bext_open_span_find_attribute(span, attribute->key);
  return bext_open_span_set_guest_attribute(span, attribute, limits, &slot);
}

bext_verdict bext_open_span_set_host_attribute(bext_open_span *span, const bext_attribute_view *attribute) {
  uint64_t pair_size = bext_packed_pair_size(attribute);
  bext_packed_slot *slot = bext_packed_attributes_get(&span->attributes, attribute->key);
  if (!bext_packed_attributes_set(&span->attributes, slot, attribute, pair_size)) return BEXT_DROP_MEMORY_LIMIT;
  span->host_bytes += pair_size;
  return 0;
}

/* --- Events and links --------------------------------------------------------------------------------------------------------------- */

uint64_t bext_event_bytes(const bext_event_call *event) {
  return 1 + KEY_BYTES("name") + bext_size_text(event->name.length) + size_attributes_field(&event->attributes) +
         size_time_field(KEY_BYTES("time_unix_nanos"), event->time_unix_nanos);
}

static bool put_event(bext_open_span *span, const bext_event_call *event, uint64_t time) {
  const bext_kept_attributes *attributes = &event->attributes;
  uint64_t size = 1 + bext_size_text(event->name.length) + bext_size_attributes(attributes->items, attributes->count) +
                  bext_size_uint(time) + bext_size_uint(attributes->dropped);
  if (!reserve_bytes(&span->events, size)) return false;
  uint8_t *at = bext_put_array(span->events.bytes + span->events.used, 4);
  at = bext_put_text(at, event->name);
  at = bext_put_attributes(at, attributes->items, attributes->count);
  at = bext_put_uint(at, time);
  bext_put_uint(at, attributes->dropped);
  span->events.used += (uint32_t)size;
  span->event_count++;
  return true;
}

static bext_verdict add_guest_event(bext_open_span *span, const bext_event_call *event, uint64_t time, uint64_t payload_bytes,
                                    const bext_limits *limits) {
  if (span->guest_events >= limits->span_events) return BEXT_DROP_EVENT_LIMIT;
  if (!span_fits(span, 0, payload_bytes, limits) || !put_event(span, event, time)) return BEXT_DROP_MEMORY_LIMIT;
  span->payload_bytes += payload_bytes;
  span->guest_events++;
  return 0;
}

bext_verdict bext_open_span_add_event(bext_open_span *span, const bext_event_call *event, uint64_t time, uint64_t payload_bytes,
                                      const bext_limits *limits) {
  bext_verdict verdict = add_guest_event(span, event, time, payload_bytes, limits);
  span->dropped_events += verdict != 0;
  return verdict;
}

bext_verdict bext_open_span_add_host_event(bext_open_span *span, const bext_event_call *event, uint64_t time, uint64_t payload_bytes) {
  if (!put_event(span, event, time)) return BEXT_DROP_MEMORY_LIMIT;
  span->host_bytes += payload_bytes;
  return 0;
}

bext_verdict bext_open_span_add_link(bext_open_span *span, const bext_kept_link *link) {
  const bext_kept_attributes *attributes = &link->attributes;
  uint64_t size = 1 + bext_size_handle(&link->handle) + bext_size_attributes(attributes->items, attributes->count) +
                  bext_size_text(link->trace_state.length) + bext_size_uint(attributes->dropped);
  if (!reserve_bytes(&span->links, size)) return BEXT_DROP_MEMORY_LIMIT;
  uint8_t *at = bext_put_array(span->links.bytes + span->links.used, 4);
  at = bext_put_handle(at, &link->handle);
  at = bext_put_attributes(at, attributes->items, attributes->count);
  at = bext_put_text(at, link->trace_state);
  bext_put_uint(at, attributes->dropped);
  span->links.used += (uint32_t)size;
  span->link_count++;
  return 0;
}

void bext_open_span_add_dropped(bext_open_span *span, uint64_t attributes, uint64_t events, uint64_t links) {
  span->dropped_attributes += attributes;
  span->dropped_events += events;
  span->dropped_links += links;
}

/* --- Status ------------------------------------------------------------------------------------------------------------------------- */

static bool copy_text(bext_text text, bext_text *out) {
  *out = (bext_text){NULL, 0};
  if (!text.length) return true;
  uint8_t *copy = malloc(text.length);
  if (!copy) return false;
  memcpy(copy, text.bytes, text.length);
  *out = (bext_text){copy, text.length};
  return true;
}

static uint64_t status_bytes(uint32_t code, bext_text message) {
  uint64_t message_bytes = message.length ? KEY_BYTES("message") + bext_size_text(message.length) : 0;
  return 1 + KEY_BYTES("code") + bext_size_uint(code) + message_bytes;
}

/* Exchanges what the old status weighed for what the new one does. */
static void weigh_status(bext_open_span *span, uint64_t payload_bytes, bool is_verdict) {
  span->payload_bytes -= span->status_bytes;
  span->status_bytes = is_verdict ? 0 : payload_bytes;
  span->payload_bytes += span->status_bytes;
  if (is_verdict) span->host_bytes += payload_bytes;
}

bext_verdict bext_open_span_set_status(bext_open_span *span, uint32_t code, bext_text message, bool is_verdict, const bext_limits *limits) {
  bool is_final = span->status_is_verdict || span->status_code == BEXT_STATUS_OK || code == BEXT_STATUS_UNSET;
  if (is_final && !is_verdict) return 0;
  bext_text copy;
  if (code != BEXT_STATUS_ERROR) message.length = 0;
  uint64_t payload_bytes = status_bytes(code, message);
  if (!is_verdict && !span_fits(span, span->status_bytes, payload_bytes, limits)) return BEXT_DROP_MEMORY_LIMIT;
  if (!copy_text(message, &copy)) return BEXT_DROP_MEMORY_LIMIT;
  free_text(span->status_message);
  span->status_message = copy;
  span->status_code = code;
  span->status_is_verdict |= is_verdict;
  weigh_status(span, payload_bytes, is_verdict);
  return 0;
}

/* --- The end ------------------------------------------------------------------------------------------------------------------------- */

/* What the whole takes at most, as for the fixed fields. */
static uint64_t size_finished(const bext_open_span *span) {
  enum { HEADERS = 4 * 5, NUMBERS = 5 * 9 };
  return HEADERS + NUMBERS + (uint64_t)span->fixed_size + span->links.used + span->attributes.used + span->events.used +
         span->status_message.length;
}

static uint8_t *put_finished(uint8_t *at, const bext_open_span *span, uint64_t end_time) {
  at = bext_put_raw(at, span->fixed, span->fixed_size);
  at = bext_put_raw(bext_put_array(at, span->link_count), span->links.bytes, span->links.used);
  at = bext_packed_attributes_put(at, &span->attributes);
  at = bext_put_raw(bext_put_array(at, span->event_count), span->events.bytes, span->events.used);
  at = bext_put_uint(at, span->status_code);
  at = bext_put_text(at, span->status_message);
  at = bext_put_uint(at, end_time);
  at = bext_put_uint(at, span->dropped_attributes);
  at = bext_put_uint(at, span->dropped_events);
  return bext_put_uint(at, span->dropped_links);
}

bext_finished_place bext_open_span_finish(bext_open_span *span, uint64_t end_time_unix_nanos, bext_finished_memory *memory) {
  uint64_t end_time = end_time_unix_nanos < span->start_time ? span->start_time : end_time_unix_nanos;
  bext_finished_place place = bext_finished_new(memory, size_finished(span));
  if (!place.span) return place;
  bext_finished_trim(memory, place, (size_t)(put_finished(place.span->bytes, span, end_time) - place.span->bytes));
  return place;
}
