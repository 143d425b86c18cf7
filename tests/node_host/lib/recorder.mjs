/** The back-end: gives ids, samples every root, and keeps finished spans in a queue with the bounds of section 13. */
import { randomBytes } from "node:crypto";
import { handle } from "./handle.mjs";
import { Span } from "./span.mjs";

/** Nanoseconds since the Unix epoch that run with the monotonic clock. */
export class Clock {
  #wall = BigInt(Date.now()) * 1_000_000n;
  #monotonic = process.hrtime.bigint();

  now() {
    return this.#wall + process.hrtime.bigint() - this.#monotonic;
  }
}

function randomU64() {
  return randomBytes(8).readBigUInt64BE() || randomU64();
}

/** Ids nobody can guess. */
export const randomIds = { traceId: () => [randomU64(), randomU64()], spanId: randomU64 };

/** The ids of golden calls: one trace, the host's span 999, the guest's from 1 on. */
export function countingIds() {
  let next = 998n;
  return { traceId: () => [1n, 1n], spanId: () => (next = next === 999n ? 1n : next + 1n) };
}

export class Recorder {
  #ids;
  #clock = new Clock();
  #limits;
  #queuedBytes = 0;

  constructor(limits, ids = randomIds) {
    this.#limits = limits;
    this.#ids = ids;
    this.finished = [];
    this.queueFull = 0;
  }

  start(fields) {
    const { parent } = fields;
    const [hi, lo] = parent ? [parent.traceIdHi, parent.traceIdLo] : this.#ids.traceId();
    return new Span(this.#clock, { ...fields, handle: handle(hi, lo, this.#ids.spanId()) });
  }

  now() {
    return this.#clock.now();
  }

  /** Queues an ended span, or drops it where there is no room. */
  finish(span) {
    const { bytes } = span.ledger;
    if (this.finished.length >= this.#limits.queue_spans || this.#queuedBytes + bytes > this.#limits.queue_bytes) {
      this.queueFull += 1;
      return;
    }
    this.#queuedBytes += bytes;
    this.finished.push(span);
  }
}
