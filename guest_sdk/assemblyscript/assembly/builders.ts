import { BEXT_PARENT_FLAGS_DEFAULT } from "./abi";
import { Handle } from "./handle";
import { LOCAL, START_TIME_NAME, TIME_NAME, addAttribute, addLink, newBuilder, payloadOf, setName, setParent, setTime } from "./payload";
import { INVALID, handleOf, parentOf } from "./slots";
import { Span, SpanKind, add, start } from "./span";
import { bitsOf, countOf, typeOf } from "./values";

/**
 * A span that is to be started, piece by piece. Calls may come in any order; the bytes are the same, and fastest in the
 * order in which they stand here.
 *
 * Like Span it is a number and no object. Four builders of any kind may be open at a time; a fifth takes the place of the one
 * that was not used for longest, and what is called on that one later is dropped and counted. One that was started, added or
 * linked may be used again, as it was, until another builder is begun.
 *
 * A piece that does not fit is dropped alone and counted, and the span still starts. A name that does not fit is cut at a
 * character and counted; in a buffer of 256 bytes or more it leaves 128, so that kind, parent and start time fit in any
 * case if they come first; below 7 bytes it is empty.
 */
@unmanaged
@final
export class SpanBuilder {
  /**
   * Begin a span, in 4 KiB (option BEXT_TRACER_BUFFER_SIZE) or in a buffer of your own: `capacity` bytes at `buffer`, which
   * must stay there, as those of `memory.data` do. Hosts refuse payloads above 64 KiB, by default.
   */
  constructor(name: string, kind: SpanKind = SpanKind.Internal, buffer: usize = 0, capacity: u32 = 0) {
    return changetype<SpanBuilder>(beginNamed(changetype<usize>(name), kind, buffer, capacity));
  }

  /** Set the parent; of several calls, also to remoteParent, the last one counts. Null is no parent, so a new trace. */
  @inline
  parent(parent: Span | null): SpanBuilder {
    setParentOf(changetype<u32>(this), parentOf(changetype<u32>(parent)), LOCAL, 0);
    return this;
  }

  /**
   * Set a parent from another process, as Traceparent.parse gave it, and its W3C tracestate ("" for none). The host's
   * policy decides what becomes of it. An INVALID handle, or null, counts as no parent. Where the handle does not fit, all is
   * dropped; where only the tracestate does not, that alone; each is counted once.
   */
  @inline
  remoteParent(parent: Handle | null, flags: u8 = BEXT_PARENT_FLAGS_DEFAULT, traceState: string = ""): SpanBuilder {
    setParentOf(changetype<u32>(this), changetype<usize>(parent), flags, changetype<usize>(traceState));
    return this;
  }

  /** Add an attribute, of the types that Span.set takes. Of two with the same key the host takes the last value. */
  @inline
  set<T>(key: string, value: T): SpanBuilder {
    addAttribute(changetype<u32>(this), changetype<usize>(key), typeOf<T>(), countOf<T>(value), bitsOf<T>(value));
    return this;
  }

  /** Add a link to a Span or a Handle; one that is INVALID is skipped. A link that does not fit is dropped as a whole. */
  @inline
  link<T>(other: T, attributes: Attributes | null = null): SpanBuilder {
    addLink(changetype<u32>(this), addressOf<T>(other), changetype<u32>(attributes));
    return this;
  }

  /** Set the start time in nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted. */
  @inline
  startTime(unixNanos: u64): SpanBuilder {
    setTimeOf(changetype<u32>(this), START_TIME_NAME, unixNanos);
    return this;
  }

  /** Start the span: INVALID where it is not sampled. */
  @inline
  start(): Span {
    return changetype<Span>(startBuilt(changetype<u32>(this)));
  }
}

/** An event that is to be added, piece by piece; everything said of SpanBuilder holds. */
@unmanaged
@final
export class EventBuilder {
  /** Begin an event, in 4 KiB or in a buffer of your own. */
  constructor(name: string, buffer: usize = 0, capacity: u32 = 0) {
    return changetype<EventBuilder>(beginNamed(changetype<usize>(name), 0, buffer, capacity));
  }

  /** Add an attribute, of the types that Span.set takes. */
  @inline
  set<T>(key: string, value: T): EventBuilder {
    addAttribute(changetype<u32>(this), changetype<usize>(key), typeOf<T>(), countOf<T>(value), bitsOf<T>(value));
    return this;
  }

  /** Set the time in nanoseconds since 1970; 0 is the host's clock. A time above 2^63-1 is dropped and counted. */
  @inline
  time(unixNanos: u64): EventBuilder {
    setTimeOf(changetype<u32>(this), TIME_NAME, unixNanos);
    return this;
  }

  /** Add it to a span. */
  @inline
  addTo(span: Span): void {
    addBuilt(changetype<u32>(this), changetype<u32>(span));
  }
}

/** The attributes of a link; everything said of SpanBuilder holds. */
@unmanaged
@final
export class Attributes {
  /** Begin without any, in 4 KiB or in a buffer of your own. */
  constructor(buffer: usize = 0, capacity: u32 = 0) {
    return changetype<Attributes>(newBuilder(buffer, capacity));
  }

  /** Add an attribute, of the types that Span.set takes. */
  @inline
  set<T>(key: string, value: T): Attributes {
    addAttribute(changetype<u32>(this), changetype<usize>(key), typeOf<T>(), countOf<T>(value), bitsOf<T>(value));
    return this;
  }
}

// --- Behind the methods -----------------------------------------------------------------------------------------------

/** Where the handle of a Span or a Handle stands. */
// @ts-ignore: decorator
@inline
function addressOf<T>(other: T): usize {
  if (isManaged<T>()) {
    const handle: Handle = other;
    return changetype<usize>(handle);
  }
  const span: Span = other;
  return handleOf(changetype<u32>(span));
}

function beginNamed(name: usize, kind: u32, buffer: usize, capacity: u32): u32 {
  const builder = newBuilder(buffer, capacity);
  const payload = payloadOf(builder);
  if (payload) setName(payload, name, kind);
  return builder;
}

function setParentOf(builder: u32, parent: usize, flags: i32, traceState: usize): void {
  const payload = payloadOf(builder);
  if (payload) setParent(payload, parent, flags, traceState);
}

function setTimeOf(builder: u32, name: u32, unixNanos: u64): void {
  const payload = payloadOf(builder);
  if (payload) setTime(payload, name, unixNanos);
}

function startBuilt(builder: u32): u32 {
  const payload = payloadOf(builder);
  if (!payload) return INVALID;
  payload.touched = 0;
  return start(payload);
}

function addBuilt(builder: u32, span: u32): void {
  const payload = payloadOf(builder);
  if (!payload) return;
  payload.touched = 0;
  add(span, payload);
}
