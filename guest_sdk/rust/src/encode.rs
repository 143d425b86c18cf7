//! The parts of payloads: attributes, links, and fields. Each function writes one at a position of the scratch buffer and
//! returns the one behind it.
//!
//! All of them go through [`value`], which is told by a [`Kind`] what it is given. That is smaller by far than a function
//! for each type; what is called from outside has types.
#![allow(unsafe_code)]

use crate::drops;
use crate::handle::{may_record, SpanHandle};
use crate::link::Link;
use crate::msgpack::{head, shortest, text, text_cut, uint, Form};
use crate::scratch::{self, get, put, LIMIT};
use crate::value::{item, items, look, KeyValue, Kind};
use core::ptr;

// SAFETY, of the calls below: the pieces belong to the kind.

/// A number, unless it is 0. One above 2^63-1 is dropped and counted.
#[inline(always)]
pub(crate) fn number_field(at: usize, name: &[u8], number: u64) -> usize {
    unsafe { field(at, name, Kind::I64, ptr::null(), number) }
}

/// Trace flags, unless they say `sampled` and nothing else.
#[inline(always)]
pub(crate) fn flags_field(at: usize, name: &[u8], flags: u8) -> usize {
    unsafe { field(at, name, Kind::FLAGS, ptr::null(), u64::from(flags) ^ Kind::DEFAULT_FLAGS) }
}

/// True.
#[inline(always)]
pub(crate) fn true_field(at: usize, name: &[u8]) -> usize {
    unsafe { field(at, name, Kind::BOOL, ptr::null(), 1) }
}

/// A handle, where there is one.
#[inline(always)]
pub(crate) fn handle_field(at: usize, name: &[u8], handle: Option<&SpanHandle>) -> usize {
    unsafe { field(at, name, Kind::HANDLE, handle.map_or(ptr::null(), pointer), handle.is_some().into()) }
}

/// A text, unless it is empty; a long one is cut.
#[inline(always)]
pub(crate) fn text_field(at: usize, name: &[u8], text: &[u8]) -> usize {
    unsafe { field(at, name, Kind::NAME, text.as_ptr(), text.len() as u64) }
}

/// Attributes, where there are any.
pub(crate) fn attributes(at: usize, pairs: &[KeyValue]) -> usize {
    unsafe { field(at, b"attributes", Kind::PAIR.list(), pairs.as_ptr().cast(), pairs.len() as u64) }
}

/// Links, where there are any.
#[inline(always)]
pub(crate) fn links(at: usize, links: &[Link]) -> usize {
    unsafe { field(at, b"links", Kind::LINK.list(), links.as_ptr().cast(), links.len() as u64) }
}

/// A key and a value, which is in three pieces.
///
/// # Safety
///
/// `data` and `bits` are pieces of a value of this kind.
#[inline(always)]
pub(crate) unsafe fn attribute(at: usize, key: &[u8], kind: Kind, data: *const u8, bits: u64) -> usize {
    value(text(at, key), kind, data, bits)
}

fn pointer(handle: &SpanHandle) -> *const u8 {
    (handle as *const SpanHandle).cast()
}

/// A field of the payload's map, which is left out where `bits` is 0, or where nothing is left of it. Below 0 it is a time
/// that is out of range, and counted.
///
/// # Safety
///
/// `data` and `bits` are pieces of a value of this kind.
#[inline(never)]
unsafe fn field(at: usize, name: &[u8], kind: Kind, data: *const u8, bits: u64) -> usize {
    if bits as i64 <= 0 {
        drops::add(bits != 0);
        return at;
    }
    let start = text(at, name);
    let end = value(start, kind, data, bits);
    if start == end {
        return at;
    }
    scratch::count_field();
    end
}

/// A value, in three pieces.
///
/// # Safety
///
/// `data` and `bits` are pieces of a value of this kind.
#[inline(never)]
unsafe fn value(at: usize, kind: Kind, data: *const u8, bits: u64) -> usize {
    match kind {
        Kind::STR => text(at, items(data, bits)),
        Kind::NAME => text_cut(at, items(data, bits)),
        Kind::BOOL => put(at, 0xc2 | bits as u32),
        Kind::I64 if (bits as i64) < 0 => shortest(at, Form::NEGATIVE, !bits << 1, bits),
        Kind::I64 => uint(at, bits),
        Kind::FLAGS => uint(at, bits ^ Kind::DEFAULT_FLAGS),
        Kind::F64 => {
            let nan = f64::from_bits(bits).is_nan();
            shortest(at, Form::FLOAT, u64::MAX, if nan { 0x7ff8_0000_0000_0000 } else { bits })
        }
        Kind::HANDLE => {
            let handle: &SpanHandle = look(data);
            uint(uint(uint(put(at, 0x93), handle.trace_id_hi), handle.trace_id_lo), handle.span_id)
        }
        Kind::PAIR => pair(at, look(data)),
        Kind::LINK => link(at, look(data)),
        _ => array(at, kind, data, bits as usize),
    }
}

#[inline(never)]
fn pair(at: usize, pair: &KeyValue) -> usize {
    let at = text(at, pair.key);
    // SAFETY: pieces of one value.
    unsafe { value(at, pair.value.kind, pair.value.data, pair.value.bits) }
}

/// Instead of a position: a link to an invalid handle.
const SKIPPED: usize = 0;

#[inline(never)]
fn link(at: usize, link: &Link) -> usize {
    if !may_record(Some(link.handle)) {
        return SKIPPED;
    }
    let pairs = link.attributes;
    let start = text(put(at, 0x81 + u32::from(!pairs.is_empty())), b"handle");
    // SAFETY: a handle, and attributes, and how many.
    unsafe {
        let end = value(start, Kind::HANDLE, pointer(link.handle), 1);
        if pairs.is_empty() {
            return end;
        }
        value(text(end, b"attributes"), Kind::PAIR.array(), pairs.as_ptr().cast(), pairs.len() as u64)
    }
}

/// Of lists, each item that does not fit is dropped alone and counted.
///
/// # Safety
///
/// There are as many items behind `data`.
unsafe fn array(at: usize, kind: Kind, data: *const u8, count: usize) -> usize {
    let of = kind.of_items();
    let form = if of == Kind::PAIR { Form::MAP } else { Form::ARRAY };
    let first = head(at, form, count);
    let (mut end, mut kept, mut next, mut left) = (first, 0, data, count);
    while left > 0 {
        left -= 1;
        let (data, bits, behind) = item(of, next);
        next = behind;
        let written = value(end, of, data, bits);
        let fits = written <= LIMIT || !kind.is_list();
        drops::add(!fits);
        if fits && written != SKIPPED {
            kept += 1;
            end = written;
        }
    }
    if kept == count {
        return end;
    }
    if kept == 0 {
        return at;
    }
    // The header is of fewer, and may be shorter.
    let mut at = head(at, form, kept);
    let mut from = first;
    loop {
        at = put(at, get(from));
        from += 1;
        if from == end {
            return at;
        }
    }
}
