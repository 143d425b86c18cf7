//! W3C traceparent: `VV-<trace id, 32 digits>-<span id, 16>-<flags, 2>`, all digits lower case.

use crate::handle::SpanHandle;
use crate::writer::{Byte, Writer};
use core::fmt;
use core::mem::MaybeUninit;
use core::slice;
use core::str;

const LENGTH: usize = 55;

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
        let mut parent = TraceParent { handle: SpanHandle::INVALID, flags: 0 };
        if parent.read(text.as_ref()) {
            Some(parent)
        } else {
            None
        }
    }

    #[inline(never)]
    fn read(&mut self, text: &[u8]) -> bool {
        let mut reader = Reader { rest: text, failed: false };
        let version = reader.digits(2);
        reader.dash();
        self.handle.trace_id_hi = reader.digits(16);
        self.handle.trace_id_lo = reader.digits(16);
        reader.dash();
        self.handle.span_id = reader.digits(16);
        reader.dash();
        self.flags = reader.digits(2) as u8;
        if !reader.rest.is_empty() {
            reader.dash();
        }
        !reader.failed && version != 0xff && (version != 0 || text.len() == LENGTH) && !self.handle.is_invalid()
    }
}

struct Reader<'t> {
    rest: &'t [u8],
    failed: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> u8 {
        match self.rest {
            [byte, rest @ ..] => {
                self.rest = rest;
                *byte
            }
            [] => 0,
        }
    }

    #[inline(never)]
    fn dash(&mut self) {
        self.failed |= self.next() != b'-';
    }

    #[inline(never)]
    fn digits(&mut self, mut count: u32) -> u64 {
        let mut value = 0;
        while count > 0 {
            let byte = self.next();
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => {
                    self.failed = true;
                    0
                }
            };
            value = value << 4 | u64::from(digit);
            count -= 1;
        }
        value
    }
}

/// A traceparent of version 00, as text; empty where the span is invalid.
#[derive(Clone, Copy)]
pub struct TraceParentText {
    bytes: [Byte; LENGTH],
    length: usize,
}

impl TraceParentText {
    #[inline(always)]
    pub(crate) fn new(empty: bool) -> Self {
        TraceParentText { bytes: [MaybeUninit::uninit(); LENGTH], length: if empty { 0 } else { LENGTH } }
    }

    #[inline(never)]
    pub(crate) fn fill(&mut self, span: &SpanHandle, sampled: bool) {
        let mut writer = Writer::new(&mut self.bytes);
        writer.bytes(b"00-");
        writer.hex(span.trace_id_hi, 16);
        writer.hex(span.trace_id_lo, 16);
        writer.byte(b'-');
        writer.hex(span.span_id, 16);
        writer.bytes(if sampled { b"-01" } else { b"-00" });
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or("")
    }

    /// The text's bytes, which are ASCII.
    #[must_use]
    #[allow(unsafe_code)]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: `length` is not 0 only where all bytes were written.
        unsafe { slice::from_raw_parts(self.bytes.as_ptr().cast(), self.length) }
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
