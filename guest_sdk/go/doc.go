// Package bext traces a WebAssembly plugin through its host: the bext tracer ABI, version 1 (abi/ABI.md).
//
//	span := bext.Start("GET /", bext.WithKind(bext.KindServer), bext.WithCurrentParent())
//	defer span.End()
//	span.SetAttributes(bext.String("http.route", "/"), bext.Int("http.response.status_code", 200))
//
// Rules that hold for every function:
//
//   - Nothing fails and nothing panics. What cannot be recorded is left out, and [Dropped] counts it.
//   - On an invalid [Handle], the zero value, nothing is called and nothing counted: its span was not sampled.
//   - Zero values are usable: an option, an attribute or a time of zero does no harm.
//   - Ill-formed UTF-8 becomes U+FFFD, one for each maximal subpart.
//   - Whatever the order of the options, the bytes are the ABI's canonical encoding.
//   - Goroutines may share everything. One payload is written at a time, in one buffer; see [SetBufferSize].
//
// A program that imports the package exports what a host needs beside the program's own hooks: bext_tracer_abi_v1,
// which says that it speaks this version, and bext_alloc and bext_free, through which the host passes arguments. A hook
// takes them as a string, which stays good for as long as it is kept:
//
//	//go:wasmexport on_request_complete
//	func onRequestComplete(event string) int32
//
// Built for anything but wasip1 there is no host: no span is sampled, and nothing happens.
package bext
