/** Section 3: handles, as frozen values of three unsigned bigints. */
import { HANDLE_SIZE } from "./numbers.mjs";

export function handle(traceIdHi, traceIdLo, spanId) {
  return Object.freeze({ traceIdHi, traceIdLo, spanId });
}

export const INVALID = handle(0n, 0n, 0n);

/** A handle from the three i64 of an import, which JavaScript sees as signed. */
export function fromI64(...parts) {
  return handle(...parts.map((part) => BigInt.asUintN(64, part)));
}

export function isInvalid({ traceIdHi, traceIdLo, spanId }) {
  return (traceIdHi === 0n && traceIdLo === 0n) || spanId === 0n;
}

/** What tells two handles apart, to look them up by. */
export function keyOf({ traceIdHi, traceIdLo, spanId }) {
  return `${traceIdHi}:${traceIdLo}:${spanId}`;
}

export function traceIdHex({ traceIdHi, traceIdLo }) {
  return hex64(traceIdHi) + hex64(traceIdLo);
}

export function spanIdHex({ spanId }) {
  return hex64(spanId);
}

function hex64(part) {
  return part.toString(16).padStart(16, "0");
}

/** The 24 bytes in memory. */
export function toMemory({ traceIdHi, traceIdLo, spanId }) {
  const bytes = new Uint8Array(HANDLE_SIZE);
  const view = new DataView(bytes.buffer);
  [traceIdHi, traceIdLo, spanId].forEach((part, index) => view.setBigUint64(index * 8, part, true));
  return bytes;
}
