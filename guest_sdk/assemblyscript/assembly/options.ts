/** What a guest may set on the command line of asc: `--use BEXT_TRACER_BUFFER_SIZE=8192`. */

/** Bytes of each of the SDK's payload buffers, of which there are five; at least 256. */
// @ts-ignore: undeclared
export const BUFFER_SIZE: i32 = isDefined(BEXT_TRACER_BUFFER_SIZE) ? BEXT_TRACER_BUFFER_SIZE : 4096;

/** How many spans the SDK knows at a time, open and ended ones; a power of two, at least 8. */
// @ts-ignore: undeclared
export const SPANS: i32 = isDefined(BEXT_TRACER_SPANS) ? BEXT_TRACER_SPANS : 2048;

/** Bytes of the arena behind bext_alloc. */
// @ts-ignore: undeclared
export const ARENA_SIZE: i32 = isDefined(BEXT_TRACER_ARENA_SIZE) ? BEXT_TRACER_ARENA_SIZE : 65536;
