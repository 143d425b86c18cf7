/** W3C traceparent: VV-<trace id, 32 digits>-<span id, 16>-<flags, 2>, digits lower case. */
import { BEXT_TRACE_FLAG_SAMPLED } from "./abi";
import { isInvalidAt } from "./slots";
import { sizeOf } from "./writer";

const LENGTH: u32 = 55;

/** The `digits` low digits of a number, in characters of `step` bytes. Returns where they end. */
function putHex(number: u64, digits: u32, out: usize, step: u32): usize {
  while (digits-- > 0) {
    const digit = <u32>(number >> (4 * digits)) & 15;
    putCharacter(out, digit + (digit < 10 ? 0x30 : 0x57), step);
    out += step;
  }
  return out;
}

function putCharacter(out: usize, character: u32, step: u32): void {
  store<u8>(out, character);
  if (step == 2) store<u8>(out, 0, 1);
}

function putHyphen(out: usize, step: u32): usize {
  putCharacter(out, 0x2d, step);
  return out + step;
}

/** Write the handle at `handle` in characters of `step` bytes; false, and nothing, where it is INVALID. */
export function formatAt(handle: usize, sampled: bool, out: usize, step: u32): bool {
  if (isInvalidAt(handle)) return false;
  out = putHyphen(putHex(0, 2, out, step), step);
  out = putHex(load<u64>(handle), 16, out, step);
  out = putHyphen(putHex(load<u64>(handle, 8), 16, out, step), step);
  out = putHyphen(putHex(load<u64>(handle, 16), 16, out, step), step);
  putHex(sampled ? BEXT_TRACE_FLAG_SAMPLED : 0, 2, out, step);
  return true;
}

/** The same as a new string; "" where it is INVALID. */
export function toText(handle: usize, sampled: bool): string {
  if (isInvalidAt(handle)) return "";
  const text = __new(LENGTH * 2, idof<string>());
  formatAt(handle, sampled, text, 2);
  return changetype<string>(text);
}

/** Whether a digit of hex that is upper case, or none, was read. */
let odd = false;

function readHex(digits: u32, from: usize): u64 {
  let number: u64 = 0;
  for (; digits > 0; digits--) {
    const character: u32 = load<u16>(from);
    const digit = character - 0x30 < 10 ? character - 0x30 : character - 0x61 < 6 ? character - 0x57 : 16;
    odd = odd || digit > 15;
    number = (number << 4) | digit;
    from += 2;
  }
  return number;
}

function isHyphen(text: usize, index: u32): bool {
  return load<u16>(text + index * 2) == 0x2d;
}

/** Read the string at `text` into the handle at `out`. Returns the flags; -1, and nothing is written, where it is none. */
export function parseInto(out: usize, text: usize): i32 {
  const length = text ? sizeOf(text) >> 1 : 0;
  if (length < LENGTH) return -1;
  odd = false;
  const version = readHex(2, text);
  const traceIdHi = readHex(16, text + 3 * 2);
  const traceIdLo = readHex(16, text + 19 * 2);
  const spanId = readHex(16, text + 36 * 2);
  const flags = readHex(2, text + 53 * 2);
  if (odd || !isHyphen(text, 2) || !isHyphen(text, 35) || !isHyphen(text, 52)) return -1;
  if (version == 0xff || !(traceIdHi | traceIdLo) || !spanId) return -1;
  if (length > LENGTH && (!version || !isHyphen(text, LENGTH))) return -1;
  store<u64>(out, traceIdHi);
  store<u64>(out, traceIdLo, 8);
  store<u64>(out, spanId, 16);
  return <i32>flags;
}
