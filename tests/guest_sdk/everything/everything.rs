//! Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
#![no_std]

use bext_tracer::{current_span, dropped, KeyValue, Link, Span, SpanKind, StatusCode, TraceParent};

// --- the guest ---

#[export_name = "on_request_complete"]
pub extern fn on_request_complete_1(event_json: *const u8, length: usize) -> i32 {
    let text = unsafe { core::slice::from_raw_parts(event_json, length) };
    let now = (length as u64) << 32;
    let root = Span::root("r", SpanKind::Server);
    let pairs = [KeyValue::new("k", text)];
    let span = Span::builder(text)
        .kind(SpanKind::Consumer)
        .remote_parent(TraceParent::parse(text).as_ref(), text)
        .attributes(&pairs)
        .links(&[Link::new(&root, &pairs)])
        .start_time(now)
        .start();
    span.set("s", "t");
    span.set("b", true);
    span.set("i", dropped());
    span.set("f", 0.5);
    span.set("ss", &["t"]);
    span.set("bb", &[true]);
    span.set("ii", &[1_i64]);
    span.set("ff", &[0.5]);
    span.set("t", span.traceparent(length != 0).as_str());
    span.add_event("e");
    span.event("ev").attributes(&pairs).time(now).add();
    span.set_status(StatusCode::Unset, "");
    span.set_error(text);
    span.set_ok();
    if let Some(host) = current_span() {
        host.child("cc", SpanKind::Client).into_handle().end();
    }
    Span::under_current("u", SpanKind::Internal).end_at(now);
    0
}
