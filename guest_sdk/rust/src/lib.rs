//! Distributed tracing from inside WebAssembly plugins: the guest's side of the bext tracer ABI, version 1.
//!
//! ```
//! use bext_tracer::{Span, SpanKind};
//!
//! let request = Span::under_current("GET /", SpanKind::Server);
//! {
//!     let query = request.child("db.query", SpanKind::Client);
//!     query.set("db.system.name", "sqlite");
//! } // the span ends where its guard goes
//! request.set("event.bytes", 42);
//! request.set_ok();
//! ```
//!
//! Rules that hold for everything here:
//!
//! - Nothing fails and nothing panics. What cannot be recorded is left out, and [`dropped()`] counts it.
//! - On an invalid handle (of a span that was not sampled) nothing is called and nothing counted.
//! - Text is `&str`, or `&[u8]` where it may be ill-formed; each ill-formed part becomes U+FFFD.
//! - Whatever the order of the calls, the bytes are the ABI's canonical encoding.
//! - No allocation. Every payload is written into one static buffer of 65,536 bytes, as many as hosts take by default.
//!   To have another, set `BEXT_TRACER_BUFFER_BYTES` (8192 or more) in the environment of the build.
//!
//! Features: `arena` (by default) exports `bext_alloc` and `bext_free`, through which the host hands over a hook's
//! arguments, over 64 KiB; without it the guest brings its own. `panic-handler` is for guests without std.
//!
//! On other targets than wasm32 calls go to a `native::Host` that a test brings, or nowhere.

#![no_std]
#![deny(missing_docs, unsafe_code)]

#[cfg(not(target_arch = "wasm32"))]
extern crate std;

mod abi;
#[cfg(feature = "arena")]
mod arena;
mod builder;
mod drops;
mod encode;
mod event;
mod handle;
mod kind;
mod link;
mod msgpack;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
mod payload;
mod scratch;
mod span;
mod traceparent;
mod value;

#[cfg(feature = "arena")]
pub use arena::{bext_alloc, bext_free};
pub use builder::SpanBuilder;
pub use drops::dropped;
pub use event::EventBuilder;
pub use handle::SpanHandle;
pub use kind::{SpanKind, StatusCode};
pub use link::Link;
pub use span::{current_span, Span};
pub use traceparent::{TraceParent, TraceParentText};
pub use value::{KeyValue, Value};

#[cfg(all(feature = "panic-handler", target_arch = "wasm32"))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}
