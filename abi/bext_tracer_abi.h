/*
 * bext_tracer_abi.h - every number of the bext tracer ABI, version 1.
 *
 * This file owns the numbers; abi/ABI.md owns the rules. Copies elsewhere (Python, the guest SDKs) are held to this file by
 * tests/abi/test_constant_drift.py. It holds declarations only, no code, and compiles as C99, C11 and C++.
 */
#ifndef BEXT_TRACER_ABI_H
#define BEXT_TRACER_ABI_H

#include <stdint.h>

/* --- Version ------------------------------------------------------------------------------------------------------- */

/* The number in the marker export `bext_tracer_abi_v1`. It changes only with a break of the ABI (ABI.md, "Versioning"). */
#define BEXT_TRACER_ABI_VERSION 1
#define BEXT_TRACER_ABI_MARKER "bext_tracer_abi_v1"
#define BEXT_TRACER_IMPORT_MODULE "bext"

/* --- Handle -------------------------------------------------------------------------------------------------------- */

/* In memory: trace_id_hi, trace_id_lo, span_id, each a little-endian u64, no alignment required. */
#define BEXT_HANDLE_SIZE 24
#define BEXT_HANDLE_OFFSET_TRACE_ID_HI 0
#define BEXT_HANDLE_OFFSET_TRACE_ID_LO 8
#define BEXT_HANDLE_OFFSET_SPAN_ID 16

/* --- Enumerations on the wire --------------------------------------------------------------------------------------- */

enum bext_span_kind {
  BEXT_SPAN_KIND_INTERNAL = 0, /* also what a kind above 4 reads as */
  BEXT_SPAN_KIND_SERVER = 1,
  BEXT_SPAN_KIND_CLIENT = 2,
  BEXT_SPAN_KIND_PRODUCER = 3,
  BEXT_SPAN_KIND_CONSUMER = 4
};

enum bext_status_code {
  BEXT_STATUS_UNSET = 0,
  BEXT_STATUS_OK = 1,
  BEXT_STATUS_ERROR = 2 /* a code above 2 is malformed */
};

/* W3C trace-flags, the bit of `parent_flags` that this ABI reads. */
#define BEXT_TRACE_FLAG_SAMPLED 1
#define BEXT_PARENT_FLAGS_DEFAULT 1

/* --- Bounds of the encoding (fixed, not configurable) ---------------------------------------------------------------- */

#define BEXT_MAX_DEPTH 8                /* nested containers, the payload's root is the first */
#define BEXT_MAX_TIME_UNIX_NANOS INT64_MAX /* a later time is malformed; in end_span it counts as 0 */
#define BEXT_MAX_TRACE_STATE_BYTES 512
#define BEXT_MAX_TRACE_STATE_MEMBERS 32
#define BEXT_RESERVED_KEY_PREFIX "bext." /* attribute keys of the host; from a guest they are dropped */

/* --- Limits: the defaults of a host, inclusive, configurable there ---------------------------------------------------- */

#define BEXT_LIMIT_PAYLOAD_BYTES 65536
#define BEXT_LIMIT_SPAN_ATTRIBUTES 128
#define BEXT_LIMIT_SPAN_EVENTS 128
#define BEXT_LIMIT_SPAN_LINKS 128
#define BEXT_LIMIT_EVENT_ATTRIBUTES 128
#define BEXT_LIMIT_LINK_ATTRIBUTES 128
#define BEXT_LIMIT_SPAN_BYTES 1048576
#define BEXT_LIMIT_SCOPE_OPEN_SPANS 1024
#define BEXT_LIMIT_SCOPE_BYTES 16777216
#define BEXT_LIMIT_SCOPE_ENDED_PARENTS 1024 /* ended spans that still serve as parents; as many grants */
#define BEXT_LIMIT_SPAN_OPEN_SECONDS 600
#define BEXT_LIMIT_QUEUE_SPANS 16384
#define BEXT_LIMIT_QUEUE_BYTES 67108864
#define BEXT_LIMIT_BATCH_SPANS 512
#define BEXT_LIMIT_BATCH_BYTES 1048576
#define BEXT_LIMIT_MODULE_BYTES 33554432

/* --- Fuel ----------------------------------------------------------------------------------------------------------- */

#define BEXT_FUEL_PER_CALL 100 /* plus 1 for each byte of payload */

/* --- Why a call, or a part of one, was dropped ------------------------------------------------------------------------ */

/* The words in statistics are these names in lower case without the prefix: `out_of_bounds`, `malformed`, ... */
enum bext_drop_reason {
  BEXT_DROP_OUT_OF_BOUNDS = 1,
  BEXT_DROP_MALFORMED = 2,
  BEXT_DROP_TOO_LARGE = 3,
  BEXT_DROP_UNKNOWN_HANDLE = 4,
  BEXT_DROP_RESERVED_KEY = 5,
  BEXT_DROP_OPEN_SPAN_LIMIT = 6,
  BEXT_DROP_ATTRIBUTE_LIMIT = 7,
  BEXT_DROP_EVENT_LIMIT = 8,
  BEXT_DROP_LINK_LIMIT = 9,
  BEXT_DROP_MEMORY_LIMIT = 10,
  BEXT_DROP_WRONG_STORE = 11,
  BEXT_DROP_SCOPE_CLOSED = 12,
  BEXT_DROP_TRACER_ERROR = 13,
  /* Later in the pipeline, after the boundary: */
  BEXT_DROP_QUEUE_FULL = 14,
  BEXT_DROP_UNENCODABLE = 15,
  BEXT_DROP_EXPORT_FAILED = 16
};

/* Why a payload is `malformed`: what a codec reports for diagnosis, the first that applies in the order of ABI.md. */
enum bext_rejection {
  /* The framing of the whole payload, in the order of its bytes: */
  BEXT_REJECT_TRUNCATED = 1,
  BEXT_REJECT_RESERVED_BYTE = 2,
  BEXT_REJECT_TOO_DEEP = 3,
  BEXT_REJECT_COUNT_EXCEEDS_BYTES = 4,
  BEXT_REJECT_TRAILING_BYTES = 5,
  /* Its content: */
  BEXT_REJECT_WRONG_TYPE = 6,
  BEXT_REJECT_WRONG_LENGTH = 7,
  BEXT_REJECT_MISSING_FIELD = 8,
  BEXT_REJECT_NOT_UTF8 = 9,
  BEXT_REJECT_OUT_OF_RANGE = 10,
  BEXT_REJECT_MIXED_ARRAY = 11,
  BEXT_REJECT_EMPTY_KEY = 12
};

/* --- Imports, as a wasm32 guest declares them -------------------------------------------------------------------------- */

#if defined(__wasm32__)

#define BEXT_TRACER_IMPORT(name) __attribute__((import_module(BEXT_TRACER_IMPORT_MODULE), import_name(name)))

#ifdef __cplusplus
extern "C" {
#endif

BEXT_TRACER_IMPORT("start_span")
void bext_abi_start_span(const uint8_t *span_ptr, uint32_t span_len, uint8_t *handle_out);

BEXT_TRACER_IMPORT("set_attribute")
void bext_abi_set_attribute(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const uint8_t *attribute_ptr,
                            uint32_t attribute_len);

BEXT_TRACER_IMPORT("set_status")
void bext_abi_set_status(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const uint8_t *status_ptr,
                         uint32_t status_len);

BEXT_TRACER_IMPORT("add_event")
void bext_abi_add_event(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, const uint8_t *event_ptr,
                        uint32_t event_len);

BEXT_TRACER_IMPORT("end_span")
void bext_abi_end_span(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id, uint64_t end_time_unix_nanos);

BEXT_TRACER_IMPORT("current_span")
uint32_t bext_abi_current_span(uint8_t *handle_out);

#ifdef __cplusplus
}
#endif

#endif /* __wasm32__ */

#endif /* BEXT_TRACER_ABI_H */
