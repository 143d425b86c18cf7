//! remote_parent - a traceparent and a tracestate read, and a traceparent written.
#![no_std]

use bext_tracer::{Span, SpanKind, TraceParent};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const CUT_OFF: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";

fn start_server(name: &str, traceparent: &str, tracestate: &str) -> Span {
    let parent = TraceParent::parse(traceparent);
    Span::builder(name).kind(SpanKind::Server).remote_parent(parent.as_ref(), tracestate).start()
}

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let inbound = start_server("inbound", TRACEPARENT, "vendor=value,other=1");
    let call = inbound.child("call out", SpanKind::Client);
    call.set("http.request.header.traceparent", call.traceparent(true).as_bytes());
    call.end();
    inbound.end();
    start_server("no parent", CUT_OFF, "").end();
    0
}
