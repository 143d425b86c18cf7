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

    #[allow(unsafe_code)]
    #[inline(never)]
    fn read(text: &[u8]) -> Option<TraceParent> {
        let fixed: &[u8; LENGTH] = text.get(..LENGTH)?.try_into().ok()?;
        let mut bad = false;
        let mut index = 0;
        while index < LENGTH {
            let character = char::from(fixed[index]);
            bad |= if is_dash(index) { character != '-' } else { !matches!(character, '0'..='9' | 'a'..='f') };
            index += 1;
        }
        // SAFETY: the parts are bytes, and as many.
        let parts = unsafe { &*(fixed as *const [u8; LENGTH]).cast::<Parts<u8>>() };
        let version = number(&parts.version);
        let trace_id_hi = number(&parts.trace_id_hi);
        let trace_id_lo = number(&parts.trace_id_lo);
        let span_id = number(&parts.span_id);
        if text.len() > LENGTH {
            bad |= version == 0 || text[LENGTH] != b'-';
        }
        if bad || version == 0xff || trace_id_hi | trace_id_lo == 0 || span_id == 0 {
            return None;
        }
        let handle = SpanHandle { trace_id_hi, trace_id_lo, span_id };
        Some(TraceParent { handle, flags: number(&parts.flags) as u8 })
    }
}

/// The bytes of a traceparent by what they say.
#[derive(Clone, Copy)]
#[repr(C)]
struct Parts<B> {
    version: [B; 2],
    dash_1: B,
    trace_id_hi: [B; 16],
    trace_id_lo: [B; 16],
    dash_2: B,
    span_id: [B; 16],
    dash_3: B,
    flags: [B; 2],
}

const LENGTH: usize = size_of::<Parts<u8>>();

/// Whether a dash stands here.
fn is_dash(index: usize) -> bool {
    index == 2 || index == 35 || index == 52
}

/// The number that hexadecimal digits say.
#[inline(never)]
fn number(digits: &[u8]) -> u64 {
    let mut number = 0;
    for digit in digits {
        // The four low bits of `a` are 1, and only letters have the bit above 0x3f.
        let digit = u32::from(*digit);
        number = number << 4 | u64::from((digit & 15) + (digit >> 6) * 9);
    }
    number
}

/// A number as hexadecimal digits, as many as there are places.
#[inline(never)]
fn write(places: &mut [MaybeUninit<u8>], mut number: u64) {
    for place in places.iter_mut().rev() {
        let digit = number as u32 & 15;
        *place = MaybeUninit::new((digit + u32::from(if digit < 10 { b'0' } else { b'a' - 10 })) as u8);
        number >>= 4;
    }
}

/// A traceparent of version 00, as text; empty where the span is invalid.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct TraceParentText {
    parts: Parts<MaybeUninit<u8>>,
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
        unsafe { slice::from_raw_parts((&self.parts as *const Parts<_>).cast(), self.length) }
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
