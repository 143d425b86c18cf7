// Times that the guest gives.
import { EventBuilder, SpanBuilder } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const T: u64 = 1_700_000_000_000_000_000;

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const span = new SpanBuilder("explicit").startTime(T).start();
  new EventBuilder("between").time(T + 1_500_000_000).addTo(span);
  span.endAt(T + 2_000_000_000);
  new SpanBuilder("ends before it starts").startTime(T).start().endAt(T - 1);
  return 0;
}
