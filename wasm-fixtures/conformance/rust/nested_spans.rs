//! nested_spans - five levels, and beside each level but the first a sibling that ends before it starts.
#![no_std]

use bext_tracer::{Span, SpanKind};

const BELOW: [(&str, &str); 4] =
    [("sibling 2", "level 2"), ("sibling 3", "level 3"), ("sibling 4", "level 4"), ("sibling 5", "level 5")];

/// Each level ends where its guard goes, so the deepest one first.
fn descend(above: Span, below: &[(&str, &str)]) {
    if let [(sibling, level), rest @ ..] = below {
        above.child(sibling, SpanKind::Internal).end();
        descend(above.child(level, SpanKind::Internal), rest);
    }
}

#[no_mangle]
pub extern "C" fn on_request_complete(_event_json: *const u8, _length: usize) -> i32 {
    descend(Span::under_current("level 1", SpanKind::Server), &BELOW);
    0
}
