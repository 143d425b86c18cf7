/** What the SDK itself had to leave out. */

let count: u32 = 0;

/** Count one piece that was dropped or cut. Private to the SDK. */
export function drop(): void {
  if (count != u32.MAX_VALUE) count++;
}

/**
 * How many pieces this SDK dropped or cut since the instance started. Stays at 2^32-1. What the host drops, the host
 * counts.
 */
export function dropped(): u32 {
  return count;
}
