// Each of the eight attribute types, at the start, afterwards and on an event, with values at the edges.
import { EventBuilder, SpanBuilder } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const STRINGS: StaticArray<string> = ["", "café", "🌍"];
const BOOLS: StaticArray<bool> = [true, false];
const INTS: StaticArray<i64> = [i64.MIN_VALUE, -33, -32, -1, 0, 127, 128, i64.MAX_VALUE];
const FLOATS: StaticArray<f64> = [0.5, -0.0, Infinity, NaN];
const EMPTY: StaticArray<i64> = [];

export function on_request_complete(eventJson: usize, length: u32): i32 {
  const span = new SpanBuilder("all attribute types")
    .set("str", "text")
    .set("bool", true)
    .set("i64", i64.MIN_VALUE)
    .set("f64", -0.0)
    .start();
  span.set("str", "overwritten");
  span.set("str_array", STRINGS);
  span.set("bool_array", BOOLS);
  span.set("i64_array", INTS);
  span.set("f64_array", FLOATS);
  span.set("empty_array", EMPTY);
  new EventBuilder("measured").set("i64", -1).set("bool_array", BOOLS).addTo(span);
  span.end();
  return 0;
}
