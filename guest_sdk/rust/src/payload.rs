//! The structs of the ABI, each field at its place; one that has its default is left out.

use crate::encode::{field, text, text_cut, value};
use crate::handle::SpanHandle;
use crate::link::Link;
use crate::scratch::put;
use crate::traceparent::TraceParent;
use crate::value::{KeyValue, Kind};
use core::ptr;

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

#[inline(never)]
fn named(name: &[u8]) -> usize {
    text_cut(text(put(0, 0x81), b"name"), name)
}

fn attributes(at: usize, attributes: &[KeyValue]) -> usize {
    field(at, b"attributes", Kind::PAIR.list(), attributes.as_ptr().cast(), attributes.len() as u64)
}

fn uint(at: usize, name: &[u8], value: u64) -> usize {
    field(at, name, Kind::I64, ptr::null(), value)
}

/// SpanStart
#[allow(clippy::too_many_arguments)]
pub(crate) fn span(
    name: &[u8],
    kind: u32,
    parent: Option<&SpanHandle>,
    remote: Option<&TraceParent>,
    trace_state: &[u8],
    attributes_: &[KeyValue],
    links: &[Link],
    start: u64,
) -> usize {
    let mut at = uint(named(name), b"kind", kind.into());
    let handle: *const SpanHandle = parent.map_or(ptr::null(), |parent| parent);
    at = field(at, PARENT, Kind::HANDLE, handle.cast(), parent.is_some().into());
    if let Some(remote) = remote {
        at = field(at, IS_REMOTE, Kind::BOOL, ptr::null(), 1);
        at = field(at, b"parent_flags", Kind::FLAGS, ptr::null(), u64::from(remote.flags) ^ 1);
        at = field(at, b"trace_state", Kind::NAME, trace_state.as_ptr(), trace_state.len() as u64);
    }
    at = attributes(at, attributes_);
    at = field(at, b"links", Kind::LINK.list(), links.as_ptr().cast(), links.len() as u64);
    uint(at, START_TIME, start)
}

/// SpanEvent
pub(crate) fn event(name: &[u8], attributes_: &[KeyValue], when: u64) -> usize {
    uint(attributes(named(name), attributes_), TIME, when)
}

/// SpanStatus
pub(crate) fn status(code: u32, message: &[u8]) -> usize {
    let at = put(text(put(0, 0x81), b"code"), code);
    field(at, b"message", Kind::NAME, message.as_ptr(), message.len() as u64)
}

/// Attribute, or [`FULL`](scratch::FULL) where it does not fit.
pub(crate) fn attribute(name: &[u8], kind: Kind, data: *const u8, bits: u64) -> usize {
    value(text(put(0, 0x92), name), kind, data, bits)
}
