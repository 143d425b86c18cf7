/** Calls of raw_abi.wasm, which exports each import, as a test writes them down: any host call with any argument. */

const HANDLE_PARTS = [0, 8, 16];

class Script {
  #exports;

  constructor(exports) {
    this.#exports = exports;
  }

  get #view() {
    return new DataView(this.#exports.memory.buffer);
  }

  /** Writes bytes, given in hex. */
  write(offset, hex) {
    Buffer.from(this.#exports.memory.buffer).set(Buffer.from(hex, "hex"), offset);
    return null;
  }

  /** The bytes of a range, in hex. */
  read(offset, length) {
    return Buffer.from(this.#exports.memory.buffer, offset, length).toString("hex");
  }

  /** Writes a payload: text is hex, a number is where a handle stands in memory, whose three parts are put in as msgpack. */
  payload(offset, parts) {
    const hex = parts.map((part) => (typeof part === "string" ? part : this.#handleParts(part).map(uint64Hex).join("")));
    this.write(offset, hex.join(""));
    return hex.join("").length / 2;
  }

  #handleParts(offset) {
    return HANDLE_PARTS.map((part) => this.#view.getBigUint64(offset + part, true));
  }

  /** Calls an export. A number is an i32, a string of digits an i64, and {handle: offset} the three i64 of a handle in memory. */
  call(name, ...values) {
    const passed = values.flatMap((value) => {
      if (typeof value === "number") return [value];
      return typeof value === "string" ? [BigInt(value)] : this.#handleParts(value.handle);
    });
    return this.#exports[name](...passed) ?? null;
  }
}

function uint64Hex(part) {
  return `cf${part.toString(16).padStart(16, "0")}`;
}

/** Does the steps, each [what, ...arguments], and gives what each returned. */
export function play(exports, steps) {
  const script = new Script(exports);
  return steps.map(([what, ...values]) => script[what](...values));
}
