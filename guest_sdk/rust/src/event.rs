//! Events, piece by piece.

use crate::handle::SpanHandle;
use crate::payload::{Payload, Relation};
use crate::value::Value;
use crate::writer::{lend, Byte};
use core::fmt;

/// An event that is to be added to a span.
///
/// The calls may come in any order. The builder borrows what it is given, and copies nothing before
/// [`add`](EventBuilder::add). What does not fit then is dropped alone and [counted](crate::dropped()), and the event is
/// still added: there is room for 128 attributes, and for a payload of 4 KiB, or as much as is lent by
/// [`with_buffer`](EventBuilder::with_buffer).
///
/// ```
/// # use bext_tracer::{Span, SpanKind};
/// # let span = Span::root("GET /", SpanKind::Server);
/// span.event("retry").attr("attempt", 2).time(1_700_000_000_000_000_000).add();
/// ```
#[must_use = "an event is added with `add`"]
pub struct EventBuilder<'b> {
    payload: Payload<'b>,
    lent: &'b mut [Byte],
}

impl<'b> EventBuilder<'b> {
    pub(crate) fn new(span: &SpanHandle, name: &'b [u8]) -> Self {
        let mut builder = EventBuilder { payload: Payload::new(name), lent: &mut [] };
        builder.payload.relation = Relation::Local;
        builder.payload.parent = *span;
        builder
    }

    /// Lends a buffer for the payload; see [`SpanBuilder::with_buffer`](crate::SpanBuilder::with_buffer).
    pub fn with_buffer(&mut self, buffer: &'b mut [u8]) -> &mut Self {
        self.lent = lend(buffer);
        self
    }

    /// Takes another span to add the event to.
    pub fn on(&mut self, span: &SpanHandle) -> &mut Self {
        self.payload.parent = *span;
        self
    }

    /// Adds an attribute. Of two with the same key the host takes the last value.
    pub fn attr(&mut self, key: &'b (impl AsRef<[u8]> + ?Sized), value: impl Into<Value<'b>>) -> &mut Self {
        self.payload.attribute(key.as_ref(), value.into());
        self
    }

    /// Sets the event's time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped and counted.
    pub fn time(&mut self, time_unix_nanos: u64) -> &mut Self {
        self.payload.time = time_unix_nanos;
        self
    }

    /// Adds the event to its span. The builder stays as it was, and may be added again.
    pub fn add(&mut self) {
        self.payload.send(self.lent, None);
    }
}

impl fmt::Debug for EventBuilder<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("EventBuilder").finish_non_exhaustive()
    }
}
