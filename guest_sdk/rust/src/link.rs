//! Links to other spans.

use crate::handle::SpanHandle;
use crate::value::KeyValue;

/// A link from a span to another one, with attributes of its own.
///
/// ```
/// use bext_tracer::{KeyValue, Link, Span};
///
/// # let first = bext_tracer::SpanHandle::INVALID;
/// # let second = first;
/// let retried = [KeyValue::new("retries", 2)];
/// let span = Span::builder("consume batch").links(&[Link::new(&first, &[]), Link::new(&second, &retried)]).start();
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link<'a> {
    pub(crate) handle: &'a SpanHandle,
    pub(crate) attributes: &'a [KeyValue<'a>],
}

impl<'a> Link<'a> {
    /// A link to a span. One to an invalid handle is skipped, and not counted.
    pub fn new(handle: &'a SpanHandle, attributes: &'a [KeyValue<'a>]) -> Self {
        Link { handle, attributes }
    }
}
