/** One span as it is recorded: the rules of section 12 on status and times, and what section 13 says a guest is charged for on it. */

const UNSET = 0;
const OK = 1;
const ERROR = 2;

/** What one guest has put on one span. Of the span that `current_span` tells, the host's own part is not in it. */
export class Ledger {
  constructor() {
    this.bytes = 0;
    this.statusBytes = 0;
    this.events = 0;
    this.attributes = new Map(); // key to the bytes that are given back when it is overwritten
  }
}

export class Span {
  #clock;
  #started;
  #verdict = false;

  constructor(clock, fields) {
    this.#clock = clock;
    this.#started = clock.now();
    this.handle = fields.handle;
    this.name = fields.name;
    this.kind = fields.kind ?? 0;
    this.parent = fields.parent ?? null;
    this.parentIsRemote = fields.parentIsRemote ?? false;
    this.traceState = fields.traceState ?? "";
    this.links = fields.links ?? [];
    this.attributes = new Map();
    this.events = [];
    this.status = { code: UNSET, message: "" };
    this.dropped = { attributes: 0, events: 0, links: 0 };
    this.startTime = fields.startTime ?? this.#started;
    this.endTime = null;
    this.ledger = new Ledger();
  }

  setAttribute(attribute) {
    this.attributes.set(attribute.key, attribute);
  }

  addEvent(name, { attributes = [], dropped = 0, time = null } = {}) {
    this.events.push({ name, attributes, dropped, time: time ?? this.#clock.now() });
  }

  setStatus(code, message) {
    if (this.#verdict || code === UNSET || this.status.code === OK) return;
    this.status = { code, message: code === ERROR ? message : "" };
  }

  /** What the host has to say at the end, which nothing of the guest's overrides. */
  fail(message) {
    this.#verdict = true;
    this.status = { code: ERROR, message };
    this.addEvent("exception", { attributes: [{ key: "exception.message", type: "str", value: message }] });
  }

  end(time = null) {
    const end = time ?? this.#clock.now();
    this.endTime = end < this.startTime ? this.startTime : end;
  }
}
