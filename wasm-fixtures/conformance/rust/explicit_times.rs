//! explicit_times - starts, events and ends at times of the guest's own.
#![no_std]

use bext_tracer::Span;

const T: u64 = 1_700_000_000_000_000_000;

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let span = Span::builder("explicit").start_time(T).start();
    span.event("between").time(T + 1_500_000_000).add();
    span.end_at(T + 2_000_000_000);
    let early = Span::builder("ends before it starts").start_time(T).start();
    early.end_at(T - 1);
    0
}
