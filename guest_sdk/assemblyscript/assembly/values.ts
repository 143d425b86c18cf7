/** From an AssemblyScript value to what the writer takes, all at compile time: the type, the count and 64 bits. */
import { BOOL, EXPONENT_SHIFT, FLOAT, INT, IS_ARRAY, IS_SIGNED, STR, sizeOf } from "./writer";

/** The type of a scalar. */
// @ts-ignore: decorator
@inline
function scalarTypeOf<T>(): u32 {
  if (isString<T>()) return STR;
  if (isBoolean<T>()) return BOOL;
  if (isFloat<T>()) return FLOAT;
  if (isInteger<T>()) {
    if (!isSigned<T>() && sizeof<T>() == 8) ERROR("attributes are signed: cast a u64 to i64");
    return INT;
  }
  ERROR("an attribute is a string, bool, integer, float, or an array of one of these");
  return 0;
}

/** The type of any value. */
// @ts-ignore: decorator
@inline
export function typeOf<T>(): u32 {
  if (!isString<T>() && isArrayLike<T>()) {
    const signed: u32 = isInteger<valueof<T>>() && isSigned<valueof<T>>() ? IS_SIGNED : 0;
    return scalarTypeOf<valueof<T>>() | IS_ARRAY | signed | (<u32>alignof<valueof<T>>() << EXPONENT_SHIFT);
  }
  return scalarTypeOf<T>();
}

/** How many items an array has; 0 for a scalar. */
// @ts-ignore: decorator
@inline
export function countOf<T>(value: T): u32 {
  if (isString<T>() || !isArrayLike<T>()) return 0;
  const address = changetype<usize>(value);
  if (isArray<T>()) return load<u32>(address, offsetof<T>("length_"));
  if (isDefined(value.dataStart)) return load<u32>(address, offsetof<T>("byteLength")) >> <u32>alignof<valueof<T>>();
  return sizeOf(address) >> <u32>alignof<valueof<T>>();
}

/** A number's bits, a string's address, or the address of an array's items. */
// @ts-ignore: decorator
@inline
export function bitsOf<T>(value: T): u64 {
  if (isString<T>()) return changetype<usize>(value);
  if (isArrayLike<T>()) {
    const address = changetype<usize>(value);
    return isDefined(value.dataStart) ? load<usize>(address, offsetof<T>("dataStart")) : address;
  }
  if (isFloat<T>()) return reinterpret<u64>(<f64>value);
  return <u64>value;
}
