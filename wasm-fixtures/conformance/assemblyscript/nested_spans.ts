// Five levels, with a sibling beside each but the first.
import { Span, SpanKind, currentSpan, startSpan } from "../../../guest_sdk/assemblyscript/assembly";
export * from "../../../guest_sdk/assemblyscript/assembly/exports";

const SIBLINGS: StaticArray<string> = ["sibling 2", "sibling 3", "sibling 4", "sibling 5"];
const LEVELS: StaticArray<string> = ["level 2", "level 3", "level 4", "level 5"];

function descend(parent: Span, depth: i32): void {
  if (depth < LEVELS.length) {
    startSpan(SIBLINGS[depth], SpanKind.Internal, parent).end();
    descend(startSpan(LEVELS[depth], SpanKind.Internal, parent), depth + 1);
  }
  parent.end();
}

export function on_request_complete(eventJson: usize, length: u32): i32 {
  descend(startSpan("level 1", SpanKind.Server, currentSpan()), 0);
  return 0;
}
