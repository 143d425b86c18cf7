//! Handles of spans, and everything that can be done through one.

use crate::abi;
use crate::drops;
use crate::event::EventBuilder;
use crate::kind::{SpanKind, StatusCode};
use crate::span::Span;
use crate::traceparent::TraceParentText;
use crate::value::Value;
use crate::writer::Writer;
use core::mem::MaybeUninit;

/// Bytes behind one attribute that is set, and behind a status.
const SCRATCH: usize = 4096;

/// A third of it, since each byte that is ill-formed becomes three.
const LONGEST_MESSAGE: usize = 1350;

/// The name of a span, as a plain value: copy it, keep it, pass it as a parent.
///
/// On an invalid handle (of a span that was not sampled) nothing is done: no host call is made and nothing counted.
///
/// A [`Span`] has all of these methods as well. A handle alone does not end its span; whoever keeps only the handle
/// ends it by [`end`](SpanHandle::end).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct SpanHandle {
    /// The upper half of the trace id: the first 16 digits of a traceparent.
    pub trace_id_hi: u64,
    /// The lower half of the trace id.
    pub trace_id_lo: u64,
    /// The span id.
    pub span_id: u64,
}

impl SpanHandle {
    /// The handle of a span that was not sampled.
    pub const INVALID: SpanHandle = SpanHandle { trace_id_hi: 0, trace_id_lo: 0, span_id: 0 };

    /// Whether the trace id or the span id is zero, as for a span that was not sampled.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.trace_id_hi | self.trace_id_lo == 0 || self.span_id == 0
    }

    /// Starts a span below this one, on the host's clock. Below an invalid one it is invalid, without asking the host.
    ///
    /// ```
    /// # use bext_tracer::{Span, SpanKind};
    /// # let request = Span::root("GET /", SpanKind::Server);
    /// let query = request.child("db.query", SpanKind::Client);
    /// ```
    pub fn child(&self, name: impl AsRef<[u8]>, kind: SpanKind) -> Span {
        Span::start_under(name.as_ref(), kind, Some(self))
    }

    /// Sets an attribute, or overwrites the one with this key.
    ///
    /// Dropped and counted where key and value take more than 4 KiB; [`Span::builder`] and [`event`](Self::event) take
    /// longer ones. The host drops an empty key, and keys that start with `bext.`.
    ///
    /// ```
    /// # use bext_tracer::{Span, SpanKind};
    /// # let span = Span::root("GET /", SpanKind::Server);
    /// span.set("http.response.status_code", 200);
    /// span.set("http.route", "/users/{id}");
    /// span.set("tags", &["fresh", "public"]);
    /// ```
    pub fn set<'v>(&self, key: impl AsRef<[u8]>, value: impl Into<Value<'v>>) {
        self.set_attribute(key.as_ref(), &value.into());
    }

    #[inline(never)]
    fn set_attribute(&self, key: &[u8], value: &Value) {
        if self.is_invalid() {
            return;
        }
        let mut scratch = [MaybeUninit::uninit(); SCRATCH];
        let mut writer = Writer::new(&mut scratch);
        writer.byte(0x92);
        writer.attribute(key, value);
        let length = writer.written();
        match scratch.get(..length) {
            Some(payload) => abi::set_attribute(self, payload),
            None => drops::count(),
        }
    }

    /// Sets the status. `Unset` never overwrites, and nothing overwrites `Ok`. The host keeps the message of an error
    /// only; one above 1350 bytes is cut at a character and counted.
    pub fn set_status(&self, code: StatusCode, message: impl AsRef<[u8]>) {
        self.set_code(code, message.as_ref());
    }

    /// The same as [`set_status`](Self::set_status) with [`StatusCode::Ok`].
    pub fn set_ok(&self) {
        self.set_code(StatusCode::Ok, &[]);
    }

    /// The same as [`set_status`](Self::set_status) with [`StatusCode::Error`].
    pub fn set_error(&self, message: impl AsRef<[u8]>) {
        self.set_code(StatusCode::Error, message.as_ref());
    }

    #[inline(never)]
    fn set_code(&self, code: StatusCode, message: &[u8]) {
        if self.is_invalid() {
            return;
        }
        let mut scratch = [MaybeUninit::uninit(); SCRATCH];
        let mut writer = Writer::new(&mut scratch);
        writer.byte(if message.is_empty() { 0x81 } else { 0x82 });
        writer.bytes(b"\xa4code");
        writer.byte(code as u8);
        if !message.is_empty() {
            writer.bytes(b"\xa7message");
            writer.text_cut(message, LONGEST_MESSAGE);
        }
        let length = writer.written();
        abi::set_status(self, scratch.get(..length).unwrap_or(&[]));
    }

    /// Adds an event without attributes, on the host's clock. A name above 510 bytes is cut at a character and counted.
    pub fn add_event(&self, name: impl AsRef<[u8]>) {
        EventBuilder::new(self, name.as_ref()).add();
    }

    /// Begins an event with attributes or a time, which [`add`](EventBuilder::add) adds to this span.
    ///
    /// ```
    /// # use bext_tracer::{Span, SpanKind};
    /// # let span = Span::root("GET /", SpanKind::Server);
    /// span.event("retry").attr("attempt", 2).attr("delay_ms", 12.5).add();
    /// ```
    pub fn event<'b>(&self, name: &'b (impl AsRef<[u8]> + ?Sized)) -> EventBuilder<'b> {
        EventBuilder::new(self, name.as_ref())
    }

    /// Ends the span, on the host's clock.
    pub fn end(&self) {
        self.end_at(0);
    }

    /// Ends the span at a time in nanoseconds since 1970. The host takes 0, and times above 2^63-1, as its clock.
    pub fn end_at(&self, end_time_unix_nanos: u64) {
        if !self.is_invalid() {
            abi::end_span(self, end_time_unix_nanos);
        }
    }

    /// The W3C traceparent of this span, for a request to elsewhere; empty of an invalid handle.
    ///
    /// ```
    /// # use bext_tracer::SpanHandle;
    /// let span = SpanHandle { trace_id_hi: 0x4bf92f3577b34da6, trace_id_lo: 0xa3ce929d0e0e4736, span_id: 0xf067aa0ba902b7 };
    /// let header = span.traceparent(true);
    /// assert_eq!(header.as_str(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    /// ```
    #[must_use]
    pub fn traceparent(&self, sampled: bool) -> TraceParentText {
        let mut text = TraceParentText::new(self.is_invalid());
        text.fill(self, sampled);
        text
    }
}
