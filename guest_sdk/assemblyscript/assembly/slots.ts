/**
 * Where the handles of spans are kept, so that starting one allocates nothing. A Span is a number, which names a slot and
 * says how often the slot was given out: a number from before is recognized. Slots of ended spans are given out again in
 * the order in which they ended, so that a span can be a parent or be linked to as long as a host remembers it, and longer.
 */
import { currentSpanCall } from "./abi";
import { drop } from "./drops";
import { SPANS } from "./options";

// A slot: the handle's 24 bytes as the host writes them, the number of the span that has it, and the free slot behind it
// (0: it is the last one; IN_USE: it is not free).
const SLOT_SIZE: u32 = 32;
const NUMBER: usize = 24;
const NEXT: usize = 28;
const IN_USE: u32 = 1;

// Slot 0 is never used, since 0 is null.
const INVALID_SLOT: u32 = 1;
const CURRENT_SLOT: u32 = 2;
const FIRST_SLOT: u32 = 3;

/** The number of the INVALID span. */
export const INVALID: u32 = INVALID_SLOT;

const slots = memory.data(SPANS * SLOT_SIZE, 8);
const answer = memory.data(24, 8);

/** How many slots were given out at least once. */
let used: u32 = 0;
let firstFree: usize = 0;
let lastFree: usize = 0;
/** How many slots were taken from spans that never ended. */
let stolen: u32 = 0;

// @ts-ignore: decorator
@inline
function slotOf(index: u32): usize {
  if (SPANS < 8 || (SPANS & (SPANS - 1)) != 0) ERROR("BEXT_TRACER_SPANS must be a power of two, at least 8");
  return slots + index * SLOT_SIZE;
}

/** Whether the handle at `handle` stands for a span that was not sampled. */
export function isInvalidAt(handle: usize): bool {
  return (load<u64>(handle) | load<u64>(handle, 8)) == 0 || load<u64>(handle, 16) == 0;
}

/** Where a span's handle stands. INVALID's, and counted, where the SDK has forgotten the span. */
export function handleOf(span: u32): usize {
  const slot = slotOf(span & (SPANS - 1));
  if (load<u32>(slot, NUMBER) == span) return slot;
  if (span != INVALID) drop();
  return slotOf(INVALID_SLOT);
}

/** The same for a parent: 0 for none, and for a span that the SDK has forgotten, as it has a host. */
export function parentOf(span: u32): usize {
  if (!span) return 0;
  const handle = handleOf(span);
  return span != INVALID && handle == slotOf(INVALID_SLOT) ? 0 : handle;
}

function takeSlot(): usize {
  if (used < <u32>SPANS - FIRST_SLOT) return slotOf(FIRST_SLOT + used++);
  const slot = firstFree;
  if (slot) {
    firstFree = load<u32>(slot, NEXT);
    return slot;
  }
  drop();
  return slotOf(FIRST_SLOT + (stolen++ % (<u32>SPANS - FIRST_SLOT)));
}

/** Give the slot a new number, and the handle at `answer`. */
function fill(slot: usize): u32 {
  const index = <u32>(slot - slots) / SLOT_SIZE;
  const number = ((load<u32>(slot, NUMBER) + SPANS) & -SPANS) | index;
  memory.copy(slot, answer, 24);
  store<u32>(slot, number, NUMBER);
  return number;
}

/** Where a host call is to write the handle of a span that it starts. */
export function answerAt(): usize {
  memory.fill(answer, 0, 24);
  return answer;
}

/** The span whose handle was written there. */
export function answered(): u32 {
  if (isInvalidAt(answer)) return INVALID;
  const slot = takeSlot();
  store<u32>(slot, IN_USE, NEXT);
  return fill(slot);
}

/** The host's span round the running call: 0 where there is none, and the same number as long as it is the same span. */
export function current(): u32 {
  if (!currentSpanCall(answer)) return 0;
  if (isInvalidAt(answer)) return INVALID;
  const slot = slotOf(CURRENT_SLOT);
  for (let offset: usize = 0; offset < 24; offset += 8) {
    if (load<u64>(slot + offset) != load<u64>(answer + offset)) return fill(slot);
  }
  return load<u32>(slot, NUMBER);
}

/** The span at `slot` has ended. */
export function free(slot: usize): void {
  if (load<u32>(slot, NEXT) != IN_USE) return;
  store<u32>(slot, 0, NEXT);
  if (firstFree) {
    store<u32>(lastFree, slot, NEXT);
  } else {
    firstFree = slot;
  }
  lastFree = slot;
}
