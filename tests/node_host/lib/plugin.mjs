/** The appendix on hooks: one instance of a module, its scope, and calls of its hooks, each in a span of the host's. */
import { createRequire } from "node:module";
import { logged } from "./call_log.mjs";
import { Imports } from "./imports.mjs";
import { load, Refused } from "./loading.mjs";
import { GuestMemory } from "./memory.mjs";
import { IMPORT_MODULE } from "./numbers.mjs";
import { Scope } from "./scope.mjs";

const WASI_MODULE = "wasi_snapshot_preview1";
const require = createRequire(import.meta.url);

/** Loaded only for a guest that needs it, since it warns that it is experimental. What a guest prints goes where errors go. */
function newWasi() {
  const { WASI } = require("node:wasi");
  return new WASI({ version: "preview1", stdout: 2, returnOnExit: true });
}

/** How many parameters a hook takes, of which a string is two. */
const HOOKS = {
  on_server_start: ["string"],
  on_server_stop: [],
  on_request_complete: ["string"],
  on_cache_write: ["string", "string"],
  on_cache_invalidate: ["string", "u32"],
  on_reload: [],
  cleanup: [],
};

const wasmTypes = (parameters) => parameters.flatMap((kind) => (kind === "string" ? ["i32", "i32"] : ["i32"]));

/** The other exports that a host calls: parameters and results. */
const HELPERS = { bext_alloc: [["i32"], ["i32"]], bext_free: [["i32", "i32"], []], _initialize: [[], []] };

const sameTypes = (found, right) => String(found) === String(right);

function hookFits(name, { parameters, results }) {
  return sameTypes(parameters, wasmTypes(HOOKS[name])) && (results.length === 0 || sameTypes(results, ["i32"]));
}

function helperFits(name, { parameters, results }) {
  return sameTypes(parameters, HELPERS[name][0]) && sameTypes(results, HELPERS[name][1]);
}

/** Hooks and helpers that this host could not call. What is no function is neither. */
function hookFaults(exports) {
  const functions = exports.filter(({ type }) => type !== undefined);
  const hooks = functions.filter(({ name }) => Object.hasOwn(HOOKS, name));
  const helpers = functions.filter(({ name }) => Object.hasOwn(HELPERS, name));
  const wrong = [
    ...hooks.filter(({ name, type }) => !hookFits(name, type)),
    ...helpers.filter(({ name, type }) => !helperFits(name, type)),
  ];
  const faults = wrong.map(({ name }) => ({ fault: "hook", found: `${name} has another type`, right: "the appendix has its type" }));
  const canLend = helpers.some(({ name }) => name === "bext_alloc") && exports.some(({ name, memory }) => name === "memory" && memory);
  if (!canLend && hooks.some(({ name }) => HOOKS[name].includes("string"))) {
    faults.push({ fault: "hook", found: "a hook takes strings", right: "export bext_alloc and memory" });
  }
  return faults;
}

/** A call that fails without a trap. */
class CallFailed extends Error {
  constructor(message, { endsInstance = false } = {}) {
    super(message);
    this.endsInstance = endsInstance;
  }
}

/** Whether the guest was stopped: by a trap, by its stack's end, or by its own exit, for which node's WASI throws a symbol. */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError || typeof error === "symbol";
}

export class Plugin {
  #recorder;
  #instance;

  /** Loads and instantiates; throws Refused. `log`, where given, is a list that the guest's calls are pushed onto. */
  constructor(bytes, { recorder, policy = "link", limits, log }) {
    let wasi = null;
    const inWasi = ({ module: from, name, kind }) =>
      from === WASI_MODULE && kind === "function" && Object.hasOwn((wasi ??= newWasi()).wasiImport, name);
    const { module, exports } = load(bytes, inWasi);
    const faults = hookFaults(exports);
    if (faults.length > 0) throw new Refused(faults);
    this.#recorder = recorder;
    this.scope = new Scope(recorder, policy, limits);
    this.failure = null; // why the last call did not end well
    this.#instantiate(module, wasi, log);
  }

  #instantiate(module, wasi, log) {
    const memory = () => new GuestMemory(this.#instance?.exports.memory);
    const functions = new Imports(this.scope, memory).functions();
    const imports = { [IMPORT_MODULE]: log ? logged(functions, memory, log) : functions };
    if (wasi) imports[WASI_MODULE] = wasi.wasiImport;
    this.#guarded(() => {
      this.#instance = new WebAssembly.Instance(module, imports); // runs a start section, which sees no memory of ours yet
      if (wasi) wasi.initialize(this.#instance); // calls `_initialize` itself
      else this.#instance.exports._initialize?.();
    });
  }

  get exports() {
    return this.#instance.exports;
  }

  /** What ends in a trap ends the instance. What is neither a trap nor a call that failed is a bug of this host. */
  #guarded(work) {
    try {
      return work();
    } catch (error) {
      if (!isTrap(error) && !(error instanceof CallFailed)) throw error;
      if (isTrap(error) || error.endsInstance) this.scope.close("trap");
      this.failure = String(error.message ?? error.description);
      return null;
    }
  }

  /** Does `work` in a span of the host's, as a hook's call is done. */
  inHostSpan(name, work) {
    const span = this.#recorder.start({ name });
    this.scope.enterHostSpan(span);
    const result = this.#guarded(work);
    this.scope.leaveHostSpan();
    if (this.failure !== null) span.fail(this.failure);
    span.end();
    this.#recorder.finish(span);
    return result;
  }

  /** Calls a hook with its arguments, strings and numbers. */
  call(name, ...values) {
    if (typeof this.exports[name] !== "function") {
      this.failure = "no such hook";
      return;
    }
    this.inHostSpan(name, () => {
      const strings = [];
      const passed = values.flatMap((value) => (typeof value === "string" ? this.#lend(value, strings) : [value]));
      const result = this.exports[name](...passed);
      for (const [pointer, length] of strings) this.exports.bext_free?.(pointer, length);
      if (result) throw new CallFailed(`returned ${result}, where 0 is success`);
    });
  }

  #lend(text, strings) {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length === 0) return [0, 0];
    const pointer = this.exports.bext_alloc(bytes.length) >>> 0;
    const memory = new GuestMemory(this.exports.memory);
    if (pointer === 0 || !memory.isGood(pointer, bytes.length)) {
      throw new CallFailed("bext_alloc gave no memory", { endsInstance: true });
    }
    memory.write(pointer, bytes);
    strings.push([pointer, bytes.length]);
    return [pointer, bytes.length];
  }
}
