/** What the host knows of one guest instance: its spans, parents, bytes and drops (sections 12 to 14). */
import { keyOf } from "./handle.mjs";
import { RESERVED_KEY_PREFIX } from "./numbers.mjs";
import { decideParent, Remembered } from "./parents.mjs";
import { Ledger } from "./span.mjs";

/** A call that is dropped for `reason`. */
export class Dropped extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class Scope {
  #open = new Map(); // key of a handle to its span, in the order of their start
  #ended;
  #bytes = 0;
  #host = null; // the host's span round the running call, and what the guest put on it

  constructor(recorder, policy, limits) {
    this.recorder = recorder;
    this.policy = policy;
    this.limits = limits;
    this.#ended = new Remembered(limits.scope_ended_parents);
    this.isOpen = true;
    this.drops = new Map();
  }

  drop(reason, count = 1) {
    if (count > 0) this.drops.set(reason, (this.drops.get(reason) ?? 0) + count);
  }

  // ---- the host's span ----

  enterHostSpan(span) {
    this.#host = { span, ledger: new Ledger() };
  }

  leaveHostSpan() {
    this.#bytes -= this.#host.ledger.bytes;
    this.#host = null;
  }

  get currentSpan() {
    return this.#host?.span ?? null;
  }

  // ---- spans ----

  /** {span, ledger} of a span that this guest may change now. */
  writable(handle) {
    const span = this.#own(handle);
    if (span) return { span, ledger: span.ledger };
    if (this.#isCurrent(handle)) return this.#host;
    throw new Dropped("unknown_handle");
  }

  #own(handle) {
    return this.#open.get(keyOf(handle));
  }

  /** A span of the guest's or the host's that is open, to which a handle belongs. */
  #openSpan(handle) {
    return this.#own(handle) ?? (this.#isCurrent(handle) ? this.#host.span : undefined);
  }

  #isCurrent(handle) {
    return this.#host !== null && keyOf(this.#host.span.handle) === keyOf(handle);
  }

  #knows(handle) {
    return this.#own(handle) !== undefined || this.#ended.has(handle) || this.#isCurrent(handle);
  }

  /** Starts a span as a decoded SpanStart of `length` bytes says; null where it is not sampled. */
  start(start, length) {
    const decided = decideParent(start, this.policy, (handle) => this.#knows(handle));
    if (!decided.sampled) return null;
    if (this.#open.size >= this.limits.scope_open_spans) throw new Dropped("open_span_limit");
    const ledger = new Ledger();
    this.charge(ledger, length);
    const { parent, parentIsRemote, link } = decided;
    const traceState = decided.traceState ?? (parent && this.#openSpan(parent)?.traceState);
    const { name, kind, start_time_unix_nanos: startTime } = start;
    const span = this.recorder.start({ name, kind, startTime, parent, parentIsRemote, traceState });
    span.ledger = ledger;
    this.#takeAttributes(span, start.attributes);
    this.#takeLinks(span, link ? [link, ...start.links] : start.links);
    this.#open.set(keyOf(span.handle), span);
    return span;
  }

  #takeAttributes(span, attributes) {
    const { taken, dropped } = this.within(attributes, this.limits.span_attributes);
    for (const attribute of taken) {
      span.setAttribute(attribute);
      span.ledger.attributes.set(attribute.key, attribute.bytes);
    }
    span.dropped.attributes += dropped;
  }

  #takeLinks(span, links) {
    const beyond = Math.max(0, links.length - this.limits.span_links);
    this.drop("link_limit", beyond);
    span.dropped.links += beyond;
    span.links = links.slice(0, this.limits.span_links).map((link) => {
      const { taken, dropped } = this.within(link.attributes, this.limits.link_attributes);
      return { handle: link.handle, traceState: link.traceState ?? "", attributes: taken, dropped };
    });
  }

  /** Of a map's attributes those that a guest may set, and how many were dropped alone. */
  within({ list, malformed }, limit) {
    const allowed = list.filter(({ key }) => !key.startsWith(RESERVED_KEY_PREFIX));
    const taken = allowed.slice(0, limit);
    this.drop("malformed", malformed);
    this.drop("reserved_key", list.length - allowed.length);
    this.drop("attribute_limit", allowed.length - taken.length);
    return { taken, dropped: malformed + list.length - taken.length };
  }

  end(handle, time) {
    const span = this.#own(handle);
    if (!span) throw new Dropped("unknown_handle");
    this.#finish(span, time);
  }

  #finish(span, time) {
    this.#open.delete(keyOf(span.handle));
    this.#ended.add(span.handle);
    this.#bytes -= span.ledger.bytes;
    span.end(time);
    this.recorder.finish(span);
  }

  // ---- bytes ----

  /** Charges `bytes` less `back`, or throws where they do not fit. */
  charge(ledger, bytes, back = 0) {
    const more = bytes - back;
    const over = ledger.bytes + more > this.limits.span_bytes || this.#bytes + more > this.limits.scope_bytes;
    if (more > 0 && over) throw new Dropped("memory_limit");
    ledger.bytes += more;
    this.#bytes += more;
  }

  // ---- the end ----

  /** "The end of an instance": ends every open span, newest first, and closes the scope. */
  close(why) {
    const time = this.recorder.now();
    for (const span of [...this.#open.values()].reverse()) {
      span.setAttribute({ key: `${RESERVED_KEY_PREFIX}abandoned`, type: "str", value: why });
      span.fail(why);
      this.#finish(span, time);
    }
    this.isOpen = false;
  }
}
