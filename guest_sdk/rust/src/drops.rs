//! The count of what did not fit.

use core::sync::atomic::{AtomicU32, Ordering};

static DROPPED: AtomicU32 = AtomicU32::new(0);

/// Counts one, where something was dropped.
#[inline(never)]
pub(crate) fn add(one: bool) {
    DROPPED.store(dropped().wrapping_add(one.into()), Ordering::Relaxed);
}

/// How many pieces this SDK dropped or cut since the instance started; stays at 2^32-1. What the host drops, by its own
/// limits, only the host counts.
#[must_use]
pub fn dropped() -> u32 {
    DROPPED.load(Ordering::Relaxed)
}
