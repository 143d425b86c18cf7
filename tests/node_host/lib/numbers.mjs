/** The numbers of the ABI, read out of the header that owns them, so that there is no copy to keep in step. */
import { readFileSync } from "node:fs";

const HEADER = new URL("../../../abi/bext_tracer_abi.h", import.meta.url);
const text = readFileSync(HEADER, "utf8");

/** The number that `#define NAME` or an enumerator `NAME =` gives. */
function number(name) {
  const found = new RegExp(`\\b${name}(?: =)? (\\d+)`).exec(text);
  if (!found) throw new Error(`${HEADER.pathname} has no number ${name}`);
  return Number(found[1]);
}

/** The lower-case words of the enumerators that start with `prefix`. */
function words(prefix) {
  return [...text.matchAll(new RegExp(`\\b${prefix}(\\w+) = \\d+`, "g"))].map((found) => found[1].toLowerCase());
}

export const MARKER_PREFIX = "bext_tracer_abi_v";
export const VERSION = number("BEXT_TRACER_ABI_VERSION");
export const IMPORT_MODULE = /BEXT_TRACER_IMPORT_MODULE "(\w+)"/.exec(text)[1];
export const HANDLE_SIZE = number("BEXT_HANDLE_SIZE");
export const KINDS = words("BEXT_SPAN_KIND_");
export const STATUS_CODES = words("BEXT_STATUS_");
export const SAMPLED = BigInt(number("BEXT_TRACE_FLAG_SAMPLED"));
export const DEFAULT_PARENT_FLAGS = BigInt(number("BEXT_PARENT_FLAGS_DEFAULT"));
export const MAX_DEPTH = number("BEXT_MAX_DEPTH");
export const MAX_TIME = 2n ** 63n - 1n; // INT64_MAX in the header
export const MAX_TRACE_STATE_BYTES = number("BEXT_MAX_TRACE_STATE_BYTES");
export const MAX_TRACE_STATE_MEMBERS = number("BEXT_MAX_TRACE_STATE_MEMBERS");
export const RESERVED_KEY_PREFIX = /BEXT_RESERVED_KEY_PREFIX "([^"]+)"/.exec(text)[1];
export const DROP_REASONS = words("BEXT_DROP_");

/** Section 13's defaults, under the header's names in lower case: payload_bytes, span_attributes and so on. */
export const LIMITS = Object.freeze(
  Object.fromEntries([...text.matchAll(/ BEXT_LIMIT_(\w+) (\d+)/g)].map(([, name, value]) => [name.toLowerCase(), Number(value)])),
);
