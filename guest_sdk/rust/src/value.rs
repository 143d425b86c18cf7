//! Values of attributes.

use crate::link::Link;
use core::fmt;
use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr;
use core::slice;

/// What a value is: one of these, or an array of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind(u32);

impl Kind {
    pub(crate) const STR: Kind = Kind(0);
    pub(crate) const BOOL: Kind = Kind(1);
    pub(crate) const I64: Kind = Kind(2);
    pub(crate) const F64: Kind = Kind(3);
    pub(crate) const HANDLE: Kind = Kind(4);
    pub(crate) const PAIR: Kind = Kind(5);
    pub(crate) const LINK: Kind = Kind(6);
    /// Text that is cut.
    pub(crate) const NAME: Kind = Kind(7);
    /// Trace flags, told by their difference from the default.
    pub(crate) const FLAGS: Kind = Kind(8);
    pub(crate) const DEFAULT_FLAGS: u64 = 1;
    const ARRAY: u32 = 16;
    const LIST: u32 = 32;

    pub(crate) const fn array(self) -> Kind {
        Kind(self.0 + Kind::ARRAY)
    }

    /// An array whose items are dropped alone where they do not fit.
    pub(crate) const fn list(self) -> Kind {
        Kind(self.0 + Kind::LIST)
    }

    pub(crate) fn is_list(self) -> bool {
        self.0 >= Kind::LIST
    }

    /// What the items of an array are.
    pub(crate) fn of_items(self) -> Kind {
        Kind(self.0 & 15)
    }
}

/// The value of an attribute: text, a bool, an integer, a float, or an array of one of these.
///
/// It borrows text and items. It is made by [`From`], mostly where it is passed: `span.set("key", 42)`.
///
/// ```
/// use bext_tracer::Value;
///
/// assert_eq!(Value::from(42_u8), Value::from(42_i64));
/// assert_eq!(Value::from("GET"), Value::from(b"GET"));
/// assert_ne!(Value::from(&[1.5, 2.5]), Value::from(1.5));
/// ```
#[derive(Clone, Copy)]
pub struct Value<'a> {
    // As three numbers, which are two bytes each where they are constants and passed to a function.
    pub(crate) kind: Kind,
    pub(crate) data: *const u8,
    pub(crate) bits: u64,
    borrowed: PhantomData<&'a [u8]>,
}

// SAFETY: what it points at is borrowed, and nobody writes to it.
#[allow(unsafe_code)]
unsafe impl Send for Value<'_> {}
#[allow(unsafe_code)]
unsafe impl Sync for Value<'_> {}

impl<'a> Value<'a> {
    fn scalar(kind: Kind, bits: u64) -> Self {
        Value { kind, data: ptr::null(), bits, borrowed: PhantomData }
    }

    /// Text as its bytes, or the items of an array.
    fn slice<T>(kind: Kind, items: &'a [T]) -> Self {
        Value { kind, data: items.as_ptr().cast(), bits: items.len() as u64, borrowed: PhantomData }
    }
}

/// The text that `data` and `bits` of a text are, or the items of an array of `T`.
///
/// # Safety
///
/// Both come from one [`Value`] of such a kind, which is still borrowed.
#[allow(unsafe_code)]
pub(crate) unsafe fn items<'a, T>(data: *const u8, bits: u64) -> &'a [T] {
    slice::from_raw_parts(data.cast(), bits as usize)
}

/// The `data` and `bits` of an item of an array, and where the next one is.
///
/// # Safety
///
/// There is an item of this kind.
#[allow(unsafe_code)]
pub(crate) unsafe fn item(kind: Kind, at: *const u8) -> (*const u8, u64, *const u8) {
    match kind {
        Kind::STR => {
            let text = *at.cast::<&[u8]>();
            (text.as_ptr(), text.len() as u64, at.add(size_of::<&[u8]>()))
        }
        Kind::BOOL => (at, (*at).into(), at.add(1)),
        Kind::PAIR => (at, 0, at.add(size_of::<KeyValue>())),
        Kind::LINK => (at, 0, at.add(size_of::<Link>())),
        _ => (at, *at.cast(), at.add(8)),
    }
}

/// An empty slice whose pointer is a small number.
#[allow(unsafe_code)]
#[inline(always)]
pub(crate) fn nothing<'a, T>() -> &'a [T] {
    // SAFETY: no item is there.
    unsafe { slice::from_raw_parts(ptr::NonNull::dangling().as_ptr(), 0) }
}

/// What `data` points at.
///
/// # Safety
///
/// It comes from a reference to a `T`, which is still borrowed.
#[allow(unsafe_code)]
pub(crate) unsafe fn look<'a, T>(data: *const u8) -> &'a T {
    &*data.cast()
}

/// A value, to be looked at.
#[derive(Debug, PartialEq)]
enum View<'a> {
    Str(&'a [u8]),
    Bool(bool),
    I64(i64),
    F64(f64),
    StrArray(&'a [&'a [u8]]),
    BoolArray(&'a [bool]),
    I64Array(&'a [i64]),
    F64Array(&'a [f64]),
}

impl<'a> Value<'a> {
    #[allow(unsafe_code)]
    fn view(&self) -> View<'a> {
        let Value { kind, data, bits, .. } = *self;
        // SAFETY: the kind says what was borrowed.
        unsafe {
            match kind {
                Kind::STR => View::Str(items(data, bits)),
                Kind::BOOL => View::Bool(bits != 0),
                Kind::I64 => View::I64(bits as i64),
                Kind::F64 => View::F64(f64::from_bits(bits)),
                _ if kind == Kind::STR.array() => View::StrArray(items(data, bits)),
                _ if kind == Kind::BOOL.array() => View::BoolArray(items(data, bits)),
                _ if kind == Kind::I64.array() => View::I64Array(items(data, bits)),
                _ => View::F64Array(items(data, bits)),
            }
        }
    }
}

impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(formatter)
    }
}

/// Numbers and bools, by the bits that they are kept in.
macro_rules! from_scalar {
    ($($type:ty => $kind:ident, $bits:expr;)*) => {
        $(impl From<$type> for Value<'_> {
            #[inline(always)]
            fn from(value: $type) -> Self {
                let bits: fn($type) -> u64 = $bits;
                Value::scalar(Kind::$kind, bits(value))
            }
        })*
    };
}

from_scalar! {
    bool => BOOL, u64::from;
    i8 => I64, |value| i64::from(value) as u64;
    i16 => I64, |value| i64::from(value) as u64;
    i32 => I64, |value| i64::from(value) as u64;
    i64 => I64, |value| value as u64;
    u8 => I64, u64::from;
    u16 => I64, u64::from;
    u32 => I64, u64::from;
    usize => I64, |value| i64::try_from(value).unwrap_or(i64::MAX) as u64; // no slice is as long as that
    f32 => F64, |value| f64::from(value).to_bits();
    f64 => F64, f64::to_bits;
}

/// Texts and arrays. An array's reference is taken as a slice, so that `&[1.5, 2.5]` needs no `[..]`.
macro_rules! from_slice {
    ($($item:ty => $kind:expr;)*) => {
        $(impl<'a> From<&'a [$item]> for Value<'a> {
            #[inline(always)]
            fn from(items: &'a [$item]) -> Self {
                Value::slice($kind, items)
            }
        }

        impl<'a, const N: usize> From<&'a [$item; N]> for Value<'a> {
            #[inline(always)]
            fn from(items: &'a [$item; N]) -> Self {
                Value::slice($kind, items)
            }
        })*
    };
}

from_slice! {
    u8 => Kind::STR;
    &'a str => Kind::STR.array(); // which have the layout of their bytes
    &'a [u8] => Kind::STR.array();
    bool => Kind::BOOL.array();
    i64 => Kind::I64.array();
    f64 => Kind::F64.array();
}

impl<'a> From<&'a str> for Value<'a> {
    #[inline(always)]
    fn from(text: &'a str) -> Self {
        Value::from(text.as_bytes())
    }
}

/// An attribute: a key and its value.
///
/// ```
/// use bext_tracer::KeyValue;
///
/// let attributes = [KeyValue::new("messaging.message.id", "m-1"), KeyValue::new("retries", 2)];
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyValue<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: Value<'a>,
}

impl<'a> KeyValue<'a> {
    /// An attribute. The key may be `&str`, or `&[u8]` where it may be ill-formed.
    #[inline(always)]
    pub fn new<K: AsRef<[u8]> + ?Sized>(key: &'a K, value: impl Into<Value<'a>>) -> Self {
        KeyValue { key: key.as_ref(), value: value.into() }
    }
}
