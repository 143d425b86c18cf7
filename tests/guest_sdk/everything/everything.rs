//! Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
#![no_std]

use bext_tracer::{current_span, dropped, KeyValue, Span, SpanKind, StatusCode, TraceParent};

static mut BUFFER: [u8; 8192] = [0; 8192];

#[no_mangle]
pub extern "C" fn on_request_complete(event_json: *const u8, length: usize) -> i32 {
    let text = unsafe { core::slice::from_raw_parts(event_json, length) };
    let buffer = unsafe { &mut *core::ptr::addr_of_mut!(BUFFER) };
    let root = Span::root("root", SpanKind::Server);
    let span = Span::builder("builder")
        .kind(SpanKind::Consumer)
        .parent(&root)
        .under_current()
        .remote_parent(TraceParent::parse(text), text)
        .attr("key", text)
        .link(&root)
        .link_with(&root, &[KeyValue::new("key", 1)])
        .start_time(5)
        .with_buffer(buffer)
        .start();
    span.set("str", "text");
    span.set("bool", true);
    span.set("i64", dropped());
    span.set("f64", 0.5);
    span.set("str_array", &["text"]);
    span.set("bool_array", &[true]);
    span.set("i64_array", &[1_i64]);
    span.set("f64_array", &[0.5]);
    span.set("traceparent", span.traceparent(true).as_bytes());
    span.add_event("event");
    span.event("event").attr("key", 1).time(7).with_buffer(buffer).add();
    span.set_status(StatusCode::Unset, "");
    span.set_error(text);
    span.set_ok();
    if let Some(host) = current_span() {
        host.child("child", SpanKind::Client).into_handle().end();
    }
    Span::under_current("below", SpanKind::Internal).end_at(9);
    0
}
