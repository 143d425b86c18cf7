/** Section 12, "Remote parents": the W3C texts. */
import { MAX_TRACE_STATE_BYTES, MAX_TRACE_STATE_MEMBERS } from "./numbers.mjs";

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})([^]*)$/;
const KEY = /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})$/;
const VALUE = /^[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const OWS = /^[ \t]+|[ \t]+$/g;

/** {traceId, spanId, flags} in hex, hex and a number, or null where the text is no traceparent. */
export function parseTraceparent(text) {
  const found = TRACEPARENT.exec(text);
  if (!found) return null;
  const [, version, traceId, spanId, flags, rest] = found;
  if (version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  if (rest !== "" && (version === "00" || !rest.startsWith("-"))) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** Whether a text is valid tracestate. The empty text is, and says nothing. */
export function isTraceState(text) {
  if (/[^\x00-\x7f]/.test(text) || text.length > MAX_TRACE_STATE_BYTES) return false;
  const keys = new Set();
  for (const padded of text.split(",")) {
    const member = trimmed(padded);
    if (member === "") continue;
    const key = memberKey(member);
    if (key === null || keys.has(key)) return false;
    keys.add(key);
  }
  return keys.size <= MAX_TRACE_STATE_MEMBERS;
}

function trimmed(text) {
  return text.replace(OWS, "");
}

/** The key of a valid member, else null. Neither key nor value can hold another `=`. */
function memberKey(member) {
  const at = member.indexOf("=");
  const valid = at > 0 && KEY.test(member.slice(0, at)) && VALUE.test(member.slice(at + 1));
  return valid ? member.slice(0, at) : null;
}
