//! ill_formed_strings - text that is no UTF-8, wherever text may stand.
#![no_std]

use bext_tracer::{KeyValue, Span};

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    let pairs = [KeyValue::new(b"\x6b\xe2\x82", b"\xed\xa0\x80\x21")];
    let span = Span::builder(b"\x61\xff\x62").attributes(&pairs).start();
    span.set("texts", &[&b"ok"[..], b"\xf0\x9f\x8c", b"\xf0\x9f\x8c\x8d"]);
    span.add_event(b"\xc0\x80\x65");
    span.set_error(b"\xfe");
    0
}
