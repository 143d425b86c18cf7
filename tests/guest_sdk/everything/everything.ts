// Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
import { Attributes, EventBuilder, Span, SpanBuilder, SpanKind, StatusCode, Traceparent } from "bext-tracer";
import { currentSpan, dropped, startSpan } from "bext-tracer";
export * from "bext-tracer/exports";

// --- the guest ---

const BUFFER_1 = memory.data(8192);
const INCOMING_1 = new Traceparent();
const STRINGS_1: StaticArray<string> = ["text"];
const BOOLS_1: StaticArray<bool> = [true];
const INTS_1: StaticArray<i64> = [1];
const FLOATS_1: StaticArray<f64> = [0.5];

function start_1(text: string, other: Span): Span {
  const span = new SpanBuilder("builder", SpanKind.Consumer, BUFFER_1, 8192).parent(other);
  if (INCOMING_1.read(text)) span.remoteParent(INCOMING_1, INCOMING_1.flags, text);
  return span.set("key", text).link(other, new Attributes().set("key", 1)).link(other).startTime(5).start();
}

export function on_request_complete_1(eventJson: usize, length: u32): i32 {
  const text = "text";
  const root = startSpan("root", SpanKind.Server);
  const span = start_1(text, root);
  span.set("str", "text");
  span.set("bool", true);
  span.set("i64", dropped());
  span.set("f64", 0.5);
  span.set("str_array", STRINGS_1);
  span.set("bool_array", BOOLS_1);
  span.set("i64_array", INTS_1);
  span.set("f64_array", FLOATS_1);
  span.writeTraceparent(BUFFER_1);
  span.addEvent("event");
  new EventBuilder("event", BUFFER_1, 8192).set("key", 1).time(7).addTo(span);
  span.setStatus(StatusCode.Unset);
  span.setError(text);
  span.setOk();
  const host = currentSpan();
  if (host) startSpan("child", SpanKind.Client, host).end();
  startSpan("below", SpanKind.Internal, currentSpan()).endAt(9);
  span.end();
  root.end();
  return 0;
}
