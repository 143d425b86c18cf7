//! Spans, piece by piece.

use crate::abi;
use crate::handle::SpanHandle;
use crate::kind::SpanKind;
use crate::payload::{Payload, Relation};
use crate::span::Span;
use crate::traceparent::TraceParent;
use crate::value::{KeyValue, Value};
use crate::writer::{lend, Byte};
use core::fmt;

/// A span that is to be started.
///
/// The calls may come in any order; the last one counts of those that set one thing. The builder borrows what it is
/// given, and copies nothing before [`start`](SpanBuilder::start). What does not fit then is dropped alone and
/// [counted](crate::dropped()), and the span still starts: there is room for 128 attributes, 128 links, and for a payload
/// of 4 KiB, or as much as is lent by [`with_buffer`](SpanBuilder::with_buffer).
///
/// ```
/// use bext_tracer::{KeyValue, Span, SpanKind, TraceParent};
///
/// # let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// # let other = bext_tracer::SpanHandle::INVALID;
/// let span = Span::builder("consume")
///     .kind(SpanKind::Consumer)
///     .remote_parent(TraceParent::parse(header), "")
///     .attr("tags", &["fresh", "public"])
///     .link_with(&other, &[KeyValue::new("retries", 2)])
///     .start();
/// ```
#[must_use = "a span starts with `start`"]
pub struct SpanBuilder<'b> {
    payload: Payload<'b>,
    lent: &'b mut [Byte],
}

impl<'b> SpanBuilder<'b> {
    pub(crate) fn new(name: &'b [u8]) -> Self {
        SpanBuilder { payload: Payload::new(name), lent: &mut [] }
    }

    /// Lends a buffer for the payload, with a margin of 64 bytes. One below 4 KiB is not used. A name above an eighth of
    /// the buffer is cut at a character and counted. Hosts refuse payloads above 64 KiB, by default.
    ///
    /// ```
    /// # use bext_tracer::Span;
    /// # let body = "";
    /// let mut buffer = [0; 16_384];
    /// let span = Span::builder("upload").with_buffer(&mut buffer).attr("body", body).start();
    /// ```
    pub fn with_buffer(&mut self, buffer: &'b mut [u8]) -> &mut Self {
        self.lent = lend(buffer);
        self
    }

    /// Sets the kind; without one it is [`Internal`](SpanKind::Internal).
    pub fn kind(&mut self, kind: SpanKind) -> &mut Self {
        self.payload.kind = kind;
        self
    }

    /// Sets the parent; without one the span is a root. Below an invalid parent it is invalid, without asking the host.
    pub fn parent(&mut self, parent: &SpanHandle) -> &mut Self {
        self.payload.relation = Relation::Local;
        self.payload.parent = *parent;
        self
    }

    /// Makes the host's span round this call the parent, or none where there is none.
    pub fn under_current(&mut self) -> &mut Self {
        let found = abi::current_span(&mut self.payload.parent);
        self.payload.relation = if found { Relation::Local } else { Relation::None };
        self
    }

    /// Sets a parent from another process, or none, and its W3C tracestate (`""` for none; one above 512 bytes is
    /// dropped and counted). The host's policy decides what becomes of it.
    pub fn remote_parent(
        &mut self,
        parent: impl Into<Option<TraceParent>>,
        trace_state: &'b (impl AsRef<[u8]> + ?Sized),
    ) -> &mut Self {
        let parent = parent.into().unwrap_or(TraceParent { handle: SpanHandle::INVALID, flags: 0 });
        self.payload.relation = if parent.handle.is_invalid() { Relation::None } else { Relation::Remote };
        self.payload.parent = parent.handle;
        self.payload.flags = parent.flags;
        self.payload.trace_state = trace_state.as_ref();
        self
    }

    /// Adds an attribute. Of two with the same key the host takes the last value.
    pub fn attr(&mut self, key: &'b (impl AsRef<[u8]> + ?Sized), value: impl Into<Value<'b>>) -> &mut Self {
        self.payload.attribute(key.as_ref(), value.into());
        self
    }

    /// Adds a link to another span. One to an invalid handle is skipped, and not counted.
    pub fn link(&mut self, other: &'b SpanHandle) -> &mut Self {
        self.link_with(other, &[])
    }

    /// Adds a link with attributes. Where they do not all fit, the link is dropped as a whole and counted once.
    #[inline(never)]
    pub fn link_with(&mut self, other: &'b SpanHandle, attributes: &'b [KeyValue<'b>]) -> &mut Self {
        self.payload.link(other, attributes);
        self
    }

    /// Sets the start time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped and counted.
    pub fn start_time(&mut self, start_time_unix_nanos: u64) -> &mut Self {
        self.payload.time = start_time_unix_nanos;
        self
    }

    /// Starts the span. The builder stays as it was.
    pub fn start(&mut self) -> Span {
        let mut span = Span(SpanHandle::INVALID);
        self.payload.send(self.lent, Some(&mut span.0));
        span
    }
}

impl fmt::Debug for SpanBuilder<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SpanBuilder").finish_non_exhaustive()
    }
}
