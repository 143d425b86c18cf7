//! Canonical msgpack: numbers, headers and texts. Each function writes one item at a position of the scratch buffer and
//! returns the one behind it.

use crate::drops;
use crate::scratch::{put, LONGEST};

/// How a number, a length or a count is written: up to `max` in the first byte, together with `fix`; else `code` and so
/// many `bits`, and one more code for each doubling of these.
#[derive(Clone, Copy)]
pub(crate) struct Form(u32);

impl Form {
    const UINT: Form = Form::new(0, 0x7f, 0xcc, 8);
    pub(crate) const NEGATIVE: Form = Form::new(0, 63, 0xd0, 8); // of twice the distance below -1
    pub(crate) const FLOAT: Form = Form::new(0, 0, 0xcb, 64);
    const STR: Form = Form::new(0xa0, 31, 0xd9, 8);
    pub(crate) const ARRAY: Form = Form::new(0x90, 15, 0xdc, 16);
    pub(crate) const MAP: Form = Form::new(0x80, 15, 0xde, 16);
    /// U+FFFD as the number 0xbfbd behind a byte.
    const REPLACEMENT: Form = Form::new(0, 0, 0xef, 16);

    const fn new(fix: u32, max: u32, code: u32, bits: u32) -> Form {
        Form(fix | max << 8 | code << 16 | bits << 24)
    }
}

/// The shortest form for `size`, written with `value`. Of a first byte the buffer takes the low bits.
#[inline(never)]
pub(crate) fn shortest(mut at: usize, Form(form): Form, size: u64, value: u64) -> usize {
    let (mut first, mut bits) = (form | value as u32, 0);
    if size > (form >> 8 & 0xff).into() {
        first = form >> 16;
        bits = u64::from(form >> 24);
        while bits < 64 && size >> (bits & 63) != 0 {
            first += 1;
            bits *= 2;
        }
    }
    loop {
        at = put(at, first);
        if bits == 0 {
            return at;
        }
        bits -= 8;
        first = (value >> (bits & 63)) as u32;
    }
}

/// The header of a text or a container.
#[inline(never)]
pub(crate) fn head(at: usize, form: Form, count: usize) -> usize {
    shortest(at, form, count as u64, count as u64)
}

#[inline(never)]
pub(crate) fn uint(at: usize, value: u64) -> usize {
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

/// A name or a message, cut at a character above [`LONGEST`]; a cut is counted.
#[allow(unsafe_code)]
#[inline(never)]
pub(crate) fn text_cut(at: usize, whole: &[u8]) -> usize {
    let mut length = whole.len();
    if let Some(longer) = whole.get(..=LONGEST) {
        drops::add(true);
        length = longer.iter().rposition(|byte| byte >> 6 != 2).unwrap_or(0);
    }
    // SAFETY: at most the length that the text has.
    text(at, unsafe { whole.get_unchecked(..length) })
}
