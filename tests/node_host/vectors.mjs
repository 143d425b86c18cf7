/**
 * node vectors.mjs FILE...: decodes every vector of those files, and prints what came out as JSON: for each file and section a list of
 * {name, value} or {name, why}, in the form of abi/vectors/README.md.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Rejected } from "./lib/framing.mjs";
import { toMemory } from "./lib/handle.mjs";
import { DEFAULT_PARENT_FLAGS } from "./lib/numbers.mjs";
import { decodeAttribute, decodeSpanEvent, decodeSpanStart, decodeSpanStatus } from "./lib/structs.mjs";
import { attributeJson, attributesJson, given, handleJson } from "./lib/values.mjs";
import { isTraceState, parseTraceparent } from "./lib/w3c.mjs";

const SECTIONS = ["canonical", "accepted", "rejected"];
/** A SpanStart named `s`, up to its parent. */
const BEFORE_PARENT = Buffer.from("82a46e616d65a173a6706172656e74", "hex");

const decimal = (value) => (value === null ? null : String(value));
const withAttributes = ({ list, malformed }) => ({ attributes: attributesJson(list), dropped_attributes: malformed });
const linkJson = (link) => given({ handle: handleJson(link.handle), ...withAttributes(link.attributes) });

function spanStartJson(start) {
  const more = given({
    kind: start.kind,
    parent: start.parent && handleJson(start.parent),
    parent_is_remote: start.parent_is_remote,
    parent_flags: start.parent_flags === DEFAULT_PARENT_FLAGS ? null : decimal(start.parent_flags),
    trace_state: start.trace_state,
    ...withAttributes(start.attributes),
    links: start.links.map(linkJson),
    start_time_unix_nanos: decimal(start.start_time_unix_nanos),
  });
  return { name: start.name, ...more };
}

const DECODERS = {
  span_start: (bytes) => spanStartJson(decodeSpanStart(bytes)),
  attribute(bytes) {
    const attribute = decodeAttribute(bytes);
    return { key: attribute.key, value: attributeJson(attribute) };
  },
  span_status(bytes) {
    const { code, message } = decodeSpanStatus(bytes);
    return { code, ...given({ message }) };
  },
  span_event(bytes) {
    const { name, attributes, time_unix_nanos: time } = decodeSpanEvent(bytes);
    return { name, ...given({ ...withAttributes(attributes), time_unix_nanos: decimal(time) }) };
  },
  handle: (bytes) => {
    const { parent } = decodeSpanStart(Buffer.concat([BEFORE_PARENT, bytes]));
    return parent && { ...handleJson(parent), memory: Buffer.from(toMemory(parent)).toString("hex") };
  },
};

function traceparentJson(text) {
  const parsed = parseTraceparent(text);
  return parsed && { trace_id: parsed.traceId, span_id: parsed.spanId, flags: parsed.flags };
}

function bytesOf(vector) {
  const parts = vector.hex_parts ?? [[vector.hex, 1]];
  return Buffer.concat(parts.map(([hex, count]) => Buffer.from(hex.repeat(count), "hex")));
}

function outcome(struct, vector) {
  if (struct === "traceparent") return { value: traceparentJson(vector.text) };
  if (struct === "tracestate") return { value: isTraceState(vector.text) ? vector.text : "" };
  try {
    return { value: DECODERS[struct](bytesOf(vector)) };
  } catch (error) {
    if (error instanceof Rejected) return { why: error.word };
    throw error;
  }
}

function outcomes({ struct, ...sections }) {
  const judged = (section) => sections[section].map((vector) => ({ name: vector.name, ...outcome(struct, vector) }));
  return Object.fromEntries(SECTIONS.map((section) => [section, judged(section)]));
}

const topics = process.argv.slice(2).map((path) => [basename(path), JSON.parse(readFileSync(path, "utf8"))]);
const decoded = topics.filter(([, topic]) => topic.struct !== "text"); // a host repairs no text
console.log(JSON.stringify(Object.fromEntries(decoded.map(([name, topic]) => [name, outcomes(topic)]))));
