/**
 * What every guest exports beside its hooks. AssemblyScript exports only what the entry file does, so there stands
 *
 *     export * from "bext-tracer/exports";
 */
import { ARENA_SIZE } from "./options";

/** The marker: this guest speaks version 1 of the ABI. The host never calls it. */
export function bext_tracer_abi_v1(): void {}

// A stack of blocks: each is 8 bytes that head it, then its bytes in whole units of 8. The head is the address of the
// block below, and whether this one is in use.
const arena = memory.data(ARENA_SIZE, 8);
/** The first free byte; 0 until the first block, so that the module needs no start function. */
let top: usize = 0;
/** The block on top; 0 for none. */
let last: usize = 0;

/**
 * `length` bytes for an argument of a hook, aligned to 8; 0 where the arena is full or `length` is 0. It lies outside the
 * heap, so nothing collects it.
 */
export function bext_alloc(length: u32): usize {
  if (!top) top = arena;
  const room = <u32>(arena - top) + ARENA_SIZE;
  if (length - 1 >= room) return 0;
  const size: u32 = 8 + ((length + 7) & ~7);
  if (size > room) return 0;
  const block = top;
  store<usize>(block, last);
  store<u32>(block, 1, 4);
  last = block;
  top += size;
  return block + 8;
}

/**
 * Gives a block back, in any order; 0, an address from elsewhere and a second free are ignored. Space below a block that is
 * still in use is reused once that block is free as well.
 */
export function bext_free(pointer: usize, length: u32): void {
  for (let block = last; block; block = load<usize>(block)) {
    if (block + 8 == pointer) store<u32>(block, 0, 4);
  }
  while (last && !load<u32>(last, 4)) {
    top = last;
    last = load<usize>(last);
  }
}
