//! unsampled - below an INVALID parent no host function is called; remote parents, one sampled and one not.
#![no_std]

use bext_tracer::{Span, SpanHandle, SpanKind, TraceParent};

const NOT_SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn work(parent: &SpanHandle) {
    let work = parent.child("work", SpanKind::Internal);
    work.set("items", 3);
    work.add_event("half way");
    work.set_ok();
}

fn serve(name: &str, parent: Option<&TraceParent>) {
    let span = Span::builder(name).kind(SpanKind::Server).remote_parent(parent, "vendor=value").start();
    work(&span);
}

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    work(&SpanHandle::INVALID);
    let parent = TraceParent::parse(NOT_SAMPLED);
    serve("not sampled", parent.as_ref());
    serve("sampled", parent.map(|parent| TraceParent { flags: 1, ..parent }).as_ref());
    0
}
