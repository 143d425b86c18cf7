//! The guard that ends a span.

use crate::abi;
use crate::builder::SpanBuilder;
use crate::handle::SpanHandle;
use crate::kind::SpanKind;
use core::mem;
use core::ops::Deref;

/// An open span, which ends when it is dropped.
///
/// It has all methods of its [`SpanHandle`].
///
/// ```
/// use bext_tracer::{Span, SpanKind};
///
/// let request = Span::under_current("GET /", SpanKind::Server);
/// {
///     let query = request.child("db.query", SpanKind::Client);
///     query.set("db.system.name", "sqlite");
/// } // `query` ends
/// request.set_ok();
/// ```
#[derive(Debug)]
#[must_use = "a span ends when it is dropped"]
pub struct Span(pub(crate) SpanHandle);

impl Span {
    /// Starts a span below the host's span round this call, or a root where there is none, on the host's clock. Where
    /// the host's span was not sampled, this one is not.
    pub fn under_current(name: impl AsRef<[u8]>, kind: SpanKind) -> Span {
        SpanBuilder::new(name.as_ref()).kind(kind).under_current().start()
    }

    /// Starts a span without a parent, and so a new trace, on the host's clock.
    pub fn root(name: impl AsRef<[u8]>, kind: SpanKind) -> Span {
        Span::start_under(name.as_ref(), kind, None)
    }

    /// Begins a span with more than a name, a kind and a parent; [`start`](SpanBuilder::start) starts it. See
    /// [`SpanBuilder`].
    pub fn builder(name: &(impl AsRef<[u8]> + ?Sized)) -> SpanBuilder<'_> {
        SpanBuilder::new(name.as_ref())
    }

    #[inline(never)]
    pub(crate) fn start_under(name: &[u8], kind: SpanKind, parent: Option<&SpanHandle>) -> Span {
        let mut builder = SpanBuilder::new(name);
        builder.kind(kind);
        if let Some(parent) = parent {
            builder.parent(parent);
        }
        builder.start()
    }

    /// The span's handle.
    #[must_use]
    pub fn handle(&self) -> SpanHandle {
        self.0
    }

    /// Ends the span now, on the host's clock.
    pub fn end(self) {}

    /// Ends the span at a time in nanoseconds since 1970. The host takes 0, and times above 2^63-1, as its clock.
    pub fn end_at(self, end_time_unix_nanos: u64) {
        self.into_handle().end_at(end_time_unix_nanos);
    }

    /// Keeps the span open: nothing ends it but [`SpanHandle::end`], or the host when it gives it up.
    #[must_use = "only the handle can end the span"]
    pub fn into_handle(self) -> SpanHandle {
        let handle = self.0;
        mem::forget(self);
        handle
    }
}

impl Deref for Span {
    type Target = SpanHandle;

    fn deref(&self) -> &SpanHandle {
        &self.0
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The host's span round the running call, invalid where it was not sampled; `None` where there is none. You may add
/// to it, but only the host ends it.
///
/// ```
/// if let Some(span) = bext_tracer::current_span() {
///     span.set("plugin.cache", "miss");
/// }
/// ```
#[must_use]
pub fn current_span() -> Option<SpanHandle> {
    let mut handle = SpanHandle::INVALID;
    if abi::current_span(&mut handle) {
        Some(handle)
    } else {
        None
    }
}
