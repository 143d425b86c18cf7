//! The imports where there is no host: on every target but wasm32, calls go to the thread's [`Host`], or nowhere.
//!
//! So a plugin's own tests run natively, and see what it records.
#![allow(unsafe_code)]

use crate::handle::SpanHandle;
use core::slice;
use std::boxed::Box;
use std::cell::RefCell;
use std::vec::Vec;

/// A host for native tests. Payloads are the msgpack of the ABI. What is not overridden does nothing.
pub trait Host {
    /// A span is started; the answer is its handle. By default it is not sampled.
    fn start_span(&mut self, payload: &[u8]) -> SpanHandle {
        let _ = payload;
        SpanHandle::INVALID
    }
    /// An attribute is set.
    fn set_attribute(&mut self, span: SpanHandle, payload: &[u8]) {
        let _ = (span, payload);
    }
    /// A status is set.
    fn set_status(&mut self, span: SpanHandle, payload: &[u8]) {
        let _ = (span, payload);
    }
    /// An event is added.
    fn add_event(&mut self, span: SpanHandle, payload: &[u8]) {
        let _ = (span, payload);
    }
    /// A span is ended, at a time in nanoseconds since 1970, or on the host's clock where it is 0.
    fn end_span(&mut self, span: SpanHandle, end_time_unix_nanos: u64) {
        let _ = (span, end_time_unix_nanos);
    }
    /// The host's span round the running call.
    fn current_span(&mut self) -> Option<SpanHandle> {
        None
    }
}

std::thread_local! {
    static HOST: RefCell<Option<Box<dyn Host>>> = RefCell::new(None);
}

/// Sends this thread's calls to `host` from now on.
///
/// ```
/// use bext_tracer::{native, Span, SpanHandle, SpanKind};
///
/// struct Always;
///
/// impl native::Host for Always {
///     fn start_span(&mut self, _payload: &[u8]) -> SpanHandle {
///         SpanHandle { trace_id_hi: 1, trace_id_lo: 2, span_id: 3 }
///     }
/// }
///
/// native::install(Always);
/// assert_eq!(Span::root("GET /", SpanKind::Server).span_id, 3);
/// ```
pub fn install(host: impl Host + 'static) {
    HOST.with(|slot| *slot.borrow_mut() = Some(Box::new(host)));
}

fn ask<R>(default: R, call: impl FnOnce(&mut dyn Host) -> R) -> R {
    HOST.with(|slot| match slot.try_borrow_mut().as_deref_mut() {
        Ok(Some(host)) => call(host.as_mut()),
        _ => default, // no host, or one that records while it is asked
    })
}

fn handle(trace_id_hi: u64, trace_id_lo: u64, span_id: u64) -> SpanHandle {
    SpanHandle { trace_id_hi, trace_id_lo, span_id }
}

// SAFETY, of every function below: `abi.rs` is their only caller, and passes the buffer of this thread, of which `length`
// bytes were written, and a handle of its own. The bytes are copied, since the buffer is written to by whoever records.

unsafe fn payload(pointer: *const u8, length: usize) -> Vec<u8> {
    slice::from_raw_parts(pointer, length).to_vec()
}

pub(crate) unsafe fn start_span(pointer: *const u8, length: usize, handle_out: *mut SpanHandle) {
    *handle_out = ask(SpanHandle::INVALID, |host| host.start_span(&payload(pointer, length)));
}

pub(crate) unsafe fn set_attribute(hi: u64, lo: u64, id: u64, pointer: *const u8, length: usize) {
    ask((), |host| host.set_attribute(handle(hi, lo, id), &payload(pointer, length)));
}

pub(crate) unsafe fn set_status(hi: u64, lo: u64, id: u64, pointer: *const u8, length: usize) {
    ask((), |host| host.set_status(handle(hi, lo, id), &payload(pointer, length)));
}

pub(crate) unsafe fn add_event(hi: u64, lo: u64, id: u64, pointer: *const u8, length: usize) {
    ask((), |host| host.add_event(handle(hi, lo, id), &payload(pointer, length)));
}

pub(crate) unsafe fn end_span(hi: u64, lo: u64, id: u64, end_time_unix_nanos: u64) {
    ask((), |host| host.end_span(handle(hi, lo, id), end_time_unix_nanos));
}

pub(crate) unsafe fn current_span(handle_out: *mut SpanHandle) -> u32 {
    match ask(None, |host| host.current_span()) {
        Some(found) => {
            *handle_out = found;
            1
        }
        None => 0,
    }
}
