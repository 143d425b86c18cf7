/** Section 7: what is wrong with a module, found before anything of it runs. */
import { IMPORT_MODULE, LIMITS, MARKER_PREFIX, VERSION } from "./numbers.mjs";
import { kindOf, readTypes } from "./wasm_types.mjs";

const I64_HANDLE = ["i64", "i64", "i64"];
const RECORD = { parameters: [...I64_HANDLE, "i32", "i32"], results: [] };

/** Section 2's table. */
const IMPORT_TYPES = {
  start_span: { parameters: ["i32", "i32", "i32"], results: [] },
  set_attribute: RECORD,
  set_status: RECORD,
  add_event: RECORD,
  end_span: { parameters: [...I64_HANDLE, "i64"], results: [] },
  current_span: { parameters: ["i32"], results: ["i32"] },
};

/** A module that is refused; `faults` is a list of {fault, found, right}. */
export class Refused extends Error {
  constructor(faults) {
    super(faults.map(({ found, right }) => `${found}; ${right}`).join("\n"));
    this.faults = faults;
  }
}

function fault(word, found, right) {
  return { fault: word, found, right };
}

const shown = (text) => JSON.stringify(text).replace(/[^\x20-\x7e]/g, "?");

function signature(entry) {
  return entry.type ? `(${entry.type.parameters.join(", ")}) -> (${entry.type.results.join(", ")})` : `a ${entry.kind}`;
}

const isOurs = ({ module, name }) => module === IMPORT_MODULE && Object.hasOwn(IMPORT_TYPES, name);
const sameType = (type, right) => type !== undefined && signature({ type }) === signature({ type: right });

function wrongImports(imports) {
  return imports
    .filter((entry) => isOurs(entry) && !sameType(entry.type, IMPORT_TYPES[entry.name]))
    .map((entry) => fault("import_type", `import ${entry.name} is ${signature(entry)}`, signature({ type: IMPORT_TYPES[entry.name] })));
}

/** [entry, version] of each marker. */
function markers(exports) {
  return exports
    .map((entry) => [entry, new RegExp(`^${MARKER_PREFIX}([1-9]\\d{0,8})$`).exec(entry.name)?.[1]])
    .filter(([, version]) => version !== undefined);
}

function markerFaults(exports, usesTracer) {
  const found = markers(exports);
  const bad = found.filter(([entry]) => !sameType(entry.type, { parameters: [], results: [] }));
  const faults = bad.map(([entry]) => fault("marker_shape", `marker ${entry.name} is ${signature(entry)}`, "a function () -> ()"));
  if (found.length === 0 && usesTracer) faults.push(fault("no_marker", "no marker", `export ${MARKER_PREFIX}${VERSION}`));
  if (found.length > 0 && !found.some(([, version]) => Number(version) === VERSION)) {
    faults.push(fault("unknown_version", `markers ${found.map(([entry]) => entry.name)}`, `this host knows version ${VERSION}`));
  }
  return faults;
}

function memoryFaults(exports) {
  const entry = exports.find(({ name }) => name === "memory");
  const right = "export a 32-bit memory that is not shared as memory";
  if (!entry) return [fault("no_memory", "no export named memory", right)];
  if (!entry.memory) return [fault("no_memory", `memory is a ${entry.kind}`, right)];
  const { is64, isShared } = entry.memory;
  return [is64 && "64-bit", isShared && "shared"].filter(Boolean).map((word) => fault("memory_type", `memory is ${word}`, right));
}

function unprovided(imports, provided) {
  const missing = imports.filter((entry) => !isOurs(entry) && !provided(entry));
  if (missing.length === 0) return [];
  const names = missing.map(({ module, name }) => `${shown(module)}.${shown(name)}`);
  return [fault("unprovided", `imports ${names.join(", ")}`, "nobody provides them")];
}

function typesOrRefuse(bytes) {
  try {
    return readTypes(bytes);
  } catch (error) {
    throw new Refused([fault("not_core", `no valid module: ${error.message}`, "a core WebAssembly module")]);
  }
}

/** The compiled module; throws Refused with every fault. `provided` tells whether an import that is not ours is there. */
export function load(bytes, provided) {
  const kind = kindOf(bytes);
  const faults = [];
  if (bytes.length > LIMITS.module_bytes) faults.push(fault("too_long", `${bytes.length} bytes`, `at most ${LIMITS.module_bytes}`));
  if (kind === "component") faults.push(fault("component", "a component", "a core WebAssembly module"));
  if (kind === "neither") faults.push(fault("not_core", "no WebAssembly module", "a core WebAssembly module"));
  if (faults.length > 0) throw new Refused(faults);
  const { imports, exports } = typesOrRefuse(bytes);
  const usesTracer = imports.some(isOurs);
  const found = [
    ...wrongImports(imports),
    ...markerFaults(exports, usesTracer),
    ...(usesTracer ? memoryFaults(exports) : []),
    ...unprovided(imports, provided),
  ];
  if (found.length > 0) throw new Refused(found);
  return compiled(bytes, exports);
}

function compiled(bytes, exports) {
  try {
    return { module: new WebAssembly.Module(bytes), exports };
  } catch (error) {
    throw new Refused([fault("not_core", `no valid module: ${error.message}`, "a core WebAssembly module")]);
  }
}
