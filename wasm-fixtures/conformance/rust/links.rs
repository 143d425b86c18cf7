//! links - a consumer with a link to each of two producers; one to INVALID is skipped.
#![no_std]

use bext_tracer::{KeyValue, Link, Span, SpanHandle, SpanKind};

fn publish(name: &str) -> SpanHandle {
    let span = Span::root(name, SpanKind::Producer).into_handle();
    span.end();
    span
}

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let (first, second) = (publish("publish m-1"), publish("publish m-2"));
    let retried = [KeyValue::new("messaging.message.id", "m-1"), KeyValue::new("retries", 2)];
    let links = [Link::new(&first, &retried), Link::new(&SpanHandle::INVALID, &[]), Link::new(&second, &[])];
    Span::builder("consume batch").kind(SpanKind::Consumer).links(&links).start().end();
    0
}
