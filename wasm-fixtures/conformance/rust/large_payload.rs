//! large_payload - payloads near the host's limit, and one above it, with a buffer of 128 KiB.
#![no_std]

use bext_tracer::{KeyValue, Span};

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let (x, y) = ([b'x'; 60_000], [b'y'; 70_000]);
    let mut numbers = [0_i64; 1000];
    numbers.iter_mut().zip(0..).for_each(|(number, n)| *number = n);
    let span = Span::builder("large payload").attributes(&[KeyValue::new("blob", &x)]).start();
    span.event("numbers").attributes(&[KeyValue::new("n", &numbers)]).add();
    span.event("too large").attributes(&[KeyValue::new("blob", &y)]).add();
    span.set("after", true);
    0
}
