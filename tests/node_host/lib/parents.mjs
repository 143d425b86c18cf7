/** Section 12, "Parents" and "Remote parents": what a SpanStart's parent makes of the span. */
import { isInvalid, keyOf } from "./handle.mjs";
import { SAMPLED } from "./numbers.mjs";

const ROOT = { sampled: true };
const NOT_SAMPLED = { sampled: false };

/** The newest handles of those that were added. */
export class Remembered {
  #keys = new Set();
  #most;

  constructor(most) {
    this.#most = most;
  }

  add(handle) {
    this.#keys.delete(keyOf(handle));
    this.#keys.add(keyOf(handle));
    if (this.#keys.size > this.#most) this.#keys.delete(this.#keys.values().next().value);
  }

  has(handle) {
    return this.#keys.has(keyOf(handle));
  }
}

/**
 * {sampled, parent, parentIsRemote, traceState, link}: absent parts say nothing.
 * @param isKnown tells whether a scope knows a handle as a parent
 */
export function decideParent(start, policy, isKnown) {
  const { parent } = start;
  if (parent === null) return ROOT;
  if (!start.parent_is_remote) return localParent(parent, isKnown);
  return isInvalid(parent) ? ROOT : remoteParent(start, policy);
}

function localParent(parent, isKnown) {
  if (isInvalid(parent)) return NOT_SAMPLED;
  return isKnown(parent) ? { sampled: true, parent } : ROOT;
}

function remoteParent({ parent, parent_flags: flags, trace_state: traceState }, policy) {
  if (policy === "ignore") return ROOT;
  if ((flags & SAMPLED) === 0n) return NOT_SAMPLED;
  if (policy === "continue") return { sampled: true, parent, parentIsRemote: true, traceState };
  return { sampled: true, link: { handle: parent, traceState, attributes: { list: [], malformed: 0 } } };
}
