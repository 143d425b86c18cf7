package bext

import "unsafe"

// The imports. Their arguments are those of abi/ABI.md, section 6.

//go:wasmimport bext start_span
//go:noescape
func hostStartSpan(span *byte, length uint32, handle *uint64)

//go:wasmimport bext set_attribute
//go:noescape
func hostSetAttribute(traceIDHi, traceIDLo, spanID uint64, attribute *byte, length uint32)

//go:wasmimport bext set_status
//go:noescape
func hostSetStatus(traceIDHi, traceIDLo, spanID uint64, status *byte, length uint32)

//go:wasmimport bext add_event
//go:noescape
func hostAddEvent(traceIDHi, traceIDLo, spanID uint64, event *byte, length uint32)

//go:wasmimport bext end_span
func hostEndSpan(traceIDHi, traceIDLo, spanID uint64, nanos uint64)

//go:wasmimport bext current_span
//go:noescape
func hostCurrentSpan(handle *uint64) uint32

// The exports. The marker says that this guest speaks version 1; nobody calls it.

//go:wasmexport bext_tracer_abi_v1
func exportMarker() {}

//go:wasmexport bext_alloc
func exportAlloc(length uint32) unsafe.Pointer { return lent.alloc(length) }

//go:wasmexport bext_free
func exportFree(start unsafe.Pointer, _ uint32) { lent.free(start) }
