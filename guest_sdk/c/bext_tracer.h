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

static inline bext_handle bext_handle_make(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id) {
  bext_handle handle = {trace_id_hi, trace_id_lo, span_id};
  return handle;
}

/* True for a zero trace id or a zero span id. */
static inline bext_boolean bext_handle_is_invalid(bext_handle handle) {
  return (handle.trace_id_hi | handle.trace_id_lo) == 0 || handle.span_id == 0;
}

/*
 * An attribute's value. Make it with the functions below; it borrows the text or the items, which must outlive its
 * use.
 */
typedef struct bext_value {
  uint32_t type;
  size_t count;          /* bytes of a str, items of an array */
  const size_t *lengths; /* of an array of str; NULL where each ends with NUL */
  union {
    const char *text;
    const char *const *texts;
    const bext_boolean *booleans;
    const int64_t *integers;
    const double *floats;
    bext_boolean boolean;
    int64_t integer;
    double number;
  } as;
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
  uint32_t end[12]; /* end[f] is where field f ends; it starts where the one before it ends */
  uint32_t attributes;
  uint32_t links;
} bext_payload;

/* A span that is to be started. Its fields are private. */
typedef struct bext_span_builder {
  bext_payload payload;
  bext_boolean unsampled;
} bext_span_builder;

/* An event that is to be added. Its fields are private. */
typedef struct bext_event_builder {
  bext_payload payload;
} bext_event_builder;

/* --- Values ----------------------------------------------------------------------------------------------------- */

bext_value bext_str(const char *text);
bext_value bext_str_n(const char *text, size_t length);
bext_value bext_bool(bext_boolean value);
bext_value bext_i64(int64_t value);
bext_value bext_f64(double value);

/* Arrays, which may be empty. NULL items are an empty array. */
bext_value bext_str_array(const char *const *items, size_t count);
bext_value bext_str_array_n(const char *const *items, const size_t *lengths, size_t count);
bext_value bext_bool_array(const bext_boolean *items, size_t count);
bext_value bext_i64_array(const int64_t *items, size_t count);
bext_value bext_f64_array(const double *items, size_t count);

bext_attribute bext_attr(const char *key, bext_value value);
bext_attribute bext_attr_n(const char *key, size_t key_length, bext_value value);

/* --- Spans, the short way: one call, no buffer of your own ------------------------------------------------------ */

/*
 * Start a span below `parent`, on the host's clock. Returns its handle: INVALID where it is not sampled, and without
 * asking the host where `parent` is INVALID. A name too long for the scratch buffer is cut at a character and
 * counted.
 */
bext_handle bext_start(const char *name, enum bext_span_kind kind, bext_handle parent);

/* The same without a parent: the span starts a new trace. */
bext_handle bext_start_root(const char *name, enum bext_span_kind kind);

/* The same below the host's span round this call, or without a parent where there is none. */
bext_handle bext_start_under_current(const char *name, enum bext_span_kind kind);

/*
 * The host's span round the running call. True: there is one, and `*out` is its handle (INVALID where it was not
 * sampled). False: there is none, and `*out` is left as it was. You may add to that span, but only the host ends it.
 */
bext_boolean bext_current_span(bext_handle *out);

/*
 * Set one attribute of an open span, or overwrite it. An attribute that does not fit into the scratch buffer is
 * dropped and counted. The host drops an empty key, and keys that start with `bext.`.
 */
void bext_set(bext_handle span, const char *key, bext_value value);
void bext_set_n(bext_handle span, const char *key, size_t key_length, bext_value value);
void bext_set_str(bext_handle span, const char *key, const char *value);
void bext_set_bool(bext_handle span, const char *key, bext_boolean value);
void bext_set_i64(bext_handle span, const char *key, int64_t value);
void bext_set_f64(bext_handle span, const char *key, double value);

/*
 * Set the status of an open span. A message too long for the scratch buffer is cut at a character and counted; a code
 * that is none of the three is dropped and counted. The host keeps the message of an error only; ok is final, unset
 * never overwrites.
 */
void bext_set_status(bext_handle span, enum bext_status_code code, const char *message);
void bext_set_status_n(bext_handle span, enum bext_status_code code, const char *message, size_t length);
void bext_set_ok(bext_handle span);
void bext_set_error(bext_handle span, const char *message);

/* Add an event without attributes, on the host's clock. A name too long for the scratch buffer is cut and counted. */
void bext_event(bext_handle span, const char *name);

/*
 * End a span, on the host's clock or at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as
 * its clock.
 */
void bext_end(bext_handle span);
void bext_end_at(bext_handle span, uint64_t end_time_unix_nanos);

/* --- Spans, piece by piece, in a buffer of your own ------------------------------------------------------------- */

/*
 * Begin a span in `buffer`, which must live until it is started. The buffer holds the whole payload: the name, and what
 * is added to it. A piece that does not fit is dropped alone and counted, and the span still starts. A name that does
 * not fit is cut at a character and counted; in a buffer of 256 bytes or more it leaves 128, so that kind, parent and
 * start time fit in any case if they come first; below 7 bytes it is empty. Hosts refuse payloads above 64 KiB, by
 * default.
 */
void bext_span_init(bext_span_builder *builder, void *buffer, size_t capacity, const char *name,
                    enum bext_span_kind kind);
void bext_span_init_n(bext_span_builder *builder, void *buffer, size_t capacity, const char *name, size_t name_length,
                      enum bext_span_kind kind);

/*
 * Set the parent; of several calls, also to bext_span_remote_parent, the last one counts. Without one the span is a
 * root; below an INVALID parent it is INVALID. A parent that does not fit is dropped and counted, so set it before
 * the attributes.
 */
void bext_span_parent(bext_span_builder *builder, bext_handle parent);

/*
 * Set a parent from another process: its handle and `flags` as bext_traceparent_parse gave them, and the W3C
 * tracestate ("" for none). The host's policy decides what becomes of it. An INVALID handle counts as no parent.
 * Where handle and flags do not fit, all is dropped; where only `trace_state` does not fit, that alone; each is
 * counted once.
 */
void bext_span_remote_parent(bext_span_builder *builder, bext_handle parent, uint8_t flags, const char *trace_state);
void bext_span_remote_parent_n(bext_span_builder *builder, bext_handle parent, uint8_t flags, const char *trace_state,
                               size_t trace_state_length);

/*
 * Add an attribute; of two with the same key the host takes the last value. Dropped and counted where it does not
 * fit.
 */
void bext_span_attr(bext_span_builder *builder, const char *key, bext_value value);
void bext_span_attr_n(bext_span_builder *builder, const char *key, size_t key_length, bext_value value);

/*
 * Add a link to `other`, with `count` attributes (NULL and 0 for none). A link that does not fit is dropped as a
 * whole, and counted once; one to an INVALID handle is skipped.
 */
void bext_span_link(bext_span_builder *builder, bext_handle other, const bext_attribute *attributes, size_t count);

/* Set the start time in nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted. */
void bext_span_start_time(bext_span_builder *builder, uint64_t start_time_unix_nanos);

/* Start the span and return its handle, INVALID where it is not sampled. The builder stays as it was. */
bext_handle bext_span_start(bext_span_builder *builder);

/* --- Events, piece by piece ------------------------------------------------------------------------------------- */

/* Begin an event in `buffer`; everything said of bext_span_init holds. */
void bext_event_init(bext_event_builder *builder, void *buffer, size_t capacity, const char *name);
void bext_event_init_n(bext_event_builder *builder, void *buffer, size_t capacity, const char *name,
                       size_t name_length);

/* Add an attribute, as bext_span_attr does. */
void bext_event_attr(bext_event_builder *builder, const char *key, bext_value value);
void bext_event_attr_n(bext_event_builder *builder, const char *key, size_t key_length, bext_value value);

/*
 * Set the event's time in nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted.
 */
void bext_event_time(bext_event_builder *builder, uint64_t time_unix_nanos);

/* Add the event to `span`. The builder stays as it was, and may be added again. */
void bext_event_add(bext_handle span, bext_event_builder *builder);

/* --- W3C traceparent -------------------------------------------------------------------------------------------- */

#define BEXT_TRACEPARENT_SIZE 56 /* 55 characters and NUL */

/* Write `span` as a traceparent of version 00. False for an INVALID handle, and `out` is then "". */
bext_boolean bext_traceparent_format(bext_handle span, bext_boolean sampled, char out[BEXT_TRACEPARENT_SIZE]);

/*
 * Read a traceparent. True: it is valid, `*out` is its handle (never INVALID) and `*flags` its trace-flags. False:
 * nothing is written. A version above 00 may carry more fields, which are ignored.
 */
bext_boolean bext_traceparent_parse(const char *text, bext_handle *out, uint8_t *flags);
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

/* Without a libc there is no memcpy and no strlen, and the compiler must not turn our loops into calls of them. */
#if defined(__clang__)
#define BEXT_IMPL_NO_BUILTIN __attribute__((no_builtin))
#else
#define BEXT_IMPL_NO_BUILTIN
#endif

#ifdef __cplusplus
extern "C" {
#endif

static uint8_t bext_impl_scratch[BEXT_TRACER_SCRATCH_SIZE];
static uint32_t bext_impl_dropped;

static void bext_impl_drop(void) {
  if (bext_impl_dropped != UINT32_MAX) bext_impl_dropped++;
}

uint32_t bext_dropped(void) { return bext_impl_dropped; }

BEXT_IMPL_NO_BUILTIN
static void bext_impl_copy(void *to, const void *from, size_t length) {
  uint8_t *out = (uint8_t *)to;
  const uint8_t *in = (const uint8_t *)from;
  size_t i;
  for (i = 0; i < length; i++) out[i] = in[i];
}

BEXT_IMPL_NO_BUILTIN
static size_t bext_impl_length(const char *text) {
  size_t length = 0;
  if (text == NULL) return 0;
  while (text[length] != '\0') length++;
  return length;
}

/* --- UTF-8 ------------------------------------------------------------------------------------------------------ */

/*
 * One character of a text, or one ill-formed maximal subsequence (Unicode 3.9, "U+FFFD Substitution of Maximal
 * Subparts").
 */
typedef struct bext_impl_step {
  uint32_t length;
  bext_boolean well_formed;
} bext_impl_step;

/* How many bytes follow a lead byte above 0x7f; 0 for a byte that leads nothing. */
static uint32_t bext_impl_utf8_trail(uint8_t lead) {
  if (lead >= 0xc2 && lead <= 0xdf) return 1;
  if (lead >= 0xe0 && lead <= 0xef) return 2;
  if (lead >= 0xf0 && lead <= 0xf4) return 3;
  return 0;
}

/* The bounds of a second byte exclude overlong forms, surrogates and everything above U+10FFFF. */
static bext_boolean bext_impl_utf8_second(uint8_t lead, uint8_t second) {
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return second >= low && second <= high;
}

static bext_impl_step bext_impl_utf8_step(const uint8_t *text, size_t left) {
  bext_impl_step step = {1, 1};
  uint32_t trail;
  if (text[0] < 0x80) return step;
  trail = bext_impl_utf8_trail(text[0]);
  while (step.length <= trail && step.length < left) {
    const uint8_t byte = text[step.length];
    if (step.length == 1 ? !bext_impl_utf8_second(text[0], byte) : (byte & 0xc0) != 0x80) break;
    step.length++;
  }
  step.well_formed = trail != 0 && step.length == trail + 1;
  return step;
}

/* U+FFFD takes three bytes, never fewer than what it stands for. */
static uint32_t bext_impl_step_size(bext_impl_step step) { return step.well_formed ? step.length : 3; }

static uint64_t bext_impl_utf8_size(const char *text, size_t length) {
  const uint8_t *bytes = (const uint8_t *)text;
  uint64_t size = 0;
  size_t i = 0;
  while (i < length) {
    const bext_impl_step step = bext_impl_utf8_step(bytes + i, length - i);
    size += bext_impl_step_size(step);
    i += step.length;
  }
  return size;
}

/* How many bytes of `text` can be taken so that they are at most `room` bytes once written. */
static size_t bext_impl_utf8_prefix(const char *text, size_t length, uint32_t room) {
  const uint8_t *bytes = (const uint8_t *)text;
  size_t i = 0;
  while (i < length) {
    const bext_impl_step step = bext_impl_utf8_step(bytes + i, length - i);
    if (bext_impl_step_size(step) > room) break;
    room -= bext_impl_step_size(step);
    i += step.length;
  }
  return i;
}

static void bext_impl_utf8_write(uint8_t *out, const char *text, size_t length) {
  const uint8_t *bytes = (const uint8_t *)text;
  size_t i = 0;
  while (i < length) {
    const bext_impl_step step = bext_impl_utf8_step(bytes + i, length - i);
    if (step.well_formed) {
      bext_impl_copy(out, bytes + i, step.length);
    } else {
      bext_impl_copy(out, "\xef\xbf\xbd", 3);
    }
    out += bext_impl_step_size(step);
    i += step.length;
  }
}

/* --- msgpack: a writer over a fixed room; once something did not fit, everything after it is skipped ------------ */

typedef struct bext_impl_writer {
  uint8_t *out;
  uint32_t room;
  uint32_t length;
  bext_boolean full;
} bext_impl_writer;

static bext_impl_writer bext_impl_writer_over(uint8_t *out, uint32_t room) {
  bext_impl_writer writer = {out, room, 0, 0};
  return writer;
}

static uint8_t *bext_impl_take(bext_impl_writer *writer, uint64_t size) {
  uint8_t *taken = writer->out + writer->length;
  if (writer->full || size > writer->room - writer->length) {
    writer->full = 1;
    return NULL;
  }
  writer->length += (uint32_t)size;
  return taken;
}

/* A first byte, and the `width` low bytes of `number`, big-endian. */
static void bext_impl_put(bext_impl_writer *writer, uint32_t first, uint64_t number, uint32_t width) {
  uint8_t *out = bext_impl_take(writer, 1 + (uint64_t)width);
  if (out == NULL) return;
  *out++ = (uint8_t)first;
  while (width-- > 0) *out++ = (uint8_t)(number >> (8 * width));
}

static void bext_impl_put_uint(bext_impl_writer *writer, uint64_t value) {
  if (value <= 0x7f) {
    bext_impl_put(writer, (uint32_t)value, 0, 0);
  } else if (value <= UINT8_MAX) {
    bext_impl_put(writer, 0xcc, value, 1);
  } else if (value <= UINT16_MAX) {
    bext_impl_put(writer, 0xcd, value, 2);
  } else if (value <= UINT32_MAX) {
    bext_impl_put(writer, 0xce, value, 4);
  } else {
    bext_impl_put(writer, 0xcf, value, 8);
  }
}

static void bext_impl_put_int(bext_impl_writer *writer, int64_t value) {
  if (value >= 0) {
    bext_impl_put_uint(writer, (uint64_t)value);
  } else if (value >= -32) {
    bext_impl_put(writer, (uint8_t)value, 0, 0);
  } else if (value >= INT8_MIN) {
    bext_impl_put(writer, 0xd0, (uint64_t)value, 1);
  } else if (value >= INT16_MIN) {
    bext_impl_put(writer, 0xd1, (uint64_t)value, 2);
  } else if (value >= INT32_MIN) {
    bext_impl_put(writer, 0xd2, (uint64_t)value, 4);
  } else {
    bext_impl_put(writer, 0xd3, (uint64_t)value, 8);
  }
}

static void bext_impl_put_float(bext_impl_writer *writer, double value) {
  uint64_t bits;
  bext_impl_copy(&bits, &value, sizeof bits);
  if ((bits & INT64_MAX) > 0x7ff0000000000000) bits = 0x7ff8000000000000; /* NaN: one form of many */
  bext_impl_put(writer, 0xcb, bits, 8);
}

static void bext_impl_put_bool(bext_impl_writer *writer, bext_boolean value) {
  bext_impl_put(writer, value ? 0xc3 : 0xc2, 0, 0);
}

static void bext_impl_put_str_header(bext_impl_writer *writer, uint64_t size) {
  if (size <= 31) {
    bext_impl_put(writer, 0xa0 | (uint32_t)size, 0, 0);
  } else if (size <= UINT8_MAX) {
    bext_impl_put(writer, 0xd9, size, 1);
  } else if (size <= UINT16_MAX) {
    bext_impl_put(writer, 0xda, size, 2);
  } else {
    bext_impl_put(writer, 0xdb, size, 4);
  }
}

static void bext_impl_put_text(bext_impl_writer *writer, const char *text, size_t length) {
  uint64_t size;
  uint8_t *out;
  /* A text only grows when it is written, so one that is too long is not looked at. */
  if (length > writer->room - writer->length) writer->full = 1;
  if (writer->full) return;
  size = bext_impl_utf8_size(text, length);
  bext_impl_put_str_header(writer, size);
  out = bext_impl_take(writer, size);
  if (out != NULL) bext_impl_utf8_write(out, text, length);
}

static uint32_t bext_impl_str_header_size(uint32_t size) {
  return size <= 31 ? 1 : size <= UINT8_MAX ? 2 : size <= UINT16_MAX ? 3 : 5;
}

/* The longest text that fits, header included, into what is left. */
static uint32_t bext_impl_text_room(const bext_impl_writer *writer) {
  const uint32_t left = writer->room - writer->length;
  uint32_t size = left == 0 ? 0 : left - 1;
  while (size > 0 && size + bext_impl_str_header_size(size) > left) size--;
  return size;
}

/* The whole text, or as much of it as fits; a cut is counted. */
static void bext_impl_put_text_cut(bext_impl_writer *writer, const char *text, size_t length) {
  const size_t taken = bext_impl_utf8_prefix(text, length, bext_impl_text_room(writer));
  if (taken < length) bext_impl_drop();
  bext_impl_put_text(writer, text, taken);
}

enum { BEXT_IMPL_MAP = 0x80, BEXT_IMPL_ARRAY = 0x90 };

static uint32_t bext_impl_container_header_size(uint64_t count) {
  return count <= 15 ? 1 : count <= UINT16_MAX ? 3 : 5;
}

static void bext_impl_put_container_header(bext_impl_writer *writer, uint32_t type, uint64_t count) {
  const uint32_t wide = type == BEXT_IMPL_MAP ? 0xde : 0xdc;
  if (count > writer->room - writer->length) {
    writer->full = 1; /* each item takes a byte or more, so they cannot fit: do not try them one by one */
  } else if (count <= 15) {
    bext_impl_put(writer, type | (uint32_t)count, 0, 0);
  } else if (count <= UINT16_MAX) {
    bext_impl_put(writer, wide, count, 2);
  } else {
    bext_impl_put(writer, wide + 1, count, 4);
  }
}

static void bext_impl_put_handle(bext_impl_writer *writer, bext_handle handle) {
  bext_impl_put_container_header(writer, BEXT_IMPL_ARRAY, 3);
  bext_impl_put_uint(writer, handle.trace_id_hi);
  bext_impl_put_uint(writer, handle.trace_id_lo);
  bext_impl_put_uint(writer, handle.span_id);
}

/* --- Values ----------------------------------------------------------------------------------------------------- */

enum bext_impl_type {
  BEXT_IMPL_STR,
  BEXT_IMPL_BOOL,
  BEXT_IMPL_I64,
  BEXT_IMPL_F64,
  BEXT_IMPL_STR_ARRAY,
  BEXT_IMPL_BOOL_ARRAY,
  BEXT_IMPL_I64_ARRAY,
  BEXT_IMPL_F64_ARRAY
};

static bext_value bext_impl_value(uint32_t type) {
  bext_value value = {type, 0, NULL, {NULL}};
  return value;
}

static bext_value bext_impl_array(uint32_t type, const void *items, size_t count) {
  bext_value value = bext_impl_value(type);
  value.count = items == NULL ? 0 : count;
  return value;
}

bext_value bext_str_n(const char *text, size_t length) {
  bext_value value = bext_impl_array(BEXT_IMPL_STR, text, length);
  value.as.text = text;
  return value;
}

bext_value bext_str(const char *text) { return bext_str_n(text, bext_impl_length(text)); }

bext_value bext_bool(bext_boolean boolean) {
  bext_value value = bext_impl_value(BEXT_IMPL_BOOL);
  value.as.boolean = boolean;
  return value;
}

bext_value bext_i64(int64_t integer) {
  bext_value value = bext_impl_value(BEXT_IMPL_I64);
  value.as.integer = integer;
  return value;
}

bext_value bext_f64(double number) {
  bext_value value = bext_impl_value(BEXT_IMPL_F64);
  value.as.number = number;
  return value;
}

bext_value bext_str_array_n(const char *const *items, const size_t *lengths, size_t count) {
  bext_value value = bext_impl_array(BEXT_IMPL_STR_ARRAY, items, count);
  value.as.texts = items;
  value.lengths = lengths;
  return value;
}

bext_value bext_str_array(const char *const *items, size_t count) { return bext_str_array_n(items, NULL, count); }

bext_value bext_bool_array(const bext_boolean *items, size_t count) {
  bext_value value = bext_impl_array(BEXT_IMPL_BOOL_ARRAY, items, count);
  value.as.booleans = items;
  return value;
}

bext_value bext_i64_array(const int64_t *items, size_t count) {
  bext_value value = bext_impl_array(BEXT_IMPL_I64_ARRAY, items, count);
  value.as.integers = items;
  return value;
}

bext_value bext_f64_array(const double *items, size_t count) {
  bext_value value = bext_impl_array(BEXT_IMPL_F64_ARRAY, items, count);
  value.as.floats = items;
  return value;
}

bext_attribute bext_attr_n(const char *key, size_t key_length, bext_value value) {
  bext_attribute attribute = {key, key == NULL ? 0 : key_length, value};
  return attribute;
}

bext_attribute bext_attr(const char *key, bext_value value) { return bext_attr_n(key, bext_impl_length(key), value); }

static void bext_impl_put_str_item(bext_impl_writer *writer, const bext_value *value, size_t i) {
  const char *text = value->as.texts[i];
  const size_t length = value->lengths == NULL || text == NULL ? bext_impl_length(text) : value->lengths[i];
  bext_impl_put_text(writer, text, length);
}

/* Stops at the first item that does not fit. */
static void bext_impl_put_array(bext_impl_writer *writer, const bext_value *value) {
  size_t i;
  bext_impl_put_container_header(writer, BEXT_IMPL_ARRAY, value->count);
  for (i = 0; i < value->count && !writer->full; i++) {
    if (value->type == BEXT_IMPL_STR_ARRAY) bext_impl_put_str_item(writer, value, i);
    if (value->type == BEXT_IMPL_BOOL_ARRAY) bext_impl_put_bool(writer, value->as.booleans[i]);
    if (value->type == BEXT_IMPL_I64_ARRAY) bext_impl_put_int(writer, value->as.integers[i]);
    if (value->type == BEXT_IMPL_F64_ARRAY) bext_impl_put_float(writer, value->as.floats[i]);
  }
}

static void bext_impl_put_value(bext_impl_writer *writer, const bext_value *value) {
  switch (value->type) {
    case BEXT_IMPL_STR: bext_impl_put_text(writer, value->as.text, value->count); break;
    case BEXT_IMPL_BOOL: bext_impl_put_bool(writer, value->as.boolean); break;
    case BEXT_IMPL_I64: bext_impl_put_int(writer, value->as.integer); break;
    case BEXT_IMPL_F64: bext_impl_put_float(writer, value->as.number); break;
    default: bext_impl_put_array(writer, value); break;
  }
}

static void bext_impl_put_attribute(bext_impl_writer *writer, const bext_attribute *attribute) {
  bext_impl_put_text(writer, attribute->key, attribute->key_length);
  bext_impl_put_value(writer, &attribute->value);
}

/* --- Payloads: a map in the making -------------------------------------------------------------------------------- */

/*
 * The buffer holds the map's header, then the fields in the order below, which is the ABI's for every struct; a field
 * that is not set takes no bytes. What is new is written behind the last field, where the room is, and then rotated to
 * its place. So nothing moves while it may still fail to fit, and nothing at all where the calls come in the ABI's
 * order.
 */
enum bext_impl_field {
  BEXT_IMPL_NAME,
  BEXT_IMPL_CODE,
  BEXT_IMPL_MESSAGE,
  BEXT_IMPL_KIND,
  BEXT_IMPL_PARENT,
  BEXT_IMPL_PARENT_IS_REMOTE,
  BEXT_IMPL_PARENT_FLAGS,
  BEXT_IMPL_TRACE_STATE,
  BEXT_IMPL_ATTRIBUTES,
  BEXT_IMPL_LINKS,
  BEXT_IMPL_START_TIME,
  BEXT_IMPL_TIME,
  BEXT_IMPL_FIELDS
};

/* Fails to compile where bext_payload has another number of fields. */
typedef char bext_impl_fields_fit[sizeof(((bext_payload *)0)->end) == BEXT_IMPL_FIELDS * sizeof(uint32_t) ? 1 : -1];

static const char *const bext_impl_field_names[BEXT_IMPL_FIELDS] = {
    "name",         "code",        "message",    "kind",  "parent",                "parent_is_remote",
    "parent_flags", "trace_state", "attributes", "links", "start_time_unix_nanos", "time_unix_nanos",
};

/*
 * The smallest payload of all, an empty name. Builders whose buffer is smaller share it: nothing else fits, so they
 * agree on it.
 */
#define BEXT_IMPL_SMALLEST 7
static uint8_t bext_impl_smallest[BEXT_IMPL_SMALLEST];

static void bext_impl_open(bext_payload *payload, void *buffer, size_t capacity) {
  const bext_boolean usable = buffer != NULL && capacity >= BEXT_IMPL_SMALLEST;
  uint32_t field;
  payload->bytes = usable ? (uint8_t *)buffer : bext_impl_smallest;
  payload->capacity = !usable ? BEXT_IMPL_SMALLEST : capacity > UINT32_MAX ? UINT32_MAX : (uint32_t)capacity;
  payload->attributes = 0;
  payload->links = 0;
  for (field = 0; field < BEXT_IMPL_FIELDS; field++) payload->end[field] = 1;
}

static uint32_t bext_impl_size(const bext_payload *payload) { return payload->end[BEXT_IMPL_FIELDS - 1]; }

static uint32_t bext_impl_start(const bext_payload *payload, uint32_t field) {
  return field == 0 ? 1 : payload->end[field - 1];
}

static bext_impl_writer bext_impl_behind(const bext_payload *payload) {
  const uint32_t size = bext_impl_size(payload);
  return bext_impl_writer_over(payload->bytes + size, payload->capacity - size);
}

static void bext_impl_reverse(uint8_t *bytes, uint32_t length) {
  uint32_t i;
  for (i = 0; i < length / 2; i++) {
    const uint8_t byte = bytes[i];
    bytes[i] = bytes[length - 1 - i];
    bytes[length - 1 - i] = byte;
  }
}

/* Swaps the first `left` bytes with the `right` bytes behind them. */
static void bext_impl_rotate(uint8_t *bytes, uint32_t left, uint32_t right) {
  if (left == 0 || right == 0) return;
  bext_impl_reverse(bytes, left);
  bext_impl_reverse(bytes + left, right);
  bext_impl_reverse(bytes, left + right);
}

/* Gives the next `length` bytes behind the payload to `field`, at `at`. */
static void bext_impl_adopt(bext_payload *payload, uint32_t field, uint32_t at, uint32_t length) {
  bext_impl_rotate(payload->bytes + at, bext_impl_size(payload) - at, length);
  for (; field < BEXT_IMPL_FIELDS; field++) payload->end[field] += length;
}

/* Takes a field out, by rotating it behind the payload. */
static void bext_impl_clear(bext_payload *payload, uint32_t field) {
  const uint32_t start = bext_impl_start(payload, field);
  const uint32_t length = payload->end[field] - start;
  bext_impl_rotate(payload->bytes + start, length, bext_impl_size(payload) - payload->end[field]);
  for (; field < BEXT_IMPL_FIELDS; field++) payload->end[field] -= length;
}

static void bext_impl_put_field_name(bext_impl_writer *writer, uint32_t field) {
  const char *name = bext_impl_field_names[field];
  bext_impl_put_text(writer, name, bext_impl_length(name));
}

/* A new value for a field: write it behind the payload, then bext_impl_close_field. */
static bext_impl_writer bext_impl_open_field(bext_payload *payload, uint32_t field) {
  bext_impl_writer writer;
  bext_impl_clear(payload, field);
  writer = bext_impl_behind(payload);
  bext_impl_put_field_name(&writer, field);
  return writer;
}

static bext_boolean bext_impl_close_field(bext_payload *payload, uint32_t field, const bext_impl_writer *writer) {
  if (writer->full) return 0;
  bext_impl_adopt(payload, field, bext_impl_start(payload, field), writer->length);
  return 1;
}

static bext_boolean bext_impl_set_uint(bext_payload *payload, uint32_t field, uint64_t value) {
  bext_impl_writer writer = bext_impl_open_field(payload, field);
  bext_impl_put_uint(&writer, value);
  return bext_impl_close_field(payload, field, &writer);
}

static bext_boolean bext_impl_set_true(bext_payload *payload, uint32_t field) {
  bext_impl_writer writer = bext_impl_open_field(payload, field);
  bext_impl_put_bool(&writer, 1);
  return bext_impl_close_field(payload, field, &writer);
}

static bext_boolean bext_impl_set_handle(bext_payload *payload, uint32_t field, bext_handle handle) {
  bext_impl_writer writer = bext_impl_open_field(payload, field);
  bext_impl_put_handle(&writer, handle);
  return bext_impl_close_field(payload, field, &writer);
}

static bext_boolean bext_impl_set_text(bext_payload *payload, uint32_t field, const char *text, size_t length) {
  bext_impl_writer writer = bext_impl_open_field(payload, field);
  bext_impl_put_text(&writer, text, length);
  return bext_impl_close_field(payload, field, &writer);
}

static void bext_impl_set_text_cut(bext_payload *payload, uint32_t field, const char *text, size_t length) {
  bext_impl_writer writer = bext_impl_open_field(payload, field);
  bext_impl_put_text_cut(&writer, text, text == NULL ? 0 : length);
  bext_impl_close_field(payload, field, &writer);
}

/* In a buffer that is not tiny the name leaves room for what matters more than its tail: kind, parent, start time. */
enum { BEXT_IMPL_NAME_SPARE = 128 };

static void bext_impl_set_name(bext_payload *payload, const char *name, size_t length) {
  const uint32_t capacity = payload->capacity;
  if (capacity >= 2 * BEXT_IMPL_NAME_SPARE) payload->capacity -= BEXT_IMPL_NAME_SPARE;
  bext_impl_set_text_cut(payload, BEXT_IMPL_NAME, name, length);
  payload->capacity = capacity;
}

static void bext_impl_set_time(bext_payload *payload, uint32_t field, uint64_t nanos) {
  bext_impl_clear(payload, field);
  if (nanos == 0) return;
  if (nanos > BEXT_MAX_TIME_UNIX_NANOS || !bext_impl_set_uint(payload, field, nanos)) bext_impl_drop();
}

/*
 * One more item for a map or an array of `count` items: write it behind the payload, then bext_impl_close_item. Ahead
 * of the item goes what the container needs for it, the `lead`: the field's name and a header, or the bytes by which
 * its header grows.
 */
static bext_impl_writer bext_impl_open_item(const bext_payload *payload, uint32_t field, uint32_t count) {
  bext_impl_writer writer = bext_impl_behind(payload);
  const uint32_t header = count == 0 ? 0 : bext_impl_container_header_size(count);
  if (count == 0) bext_impl_put_field_name(&writer, field);
  bext_impl_take(&writer, bext_impl_container_header_size((uint64_t)count + 1) - header);
  return writer;
}

/* `count` is the new number of items, `lead` what bext_impl_open_item wrote. */
static bext_boolean bext_impl_close_item(bext_payload *payload, uint32_t field, uint32_t type, uint32_t count,
                                         uint32_t lead, const bext_impl_writer *writer) {
  const uint32_t start = bext_impl_start(payload, field);
  const uint32_t header = start + 1 + (uint32_t)bext_impl_length(bext_impl_field_names[field]);
  bext_impl_writer header_writer = bext_impl_writer_over(payload->bytes + header, payload->capacity - header);
  if (writer->full) return 0;
  bext_impl_adopt(payload, field, count == 1 ? start : header, lead);
  bext_impl_adopt(payload, field, payload->end[field], writer->length - lead);
  bext_impl_put_container_header(&header_writer, type, count);
  return 1;
}

static void bext_impl_add_attribute(bext_payload *payload, const bext_attribute *attribute) {
  const uint32_t count = payload->attributes + 1;
  bext_impl_writer writer = bext_impl_open_item(payload, BEXT_IMPL_ATTRIBUTES, payload->attributes);
  const uint32_t lead = writer.length;
  bext_impl_put_attribute(&writer, attribute);
  if (bext_impl_close_item(payload, BEXT_IMPL_ATTRIBUTES, BEXT_IMPL_MAP, count, lead, &writer)) {
    payload->attributes = count;
  } else {
    bext_impl_drop();
  }
}

static void bext_impl_put_link(bext_impl_writer *writer, bext_handle other, const bext_attribute *attributes,
                               size_t count) {
  size_t i;
  bext_impl_put_container_header(writer, BEXT_IMPL_MAP, count == 0 ? 1 : 2);
  bext_impl_put_text(writer, "handle", 6);
  bext_impl_put_handle(writer, other);
  if (count == 0) return;
  bext_impl_put_field_name(writer, BEXT_IMPL_ATTRIBUTES);
  bext_impl_put_container_header(writer, BEXT_IMPL_MAP, count);
  for (i = 0; i < count && !writer->full; i++) bext_impl_put_attribute(writer, &attributes[i]);
}

static void bext_impl_add_link(bext_payload *payload, bext_handle other, const bext_attribute *attributes,
                               size_t attribute_count) {
  const uint32_t count = payload->links + 1;
  bext_impl_writer writer = bext_impl_open_item(payload, BEXT_IMPL_LINKS, payload->links);
  const uint32_t lead = writer.length;
  bext_impl_put_link(&writer, other, attributes, attribute_count);
  if (bext_impl_close_item(payload, BEXT_IMPL_LINKS, BEXT_IMPL_ARRAY, count, lead, &writer)) {
    payload->links = count;
  } else {
    bext_impl_drop();
  }
}

/* Writes the map's header, the last thing that was missing. */
static void bext_impl_finish(bext_payload *payload) {
  uint32_t fields = 0;
  uint32_t field;
  for (field = 0; field < BEXT_IMPL_FIELDS; field++) {
    if (payload->end[field] != bext_impl_start(payload, field)) fields++;
  }
  payload->bytes[0] = (uint8_t)(BEXT_IMPL_MAP | fields);
}

/* --- Spans and events ------------------------------------------------------------------------------------------- */

static uint64_t bext_impl_load(const uint8_t *bytes) {
  uint64_t value = 0;
  uint32_t i;
  for (i = 0; i < 8; i++) value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static bext_handle bext_impl_load_handle(const uint8_t *bytes) {
  return bext_handle_make(bext_impl_load(bytes + BEXT_HANDLE_OFFSET_TRACE_ID_HI),
                          bext_impl_load(bytes + BEXT_HANDLE_OFFSET_TRACE_ID_LO),
                          bext_impl_load(bytes + BEXT_HANDLE_OFFSET_SPAN_ID));
}

void bext_span_init_n(bext_span_builder *builder, void *buffer, size_t capacity, const char *name, size_t name_length,
                      enum bext_span_kind kind) {
  const bext_boolean named = kind == BEXT_SPAN_KIND_SERVER || kind == BEXT_SPAN_KIND_CLIENT ||
                             kind == BEXT_SPAN_KIND_PRODUCER || kind == BEXT_SPAN_KIND_CONSUMER;
  builder->unsampled = 0;
  bext_impl_open(&builder->payload, buffer, capacity);
  bext_impl_set_name(&builder->payload, name, name_length);
  if (named && !bext_impl_set_uint(&builder->payload, BEXT_IMPL_KIND, (uint64_t)kind)) bext_impl_drop();
}

void bext_span_init(bext_span_builder *builder, void *buffer, size_t capacity, const char *name,
                    enum bext_span_kind kind) {
  bext_span_init_n(builder, buffer, capacity, name, bext_impl_length(name), kind);
}

static void bext_impl_clear_parent(bext_span_builder *builder) {
  builder->unsampled = 0;
  bext_impl_clear(&builder->payload, BEXT_IMPL_PARENT);
  bext_impl_clear(&builder->payload, BEXT_IMPL_PARENT_IS_REMOTE);
  bext_impl_clear(&builder->payload, BEXT_IMPL_PARENT_FLAGS);
  bext_impl_clear(&builder->payload, BEXT_IMPL_TRACE_STATE);
}

void bext_span_parent(bext_span_builder *builder, bext_handle parent) {
  bext_impl_clear_parent(builder);
  builder->unsampled = bext_handle_is_invalid(parent);
  if (builder->unsampled) return;
  if (!bext_impl_set_handle(&builder->payload, BEXT_IMPL_PARENT, parent)) bext_impl_drop();
}

/* All or nothing: a remote parent without its mark would read as a local one, and without its flags as sampled. */
static bext_boolean bext_impl_set_remote_parent(bext_payload *payload, bext_handle parent, uint8_t flags) {
  if (!bext_impl_set_handle(payload, BEXT_IMPL_PARENT, parent)) return 0;
  if (!bext_impl_set_true(payload, BEXT_IMPL_PARENT_IS_REMOTE)) return 0;
  return flags == BEXT_PARENT_FLAGS_DEFAULT || bext_impl_set_uint(payload, BEXT_IMPL_PARENT_FLAGS, flags);
}

void bext_span_remote_parent_n(bext_span_builder *builder, bext_handle parent, uint8_t flags, const char *trace_state,
                               size_t trace_state_length) {
  bext_payload *payload = &builder->payload;
  bext_impl_clear_parent(builder);
  if (bext_handle_is_invalid(parent)) return;
  if (!bext_impl_set_remote_parent(payload, parent, flags)) {
    bext_impl_clear_parent(builder);
    bext_impl_drop();
    return;
  }
  if (trace_state == NULL || trace_state_length == 0) return;
  if (!bext_impl_set_text(payload, BEXT_IMPL_TRACE_STATE, trace_state, trace_state_length)) bext_impl_drop();
}

void bext_span_remote_parent(bext_span_builder *builder, bext_handle parent, uint8_t flags, const char *trace_state) {
  bext_span_remote_parent_n(builder, parent, flags, trace_state, bext_impl_length(trace_state));
}

void bext_span_attr_n(bext_span_builder *builder, const char *key, size_t key_length, bext_value value) {
  const bext_attribute attribute = bext_attr_n(key, key_length, value);
  bext_impl_add_attribute(&builder->payload, &attribute);
}

void bext_span_attr(bext_span_builder *builder, const char *key, bext_value value) {
  bext_span_attr_n(builder, key, bext_impl_length(key), value);
}

void bext_span_link(bext_span_builder *builder, bext_handle other, const bext_attribute *attributes, size_t count) {
  if (bext_handle_is_invalid(other)) return;
  bext_impl_add_link(&builder->payload, other, attributes, attributes == NULL ? 0 : count);
}

void bext_span_start_time(bext_span_builder *builder, uint64_t start_time_unix_nanos) {
  bext_impl_set_time(&builder->payload, BEXT_IMPL_START_TIME, start_time_unix_nanos);
}

bext_handle bext_span_start(bext_span_builder *builder) {
  uint8_t handle[BEXT_HANDLE_SIZE];
  if (builder->unsampled) return BEXT_HANDLE_INVALID;
  bext_impl_finish(&builder->payload);
  bext_abi_start_span(builder->payload.bytes, bext_impl_size(&builder->payload), handle);
  return bext_impl_load_handle(handle);
}

bext_handle bext_start_root(const char *name, enum bext_span_kind kind) {
  bext_span_builder builder;
  bext_span_init(&builder, bext_impl_scratch, sizeof bext_impl_scratch, name, kind);
  return bext_span_start(&builder);
}

bext_handle bext_start(const char *name, enum bext_span_kind kind, bext_handle parent) {
  bext_span_builder builder;
  if (bext_handle_is_invalid(parent)) return BEXT_HANDLE_INVALID;
  bext_span_init(&builder, bext_impl_scratch, sizeof bext_impl_scratch, name, kind);
  bext_span_parent(&builder, parent);
  return bext_span_start(&builder);
}

bext_boolean bext_current_span(bext_handle *out) {
  uint8_t handle[BEXT_HANDLE_SIZE];
  if (bext_abi_current_span(handle) == 0) return 0;
  *out = bext_impl_load_handle(handle);
  return 1;
}

bext_handle bext_start_under_current(const char *name, enum bext_span_kind kind) {
  bext_handle current;
  return bext_current_span(&current) ? bext_start(name, kind, current) : bext_start_root(name, kind);
}

void bext_set_n(bext_handle span, const char *key, size_t key_length, bext_value value) {
  const bext_attribute attribute = bext_attr_n(key, key_length, value);
  bext_impl_writer writer = bext_impl_writer_over(bext_impl_scratch, sizeof bext_impl_scratch);
  if (bext_handle_is_invalid(span)) return;
  bext_impl_put_container_header(&writer, BEXT_IMPL_ARRAY, 2);
  bext_impl_put_attribute(&writer, &attribute);
  if (writer.full) {
    bext_impl_drop();
  } else {
    bext_abi_set_attribute(span.trace_id_hi, span.trace_id_lo, span.span_id, writer.out, writer.length);
  }
}

void bext_set(bext_handle span, const char *key, bext_value value) {
  bext_set_n(span, key, bext_impl_length(key), value);
}

void bext_set_str(bext_handle span, const char *key, const char *value) { bext_set(span, key, bext_str(value)); }

void bext_set_bool(bext_handle span, const char *key, bext_boolean value) { bext_set(span, key, bext_bool(value)); }

void bext_set_i64(bext_handle span, const char *key, int64_t value) { bext_set(span, key, bext_i64(value)); }

void bext_set_f64(bext_handle span, const char *key, double value) { bext_set(span, key, bext_f64(value)); }

void bext_set_status_n(bext_handle span, enum bext_status_code code, const char *message, size_t length) {
  bext_payload payload;
  if (bext_handle_is_invalid(span)) return;
  if (code != BEXT_STATUS_UNSET && code != BEXT_STATUS_OK && code != BEXT_STATUS_ERROR) {
    bext_impl_drop();
    return;
  }
  bext_impl_open(&payload, bext_impl_scratch, sizeof bext_impl_scratch);
  bext_impl_set_uint(&payload, BEXT_IMPL_CODE, (uint64_t)code);
  if (message != NULL && length != 0) bext_impl_set_text_cut(&payload, BEXT_IMPL_MESSAGE, message, length);
  bext_impl_finish(&payload);
  bext_abi_set_status(span.trace_id_hi, span.trace_id_lo, span.span_id, payload.bytes, bext_impl_size(&payload));
}

void bext_set_status(bext_handle span, enum bext_status_code code, const char *message) {
  bext_set_status_n(span, code, message, bext_impl_length(message));
}

void bext_set_ok(bext_handle span) { bext_set_status(span, BEXT_STATUS_OK, NULL); }

void bext_set_error(bext_handle span, const char *message) { bext_set_status(span, BEXT_STATUS_ERROR, message); }

void bext_event_init_n(bext_event_builder *builder, void *buffer, size_t capacity, const char *name,
                       size_t name_length) {
  bext_impl_open(&builder->payload, buffer, capacity);
  bext_impl_set_name(&builder->payload, name, name_length);
}

void bext_event_init(bext_event_builder *builder, void *buffer, size_t capacity, const char *name) {
  bext_event_init_n(builder, buffer, capacity, name, bext_impl_length(name));
}

void bext_event_attr_n(bext_event_builder *builder, const char *key, size_t key_length, bext_value value) {
  const bext_attribute attribute = bext_attr_n(key, key_length, value);
  bext_impl_add_attribute(&builder->payload, &attribute);
}

void bext_event_attr(bext_event_builder *builder, const char *key, bext_value value) {
  bext_event_attr_n(builder, key, bext_impl_length(key), value);
}

void bext_event_time(bext_event_builder *builder, uint64_t time_unix_nanos) {
  bext_impl_set_time(&builder->payload, BEXT_IMPL_TIME, time_unix_nanos);
}

void bext_event_add(bext_handle span, bext_event_builder *builder) {
  const bext_payload *payload = &builder->payload;
  if (bext_handle_is_invalid(span)) return;
  bext_impl_finish(&builder->payload);
  bext_abi_add_event(span.trace_id_hi, span.trace_id_lo, span.span_id, payload->bytes, bext_impl_size(payload));
}

void bext_event(bext_handle span, const char *name) {
  bext_event_builder builder;
  if (bext_handle_is_invalid(span)) return;
  bext_event_init(&builder, bext_impl_scratch, sizeof bext_impl_scratch, name);
  bext_event_add(span, &builder);
}

void bext_end_at(bext_handle span, uint64_t end_time_unix_nanos) {
  if (bext_handle_is_invalid(span)) return;
  bext_abi_end_span(span.trace_id_hi, span.trace_id_lo, span.span_id, end_time_unix_nanos);
}

void bext_end(bext_handle span) { bext_end_at(span, 0); }

/* --- W3C traceparent: VV-<trace id, 32 digits>-<span id, 16>-<flags, 2>, digits lower case ---------------------- */

static void bext_impl_format_hex(char *out, uint64_t value, uint32_t digits) {
  while (digits-- > 0) *out++ = "0123456789abcdef"[(value >> (4 * digits)) & 15];
}

bext_boolean bext_traceparent_format(bext_handle span, bext_boolean sampled, char out[BEXT_TRACEPARENT_SIZE]) {
  out[0] = '\0';
  if (bext_handle_is_invalid(span)) return 0;
  bext_impl_format_hex(out, 0, 2);
  out[2] = out[35] = out[52] = '-';
  bext_impl_format_hex(out + 3, span.trace_id_hi, 16);
  bext_impl_format_hex(out + 19, span.trace_id_lo, 16);
  bext_impl_format_hex(out + 36, span.span_id, 16);
  bext_impl_format_hex(out + 53, sampled ? BEXT_TRACE_FLAG_SAMPLED : 0, 2);
  out[BEXT_TRACEPARENT_SIZE - 1] = '\0';
  return 1;
}

static bext_boolean bext_impl_parse_hex(const char *text, uint32_t digits, uint64_t *out) {
  uint64_t value = 0;
  uint32_t i;
  for (i = 0; i < digits; i++) {
    const uint8_t digit = (uint8_t)text[i];
    const bext_boolean decimal = digit >= '0' && digit <= '9';
    if (!decimal && (digit < 'a' || digit > 'f')) return 0;
    value = value << 4 | (uint64_t)(decimal ? digit - '0' : digit - 'a' + 10);
  }
  *out = value;
  return 1;
}

bext_boolean bext_traceparent_parse_n(const char *text, size_t length, bext_handle *out, uint8_t *flags) {
  uint64_t version, parsed_flags;
  bext_handle handle;
  if (text == NULL || length < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-') return 0;
  if (!bext_impl_parse_hex(text, 2, &version) || !bext_impl_parse_hex(text + 53, 2, &parsed_flags)) return 0;
  if (!bext_impl_parse_hex(text + 3, 16, &handle.trace_id_hi)) return 0;
  if (!bext_impl_parse_hex(text + 19, 16, &handle.trace_id_lo)) return 0;
  if (!bext_impl_parse_hex(text + 36, 16, &handle.span_id)) return 0;
  if (version == 0xff || bext_handle_is_invalid(handle)) return 0;
  if (length > 55 && (version == 0 || text[55] != '-')) return 0;
  *out = handle;
  *flags = (uint8_t)parsed_flags;
  return 1;
}

bext_boolean bext_traceparent_parse(const char *text, bext_handle *out, uint8_t *flags) {
  return bext_traceparent_parse_n(text, bext_impl_length(text), out, flags);
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

static bext_impl_unit *bext_impl_block(uint32_t index) { return &bext_impl_arena[index - 1]; }

BEXT_EXPORT("bext_alloc")
void *bext_alloc(uint32_t length) {
  const uint32_t units = 1 + length / BEXT_IMPL_UNIT + (length % BEXT_IMPL_UNIT != 0);
  bext_impl_unit *block;
  if (length == 0 || units > BEXT_IMPL_UNITS - bext_impl_used) return NULL;
  block = &bext_impl_arena[bext_impl_used];
  block->previous = bext_impl_last;
  block->in_use = 1;
  bext_impl_last = bext_impl_used + 1;
  bext_impl_used += units;
  return block + 1;
}

static void bext_impl_pop_free_blocks(void) {
  while (bext_impl_last != 0 && !bext_impl_block(bext_impl_last)->in_use) {
    bext_impl_used = bext_impl_last - 1;
    bext_impl_last = bext_impl_block(bext_impl_last)->previous;
  }
}

BEXT_EXPORT("bext_free")
void bext_free(void *block, uint32_t length) {
  uint32_t index = bext_impl_last;
  (void)length;
  while (index != 0 && (void *)(bext_impl_block(index) + 1) != block) index = bext_impl_block(index)->previous;
  if (index == 0) return;
  bext_impl_block(index)->in_use = 0;
  bext_impl_pop_free_blocks();
}

#endif

#ifdef __cplusplus
}
#endif

#endif /* BEXT_TRACER_IMPLEMENTATION */
