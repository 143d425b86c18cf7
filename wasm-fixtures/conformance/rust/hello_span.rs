//! hello_span - one span below the host's, with two attributes, an event and a status.
#![no_std]

use bext_tracer::{Span, SpanKind};

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let hello = Span::under_current("hello", SpanKind::Internal);
    hello.set("greeting", "hello from a plugin");
    hello.set("answer", 42);
    hello.add_event("said hello");
    hello.set_ok();
    0
}
