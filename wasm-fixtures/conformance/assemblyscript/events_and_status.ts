// Events with and without attributes and time, and one span for each rule of the status.
import { EventBuilder, SpanKind, StatusCode, startSpan } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const T: u64 = 1_700_000_000_000_000_000;
const CODES: StaticArray<i32> = [503, 504];

function fail(): void {
  const failed = startSpan("failed", SpanKind.Client);
  failed.addEvent("attempt");
  new EventBuilder("attempt").set("n", 2).set("codes", CODES).set("reason", "busy").addTo(failed);
  new EventBuilder("gave up").time(T).addTo(failed);
  failed.setError("no answer");
  failed.end();
}

export function on_request_complete(eventJson: usize, length: u32): i32 {
  fail();
  const ok = startSpan("recovered");
  ok.setError("first try");
  ok.setOk();
  ok.setError("too late: ok is final");
  ok.end();
  const unset = startSpan("undecided");
  unset.setStatus(StatusCode.Unset);
  unset.end();
  return 0;
}
