//! Canonical msgpack. Each function writes one item at a position of the scratch buffer and returns the one behind it.

use crate::drops;
use crate::handle::{may_record, SpanHandle};
use crate::link::Link;
use crate::scratch::{self, get, put, LIMIT, LONGEST};
use crate::value::{item, items, look, KeyValue, Kind};

/// How a number, a length or a count is written: up to `max` in the first byte, together with `fix`; else `code` and so
/// many `bits`, and one more code for each doubling of these.
#[derive(Clone, Copy)]
struct Form(u32);

impl Form {
    const UINT: Form = Form::new(0, 0x7f, 0xcc, 8);
    const NEGATIVE: Form = Form::new(0, 63, 0xd0, 8); // of twice the distance below -1
    const FLOAT: Form = Form::new(0, 0, 0xcb, 64);
    const STR: Form = Form::new(0xa0, 31, 0xd9, 8);
    const ARRAY: Form = Form::new(0x90, 15, 0xdc, 16);
    const MAP: Form = Form::new(0x80, 15, 0xde, 16);
    /// U+FFFD as the number 0xbfbd behind a byte.
    const REPLACEMENT: Form = Form::new(0, 0, 0xef, 16);

    const fn new(fix: u32, max: u32, code: u32, bits: u32) -> Form {
        Form(fix | max << 8 | code << 16 | bits << 24)
    }
}

/// The shortest form for `size`, written with `value`. Of a first byte the buffer takes the low bits.
#[inline(never)]
fn shortest(at: usize, Form(form): Form, size: u64, value: u64) -> usize {
    let (mut first, mut bits) = (form | value as u32, 0);
    if size > (form >> 8 & 0xff).into() {
        first = form >> 16;
        bits = u64::from(form >> 24);
        while bits < 64 && size >> (bits & 63) != 0 {
            first += 1;
            bits *= 2;
        }
    }
    let mut at = put(at, first);
    while bits != 0 {
        bits = bits.wrapping_sub(8);
        at = put(at, (value >> (bits & 63)) as u32);
    }
    at
}

/// The header of a text or a container.
#[inline(never)]
fn head(at: usize, form: Form, count: usize) -> usize {
    shortest(at, form, count as u64, count as u64)
}

#[inline(never)]
fn uint(at: usize, value: u64) -> usize {
    shortest(at, Form::UINT, value, value)
}

/// A text. It is written twice: how long it is with all that is ill-formed repaired is known after the first time.
#[inline(never)]
pub(crate) fn text(at: usize, text: &[u8]) -> usize {
    let size = characters(at, text) - at;
    characters(head(at, Form::STR, size), text)
}

/// The characters of a text, each ill-formed maximal subsequence of which becomes U+FFFD (Unicode 3.9, "U+FFFD
/// Substitution of Maximal Subparts").
#[inline(never)]
fn characters(mut at: usize, text: &[u8]) -> usize {
    let mut mark = at; // where the character starts
    let mut missing = 0; // how many of its bytes are still to come
    let mut before = 0; // what is before this byte: the first byte of the character, or any good one
    for byte in text {
        let byte = u32::from(*byte);
        if missing != 0 && !follows(before, byte) {
            at = repair(mark);
            missing = 0;
        }
        if missing != 0 {
            missing -= 1;
            before = 0xd0;
        } else {
            mark = at;
            before = byte;
            // What leads nothing is missing a byte too, and none follows it.
            missing = u32::from(byte > 0x7f) + u32::from(byte > 0xdf) + u32::from(byte > 0xef);
        }
        at = put(at, byte);
    }
    if missing != 0 {
        at = repair(mark);
    }
    at
}

fn repair(at: usize) -> usize {
    head(at, Form::REPLACEMENT, 0xbfbd)
}

/// Whether a byte of a character is one that may follow the byte before: nothing overlong, no surrogate, no U+110000,
/// nothing behind what leads no character.
fn follows(before: u32, byte: u32) -> bool {
    let pair = before << 8 | byte;
    let within = |first: u32, last: u32| pair.wrapping_sub(first) <= last - first;
    byte >> 6 == 2
        && within(0xc280, 0xf48f)
        && !within(0xe080, 0xe09f)
        && !within(0xeda0, 0xedbf)
        && !within(0xf080, 0xf08f)
}

/// A field of the payload's map, which is left out where `bits` is 0, or where nothing is left of it. Below 0 it is a time
/// that is out of range, and counted.
#[inline(never)]
pub(crate) fn field(at: usize, name: &[u8], kind: Kind, data: *const u8, bits: u64) -> usize {
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

/// A name or a message, cut at a character above [`LONGEST`]; a cut is counted.
#[allow(unsafe_code)]
#[inline(never)]
pub(crate) fn text_cut(at: usize, whole: &[u8]) -> usize {
    let mut length = whole.len();
    if length > LONGEST {
        drops::add(true);
        length = LONGEST;
        // SAFETY: below the length that the text has.
        while length > 0 && unsafe { whole.get_unchecked(length) } >> 6 == 2 {
            length -= 1;
        }
    }
    // SAFETY: at most the length that the text has.
    text(at, unsafe { whole.get_unchecked(..length) })
}

/// A value, in the three pieces of a [`Value`](crate::value::Value).
#[allow(unsafe_code)]
#[inline(never)]
pub(crate) fn value(at: usize, kind: Kind, data: *const u8, bits: u64) -> usize {
    // SAFETY: `data` and `bits` are pieces of a value of this kind.
    match kind {
        Kind::STR => text(at, unsafe { items(data, bits) }),
        Kind::NAME => text_cut(at, unsafe { items(data, bits) }),
        Kind::BOOL => put(at, 0xc2 | bits as u32),
        Kind::I64 if (bits as i64) < 0 => shortest(at, Form::NEGATIVE, !bits << 1, bits),
        Kind::I64 => uint(at, bits),
        Kind::FLAGS => uint(at, bits ^ 1),
        Kind::F64 => {
            let nan = f64::from_bits(bits).is_nan();
            shortest(at, Form::FLOAT, u64::MAX, if nan { 0x7ff8_0000_0000_0000 } else { bits })
        }
        Kind::HANDLE => {
            let handle: &SpanHandle = unsafe { look(data) };
            uint(uint(uint(put(at, 0x93), handle.trace_id_hi), handle.trace_id_lo), handle.span_id)
        }
        Kind::PAIR => pair(at, unsafe { look(data) }),
        Kind::LINK => link(at, unsafe { look(data) }),
        _ => array(at, kind, data, bits as usize),
    }
}

fn pair(at: usize, pair: &KeyValue) -> usize {
    let at = text(at, pair.key);
    value(at, pair.value.kind, pair.value.data, pair.value.bits)
}

/// Instead of a position: a link to an invalid handle.
const SKIPPED: usize = 0;

fn link(at: usize, link: &Link) -> usize {
    if !may_record(Some(link.handle)) {
        return SKIPPED;
    }
    let handle: *const SpanHandle = link.handle;
    let pairs = link.attributes;
    let end = text(put(at, 0x81 + u32::from(!pairs.is_empty())), b"handle");
    let end = value(end, Kind::HANDLE, handle.cast(), 1);
    if pairs.is_empty() {
        return end;
    }
    value(text(end, b"attributes"), Kind::PAIR.array(), pairs.as_ptr().cast(), pairs.len() as u64)
}

/// Of lists, each item that does not fit is dropped alone and counted.
#[allow(unsafe_code)]
fn array(at: usize, kind: Kind, data: *const u8, count: usize) -> usize {
    let of = kind.of_items();
    let form = if of == Kind::PAIR { Form::MAP } else { Form::ARRAY };
    let first = head(at, form, count);
    let (mut end, mut kept, mut next) = (first, 0, data);
    for _ in 0..count {
        let (data, bits, behind) = unsafe { item(of, next) };
        next = behind;
        match value(end, of, data, bits) {
            SKIPPED => {}
            written if written > LIMIT && kind.is_list() => drops::add(true),
            written => {
                kept += 1;
                end = written;
            }
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
    while from != end {
        at = put(at, get(from));
        from += 1;
    }
    at
}
