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
 *     bext_set_str(span, "http.route", "/");
 *     bext_end(span);
 *
 * Rules that hold for every function:
 * - Nothing fails and nothing traps. What cannot be recorded is left out, and bext_dropped() counts it.
 * - On an INVALID handle (a span that was not sampled) nothing is called and nothing counted.
 * - A `const char *` ends with NUL, and NULL reads as "". The `_n` functions take a length in bytes instead, and NUL
 *   bytes pass.
 * - Each ill-formed maximal subsequence of UTF-8 is replaced by U+FFFD.
 * - Whatever the order of the calls, the bytes are the ABI's canonical encoding.
 * - One thread only, as a WebAssembly instance has.
 *
 * Configuration, defined before the implementation is included:
 *   BEXT_TRACER_SCRATCH_SIZE  bytes of the buffer behind the functions that take none (default 4096, at least 256)
 *   BEXT_TRACER_ARENA_SIZE    bytes of the arena behind bext_alloc (default 65536)
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

/* Inline, so that the compiler sees through the structs: a handle is three numbers, a literal's value a constant. */
#define BEXT_INLINE static inline __attribute__((always_inline, unused))

/* --- Types ------------------------------------------------------------------------------------------------------ */

#ifdef __cplusplus
typedef bool bext_boolean;
#else
typedef _Bool bext_boolean;
#endif

/*
 * A span, as a plain value: copy it, keep it, pass it as a parent. Ids as numbers, the first byte of the W3C form on
 * top.
 */
typedef struct bext_handle {
  uint64_t trace_id_hi;
  uint64_t trace_id_lo;
  uint64_t span_id;
} bext_handle;

/* The handle of a span that was not sampled. */
#define BEXT_HANDLE_INVALID (bext_handle_make(0, 0, 0))

BEXT_INLINE bext_handle bext_handle_make(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id) {
  bext_handle handle = {trace_id_hi, trace_id_lo, span_id};
  return handle;
}

/* True for a zero trace id or a zero span id. */
BEXT_INLINE bext_boolean bext_handle_is_invalid(bext_handle handle) {
  return (handle.trace_id_hi | handle.trace_id_lo) == 0 || handle.span_id == 0;
}

/*
 * An attribute's value. Make it with the functions below; it borrows the text or the items, which must outlive its
 * use. Its fields are private.
 */
typedef struct bext_value {
  uint32_t type;
  size_t count;          /* bytes of a str, items of an array */
  const size_t *lengths; /* of an array of str; NULL where each ends with NUL */
  uint64_t bits;         /* of a bool, an i64 or an f64; else the address of the text or the items */
} bext_value;

/* An attribute of a link: its key with its length in bytes, and its value. Make it with bext_attr or bext_attr_n. */
typedef struct bext_attribute {
  const char *key;
  size_t key_length;
  bext_value value;
} bext_attribute;

/* The payload under construction. Its fields are private. */
typedef struct bext_payload {
  uint8_t *bytes;
  uint32_t capacity;
  uint32_t bounds[8]; /* field f lies from bounds[f] to before bounds[f + 1] */
  uint32_t items[2];  /* how many attributes, how many links */
  uint32_t remote;    /* how many fields say that the parent is remote */
  bext_boolean unsampled;
} bext_payload;

/* A span that is to be started. Its fields are private. */
typedef struct bext_span_builder {
  bext_payload payload;
} bext_span_builder;

/* An event that is to be added. Its fields are private. */
typedef struct bext_event_builder {
  bext_payload payload;
} bext_event_builder;

/* --- Values ----------------------------------------------------------------------------------------------------- */

BEXT_INLINE bext_value bext_str(const char *text);
BEXT_INLINE bext_value bext_str_n(const char *text, size_t length);
BEXT_INLINE bext_value bext_bool(bext_boolean value);
BEXT_INLINE bext_value bext_i64(int64_t value);
BEXT_INLINE bext_value bext_f64(double value);

/* Arrays, which may be empty. NULL items are an empty array. */
BEXT_INLINE bext_value bext_str_array(const char *const *items, size_t count);
BEXT_INLINE bext_value bext_str_array_n(const char *const *items, const size_t *lengths, size_t count);
BEXT_INLINE bext_value bext_bool_array(const bext_boolean *items, size_t count);
BEXT_INLINE bext_value bext_i64_array(const int64_t *items, size_t count);
BEXT_INLINE bext_value bext_f64_array(const double *items, size_t count);

BEXT_INLINE bext_attribute bext_attr(const char *key, bext_value value);
BEXT_INLINE bext_attribute bext_attr_n(const char *key, size_t key_length, bext_value value);

/* --- Spans, the short way: one call, no buffer of your own ------------------------------------------------------ */

/*
 * Start a span below `parent`, on the host's clock. Returns its handle: INVALID where it is not sampled, and without
 * asking the host where `parent` is INVALID. A name too long for the scratch buffer is cut at a character and
 * counted.
 */
BEXT_INLINE bext_handle bext_start(const char *name, enum bext_span_kind kind, bext_handle parent);

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
BEXT_INLINE void bext_set(bext_handle span, const char *key, bext_value value);
BEXT_INLINE void bext_set_n(bext_handle span, const char *key, size_t key_length, bext_value value);
BEXT_INLINE void bext_set_str(bext_handle span, const char *key, const char *value);
BEXT_INLINE void bext_set_bool(bext_handle span, const char *key, bext_boolean value);
BEXT_INLINE void bext_set_i64(bext_handle span, const char *key, int64_t value);
BEXT_INLINE void bext_set_f64(bext_handle span, const char *key, double value);

/*
 * Set the status of an open span. A message too long for the scratch buffer is cut at a character and counted; a code
 * that is none of the three is dropped and counted. The host keeps the message of an error only; ok is final, unset
 * never overwrites.
 */
BEXT_INLINE void bext_set_status(bext_handle span, enum bext_status_code code, const char *message);
BEXT_INLINE void bext_set_status_n(bext_handle span, enum bext_status_code code, const char *message, size_t length);
BEXT_INLINE void bext_set_ok(bext_handle span);
BEXT_INLINE void bext_set_error(bext_handle span, const char *message);

/* Add an event without attributes, on the host's clock. A name too long for the scratch buffer is cut and counted. */
BEXT_INLINE void bext_event(bext_handle span, const char *name);

/*
 * End a span, on the host's clock or at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as
 * its clock.
 */
BEXT_INLINE void bext_end(bext_handle span);
BEXT_INLINE void bext_end_at(bext_handle span, uint64_t end_time_unix_nanos);

/* --- Spans, piece by piece, in a buffer of your own ------------------------------------------------------------- */

/*
 * Begin a span in `buffer`, which must live until it is started. The buffer holds the whole payload: the name, and what
 * is added to it. A piece that does not fit is dropped alone and counted, and the span still starts. A name that does
 * not fit is cut at a character and counted; in a buffer of 256 bytes or more it leaves 128, so that kind, parent and
 * start time fit in any case if they come first; below 7 bytes it is empty. Hosts refuse payloads above 64 KiB, by
 * default.
 */
BEXT_INLINE void bext_span_init(bext_span_builder *builder, void *buffer, size_t capacity, const char *name,
                                enum bext_span_kind kind);
BEXT_INLINE void bext_span_init_n(bext_span_builder *builder, void *buffer, size_t capacity, const char *name,
                                  size_t name_length, enum bext_span_kind kind);

/*
 * Set the parent; of several calls, also to bext_span_remote_parent, the last one counts. Without one the span is a
 * root; below an INVALID parent it is INVALID. A parent that does not fit is dropped and counted, so set it before
 * the attributes.
 */
BEXT_INLINE void bext_span_parent(bext_span_builder *builder, bext_handle parent);

/*
 * Set a parent from another process: its handle and `flags` as bext_traceparent_parse gave them, and the W3C
 * tracestate ("" for none). The host's policy decides what becomes of it. An INVALID handle counts as no parent.
 * Where handle and flags do not fit, all is dropped; where only `trace_state` does not fit, that alone; each is
 * counted once.
 */
BEXT_INLINE void bext_span_remote_parent(bext_span_builder *builder, bext_handle parent, uint8_t flags,
                                         const char *trace_state);
BEXT_INLINE void bext_span_remote_parent_n(bext_span_builder *builder, bext_handle parent, uint8_t flags,
                                           const char *trace_state, size_t trace_state_length);

/*
 * Add an attribute; of two with the same key the host takes the last value. Dropped and counted where it does not
 * fit, and where there are 65,535 already.
 */
BEXT_INLINE void bext_span_attr(bext_span_builder *builder, const char *key, bext_value value);
BEXT_INLINE void bext_span_attr_n(bext_span_builder *builder, const char *key, size_t key_length, bext_value value);

/*
 * Add a link to `other`, with `count` attributes (NULL and 0 for none). A link that does not fit is dropped as a
 * whole, and counted once; one to an INVALID handle is skipped.
 */
BEXT_INLINE void bext_span_link(bext_span_builder *builder, bext_handle other, const bext_attribute *attributes,
                                size_t count);

/* Set the start time in nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted. */
BEXT_INLINE void bext_span_start_time(bext_span_builder *builder, uint64_t start_time_unix_nanos);

/* Start the span and return its handle, INVALID where it is not sampled. The builder stays as it was. */
BEXT_INLINE bext_handle bext_span_start(bext_span_builder *builder);

/* --- Events, piece by piece ------------------------------------------------------------------------------------- */

/* Begin an event in `buffer`; everything said of bext_span_init holds. */
BEXT_INLINE void bext_event_init(bext_event_builder *builder, void *buffer, size_t capacity, const char *name);
BEXT_INLINE void bext_event_init_n(bext_event_builder *builder, void *buffer, size_t capacity, const char *name,
                                   size_t name_length);

/* Add an attribute, as bext_span_attr does. */
BEXT_INLINE void bext_event_attr(bext_event_builder *builder, const char *key, bext_value value);
BEXT_INLINE void bext_event_attr_n(bext_event_builder *builder, const char *key, size_t key_length, bext_value value);

/*
 * Set the event's time in nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted.
 */
BEXT_INLINE void bext_event_time(bext_event_builder *builder, uint64_t time_unix_nanos);

/* Add the event to `span`. The builder stays as it was, and may be added again. */
BEXT_INLINE void bext_event_add(bext_handle span, bext_event_builder *builder);

/* --- W3C traceparent -------------------------------------------------------------------------------------------- */

#define BEXT_TRACEPARENT_SIZE 56 /* 55 characters and NUL */

/* Write `span` as a traceparent of version 00. False for an INVALID handle, and `out` is then "". */
bext_boolean bext_traceparent_format(bext_handle span, bext_boolean sampled, char out[BEXT_TRACEPARENT_SIZE]);

/*
 * Read a traceparent. True: it is valid, `*out` is its handle (never INVALID) and `*flags` its trace-flags. False:
 * nothing is written. A version above 00 may carry more fields, which are ignored.
 */
BEXT_INLINE bext_boolean bext_traceparent_parse(const char *text, bext_handle *out, uint8_t *flags);
bext_boolean bext_traceparent_parse_n(const char *text, size_t length, bext_handle *out, uint8_t *flags);

/* --- Drops, memory, exports ------------------------------------------------------------------------------------- */

/*
 * How many pieces this SDK dropped or cut since the instance started. Stays at 2^32-1. What the host drops, the host
 * counts.
 */
uint32_t bext_dropped(void);

/*
 * The exports through which the host hands over the arguments of a hook. bext_alloc returns `length` bytes, aligned
 * to 8, or NULL where the arena is full or `length` is 0. bext_free gives them back, in any order; NULL, a pointer
 * from elsewhere and a second free are ignored. Space below a block that is still in use is reused once that block is
 * free as well.
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

/* A length: the text ends with NUL. */
#define BEXT_IMPL_NUL SIZE_MAX

/* The types of a value: those of the ABI; an array's is its items' and BEXT_IMPL_ARRAY. */
enum bext_impl_type { BEXT_IMPL_STR, BEXT_IMPL_BOOL, BEXT_IMPL_I64, BEXT_IMPL_F64, BEXT_IMPL_ARRAY };

/* Of what a span is a child. */
enum bext_impl_below { BEXT_IMPL_ROOT, BEXT_IMPL_CHILD, BEXT_IMPL_UNDER_CURRENT };

/* Flags of a parent that is no remote one. */
enum { BEXT_IMPL_LOCAL = -1 };

void bext_impl_start_now(bext_handle *out, const char *name, uint32_t kind, enum bext_impl_below below,
                         uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id);
void bext_impl_set(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const char *key, size_t key_length,
                   uint32_t type, size_t count, const size_t *lengths, uint64_t bits);
void bext_impl_set_status(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, uint32_t code,
                          const char *message, size_t length);
void bext_impl_add_now(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const char *name);
void bext_impl_end(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, uint64_t end_time_unix_nanos);
void bext_impl_init(bext_payload *payload, void *buffer, size_t capacity, const char *name, size_t name_length,
                    uint32_t kind);
void bext_impl_parent(bext_payload *payload, uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id,
                      int32_t flags, const char *trace_state, size_t trace_state_length);
void bext_impl_attribute(bext_payload *payload, const char *key, size_t key_length, uint32_t type, size_t count,
                         const size_t *lengths, uint64_t bits);
void bext_impl_link(bext_payload *payload, uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id,
                    const bext_attribute *attributes, size_t count);
void bext_impl_time(bext_payload *payload, const char *field_name, uint64_t nanos);
void bext_impl_start(bext_handle *out, bext_payload *payload);
void bext_impl_add(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, bext_payload *payload);

/* A handle as the three numbers of a call, and a value as four. */
#define BEXT_IMPL_IDS(handle) (handle).trace_id_hi, (handle).trace_id_lo, (handle).span_id
#define BEXT_IMPL_VALUE(value) (value).type, (value).count, (value).lengths, (value).bits

BEXT_INLINE bext_value bext_impl_value(uint32_t type, size_t count, const size_t *lengths, uint64_t bits) {
  bext_value value = {type, count, lengths, bits};
  return value;
}

BEXT_INLINE bext_value bext_impl_array(uint32_t type, const void *items, size_t count, const size_t *lengths) {
  return bext_impl_value(BEXT_IMPL_ARRAY | type, count, lengths, (uint64_t)(uintptr_t)items);
}

BEXT_INLINE bext_value bext_str_n(const char *text, size_t length) {
  return bext_impl_value(BEXT_IMPL_STR, length, NULL, (uint64_t)(uintptr_t)text);
}

BEXT_INLINE bext_value bext_str(const char *text) { return bext_str_n(text, BEXT_IMPL_NUL); }

BEXT_INLINE bext_value bext_bool(bext_boolean value) { return bext_impl_value(BEXT_IMPL_BOOL, 0, NULL, value); }

BEXT_INLINE bext_value bext_i64(int64_t value) { return bext_impl_value(BEXT_IMPL_I64, 0, NULL, (uint64_t)value); }

BEXT_INLINE bext_value bext_f64(double value) {
  uint64_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bext_impl_value(BEXT_IMPL_F64, 0, NULL, bits);
}

BEXT_INLINE bext_value bext_str_array_n(const char *const *items, const size_t *lengths, size_t count) {
  return bext_impl_array(BEXT_IMPL_STR, items, count, lengths);
}

BEXT_INLINE bext_value bext_str_array(const char *const *items, size_t count) {
  return bext_str_array_n(items, NULL, count);
}

BEXT_INLINE bext_value bext_bool_array(const bext_boolean *items, size_t count) {
  return bext_impl_array(BEXT_IMPL_BOOL, items, count, NULL);
}

BEXT_INLINE bext_value bext_i64_array(const int64_t *items, size_t count) {
  return bext_impl_array(BEXT_IMPL_I64, items, count, NULL);
}

BEXT_INLINE bext_value bext_f64_array(const double *items, size_t count) {
  return bext_impl_array(BEXT_IMPL_F64, items, count, NULL);
}

BEXT_INLINE bext_attribute bext_attr_n(const char *key, size_t key_length, bext_value value) {
  bext_attribute attribute = {key, key_length, value};
  return attribute;
}

BEXT_INLINE bext_attribute bext_attr(const char *key, bext_value value) {
  return bext_attr_n(key, BEXT_IMPL_NUL, value);
}

BEXT_INLINE bext_handle bext_start(const char *name, enum bext_span_kind kind, bext_handle parent) {
  bext_handle span;
  bext_impl_start_now(&span, name, (uint32_t)kind, BEXT_IMPL_CHILD, BEXT_IMPL_IDS(parent));
  return span;
}

BEXT_INLINE bext_handle bext_start_root(const char *name, enum bext_span_kind kind) {
  bext_handle span;
  bext_impl_start_now(&span, name, (uint32_t)kind, BEXT_IMPL_ROOT, 0, 0, 0);
  return span;
}

BEXT_INLINE bext_handle bext_start_under_current(const char *name, enum bext_span_kind kind) {
  bext_handle span;
  bext_impl_start_now(&span, name, (uint32_t)kind, BEXT_IMPL_UNDER_CURRENT, 0, 0, 0);
  return span;
}

BEXT_INLINE bext_boolean bext_current_span(bext_handle *out) { return bext_abi_current_span((uint8_t *)out) != 0; }

BEXT_INLINE void bext_set_n(bext_handle span, const char *key, size_t key_length, bext_value value) {
  bext_impl_set(BEXT_IMPL_IDS(span), key, key_length, BEXT_IMPL_VALUE(value));
}

BEXT_INLINE void bext_set(bext_handle span, const char *key, bext_value value) {
  bext_set_n(span, key, BEXT_IMPL_NUL, value);
}

BEXT_INLINE void bext_set_str(bext_handle span, const char *key, const char *value) {
  bext_set(span, key, bext_str(value));
}

BEXT_INLINE void bext_set_bool(bext_handle span, const char *key, bext_boolean value) {
  bext_set(span, key, bext_bool(value));
}

BEXT_INLINE void bext_set_i64(bext_handle span, const char *key, int64_t value) {
  bext_set(span, key, bext_i64(value));
}

BEXT_INLINE void bext_set_f64(bext_handle span, const char *key, double value) { bext_set(span, key, bext_f64(value)); }

BEXT_INLINE void bext_set_status_n(bext_handle span, enum bext_status_code code, const char *message, size_t length) {
  bext_impl_set_status(BEXT_IMPL_IDS(span), (uint32_t)code, message, length);
}

BEXT_INLINE void bext_set_status(bext_handle span, enum bext_status_code code, const char *message) {
  bext_set_status_n(span, code, message, BEXT_IMPL_NUL);
}

BEXT_INLINE void bext_set_ok(bext_handle span) { bext_set_status_n(span, BEXT_STATUS_OK, NULL, 0); }

BEXT_INLINE void bext_set_error(bext_handle span, const char *message) {
  bext_set_status(span, BEXT_STATUS_ERROR, message);
}

BEXT_INLINE void bext_event(bext_handle span, const char *name) { bext_impl_add_now(BEXT_IMPL_IDS(span), name); }

BEXT_INLINE void bext_end_at(bext_handle span, uint64_t end_time_unix_nanos) {
  bext_impl_end(BEXT_IMPL_IDS(span), end_time_unix_nanos);
}

BEXT_INLINE void bext_end(bext_handle span) { bext_end_at(span, 0); }

BEXT_INLINE void bext_span_init_n(bext_span_builder *builder, void *buffer, size_t capacity, const char *name,
                                  size_t name_length, enum bext_span_kind kind) {
  bext_impl_init(&builder->payload, buffer, capacity, name, name_length, (uint32_t)kind);
}

BEXT_INLINE void bext_span_init(bext_span_builder *builder, void *buffer, size_t capacity, const char *name,
                                enum bext_span_kind kind) {
  bext_span_init_n(builder, buffer, capacity, name, BEXT_IMPL_NUL, kind);
}

BEXT_INLINE void bext_span_parent(bext_span_builder *builder, bext_handle parent) {
  bext_impl_parent(&builder->payload, BEXT_IMPL_IDS(parent), BEXT_IMPL_LOCAL, NULL, 0);
}

BEXT_INLINE void bext_span_remote_parent_n(bext_span_builder *builder, bext_handle parent, uint8_t flags,
                                           const char *trace_state, size_t trace_state_length) {
  bext_impl_parent(&builder->payload, BEXT_IMPL_IDS(parent), flags, trace_state, trace_state_length);
}

BEXT_INLINE void bext_span_remote_parent(bext_span_builder *builder, bext_handle parent, uint8_t flags,
                                         const char *trace_state) {
  bext_span_remote_parent_n(builder, parent, flags, trace_state, BEXT_IMPL_NUL);
}

BEXT_INLINE void bext_span_attr_n(bext_span_builder *builder, const char *key, size_t key_length, bext_value value) {
  bext_impl_attribute(&builder->payload, key, key_length, BEXT_IMPL_VALUE(value));
}

BEXT_INLINE void bext_span_attr(bext_span_builder *builder, const char *key, bext_value value) {
  bext_span_attr_n(builder, key, BEXT_IMPL_NUL, value);
}

BEXT_INLINE void bext_span_link(bext_span_builder *builder, bext_handle other, const bext_attribute *attributes,
                                size_t count) {
  bext_impl_link(&builder->payload, BEXT_IMPL_IDS(other), attributes, count);
}

BEXT_INLINE void bext_span_start_time(bext_span_builder *builder, uint64_t start_time_unix_nanos) {
  bext_impl_time(&builder->payload, "\xb5start_time_unix_nanos", start_time_unix_nanos);
}

BEXT_INLINE bext_handle bext_span_start(bext_span_builder *builder) {
  bext_handle span;
  bext_impl_start(&span, &builder->payload);
  return span;
}

BEXT_INLINE void bext_event_init_n(bext_event_builder *builder, void *buffer, size_t capacity, const char *name,
                                   size_t name_length) {
  bext_impl_init(&builder->payload, buffer, capacity, name, name_length, BEXT_SPAN_KIND_INTERNAL);
}

BEXT_INLINE void bext_event_init(bext_event_builder *builder, void *buffer, size_t capacity, const char *name) {
  bext_event_init_n(builder, buffer, capacity, name, BEXT_IMPL_NUL);
}

BEXT_INLINE void bext_event_attr_n(bext_event_builder *builder, const char *key, size_t key_length, bext_value value) {
  bext_impl_attribute(&builder->payload, key, key_length, BEXT_IMPL_VALUE(value));
}

BEXT_INLINE void bext_event_attr(bext_event_builder *builder, const char *key, bext_value value) {
  bext_event_attr_n(builder, key, BEXT_IMPL_NUL, value);
}

BEXT_INLINE void bext_event_time(bext_event_builder *builder, uint64_t time_unix_nanos) {
  bext_impl_time(&builder->payload, "\xaftime_unix_nanos", time_unix_nanos);
}

BEXT_INLINE void bext_event_add(bext_handle span, bext_event_builder *builder) {
  bext_impl_add(BEXT_IMPL_IDS(span), &builder->payload);
}

BEXT_INLINE bext_boolean bext_traceparent_parse(const char *text, bext_handle *out, uint8_t *flags) {
  return bext_traceparent_parse_n(text, BEXT_IMPL_NUL, out, flags);
}

#ifdef __cplusplus
}
#endif

#endif /* BEXT_TRACER_H */

/* === Implementation ============================================================================================= */

#if defined(BEXT_TRACER_IMPLEMENTATION) && !defined(BEXT_TRACER_IMPLEMENTED)
#define BEXT_TRACER_IMPLEMENTED

#ifndef BEXT_TRACER_SCRATCH_SIZE
#define BEXT_TRACER_SCRATCH_SIZE 4096
#endif
#ifndef BEXT_TRACER_ARENA_SIZE
#define BEXT_TRACER_ARENA_SIZE 65536
#endif
#if BEXT_TRACER_SCRATCH_SIZE < 256
#error "BEXT_TRACER_SCRATCH_SIZE must be at least 256"
#endif
#if defined(BEXT_TRACER_USE_MALLOC) && !defined(BEXT_TRACER_NO_ALLOC)
#include <stdlib.h>
#endif

/* Where the compiler is asked for few bytes, none of this is inlined. */
#if defined(__OPTIMIZE_SIZE__) && defined(__clang__)
#define BEXT_IMPL __attribute__((noinline, minsize, no_builtin))
#elif defined(__OPTIMIZE_SIZE__)
#define BEXT_IMPL __attribute__((noinline))
#elif defined(__clang__)
#define BEXT_IMPL __attribute__((no_builtin))
#else
#define BEXT_IMPL
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The host writes a handle as 24 bytes, least significant first: just so it lies in memory here. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "bext_tracer.h needs a little-endian target, as WebAssembly is"
#endif
typedef char bext_impl_handle_fits[sizeof(bext_handle) == BEXT_HANDLE_SIZE ? 1 : -1];

static uint8_t bext_impl_scratch[BEXT_TRACER_SCRATCH_SIZE];
static uint32_t bext_impl_dropped;

BEXT_IMPL static void bext_impl_drop(void) {
  if (bext_impl_dropped != UINT32_MAX) bext_impl_dropped++;
}

uint32_t bext_dropped(void) { return bext_impl_dropped; }

BEXT_IMPL static bext_boolean bext_impl_is_invalid(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id) {
  return (trace_id_hi | trace_id_lo) == 0 || span_id == 0;
}

/* --- UTF-8 ------------------------------------------------------------------------------------------------------ */

BEXT_IMPL static size_t bext_impl_length(const char *text, size_t length) {
  if (text == NULL) return 0;
  if (length != BEXT_IMPL_NUL) return length;
  length = 0;
  while (text[length] != '\0') length++;
  return length;
}

/* How many bytes a character has that starts with `lead`; 0 where none does. */
static uint32_t bext_impl_utf8_length(uint8_t lead) {
  return lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
}

/*
 * Whether a byte may stand behind `lead`, which is 0 where it is not the second of its character: only there some would
 * make an overlong form, a surrogate, or more than U+10FFFF.
 */
static bext_boolean bext_impl_utf8_follows(uint8_t lead, uint8_t byte) {
  const uint32_t pair = (uint32_t)lead << 8 | byte;
  if ((byte & 0xc0) != 0x80) return 0;
  return !(pair - 0xe080 < 0x20 || pair - 0xeda0 < 0x20 || pair - 0xf080 < 0x10 || pair >= 0xf490);
}

/* How many bytes of the last text bext_impl_utf8 found no room for. */
static size_t bext_impl_rest;

/*
 * Write a text as well-formed UTF-8 of at most `room` bytes; where `out` is NULL only count them. Returns how many.
 * Each ill-formed maximal subsequence (Unicode 3.9, "U+FFFD Substitution of Maximal Subparts") becomes U+FFFD, whose
 * three bytes are never fewer than what they stand for.
 */
BEXT_IMPL static uint32_t bext_impl_utf8(uint8_t *out, uint32_t room, const char *text, size_t length) {
  const uint8_t *from = (const uint8_t *)text;
  uint32_t size = 0;
  while (length != 0) {
    const uint8_t lead = *from;
    const uint32_t whole = bext_impl_utf8_length(lead);
    uint32_t taken = 1;
    uint32_t written, i;
    if (lead < 0x80 && size < room) { /* the usual case, without a loop */
      if (out != NULL) out[size] = lead;
      size++;
      from++;
      length--;
      continue;
    }
    while (taken < whole && taken < length && bext_impl_utf8_follows(taken == 1 ? lead : 0, from[taken])) taken++;
    written = taken == whole ? taken : 3;
    if (written > room - size) break;
    for (i = 0; out != NULL && i < written; i++) out[size + i] = taken == whole ? from[i] : (uint8_t)"\xef\xbf\xbd"[i];
    size += written;
    from += taken;
    length -= taken;
  }
  bext_impl_rest = length;
  return size;
}

/* --- msgpack: a writer over a fixed room; once something did not fit, everything after it is skipped ------------ */

static uint8_t *bext_impl_at;
static int32_t bext_impl_left; /* below 0 once something did not fit */

BEXT_IMPL static void bext_impl_write_to(uint8_t *out, uint32_t room) {
  bext_impl_at = out;
  bext_impl_left = (int32_t)room;
}

/* A first byte, and the `width` low bytes of `number`, big-endian. */
BEXT_IMPL static void bext_impl_put(uint32_t first, uint64_t number, uint32_t width) {
  bext_impl_left -= (int32_t)width + 1;
  if (bext_impl_left < 0) return;
  *bext_impl_at++ = (uint8_t)first;
  while (width-- > 0) *bext_impl_at++ = (uint8_t)(number >> (8 * width));
}

BEXT_IMPL static void bext_impl_byte(uint32_t byte) { bext_impl_put(byte, 0, 0); }

/* The exponent of the fewest bytes that hold a number: 0 to 3 for 1, 2, 4 and 8 bytes. */
BEXT_IMPL static uint32_t bext_impl_exponent(uint64_t number) {
  uint32_t exponent = 0;
  while (exponent < 3 && number >> (8 << exponent) != 0) exponent++;
  return exponent;
}

/*
 * What starts with a number: the largest one that fits into the first byte, that byte for 0, and what stands before a
 * number of 8 bits. Arrays and maps have no such form.
 */
#define BEXT_IMPL_HEAD(largest, first, wide) ((uint32_t)(largest) << 16 | (first) << 8 | (wide))
#define BEXT_IMPL_UINT BEXT_IMPL_HEAD(0x7f, 0, 0xcc)
#define BEXT_IMPL_TEXT BEXT_IMPL_HEAD(31, 0xa0, 0xd9)
#define BEXT_IMPL_LIST BEXT_IMPL_HEAD(15, 0x90, 0xdb)
#define BEXT_IMPL_MAP BEXT_IMPL_HEAD(15, 0x80, 0xdd)

BEXT_IMPL static void bext_impl_put_head(uint64_t number, uint32_t head) {
  uint32_t exponent = bext_impl_exponent(number);
  if (number <= head >> 16) {
    bext_impl_byte((head >> 8) + (uint32_t)number);
    return;
  }
  if (head >> 16 == 15 && exponent == 0) exponent = 1;
  bext_impl_put(head + exponent, number, 1u << exponent);
}

BEXT_IMPL static void bext_impl_put_uint(uint64_t number) { bext_impl_put_head(number, BEXT_IMPL_UINT); }

BEXT_IMPL static void bext_impl_put_int(uint64_t bits) {
  const int64_t value = (int64_t)bits;
  /* Room for the sign: what the inverse of a negative number needs, and one bit. */
  const uint32_t exponent = bext_impl_exponent(~bits << 1);
  if (value >= 0) {
    bext_impl_put_uint(bits);
  } else if (value >= -32) {
    bext_impl_byte((uint32_t)bits);
  } else {
    bext_impl_put(0xd0 + exponent, bits, 1u << exponent);
  }
}

/*
 * A text; where it does not fit, as much of it as does if it `may_be_cut`, which is counted. A text only grows when it
 * is written, so of one that is too long no more is read than there is room.
 */
BEXT_IMPL static void bext_impl_put_text(const char *text, size_t length, bext_boolean may_be_cut) {
  uint32_t room = (uint32_t)bext_impl_left;
  uint32_t size;
  if (bext_impl_left < 0) return;
  length = bext_impl_length(text, length);
  for (;; room--) {
    size = bext_impl_utf8(NULL, room, text, length);
    if (room == 0 || size + (size > 31 ? 1u << bext_impl_exponent(size) : 0) < (uint32_t)bext_impl_left) break;
  }
  if (bext_impl_rest != 0) {
    if (may_be_cut) {
      bext_impl_drop();
    } else {
      bext_impl_left = -1;
    }
  }
  bext_impl_put_head(size, BEXT_IMPL_TEXT);
  if (bext_impl_left < 0) return;
  bext_impl_left -= (int32_t)size;
  bext_impl_at += bext_impl_utf8(bext_impl_at, size, text, length);
}

/* A short text with its header, as msgpack has it. */
BEXT_IMPL static void bext_impl_put_packed(const char *packed) {
  const uint32_t size = 1 + ((uint8_t)*packed & 31);
  uint32_t i;
  bext_impl_left -= (int32_t)size;
  for (i = 0; bext_impl_left >= 0 && i < size; i++) *bext_impl_at++ = (uint8_t)packed[i];
}

BEXT_IMPL static void bext_impl_put_handle(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id) {
  bext_impl_byte(0x93);
  bext_impl_put_uint(trace_id_hi);
  bext_impl_put_uint(trace_id_lo);
  bext_impl_put_uint(span_id);
}

/* --- Values ----------------------------------------------------------------------------------------------------- */

BEXT_IMPL static void bext_impl_put_scalar(uint32_t type, uint64_t bits) {
  if (type == BEXT_IMPL_BOOL) {
    bext_impl_byte(0xc2 | (uint32_t)bits);
  } else if (type == BEXT_IMPL_I64) {
    bext_impl_put_int(bits);
  } else {
    if ((bits & INT64_MAX) > 0x7ff0000000000000) bits = 0x7ff8000000000000; /* NaN: one form of many */
    bext_impl_put(0xcb, bits, 8);
  }
}

/* Stops at the first item that does not fit. */
BEXT_IMPL static void bext_impl_put_items(uint32_t type, size_t count, const size_t *lengths, const void *items) {
  size_t i;
  if (items == NULL) count = 0;
  bext_impl_put_head(count, BEXT_IMPL_LIST);
  for (i = 0; i < count && bext_impl_left >= 0; i++) {
    if (type == BEXT_IMPL_STR) {
      bext_impl_put_text(((const char *const *)items)[i], lengths == NULL ? BEXT_IMPL_NUL : lengths[i], 0);
    } else if (type == BEXT_IMPL_BOOL) {
      bext_impl_put_scalar(type, ((const bext_boolean *)items)[i]);
    } else {
      uint64_t bits;
      __builtin_memcpy(&bits, (const uint8_t *)items + i * sizeof bits, sizeof bits);
      bext_impl_put_scalar(type, bits);
    }
  }
}

BEXT_IMPL static void bext_impl_put_attribute(const char *key, size_t key_length, uint32_t type, size_t count,
                                              const size_t *lengths, uint64_t bits) {
  const void *address = (const void *)(uintptr_t)bits;
  bext_impl_put_text(key, key_length, 0);
  if (type >= BEXT_IMPL_ARRAY) {
    bext_impl_put_items(type - BEXT_IMPL_ARRAY, count, lengths, address);
  } else if (type == BEXT_IMPL_STR) {
    bext_impl_put_text((const char *)address, count, 0);
  } else {
    bext_impl_put_scalar(type, bits);
  }
}

/* --- Payloads: a map in the making -------------------------------------------------------------------------------- */

/*
 * The buffer holds a byte for the map's header, then the fields in the order below, which is the ABI's for spans and
 * for events; a field that is not set takes no bytes. What is new is written behind the last field, where the room is,
 * and then rotated to its place. So nothing moves while it may still fail to fit, and nothing at all where the calls
 * come in the ABI's order.
 */
enum bext_impl_field {
  BEXT_IMPL_NAME,
  BEXT_IMPL_KIND,
  BEXT_IMPL_PARENT, /* with parent_is_remote and parent_flags: a remote parent is there as a whole or not at all */
  BEXT_IMPL_TRACE_STATE,
  BEXT_IMPL_ATTRIBUTES,
  BEXT_IMPL_LINKS,
  BEXT_IMPL_TIME,
  BEXT_IMPL_FIELDS
};

/* Fails to compile where bext_payload has another number of fields. */
typedef char bext_impl_fields_fit[sizeof(((bext_payload *)0)->bounds) == (BEXT_IMPL_FIELDS + 1) * 4 ? 1 : -1];

/*
 * The smallest payload of all, an empty name. Builders whose buffer is smaller share it: nothing else fits, so they
 * agree on it.
 */
#define BEXT_IMPL_SMALLEST 7
static uint8_t bext_impl_smallest[BEXT_IMPL_SMALLEST];

BEXT_IMPL static void bext_impl_reverse(uint8_t *from, uint8_t *to) {
  while (to - from > 1) {
    const uint8_t byte = *from;
    *from++ = *--to;
    *to = byte;
  }
}

/* Swaps the first `left` bytes with the `right` bytes behind them. */
BEXT_IMPL static void bext_impl_rotate(uint8_t *bytes, uint32_t left, uint32_t right) {
  if (left == 0 || right == 0) return;
  bext_impl_reverse(bytes, bytes + left);
  bext_impl_reverse(bytes + left, bytes + left + right);
  bext_impl_reverse(bytes, bytes + left + right);
}

BEXT_IMPL static void bext_impl_resize(bext_payload *payload, uint32_t field, uint32_t growth) {
  while (++field <= BEXT_IMPL_FIELDS) payload->bounds[field] += growth;
}

/* Begin to write what a field gets, behind the payload; bext_impl_close gives it to the field. */
BEXT_IMPL static void bext_impl_open(const bext_payload *payload) {
  const uint32_t size = payload->bounds[BEXT_IMPL_FIELDS];
  bext_impl_write_to(payload->bytes + size, payload->capacity - size);
}

/* Add what was written to the end of a field; where it did not fit, false, and it is counted. */
BEXT_IMPL static bext_boolean bext_impl_close(bext_payload *payload, uint32_t field) {
  const uint32_t end = payload->bounds[field + 1];
  const uint32_t size = payload->bounds[BEXT_IMPL_FIELDS];
  const uint32_t length = (uint32_t)(bext_impl_at - payload->bytes) - size;
  if (bext_impl_left < 0) {
    bext_impl_drop();
    return 0;
  }
  bext_impl_rotate(payload->bytes + end, size - end, length);
  bext_impl_resize(payload, field, length);
  return 1;
}

/* Take a field out, by rotating it behind the payload. */
BEXT_IMPL static void bext_impl_clear(bext_payload *payload, uint32_t field) {
  const uint32_t start = payload->bounds[field];
  const uint32_t end = payload->bounds[field + 1];
  bext_impl_rotate(payload->bytes + start, end - start, payload->bounds[BEXT_IMPL_FIELDS] - end);
  bext_impl_resize(payload, field, start - end);
}

/* In a buffer that is not tiny the name leaves room for what matters more than its tail: kind, parent, start time. */
enum { BEXT_IMPL_NAME_SPARE = 128 };

BEXT_IMPL void bext_impl_init(bext_payload *payload, void *buffer, size_t capacity, const char *name,
                              size_t name_length, uint32_t kind) {
  const bext_boolean usable = buffer != NULL && capacity >= BEXT_IMPL_SMALLEST;
  uint32_t field;
  payload->bytes = usable ? (uint8_t *)buffer : bext_impl_smallest;
  payload->capacity = !usable ? BEXT_IMPL_SMALLEST : capacity > INT32_MAX ? INT32_MAX : (uint32_t)capacity;
  for (field = 0; field <= BEXT_IMPL_FIELDS; field++) payload->bounds[field] = 1;
  payload->items[0] = payload->items[1] = payload->remote = 0;
  payload->unsampled = 0;
  bext_impl_open(payload);
  if (payload->capacity >= 2 * BEXT_IMPL_NAME_SPARE) bext_impl_left -= BEXT_IMPL_NAME_SPARE;
  bext_impl_put_packed("\xa4name");
  bext_impl_put_text(name, name_length, 1);
  bext_impl_close(payload, BEXT_IMPL_NAME);
  if (kind - 1 >= BEXT_SPAN_KIND_CONSUMER) return; /* internal, or none that is known */
  bext_impl_open(payload);
  bext_impl_put_packed("\xa4kind");
  bext_impl_byte(kind);
  bext_impl_close(payload, BEXT_IMPL_KIND);
}

BEXT_IMPL void bext_impl_parent(bext_payload *payload, uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id,
                                int32_t flags, const char *trace_state, size_t trace_state_length) {
  const bext_boolean invalid = bext_impl_is_invalid(trace_id_hi, trace_id_lo, span_id);
  bext_impl_clear(payload, BEXT_IMPL_PARENT);
  bext_impl_clear(payload, BEXT_IMPL_TRACE_STATE);
  payload->remote = 0;
  payload->unsampled = invalid && flags == BEXT_IMPL_LOCAL;
  if (invalid) return;
  bext_impl_open(payload);
  bext_impl_put_packed("\xa6parent");
  bext_impl_put_handle(trace_id_hi, trace_id_lo, span_id);
  if (flags != BEXT_IMPL_LOCAL) {
    bext_impl_put_packed("\xb0parent_is_remote");
    bext_impl_byte(0xc3);
    if (flags != BEXT_PARENT_FLAGS_DEFAULT) {
      bext_impl_put_packed("\xacparent_flags");
      bext_impl_put_uint((uint32_t)flags);
    }
  }
  if (!bext_impl_close(payload, BEXT_IMPL_PARENT) || flags == BEXT_IMPL_LOCAL) return;
  payload->remote = flags == BEXT_PARENT_FLAGS_DEFAULT ? 1 : 2;
  trace_state_length = bext_impl_length(trace_state, trace_state_length);
  if (trace_state_length == 0) return;
  bext_impl_open(payload);
  bext_impl_put_packed("\xabtrace_state");
  bext_impl_put_text(trace_state, trace_state_length, 0);
  bext_impl_close(payload, BEXT_IMPL_TRACE_STATE);
}

BEXT_IMPL void bext_impl_time(bext_payload *payload, const char *field_name, uint64_t nanos) {
  bext_impl_clear(payload, BEXT_IMPL_TIME);
  if (nanos == 0) return;
  bext_impl_open(payload);
  if (nanos > BEXT_MAX_TIME_UNIX_NANOS) bext_impl_left = -1;
  bext_impl_put_packed(field_name);
  bext_impl_put_uint(nanos);
  bext_impl_close(payload, BEXT_IMPL_TIME);
}

/* --- Attributes and links: fields that grow by an item ---------------------------------------------------------- */

enum { BEXT_IMPL_MOST_ITEMS = UINT16_MAX };

static const char bext_impl_attributes[] = "\xaa" "attributes"; /* in two, since an a is a hex digit */

/* Begin an item of the attributes or the links; bext_impl_close_item adds it. */
BEXT_IMPL static void bext_impl_open_item(bext_payload *payload, uint32_t field) {
  const uint32_t items = payload->items[field - BEXT_IMPL_ATTRIBUTES];
  bext_impl_open(payload);
  if (items == BEXT_IMPL_MOST_ITEMS) bext_impl_left = -1;
  if (items != 0) return;
  bext_impl_put_packed(field == BEXT_IMPL_LINKS ? "\xa5links" : bext_impl_attributes);
  bext_impl_byte(0); /* the header */
}

BEXT_IMPL static void bext_impl_close_item(bext_payload *payload, uint32_t field) {
  uint32_t *items = &payload->items[field - BEXT_IMPL_ATTRIBUTES];
  const bext_boolean is_link = field == BEXT_IMPL_LINKS;
  uint8_t *header;
  if (*items == 15) bext_impl_put(0, 0, 1); /* the header grows */
  if (!bext_impl_close(payload, field)) return;
  ++*items;
  /* Behind the name and its own header, which take as many bytes as the name with a NUL. */
  header = payload->bytes + payload->bounds[field] + (is_link ? sizeof "links" : sizeof "attributes");
  if (*items <= 15) {
    *header = (uint8_t)((is_link ? 0x90 : 0x80) | *items);
    return;
  }
  if (*items == 16) bext_impl_rotate(header, (uint32_t)(payload->bytes + payload->bounds[field + 1] - header) - 2, 2);
  header[0] = is_link ? 0xdc : 0xde;
  header[1] = (uint8_t)(*items >> 8);
  header[2] = (uint8_t)*items;
}

BEXT_IMPL void bext_impl_attribute(bext_payload *payload, const char *key, size_t key_length, uint32_t type,
                                   size_t count, const size_t *lengths, uint64_t bits) {
  bext_impl_open_item(payload, BEXT_IMPL_ATTRIBUTES);
  bext_impl_put_attribute(key, key_length, type, count, lengths, bits);
  bext_impl_close_item(payload, BEXT_IMPL_ATTRIBUTES);
}

BEXT_IMPL void bext_impl_link(bext_payload *payload, uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id,
                              const bext_attribute *attributes, size_t count) {
  if (bext_impl_is_invalid(trace_id_hi, trace_id_lo, span_id)) return;
  if (attributes == NULL) count = 0;
  bext_impl_open_item(payload, BEXT_IMPL_LINKS);
  bext_impl_byte(count == 0 ? 0x81 : 0x82);
  bext_impl_put_packed("\xa6handle");
  bext_impl_put_handle(trace_id_hi, trace_id_lo, span_id);
  if (count != 0) {
    bext_impl_put_packed(bext_impl_attributes);
    bext_impl_put_head(count, BEXT_IMPL_MAP);
  }
  for (; count != 0 && bext_impl_left >= 0; count--, attributes++) {
    bext_impl_put_attribute(attributes->key, attributes->key_length, BEXT_IMPL_VALUE(attributes->value));
  }
  bext_impl_close_item(payload, BEXT_IMPL_LINKS);
}

/* --- The calls of the host ---------------------------------------------------------------------------------------- */

/* Writes the map's header, the last thing that was missing. Returns the payload's length. */
BEXT_IMPL static uint32_t bext_impl_finish(bext_payload *payload) {
  uint32_t fields = payload->remote;
  uint32_t field;
  for (field = 0; field < BEXT_IMPL_FIELDS; field++) {
    if (payload->bounds[field] != payload->bounds[field + 1]) fields++;
  }
  payload->bytes[0] = (uint8_t)(0x80 | fields);
  return payload->bounds[BEXT_IMPL_FIELDS];
}

BEXT_IMPL void bext_impl_start(bext_handle *out, bext_payload *payload) {
  *out = BEXT_HANDLE_INVALID;
  if (!payload->unsampled) bext_abi_start_span(payload->bytes, bext_impl_finish(payload), (uint8_t *)out);
}

BEXT_IMPL void bext_impl_start_now(bext_handle *out, const char *name, uint32_t kind, enum bext_impl_below below,
                                   uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id) {
  bext_boolean is_child = below != BEXT_IMPL_ROOT;
  bext_payload payload;
  *out = bext_handle_make(trace_id_hi, trace_id_lo, span_id); /* the parent, at first */
  if (below == BEXT_IMPL_UNDER_CURRENT) is_child = bext_current_span(out);
  payload.unsampled = is_child && bext_impl_is_invalid(BEXT_IMPL_IDS(*out));
  if (!payload.unsampled) {
    bext_impl_init(&payload, bext_impl_scratch, sizeof bext_impl_scratch, name, BEXT_IMPL_NUL, kind);
    if (is_child) bext_impl_parent(&payload, BEXT_IMPL_IDS(*out), BEXT_IMPL_LOCAL, NULL, 0);
  }
  bext_impl_start(out, &payload);
}

BEXT_IMPL static void bext_impl_write_to_scratch(void) {
  bext_impl_write_to(bext_impl_scratch, sizeof bext_impl_scratch);
}

BEXT_IMPL static uint32_t bext_impl_written(void) { return (uint32_t)(bext_impl_at - bext_impl_scratch); }

BEXT_IMPL void bext_impl_set(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const char *key,
                             size_t key_length, uint32_t type, size_t count, const size_t *lengths, uint64_t bits) {
  if (bext_impl_is_invalid(trace_id_hi, trace_id_lo, span_id)) return;
  bext_impl_write_to_scratch();
  bext_impl_byte(0x92);
  bext_impl_put_attribute(key, key_length, type, count, lengths, bits);
  if (bext_impl_left < 0) {
    bext_impl_drop();
  } else {
    bext_abi_set_attribute(trace_id_hi, trace_id_lo, span_id, bext_impl_scratch, bext_impl_written());
  }
}

BEXT_IMPL void bext_impl_set_status(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, uint32_t code,
                                    const char *message, size_t length) {
  if (bext_impl_is_invalid(trace_id_hi, trace_id_lo, span_id)) return;
  if (code > BEXT_STATUS_ERROR) {
    bext_impl_drop();
    return;
  }
  length = bext_impl_length(message, length);
  bext_impl_write_to_scratch();
  bext_impl_byte(length == 0 ? 0x81 : 0x82);
  bext_impl_put_packed("\xa4" "code");
  bext_impl_byte(code);
  if (length != 0) {
    bext_impl_put_packed("\xa7message");
    bext_impl_put_text(message, length, 1);
  }
  bext_abi_set_status(trace_id_hi, trace_id_lo, span_id, bext_impl_scratch, bext_impl_written());
}

BEXT_IMPL void bext_impl_add(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, bext_payload *payload) {
  if (bext_impl_is_invalid(trace_id_hi, trace_id_lo, span_id)) return;
  bext_abi_add_event(trace_id_hi, trace_id_lo, span_id, payload->bytes, bext_impl_finish(payload));
}

BEXT_IMPL void bext_impl_add_now(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const char *name) {
  bext_payload payload;
  if (bext_impl_is_invalid(trace_id_hi, trace_id_lo, span_id)) return;
  bext_impl_init(&payload, bext_impl_scratch, sizeof bext_impl_scratch, name, BEXT_IMPL_NUL, 0);
  bext_impl_add(trace_id_hi, trace_id_lo, span_id, &payload);
}

BEXT_IMPL void bext_impl_end(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id,
                             uint64_t end_time_unix_nanos) {
  if (bext_impl_is_invalid(trace_id_hi, trace_id_lo, span_id)) return;
  bext_abi_end_span(trace_id_hi, trace_id_lo, span_id, end_time_unix_nanos);
}

/* --- W3C traceparent: VV-<trace id, 32 digits>-<span id, 16>-<flags, 2>, digits lower case ---------------------- */

/* Writes digits and a hyphen; returns where it goes on. */
BEXT_IMPL static char *bext_impl_put_hex(char *out, uint64_t number, uint32_t digits) {
  while (digits-- > 0) *out++ = "0123456789abcdef"[(number >> (4 * digits)) & 15];
  *out++ = '-';
  return out;
}

BEXT_IMPL bext_boolean bext_traceparent_format(bext_handle span, bext_boolean sampled,
                                               char out[BEXT_TRACEPARENT_SIZE]) {
  *out = '\0';
  if (bext_impl_is_invalid(BEXT_IMPL_IDS(span))) return 0;
  out = bext_impl_put_hex(out, 0, 2);
  out = bext_impl_put_hex(out, span.trace_id_hi, 16) - 1; /* no hyphen between the halves */
  out = bext_impl_put_hex(out, span.trace_id_lo, 16);
  out = bext_impl_put_hex(out, span.span_id, 16);
  out = bext_impl_put_hex(out, (uint64_t)sampled * BEXT_TRACE_FLAG_SAMPLED, 2);
  out[-1] = '\0';
  return 1;
}

/* Reads digits; where one is none, `*valid` becomes false. */
BEXT_IMPL static uint64_t bext_impl_get_hex(const char *text, uint32_t digits, bext_boolean *valid) {
  uint64_t number = 0;
  while (digits-- > 0) {
    const uint32_t digit = (uint8_t)*text++;
    const uint32_t value = digit >= 'a' ? digit - 'a' + 10 : digit - '0';
    if (value > (digit >= 'a' ? 15u : 9u)) *valid = 0;
    number = number << 4 | (value & 15);
  }
  return number;
}

BEXT_IMPL bext_boolean bext_traceparent_parse_n(const char *text, size_t length, bext_handle *out, uint8_t *flags) {
  bext_boolean valid = 1;
  bext_handle parent;
  uint64_t version, read_flags;
  length = bext_impl_length(text, length);
  if (length < BEXT_TRACEPARENT_SIZE - 1) return 0;
  version = bext_impl_get_hex(text, 2, &valid);
  parent.trace_id_hi = bext_impl_get_hex(text + 3, 16, &valid);
  parent.trace_id_lo = bext_impl_get_hex(text + 19, 16, &valid);
  parent.span_id = bext_impl_get_hex(text + 36, 16, &valid);
  read_flags = bext_impl_get_hex(text + 53, 2, &valid);
  if (!valid || text[2] != '-' || text[35] != '-' || text[52] != '-') return 0;
  if (version == 0xff || bext_impl_is_invalid(BEXT_IMPL_IDS(parent))) return 0;
  if (length > BEXT_TRACEPARENT_SIZE - 1 && (version == 0 || text[55] != '-')) return 0;
  *out = parent;
  *flags = (uint8_t)read_flags;
  return 1;
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

/*
 * A stack of blocks: each is a unit that heads it, then its bytes in whole units. Indices count from 1, so that 0 is
 * none.
 */
typedef struct bext_impl_unit {
  uint32_t previous; /* the block below */
  uint32_t in_use;
} bext_impl_unit;

enum { BEXT_IMPL_UNIT = 8, BEXT_IMPL_UNITS = BEXT_TRACER_ARENA_SIZE / BEXT_IMPL_UNIT };

static bext_impl_unit bext_impl_arena[BEXT_IMPL_UNITS] __attribute__((aligned(8)));
static uint32_t bext_impl_used; /* units */
static uint32_t bext_impl_last; /* the block on top */

BEXT_EXPORT("bext_alloc")
void *bext_alloc(uint32_t length) {
  const uint32_t units = 1 + length / BEXT_IMPL_UNIT + (length % BEXT_IMPL_UNIT != 0);
  bext_impl_unit *block = &bext_impl_arena[bext_impl_used];
  if (length == 0 || units > BEXT_IMPL_UNITS - bext_impl_used) return NULL;
  block->previous = bext_impl_last;
  block->in_use = 1;
  bext_impl_last = bext_impl_used + 1;
  bext_impl_used += units;
  return block + 1;
}

BEXT_EXPORT("bext_free")
void bext_free(void *pointer, uint32_t length) {
  uint32_t index;
  (void)length;
  for (index = bext_impl_last; index != 0; index = bext_impl_arena[index - 1].previous) {
    if (&bext_impl_arena[index] == (bext_impl_unit *)pointer) bext_impl_arena[index - 1].in_use = 0;
  }
  while (bext_impl_last != 0 && !bext_impl_arena[bext_impl_last - 1].in_use) {
    bext_impl_used = bext_impl_last - 1;
    bext_impl_last = bext_impl_arena[bext_impl_used].previous;
  }
}

#endif

#ifdef __cplusplus
}
#endif

#endif /* BEXT_TRACER_IMPLEMENTATION */
