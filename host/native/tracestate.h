/*
 * tracestate.h - the grammar of a W3C tracestate (ABI.md, "Remote parents"). It judges a text whole and never takes it apart for
 * others or changes it: an accepted one is kept byte for byte.
 */
#ifndef BEXT_TRACESTATE_H
#define BEXT_TRACESTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True where the bytes are a valid tracestate, in text and size. The empty text is one. `bytes` may be NULL where `length` is 0. */
bool bext_is_trace_state(const uint8_t *bytes, size_t length);

#endif /* BEXT_TRACESTATE_H */
