// One span with attributes, an event and a status.
import { SpanKind, currentSpan, startSpan } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const hello = startSpan("hello", SpanKind.Internal, currentSpan());
  hello.set("greeting", "hello from a plugin");
  hello.set("answer", 42);
  hello.addEvent("said hello");
  hello.setOk();
  hello.end();
  return 0;
}
