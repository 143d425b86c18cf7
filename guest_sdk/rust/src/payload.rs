//! The structs of the ABI, each field at its place; one that has its default is left out.

use crate::encode::{attribute, attributes, flags_field, handle_field, links, number_field, text_field, true_field};
use crate::handle::SpanHandle;
use crate::link::Link;
use crate::msgpack::{text, text_cut};
use crate::scratch::put;
use crate::traceparent::TraceParent;
use crate::value::{KeyValue, Kind};

const IS_REMOTE: &[u8] = b"parent_is_remote";
const START_TIME: &[u8] = b"start_time_unix_nanos";

/// The beginning of one name, and the end of another: so that they are in a module once.
const PARENT: &[u8] = match IS_REMOTE {
    [parent @ .., _, _, _, _, _, _, _, _, _, _] => parent,
    short => short,
};
const TIME: &[u8] = match START_TIME {
    [_, _, _, _, _, _, time @ ..] => time,
    short => short,
};

/// The map of a span or an event, up to its name; the fields behind it are counted as they are written.
#[inline(never)]
fn named(name: &[u8]) -> usize {
    text_cut(text(put(0, 0x81), b"name"), name)
}

/// A SpanStart; returns its length.
#[allow(clippy::too_many_arguments)]
pub(crate) fn span(
    name: &[u8],
    kind: u32,
    parent: Option<&SpanHandle>,
    remote: Option<&TraceParent>,
    trace_state: &[u8],
    pairs: &[KeyValue],
    others: &[Link],
    start_time: u64,
) -> usize {
    let mut at = number_field(named(name), b"kind", kind.into());
    at = handle_field(at, PARENT, parent);
    if let Some(remote) = remote {
        at = true_field(at, IS_REMOTE);
        at = flags_field(at, b"parent_flags", remote.flags);
        at = text_field(at, b"trace_state", trace_state);
    }
    at = links(attributes(at, pairs), others);
    number_field(at, START_TIME, start_time)
}

/// A SpanEvent; returns its length.
pub(crate) fn event(name: &[u8], pairs: &[KeyValue], time: u64) -> usize {
    number_field(attributes(named(name), pairs), TIME, time)
}

/// A SpanStatus; returns its length.
pub(crate) fn status(code: u32, message: &[u8]) -> usize {
    text_field(put(text(put(0, 0x81), b"code"), code), b"message", message)
}

/// An Attribute; returns its length, or [`FULL`](crate::scratch::FULL) where it does not fit.
///
/// # Safety
///
/// `data` and `bits` are pieces of a value of this kind.
#[allow(unsafe_code)]
pub(crate) unsafe fn set_attribute(key: &[u8], kind: Kind, data: *const u8, bits: u64) -> usize {
    attribute(put(0, 0x92), key, kind, data, bits)
}
