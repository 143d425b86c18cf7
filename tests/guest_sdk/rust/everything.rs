#![no_std]
use bext_tracer::{current_span, dropped, KeyValue, Span, SpanKind, StatusCode, TraceParent};

#[no_mangle]
pub extern "C" fn on_request_complete(event_json: *const u8, length: usize) -> i32 {
    let text = unsafe { core::slice::from_raw_parts(event_json, length) };
    let remote = TraceParent::parse(text);
    let root = Span::root("root", SpanKind::Server);
    let mut buffer = [core::mem::MaybeUninit::<u8>::uninit(); 4096];
    let buffer = unsafe { &mut *(&mut buffer as *mut _ as *mut [u8; 4096]) };
    let span = Span::builder("b")
        .with_buffer(buffer)
        .kind(SpanKind::Consumer)
        .parent(&root).under_current()
        .remote_parent(remote, text)
        .attr("s", "v")
        .attr(text, text)
        .link(&root)
        .link_with(&root, &[KeyValue::new("k", 1)])
        .start_time(5)
        .start();
    let other = Span::builder("o").parent(&span).start().into_handle();
    span.set("str", "x");
    span.set("bool", true);
    span.set("i64", 42);
    span.set("f64", 0.5);
    span.set("strs", &["a", "b"]);
    span.set("bools", &[true, false]);
    span.set("ints", &[1i64, 2]);
    span.set("floats", &[1.0, 2.0]);
    span.set("texts", &[text]);
    span.set("dropped", dropped());
    span.set("traceparent", span.traceparent(true).as_bytes());
    span.add_event("plain");
    span.event("e").attr("n", 1).time(7).add();
    span.event("big").with_buffer(buffer).attr("n", 1).add();
    span.set_status(StatusCode::Unset, "");
    span.set_error("m");
    span.set_ok();
    other.end();
    if let Some(host) = current_span() {
        host.end();
    }
    let child = Span::under_current("c", SpanKind::Client);
    child.child("cc", SpanKind::Internal).end();
    child.end_at(9);
    0
}
