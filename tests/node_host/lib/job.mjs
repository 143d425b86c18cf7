/** One module, run once as a job says, and what came of it as plain JSON. */
import { readFileSync } from "node:fs";
import { Refused } from "./loading.mjs";
import { LIMITS } from "./numbers.mjs";
import { Plugin } from "./plugin.mjs";
import { countingIds, Recorder } from "./recorder.mjs";
import { play } from "./script.mjs";
import { traceJson } from "./trace.mjs";

/** What the steps returned, where a job has some. */
function runLoaded(plugin, { hook, values, steps }) {
  if (steps) return plugin.inHostSpan("script", () => play(plugin.exports, steps));
  if (plugin.failure === null) plugin.call(hook, ...values);
  return undefined;
}

function run({ module, policy, limits: given, calls, ...job }) {
  const log = calls ? [] : undefined;
  const limits = { ...LIMITS, ...given };
  const recorder = new Recorder(limits, calls ? countingIds() : undefined);
  const plugin = new Plugin(readFileSync(module), { recorder, policy, limits, log });
  const returned = runLoaded(plugin, job);
  plugin.scope.close("closed");
  const dropped = Object.fromEntries([...plugin.scope.drops].sort());
  return { trace: traceJson(recorder.finished), calls: log, dropped, queue_full: recorder.queueFull, failure: plugin.failure, returned };
}

/**
 * {trace, dropped, queue_full, failure, returned, calls}, or {refused}. A job has `module`, a path, and `hook` with its `values`, or `steps` for
 * raw_abi.wasm; it may have `policy`, `limits` by the names of section 13's macros, and `calls` for a log of the guest's calls.
 */
export function outcome(job) {
  try {
    return run(job);
  } catch (error) {
    if (error instanceof Refused) return { refused: error.faults };
    throw error;
  }
}
