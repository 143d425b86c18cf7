/** The imports of the ABI (abi/ABI.md, section 6), and its numbers under the names of abi/bext_tracer_abi.h. */

export const BEXT_TRACE_FLAG_SAMPLED: u8 = 1;
export const BEXT_PARENT_FLAGS_DEFAULT: u8 = 1;
export const BEXT_MAX_TIME_UNIX_NANOS: u64 = 0x7fff_ffff_ffff_ffff;

// @ts-ignore: decorator
@external("bext", "start_span")
export declare function startSpanCall(spanPtr: usize, spanLen: u32, handleOut: usize): void;

// @ts-ignore: decorator
@external("bext", "set_attribute")
export declare function setAttributeCall(traceIdHi: u64, traceIdLo: u64, spanId: u64, attributePtr: usize, attributeLen: u32): void;

// @ts-ignore: decorator
@external("bext", "set_status")
export declare function setStatusCall(traceIdHi: u64, traceIdLo: u64, spanId: u64, statusPtr: usize, statusLen: u32): void;

// @ts-ignore: decorator
@external("bext", "add_event")
export declare function addEventCall(traceIdHi: u64, traceIdLo: u64, spanId: u64, eventPtr: usize, eventLen: u32): void;

// @ts-ignore: decorator
@external("bext", "end_span")
export declare function endSpanCall(traceIdHi: u64, traceIdLo: u64, spanId: u64, endTimeUnixNanos: u64): void;

// @ts-ignore: decorator
@external("bext", "current_span")
export declare function currentSpanCall(handleOut: usize): i32;
