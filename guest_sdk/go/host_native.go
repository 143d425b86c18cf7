//go:build !wasip1

package bext

import "unsafe"

// A hostDouble stands for the host where there is none: the tests put one in place.
type hostDouble interface {
	startSpan(payload []byte) [3]uint64
	record(call string, handle Handle, payload []byte)
	endSpan(handle Handle, nanos uint64)
	currentSpan() (handle [3]uint64, exists bool)
}

var double hostDouble = noHost{}

func hostStartSpan(span *byte, length uint32, handle *uint64) {
	*words(handle) = double.startSpan(unsafe.Slice(span, length))
}

func hostSetAttribute(traceIDHi, traceIDLo, spanID uint64, attribute *byte, length uint32) {
	double.record("set_attribute", Handle{traceIDHi, traceIDLo, spanID}, unsafe.Slice(attribute, length))
}

func hostSetStatus(traceIDHi, traceIDLo, spanID uint64, status *byte, length uint32) {
	double.record("set_status", Handle{traceIDHi, traceIDLo, spanID}, unsafe.Slice(status, length))
}

func hostAddEvent(traceIDHi, traceIDLo, spanID uint64, event *byte, length uint32) {
	double.record("add_event", Handle{traceIDHi, traceIDLo, spanID}, unsafe.Slice(event, length))
}

func hostEndSpan(traceIDHi, traceIDLo, spanID uint64, nanos uint64) {
	double.endSpan(Handle{traceIDHi, traceIDLo, spanID}, nanos)
}

func hostCurrentSpan(handle *uint64) uint32 {
	told, exists := double.currentSpan()
	if !exists {
		return 0
	}
	*words(handle) = told
	return 1
}

func words(handle *uint64) *[3]uint64 {
	return (*[3]uint64)(unsafe.Pointer(handle))
}

// noHost samples nothing.
type noHost struct{}

func (noHost) startSpan([]byte) [3]uint64     { return [3]uint64{} }
func (noHost) record(string, Handle, []byte)  {}
func (noHost) endSpan(Handle, uint64)         {}
func (noHost) currentSpan() ([3]uint64, bool) { return [3]uint64{}, false }
