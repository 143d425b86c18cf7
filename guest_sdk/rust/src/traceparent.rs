//! W3C traceparent: `VV-<trace id, 32 digits>-<span id, 16>-<flags, 2>`, all digits lower case.

use crate::handle::SpanHandle;
use core::fmt;
use core::mem::{size_of, MaybeUninit};
use core::slice;
use core::str;

/// What a traceparent says: a span of another process.
///
/// ```
/// use bext_tracer::TraceParent;
///
/// let parent = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
/// assert_eq!(parent.handle.span_id, 0x00f067aa0ba902b7);
/// assert_eq!(parent.flags, 1);
/// assert_eq!(TraceParent::parse("00-4bf92f3577b34da6"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The other span, never invalid where it was parsed.
    pub handle: SpanHandle,
    /// Its W3C trace-flags. Bit 0 says that it was sampled.
    pub flags: u8,
}

impl TraceParent {
    /// Reads a traceparent; `None` where it is none. One of a version above 00 may carry more fields, which are ignored.
    #[must_use]
    pub fn parse(text: impl AsRef<[u8]>) -> Option<TraceParent> {
        TraceParent::read(text.as_ref())
    }

    #[inline(never)]
    fn read(text: &[u8]) -> Option<TraceParent> {
        let fixed: &[u8; LENGTH] = text.get(..LENGTH)?.try_into().ok()?;
        // Digits are shifted in from the right. The flags come first, so that each id ends up in one number.
        let (mut head, mut hi, mut lo, mut id) = (0, 0, 0, 0);
        let mut bad = false;
        let mut index = FLAGS;
        loop {
            let byte = u32::from(fixed[index]);
            if is_dash(index) {
                bad |= byte != b'-'.into();
            } else {
                // The four low bits of `a` are 1, and of all digits only letters have the bit above 0x3f.
                let digit = (byte & 15) + (byte >> 6) * 9;
                bad |= character(digit) != byte;
                head = head << 4 | hi >> 60;
                hi = hi << 4 | lo >> 60;
                lo = lo << 4 | id >> 60;
                id = id << 4 | u64::from(digit);
            }
            index += 1;
            if index == LENGTH {
                index = 0;
            }
            if index == FLAGS {
                break;
            }
        }
        let version = head & 0xff;
        if text.len() > LENGTH {
            bad |= version == 0 || text[LENGTH] != b'-';
        }
        if bad || version == 0xff || hi | lo == 0 || id == 0 {
            return None;
        }
        let handle = SpanHandle { trace_id_hi: hi, trace_id_lo: lo, span_id: id };
        Some(TraceParent { handle, flags: (head >> 8) as u8 })
    }
}

/// Where the flags start.
const FLAGS: usize = 53;

/// The bytes of a traceparent by what they say.
#[derive(Clone, Copy)]
#[repr(C)]
struct Parts {
    version: [MaybeUninit<u8>; 2],
    dash_1: MaybeUninit<u8>,
    trace_id_hi: [MaybeUninit<u8>; 16],
    trace_id_lo: [MaybeUninit<u8>; 16],
    dash_2: MaybeUninit<u8>,
    span_id: [MaybeUninit<u8>; 16],
    dash_3: MaybeUninit<u8>,
    flags: [MaybeUninit<u8>; 2],
}

const LENGTH: usize = size_of::<Parts>();

/// The lowest hexadecimal digit of a number.
#[inline(never)]
fn character(number: u32) -> u32 {
    let digit = number & 15;
    digit + u32::from(if digit < 10 { b'0' } else { b'a' - 10 })
}

/// Whether a dash stands here.
fn is_dash(index: usize) -> bool {
    index == 2 || index == 35 || index == 52
}

/// A number as hexadecimal digits, as many as there are places.
#[inline(never)]
fn write(places: &mut [MaybeUninit<u8>], mut number: u64) {
    for place in places.iter_mut().rev() {
        *place = MaybeUninit::new(character(number as u32) as u8);
        number >>= 4;
    }
}

/// A traceparent of version 00, as text; empty where the span is invalid.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct TraceParentText {
    parts: Parts,
    length: usize,
}

impl TraceParentText {
    #[allow(unsafe_code, clippy::uninit_assumed_init)]
    #[inline(always)]
    pub(crate) fn empty() -> Self {
        // SAFETY: all that is in it may be uninitialized.
        TraceParentText { parts: unsafe { MaybeUninit::uninit().assume_init() }, length: 0 }
    }

    #[inline(never)]
    pub(crate) fn fill(&mut self, span: &SpanHandle, sampled: bool) {
        if span.is_invalid() {
            return;
        }
        write(&mut self.parts.version, 0);
        write(&mut self.parts.trace_id_hi, span.trace_id_hi);
        write(&mut self.parts.trace_id_lo, span.trace_id_lo);
        write(&mut self.parts.span_id, span.span_id);
        write(&mut self.parts.flags, sampled.into());
        let dash = MaybeUninit::new(b'-');
        (self.parts.dash_1, self.parts.dash_2, self.parts.dash_3) = (dash, dash, dash);
        self.length = LENGTH;
    }

    /// The text.
    #[must_use]
    #[allow(unsafe_code)]
    pub fn as_str(&self) -> &str {
        // SAFETY: it is ASCII.
        unsafe { str::from_utf8_unchecked(self.as_bytes()) }
    }

    /// The text's bytes, which are ASCII.
    #[must_use]
    #[allow(unsafe_code)]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: `length` is not 0 only where all bytes were written.
        unsafe { slice::from_raw_parts((&self.parts as *const Parts).cast(), self.length) }
    }
}

impl AsRef<[u8]> for TraceParentText {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<str> for TraceParentText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for TraceParentText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for TraceParentText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}
