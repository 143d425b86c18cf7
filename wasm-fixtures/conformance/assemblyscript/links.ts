// A consumer with a link to each of two producers; one to INVALID is left out.
import { Attributes, Span, SpanBuilder, SpanKind, startSpan } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const first = startSpan("publish m-1", SpanKind.Producer);
  first.end();
  const second = startSpan("publish m-2", SpanKind.Producer);
  second.end();
  const batch = new SpanBuilder("consume batch", SpanKind.Consumer)
    .link(first, new Attributes().set("messaging.message.id", "m-1").set("retries", 2))
    .link(Span.INVALID)
    .link(second)
    .start();
  batch.end();
  return 0;
}
