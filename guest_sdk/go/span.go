package bext

import "time"

// A StatusCode says how a span went.
type StatusCode uint8

// The status codes. Unset never overwrites anything, and OK is final.
const (
	StatusUnset StatusCode = iota
	StatusOK
	StatusError
)

// SetAttributes sets attributes of an open span, in order; one that the span has already is overwritten in its place.
// An attribute that does not fit into the buffer is dropped alone and counted. The host drops an empty key, and keys
// that start with "bext.".
func (h Handle) SetAttributes(attributes ...Attribute) {
	if !h.IsValid() {
		return
	}
	shared.Lock()
	defer shared.Unlock()
	for i := range attributes {
		w := shared.open()
		w.byte(0x92)
		w.attribute(&attributes[i])
		if shared.keeps(w, 0) {
			hostSetAttribute(h.TraceIDHi, h.TraceIDLo, h.SpanID, &w.out[0], uint32(w.at))
		}
	}
}

// AddEvent adds something that happens now, by the host's clock. Attributes that do not fit into the buffer are dropped
// alone and counted; a name that does not is cut at a character and counted.
func (h Handle) AddEvent(name string, attributes ...Attribute) {
	h.addEvent(name, 0, attributes)
}

// AddEventAt is [Handle.AddEvent] for something that happened at t. A time before 1970 or after 2262 is dropped and
// counted, so that the host's clock counts; it does for the zero Time, too.
func (h Handle) AddEventAt(t time.Time, name string, attributes ...Attribute) {
	h.addEvent(name, unixNanos(t), attributes)
}

func (h Handle) addEvent(name string, nanos uint64, attributes []Attribute) {
	if !h.IsValid() {
		return
	}
	shared.Lock()
	defer shared.Unlock()
	w := shared.event(name, nanos, attributes)
	hostAddEvent(h.TraceIDHi, h.TraceIDLo, h.SpanID, &w.out[0], uint32(w.at))
}

// RecordError adds an event "exception" with the text of err as its "exception.message". It does nothing where err is
// nil, and leaves the status alone, as OpenTelemetry's does: follow it by SetStatus(StatusError, ...) where the span
// failed.
func (h Handle) RecordError(err error) {
	if err == nil || !h.IsValid() {
		return
	}
	h.AddEvent("exception", String("exception.message", messageOf(err)))
}

// messageOf returns what an error says; one whose Error panics, as that of a nil pointer may, says nothing.
func messageOf(err error) (message string) {
	defer func() { _ = recover() }()
	return err.Error()
}

// SetStatus sets the status of an open span. The host keeps the message of an error only. A message that does not fit
// into the buffer is cut at a character and counted; a code that is none of the three is dropped and counted.
func (h Handle) SetStatus(code StatusCode, message string) {
	if !h.IsValid() {
		return
	}
	shared.Lock()
	defer shared.Unlock()
	if code > StatusError {
		shared.drop()
		return
	}
	w := shared.status(code, message)
	hostSetStatus(h.TraceIDHi, h.TraceIDLo, h.SpanID, &w.out[0], uint32(w.at))
}

// End ends the span now, by the host's clock. What is recorded on it afterwards, a second end as well, the host drops.
func (h Handle) End() {
	h.EndAt(time.Time{})
}

// EndAt ends the span at t. A time before 1970 or after 2262 is dropped and counted, so that the host's clock counts;
// it does for the zero Time, too. A span that would end before it starts ends when it starts.
func (h Handle) EndAt(t time.Time) {
	if !h.IsValid() {
		return
	}
	nanos := unixNanos(t)
	if nanos > latestTime {
		shared.Lock()
		shared.drop()
		shared.Unlock()
		nanos = 0
	}
	hostEndSpan(h.TraceIDHi, h.TraceIDLo, h.SpanID, nanos)
}

const (
	latestTime = 1<<63 - 1
	noTime     = 1 << 63
)

// unixNanos returns nanoseconds since 1970: 0 for the zero Time, and noTime for what the ABI cannot say.
func unixNanos(t time.Time) uint64 {
	seconds := t.Unix()
	switch {
	case t.IsZero():
		return 0
	case seconds < 0 || seconds > latestTime/1_000_000_000:
		return noTime
	}
	return uint64(seconds)*1e9 + uint64(t.Nanosecond())
}
