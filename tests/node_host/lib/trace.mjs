/** Finished spans as JSON, in the order of their end: ids and clock times as they are, and numbers that name spans by that order. */
import { keyOf, traceIdHex } from "./handle.mjs";
import { KINDS, STATUS_CODES } from "./numbers.mjs";
import { attributesJson, given, handleJson } from "./values.mjs";

function eventJson({ name, attributes, dropped, time }) {
  return { name, ...given({ attributes: attributesJson(attributes), dropped_attributes: dropped }), time_unix_nanos: String(time) };
}

/** The trace of spans, each `parent` and `trace` counted from 1. */
export function traceJson(spans) {
  const numbers = new Map(spans.map((span, index) => [keyOf(span.handle), index + 1]));
  const traces = [...new Set(spans.map((span) => traceIdHex(span.handle)))];

  function linkJson({ handle, traceState, attributes, dropped }) {
    const number = numbers.get(keyOf(handle));
    const target = number ? { span: number } : { remote: handleJson(handle) };
    return { ...target, ...given({ trace_state: traceState, attributes: attributesJson(attributes), dropped_attributes: dropped }) };
  }

  function parentJson(parent) {
    const number = parent && numbers.get(keyOf(parent));
    return number ? { parent: number } : given({ parent_handle: parent && handleJson(parent) });
  }

  function spanJson(span) {
    const { code, message } = span.status;
    const more = given({
      parent_is_remote: span.parentIsRemote,
      trace_state: span.traceState,
      attributes: attributesJson([...span.attributes.values()]),
      events: span.events.map(eventJson),
      links: span.links.map(linkJson),
      dropped_attributes: span.dropped.attributes,
      dropped_events: span.dropped.events,
      dropped_links: span.dropped.links,
    });
    return {
      name: span.name,
      kind: KINDS[span.kind],
      trace: traces.indexOf(traceIdHex(span.handle)) + 1,
      ...parentJson(span.parent),
      ...more,
      status: { code: STATUS_CODES[code], ...given({ message }) },
      start_time_unix_nanos: String(span.startTime),
      end_time_unix_nanos: String(span.endTime),
      handle: handleJson(span.handle),
    };
  }

  return spans.map(spanJson);
}
