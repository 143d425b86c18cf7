/**
 * Section 10.1: the framing of a whole payload, before anything in it is judged.
 *
 * The walker is ours: the msgpack library takes what the ABI rejects (trailing bytes, any depth, counts that lie), and its result no
 * longer tells an int from a float of the same value, or one key from its duplicate. The library reads what is left: numbers and text.
 */
import { createRequire } from "node:module";
import { MAX_DEPTH } from "./numbers.mjs";

// Not imported: what is required is also looked for where NODE_PATH says, so that the tests can install it outside of the checkout.
const { Decoder } = createRequire(import.meta.url)("@msgpack/msgpack");

/** A payload that is malformed; `word` is the finer reason. */
export class Rejected extends Error {
  constructor(word) {
    super(word);
    this.word = word;
  }
}

const library = new Decoder({ useBigInt64: true, rawStrings: true });
// A byte order mark at the start is text like any other here.
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a first byte of 0xc0 and above says: [type, bytes of its number or length, bytes more (the type of an ext)]. */
const HEADS = new Map([
  [0xc0, ["nil", 0]],
  [0xc2, ["bool", 0]],
  [0xc3, ["bool", 0]],
  ...sized(0xc4, "bin", [1, 2, 4]),
  ...sized(0xc7, "ext", [1, 2, 4], 1),
  [0xca, ["float", 4]],
  [0xcb, ["float", 8]],
  ...sized(0xcc, "int", [1, 2, 4, 8]),
  ...sized(0xd0, "int", [1, 2, 4, 8]),
  ...[1, 2, 4, 8, 16].map((length, index) => [0xd4 + index, ["fixext", length, 1]]),
  ...sized(0xd9, "str", [1, 2, 4]),
  ...sized(0xdc, "array", [2, 4]),
  ...sized(0xde, "map", [2, 4]),
]);

function sized(first, type, sizes, more = 0) {
  return sizes.map((size, index) => [first + index, [type, size, more]]);
}

/** One item: its type, where its bytes are, and the items in it (of a map, keys and values by turns). */
class Item {
  constructor(bytes, type, start) {
    this.bytes = bytes;
    this.type = type;
    this.start = start;
    this.end = start;
    this.items = [];
  }

  /** How many bytes it takes in the payload. */
  get size() {
    return this.end - this.start;
  }

  #raw() {
    return library.decode(this.bytes.subarray(this.start, this.end));
  }

  /** The value of a bool, the bigint of an int, the number of a float. */
  get value() {
    const raw = this.#raw();
    return this.type === "int" ? BigInt(raw) : raw;
  }

  /** The text of a str; throws Rejected where it is not UTF-8. */
  get text() {
    try {
      return utf8.decode(this.#raw());
    } catch {
      throw new Rejected("not_utf8");
    }
  }

  /** The text of a str, or null where it is not UTF-8. */
  get textOrNull() {
    try {
      return this.text;
    } catch {
      return null;
    }
  }
}

class Walker {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  #left() {
    return this.bytes.length - this.at;
  }

  #skip(count) {
    if (count > this.#left()) throw new Rejected("truncated");
    this.at += count;
  }

  /** A length or count of 1, 2 or 4 bytes. */
  #count(size) {
    const start = this.at;
    this.#skip(size);
    if (size === 1) return this.view.getUint8(start);
    return size === 2 ? this.view.getUint16(start) : this.view.getUint32(start);
  }

  item(depth) {
    const start = this.at;
    this.#skip(1);
    const first = this.bytes[start];
    const item = this.#body(first, start, depth);
    item.end = this.at;
    return item;
  }

  #body(first, start, depth) {
    if (first < 0x80 || first >= 0xe0) return new Item(this.bytes, "int", start);
    if (first < 0x90) return this.#container("map", start, first & 0x0f, depth);
    if (first < 0xa0) return this.#container("array", start, first & 0x0f, depth);
    if (first < 0xc0) return this.#blob("str", start, first & 0x1f);
    if (first === 0xc1) throw new Rejected("reserved_byte");
    const [type, size, more] = HEADS.get(first);
    if (type === "array" || type === "map") return this.#container(type, start, this.#count(size), depth);
    if (type === "fixext") return this.#blob("ext", start, size + more);
    if (type === "str" || type === "bin") return this.#blob(type, start, this.#count(size));
    if (type === "ext") return this.#blob(type, start, this.#count(size) + more);
    return this.#blob(type, start, size);
  }

  #blob(type, start, length) {
    this.#skip(length);
    return new Item(this.bytes, type, start);
  }

  #container(type, start, count, depth) {
    if (depth > MAX_DEPTH) throw new Rejected("too_deep");
    const owed = type === "map" ? count * 2 : count;
    if (owed > this.#left()) throw new Rejected("count_exceeds_bytes");
    const container = new Item(this.bytes, type, start);
    for (let n = 0; n < owed; n += 1) container.items.push(this.item(depth + 1));
    return container;
  }
}

/** The root item of a payload; throws Rejected. */
export function frame(bytes) {
  const walker = new Walker(bytes);
  const root = walker.item(1);
  if (walker.at < bytes.length) throw new Rejected("trailing_bytes");
  return root;
}
