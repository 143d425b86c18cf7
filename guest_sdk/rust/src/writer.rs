//! Canonical msgpack over a fixed room. Once something did not fit, everything after it is skipped.

use crate::drops;
use crate::handle::SpanHandle;
use crate::payload::Link;
use crate::value::Value;
use core::mem::MaybeUninit;

/// A byte of a buffer that nobody clears before it is written.
pub(crate) type Byte = MaybeUninit<u8>;

/// A buffer of the caller's as bytes to write.
#[allow(unsafe_code)]
pub(crate) fn lend(buffer: &mut [u8]) -> &mut [Byte] {
    // SAFETY: the same layout, and nothing here writes a byte that is not initialized.
    unsafe { &mut *(buffer as *mut [u8] as *mut [Byte]) }
}

/// How a number, a length or a count is written: up to `max` in the first byte, together with `fix`; else `code` and
/// `width` bytes, and one more code for each doubling of the width.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    fix: u8,
    max: u8,
    code: u8,
    width: u8,
}

const UINT: Form = Form { fix: 0, max: 0x7f, code: 0xcc, width: 1 };
const NEGATIVE: Form = Form { fix: 0, max: 63, code: 0xd0, width: 1 }; // of twice the distance below -1
const STR: Form = Form { fix: 0xa0, max: 31, code: 0xd9, width: 1 };
pub(crate) const ARRAY: Form = Form { fix: 0x90, max: 15, code: 0xdc, width: 2 };
pub(crate) const MAP: Form = Form { fix: 0x80, max: 15, code: 0xde, width: 2 };

pub(crate) struct Writer<'b> {
    out: &'b mut [Byte],
    written: usize,
    /// The header of the map that is being written, where it counts.
    pub(crate) fields: u8,
}

/// `written`, once something did not fit: no slice has this index.
const FULL: usize = usize::MAX;

impl<'b> Writer<'b> {
    pub(crate) fn new(out: &'b mut [Byte]) -> Self {
        Writer { out, written: 0, fields: 0x80 }
    }

    /// The number of bytes written, or [`FULL`] where not everything fitted.
    pub(crate) fn written(&self) -> usize {
        self.written
    }

    /// Forgets what was written since it was so much.
    pub(crate) fn rewind(&mut self, written: usize) {
        self.written = written;
    }

    /// Writes once more what was written from `from` to `to`.
    pub(crate) fn copy(&mut self, from: usize, to: usize) {
        for at in from..to {
            if let Some(byte) = self.out.get(at).copied() {
                self.put(byte);
            }
        }
    }

    /// Writes the header of the map, of as many fields as were counted; returns the payload's length.
    pub(crate) fn close(&mut self) -> usize {
        let length = self.written;
        self.written = 0;
        self.byte(self.fields);
        length
    }

    #[inline(never)]
    pub(crate) fn room(&self) -> usize {
        self.out.len().saturating_sub(self.written)
    }

    #[inline(never)]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.put(MaybeUninit::new(byte));
    }

    fn put(&mut self, byte: Byte) {
        if let Some(slot) = self.out.get_mut(self.written) {
            *slot = byte;
            self.written += 1;
        } else {
            self.written = FULL;
        }
    }

    #[inline(never)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
    }

    /// The lowest digits of a number, in hexadecimal.
    #[inline(never)]
    pub(crate) fn hex(&mut self, value: u64, digits: u32) {
        let mut shift = digits * 4;
        while shift > 0 {
            shift -= 4;
            let digit = (value >> shift) as u8 & 15;
            self.byte(digit + if digit < 10 { b'0' } else { b'a' - 10 });
        }
    }

    /// A first byte, and the `width` low bytes of `bits`, big-endian.
    #[inline(never)]
    fn number(&mut self, first: u8, bits: u64, width: u32) {
        self.byte(first);
        let mut shift = width * 8;
        while shift > 0 {
            shift -= 8;
            self.byte((bits >> shift) as u8);
        }
    }

    /// The shortest form for `size`, written with `bits`.
    #[inline(never)]
    fn shortest(&mut self, form: Form, size: u64, bits: u64) {
        let (mut first, mut width) = (form.fix | bits as u8, 0);
        if size > form.max.into() {
            first = form.code;
            width = form.width.into();
            while width < 8 && size >> (8 * width) != 0 {
                first += 1;
                width *= 2;
            }
        }
        self.number(first, bits, width);
    }

    pub(crate) fn uint(&mut self, value: u64) {
        self.shortest(UINT, value, value);
    }

    #[inline(never)]
    fn int(&mut self, value: i64) {
        let bits = value as u64;
        if value < 0 {
            self.shortest(NEGATIVE, !bits << 1, bits);
        } else {
            self.uint(bits);
        }
    }

    pub(crate) fn count(&mut self, form: Form, count: usize) {
        self.shortest(form, count as u64, count as u64);
    }

    /// A text, each ill-formed maximal subsequence of which becomes U+FFFD (Unicode 3.9, "U+FFFD Substitution of
    /// Maximal Subparts").
    #[inline(never)]
    pub(crate) fn text(&mut self, text: &[u8]) {
        let start = self.written;
        let mut size = text.len();
        if size > self.room() {
            self.written = FULL; // a text only grows, so do not look at it
            return;
        }
        loop {
            // As a rule the first size is right. Where something was repaired, the second one is.
            self.count(STR, size);
            let from = self.written;
            self.characters(text);
            if self.written == FULL || self.written - from == size {
                return;
            }
            size = self.written - from;
            self.written = start;
        }
    }

    fn characters(&mut self, text: &[u8]) {
        let mut mark = 0; // where the character that is being written starts
        let mut missing = 0; // how many of its bytes are still to come
        let (mut low, mut high) = (0, 0); // what the next of them may be: nothing overlong, no surrogate, no U+110000
        for byte in text {
            let value = u32::from(*byte);
            let follows = low <= value && value <= high;
            if missing != 0 && !follows {
                self.repair(mark);
                missing = 0;
            }
            if missing == 0 {
                mark = self.written;
            }
            self.byte(*byte);
            if missing != 0 {
                missing -= 1;
                low = 0x80;
                high = 0xbf;
                continue;
            }
            if value < 0x80 {
                continue;
            }
            low = match value {
                0xe0 => 0xa0,
                0xf0 => 0x90,
                _ => 0x80,
            };
            high = match value {
                0xed => 0x9f,
                0xf4 => 0x8f,
                0xc2..=0xf3 => 0xbf,
                _ => 0, // leads nothing
            };
            missing = 1 + u32::from(value > 0xdf) + u32::from(value > 0xef);
        }
        if missing != 0 {
            self.repair(mark);
        }
    }

    /// U+FFFD instead of what was written since `mark`, which is no longer.
    #[inline(never)]
    fn repair(&mut self, mark: usize) {
        if self.written != FULL {
            self.written = mark;
            self.bytes(b"\xef\xbf\xbd");
        }
    }

    /// A text, cut at a character above `most` bytes; a cut is counted.
    #[inline(never)]
    pub(crate) fn text_cut(&mut self, text: &[u8], most: usize) {
        let mut length = text.len();
        if length > most {
            drops::count();
            length = most;
            while text.get(length).map_or(false, |byte| byte >> 6 == 2) && length > 0 {
                length -= 1;
            }
        }
        self.text(text.get(..length).unwrap_or(&[]));
    }

    #[inline(never)]
    pub(crate) fn value(&mut self, value: &Value) {
        match *value {
            Value::Str(text) => self.text(text),
            Value::Bool(value) => self.bool(value),
            Value::I64(value) => self.int(value),
            Value::F64(value) => self.float(value),
            Value::StrArray(items) => self.array(items, |writer, item| writer.text(item)),
            Value::BoolArray(items) => self.array(items, |writer, item| writer.bool(*item)),
            Value::I64Array(items) => self.array(items, |writer, item| writer.int(*item)),
            Value::F64Array(items) => self.array(items, |writer, item| writer.float(*item)),
        }
    }

    #[inline(always)]
    fn array<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        let tried = self.array_header(items.len());
        for item in items.iter().take(tried) {
            write(self, item);
        }
    }

    /// Returns how many items to write. Each takes a byte or more: where they cannot fit, none is tried.
    #[inline(never)]
    fn array_header(&mut self, count: usize) -> usize {
        if count > self.room() {
            self.written = FULL;
            return 0;
        }
        self.count(ARRAY, count);
        count
    }

    fn bool(&mut self, value: bool) {
        self.byte(0xc2 | u8::from(value));
    }

    #[inline(never)]
    fn float(&mut self, value: f64) {
        let bits = if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() };
        self.number(0xcb, bits, 8);
    }

    #[inline(never)]
    pub(crate) fn attribute(&mut self, key: &[u8], value: &Value) {
        self.text(key);
        self.value(value);
    }

    pub(crate) fn handle(&mut self, handle: &SpanHandle) {
        self.byte(0x93);
        self.uint(handle.trace_id_hi);
        self.uint(handle.trace_id_lo);
        self.uint(handle.span_id);
    }

    #[inline(never)]
    pub(crate) fn link(&mut self, (other, attributes): &Link) {
        self.byte(if attributes.is_empty() { 0x81 } else { 0x82 });
        self.bytes(b"\xa6handle");
        self.handle(other);
        if attributes.is_empty() {
            return;
        }
        self.bytes(b"\xaaattributes");
        self.count(MAP, attributes.len());
        for attribute in *attributes {
            self.attribute(attribute.key, &attribute.value);
        }
    }

    /// The key of a field, which is counted.
    #[inline(never)]
    pub(crate) fn key(&mut self, key: &[u8]) {
        self.fields += 1;
        self.bytes(key);
    }

    /// The key and the header of a map or an array, unless it is empty.
    #[inline(never)]
    pub(crate) fn container(&mut self, key: &[u8], form: Form, count: usize) {
        if count != 0 {
            self.key(key);
            self.count(form, count);
        }
    }

    /// A number, which is left out where it is the default; dropped and counted above 2^63-1.
    #[inline(never)]
    pub(crate) fn field(&mut self, key: &[u8], value: u64, default: u64) {
        if value >> 63 != 0 {
            drops::count();
        } else if value != default {
            self.key(key);
            self.uint(value);
        }
    }
}
