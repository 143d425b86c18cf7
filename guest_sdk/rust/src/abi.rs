//! The six imports, and the export that says which ABI this is.
#![allow(unsafe_code)]

use crate::handle::SpanHandle;
use crate::scratch::pointer;

#[cfg(target_arch = "wasm32")]
use imports as host;

#[cfg(not(target_arch = "wasm32"))]
use crate::native as host;

#[cfg(target_arch = "wasm32")]
mod imports {
    use crate::handle::SpanHandle;

    #[link(wasm_import_module = "bext")]
    extern "C" {
        pub(super) fn start_span(span_ptr: *const u8, span_len: usize, handle_out: *mut SpanHandle);
        pub(super) fn set_attribute(hi: u64, lo: u64, id: u64, attribute_ptr: *const u8, attribute_len: usize);
        pub(super) fn set_status(hi: u64, lo: u64, id: u64, status_ptr: *const u8, status_len: usize);
        pub(super) fn add_event(hi: u64, lo: u64, id: u64, event_ptr: *const u8, event_len: usize);
        pub(super) fn end_span(hi: u64, lo: u64, id: u64, end_time_unix_nanos: u64);
        pub(super) fn current_span(handle_out: *mut SpanHandle) -> u32;
    }
}

// SAFETY, of every call below: the host reads `length` bytes at the pointer, all of which were written into the scratch buffer, and
// writes nothing but the 24 bytes of a handle, whose layout in memory is that of `SpanHandle` on a little-endian machine.
// It keeps no pointer.

pub(crate) fn start_span(length: usize, handle: &mut SpanHandle) {
    unsafe { host::start_span(pointer(), length, handle) };
}

pub(crate) fn set_attribute(span: &SpanHandle, length: usize) {
    let (hi, lo, id) = parts(span);
    unsafe { host::set_attribute(hi, lo, id, pointer(), length) };
}

pub(crate) fn set_status(span: &SpanHandle, length: usize) {
    let (hi, lo, id) = parts(span);
    unsafe { host::set_status(hi, lo, id, pointer(), length) };
}

pub(crate) fn add_event(span: &SpanHandle, length: usize) {
    let (hi, lo, id) = parts(span);
    unsafe { host::add_event(hi, lo, id, pointer(), length) };
}

pub(crate) fn end_span(span: &SpanHandle, end_time_unix_nanos: u64) {
    let (hi, lo, id) = parts(span);
    unsafe { host::end_span(hi, lo, id, end_time_unix_nanos) };
}

/// Whether there is a span, whose handle is then written.
///
/// # Safety
///
/// A handle can be written there.
#[inline(always)]
pub(crate) unsafe fn current_span(handle: *mut SpanHandle) -> bool {
    host::current_span(handle) != 0
}

fn parts(span: &SpanHandle) -> (u64, u64, u64) {
    (span.trace_id_hi, span.trace_id_lo, span.span_id)
}

/// The marker export: this guest speaks version 1. The host never calls it.
#[cfg(target_arch = "wasm32")]
#[no_mangle]
extern "C" fn bext_tracer_abi_v1() {}
