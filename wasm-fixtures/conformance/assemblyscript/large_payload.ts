// Payloads below and above what the host takes, in a buffer of the guest's own.
import { EventBuilder, SpanBuilder, SpanKind } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const CAPACITY: u32 = 131_072;
const buffer = memory.data(131_072);
const fits = "x".repeat(60_000);
const tooLarge = "y".repeat(70_000);
const numbers = new StaticArray<i32>(1_000);
for (let i = 0; i < 1_000; i++) numbers[i] = i;

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const span = new SpanBuilder("large payload", SpanKind.Internal, buffer, CAPACITY).set("blob", fits).start();
  new EventBuilder("numbers", buffer, CAPACITY).set("n", numbers).addTo(span);
  new EventBuilder("too large", buffer, CAPACITY).set("blob", tooLarge).addTo(span);
  span.set("after", true);
  span.end();
  return 0;
}
