package bext

// A Handle names a span. It is a plain value: copy it, compare it, keep it, pass it as a parent. The zero value is
// invalid and stands for a span that was not sampled; every method does nothing on it, without asking the host.
type Handle struct {
	// TraceIDHi and TraceIDLo are the halves of the trace id: the first and the last 16 hex digits of a traceparent.
	TraceIDHi, TraceIDLo uint64
	// SpanID is the id of the span within its trace.
	SpanID uint64
}

// IsValid reports whether the handle names a span: neither its trace id nor its span id is zero.
func (h Handle) IsValid() bool {
	return h.TraceIDHi|h.TraceIDLo != 0 && h.SpanID != 0
}

// Current returns the span that the host opened around the running call of the guest, and whether there is one. The
// handle is invalid where that span was not sampled. A guest may add to it, but only the host ends it.
func Current() (Handle, bool) {
	shared.Lock()
	defer shared.Unlock()
	return shared.current()
}

// Dropped returns how many pieces this package has dropped or cut since the instance started; it stays at the largest
// number. What the host drops, by its own limits, the host counts.
func Dropped() uint32 {
	shared.Lock()
	defer shared.Unlock()
	return shared.dropped
}
