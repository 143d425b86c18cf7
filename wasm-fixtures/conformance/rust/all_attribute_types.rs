//! all_attribute_types - each of the eight types, at the start, afterwards and on an event, with values at the edges.
#![no_std]

use bext_tracer::{KeyValue, Span};

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let scalars = [
        KeyValue::new("str", "text"),
        KeyValue::new("bool", true),
        KeyValue::new("i64", i64::MIN),
        KeyValue::new("f64", -0.0),
    ];
    let span = Span::builder("all attribute types").attributes(&scalars).start();
    span.set("str", "overwritten");
    span.set("str_array", &["", "caf\u{e9}", "\u{1f30d}"]);
    span.set("bool_array", &[true, false]);
    span.set("i64_array", &[i64::MIN, -33, -32, -1, 0, 127, 128, i64::MAX]);
    span.set("f64_array", &[0.5, -0.0, f64::INFINITY, f64::NAN]);
    span.set("empty_array", &[0_i64; 0]);
    let measured = [KeyValue::new("i64", -1), KeyValue::new("bool_array", &[true, false])];
    span.event("measured").attributes(&measured).add();
    0
}
