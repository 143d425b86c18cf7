//! The one buffer that every payload is written into, and the one way to write into it: a byte at a position.
//!
//! A position is an index of the buffer, and [`FULL`] once something did not fit: from there nothing is written any more.
//! What was written is taken back by going on at an earlier position.

use core::cell::Cell;

/// The most bytes of a payload.
pub(crate) const SIZE: usize = size(option_env!("BEXT_TRACER_BUFFER_BYTES"));

/// Where a position stays once something did not fit. One more than [`SIZE`], so that a payload of that size is none.
pub(crate) const FULL: usize = SIZE + 1;

/// Where attributes and links end at the latest: a time fits behind them.
pub(crate) const LIMIT: usize = FULL - 48;

/// The most bytes of a name, a status message or a tracestate; so there is room for what follows, even where each byte becomes three.
pub(crate) const LONGEST: usize = SIZE / 8;

/// The bytes that the environment asks for when this is compiled, or 65,536, the most that hosts take by default.
const fn size(asked: Option<&str>) -> usize {
    let digits = match asked {
        Some(text) => text.as_bytes(),
        None => b"65536",
    };
    let (mut size, mut at) = (0, 0);
    while at < digits.len() {
        assert!(digits[at].is_ascii_digit(), "BEXT_TRACER_BUFFER_BYTES is no number");
        size = size * 10 + (digits[at] - b'0') as usize;
        at += 1;
    }
    assert!(size >= 8192, "BEXT_TRACER_BUFFER_BYTES is below 8192");
    size
}

type Buffer = [Cell<u8>; FULL];

const fn empty() -> Buffer {
    #[allow(clippy::declare_interior_mutable_const)]
    const ZERO: Cell<u8> = Cell::new(0);
    [ZERO; FULL]
}

#[cfg(target_arch = "wasm32")]
fn with<R>(use_it: impl FnOnce(&Buffer) -> R) -> R {
    struct OneThread(Buffer);

    // SAFETY: an instance has one thread, since a host of the ABI takes no module with a shared memory.
    #[allow(unsafe_code)]
    unsafe impl Sync for OneThread {}

    static BUFFER: OneThread = OneThread(empty());
    use_it(&BUFFER.0)
}

#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::declare_interior_mutable_const)]
fn with<R>(use_it: impl FnOnce(&Buffer) -> R) -> R {
    std::thread_local! {
        static BUFFER: Buffer = const { empty() };
    }
    BUFFER.with(use_it)
}

/// Where the buffer is, for the host.
pub(crate) fn pointer() -> *const u8 {
    with(|buffer| buffer.as_ptr().cast())
}

/// Writes a byte, and returns the position behind it.
#[inline(never)]
pub(crate) fn put(at: usize, byte: u32) -> usize {
    with(|buffer| match buffer.get(at) {
        Some(place) => {
            place.set(byte as u8);
            at + 1
        }
        None => at,
    })
}

/// A byte that was written.
#[allow(unsafe_code)]
pub(crate) fn get(at: usize) -> u32 {
    debug_assert!(at < FULL);
    // SAFETY: only what was written is asked for.
    with(|buffer| unsafe { buffer.get_unchecked(at) }.get().into())
}

/// Adds 1 to the first byte: a map has one field more.
pub(crate) fn count_field() {
    with(|buffer| buffer[0].set(buffer[0].get().wrapping_add(1)));
}
