/*
 * decoder.cdef.h - what the tests call of the C decoder, for cffi. It decides nothing: the C compiler checks every line against the
 * headers of host/native and fills in what `...` leaves out. Enums are plain ints here, so that a test sees whatever number comes.
 */
typedef struct { const uint8_t *bytes; uint32_t length; } bext_text;
typedef struct { uint64_t trace_id_hi, trace_id_lo, span_id; } bext_handle_parts;

typedef union { bext_text text; int64_t integer; double number; bool boolean; } bext_scalar;
typedef struct { int type; uint32_t count; bext_scalar scalar; const uint8_t *bytes; size_t length; } bext_value_view;
typedef struct { uint32_t left; ...; } bext_value_items;
typedef struct { bext_text key; bext_value_view value; size_t pair_bytes; const uint8_t *canonical; } bext_attribute_view;
typedef struct { uint32_t malformed; ...; } bext_attributes;

bext_value_items bext_value_items_of(const bext_value_view *value);
bool bext_value_items_next(bext_value_items *items, bext_value_view *out);
bool bext_attributes_next(bext_attributes *attributes, bext_attribute_view *out);

typedef struct { bext_handle_parts handle; bext_attributes attributes; } bext_link_view;
typedef struct { uint32_t left; ...; } bext_links;

bool bext_links_next(bext_links *links, bext_link_view *out);

typedef struct {
  bext_text name;
  int kind;
  bool has_parent, parent_is_remote;
  bext_handle_parts parent;
  uint64_t parent_flags;
  bext_text trace_state;
  bext_attributes attributes;
  bext_links links;
  uint64_t start_time_unix_nanos;
} bext_span_start_view;

typedef struct { int code; bext_text message; } bext_span_status_view;
typedef struct { bext_text name; bext_attributes attributes; uint64_t time_unix_nanos; } bext_span_event_view;

int bext_decode_span_start(const uint8_t *payload, size_t length, bext_span_start_view *out);
int bext_decode_attribute(const uint8_t *payload, size_t length, bext_attribute_view *out);
int bext_decode_span_status(const uint8_t *payload, size_t length, bext_span_status_view *out);
int bext_decode_span_event(const uint8_t *payload, size_t length, bext_span_event_view *out);

int bext_check_framing(const uint8_t *data, size_t length);
bool bext_is_utf8(const uint8_t *bytes, size_t length);
bool bext_is_trace_state(const uint8_t *bytes, size_t length);
bool bext_handle_is_invalid(const bext_handle_parts *handle);

#define BEXT_VALUE_STR ...
#define BEXT_VALUE_BOOL ...
#define BEXT_VALUE_INT ...
#define BEXT_VALUE_FLOAT ...
#define BEXT_VALUE_ARRAY_OFFSET ...
#define BEXT_VALUE_EMPTY_ARRAY ...
