import { BEXT_PARENT_FLAGS_DEFAULT } from "./abi";
import { isInvalidAt } from "./slots";
import { formatAt, parseInto, toText } from "./traceparent";

/**
 * A span's identity as three numbers, the first byte of the W3C form on top: to keep longer than the SDK knows a Span, or
 * read from a traceparent. An object of the heap, unlike Span.
 */
export class Handle {
  constructor(
    public traceIdHi: u64 = 0,
    public traceIdLo: u64 = 0,
    public spanId: u64 = 0,
  ) {}

  /** Whether it stands for a span that was not sampled: its trace id or its span id is 0. */
  get isInvalid(): bool {
    return isInvalidAt(changetype<usize>(this));
  }

  /** Whether both name the same span; `==` says whether they are one object. */
  equals(other: Handle): bool {
    return this.traceIdHi == other.traceIdHi && this.traceIdLo == other.traceIdLo && this.spanId == other.spanId;
  }

  /** It as a traceparent of version 00, a new string; "" where it is INVALID. */
  traceparent(sampled: bool = true): string {
    return toText(changetype<usize>(this), sampled);
  }

  /** The same as 55 bytes of ASCII at `out`, without an allocation; false, and nothing is written, where it is INVALID. */
  writeTraceparent(out: usize, sampled: bool = true): bool {
    return formatAt(changetype<usize>(this), sampled, out, 1);
  }
}

/** A traceparent that was read: a remote handle, and its trace-flags. */
export class Traceparent extends Handle {
  /** The W3C trace-flags; bit 0 says "sampled". */
  flags: u8 = BEXT_PARENT_FLAGS_DEFAULT;

  /**
   * Read a traceparent; null where it is none. What it gives is never INVALID. A version above 00 may carry more fields,
   * which are ignored.
   */
  static parse(text: string): Traceparent | null {
    const read = new Traceparent();
    return read.read(text) ? read : null;
  }

  /** Read one into this object, without an allocation. False, and nothing changes, where it is none. */
  read(text: string): bool {
    const flags = parseInto(changetype<usize>(this), changetype<usize>(text));
    if (flags < 0) return false;
    this.flags = <u8>flags;
    return true;
  }
}
