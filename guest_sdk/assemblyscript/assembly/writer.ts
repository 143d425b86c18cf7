/**
 * A msgpack writer over a fixed room. Once something did not fit, everything after it is skipped. It allocates nothing,
 * so no garbage collection can run while it works: addresses of texts and arrays are safe to hold.
 */
import { drop } from "./drops";

/** Where the next byte goes. */
export let at: usize = 0;
/** Bytes that are left; below 0 once something did not fit. */
export let left: i32 = 0;

/** Write from here on into `room` bytes at `out`. */
export function writeTo(out: usize, room: u32): void {
  at = out;
  left = room;
}

/** Take `bytes` off the room; false where they do not fit. */
export function reserve(bytes: u32): bool {
  left -= bytes;
  return left >= 0;
}

/** Whatever was written since writeTo does not count. */
export function spoil(): void {
  left = -1;
}

/** A first byte, and the `width` low bytes of `number`, the most significant first. */
export function put(first: u32, number: u64, width: u32): void {
  if (!reserve(width + 1)) return;
  store<u8>(at++, first);
  while (width > 0) store<u8>(at++, <u32>(number >> (8 * --width)));
}

/** One byte. */
export function putByte(byte: u32): void {
  put(byte, 0, 0);
}

/** `size` bytes from elsewhere. */
export function putBytes(from: usize, size: u32): void {
  if (!reserve(size)) return;
  memory.copy(at, from, size);
  at += size;
}

/** The exponent of the fewest bytes that hold a number: 0 to 3 for 1, 2, 4 and 8 bytes. */
function exponentOf(number: u64): u32 {
  let exponent: u32 = 0;
  while (exponent < 3 && number >> (8 << exponent) != 0) exponent++;
  return exponent;
}

// What starts with a number: the largest one that fits into the first byte, that byte for 0, and what stands before a
// number of 8 bits. Lists and maps have no such form.
const UINT: u32 = (0x7f << 16) | 0xcc;
const TEXT: u32 = (31 << 16) | (0xa0 << 8) | 0xd9;
export const LIST: u32 = (15 << 16) | (0x90 << 8) | 0xdb;
export const MAP: u32 = (15 << 16) | (0x80 << 8) | 0xdd;

/** A number, or the length of a text, list or map, in the shortest form that `head` has. */
export function putHead(number: u64, head: u32): void {
  const largest = head >> 16;
  if (number <= largest) {
    putByte((head >> 8) + <u32>number);
    return;
  }
  let exponent = exponentOf(number);
  if (largest == 15 && exponent == 0) exponent = 1;
  put(head + exponent, number, 1 << exponent);
}

/** An integer of 0 or above. */
export function putUint(number: u64): void {
  putHead(number, UINT);
}

function putInt(value: i64): void {
  if (value >= 0) {
    putUint(value);
  } else if (value >= -32) {
    putByte(<u32>value);
  } else {
    // Room for the sign: what the inverse of a negative number needs, and one bit.
    const exponent = exponentOf(<u64>~value << 1);
    put(0xd0 + exponent, value, 1 << exponent);
  }
}

// --- Text -------------------------------------------------------------------------------------------------------------

/** Bytes of UTF-16 that the last call of `utf8` found no room for. */
let rest: usize = 0;

/**
 * Write a text as UTF-8 of at most `room` bytes; where `out` is 0 only count them. Returns how many. A surrogate without
 * its other half becomes U+FFFD.
 */
function utf8(out: usize, room: u32, from: usize, end: usize): u32 {
  let size: u32 = 0;
  while (from < end) {
    let code: u32 = load<u16>(from);
    let next = from + 2;
    if (code < 0x80 && size < room) {
      // the usual case, without a loop
      if (out) store<u8>(out + size, code);
      size++;
      from = next;
      continue;
    }
    let width: u32 = code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    if (code >> 11 == 0x1b) {
      const low: u32 = next < end ? load<u16>(next) : 0;
      if (code < 0xdc00 && low >> 10 == 0x37) {
        code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
        next += 2;
        width = 4;
      } else {
        code = 0xfffd;
      }
    }
    if (width > room - size) break;
    size += width;
    if (out) {
      const first = out + size - width;
      for (let last = out + size - 1; last > first; last--) {
        store<u8>(last, 0x80 | (code & 0x3f));
        code >>= 6;
      }
      store<u8>(first, (0xff00 >> width) | code);
    }
    from = next;
  }
  rest = end - from;
  return size;
}

/** The bytes of a string object or a static array, which stand before it (AssemblyScript's memory layout, rtSize). */
// @ts-ignore: decorator
@inline
export function sizeOf(object: usize): u32 {
  return load<u32>(object - 4);
}

/**
 * The string at `text`; null reads as "". Where it does not fit, as much of it as does if it `mayBeCut`, which is
 * counted. A text only grows when it is written, so of one that is too long no more is read than there is room.
 */
export function putText(text: usize, mayBeCut: bool): void {
  if (left < 0) return;
  const end = text ? text + sizeOf(text) : 0;
  let room: u32 = left;
  let size: u32;
  while (true) {
    size = utf8(0, room, text, end);
    if (room == 0 || size + (size > 31 ? 1 << exponentOf(size) : 0) < <u32>left) break;
    room--;
  }
  if (rest) {
    if (mayBeCut) {
      drop();
    } else {
      spoil();
    }
  }
  putHead(size, TEXT);
  if (!reserve(size)) return;
  at += utf8(at, size, text, end);
}

// --- Values -----------------------------------------------------------------------------------------------------------

/** A value's type: STR to FLOAT; for an array also IS_ARRAY, the exponent of an item's size, and IS_SIGNED. */
export const STR: u32 = 0;
export const BOOL: u32 = 1;
export const INT: u32 = 2;
export const FLOAT: u32 = 3;
export const IS_ARRAY: u32 = 4;
export const IS_SIGNED: u32 = 8;
export const EXPONENT_SHIFT: u32 = 4;

function putScalar(type: u32, bits: u64): void {
  if (type == STR) {
    putText(<usize>bits, false);
  } else if (type == BOOL) {
    putByte(0xc2 | <u32>(bits != 0));
  } else if (type == INT) {
    putInt(bits);
  } else {
    if (bits << 1 > 0xffe0_0000_0000_0000) bits = 0x7ff8_0000_0000_0000; // NaN: one form of many
    put(0xcb, bits, 8);
  }
}

/** One item of an array, as the 64 bits that a scalar travels in. */
function itemAt(address: usize, type: u32): u64 {
  const exponent = type >> EXPONENT_SHIFT;
  if (exponent == 3) return load<u64>(address);
  if (exponent == 2) {
    const bits = load<u32>(address);
    return (type & 3) == FLOAT ? reinterpret<u64>(<f64>reinterpret<f32>(bits)) : type & IS_SIGNED ? <u64>(<i32>bits) : bits;
  }
  if (exponent == 1) return type & IS_SIGNED ? <u64>load<i16>(address) : load<u16>(address);
  return type & IS_SIGNED ? <u64>load<i8>(address) : load<u8>(address);
}

/** A key and its value. Stops at the first item that does not fit. */
export function putAttribute(key: usize, type: u32, count: u32, bits: u64): void {
  putText(key, false);
  if (!(type & IS_ARRAY)) {
    putScalar(type, bits);
    return;
  }
  putHead(count, LIST);
  let address = <usize>bits;
  while (count-- > 0 && left >= 0) {
    putScalar(type & 3, itemAt(address, type));
    address += 1 << (type >> EXPONENT_SHIFT);
  }
}
