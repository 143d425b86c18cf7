//! The guard that ends a span.

use crate::abi;
use crate::builder::SpanBuilder;
use crate::handle::{may_record, SpanHandle};
use crate::kind::SpanKind;
use crate::link::Link;
use crate::payload;
use crate::traceparent::TraceParent;
use crate::value::{nothing, KeyValue};
use core::mem::{self, MaybeUninit};
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
    #[inline(always)]
    pub fn under_current(name: impl AsRef<[u8]>, kind: SpanKind) -> Span {
        Span::with(name.as_ref(), kind as u32, true, None)
    }

    /// Starts a span without a parent, and so a new trace, on the host's clock.
    #[inline(always)]
    pub fn root(name: impl AsRef<[u8]>, kind: SpanKind) -> Span {
        Span::with(name.as_ref(), kind as u32, false, None)
    }

    /// Begins a span with more than a name, a kind and a parent; [`start`](SpanBuilder::start) starts it. See
    /// [`SpanBuilder`].
    #[inline(always)]
    pub fn builder(name: &(impl AsRef<[u8]> + ?Sized)) -> SpanBuilder<'_> {
        SpanBuilder::new(name.as_ref())
    }

    /// Starts a span of nothing but these: the short way, which is short in a module too.
    #[inline(never)]
    pub(crate) fn with(name: &[u8], kind: u32, under_current: bool, parent: Option<&SpanHandle>) -> Span {
        start(name, kind, under_current, parent, None, nothing(), nothing(), nothing(), 0)
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
        self.0.end_at(end_time_unix_nanos);
        mem::forget(self);
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
    #[inline(always)]
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
#[allow(unsafe_code)]
#[inline(always)]
pub fn current_span() -> Option<SpanHandle> {
    let mut handle = MaybeUninit::<SpanHandle>::uninit();
    // SAFETY: it has room for a handle.
    if !unsafe { abi::current_span(handle.as_mut_ptr()) } {
        return None;
    }
    // SAFETY: the host has written it. Number by number, since the compiler copies a handle as a whole twice.
    let SpanHandle { trace_id_hi, trace_id_lo, span_id } = unsafe { &*handle.as_ptr() };
    Some(SpanHandle { trace_id_hi: *trace_id_hi, trace_id_lo: *trace_id_lo, span_id: *span_id })
}

/// Starts a span. Its pieces are apart, since most of them are constants, and so two bytes each where it is called.
#[allow(clippy::too_many_arguments, unsafe_code)]
#[inline(never)]
pub(crate) fn start(
    name: &[u8],
    kind: u32,
    under_current: bool,
    parent: Option<&SpanHandle>,
    remote: Option<&TraceParent>,
    trace_state: &[u8],
    attributes: &[KeyValue],
    links: &[Link],
    time: u64,
) -> Span {
    let mut span = Span(SpanHandle::INVALID);
    // SAFETY: it has a handle.
    let found = under_current && unsafe { abi::current_span(&mut span.0) };
    let parent = if found { Some(&span.0) } else { parent };
    if may_record(parent) {
        let remote = remote.filter(|remote| may_record(Some(&remote.handle)));
        let parent = remote.map_or(parent, |remote| Some(&remote.handle));
        let length = payload::span(name, kind, parent, remote, trace_state, attributes, links, time);
        abi::start_span(length, &mut span.0);
    }
    span
}
