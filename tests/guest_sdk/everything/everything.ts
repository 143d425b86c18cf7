// Calls everything of the SDK, once: what it adds to an empty module is what the SDK takes at most.
import { Attributes, EventBuilder, Span, SpanBuilder, SpanKind, StatusCode, Traceparent } from "bext-tracer";
import { currentSpan, dropped, startSpan } from "bext-tracer";
export * from "bext-tracer/exports";

const BUFFER = memory.data(8192);
const INCOMING = new Traceparent();
const STRINGS: StaticArray<string> = ["text"];
const BOOLS: StaticArray<bool> = [true];
const INTS: StaticArray<i64> = [1];
const FLOATS: StaticArray<f64> = [0.5];

function start(text: string, other: Span): Span {
  const span = new SpanBuilder("builder", SpanKind.Consumer, BUFFER, 8192).parent(other);
  if (INCOMING.read(text)) span.remoteParent(INCOMING, INCOMING.flags, text);
  return span.set("key", text).link(other, new Attributes().set("key", 1)).link(other).startTime(5).start();
}

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const text = "text";
  const root = startSpan("root", SpanKind.Server);
  const span = start(text, root);
  span.set("str", "text");
  span.set("bool", true);
  span.set("i64", dropped());
  span.set("f64", 0.5);
  span.set("str_array", STRINGS);
  span.set("bool_array", BOOLS);
  span.set("i64_array", INTS);
  span.set("f64_array", FLOATS);
  span.writeTraceparent(BUFFER);
  span.addEvent("event");
  new EventBuilder("event", BUFFER, 8192).set("key", 1).time(7).addTo(span);
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
