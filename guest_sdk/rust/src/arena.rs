//! The exports through which the host hands over a hook's arguments: blocks of a fixed arena, which never grows memory.
//!
//! Blocks stand one behind the other, and when the last of them is given back, all of the arena is free again.
#![allow(unsafe_code)]

use core::cell::{Cell, UnsafeCell};
use core::ptr;

const SIZE: usize = 65536;

#[repr(align(8))]
struct Bytes(UnsafeCell<[u8; SIZE]>);

struct Arena {
    bytes: Bytes,
    used: Cell<usize>,
    lent: Cell<usize>,
}

// SAFETY: an instance has one thread. Natively nobody calls the exports but a test, from one thread.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena { bytes: Bytes(UnsafeCell::new([0; SIZE])), used: Cell::new(0), lent: Cell::new(0) };

impl Arena {
    fn alloc(&self, length: usize) -> *mut u8 {
        let used = self.used.get();
        if length.wrapping_sub(1) >= SIZE - used {
            return ptr::null_mut();
        }
        self.used.set(used + ((length + 7) & !7));
        self.lent.set(self.lent.get() + 1);
        self.bytes.0.get().cast::<u8>().wrapping_add(used)
    }

    fn free(&self, pointer: *mut u8) {
        let start = self.bytes.0.get() as usize;
        let used = self.used.get();
        if (pointer as usize).wrapping_sub(start) < used {
            let lent = self.lent.get() - 1;
            self.lent.set(lent);
            self.used.set(if lent == 0 { 0 } else { used });
        }
    }
}

/// Lends `length` bytes, aligned to 8; null where the arena is full or `length` is 0. An export for the host.
#[cfg_attr(target_arch = "wasm32", no_mangle)]
pub extern "C" fn bext_alloc(length: usize) -> *mut u8 {
    ARENA.alloc(length)
}

/// Takes a block of [`bext_alloc`] back, in any order. Null and a pointer from elsewhere are ignored. An export for the
/// host, which gives each block back at most once.
#[cfg_attr(target_arch = "wasm32", no_mangle)]
pub extern "C" fn bext_free(pointer: *mut u8, _length: usize) {
    ARENA.free(pointer);
}
