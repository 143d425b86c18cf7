/** Sections 10.2 and 10.3: what a well-framed payload says, field by field in the order of section 9's tables. */
import { frame, Rejected } from "./framing.mjs";
import { handle, isInvalid } from "./handle.mjs";
import { DEFAULT_PARENT_FLAGS, KINDS, MAX_TIME, STATUS_CODES } from "./numbers.mjs";
import { isTraceState } from "./w3c.mjs";

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;
const SCALARS = new Map([["str", "str"], ["bool", "bool"], ["int", "i64"], ["float", "f64"]]);

function must(condition, word) {
  if (!condition) throw new Rejected(word);
}

// ---- items ----

function readText(item) {
  must(item.type === "str", "wrong_type");
  return item.text;
}

function readUint(item) {
  must(item.type === "int", "wrong_type");
  const value = item.value;
  must(value >= 0n, "out_of_range");
  return value;
}

function readBool(item) {
  must(item.type === "bool", "wrong_type");
  return item.value;
}

/** A time, or null where it is nil or 0. */
function readTime(item) {
  if (item.type === "nil") return null;
  const value = readUint(item);
  must(value <= MAX_TIME, "out_of_range");
  return value === 0n ? null : value;
}

function readHandle(item) {
  must(item.type === "array", "wrong_type");
  must(item.items.length === 3, "wrong_length");
  return handle(...item.items.map(readUint));
}

function readTraceState(item) {
  const text = readText(item);
  return isTraceState(text) ? text : "";
}

function readKind(item) {
  const kind = readUint(item);
  return kind < KINDS.length ? Number(kind) : 0;
}

function readCode(item) {
  const code = readUint(item);
  must(code < STATUS_CODES.length, "out_of_range");
  return Number(code);
}

// ---- attributes (10.3) ----

function readScalar(item) {
  const type = SCALARS.get(item.type);
  must(type !== undefined, "wrong_type");
  if (type === "str") return { type, value: item.text };
  const { value } = item;
  must(type !== "i64" || (value >= MIN_INT && value <= MAX_INT), "out_of_range");
  return { type, value };
}

function readArray(array) {
  const first = array.items[0];
  const values = array.items.map((item) => {
    must(SCALARS.has(item.type), "wrong_type");
    must(item.type === first.type, "mixed_array");
    return readScalar(item).value;
  });
  return values.length === 0 ? { type: "empty_array", value: [] } : { type: `${SCALARS.get(first.type)}_array`, value: values };
}

/** {key, type, value, bytes}: `bytes` is what key and value take in the payload. */
function readPair(key, value) {
  must(key.type === "str", "wrong_type");
  const text = key.text;
  must(text !== "", "empty_key");
  const read = value.type === "array" ? readArray(value) : readScalar(value);
  return { key: text, ...read, bytes: key.size + value.size };
}

/** {list, malformed}: the accepted attributes, and how many pairs were not. */
function readAttributes(item) {
  must(item.type === "map", "wrong_type");
  const accepted = new Map(); // sets a key again at its first position
  let malformed = 0;
  for (let at = 0; at < item.items.length; at += 2) {
    try {
      const pair = readPair(item.items[at], item.items[at + 1]);
      accepted.set(pair.key, pair);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      malformed += 1;
    }
  }
  return { list: [...accepted.values()], malformed };
}

const noAttributes = () => ({ list: [], malformed: 0 });

// ---- structs (10.2) ----

/** Reads a map's known fields in the order of `table`: name to [reader, default], a default of undefined says required. */
function readStruct(item, table) {
  must(item.type === "map", "wrong_type");
  const found = new Map();
  for (let at = 0; at < item.items.length; at += 2) {
    must(item.items[at].type === "str", "wrong_type");
    found.set(item.items[at].textOrNull, item.items[at + 1]);
  }
  return Object.fromEntries(Object.entries(table).map(([name, [read, byDefault]]) => [name, readField(found.get(name), read, byDefault)]));
}

function readField(item, read, byDefault) {
  if (item !== undefined) return read(item);
  must(byDefault !== undefined, "missing_field");
  return typeof byDefault === "function" ? byDefault() : byDefault;
}

const LINK = { handle: [readHandle], attributes: [readAttributes, noAttributes] };

function readLinks(item) {
  must(item.type === "array", "wrong_type");
  return item.items.map((link) => readStruct(link, LINK)).filter((link) => !isInvalid(link.handle));
}

const SPAN_START = {
  name: [readText],
  kind: [readKind, 0],
  parent: [(item) => (item.type === "nil" ? null : readHandle(item)), null],
  parent_is_remote: [readBool, false],
  parent_flags: [readUint, DEFAULT_PARENT_FLAGS],
  trace_state: [readTraceState, ""],
  attributes: [readAttributes, noAttributes],
  links: [readLinks, () => []],
  start_time_unix_nanos: [readTime, null],
};

const SPAN_STATUS = { code: [readCode], message: [readText, ""] };

const SPAN_EVENT = { name: [readText], attributes: [readAttributes, noAttributes], time_unix_nanos: [readTime, null] };

export const decodeSpanStart = (bytes) => readStruct(frame(bytes), SPAN_START);
export const decodeSpanStatus = (bytes) => readStruct(frame(bytes), SPAN_STATUS);
export const decodeSpanEvent = (bytes) => readStruct(frame(bytes), SPAN_EVENT);

export function decodeAttribute(bytes) {
  const root = frame(bytes);
  must(root.type === "array", "wrong_type");
  must(root.items.length === 2, "wrong_length");
  return readPair(...root.items);
}
