/**
 * The imports and exports of a core module with their types, read from its bytes: an engine's JavaScript tells their kinds alone, and
 * refuses a module with a 64-bit memory before one can say what is wrong with it.
 */

const KINDS = ["function", "table", "memory", "global", "tag"];
const VALUE_TYPES = new Map([[0x7f, "i32"], [0x7e, "i64"], [0x7d, "f32"], [0x7c, "f64"], [0x7b, "v128"], [0x70, "funcref"], [0x6f, "externref"]]);
const CORE = "0061736d01000000";
const COMPONENT = "0061736d0d000100";
const SECTIONS = { 1: "types", 2: "imports", 3: "functions", 5: "memories", 7: "exports" };

/** "core", "component" or "neither", by the first eight bytes. */
export function kindOf(bytes) {
  const preamble = Buffer.from(bytes.subarray(0, 8)).toString("hex");
  if (preamble === CORE) return "core";
  return preamble === COMPONENT ? "component" : "neither";
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get isAtEnd() {
    return this.at >= this.bytes.length;
  }

  byte() {
    if (this.isAtEnd) throw new Error("the module ends inside a section");
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128 number; of 64-bit limits only the low bits matter here. */
  uint() {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  }

  take(length) {
    const start = this.at;
    this.at += length;
    if (this.at > this.bytes.length) throw new Error("the module ends inside a section");
    return this.bytes.subarray(start, this.at);
  }

  name() {
    return new TextDecoder().decode(this.take(this.uint()));
  }

  list(read) {
    return Array.from({ length: Math.min(this.uint(), this.bytes.length) }, () => read());
  }

  valueType() {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) return `ref ${this.uint()}`;
    return VALUE_TYPES.get(byte) ?? `type 0x${byte.toString(16)}`;
  }

  functionType() {
    if (this.byte() !== 0x60) throw new Error("a type that is no function's");
    const parameters = this.list(() => this.valueType());
    return { parameters, results: this.list(() => this.valueType()) };
  }

  limits() {
    const flags = this.byte();
    this.uint();
    if (flags & 1) this.uint();
    return { isShared: (flags & 2) !== 0, is64: (flags & 4) !== 0 };
  }
}

const READ_SECTION = {
  types: (reader) => reader.list(() => reader.functionType()),
  imports: (reader) => reader.list(() => ({ module: reader.name(), name: reader.name(), ...importDescription(reader) })),
  functions: (reader) => reader.list(() => reader.uint()),
  memories: (reader) => reader.list(() => reader.limits()),
  exports: (reader) => reader.list(() => ({ name: reader.name(), kind: KINDS[reader.byte()], index: reader.uint() })),
};

function importDescription(reader) {
  const kind = KINDS[reader.byte()];
  if (kind === "function") return { kind, typeIndex: reader.uint() };
  if (kind === "memory") return { kind, memory: reader.limits() };
  if (kind === "tag") return { kind, tag: [reader.byte(), reader.uint()] };
  reader.valueType(); // a table's or a global's
  return kind === "table" ? { kind, table: reader.limits() } : { kind, isMutable: reader.byte() };
}

function readSections(bytes) {
  const found = { types: [], imports: [], functions: [], memories: [], exports: [] };
  const reader = new Reader(bytes.subarray(8));
  while (!reader.isAtEnd) {
    const name = SECTIONS[reader.byte()];
    const content = new Reader(reader.take(reader.uint()));
    if (name) found[name] = READ_SECTION[name](content);
  }
  return found;
}

/** {imports, exports} of a core module: each with its kind, a function with its `type`, a memory with its `memory`. */
export function readTypes(bytes) {
  const { types, imports, functions, memories, exports } = readSections(bytes);
  const typed = imports.map((entry) => ({ ...entry, type: types[entry.typeIndex] }));
  const ofKind = (kind) => typed.filter((entry) => entry.kind === kind);
  const allFunctions = [...ofKind("function").map(({ type }) => type), ...functions.map((index) => types[index])];
  const allMemories = [...ofKind("memory").map(({ memory }) => memory), ...memories];
  const described = exports.map(({ name, kind, index }) => ({
    name,
    kind,
    type: kind === "function" ? allFunctions[index] : undefined,
    memory: kind === "memory" ? allMemories[index] : undefined,
  }));
  return { imports: typed, exports: described };
}
