//! Handles of spans, and everything that can be done through one.

use crate::abi;
use crate::drops;
use crate::event::EventBuilder;
use crate::kind::{SpanKind, StatusCode};
use crate::payload;
use crate::scratch::FULL;
use crate::span::Span;
use crate::traceparent::TraceParentText;
use crate::value::{nothing, KeyValue, Kind, Value};

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
        !may_record(Some(self))
    }

    /// Starts a span below this one, on the host's clock. Below an invalid one it is invalid, without asking the host.
    ///
    /// ```
    /// # use bext_tracer::{Span, SpanKind};
    /// # let request = Span::root("GET /", SpanKind::Server);
    /// let query = request.child("db.query", SpanKind::Client);
    /// ```
    #[inline(always)]
    pub fn child(&self, name: impl AsRef<[u8]>, kind: SpanKind) -> Span {
        Span::with(name.as_ref(), kind as u32, false, Some(self))
    }

    /// Sets an attribute, or overwrites the one with this key.
    ///
    /// Dropped and counted where key and value do not fit into the SDK's buffer. The host drops an empty key, and keys that
    /// start with `bext.`.
    ///
    /// ```
    /// # use bext_tracer::{Span, SpanKind};
    /// # let span = Span::root("GET /", SpanKind::Server);
    /// span.set("http.response.status_code", 200);
    /// span.set("http.route", "/users/{id}");
    /// span.set("tags", &["fresh", "public"]);
    /// ```
    #[allow(unsafe_code)]
    #[inline(always)]
    pub fn set<'v>(&self, key: impl AsRef<[u8]>, value: impl Into<Value<'v>>) {
        let Value { kind, data, bits, .. } = value.into();
        // SAFETY: the pieces of one value. Apart they are two bytes each where they are constants.
        unsafe { self.set_attribute(key.as_ref(), kind, data, bits) };
    }

    /// # Safety
    ///
    /// `data` and `bits` are pieces of a value of this kind.
    #[allow(unsafe_code)]
    #[inline(never)]
    unsafe fn set_attribute(&self, key: &[u8], kind: Kind, data: *const u8, bits: u64) {
        if !may_record(Some(self)) {
            return;
        }
        let length = payload::set_attribute(key, kind, data, bits);
        if length == FULL {
            drops::add(true);
        } else {
            abi::set_attribute(self, length);
        }
    }

    /// Sets the status. `Unset` never overwrites, and nothing overwrites `Ok`. The host keeps the message of an error
    /// only; one above an eighth of the SDK's buffer is cut at a character and counted.
    pub fn set_status(&self, code: StatusCode, message: impl AsRef<[u8]>) {
        self.set_code(code as u32, message.as_ref());
    }

    /// The same as [`set_status`](Self::set_status) with [`StatusCode::Ok`].
    pub fn set_ok(&self) {
        self.set_code(StatusCode::Ok as u32, nothing());
    }

    /// The same as [`set_status`](Self::set_status) with [`StatusCode::Error`].
    pub fn set_error(&self, message: impl AsRef<[u8]>) {
        self.set_code(StatusCode::Error as u32, message.as_ref());
    }

    #[inline(never)]
    fn set_code(&self, code: u32, message: &[u8]) {
        if may_record(Some(self)) {
            abi::set_status(self, payload::status(code, message));
        }
    }

    /// Adds an event without attributes, on the host's clock. A name above an eighth of the SDK's buffer is cut at a
    /// character and counted.
    #[inline(always)]
    pub fn add_event(&self, name: impl AsRef<[u8]>) {
        EventBuilder::new(self, name.as_ref()).add();
    }

    /// Begins an event with attributes or a time, which [`add`](EventBuilder::add) adds to this span.
    ///
    /// ```
    /// # use bext_tracer::{KeyValue, Span, SpanKind};
    /// # let span = Span::root("GET /", SpanKind::Server);
    /// span.event("retry").attributes(&[KeyValue::new("attempt", 2), KeyValue::new("delay_ms", 12.5)]).add();
    /// ```
    #[inline(always)]
    pub fn event<'b>(&'b self, name: &'b (impl AsRef<[u8]> + ?Sized)) -> EventBuilder<'b> {
        EventBuilder::new(self, name.as_ref())
    }

    #[inline(never)]
    pub(crate) fn add(&self, name: &[u8], attributes: &[KeyValue], time: u64) {
        if may_record(Some(self)) {
            abi::add_event(self, payload::event(name, attributes, time));
        }
    }

    /// Ends the span, on the host's clock.
    #[inline(always)]
    pub fn end(&self) {
        self.end_at(0);
    }

    /// Ends the span at a time in nanoseconds since 1970. The host takes 0, and times above 2^63-1, as its clock.
    #[inline(never)]
    pub fn end_at(&self, end_time_unix_nanos: u64) {
        if may_record(Some(self)) {
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
        let mut text = TraceParentText::empty();
        text.fill(self, sampled);
        text
    }
}

/// Whether there is no handle, or a valid one.
#[inline(never)]
pub(crate) fn may_record(handle: Option<&SpanHandle>) -> bool {
    match handle {
        Some(handle) => (handle.trace_id_hi | handle.trace_id_lo != 0) & (handle.span_id != 0),
        None => true,
    }
}
