//! events_and_status - events with and without attributes and time, and the rules of the status.
#![no_std]

use bext_tracer::{KeyValue, Span, SpanKind, StatusCode};

const T: u64 = 1_700_000_000_000_000_000;

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let failed = Span::root("failed", SpanKind::Client);
    failed.add_event("attempt");
    let attempt = [KeyValue::new("n", 2), KeyValue::new("codes", &[503_i64, 504]), KeyValue::new("reason", "busy")];
    failed.event("attempt").attributes(&attempt).add();
    failed.event("gave up").time(T).add();
    failed.set_error("no answer");
    failed.end();
    let ok = Span::root("recovered", SpanKind::Internal);
    ok.set_error("first try");
    ok.set_ok();
    ok.set_error("too late: ok is final");
    ok.end();
    let unset = Span::root("undecided", SpanKind::Internal);
    unset.set_status(StatusCode::Unset, "");
    unset.end();
    0
}
