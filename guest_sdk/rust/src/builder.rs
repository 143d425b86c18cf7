//! Spans, piece by piece.

use crate::handle::SpanHandle;
use crate::kind::SpanKind;
use crate::link::Link;
use crate::span::{start, Span};
use crate::traceparent::TraceParent;
use crate::value::{nothing, KeyValue};

/// A span that is to be started.
///
/// The calls may come in any order; the last one counts of those that set one thing. The builder only borrows what it is
/// given, so it can be copied, and started several times. What does not fit into the SDK's buffer when it is started is
/// dropped alone and [counted](crate::dropped()), and the span still starts: each attribute and each link that does not
/// fit, and what is behind the first eighth of the buffer of the name or of the tracestate.
///
/// ```
/// use bext_tracer::{KeyValue, Link, Span, SpanKind, TraceParent};
///
/// # let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// # let other = bext_tracer::SpanHandle::INVALID;
/// let span = Span::builder("consume")
///     .kind(SpanKind::Consumer)
///     .remote_parent(TraceParent::parse(header).as_ref(), "")
///     .attributes(&[KeyValue::new("tags", &["fresh", "public"])])
///     .links(&[Link::new(&other, &[KeyValue::new("retries", 2)])])
///     .start();
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a span starts with `start`"]
pub struct SpanBuilder<'b> {
    name: &'b [u8],
    kind: SpanKind,
    under_current: bool,
    parent: Option<&'b SpanHandle>,
    remote: Option<&'b TraceParent>,
    trace_state: &'b [u8],
    attributes: &'b [KeyValue<'b>],
    links: &'b [Link<'b>],
    start_time: u64,
}

impl<'b> SpanBuilder<'b> {
    #[inline(always)]
    pub(crate) fn new(name: &'b [u8]) -> Self {
        SpanBuilder {
            name,
            kind: SpanKind::Internal,
            under_current: false,
            parent: None,
            remote: None,
            trace_state: nothing(),
            attributes: nothing(),
            links: nothing(),
            start_time: 0,
        }
    }

    /// Sets the kind; without one it is [`Internal`](SpanKind::Internal).
    #[inline(always)]
    pub fn kind(self, kind: SpanKind) -> Self {
        SpanBuilder { kind, ..self }
    }

    /// Sets the parent; without one the span is a root. Below an invalid parent it is invalid, without asking the host.
    #[inline(always)]
    pub fn parent(self, parent: &'b SpanHandle) -> Self {
        SpanBuilder { under_current: false, parent: Some(parent), remote: None, ..self }
    }

    /// Makes the host's span round this call the parent, or none where there is none. It is asked for by
    /// [`start`](SpanBuilder::start).
    #[inline(always)]
    pub fn under_current(self) -> Self {
        SpanBuilder { under_current: true, parent: None, remote: None, ..self }
    }

    /// Sets a parent from another process, or none, and its W3C tracestate, `""` for none. The host's policy decides what
    /// becomes of them, and it ignores a tracestate that is not valid.
    #[inline(always)]
    pub fn remote_parent(
        self,
        parent: impl Into<Option<&'b TraceParent>>,
        trace_state: &'b (impl AsRef<[u8]> + ?Sized),
    ) -> Self {
        let (remote, trace_state) = (parent.into(), trace_state.as_ref());
        SpanBuilder { under_current: false, parent: None, remote, trace_state, ..self }
    }

    /// Sets the attributes. Of two with the same key the host takes the last value.
    #[inline(always)]
    pub fn attributes(self, attributes: &'b [KeyValue<'b>]) -> Self {
        SpanBuilder { attributes, ..self }
    }

    /// Sets the links to other spans.
    #[inline(always)]
    pub fn links(self, links: &'b [Link<'b>]) -> Self {
        SpanBuilder { links, ..self }
    }

    /// Sets the start time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped and counted.
    #[inline(always)]
    pub fn start_time(self, start_time_unix_nanos: u64) -> Self {
        SpanBuilder { start_time: start_time_unix_nanos, ..self }
    }

    /// Starts the span.
    #[inline(always)]
    pub fn start(self) -> Span {
        start(
            self.name,
            self.kind as u32,
            self.under_current,
            self.parent,
            self.remote,
            self.trace_state,
            self.attributes,
            self.links,
            self.start_time,
        )
    }
}
