//! all_attribute_types - each of the eight types, at the start, afterwards and on an event, with values at the edges.
#![no_std]

use bext_tracer::Span;

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let span = Span::builder("all attribute types")
        .attr("str", "text")
        .attr("bool", true)
        .attr("i64", i64::MIN)
        .attr("f64", -0.0)
        .start();
    span.set("str", "overwritten");
    span.set("str_array", &["", "caf\u{e9}", "\u{1f30d}"]);
    span.set("bool_array", &[true, false]);
    span.set("i64_array", &[i64::MIN, -33, -32, -1, 0, 127, 128, i64::MAX]);
    span.set("f64_array", &[0.5, -0.0, f64::INFINITY, f64::NAN]);
    span.set("empty_array", &[0_i64; 0]);
    span.event("measured").attr("i64", -1).attr("bool_array", &[true, false]).add();
    0
}
