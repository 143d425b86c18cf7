// A parent from outside, and a child of it that goes out again.
import { SpanBuilder, SpanKind, Traceparent, startSpan } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const incoming = new Traceparent();

function begin(name: string, header: string): SpanBuilder {
  const builder = new SpanBuilder(name, SpanKind.Server);
  return incoming.read(header) ? builder.remoteParent(incoming, incoming.flags, "vendor=value,other=1") : builder;
}

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const inbound = begin("inbound", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").start();
  const call = startSpan("call out", SpanKind.Client, inbound);
  call.set("http.request.header.traceparent", call.traceparent());
  call.end();
  inbound.end();
  begin("no parent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0").start().end();
  return 0;
}
