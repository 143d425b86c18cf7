import { addEventCall, endSpanCall, setAttributeCall, setStatusCall, startSpanCall } from "./abi";
import { drop } from "./drops";
import { Handle } from "./handle";
import { CODE_NAME, LOCAL, MESSAGE_NAME, Payload, beginScratch, finish, putName, setParent, writeToScratch, written } from "./payload";
import { INVALID, answerAt, answered, current, free, handleOf, isInvalidAt, parentOf } from "./slots";
import { formatAt, toText } from "./traceparent";
import { bitsOf, countOf, typeOf } from "./values";
import { at, left, putAttribute, putByte, putText, sizeOf } from "./writer";

/** What a span does. */
export enum SpanKind {
  /** Work inside the plugin. */
  Internal = 0,
  /** Answers a request from outside. */
  Server = 1,
  /** Waits for somebody else's answer. */
  Client = 2,
  /** Sends a message that nobody answers. */
  Producer = 3,
  /** Takes such a message. */
  Consumer = 4,
}

/** How a span went. */
export enum StatusCode {
  Unset = 0,
  Ok = 1,
  Error = 2,
}

/**
 * A span. It is a number and no object: start, copy and drop as many as you like, nothing is allocated; `==` says whether
 * two are the same span. On one that was not sampled (INVALID) nothing is called and nothing counted.
 *
 * It stays good after its end, to be a parent or to be linked to, until more than 1,000 other spans have ended (option
 * BEXT_TRACER_SPANS). What is called on it later is dropped and counted. Keep a Handle where that is too short.
 */
@unmanaged
@final
export class Span {
  /** The span that was not sampled. Its children are not sampled either. */
  @inline
  static get INVALID(): Span {
    return changetype<Span>(INVALID);
  }

  private constructor() {
    return changetype<Span>(INVALID);
  }

  /** Whether it was not sampled. */
  get isInvalid(): bool {
    return changetype<u32>(this) == INVALID;
  }

  /**
   * Set an attribute, or overwrite it: a string, bool, integer, float, or an array of one of these (Array, StaticArray,
   * typed array). Other types, and u64, do not compile. What does not fit into 4 KiB (option BEXT_TRACER_BUFFER_SIZE) is
   * dropped and counted. The host drops an empty key, and keys that start with `bext.`.
   */
  @inline
  set<T>(key: string, value: T): void {
    setAttribute(changetype<u32>(this), changetype<usize>(key), typeOf<T>(), countOf<T>(value), bitsOf<T>(value));
  }

  /**
   * Set the status. A message that is too long is cut at a character and counted; a code that is none of the three is
   * dropped and counted. The host keeps the message of an error only; ok is final, unset never overwrites.
   */
  @inline
  setStatus(code: StatusCode, message: string = ""): void {
    setStatusOf(changetype<u32>(this), code, changetype<usize>(message));
  }

  /** Set the status to ok. */
  @inline
  setOk(): void {
    setStatusOf(changetype<u32>(this), StatusCode.Ok, 0);
  }

  /** Set the status to error. */
  @inline
  setError(message: string): void {
    setStatusOf(changetype<u32>(this), StatusCode.Error, changetype<usize>(message));
  }

  /** Add an event without attributes, on the host's clock; EventBuilder has the rest. A name that is too long is cut and counted. */
  @inline
  addEvent(name: string): void {
    addEventNow(changetype<u32>(this), changetype<usize>(name));
  }

  /** End it, on the host's clock. */
  @inline
  end(): void {
    endSpan(changetype<u32>(this), 0);
  }

  /** End it at a time in nanoseconds since 1970. The host takes 0 and times above 2^63-1 as its clock. */
  @inline
  endAt(unixNanos: u64): void {
    endSpan(changetype<u32>(this), unixNanos);
  }

  /** The upper half of the trace id. */
  get traceIdHi(): u64 {
    return load<u64>(handleOf(changetype<u32>(this)));
  }

  /** The lower half of the trace id. */
  get traceIdLo(): u64 {
    return load<u64>(handleOf(changetype<u32>(this)), 8);
  }

  /** The span id. */
  get spanId(): u64 {
    return load<u64>(handleOf(changetype<u32>(this)), 16);
  }

  /** Its identity as an object of the heap, which stays good for ever. */
  handle(): Handle {
    const handle = handleOf(changetype<u32>(this));
    return new Handle(load<u64>(handle), load<u64>(handle, 8), load<u64>(handle, 16));
  }

  /** It as a traceparent of version 00, a new string; "" where it is INVALID. */
  traceparent(sampled: bool = true): string {
    return toText(handleOf(changetype<u32>(this)), sampled);
  }

  /** The same as 55 bytes of ASCII at `out`, without an allocation; false, and nothing is written, where it is INVALID. */
  writeTraceparent(out: usize, sampled: bool = true): bool {
    return formatAt(handleOf(changetype<u32>(this)), sampled, out, 1);
  }
}

/**
 * Start a span on the host's clock: a child of `parent`, or a new trace where that is null. Below a parent that is INVALID
 * it is INVALID, without asking the host. A name that is too long is cut at a character and counted. SpanBuilder has the
 * rest.
 */
// @ts-ignore: decorator
@inline
export function startSpan(name: string, kind: SpanKind = SpanKind.Internal, parent: Span | null = null): Span {
  return changetype<Span>(startNow(changetype<usize>(name), kind, changetype<u32>(parent)));
}

/**
 * The host's span round the running call; null where there is none, INVALID where it was not sampled. You may add to it,
 * but only the host ends it. It is good during the call.
 */
export function currentSpan(): Span | null {
  return changetype<Span | null>(current());
}

// --- Behind the methods -----------------------------------------------------------------------------------------------

/** Hand the payload to the host. Returns the new span. */
export function start(payload: Payload): u32 {
  if (payload.unsampled) return INVALID;
  startSpanCall(payload.bytes, finish(payload), answerAt());
  return answered();
}

function startNow(name: usize, kind: u32, parent: u32): u32 {
  const payload = beginScratch(name, kind);
  setParent(payload, parentOf(parent), LOCAL, 0);
  return start(payload);
}

/** Hand the payload to the host as an event. */
export function add(span: u32, payload: Payload): void {
  const handle = handleOf(span);
  if (isInvalidAt(handle)) return;
  addEventCall(load<u64>(handle), load<u64>(handle, 8), load<u64>(handle, 16), payload.bytes, finish(payload));
}

function addEventNow(span: u32, name: usize): void {
  if (span != INVALID) add(span, beginScratch(name, 0));
}

function setAttribute(span: u32, key: usize, type: u32, count: u32, bits: u64): void {
  const handle = handleOf(span);
  if (isInvalidAt(handle)) return;
  writeToScratch();
  putByte(0x92);
  putAttribute(key, type, count, bits);
  if (left < 0) {
    drop();
    return;
  }
  const size = written();
  setAttributeCall(load<u64>(handle), load<u64>(handle, 8), load<u64>(handle, 16), at - size, size);
}

function setStatusOf(span: u32, code: u32, message: usize): void {
  const handle = handleOf(span);
  if (isInvalidAt(handle)) return;
  if (code > <u32>StatusCode.Error) {
    drop();
    return;
  }
  const hasMessage = message && sizeOf(message);
  writeToScratch();
  putByte(hasMessage ? 0x82 : 0x81);
  putName(CODE_NAME);
  putByte(code);
  if (hasMessage) {
    putName(MESSAGE_NAME);
    putText(message, true);
  }
  const size = written();
  setStatusCall(load<u64>(handle), load<u64>(handle, 8), load<u64>(handle, 16), at - size, size);
}

function endSpan(span: u32, unixNanos: u64): void {
  const handle = handleOf(span);
  if (isInvalidAt(handle)) return;
  endSpanCall(load<u64>(handle), load<u64>(handle, 8), load<u64>(handle, 16), unixNanos);
  free(handle);
}
