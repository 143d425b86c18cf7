//! Values of attributes.

/// The value of an attribute: text, a bool, an integer, a float, or an array of one of these.
///
/// It borrows text and items. Mostly it is made by [`From`]: `span.set("key", 42)`.
///
/// ```
/// use bext_tracer::Value;
///
/// assert_eq!(Value::from(42), Value::I64(42));
/// assert_eq!(Value::from("GET"), Value::Str(b"GET"));
/// assert_eq!(Value::from(&[1.5, 2.5]), Value::F64Array(&[1.5, 2.5]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text in UTF-8. It may be ill-formed; each ill-formed part becomes U+FFFD.
    Str(&'a [u8]),
    /// A truth value.
    Bool(bool),
    /// An integer.
    I64(i64),
    /// A floating-point number. Every NaN is one NaN.
    F64(f64),
    /// An array of texts, which may be ill-formed.
    StrArray(&'a [&'a [u8]]),
    /// An array of truth values.
    BoolArray(&'a [bool]),
    /// An array of integers.
    I64Array(&'a [i64]),
    /// An array of floating-point numbers.
    F64Array(&'a [f64]),
}

/// Texts as bytes.
#[allow(unsafe_code)]
fn bytes_of<'a>(texts: &'a [&'a str]) -> &'a [&'a [u8]] {
    // SAFETY: `str` has the layout of `[u8]`, and every text is bytes.
    unsafe { &*(texts as *const [&str] as *const [&[u8]]) }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Str(text.as_bytes())
    }
}

impl<'a> From<&'a [&'a str]> for Value<'a> {
    fn from(texts: &'a [&'a str]) -> Self {
        Value::StrArray(bytes_of(texts))
    }
}

impl<'a, const N: usize> From<&'a [&'a str; N]> for Value<'a> {
    fn from(texts: &'a [&'a str; N]) -> Self {
        Value::StrArray(bytes_of(texts))
    }
}

/// Types that are values as they are.
macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {
        $(impl<'a> From<$type> for Value<'a> {
            fn from(value: $type) -> Self {
                Value::$variant(value.into())
            }
        })*
    };
}

from! {
    &'a [u8] => Str,
    bool => Bool,
    i8 => I64,
    i16 => I64,
    i32 => I64,
    i64 => I64,
    u8 => I64,
    u16 => I64,
    u32 => I64,
    f32 => F64,
    f64 => F64,
    &'a [&'a [u8]] => StrArray,
    &'a [bool] => BoolArray,
    &'a [i64] => I64Array,
    &'a [f64] => F64Array,
}

/// A length. One above 2^63-1, which no slice has, reads as that.
impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        Value::I64(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

/// Arrays are slices, so that `&[1.5, 2.5]` needs no `[..]`.
macro_rules! from_array {
    ($($item:ty => $variant:ident),* $(,)?) => {
        $(impl<'a, const N: usize> From<&'a [$item; N]> for Value<'a> {
            fn from(items: &'a [$item; N]) -> Self {
                Value::$variant(items)
            }
        })*
    };
}

from_array! {
    u8 => Str,
    &'a [u8] => StrArray,
    bool => BoolArray,
    i64 => I64Array,
    f64 => F64Array,
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
    pub fn new<K: AsRef<[u8]> + ?Sized>(key: &'a K, value: impl Into<Value<'a>>) -> Self {
        KeyValue { key: key.as_ref(), value: value.into() }
    }
}
