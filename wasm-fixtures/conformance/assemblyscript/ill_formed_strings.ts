// Surrogates without their other half, everywhere a text may stand.
import { SpanBuilder } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const TEXTS: StaticArray<string> = ["ok", "\ud83c", "\ud83c\udf0d"];

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const span = new SpanBuilder("a\ud800b").set("k\udc00", "\ud800\ud800\ud800!").start();
  span.set("texts", TEXTS);
  span.addEvent("\udc00\udc00e");
  span.setError("\udfff");
  span.end();
  return 0;
}
