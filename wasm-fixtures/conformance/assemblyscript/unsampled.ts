// Below an INVALID parent no host function is called; remote parents, one sampled and one not.
import { Span, SpanBuilder, SpanKind, Traceparent, startSpan } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const incoming = new Traceparent();

function work(parent: Span): void {
  const span = startSpan("work", SpanKind.Internal, parent);
  span.set("items", 3);
  span.addEvent("half way");
  span.setOk();
  span.end();
}

function workUnderRemote(name: string, flags: u8): void {
  const span = new SpanBuilder(name, SpanKind.Server).remoteParent(incoming, flags, "vendor=value").start();
  work(span);
  span.end();
}

export function on_request_complete(eventJson: usize, length: u32): i32 {
  work(Span.INVALID);
  incoming.read("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00");
  workUnderRemote("not sampled", incoming.flags);
  workUnderRemote("sampled", 1);
  return 0;
}
