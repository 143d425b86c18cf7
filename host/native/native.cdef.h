/*
 * native.cdef.h - what Python sees of the native engine, for cffi. The C compiler checks every line against the headers beside this file
 * and fills in what `...` leaves out.
 */
typedef struct { const uint8_t *bytes; uint32_t length; } bext_text;
typedef struct { uint64_t trace_id_hi, trace_id_lo, span_id; } bext_handle_parts;

typedef union { bext_text text; int64_t integer; double number; bool boolean; } bext_scalar;
typedef struct { int type; uint32_t count; bext_scalar scalar; ...; } bext_value_view;
typedef struct { ...; } bext_value_items;
typedef struct { bext_text key; bext_value_view value; ...; } bext_attribute_view;
bext_value_items bext_value_items_of(const bext_value_view *value);
bool bext_value_items_next(bext_value_items *items, bext_value_view *out);

typedef struct { bext_attribute_view *items; uint32_t count; uint64_t dropped; } bext_kept_attributes;
typedef struct { bext_handle_parts handle; bext_text trace_state; bext_kept_attributes attributes; } bext_kept_link;
typedef struct { bext_kept_link *items; uint32_t count; uint64_t dropped; } bext_kept_links;

typedef struct {
  bext_text name;
  uint32_t kind;
  bool has_parent;
  bool parent_is_remote;
  bext_handle_parts parent;
  uint32_t parent_flags;
  bext_text trace_state;
  bext_kept_attributes attributes;
  bext_kept_links links;
  uint64_t start_time_unix_nanos;
} bext_start_call;
typedef struct { bext_text name; bext_kept_attributes attributes; uint64_t time_unix_nanos; } bext_event_call;

enum bext_answer { BEXT_ANSWER_TAKEN, BEXT_ANSWER_FAILED, BEXT_ANSWER_STOP };

extern "Python+C" enum bext_answer bext_python_start_span(void *self, const bext_start_call *span, bext_handle_parts *out);
extern "Python+C" enum bext_answer bext_python_set_attribute(void *self, const bext_handle_parts *span, const bext_attribute_view *attribute);
extern "Python+C" enum bext_answer bext_python_set_usual_attribute(intptr_t self, const char *flat, int key_end, int value_end, int type, int64_t integer);
extern "Python+C" enum bext_answer bext_python_set_status(void *self, const bext_handle_parts *span, uint32_t code, const bext_text *message);
extern "Python+C" enum bext_answer bext_python_add_event(void *self, const bext_handle_parts *span, const bext_event_call *event);
extern "Python+C" enum bext_answer bext_python_end_span(void *self, const bext_handle_parts *span, uint64_t end_time_unix_nanos);
extern "Python+C" enum bext_answer bext_python_add_dropped(void *self, const bext_handle_parts *span, uint32_t attributes, uint32_t events);
extern "Python+C" enum bext_answer bext_python_wrong_store(void *self);

typedef struct {
  uint64_t payload_bytes, span_attributes, span_events, span_links, event_attributes, link_attributes, span_bytes, scope_open_spans,
      scope_bytes, scope_ended_parents, queue_spans, queue_bytes;
} bext_limits;
typedef struct { uint64_t calls[6]; uint64_t recorded[6]; uint64_t dropped[17]; uint64_t unsampled; uint64_t ignored; } bext_counters;

typedef struct { uint64_t calls; uint64_t payload_bytes; uint64_t nanos; } bext_traffic;

typedef struct bext_scope bext_scope;
bext_scope *bext_scope_new(const bext_limits *limits, int policy);
void bext_scope_release(bext_scope *scope);
void bext_scope_count_drop(bext_scope *scope, unsigned reason);
void bext_scope_counters(bext_scope *scope, bext_counters *out);
bool bext_scope_is_closed(bext_scope *scope);
size_t bext_scope_open_spans(bext_scope *scope);
bool bext_scope_current(bext_scope *scope, bext_handle_parts *out);
bool bext_scope_push_current(bext_scope *scope, const bext_handle_parts *handle);
void bext_scope_pop_current(bext_scope *scope);
void bext_scope_grant(bext_scope *scope, const bext_handle_parts *handle);
void bext_scope_traffic(bext_scope *scope, bext_traffic *out);
void bext_scope_mark_time(bext_scope *scope, uint64_t millis);
bool bext_scope_take_last_before(bext_scope *scope, uint64_t before_millis, bext_handle_parts *out);
void bext_scope_close(bext_scope *scope);
bool bext_scope_take_last(bext_scope *scope, bext_handle_parts *out);

typedef struct { size_t extern_size, extern_of, memory_size, func_size, types_size, value_size; } bext_layouts;
bext_layouts bext_wasmtime_layouts(void);
void bext_set_wasmtime_functions(void *const *functions, size_t count);

typedef struct { size_t size; uint8_t bytes[]; } bext_finished;
typedef struct { uint64_t count; ...; } bext_waiting;
void bext_waiting_free(bext_waiting *waiting);
typedef struct { uint64_t count; uint64_t payload_bytes; bext_finished *spans[]; ...; } bext_batch;
bext_batch *bext_batch_cut(bext_waiting *from, uint64_t at_most_spans, uint64_t at_most_bytes);
void bext_batch_free(bext_batch *batch);

typedef struct { uint8_t *bytes; size_t used; ...; } bext_proto;
void bext_proto_free(bext_proto *out);
enum bext_proto_error { BEXT_PROTO_NO_MEMORY, BEXT_PROTO_TOO_LARGE, ... };
typedef struct { bext_text text; bool is_prefix; } bext_guarded_key;
typedef struct { const bext_guarded_key *keys; uint32_t count; bext_text put_before; } bext_guarded_keys;
int bext_otlp_encode(const bext_batch *batch, uint64_t from, uint64_t to, const uint8_t *resource, size_t resource_length,
                     const bext_guarded_keys *guarded, bext_proto *out, uint64_t *refused);

typedef struct bext_recorder bext_recorder;
typedef struct { bool is_always; uint64_t below; } bext_sampler;
typedef struct { uint64_t started; uint64_t ended; uint64_t unsampled; uint64_t dropped[17]; } bext_recorder_counters;
bext_recorder *bext_recorder_new(const bext_limits *limits, bext_sampler sampler);
void bext_recorder_release(bext_recorder *recorder);
void bext_recorder_forget_spans(bext_recorder *recorder);
uint64_t bext_recorder_open_spans(bext_recorder *recorder);
uint64_t bext_recorder_queued_spans(bext_recorder *recorder);
bool bext_recorder_wait(bext_recorder *recorder, uint64_t at_least_spans, uint64_t nanos);
void bext_recorder_count_drops(bext_recorder *recorder, unsigned reason, uint64_t count);
void bext_recorder_count_unsampled(bext_recorder *recorder);
void bext_recorder_counters_of(bext_recorder *recorder, bext_recorder_counters *out);
bool bext_recorder_is_open(bext_recorder *recorder, const bext_handle_parts *handle);
uint64_t bext_recorder_now(bext_recorder *recorder, const bext_handle_parts *handle);
bool bext_recorder_end(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t end_time_unix_nanos);
bool bext_recorder_add_dropped(bext_recorder *recorder, const bext_handle_parts *handle, uint64_t attributes, uint64_t events);
void bext_recorder_take(bext_recorder *recorder, bext_waiting *out);

bext_handle_parts bext_recorder_open_payload(bext_recorder *recorder, uint64_t trace_id_hi, uint64_t trace_id_lo, const uint8_t *payload,
                                             size_t length, const uint8_t *scope_name, uint32_t name_length,
                                             const uint8_t *scope_version, uint32_t version_length, uint64_t dropped_attributes,
                                             uint64_t dropped_links);
bool bext_recorder_link_payload(bext_recorder *recorder, const bext_handle_parts *handle, const bext_handle_parts *linked, const uint8_t *trace_state,
                                uint32_t trace_state_length, const uint8_t *attributes, size_t length, uint64_t dropped_attributes);
bool bext_recorder_attribute_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length, bool is_host);
bool bext_recorder_event_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length,
                                 uint64_t dropped_attributes, bool is_host);
bool bext_recorder_status_payload(bext_recorder *recorder, const bext_handle_parts *handle, const uint8_t *payload, size_t length, bool is_verdict);

typedef struct bext_guest bext_guest;
bext_guest *bext_python_guest_new(bext_scope *scope, void *self);
bext_guest *bext_recorder_guest_new(bext_scope *scope, void *self, bext_recorder *recorder, const uint8_t *scope_name, uint32_t name_length,
                                    const uint8_t *scope_version, uint32_t version_length);
void bext_guest_measure_time(bext_guest *guest);
void bext_guest_release(bext_guest *guest);
size_t bext_guest_references(bext_guest *guest);
void *bext_guest_define(bext_guest *guest, void *linker, int operation, const void *func_type);

#define BEXT_TRACER_ABI_VERSION ...
