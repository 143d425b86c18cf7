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

/** Hooks of other types than the appendix gives, which this host could not call. */
function hookFaults(exports) {
  const faults = [];
  for (const { name, type } of exports) {
    if (!Object.hasOwn(HOOKS, name)) continue;
    const takesStrings = HOOKS[name].includes("string");
    const right = wasmTypes(HOOKS[name]);
    const fits = type && String(type.parameters) === String(right) && ["", "i32"].includes(String(type.results));
    if (!fits) faults.push({ fault: "hook", found: `hook ${name} has another type`, right: `(${right})` });
    if (takesStrings && !exports.some((entry) => entry.name === "bext_alloc")) {
      faults.push({ fault: "hook", found: `hook ${name} takes strings and there is no bext_alloc`, right: "export bext_alloc" });
    }
  }
  return faults;
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
    this.trap = null;
    this.#instantiate(module, wasi, log);
  }

  #instantiate(module, wasi, log) {
    const memory = () => new GuestMemory(this.#instance?.exports.memory);
    const functions = new Imports(this.scope, memory).functions();
    const imports = { [IMPORT_MODULE]: log ? logged(functions, memory, log) : functions };
    if (wasi) imports[WASI_MODULE] = wasi.wasiImport;
    this.#instance = new WebAssembly.Instance(module, imports);
    this.#guarded(() => {
      if (wasi) wasi.initialize(this.#instance); // calls `_initialize` itself
      else this.#instance.exports._initialize?.();
    });
  }

  get exports() {
    return this.#instance.exports;
  }

  /** Whatever ends in a trap ends the instance. */
  #guarded(work) {
    try {
      return work();
    } catch (error) {
      this.trap = String(error.message ?? error);
      this.scope.close("trap");
      return null;
    }
  }

  /** Does `work` in a span of the host's, as a hook's call is done. */
  inHostSpan(name, work) {
    const span = this.#recorder.start({ name });
    this.scope.enterHostSpan(span);
    const result = this.#guarded(work);
    this.scope.leaveHostSpan();
    if (this.trap !== null) span.fail(this.trap);
    span.end();
    if (!this.#recorder.finish(span)) this.scope.drop("queue_full");
    return result;
  }

  /** Calls a hook with its arguments, strings and numbers. */
  call(name, ...values) {
    return this.inHostSpan(name, () => {
      const strings = [];
      const passed = values.flatMap((value) => (typeof value === "string" ? this.#lend(value, strings) : [value]));
      const result = this.exports[name](...passed);
      for (const [pointer, length] of strings) this.exports.bext_free?.(pointer, length);
      return result;
    });
  }

  #lend(text, strings) {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length === 0) return [0, 0];
    const pointer = this.exports.bext_alloc(bytes.length);
    new GuestMemory(this.exports.memory).write(pointer >>> 0, bytes);
    strings.push([pointer, bytes.length]);
    return [pointer, bytes.length];
  }
}
