/**
 * node host.mjs MODULE.wasm [options]: runs a guest and prints what it traced, as JSON with `trace`, `dropped` and `failure`, or what is
 * wrong with it, as JSON with `refused`.
 *
 *   --hook NAME       the hook to call; on_request_complete where it is left out
 *   --event JSON      the text that the hook gets, {} where it is left out
 *   --arg VALUE       instead, an argument of the hook, in order: JSON, a string or a number
 *   --policy POLICY   what becomes of remote parents: link, continue or ignore
 *   --calls           also the guest's calls, with the handles that golden calls have
 *   --jobs            no module: a list of jobs is read from standard input, and a list of outcomes printed
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { outcome } from "./lib/job.mjs";

const OPTIONS = {
  hook: { type: "string", default: "on_request_complete" },
  event: { type: "string", default: "{}" },
  arg: { type: "string", multiple: true },
  policy: { type: "string", default: "link" },
  calls: { type: "boolean", default: false },
  jobs: { type: "boolean", default: false },
};

const { values: options, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });

function theJob() {
  const { hook, event, arg, policy, calls } = options;
  return { module: positionals[0], hook, values: arg ? arg.map((value) => JSON.parse(value)) : [event], policy, calls };
}

const result = options.jobs ? JSON.parse(readFileSync(0, "utf8")).map(outcome) : outcome(theJob());
console.log(JSON.stringify(result));
