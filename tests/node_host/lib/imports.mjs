/** The six imports: the checks of section 5 in their order, then the effects of section 6. None of them throws. */
import { Rejected } from "./framing.mjs";
import { fromI64, INVALID, isInvalid, toMemory } from "./handle.mjs";
import { MAX_TIME, RESERVED_KEY_PREFIX } from "./numbers.mjs";
import { Dropped } from "./scope.mjs";
import { decodeAttribute, decodeSpanEvent, decodeSpanStart, decodeSpanStatus } from "./structs.mjs";

function must(condition, reason) {
  if (!condition) throw new Dropped(reason);
}

/** The reason for which an error drops a call. What is no drop is a bug of this host. */
function reasonOf(error) {
  if (error instanceof Rejected) return "malformed";
  if (error instanceof Dropped) return error.reason;
  throw error;
}

export class Imports {
  #scope;
  #memory;

  /** `memory` gives the guest's GuestMemory, which is there only once the guest is. */
  constructor(scope, memory) {
    this.#scope = scope;
    this.#memory = memory;
  }

  /** What to instantiate a guest with, under the module `bext`. */
  functions() {
    return Object.fromEntries(
      ["start_span", "set_attribute", "set_status", "add_event", "end_span", "current_span"].map((name) => [name, this[name].bind(this)]),
    );
  }

  /** Does a part of a call, and counts the reason where it is dropped; what `work` returns, or `otherwise`. */
  #counted(work, otherwise) {
    try {
      return work();
    } catch (error) {
      this.#scope.drop(reasonOf(error));
      return otherwise;
    }
  }

  #payload(pointer, length) {
    must(length >>> 0 <= this.#scope.limits.payload_bytes, "too_large");
    must(this.#memory().isGood(pointer >>> 0, length >>> 0), "out_of_bounds");
    return this.#memory().read(pointer >>> 0, length >>> 0);
  }

  #mustBeOpen() {
    must(this.#scope.isOpen, "scope_closed");
  }

  start_span(pointer, length, handleOut) {
    const out = handleOut >>> 0;
    if (!this.#memory().hasRoomForHandle(out)) return this.#scope.drop("out_of_bounds");
    const handle = this.#counted(() => this.#start(pointer, length), INVALID);
    this.#memory().write(out, toMemory(handle));
  }

  #start(pointer, length) {
    this.#mustBeOpen();
    const start = decodeSpanStart(this.#payload(pointer, length));
    return this.#scope.start(start, length >>> 0)?.handle ?? INVALID;
  }

  set_attribute(hi, lo, id, pointer, length) {
    this.#record(fromI64(hi, lo, id), "attributes", ({ span, ledger }) => {
      const attribute = decodeAttribute(this.#payload(pointer, length));
      must(!attribute.key.startsWith(RESERVED_KEY_PREFIX), "reserved_key");
      must(ledger.attributes.has(attribute.key) || ledger.attributes.size < this.#scope.limits.span_attributes, "attribute_limit");
      this.#scope.charge(ledger, length, ledger.attributes.get(attribute.key));
      ledger.attributes.set(attribute.key, length);
      span.setAttribute(attribute);
    });
  }

  set_status(hi, lo, id, pointer, length) {
    this.#record(fromI64(hi, lo, id), null, ({ span, ledger }) => {
      const { code, message } = decodeSpanStatus(this.#payload(pointer, length));
      this.#scope.charge(ledger, length, ledger.statusBytes);
      ledger.statusBytes = length;
      span.setStatus(code, message);
    });
  }

  add_event(hi, lo, id, pointer, length) {
    this.#record(fromI64(hi, lo, id), "events", ({ span, ledger }) => {
      const event = decodeSpanEvent(this.#payload(pointer, length));
      must(ledger.events < this.#scope.limits.span_events, "event_limit");
      this.#scope.charge(ledger, length);
      ledger.events += 1;
      const { taken, dropped } = this.#scope.within(event.attributes, this.#scope.limits.event_attributes);
      span.addEvent(event.name, { attributes: taken, dropped, time: event.time_unix_nanos });
    });
  }

  /** A call on a span: from step 3 on, a drop is counted in the span's own `counter` too. */
  #record(handle, counter, work) {
    if (isInvalid(handle)) return;
    this.#counted(() => {
      this.#mustBeOpen();
      const target = this.#scope.writable(handle);
      try {
        work(target);
      } catch (error) {
        if (counter && reasonOf(error)) target.span.dropped[counter] += 1;
        throw error;
      }
    });
  }

  end_span(hi, lo, id, endTime) {
    const handle = fromI64(hi, lo, id);
    const time = BigInt.asUintN(64, endTime);
    if (isInvalid(handle)) return;
    this.#counted(() => {
      this.#mustBeOpen();
      this.#scope.end(handle, time === 0n || time > MAX_TIME ? null : time);
    });
  }

  current_span(handleOut) {
    return this.#counted(() => {
      must(this.#memory().hasRoomForHandle(handleOut >>> 0), "out_of_bounds");
      this.#mustBeOpen();
      const span = this.#scope.currentSpan;
      if (span) this.#memory().write(handleOut >>> 0, toMemory(span.handle));
      return span ? 1 : 0;
    }, 0);
  }
}
