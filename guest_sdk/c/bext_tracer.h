/*
 * bext_tracer.h - tracing for WebAssembly plugins in C and C++: the bext tracer ABI, version 1 (abi/ABI.md).
 *
 * One file, C99 or C++11, freestanding: no libc, no allocation, no imports beyond those of the ABI. Exactly one source
 * file defines BEXT_TRACER_IMPLEMENTATION before it includes this header; any number of others include it plainly.
 *
 *     #define BEXT_TRACER_IMPLEMENTATION
 *     #include "bext_tracer.h"
 *
 *     bext_handle span = bext_start_under_current("GET /", BEXT_SPAN_KIND_SERVER);
 *     bext_set_str(&span, "http.route", "/");
 *     bext_end(&span);
 *
 * Rules that hold for every function:
 * - Nothing fails and nothing traps. What cannot be recorded is left out, and bext_dropped() counts it.
 * - On an INVALID handle (a span that was not sampled) nothing is called and nothing counted.
 * - A `const char *` ends with NUL, and NULL reads as "". The `_n` functions take a length in bytes instead, and NUL
 *   bytes pass.
 * - Each ill-formed maximal subsequence of UTF-8 is replaced by U+FFFD.
 * - Whatever the order of the calls, the bytes are the ABI's canonical encoding.
 * - Pointers are read during the call, those in a builder or a value until the span has started; a handle is copied
 *   by the host.
 * - One thread only, as a WebAssembly instance has.
 *
 * Configuration, defined before the implementation is included:
 *   BEXT_TRACER_SCRATCH_SIZE  bytes of the buffer in which payloads are made (default 65536, as many as hosts take;
 *                             at least 1024)
 *   BEXT_TRACER_ARENA_SIZE    bytes of the arena behind bext_alloc (default 65536; a multiple of 8)
 *   BEXT_TRACER_USE_MALLOC    bext_alloc is libc's malloc, and there is no arena
 *   BEXT_TRACER_NO_ALLOC      neither: the guest brings its own bext_alloc and bext_free
 *
 * abi/bext_tracer_abi.h may be included in the same file, before this header.
 */
#ifndef BEXT_TRACER_H
#define BEXT_TRACER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Numbers of the ABI, the same names as in abi/bext_tracer_abi.h --------------------------------------------- */

#ifndef BEXT_TRACER_ABI_H

#define BEXT_TRACER_ABI_VERSION 1
#define BEXT_HANDLE_SIZE 24
#define BEXT_HANDLE_OFFSET_TRACE_ID_HI 0
#define BEXT_HANDLE_OFFSET_TRACE_ID_LO 8
#define BEXT_HANDLE_OFFSET_SPAN_ID 16
#define BEXT_TRACE_FLAG_SAMPLED 1
#define BEXT_PARENT_FLAGS_DEFAULT 1
#define BEXT_MAX_TIME_UNIX_NANOS INT64_MAX

enum bext_span_kind {
  BEXT_SPAN_KIND_INTERNAL = 0,
  BEXT_SPAN_KIND_SERVER = 1,
  BEXT_SPAN_KIND_CLIENT = 2,
  BEXT_SPAN_KIND_PRODUCER = 3,
  BEXT_SPAN_KIND_CONSUMER = 4
};

enum bext_status_code {
  BEXT_STATUS_UNSET = 0,
  BEXT_STATUS_OK = 1,
  BEXT_STATUS_ERROR = 2
};

#endif /* BEXT_TRACER_ABI_H */

/* Inline, so that what is known when a guest is compiled costs nothing, such as the type of a value. */
#define BEXT_INLINE static inline __attribute__((always_inline, unused))

/* --- Types ------------------------------------------------------------------------------------------------------ */

#ifdef __cplusplus
typedef bool bext_boolean;
#else
typedef _Bool bext_boolean;
#endif

/*
 * A span, as a plain value: copy it, keep it, pass its address as a parent. Ids as numbers, the first byte of the W3C
 * form on top.
 */
typedef struct bext_handle {
  uint64_t trace_id_hi;
  uint64_t trace_id_lo;
  uint64_t span_id;
} bext_handle;

BEXT_INLINE bext_handle bext_handle_make(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id) {
  bext_handle handle = {trace_id_hi, trace_id_lo, span_id};
  return handle;
}

/* The handle of a span that was not sampled. */
#define BEXT_HANDLE_INVALID (bext_handle_make(0, 0, 0))

/* True for a zero trace id or a zero span id. */
BEXT_INLINE bext_boolean bext_handle_is_invalid(const bext_handle *handle) {
  return (handle->trace_id_hi | handle->trace_id_lo) == 0 || handle->span_id == 0;
}

/* Eight bytes, whatever the size of an address: structs are laid out alike on every machine. */
typedef union bext_impl_payload {
  uint64_t bits;
  const void *address;
} bext_impl_payload;

/*
 * An attribute's value. Make it with the functions below; it borrows the text or the items. Its fields are private, as
 * are those of the structs that follow. A length or a count always stands right behind the address that it belongs to.
 */
typedef struct bext_value {
  bext_impl_payload payload; /* the number, or where text or items are */
  uint32_t count;            /* bytes of a str, items of an array */
  uint32_t type;
} bext_value;

/* An attribute of a span, an event or a link. Make it with bext_attr or bext_attr_n. */
typedef struct bext_attribute {
  bext_value key; /* a str */
  bext_value value;
} bext_attribute;

/* A link to another span. Make it with bext_link_to. */
typedef struct bext_link {
  bext_impl_payload other;
  bext_impl_payload attributes;
  uint32_t attribute_count;
  uint32_t reserved;
} bext_link;

/* What a traceparent says. */
typedef struct bext_traceparent {
  uint64_t version; /* private */
  bext_handle span; /* never INVALID where bext_traceparent_parse returned true */
  uint64_t flags;   /* trace-flags, 0 to 255; bit 0 says that the span was sampled */
} bext_traceparent;

/* A span that is to be started. */
typedef struct bext_span_builder {
  bext_impl_payload name;
  uint32_t name_length;
  uint32_t reserved_1;
  uint64_t kind;
  bext_impl_payload parent;
  uint64_t parent_is_remote; /* 0, or the byte for true */
  uint64_t flipped_flags;    /* in which the default, BEXT_PARENT_FLAGS_DEFAULT, is 0 */
  bext_impl_payload trace_state;
  uint32_t trace_state_length;
  uint32_t reserved_2;
  bext_impl_payload attributes;
  uint32_t attribute_count;
  uint32_t reserved_3;
  bext_impl_payload links;
  uint32_t link_count;
  uint32_t reserved_4;
  uint64_t start_time;
  uint64_t event_time;  /* of an event, never of a span */
  uint64_t status_code; /* of a status, never of a span */
} bext_span_builder;

/* --- Values ----------------------------------------------------------------------------------------------------- */

BEXT_INLINE bext_value bext_str(const char *text);
BEXT_INLINE bext_value bext_str_n(const char *text, size_t length);
BEXT_INLINE bext_value bext_bool(bext_boolean value);
BEXT_INLINE bext_value bext_i64(int64_t value);
BEXT_INLINE bext_value bext_f64(double value);

/* Arrays, which may be empty. The items of a str array are values made by bext_str or bext_str_n, and only these. */
BEXT_INLINE bext_value bext_str_array(const bext_value *items, size_t count);
BEXT_INLINE bext_value bext_bool_array(const bext_boolean *items, size_t count);
BEXT_INLINE bext_value bext_i64_array(const int64_t *items, size_t count);
BEXT_INLINE bext_value bext_f64_array(const double *items, size_t count);

BEXT_INLINE bext_attribute bext_attr(const char *key, bext_value value);
BEXT_INLINE bext_attribute bext_attr_n(const char *key, size_t key_length, bext_value value);

/* --- Spans, the short way: one call ----------------------------------------------------------------------------- */

/*
 * Start a span below `parent`, on the host's clock. Returns its handle: INVALID where it is not sampled, and without
 * asking the host where the parent is INVALID. A NULL parent is none. A name longer than an eighth of the scratch
 * buffer is cut at a character and counted.
 */
BEXT_INLINE bext_handle bext_start(const char *name, enum bext_span_kind kind, const bext_handle *parent);

/* The same without a parent: the span starts a new trace. */
BEXT_INLINE bext_handle bext_start_root(const char *name, enum bext_span_kind kind);

/* The same below the host's span round this call, or without a parent where there is none. */
BEXT_INLINE bext_handle bext_start_under_current(const char *name, enum bext_span_kind kind);

/*
 * The host's span round the running call. True: there is one, and `*out` is its handle (INVALID where it was not
 * sampled). False: there is none, and `*out` is left as it was. You may add to that span, but only the host ends it.
 */
BEXT_INLINE bext_boolean bext_current_span(bext_handle *out);

/*
 * Set one attribute of an open span, or overwrite it. An attribute that does not fit into the scratch buffer is
 * dropped and counted. The host drops an empty key, and keys that start with `bext.`.
 */
BEXT_INLINE void bext_set(const bext_handle *span, const char *key, bext_value value);
BEXT_INLINE void bext_set_n(const bext_handle *span, const char *key, size_t key_length, bext_value value);
BEXT_INLINE void bext_set_str(const bext_handle *span, const char *key, const char *value);
BEXT_INLINE void bext_set_bool(const bext_handle *span, const char *key, bext_boolean value);
BEXT_INLINE void bext_set_i64(const bext_handle *span, const char *key, int64_t value);
BEXT_INLINE void bext_set_f64(const bext_handle *span, const char *key, double value);

/*
 * Set the status of an open span. A message longer than an eighth of the scratch buffer is cut at a character and
 * counted; a code that is none of the three is dropped and counted. The host keeps the message of an error only; ok is
 * final, unset never overwrites.
 */
BEXT_INLINE void bext_set_status(const bext_handle *span, enum bext_status_code code, const char *message);
BEXT_INLINE void bext_set_status_n(const bext_handle *span, enum bext_status_code code, const char *message,
                                   size_t length);
BEXT_INLINE void bext_set_ok(const bext_handle *span);
BEXT_INLINE void bext_set_error(const bext_handle *span, const char *message);

/*
 * Add an event, on the host's clock; with attributes (NULL and 0 for none) and at a time in nanoseconds since 1970 (0
 * for the host's clock) the second way. Name, attributes and time are treated as those of a span.
 */
BEXT_INLINE void bext_event(const bext_handle *span, const char *name);
BEXT_INLINE void bext_event_with(const bext_handle *span, const char *name, const bext_attribute *attributes,
                                 size_t count, uint64_t time_unix_nanos);
BEXT_INLINE void bext_event_with_n(const bext_handle *span, const char *name, size_t name_length,
                                   const bext_attribute *attributes, size_t count, uint64_t time_unix_nanos);

/*
 * End a span, on the host's clock or at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as
 * its clock.
 */
BEXT_INLINE void bext_end(const bext_handle *span);
BEXT_INLINE void bext_end_at(const bext_handle *span, uint64_t end_time_unix_nanos);

/* --- Spans, piece by piece -------------------------------------------------------------------------------------- */

/*
 * Begin a span. What is said of it afterwards is borrowed until it is started; of two calls for the same thing the last
 * one counts. A piece that does not fit into the scratch buffer then is dropped alone and counted, and the span still
 * starts.
 */
BEXT_INLINE void bext_span_init(bext_span_builder *builder, const char *name, enum bext_span_kind kind);
BEXT_INLINE void bext_span_init_n(bext_span_builder *builder, const char *name, size_t name_length,
                                  enum bext_span_kind kind);

/* Set the parent, NULL for none. Without one the span is a root; below an INVALID parent it is INVALID. */
BEXT_INLINE void bext_span_parent(bext_span_builder *builder, const bext_handle *parent);

/*
 * Set a parent from another process, and the W3C tracestate ("" for none; one that is longer than an eighth of the
 * scratch buffer is dropped and counted). The host's policy decides what becomes of it; an INVALID one is no parent.
 */
BEXT_INLINE void bext_span_remote_parent(bext_span_builder *builder, const bext_traceparent *parent,
                                         const char *trace_state);
BEXT_INLINE void bext_span_remote_parent_n(bext_span_builder *builder, const bext_traceparent *parent,
                                           const char *trace_state, size_t trace_state_length);

/* Set the attributes; of two with the same key the host takes the last one. One that does not fit is dropped alone. */
BEXT_INLINE void bext_span_attributes(bext_span_builder *builder, const bext_attribute *attributes, size_t count);

/* Set the links. Each that does not fit is dropped alone; one to an INVALID handle is skipped, and not counted. */
BEXT_INLINE void bext_span_links(bext_span_builder *builder, const bext_link *links, size_t count);

/* A link to `other`, with attributes (NULL and 0 for none). */
BEXT_INLINE bext_link bext_link_to(const bext_handle *other, const bext_attribute *attributes, size_t count);

/* Set the start time in nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted. */
BEXT_INLINE void bext_span_start_time(bext_span_builder *builder, uint64_t start_time_unix_nanos);

/* Start the span and return its handle, INVALID where it is not sampled. The builder stays as it was. */
BEXT_INLINE bext_handle bext_span_start(const bext_span_builder *builder);

/* --- W3C traceparent -------------------------------------------------------------------------------------------- */

#define BEXT_TRACEPARENT_SIZE 56 /* 55 characters and NUL */

/* Write `span` as a traceparent of version 00. False for an INVALID handle, and `out` is then "". */
bext_boolean bext_traceparent_format(const bext_handle *span, bext_boolean sampled, char out[BEXT_TRACEPARENT_SIZE]);

/*
 * Read a traceparent. True: it is valid, and `*out` says what it says. False: it is none, and `out->span` is INVALID.
 * A version above 00 may carry more fields, which are ignored.
 */
BEXT_INLINE bext_boolean bext_traceparent_parse(const char *text, bext_traceparent *out);
bext_boolean bext_traceparent_parse_n(const char *text, size_t length, bext_traceparent *out);

/* --- Drops, memory, exports ------------------------------------------------------------------------------------- */

/*
 * How many pieces this SDK dropped or cut since the instance started. Stays at 2^32-1. What the host drops, the host
 * counts.
 */
uint32_t bext_dropped(void);

/*
 * The exports through which the host hands over the arguments of a hook. bext_alloc returns `length` bytes, aligned
 * to 8, or NULL where the arena is full or `length` is 0. bext_free gives a block back, in any order, each block once;
 * NULL and a pointer from elsewhere are ignored. The whole arena is there again when the last block has come back.
 */
void *bext_alloc(uint32_t length);
void bext_free(void *block, uint32_t length);

/* The marker export: this guest speaks version 1. The host never calls it. */
void bext_tracer_abi_v1(void);

/* Exports a function of the guest: BEXT_EXPORT("on_reload") void on_reload(void) { ... } */
#if defined(__wasm32__)
#define BEXT_EXPORT(name) __attribute__((export_name(name)))
#define BEXT_IMPORT(name) __attribute__((import_module("bext"), import_name(name)))
#else
#define BEXT_EXPORT(name)
#define BEXT_IMPORT(name)
#endif

/* The imports. Natively they are plain functions, which a test brings along. */
BEXT_IMPORT("start_span")
void bext_abi_start_span(const uint8_t *span_ptr, uint32_t span_len, uint8_t *handle_out);

BEXT_IMPORT("set_attribute")
void bext_abi_set_attribute(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const uint8_t *attribute_ptr,
                            uint32_t attribute_len);

BEXT_IMPORT("set_status")
void bext_abi_set_status(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const uint8_t *status_ptr,
                         uint32_t status_len);

BEXT_IMPORT("add_event")
void bext_abi_add_event(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const uint8_t *event_ptr,
                        uint32_t event_len);

BEXT_IMPORT("end_span")
void bext_abi_end_span(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, uint64_t end_time_unix_nanos);

BEXT_IMPORT("current_span")
uint32_t bext_abi_current_span(uint8_t *handle_out);

/* --- What stands behind the functions above. Private: call none of it. -------------------------------------------- */

/*
 * What the implementation can write. First the types of an attribute: an array's is its items' and BEXT_IMPL_ARRAY.
 * Then what else stands in a payload; the numbers are those in the tables of fields.
 */
enum bext_impl_type {
  BEXT_IMPL_STR,
  BEXT_IMPL_BOOL,
  BEXT_IMPL_I64,
  BEXT_IMPL_F64,
  BEXT_IMPL_ARRAY,
  BEXT_IMPL_ATTRIBUTE = 8,
  BEXT_IMPL_LINK,
  BEXT_IMPL_ID,
  BEXT_IMPL_HANDLE,
  BEXT_IMPL_ATTRIBUTES = BEXT_IMPL_ATTRIBUTE + BEXT_IMPL_ARRAY,
  BEXT_IMPL_LINKS = BEXT_IMPL_LINK + BEXT_IMPL_ARRAY,
  BEXT_IMPL_TIME,
  BEXT_IMPL_BYTE,
  BEXT_IMPL_FLAGS,
  BEXT_IMPL_CUT_STR,      /* from here on bit 0 says that a long one is cut, not dropped, */
  BEXT_IMPL_OPTIONAL_STR, /* and bit 1 that an empty one is left out */
  BEXT_IMPL_MESSAGE
};

/* A length: the text ends with NUL. */
#define BEXT_IMPL_NUL UINT32_MAX

/* A parent: the host's span round the call. */
#define BEXT_IMPL_CURRENT ((const bext_handle *)(uintptr_t)1)

void bext_impl_start_now(bext_handle *out, const char *name, uint32_t length, uint32_t kind, const bext_handle *parent);
void bext_impl_set(const bext_handle *span, const char *key, uint32_t key_length, uint32_t type, uint32_t count,
                   uint64_t bits);
void bext_impl_set_status(const bext_handle *span, uint32_t code, const char *message, uint32_t length);
void bext_impl_event(const bext_handle *span, const char *name, uint32_t length, const bext_attribute *attributes,
                     uint32_t count, uint64_t time);
void bext_impl_end(const bext_handle *span, uint64_t end_time_unix_nanos);
void bext_impl_init(bext_span_builder *builder, const char *name, uint32_t length, uint32_t kind);
void bext_impl_start(bext_handle *out, const bext_span_builder *builder);

/* A length or count as 32 bits, which is all of it in WebAssembly. */
BEXT_INLINE uint32_t bext_impl_count(size_t count) { return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX; }

BEXT_INLINE uint32_t bext_impl_kind(enum bext_span_kind kind) {
  return (uint32_t)kind > BEXT_SPAN_KIND_CONSUMER ? (uint32_t)BEXT_SPAN_KIND_INTERNAL : (uint32_t)kind;
}

BEXT_INLINE bext_impl_payload bext_impl_address(const void *address) {
  bext_impl_payload payload;
  payload.address = address;
  return payload;
}

BEXT_INLINE bext_value bext_impl_value(uint32_t type, size_t count, uint64_t bits) {
  bext_value value = {{bits}, bext_impl_count(count), type};
  return value;
}

BEXT_INLINE bext_value bext_impl_array(uint32_t type, const void *items, size_t count) {
  return bext_impl_value(BEXT_IMPL_ARRAY | type, count, (uint64_t)(uintptr_t)items);
}

BEXT_INLINE bext_value bext_str_n(const char *text, size_t length) {
  return bext_impl_value(BEXT_IMPL_STR, length, (uint64_t)(uintptr_t)text);
}

BEXT_INLINE bext_value bext_str(const char *text) { return bext_str_n(text, BEXT_IMPL_NUL); }

BEXT_INLINE bext_value bext_bool(bext_boolean value) { return bext_impl_value(BEXT_IMPL_BOOL, 0, value); }

BEXT_INLINE bext_value bext_i64(int64_t value) { return bext_impl_value(BEXT_IMPL_I64, 0, (uint64_t)value); }

BEXT_INLINE bext_value bext_f64(double value) {
  uint64_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bext_impl_value(BEXT_IMPL_F64, 0, bits);
}

BEXT_INLINE bext_value bext_str_array(const bext_value *items, size_t count) {
  return bext_impl_array(BEXT_IMPL_STR, items, count); /* the address of a text comes first in a value */
}

BEXT_INLINE bext_value bext_bool_array(const bext_boolean *items, size_t count) {
  return bext_impl_array(BEXT_IMPL_BOOL, items, count);
}

BEXT_INLINE bext_value bext_i64_array(const int64_t *items, size_t count) {
  return bext_impl_array(BEXT_IMPL_I64, items, count);
}

BEXT_INLINE bext_value bext_f64_array(const double *items, size_t count) {
  return bext_impl_array(BEXT_IMPL_F64, items, count);
}

BEXT_INLINE bext_attribute bext_attr_n(const char *key, size_t key_length, bext_value value) {
  bext_attribute attribute = {bext_str_n(key, key_length), value};
  return attribute;
}

BEXT_INLINE bext_attribute bext_attr(const char *key, bext_value value) {
  return bext_attr_n(key, BEXT_IMPL_NUL, value);
}

BEXT_INLINE bext_handle bext_start(const char *name, enum bext_span_kind kind, const bext_handle *parent) {
  bext_handle span;
  bext_impl_start_now(&span, name, BEXT_IMPL_NUL, bext_impl_kind(kind), parent);
  return span;
}

BEXT_INLINE bext_handle bext_start_root(const char *name, enum bext_span_kind kind) {
  return bext_start(name, kind, NULL);
}

BEXT_INLINE bext_handle bext_start_under_current(const char *name, enum bext_span_kind kind) {
  return bext_start(name, kind, BEXT_IMPL_CURRENT);
}

BEXT_INLINE bext_boolean bext_current_span(bext_handle *out) { return bext_abi_current_span((uint8_t *)out) != 0; }

BEXT_INLINE void bext_set_n(const bext_handle *span, const char *key, size_t key_length, bext_value value) {
  bext_impl_set(span, key, bext_impl_count(key_length), value.type, value.count, value.payload.bits);
}

BEXT_INLINE void bext_set(const bext_handle *span, const char *key, bext_value value) {
  bext_set_n(span, key, BEXT_IMPL_NUL, value);
}

BEXT_INLINE void bext_set_str(const bext_handle *span, const char *key, const char *value) {
  bext_set(span, key, bext_str(value));
}

BEXT_INLINE void bext_set_bool(const bext_handle *span, const char *key, bext_boolean value) {
  bext_set(span, key, bext_bool(value));
}

BEXT_INLINE void bext_set_i64(const bext_handle *span, const char *key, int64_t value) {
  bext_set(span, key, bext_i64(value));
}

BEXT_INLINE void bext_set_f64(const bext_handle *span, const char *key, double value) {
  bext_set(span, key, bext_f64(value));
}

BEXT_INLINE void bext_set_status_n(const bext_handle *span, enum bext_status_code code, const char *message,
                                   size_t length) {
  bext_impl_set_status(span, (uint32_t)code, message, bext_impl_count(length));
}

BEXT_INLINE void bext_set_status(const bext_handle *span, enum bext_status_code code, const char *message) {
  bext_set_status_n(span, code, message, BEXT_IMPL_NUL);
}

BEXT_INLINE void bext_set_ok(const bext_handle *span) { bext_set_status_n(span, BEXT_STATUS_OK, NULL, 0); }

BEXT_INLINE void bext_set_error(const bext_handle *span, const char *message) {
  bext_set_status(span, BEXT_STATUS_ERROR, message);
}

BEXT_INLINE void bext_event_with_n(const bext_handle *span, const char *name, size_t name_length,
                                   const bext_attribute *attributes, size_t count, uint64_t time_unix_nanos) {
  bext_impl_event(span, name, bext_impl_count(name_length), attributes, bext_impl_count(count), time_unix_nanos);
}

BEXT_INLINE void bext_event_with(const bext_handle *span, const char *name, const bext_attribute *attributes,
                                 size_t count, uint64_t time_unix_nanos) {
  bext_event_with_n(span, name, BEXT_IMPL_NUL, attributes, count, time_unix_nanos);
}

BEXT_INLINE void bext_event(const bext_handle *span, const char *name) { bext_event_with(span, name, NULL, 0, 0); }

BEXT_INLINE void bext_end_at(const bext_handle *span, uint64_t end_time_unix_nanos) {
  bext_impl_end(span, end_time_unix_nanos);
}

BEXT_INLINE void bext_end(const bext_handle *span) { bext_end_at(span, 0); }

BEXT_INLINE void bext_span_init_n(bext_span_builder *builder, const char *name, size_t name_length,
                                  enum bext_span_kind kind) {
  bext_impl_init(builder, name, bext_impl_count(name_length), bext_impl_kind(kind));
}

BEXT_INLINE void bext_span_init(bext_span_builder *builder, const char *name, enum bext_span_kind kind) {
  bext_span_init_n(builder, name, BEXT_IMPL_NUL, kind);
}

BEXT_INLINE void bext_span_parent(bext_span_builder *builder, const bext_handle *parent) {
  builder->parent = bext_impl_address(parent);
  builder->parent_is_remote = 0;
  builder->flipped_flags = 0;
  builder->trace_state_length = 0;
}

BEXT_INLINE void bext_span_remote_parent_n(bext_span_builder *builder, const bext_traceparent *parent,
                                           const char *trace_state, size_t trace_state_length) {
  bext_span_parent(builder, &parent->span);
  builder->parent_is_remote = 0xc3;
  builder->flipped_flags = (uint8_t)parent->flags ^ BEXT_PARENT_FLAGS_DEFAULT;
  builder->trace_state = bext_impl_address(trace_state);
  builder->trace_state_length = bext_impl_count(trace_state_length);
}

BEXT_INLINE void bext_span_remote_parent(bext_span_builder *builder, const bext_traceparent *parent,
                                         const char *trace_state) {
  bext_span_remote_parent_n(builder, parent, trace_state, BEXT_IMPL_NUL);
}

BEXT_INLINE void bext_span_attributes(bext_span_builder *builder, const bext_attribute *attributes, size_t count) {
  builder->attributes = bext_impl_address(attributes);
  builder->attribute_count = bext_impl_count(count);
}

BEXT_INLINE void bext_span_links(bext_span_builder *builder, const bext_link *links, size_t count) {
  builder->links = bext_impl_address(links);
  builder->link_count = bext_impl_count(count);
}

BEXT_INLINE bext_link bext_link_to(const bext_handle *other, const bext_attribute *attributes, size_t count) {
  bext_link link = {bext_impl_address(other), bext_impl_address(attributes), bext_impl_count(count), 0};
  return link;
}

BEXT_INLINE void bext_span_start_time(bext_span_builder *builder, uint64_t start_time_unix_nanos) {
  builder->start_time = start_time_unix_nanos;
}

BEXT_INLINE bext_handle bext_span_start(const bext_span_builder *builder) {
  bext_handle span;
  bext_impl_start(&span, builder);
  return span;
}

BEXT_INLINE bext_boolean bext_traceparent_parse(const char *text, bext_traceparent *out) {
  return bext_traceparent_parse_n(text, BEXT_IMPL_NUL, out);
}

#ifdef __cplusplus
}
#endif

#endif /* BEXT_TRACER_H */

/* === Implementation ============================================================================================= */

#if defined(BEXT_TRACER_IMPLEMENTATION) && !defined(BEXT_TRACER_IMPLEMENTED)
#define BEXT_TRACER_IMPLEMENTED

#ifndef BEXT_TRACER_SCRATCH_SIZE
#define BEXT_TRACER_SCRATCH_SIZE 65536
#endif
#ifndef BEXT_TRACER_ARENA_SIZE
#define BEXT_TRACER_ARENA_SIZE 65536
#endif
#if BEXT_TRACER_ARENA_SIZE % 8 != 0
#error "BEXT_TRACER_ARENA_SIZE must be a multiple of 8"
#endif
#if BEXT_TRACER_SCRATCH_SIZE < 1024
#error "BEXT_TRACER_SCRATCH_SIZE must be at least 1024"
#endif
#if defined(BEXT_TRACER_USE_MALLOC) && !defined(BEXT_TRACER_NO_ALLOC)
#include <stdlib.h>
#endif

/* Where the compiler is asked for few bytes, nothing is inlined but what is called from one place, BEXT_IMPL_ONCE. */
#if defined(__OPTIMIZE_SIZE__) && defined(__clang__)
#define BEXT_IMPL __attribute__((noinline, minsize, no_builtin))
#define BEXT_IMPL_ONCE static inline __attribute__((always_inline, minsize, no_builtin))
#elif defined(__OPTIMIZE_SIZE__)
#define BEXT_IMPL __attribute__((noinline))
#define BEXT_IMPL_ONCE static inline
#elif defined(__clang__)
#define BEXT_IMPL __attribute__((no_builtin))
#define BEXT_IMPL_ONCE static inline __attribute__((no_builtin))
#else
#define BEXT_IMPL
#define BEXT_IMPL_ONCE static inline
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The host writes a handle as 24 bytes, least significant first: just so it lies in memory here. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "bext_tracer.h needs a little-endian target, as WebAssembly is"
#endif
typedef char bext_impl_handle_fits[sizeof(bext_handle) == BEXT_HANDLE_SIZE ? 1 : -1];

/* A traceparent is read and written as five numbers, one behind the other. */
typedef char bext_impl_traceparent_fits[sizeof(bext_traceparent) == 5 * sizeof(uint64_t) ? 1 : -1];

/* What is small comes first: an address of few digits takes fewer bytes in the code. */
enum { BEXT_IMPL_BEHIND_END = 64 };
static struct {
  uint32_t dropped;
  uint32_t used;              /* bytes of the arena */
  uint32_t lent;              /* blocks of the arena */
  bext_attribute attribute;   /* what bext_impl_set is setting */
  bext_span_builder simple;   /* a span that is started the short way, or the event or status that is being added */
  bext_traceparent formatted; /* what bext_traceparent_format is writing */
  uint8_t scratch[BEXT_TRACER_SCRATCH_SIZE + BEXT_IMPL_BEHIND_END]; /* where a payload is made */
} bext_impl;

/* What lies at END or behind it is never sent: a header, or what is too much of eight bytes. */
#define BEXT_IMPL_END (bext_impl.scratch + BEXT_TRACER_SCRATCH_SIZE)

/* An attribute or a link ends before this, which leaves room for the time behind them. */
#define BEXT_IMPL_LIST_END (BEXT_IMPL_END - 64)

/* The longest name, message or tracestate: kind, parent and time fit behind them in any case. */
#define BEXT_IMPL_MOST_CUT (BEXT_TRACER_SCRATCH_SIZE / 8)

BEXT_IMPL static void bext_impl_drop(void) { bext_impl.dropped += bext_impl.dropped != UINT32_MAX; }

uint32_t bext_dropped(void) { return bext_impl.dropped; }

/* As bext_handle_is_invalid, in fewer bytes. */
BEXT_IMPL static uint32_t bext_impl_is_invalid(const bext_handle *handle) {
  return ((handle->trace_id_hi | handle->trace_id_lo) == 0) | (handle->span_id == 0);
}

/* Eight bytes, of whatever type they are. */
typedef uint64_t bext_impl_word __attribute__((aligned(1), may_alias));

/*
 * --- msgpack ---
 *
 * The functions that write take the position to write at, and return the one behind. Once something does not fit, the
 * position is END or more, and stays there: so a piece is taken back by going on from the position before it.
 */

BEXT_IMPL static uint8_t *bext_impl_byte(uint8_t *at, uint32_t byte) {
  if (at < BEXT_IMPL_END) *at++ = (uint8_t)byte;
  return at;
}

#ifdef __OPTIMIZE_SIZE__

BEXT_IMPL static uint8_t *bext_impl_bytes(uint8_t *at, const uint8_t *from, uint32_t count) {
  while (count != 0) {
    at = bext_impl_byte(at, *from++);
    count--;
  }
  return at;
}

/* A first byte, and the `width` low bits of `number`, big-endian. */
BEXT_IMPL_ONCE uint8_t *bext_impl_number(uint8_t *at, uint32_t first, uint64_t number, uint64_t width) {
  at = bext_impl_byte(at, first);
  while (width != 0) {
    width -= 8;
    at = bext_impl_byte(at, (uint32_t)(number >> width));
  }
  return at;
}

#else /* the same, eight bytes at a time */

/* Where the bytes overlap, they are moved down. */
BEXT_IMPL static uint8_t *bext_impl_bytes(uint8_t *at, const uint8_t *from, uint32_t count) {
  if (at >= BEXT_IMPL_END || count > (size_t)(BEXT_IMPL_END - at)) return BEXT_IMPL_END;
  for (; count >= 8; count -= 8, at += 8, from += 8) *(bext_impl_word *)at = *(const bext_impl_word *)from;
  while (count-- != 0) *at++ = *from++;
  return at;
}

BEXT_IMPL_ONCE uint8_t *bext_impl_number(uint8_t *at, uint32_t first, uint64_t number, uint64_t width) {
  if (at >= BEXT_IMPL_END) return BEXT_IMPL_END;
  *at++ = (uint8_t)first;
  if (width == 64) { /* never that of a header, behind which stands already what it leads */
    *(bext_impl_word *)at = __builtin_bswap64(number);
    at += 8;
  } else {
    for (; width != 0; width -= 8) *at++ = (uint8_t)(number >> (width - 8));
  }
  return at < BEXT_IMPL_END ? at : BEXT_IMPL_END;
}

#endif

/* A table is not aligned, which some compilers do to what is long. */
#define BEXT_IMPL_TABLE static const __attribute__((aligned(1)))

/*
 * The first byte for 0, the largest number that is in the first byte, the byte before 8 bits, which those before 16, 32
 * and 64 bits follow, and 1 where there are no 8 bits.
 */
BEXT_IMPL_TABLE uint8_t bext_impl_forms[] = {
    0x00, 127, 0xcc, 0, /* uint */
    0xe0, 63,  0xd0, 0, /* negative: its size is told by its distance from -1, and a bit for the sign */
    0xa0, 31,  0xd9, 0, /* str */
    0x90, 15,  0xdb, 1, /* array: none of 8 bits */
    0x80, 15,  0xdd, 1, /* map: the same */
    0x00, 0,   0xc8, 0, /* float: of the size of 64 bits */
};
#define BEXT_IMPL_UINT (bext_impl_forms + 0)
#define BEXT_IMPL_NEGATIVE (bext_impl_forms + 4)
#define BEXT_IMPL_TEXT (bext_impl_forms + 8)
#define BEXT_IMPL_LIST (bext_impl_forms + 12)
#define BEXT_IMPL_MAP (bext_impl_forms + 16)
#define BEXT_IMPL_FLOAT (bext_impl_forms + 20)

/* The shortest of a form that has room for `size`. */
BEXT_IMPL static uint8_t *bext_impl_sized(uint8_t *at, const uint8_t *form, uint64_t size, uint64_t number) {
  uint32_t first = form[0] | (uint32_t)number;
  uint64_t width = 0;
  if (size > form[1]) {
    /* The step from 8 bits to those that there have to be: twice as many with each. */
    const uint32_t bits = 63 - (uint32_t)__builtin_clzll(size | (uint64_t)form[3] << 8); /* less one */
    const uint32_t step = 31 - (uint32_t)__builtin_clz(bits >> 2 | 1);
    first = form[2] + step;
    width = UINT64_C(8) << step;
  }
  return bext_impl_number(at, first, number, width);
}

/*
 * A header is known only when what it leads is written. That is written behind the widest header, and then moved to
 * where it belongs.
 */
enum { BEXT_IMPL_WIDEST = 5 };

BEXT_IMPL static uint8_t *bext_impl_close(uint8_t *at, const uint8_t *form, uint32_t number, uint8_t *end) {
  if (end < BEXT_IMPL_END) {
    const uint32_t length = (uint32_t)(end - at) - BEXT_IMPL_WIDEST;
    end = bext_impl_bytes(bext_impl_sized(at, form, number, number), at + BEXT_IMPL_WIDEST, length);
  }
  return end;
}

/* --- Text ------------------------------------------------------------------------------------------------------- */

/* The count or length that stands right behind an address. */
#define BEXT_IMPL_COUNT_OF(place) (((const uint32_t *)(place))[2])
#define BEXT_IMPL_ADDRESS_AT(place) (((const bext_impl_payload *)(place))->address)

BEXT_IMPL static uint32_t bext_impl_length(const uint8_t *text, uint32_t length) {
  uint32_t found = 0;
  if (text == NULL) length = 0;
  if (length != BEXT_IMPL_NUL) return length;
  while (text[found] != '\0') found++;
  return found;
}

/*
 * Whether a character goes on with the second of two bytes, of which the first one starts it: not where that starts
 * none, nor where both make an overlong form, a surrogate, or more than U+10FFFF.
 */
BEXT_IMPL_ONCE bext_boolean bext_impl_goes_on(uint32_t first, uint32_t second) {
  const uint32_t upper = first << 4 | second >> 4; /* 12 bits are enough to tell */
  return (upper & 0xc) == 8 && upper - 0xc28 < 0xf49 - 0xc28 && (upper & ~1u) != 0xe08 && (upper & ~1u) != 0xeda &&
         upper != 0xf08;
}

/* A text whose address is at `place`, of one of the types that end with `_STR`. */
BEXT_IMPL static uint8_t *bext_impl_text(uint8_t *at, const void *place, uint32_t type) {
  const uint8_t *text = (const uint8_t *)BEXT_IMPL_ADDRESS_AT(place);
  uint32_t length = bext_impl_length(text, BEXT_IMPL_COUNT_OF(place));
  uint8_t *to = at + BEXT_IMPL_WIDEST;
  /* A character: where it is, its first byte, where it is written, and how many bytes are still to come. */
  const uint8_t *character = text;
  uint32_t first = 0;
  uint8_t *start = to;
  uint32_t more = 0;
  uint32_t taken = 0;
  if (length == 0 && type & 2) return at;
  while (length != 0) {
#ifndef __OPTIMIZE_SIZE__
    /* ASCII, as most texts are. */
    const uint8_t *end = type != BEXT_IMPL_STR ? at + BEXT_IMPL_MOST_CUT - 7 : BEXT_IMPL_END - 7;
    if (more == 0 && length >= 8 && to < end && (*(const bext_impl_word *)text & 0x8080808080808080) == 0) {
      *(bext_impl_word *)to = *(const bext_impl_word *)text;
      to += 8;
      text += 8;
      length -= 8;
      continue;
    }
#endif
    const uint32_t byte = *text;
    if (more != 0 && bext_impl_goes_on(first, byte)) {
      first = 0xe1; /* behind which any byte may be the second one */
      more--;
      taken++;
    } else {
      if (type != BEXT_IMPL_STR && to - at >= BEXT_IMPL_MOST_CUT) break;
      taken = 1;
      start = to;
      character = text;
      first = byte;
      more = (uint32_t)(byte > 0x7f) + (byte > 0xdf) + (byte > 0xef);
    }
    text++;
    length--;
    /* U+FFFD until it is whole, for each maximal subpart (Unicode 3.9, "U+FFFD Substitution of Maximal Subparts"). */
    to = bext_impl_bytes(start, more != 0 ? (const uint8_t *)"\xef\xbf\xbd" : character, more != 0 ? 3 : taken);
  }
  if (length != 0) {
    bext_impl_drop();
    if (!(type & 1)) return at;
  }
  return bext_impl_close(at, BEXT_IMPL_TEXT, (uint32_t)(to - at) - BEXT_IMPL_WIDEST, to);
}

/* --- Structs ---------------------------------------------------------------------------------------------------- */

/*
 * The fields of a struct in the ABI's order: a name as msgpack, a type, and where the value is in bext_span_builder or
 * bext_link. Where nothing is written for the value, the field is left out.
 */
#define BEXT_IMPL_FIELD_HANDLE "\x0b"
#define BEXT_IMPL_FIELD_TIME "\x0e"
#define BEXT_IMPL_FIELD_BYTE "\x0f"
#define BEXT_IMPL_FIELD_FLAGS "\x10"
#define BEXT_IMPL_FIELD_CUT_STR "\x11"
#define BEXT_IMPL_FIELD_OPTIONAL_STR "\x12"
#define BEXT_IMPL_FIELD_MESSAGE "\x13"
#define BEXT_IMPL_FIELD_ATTRIBUTES "\x0c"
#define BEXT_IMPL_FIELD_LINKS "\x0d"

/* A span, or an event: what the one has, the other has not set. */
BEXT_IMPL_TABLE char bext_impl_span_fields[] =
    "\xa4name" BEXT_IMPL_FIELD_CUT_STR "\x00"
    "\xa4kind" BEXT_IMPL_FIELD_BYTE "\x10"
    "\xa6parent" BEXT_IMPL_FIELD_HANDLE "\x18"
    "\xb0parent_is_remote" BEXT_IMPL_FIELD_BYTE "\x20"
    "\xacparent_flags" BEXT_IMPL_FIELD_FLAGS "\x28"
    "\xabtrace_state" BEXT_IMPL_FIELD_OPTIONAL_STR "\x30"
    "\xaa" "attributes" BEXT_IMPL_FIELD_ATTRIBUTES "\x40"
    "\xa5links" BEXT_IMPL_FIELD_LINKS "\x50"
    "\xb5start_time_unix_nanos" BEXT_IMPL_FIELD_TIME "\x60"
    "\xaftime_unix_nanos" BEXT_IMPL_FIELD_TIME "\x68";

BEXT_IMPL_TABLE char bext_impl_status_fields[] =
    "\xa4" "code" BEXT_IMPL_FIELD_BYTE "\x70"
    "\xa7message" BEXT_IMPL_FIELD_MESSAGE "\x00";

BEXT_IMPL_TABLE char bext_impl_link_fields[] =
    "\xa6handle" BEXT_IMPL_FIELD_HANDLE "\x00"
    "\xaa" "attributes" BEXT_IMPL_FIELD_ATTRIBUTES "\x08";

/* The tables above say where a value is. */
#define BEXT_IMPL_AT(type, member, offset) \
  typedef char bext_impl_at_##type##_##member[offsetof(type, member) == (offset) ? 1 : -1]
BEXT_IMPL_AT(bext_span_builder, name, 0x00);
BEXT_IMPL_AT(bext_span_builder, kind, 0x10);
BEXT_IMPL_AT(bext_span_builder, parent, 0x18);
BEXT_IMPL_AT(bext_span_builder, parent_is_remote, 0x20);
BEXT_IMPL_AT(bext_span_builder, flipped_flags, 0x28);
BEXT_IMPL_AT(bext_span_builder, trace_state, 0x30);
BEXT_IMPL_AT(bext_span_builder, attributes, 0x40);
BEXT_IMPL_AT(bext_span_builder, links, 0x50);
BEXT_IMPL_AT(bext_span_builder, start_time, 0x60);
BEXT_IMPL_AT(bext_span_builder, event_time, 0x68);
BEXT_IMPL_AT(bext_span_builder, status_code, 0x70);
BEXT_IMPL_AT(bext_value, payload, 0x00);
BEXT_IMPL_AT(bext_link, other, 0x00);
BEXT_IMPL_AT(bext_link, attributes, 0x08);

/* A code with this bit is written also where it is 0. */
enum { BEXT_IMPL_IS_SET = 0x100 };

static uint8_t *bext_impl_item(uint8_t *at, uint32_t type, const void *place);

/* The bytes of the three fields behind a parent: without one there is nothing to say of it. */
enum { BEXT_IMPL_OF_PARENT = (17 + 2) + (13 + 2) + (12 + 2) };

BEXT_IMPL static uint8_t *bext_impl_struct(uint8_t *at, const char *fields, const void *values) {
  uint8_t *header = at++;
  uint32_t first = 0x80;
  while (*fields != '\0') {
    const uint32_t size = 1 + (*fields & 31);
    const char *name = fields;
    const uint32_t type = (uint8_t)fields[size];
    const bext_impl_word *place = (const bext_impl_word *)((const uint8_t *)values + fields[size + 1]);
    uint8_t *value, *end;
    fields += size + 2;
    if (*place == 0 && first != 0x80) continue; /* not set; the first one always is */
    value = bext_impl_bytes(at, (const uint8_t *)name, size);
    end = bext_impl_item(value, type, place);
    if (end != value) {
      at = end;
      first++;
    } else if (type == BEXT_IMPL_HANDLE) {
      fields += BEXT_IMPL_OF_PARENT;
    }
  }
  *header = (uint8_t)first;
  return at;
}

/* Attributes, links, the ids of a handle, or the items of an array. */
BEXT_IMPL static uint8_t *bext_impl_list(uint8_t *at, uint32_t type, const uint8_t *items, uint32_t count) {
  const bext_boolean is_dropped_alone = type == BEXT_IMPL_ATTRIBUTE || type == BEXT_IMPL_LINK;
  const uint32_t step = (uint8_t)"\x10\x01\x08\x08\0\0\0\0\x20\x18\x08"[type];
  uint8_t *to = at + BEXT_IMPL_WIDEST;
  uint32_t kept = 0;
  for (; count != 0; count--) {
    const uint32_t dropped = bext_impl.dropped;
    uint8_t *end = bext_impl_item(to, type, items);
    items += step;
    if (is_dropped_alone && end > BEXT_IMPL_LIST_END) {
      bext_impl.dropped = dropped; /* a link counts once, whatever was to be in it */
      bext_impl_drop();
    } else {
      kept += end != to;
      to = end;
    }
  }
  if (is_dropped_alone && kept == 0) return at;
  return bext_impl_close(at, type == BEXT_IMPL_ATTRIBUTE ? BEXT_IMPL_MAP : BEXT_IMPL_LIST, kept, to);
}

BEXT_IMPL_ONCE uint8_t *bext_impl_f64(uint8_t *at, const void *place) {
  uint64_t bits;
  double value;
  __builtin_memcpy(&bits, place, sizeof bits);
  __builtin_memcpy(&value, place, sizeof value);
  if (value != value) bits = 0x7ff8000000000000; /* NaN: one form of many */
  return bext_impl_sized(at, BEXT_IMPL_FLOAT, UINT64_MAX, bits);
}

/* A handle as its ids, or a link as a struct; nothing where the handle is INVALID. */
BEXT_IMPL_ONCE uint8_t *bext_impl_other(uint8_t *at, uint32_t type, const void *place) {
  const bext_handle *handle = (const bext_handle *)BEXT_IMPL_ADDRESS_AT(place);
  if (handle == NULL || bext_impl_is_invalid(handle)) return at;
  if (type == BEXT_IMPL_LINK) return bext_impl_struct(at, bext_impl_link_fields, place);
  return bext_impl_list(at, BEXT_IMPL_ID, (const uint8_t *)handle, 3);
}

/* Write the value at `place`; nothing where it is to be left out. */
BEXT_IMPL static uint8_t *bext_impl_item(uint8_t *at, uint32_t type, const void *place) {
  const bext_attribute *attribute = (const bext_attribute *)place;
  uint64_t number;
  switch (type) {
  case BEXT_IMPL_STR:
  case BEXT_IMPL_CUT_STR:
  case BEXT_IMPL_OPTIONAL_STR:
  case BEXT_IMPL_MESSAGE:
    return bext_impl_text(at, place, type);
  case BEXT_IMPL_BOOL:
    return bext_impl_byte(at, 0xc2u | (*(const uint8_t *)place != 0));
  case BEXT_IMPL_BYTE:
    return bext_impl_byte(at, *(const uint8_t *)place); /* of a wider number, the lowest */
  case BEXT_IMPL_F64:
    return bext_impl_f64(at, place);
  case BEXT_IMPL_HANDLE:
  case BEXT_IMPL_LINK:
    return bext_impl_other(at, type, place);
  case BEXT_IMPL_ATTRIBUTE:
    at = bext_impl_text(at, &attribute->key.payload, BEXT_IMPL_STR);
    return bext_impl_item(at, attribute->value.type, &attribute->value.payload);
  default: /* attributes, links, or an array */
    return bext_impl_list(at, type - BEXT_IMPL_ARRAY, (const uint8_t *)BEXT_IMPL_ADDRESS_AT(place),
                          BEXT_IMPL_COUNT_OF(place));
  case BEXT_IMPL_I64:
  case BEXT_IMPL_ID:
  case BEXT_IMPL_TIME:
  case BEXT_IMPL_FLAGS:
    number = *(const uint64_t *)place ^ (type == BEXT_IMPL_FLAGS ? BEXT_PARENT_FLAGS_DEFAULT : 0);
  }
  if (type == BEXT_IMPL_ID || number <= INT64_MAX) return bext_impl_sized(at, BEXT_IMPL_UINT, number, number);
  if (type == BEXT_IMPL_I64) return bext_impl_sized(at, BEXT_IMPL_NEGATIVE, ~number << 1, number);
  bext_impl_drop(); /* a time that is too late */
  return at;
}

/* --- Calls ------------------------------------------------------------------------------------------------------ */

/* The bytes from the start of the scratch buffer to a position. */
#define BEXT_IMPL_WRITTEN(at) ((uint32_t)((at) - bext_impl.scratch))
#define BEXT_IMPL_IDS(handle) (handle)->trace_id_hi, (handle)->trace_id_lo, (handle)->span_id

BEXT_IMPL static void bext_impl_clear(void *at, uint32_t size) {
#if defined(__wasm_bulk_memory__) || defined(__wasm_bulk_memory_opt__)
  __builtin_memset(at, 0, size); /* an instruction */
#else
  bext_impl_word *word = (bext_impl_word *)at;
  for (; size != 0; size -= 8) *word++ = 0;
#endif
}

BEXT_IMPL void bext_impl_init(bext_span_builder *builder, const char *name, uint32_t length, uint32_t kind) {
  bext_impl_clear(builder, sizeof *builder);
  builder->kind = kind;
  builder->name_length = length;
  builder->name.address = name;
}

BEXT_IMPL void bext_impl_start(bext_handle *out, const bext_span_builder *builder) {
  const bext_handle *parent = (const bext_handle *)builder->parent.address;
  uint8_t *end;
  if (parent != NULL && !builder->parent_is_remote && bext_impl_is_invalid(parent)) {
    bext_impl_clear(out, sizeof *out);
    return;
  }
  end = bext_impl_struct(bext_impl.scratch, bext_impl_span_fields, builder);
  bext_abi_start_span(bext_impl.scratch, BEXT_IMPL_WRITTEN(end), (uint8_t *)out);
}

BEXT_IMPL void bext_impl_start_now(bext_handle *out, const char *name, uint32_t length, uint32_t kind,
                                   const bext_handle *parent) {
  if (parent == BEXT_IMPL_CURRENT) parent = bext_current_span(out) ? out : NULL;
  bext_impl_init(&bext_impl.simple, name, length, kind);
  bext_impl.simple.parent.address = parent;
  bext_impl_start(out, &bext_impl.simple);
}

/* A host function that adds to a span. */
typedef void bext_impl_adding(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const uint8_t *payload,
                              uint32_t length);

/* Add what is in bext_impl.simple or, where there are no fields, in bext_impl.attribute. */
BEXT_IMPL static void bext_impl_add(const bext_handle *span, const char *fields, bext_impl_adding *call) {
  uint8_t *end;
  if (bext_impl_is_invalid(span)) return;
  end = fields != NULL ? bext_impl_struct(bext_impl.scratch, fields, &bext_impl.simple)
                       : bext_impl_item(bext_impl_byte(bext_impl.scratch, 0x92), BEXT_IMPL_ATTRIBUTE,
                                        &bext_impl.attribute);
  if (end >= BEXT_IMPL_END) {
    bext_impl_drop();
  } else {
    call(BEXT_IMPL_IDS(span), bext_impl.scratch, BEXT_IMPL_WRITTEN(end));
  }
}

BEXT_IMPL void bext_impl_set(const bext_handle *span, const char *key, uint32_t key_length, uint32_t type,
                             uint32_t count, uint64_t bits) {
  bext_impl.attribute.key.count = key_length;
  bext_impl.attribute.key.payload.address = key;
  bext_impl.attribute.value.type = type;
  bext_impl.attribute.value.count = count;
  bext_impl.attribute.value.payload.bits = bits;
  bext_impl_add(span, NULL, bext_abi_set_attribute);
}

BEXT_IMPL void bext_impl_set_status(const bext_handle *span, uint32_t code, const char *message, uint32_t length) {
  if (code > BEXT_STATUS_ERROR) {
    if (!bext_impl_is_invalid(span)) bext_impl_drop();
    return;
  }
  bext_impl_init(&bext_impl.simple, message, length, 0);
  bext_impl.simple.status_code = BEXT_IMPL_IS_SET | code;
  bext_impl_add(span, bext_impl_status_fields, bext_abi_set_status);
}

BEXT_IMPL void bext_impl_event(const bext_handle *span, const char *name, uint32_t length,
                               const bext_attribute *attributes, uint32_t count, uint64_t time) {
  bext_impl_init(&bext_impl.simple, name, length, 0);
  bext_impl.simple.attribute_count = count;
  bext_impl.simple.attributes.address = attributes;
  bext_impl.simple.event_time = time;
  bext_impl_add(span, bext_impl_span_fields, bext_abi_add_event);
}

BEXT_IMPL void bext_impl_end(const bext_handle *span, uint64_t end_time_unix_nanos) {
  if (bext_impl_is_invalid(span)) return;
  bext_abi_end_span(BEXT_IMPL_IDS(span), end_time_unix_nanos);
}

/* --- W3C traceparent: VV-<trace id, 32 digits>-<span id, 16>-<flags, 2>, digits lower case ---------------------- */

enum { BEXT_IMPL_TRACEPARENT = BEXT_TRACEPARENT_SIZE - 1 };

/* The places at which a number begins or the hyphen before it; the second half of a trace id has no hyphen. */
#define BEXT_IMPL_EDGES (UINT64_C(1) << 2 | UINT64_C(1) << 19 | UINT64_C(1) << 35 | UINT64_C(1) << 52)
enum { BEXT_IMPL_SECOND_HALF = 19 };

/*
 * Go through the 55 places of a traceparent and its five numbers, from which each digit is written, uppermost first, or
 * into which it is read, lowest last. Tells whether something else stands there than should.
 */
BEXT_IMPL static uint32_t bext_impl_traceparent(char *text, uint64_t *number, bext_boolean writes) {
  uint32_t differs = 0;
  uint64_t place;
  for (place = 0; place < BEXT_IMPL_TRACEPARENT; place++, text++) {
    const uint32_t edge = (uint32_t)(BEXT_IMPL_EDGES >> place) & 1;
    uint32_t character = '-';
    number += edge;
    if (!edge || place == BEXT_IMPL_SECOND_HALF) {
      uint32_t digit = (*text + ((uint8_t)*text >> 6) * 9) & 15; /* of what is no digit, anything */
      if (writes) digit = (uint32_t)(*number >> 60);
      *number = *number << 4 | digit;
      character = digit + (digit < 10 ? '0' : 'a' - 10);
    }
    if (writes) {
      *text = (char)character;
    } else {
      differs |= character ^ (uint8_t)*text;
    }
  }
  return differs;
}

BEXT_IMPL bext_boolean bext_traceparent_format(const bext_handle *span, bext_boolean sampled,
                                               char out[BEXT_TRACEPARENT_SIZE]) {
  bext_traceparent *numbers = &bext_impl.formatted; /* version and flags are 0 for good */
  const bext_boolean is_invalid = bext_impl_is_invalid(span) != 0;
  bext_impl_bytes((uint8_t *)&numbers->span, (const uint8_t *)span, sizeof *span);
  bext_impl_traceparent(out, &numbers->version, 1);
  out[BEXT_IMPL_TRACEPARENT - 1] = sampled ? '1' : '0';
  out[is_invalid ? 0 : BEXT_IMPL_TRACEPARENT] = '\0';
  return !is_invalid;
}

BEXT_IMPL bext_boolean bext_traceparent_parse_n(const char *text, size_t length, bext_traceparent *out) {
  bext_boolean valid;
  length = bext_impl_length((const uint8_t *)text, bext_impl_count(length));
  valid = length >= BEXT_IMPL_TRACEPARENT;
  if (valid) {
    out->version = 0;
    out->flags = 0;
    valid = bext_impl_traceparent((char *)text, &out->version, 0) == 0 && out->version != 0xff &&
            (length == BEXT_IMPL_TRACEPARENT || (out->version != 0 && text[BEXT_IMPL_TRACEPARENT] == '-')) &&
            !bext_impl_is_invalid(&out->span);
  }
  if (!valid) out->span.span_id = 0;
  return valid;
}

/* --- Exports ---------------------------------------------------------------------------------------------------- */

BEXT_EXPORT("bext_tracer_abi_v1")
void bext_tracer_abi_v1(void) {}

#if defined(BEXT_TRACER_NO_ALLOC)

/* The guest brings bext_alloc and bext_free. */

#elif defined(BEXT_TRACER_USE_MALLOC)

BEXT_EXPORT("bext_alloc")
void *bext_alloc(uint32_t length) { return length == 0 ? NULL : malloc(length); }

BEXT_EXPORT("bext_free")
void bext_free(void *block, uint32_t length) {
  (void)length;
  free(block);
}

#else

/* Blocks one behind the other; when the last one comes back, all is free. */
static uint8_t bext_impl_arena[BEXT_TRACER_ARENA_SIZE] __attribute__((aligned(8)));

BEXT_IMPL BEXT_EXPORT("bext_alloc")
void *bext_alloc(uint32_t length) {
  uint8_t *block = bext_impl_arena + bext_impl.used;
  if (length - 1 >= BEXT_TRACER_ARENA_SIZE - bext_impl.used) return NULL; /* also where length is 0 */
  bext_impl.used += (length + 7) & ~7u;
  bext_impl.lent++;
  return block;
}

BEXT_IMPL BEXT_EXPORT("bext_free")
void bext_free(void *block, uint32_t length) {
  const uintptr_t offset = (uintptr_t)block - (uintptr_t)bext_impl_arena;
  (void)length;
  if (offset < bext_impl.used && --bext_impl.lent == 0) bext_impl.used = 0;
}

#endif

#ifdef __cplusplus
}
#endif

#endif /* BEXT_TRACER_IMPLEMENTATION */
