/**
 * Tracing for WebAssembly plugins in AssemblyScript: the bext tracer ABI, version 1.
 *
 *     const span = startSpan("GET /", SpanKind.Server, currentSpan());
 *     span.set("http.route", "/");
 *     span.end();
 *
 * Rules that hold for everything:
 * - Nothing fails and nothing traps. What cannot be recorded is left out, and dropped() counts it.
 * - Nothing is allocated, but by what says that it gives a new string or an object: so there is nothing to collect, and
 *   `--runtime stub` does as well as any other.
 * - A surrogate without its other half is replaced by U+FFFD.
 * - Whatever the order of the calls, the bytes are the ABI's canonical encoding.
 */
export { Attributes, EventBuilder, SpanBuilder } from "./builders";
export { dropped } from "./drops";
export { Handle, Traceparent } from "./handle";
export { Span, SpanKind, StatusCode, currentSpan, startSpan } from "./span";
