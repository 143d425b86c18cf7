//! Events, piece by piece.

use crate::handle::SpanHandle;
use crate::value::{nothing, KeyValue};

/// An event that is to be added to a span.
///
/// The calls may come in any order. The builder only borrows what it is given, so it can be copied, and added several
/// times. What does not fit into the SDK's buffer is dropped alone and [counted](crate::dropped()), as of a
/// [`SpanBuilder`](crate::SpanBuilder).
///
/// ```
/// # use bext_tracer::{KeyValue, Span, SpanKind};
/// # let span = Span::root("GET /", SpanKind::Server);
/// span.event("retry").attributes(&[KeyValue::new("attempt", 2)]).time(1_700_000_000_000_000_000).add();
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "an event is added with `add`"]
pub struct EventBuilder<'b> {
    span: &'b SpanHandle,
    name: &'b [u8],
    attributes: &'b [KeyValue<'b>],
    time: u64,
}

impl<'b> EventBuilder<'b> {
    #[inline(always)]
    pub(crate) fn new(span: &'b SpanHandle, name: &'b [u8]) -> Self {
        EventBuilder { span, name, attributes: nothing(), time: 0 }
    }

    /// Sets the attributes. Of two with the same key the host takes the last value.
    #[inline(always)]
    pub fn attributes(self, attributes: &'b [KeyValue<'b>]) -> Self {
        EventBuilder { attributes, ..self }
    }

    /// Sets the event's time in nanoseconds since 1970; 0 is the host's clock. One above 2^63-1 is dropped and counted.
    #[inline(always)]
    pub fn time(self, time_unix_nanos: u64) -> Self {
        EventBuilder { time: time_unix_nanos, ..self }
    }

    /// Adds the event to its span.
    #[inline(always)]
    pub fn add(self) {
        self.span.add(self.name, self.attributes, self.time);
    }
}
